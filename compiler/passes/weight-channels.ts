import { at, product } from "../../base/math.ts";
import type { Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";

/** The input and the output channel of a weight by its row-major index, and how many output channels there are. */
export interface WeightChannels {
  readonly input: (index: number) => number;
  readonly output: (index: number) => number;
  readonly outputs: number;
}

/** The channels of the weights [..,K,N] of a matmul or [O,C/group,kernel...] of a conv. */
export function weightChannels(node: Node, shape: readonly number[]): WeightChannels {
  if (node.op === "matmul") {
    const columns = at(shape, shape.length - 1);
    return { input: (index) => Math.floor(index / columns), output: (index) => index % columns, outputs: columns };
  }
  const [outputs, inputs] = [at(shape, 0), at(shape, 1)];
  const kernel = product(shape.slice(2));
  const outputsOfGroup = outputs / numberOf(node.attributes, "group");
  const output = (index: number): number => Math.floor(index / (inputs * kernel));
  const input = (index: number): number =>
    Math.floor(output(index) / outputsOfGroup) * inputs + (Math.floor(index / kernel) % inputs);
  return { input, output, outputs };
}
