import { at } from "../../base/math.ts";
import { type Constant, constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { type ElementType, integerRange, isFloat, type Quantization } from "../../ir/type.ts";
import { contractionOf } from "./demands.ts";
import type { LayerWeights } from "./round-layer.ts";
import type { ChannelFormat } from "./rounding.ts";
import type { UnrolledInputs } from "./unrolled-inputs.ts";

/** How an activation is stored. */
export interface StoredFormat {
  readonly quantization: Quantization;
  readonly element: ElementType;
}

/** How a contraction's operand of that name is stored; null for values that are not stored as integers. */
export type StorageOf = (contraction: Node, value: string) => StoredFormat | null;

/** Weights that are read by contractions of one kind alone. */
export interface WeightSite {
  readonly constant: Constant;
  readonly nodes: readonly Node[];
  /** The axis of the output channels. */
  readonly axis: number;
  readonly element: ElementType;
  readonly leastScales: Float64Array;
}

/** Half of what i32 holds, for biases: more would leave sums no room. */
const biasShare = 2 ** 30;

/** What decides how the weights of contractions are stored. */
export interface WeightSiteOptions {
  /** The element type of the weights that a contraction reads. */
  readonly weightElementOf: (contraction: Node) => ElementType;
  readonly storageOf: StorageOf;
}

/** Constant float weights that contractions alone read, all of them in the same way, each channel with a scale under which its bias fits. */
export function weightSites(graph: Graph, { storageOf, weightElementOf }: WeightSiteOptions): WeightSite[] {
  const constants = constantsByName(graph);
  const users = new Map<string, Node[]>();
  const others = new Set<string>();
  for (const node of graph.nodes) {
    const contraction = contractionOf(node, (value) => constants.get(value)?.type.shape ?? null);
    const isKnown = contraction?.constantWeights === true && !contraction.symmetric;
    const weights = isKnown ? contraction.weights : null;
    if (weights !== null) users.set(weights, [...(users.get(weights) ?? []), node]);
    for (const [index, operand] of node.operands.entries())
      if (operand !== null && (weights === null || index !== 1)) others.add(operand);
  }
  return [...users].flatMap(([name, nodes]): WeightSite[] => {
    const constant = constants.get(name);
    const [first] = nodes;
    if (constant?.data == null || first === undefined || !isFloat(constant.type.element) || others.has(name)) return [];
    const element = weightElementOf(first);
    if (nodes.some((node) => node.op !== first.op || weightElementOf(node) !== element)) return [];
    const axis = first.op === "matmul" ? constant.type.shape.length - 1 : 0;
    const leastScales = new Float64Array(at(constant.type.shape, axis));
    for (const node of nodes) {
      const bias = constants.get(node.operands[2] ?? "");
      const scale = storageOf(node, node.operands[0] ?? "")?.quantization.scales[0];
      if (bias?.data == null || scale === undefined) continue;
      const numbers = tensorNumbers({ type: bias.type, data: bias.data });
      for (let channel = 0; channel < leastScales.length; channel += 1) {
        const least = Math.abs(numbers[channel] as number) / (scale * biasShare);
        leastScales[channel] = Math.max(leastScales[channel] as number, least);
      }
    }
    return [{ constant, nodes, axis, element, leastScales }];
  });
}

/** The weights of each group [depth, columns], and what integers they may have. */
export function weightGroups(
  { constant, leastScales, element }: WeightSite,
  { groups, depth, columns, index }: UnrolledInputs,
): LayerWeights[] {
  const numbers = tensorNumbers(constant as Tensor);
  const { high: greatest } = integerRange(element);
  return Array.from({ length: groups }, (_, group) => ({
    weights: Float64Array.from(
      { length: depth * columns },
      (_each, place) => numbers[index(group, Math.floor(place / columns), place % columns)] as number,
    ),
    columns,
    formats: Array.from(
      { length: columns },
      (_each, column): ChannelFormat => ({ greatest, leastScale: at(leastScales, group * columns + column) }),
    ),
  }));
}
