import { BorealError, internalError, type Problem } from "../../base/errors.ts";
import type { Attributes, AttributeValue } from "../graph.ts";
import type { AttributeForm, Operator } from "../operator.ts";

const isNumber = (value: unknown): value is number => typeof value === "number";
const isText = (value: unknown): value is string => typeof value === "string";

/** Whether a value has the given attribute form. */
export function hasForm(value: AttributeValue, form: AttributeForm["form"]): boolean {
  switch (form) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return isNumber(value) && !Number.isNaN(value);
    case "text":
      return isText(value);
    case "boolean":
      return typeof value === "boolean";
    case "integers":
      return Array.isArray(value) && value.every((item) => Number.isInteger(item));
    case "numbers":
      return Array.isArray(value) && value.every((item) => isNumber(item) && !Number.isNaN(item));
    case "texts":
      return Array.isArray(value) && value.every(isText);
  }
}

/**
 * The attributes of a node, defaults filled in, in the operator's order; throws B202 with all unknown names, missing
 * required attributes and values of the wrong form.
 */
export function completeAttributes(operator: Operator, attributes: Attributes): Attributes {
  const problems: Problem[] = [];
  const add = (message: string): void => {
    problems.push({ code: "B202", message: `"${operator.name}": ${message}`, at: { operator: operator.name } });
  };
  const known = Object.keys(operator.attributes);
  for (const name of Object.keys(attributes)) {
    if (!known.includes(name)) {
      add(`there is no attribute "${name}"; expected ${known.length === 0 ? "none" : known.join(", ")}.`);
    }
  }
  const complete: Record<string, AttributeValue> = {};
  for (const [name, form] of Object.entries(operator.attributes)) {
    const value = attributes[name] ?? form.default;
    if (value === undefined) add(`attribute "${name}" (${form.form}) is missing.`);
    else if (!hasForm(value, form.form)) {
      add(`attribute "${name}" is ${JSON.stringify(value)}, expected the form ${form.form}.`);
    } else complete[name] = value;
  }
  if (problems.length > 0) throw new BorealError(problems);
  return complete;
}

function wrongForm(name: string, value: AttributeValue | undefined): never {
  throw internalError(`attribute "${name}" is ${JSON.stringify(value)} after completion`);
}

/** The number of a completed attribute of form integer or number. */
export function numberOf(attributes: Attributes, name: string): number {
  const value = attributes[name];
  return isNumber(value) ? value : wrongForm(name, value);
}

/** The text of a completed attribute. */
export function textOf(attributes: Attributes, name: string): string {
  const value = attributes[name];
  return isText(value) ? value : wrongForm(name, value);
}

/** The truth value of a completed attribute. */
export function booleanOf(attributes: Attributes, name: string): boolean {
  const value = attributes[name];
  return typeof value === "boolean" ? value : wrongForm(name, value);
}

/** The numbers of a completed attribute of form integers or numbers. */
export function numbersOf(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  return Array.isArray(value) && value.every(isNumber) ? value : wrongForm(name, value);
}
