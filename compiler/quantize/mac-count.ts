import { product } from "../../base/math.ts";
import { type Graph, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementTypes, isFloat, type TensorType } from "../../ir/type.ts";

/**
 * Unpadded multiply-accumulates by precision: `w8a8` for 8-bit weights (second operands) and 8-bit activations, the
 * element type's name for floats.
 */
export function macCountByPrecision(graph: Graph): Record<string, number> {
  const types = valueTypes(graph);
  const counts = new Map<string, number>();
  for (const node of graph.nodes) {
    const operator = operatorOf(node.op);
    if (operator.runsOn !== "matrix" || operator.iteration === undefined) continue;
    const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) as TensorType)));
    const space = operator.iteration({ operands, attributes: node.attributes, type: node.type });
    const precision = precisionOf(operands[0], operands[1]);
    counts.set(precision, (counts.get(precision) ?? 0) + product(space.dimensions.map(({ size }) => size)));
  }
  return Object.fromEntries([...counts].sort());
}

function precisionOf(activation: TensorType | null | undefined, weights: TensorType | null | undefined): string {
  if (activation == null || weights == null) return "unknown";
  if (isFloat(activation.element)) return activation.element;
  return `w${elementTypes[weights.element].bits}a${elementTypes[activation.element].bits}`;
}
