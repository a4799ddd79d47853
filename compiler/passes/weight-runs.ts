import { at, product } from "../../base/math.ts";
import type { Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";

/** The weights of a contraction as runs of neighbours in memory that belong to one input channel. */
export interface WeightRuns {
  /** Weights in a run. */
  readonly length: number;
  /** The input channel of a run, counted over all groups. */
  readonly input: (run: number) => number;
  /** The output channel of the first weight of a run, and how much it grows from one to the next. */
  readonly firstOutput: (run: number) => number;
  readonly outputStep: 0 | 1;
  /** How many output channels there are. */
  readonly outputs: number;
}

/** The runs of the weights [..,K,N] of a matmul (its rows) or [O,C/group,kernel...] of a conv (its kernels). */
export function weightRuns(node: Node, shape: readonly number[]): WeightRuns {
  if (node.op === "matmul") {
    const columns = at(shape, shape.length - 1);
    return { length: columns, input: (run) => run, firstOutput: () => 0, outputStep: 1, outputs: columns };
  }
  const [outputs, inputs] = [at(shape, 0), at(shape, 1)];
  const outputsOfGroup = outputs / numberOf(node.attributes, "group");
  const firstOutput = (run: number): number => Math.floor(run / inputs);
  return {
    length: product(shape.slice(2)),
    input: (run) => Math.floor(firstOutput(run) / outputsOfGroup) * inputs + (run % inputs),
    firstOutput,
    outputStep: 0,
    outputs,
  };
}
