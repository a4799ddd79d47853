import { product } from "../../base/math.ts";
import { constantsByName, type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementTypes, isFloat, type TensorType } from "../../ir/type.ts";

/** A contraction with its work. */
export interface ContractionWork {
  readonly node: Node;
  /** `w8a8` for 8-bit weights (second operands) and 8-bit activations, the element type's name for floats. */
  readonly precision: string;
  /** Unpadded multiply-accumulates. */
  readonly macCount: number;
  /** Whether the second operand is a constant; in products of two activations it is not. */
  readonly hasConstantWeights: boolean;
}

/** What each node of a graph that runs on the matrix unit computes, and how precisely. */
export function contractionWork(graph: Graph): ContractionWork[] {
  const types = valueTypes(graph);
  const constants = constantsByName(graph);
  return graph.nodes.flatMap((node): ContractionWork[] => {
    const operator = operatorOf(node.op);
    if (operator.runsOn !== "matrix" || operator.iteration === undefined) return [];
    const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) as TensorType)));
    const space = operator.iteration({ operands, attributes: node.attributes, type: node.type });
    return [
      {
        node,
        precision: precisionOf(operands[0], operands[1]),
        macCount: product(space.dimensions.map(({ size }) => size)),
        hasConstantWeights: constants.has(node.operands[1] ?? ""),
      },
    ];
  });
}

/** Unpadded multiply-accumulates by precision, as `ContractionWork` names it. */
export function macCountByPrecision(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { precision, macCount } of contractionWork(graph))
    counts.set(precision, (counts.get(precision) ?? 0) + macCount);
  return Object.fromEntries([...counts].sort());
}

function precisionOf(activation: TensorType | null | undefined, weights: TensorType | null | undefined): string {
  if (activation == null || weights == null) return "unknown";
  if (isFloat(activation.element)) return activation.element;
  return `w${elementTypes[weights.element].bits}a${elementTypes[activation.element].bits}`;
}
