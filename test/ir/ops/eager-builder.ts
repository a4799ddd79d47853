import { problem } from "../../../base/errors.ts";
import type { Attributes, AttributeValue, Constant } from "../../../ir/graph.ts";
import type { GraphBuilder, OnnxNode } from "../../../ir/operator.ts";
import { inferNode, onnxForms, operatorOf } from "../../../ir/ops/index.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import type { TensorType } from "../../../ir/type.ts";

/** One node that an eager builder evaluated. */
export interface AddedNode {
  readonly op: string;
  readonly operands: readonly (string | null)[];
  readonly attributes: Attributes;
}

/** A graph builder that evaluates every node when it is added. Values named in `constants` count as known. */
export class EagerBuilder implements GraphBuilder {
  readonly values: Map<string, Tensor>;
  readonly nodes = new Map<string, AddedNode>();
  readonly bound = new Map<string, string>();
  readonly #constants: Set<string>;
  #count = 0;

  constructor(values: Readonly<Record<string, Tensor>> = {}, constants: readonly string[] = []) {
    this.values = new Map(Object.entries(values));
    this.#constants = new Set(constants);
  }

  value(name: string): Tensor {
    const value = this.values.get(name);
    if (value === undefined) throw new Error(`no value "${name}"`);
    return value;
  }

  type(value: string): TensorType {
    return this.value(value).type;
  }

  addConstant(tensor: Tensor, name?: string): string {
    const bound = this.#name(name ?? "constant");
    this.values.set(bound, tensor);
    this.#constants.add(bound);
    return bound;
  }

  add(op: string, operands: readonly (string | null)[], attributes: Attributes = {}, name?: string): string {
    const types = operands.map((operand) => (operand === null ? null : this.type(operand)));
    const inferred = inferNode(op, types, attributes);
    const bound = this.#name(name ?? op);
    this.nodes.set(bound, { op, operands, attributes: inferred.attributes });
    const tensors = operands.map((operand) => (operand === null ? null : this.value(operand)));
    this.values.set(
      bound,
      operatorOf(op).evaluate({ operands: tensors, attributes: inferred.attributes, type: inferred.type }),
    );
    return bound;
  }

  constant(value: string): Tensor | null {
    return this.#constants.has(value) ? this.value(value) : null;
  }

  constantInfo(value: string): Constant | null {
    if (!this.#constants.has(value)) return null;
    const { type, data } = this.value(value);
    return { name: value, type, data, source: "model" };
  }

  bind(output: string, value: string): void {
    this.bound.set(output, value);
  }

  refuse(code: "B104" | "B110" | "B111" | "B112", message: string): never {
    throw problem(code, message);
  }

  #name(wanted: string): string {
    if (!this.values.has(wanted)) return wanted;
    this.#count += 1;
    return `${wanted}.${this.#count}`;
  }
}

/** What an ONNX node is made of in a test; all inputs are constants unless `variables` names them. */
export interface OnnxCase {
  readonly operator: string;
  readonly domain?: string;
  readonly opset?: number;
  readonly inputs: readonly (Tensor | null)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly outputs?: readonly string[];
  /** Positions of inputs that are known at compile time; all others are variables. */
  readonly known?: readonly number[];
}

/** Translates an ONNX node with the form of its opset, evaluating as it goes. */
export function translate(example: OnnxCase): EagerBuilder {
  const { operator, domain = "", opset = 13, inputs, known = [] } = example;
  const entry = onnxForms().find(
    ({ form }) =>
      form.operator === operator &&
      (form.domain ?? "") === domain &&
      form.since <= opset &&
      opset <= (form.until ?? opset),
  );
  if (entry === undefined) throw new Error(`no form of ${operator} for opset ${opset}`);
  const named = Object.fromEntries(
    inputs.flatMap((tensor, index) => (tensor === null ? [] : [[`in${index}`, tensor] as const])),
  );
  const builder = new EagerBuilder(
    named,
    known.map((index) => `in${index}`),
  );
  const node: OnnxNode = {
    name: "node",
    operator,
    domain,
    opset,
    inputs: inputs.map((tensor, index) => (tensor === null ? null : `in${index}`)),
    outputs: example.outputs ?? ["y"],
    attributes: new Map(Object.entries(example.attributes ?? {})),
  };
  entry.form.translate(node, builder);
  return builder;
}

/** The numbers of what a translated node bound to its output. */
export function outputNumbers(builder: EagerBuilder, output = "y"): number[] {
  return Array.from(tensorNumbers(outputTensor(builder, output)));
}

/** What a translated node bound to its output. */
export function outputTensor(builder: EagerBuilder, output = "y"): Tensor {
  return builder.value(builder.bound.get(output) ?? "");
}

/** The operators that a translated node added, in order. */
export function addedOperators(builder: EagerBuilder): string[] {
  return [...builder.nodes.values()].map((node) => node.op);
}
