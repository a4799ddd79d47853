import type { TensorType } from "../ir/type.ts";
import { lanesPerElement, type VectorFunction } from "../ir/vector-function.ts";

/** Lanes of the vector unit for each element of a node: of its source alone for a reduction, as the instruction has it. */
export function lanesOfNode(
  name: VectorFunction,
  kind: "elementwise" | "reduce",
  operands: readonly (TensorType | null)[],
  result: TensorType,
): number {
  const sources = operands.flatMap((type) => (type === null ? [] : [type.element]));
  return lanesPerElement(name, kind === "reduce" ? sources : [...sources, result.element]);
}
