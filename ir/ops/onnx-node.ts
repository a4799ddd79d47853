import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** The integer attribute of an ONNX node, or the default; a required one has none. Refuses other forms (B111). */
export function onnxInteger(node: OnnxNode, builder: GraphBuilder, name: string, fallback?: number): number {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  return builder.refuse("B111", wrongAttribute(name, value, "an integer"));
}

/** The number attribute of an ONNX node, or the default. Refuses other forms (B111). */
export function onnxNumber(node: OnnxNode, builder: GraphBuilder, name: string, fallback?: number): number {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number") return value;
  return builder.refuse("B111", wrongAttribute(name, value, "a number"));
}

/** The text attribute of an ONNX node, or the default. Refuses other forms (B111). */
export function onnxText(node: OnnxNode, builder: GraphBuilder, name: string, fallback: string): string {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "string") return value;
  return builder.refuse("B111", wrongAttribute(name, value, "a text"));
}

/** The integer list of an ONNX node, or null when it is absent. Refuses other forms (B111). */
export function onnxIntegers(node: OnnxNode, builder: GraphBuilder, name: string): readonly number[] | null {
  const value = node.attributes.get(name);
  if (value === undefined) return null;
  if (Array.isArray(value) && value.every((item) => Number.isInteger(item))) return value as readonly number[];
  return builder.refuse("B111", wrongAttribute(name, value, "a list of integers"));
}

function wrongAttribute(name: string, value: unknown, expected: string): string {
  const found =
    value === undefined
      ? "missing"
      : typeof value === "object" && !Array.isArray(value)
        ? "a tensor"
        : JSON.stringify(value);
  return `Attribute "${name}" is ${found}, expected ${expected}.`;
}

/** The value at an input of an ONNX node; refuses an absent one (B110). */
export function onnxInput(node: OnnxNode, builder: GraphBuilder, index: number): string {
  const value = node.inputs[index];
  if (value !== null && value !== undefined) return value;
  return builder.refuse("B110", `${node.operator} has ${node.inputs.length} inputs; input ${index} is required.`);
}

/** The value at an optional input, or null. */
export function onnxOptional(node: OnnxNode, index: number): string | null {
  return node.inputs[index] ?? null;
}

/** The numbers of an input that must be known at compile time, or null when it is absent; refuses others (B112). */
export function onnxConstantNumbers(node: OnnxNode, builder: GraphBuilder, index: number): number[] | null {
  const value = onnxOptional(node, index);
  if (value === null) return null;
  const tensor = builder.constant(value);
  if (tensor === null) {
    return builder.refuse("B112", `Input ${index} of ${node.operator} ("${value}") must be known at compile time.`);
  }
  return Array.from(tensorNumbers(tensor));
}

/** The wanted name of an ONNX node's first result. */
export function onnxOutput(node: OnnxNode): string {
  return node.outputs[0] ?? node.name;
}

/** Binds the output at `index` to what `make` adds, if the node uses it. */
export function bindExtra(node: OnnxNode, builder: GraphBuilder, index: number, make: (name: string) => string): void {
  const output = node.outputs[index] ?? "";
  if (output !== "") builder.bind(output, make(output));
}

/** Binds the first output to a value; refuses the node when it uses further outputs (B104). */
export function bindOnly(node: OnnxNode, builder: GraphBuilder, value: string): void {
  const extra = node.outputs.slice(1).filter((output) => output !== "");
  if (extra.length > 0) {
    builder.refuse(
      "B104",
      `${node.operator} gives ${extra.map((output) => `"${output}"`).join(", ")}; only its first output is supported.`,
    );
  }
  builder.bind(onnxOutput(node), value);
}

/** A form that maps an ONNX operator one to one: inputs become operands, no attributes. */
export function directForm(operator: string, op: string, inputCount: number, since = 1): OnnxForm {
  return {
    operator,
    since,
    translate: (node, builder) => {
      const operands = Array.from({ length: inputCount }, (_, index) => onnxInput(node, builder, index));
      bindOnly(node, builder, builder.add(op, operands, {}, onnxOutput(node)));
    },
  };
}

/** A form that is written as a chain of nodes; `write` returns the value, the last node wanting the output's name. */
export function compositeForm(
  operator: string,
  since: number,
  write: (node: OnnxNode, builder: GraphBuilder, name: string) => string,
  until?: number,
): OnnxForm {
  const translate: OnnxForm["translate"] = (node, builder) =>
    bindOnly(node, builder, write(node, builder, onnxOutput(node)));
  return until === undefined ? { operator, since, translate } : { operator, since, until, translate };
}

/** Adds a scalar constant of the element type that `like` has; refuses a non-numeric `like` (B110). */
export function scalarLike(builder: Pick<GraphBuilder, "type" | "addConstant">, like: string, value: number): string {
  const { element } = builder.type(like);
  return builder.addConstant(tensorOf(tensorType(element, []), [value]));
}
