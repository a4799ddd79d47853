import { BorealError } from "../base/errors.ts";
import type { Node } from "./graph.ts";
import type { Operator } from "./operator.ts";
import { hasForm } from "./ops/attributes.ts";
import { checkOperands, inferType, operators } from "./ops/index.ts";
import { formatType, sameType, type TensorType, tensorType } from "./type.ts";

/** Whether the operator exists; null when it does. */
export function operatorComplaint(node: Node): string | null {
  return !operators.has(node.op) ? `there is no operator "${node.op}"` : null;
}

/** Whether the operands are as many as the operator has, and the absent ones optional; null when they are. */
export function operandComplaint(node: Node): string | null {
  const operator = operators.get(node.op);
  if (operator === undefined) return null;
  const present = tensorType("f32", []);
  return refusalOf(() =>
    checkOperands(
      operator,
      node.operands.map((operand) => (operand === null ? null : present)),
    ),
  );
}

/** What an action refuses, without the last full stop; null when it does not. */
function refusalOf(action: () => void): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    return error.problems.map(({ message }) => message.replace(/\.$/, "")).join("; ");
  }
}

/** What is wrong with the attributes: unknown, missing, of another form. */
export function attributeComplaints(node: Node): string[] {
  const operator = operators.get(node.op);
  return operator === undefined ? [] : [...unknownAttributes(node, operator), ...misfitAttributes(node, operator)];
}

function unknownAttributes(node: Node, operator: Operator): string[] {
  const known = Object.keys(operator.attributes);
  return Object.keys(node.attributes)
    .filter((name) => !known.includes(name))
    .map((name) => `"${node.op}" has no attribute "${name}", expected ${known.join(", ") || "none"}`);
}

function misfitAttributes(node: Node, operator: Operator): string[] {
  return Object.entries(operator.attributes).flatMap(([name, { form }]) => {
    const value = node.attributes[name];
    if (value === undefined) return [`attribute "${name}" (${form}) is missing`];
    return hasForm(value, form) ? [] : [`attribute "${name}" is ${JSON.stringify(value)}, expected the form ${form}`];
  });
}

/** Whether the declared type is the inferred one; null also when earlier invariants are broken, so that one fault is told once. */
export function inferenceComplaint(node: Node, types: ReadonlyMap<string, TensorType>): string | null {
  if (operatorComplaint(node) !== null || operandComplaint(node) !== null || attributeComplaints(node).length > 0)
    return null;
  const operands = node.operands.map((operand) => (operand === null ? null : types.get(operand)));
  if (operands.includes(undefined)) return null;
  let inferred: TensorType | null = null;
  const refusal = refusalOf(() => {
    inferred = inferType(node.op, operands as (TensorType | null)[], node.attributes);
  });
  if (refusal !== null || inferred === null) return refusal;
  if (sameType(inferred, node.type)) return null;
  return `the declared type is ${formatType(node.type)}, expected ${formatType(inferred)}`;
}
