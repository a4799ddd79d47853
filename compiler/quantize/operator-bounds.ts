import type { Graph, Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { operatorOf } from "../../ir/ops/index.ts";

/** No number of a value lies outside [low, high]; either may be infinite. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The bounds of any value. */
export const unbounded: Bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

const nonNegative: Bounds = { low: 0, high: Number.POSITIVE_INFINITY };

const fixedBounds: Readonly<Record<string, Bounds>> = {
  relu: nonNegative,
  abs: nonNegative,
  exp: nonNegative,
  softplus: nonNegative,
  sqrt: nonNegative,
  sigmoid: { low: 0, high: 1 },
  softmax: { low: 0, high: 1 },
  masked_softmax: { low: 0, high: 1 },
  tanh: { low: -1, high: 1 },
  erf: { low: -1, high: 1 },
  sin: { low: -1, high: 1 },
  cos: { low: -1, high: 1 },
  atan: { low: -Math.PI / 2, high: Math.PI / 2 },
  expm1: { low: -1, high: Number.POSITIVE_INFINITY },
  sign: { low: -1, high: 1 },
};

/** The bounds of each node's value that follow from the operators alone, whatever the input; zero is always inside. */
export function operatorBounds(graph: Graph): Map<string, Bounds> {
  const found = new Map<string, Bounds>();
  for (const node of graph.nodes) found.set(node.name, boundsOf(node, found));
  return found;
}

function boundsOf(node: Node, found: ReadonlyMap<string, Bounds>): Bounds {
  const fixed = fixedBounds[node.op];
  const operands = node.operands.map((operand) => (operand === null ? unbounded : (found.get(operand) ?? unbounded)));
  if (node.op === "clip" || node.op === "relu") return clipped(node, operands[0] ?? unbounded);
  if (fixed !== undefined) return fixed;
  const passes = operatorOf(node.op).runsOn === "movement" || node.op === "max_pool" || node.op === "average_pool";
  if (!passes) return unbounded;
  const fill = node.op === "pad" ? numberOf(node.attributes, "value") : 0;
  return {
    low: Math.min(0, fill, ...operands.map((operand) => operand.low)),
    high: Math.max(0, fill, ...operands.map((operand) => operand.high)),
  };
}

function clipped(node: Node, operand: Bounds): Bounds {
  const low = node.op === "relu" ? 0 : numberOf(node.attributes, "low");
  const high = node.op === "relu" ? Number.POSITIVE_INFINITY : numberOf(node.attributes, "high");
  return {
    low: Math.min(0, Math.max(low, Math.min(high, operand.low))),
    high: Math.max(0, Math.min(high, Math.max(low, operand.high))),
  };
}
