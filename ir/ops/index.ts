import { internalError, problem } from "../../base/errors.ts";
import type { Attributes } from "../graph.ts";
import type { OnnxForm, Operator } from "../operator.ts";
import { formatType, type TensorType } from "../type.ts";
import { completeAttributes } from "./attributes.ts";
import { withCompositeForms } from "./composite-forms.ts";
import { contractionOperators } from "./contraction.ts";
import { conversionOperators } from "./conversion.ts";
import { cumulativeOperators } from "./cumulative.ts";
import { elementwiseOperators } from "./elementwise.ts";
import { gridSampleOperators } from "./grid-sample.ts";
import { lookupOperators } from "./lookup.ts";
import { movementOperators } from "./movement.ts";
import { normalizationOperators } from "./normalization.ts";
import { poolingOperators } from "./pooling.ts";
import { reductionOperators } from "./reduction.ts";
import { resizeOperators } from "./resize.ts";
import { scatterOperators } from "./scatter.ts";
import { shapeOperators } from "./shape.ts";
import { spectralOperators } from "./spectral.ts";
import { topOperators } from "./top.ts";

const families: readonly (readonly Operator[])[] = [
  contractionOperators,
  elementwiseOperators,
  reductionOperators,
  cumulativeOperators,
  topOperators,
  poolingOperators,
  resizeOperators,
  gridSampleOperators,
  normalizationOperators,
  conversionOperators,
  movementOperators,
  lookupOperators,
  scatterOperators,
  shapeOperators,
  spectralOperators,
];

/** Every operator of the IR, by name, family by family. */
export const operators: ReadonlyMap<string, Operator> = byName(families.flat().map(withCompositeForms));

function byName(list: readonly Operator[]): Map<string, Operator> {
  const map = new Map<string, Operator>();
  for (const operator of list) {
    if (map.has(operator.name)) throw internalError(`operator "${operator.name}" is declared twice`);
    map.set(operator.name, operator);
  }
  return map;
}

/** The operator of that name; throws B202 for an unknown one. */
export function operatorOf(name: string): Operator {
  const operator = operators.get(name);
  if (operator === undefined) throw problem("B202", `There is no operator "${name}".`, { operator: name });
  return operator;
}

/** Whether each result element depends only on the operands' elements at the same place. */
export function isElementwise(op: string): boolean {
  return operatorOf(op).vector?.kind === "elementwise";
}

/** Every ONNX operator that is translated, with the operator that implements it. */
export function onnxForms(): readonly { readonly form: OnnxForm; readonly operator: Operator }[] {
  return [...operators.values()].flatMap((operator) => operator.onnx.map((form) => ({ form, operator })));
}

/** Throws B202 unless there is one operand for each declared one, with optional ones null when absent. */
export function checkOperands(operator: Operator, operands: readonly (TensorType | null)[]): void {
  const { name } = operator;
  const variadic = operator.operands.at(-1)?.startsWith("...") === true;
  const fixed = variadic ? operator.operands.length - 1 : operator.operands.length;
  const counted = variadic ? operands.length > fixed : operands.length === fixed;
  if (!counted) {
    throw problem(
      "B202",
      `"${name}" got ${operands.length} operands, expected ${fixed}${variadic ? " and more" : ""} (${operator.operands.join(", ")}).`,
    );
  }
  operands.forEach((operand, index) => {
    const declared = operator.operands[Math.min(index, operator.operands.length - 1)] ?? "";
    if (operand === null && !declared.endsWith("?"))
      throw problem("B202", `Operand ${index} (${declared}) of "${name}" is missing.`);
  });
}

/** The result type of an operator, defaults of attributes filled in; throws B202 when operands or attributes do not fit. */
export function inferType(op: string, operands: readonly (TensorType | null)[], attributes: Attributes): TensorType {
  return inferNode(op, operands, attributes).type;
}

/** The complete attributes and the result type of an operator; throws B202 when operands or attributes do not fit. */
export function inferNode(
  op: string,
  operands: readonly (TensorType | null)[],
  attributes: Attributes,
): { readonly attributes: Attributes; readonly type: TensorType } {
  const operator = operatorOf(op);
  const complete = completeAttributes(operator, attributes);
  checkOperands(operator, operands);
  const type = operator.infer({ operands, attributes: complete });
  if (type.shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw problem(
      "B202",
      `"${op}" of ${operands.map((operand) => (operand === null ? "nothing" : formatType(operand))).join(", ")} would give ${formatType(type)}.`,
    );
  }
  return { attributes: complete, type };
}
