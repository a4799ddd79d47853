import type { Code } from "../../base/codes.ts";
import { internalError, type Location, problem } from "../../base/errors.ts";
import type { Attributes, Constant, GraphInput, Node } from "../../ir/graph.ts";
import type { GraphBuilder, Operator } from "../../ir/operator.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { inferNode, operatorOf } from "../../ir/ops/index.ts";
import type { Tensor, TensorData } from "../../ir/tensor.ts";
import { elementCount, formatType, type TensorType } from "../../ir/type.ts";
import { maximumElements } from "./tensor-proto.ts";

/** Results up to this many elements are computed at import when all operands are known. */
const foldedElements = 2 ** 24;
/** The same for contractions, whose work is more than one step an element. */
const foldedContractionElements = 2 ** 20;
/** The most elements that a constant of one number may have (1 GiB of f32). */
const filledElements = 2 ** 28;

/** Where the node that is being translated stands. */
export interface CurrentNode {
  readonly name: string;
  readonly operator: string;
  /** The wanted name of its first result. */
  readonly output: string;
}

/** The graph that is being imported; lives through one import. Nodes whose operands are all known are computed at once. */
export class ImportBuilder implements GraphBuilder {
  readonly nodes: Node[] = [];
  /** Nodes that were computed at import. */
  foldedCount = 0;
  readonly #file: Location;
  readonly #reserved: ReadonlySet<string>;
  readonly #types = new Map<string, TensorType>();
  readonly #constants = new Map<string, Constant>();
  /** ONNX name to value. */
  readonly #values = new Map<string, string>();
  /** Constants that are known to hold one number. */
  readonly #numbers = new Map<string, number>();
  /** The longest array made for each element type and number; shorter ones are parts of it. */
  readonly #fills = new Map<string, TensorData>();
  #current: CurrentNode = { name: "", operator: "", output: "" };

  /** `reserved`: the names of the model, which only the values of those names may take. */
  constructor(file: Location, reserved: ReadonlySet<string>) {
    this.#file = file;
    this.#reserved = reserved;
  }

  /** The constants that were made, by name. */
  get constants(): ReadonlyMap<string, Constant> {
    return this.#constants;
  }

  /** Says which node is translated next. */
  begin(node: CurrentNode): void {
    this.#current = node;
  }

  addInput(input: GraphInput): void {
    this.#types.set(input.name, input.type);
    this.#values.set(input.name, input.name);
  }

  /** The value of an ONNX name; undefined when its node could not be translated. */
  value(onnxName: string): string | undefined {
    return this.#values.get(onnxName);
  }

  type(value: string): TensorType {
    const type = this.#types.get(value);
    if (type === undefined) throw internalError(`value "${value}" is read before it is bound`, this.#at());
    return type;
  }

  addConstant(tensor: Tensor, name?: string): string {
    return this.declareConstant(name ?? this.#freshName("constant"), tensor.type, tensor.data, "model");
  }

  /** Adds a constant, with or without data, and returns its name. */
  declareConstant(wanted: string, type: TensorType, data: TensorData | null, source: Constant["source"]): string {
    const name = this.#uniqueName(wanted);
    this.#constants.set(name, { name, type, data, source });
    this.#types.set(name, type);
    return name;
  }

  /** Gives a constant other data. */
  replaceData(name: string, data: TensorData, source: Constant["source"]): void {
    const constant = this.#constants.get(name);
    if (constant === undefined) throw internalError(`"${name}" is not a constant`, this.#at());
    this.#constants.set(name, { ...constant, data, source });
    this.#numbers.delete(name);
  }

  add(op: string, operands: readonly (string | null)[], attributes: Attributes = {}, name?: string): string {
    const operator = operatorOf(op);
    const types = operands.map((operand) => (operand === null ? null : this.type(operand)));
    const { attributes: complete, type } = inferNode(op, types, attributes);
    if (elementCount(type) > maximumElements) {
      throw problem(
        "B117",
        `The result ${formatType(type)} has ${elementCount(type)} elements; at most ${maximumElements} are accepted.`,
        this.#at(),
      );
    }
    const wanted = name ?? this.#freshName(op);
    const known = operands.every((operand) => operand === null || this.#constants.has(operand));
    if (known && this.#folds(operator, types, type)) return this.#fold(operator, operands, complete, type, wanted);
    const bound = this.#uniqueName(wanted);
    this.nodes.push({
      name: bound,
      op,
      operands,
      attributes: complete,
      type,
      origin: [this.#current.name],
      layer: null,
    });
    this.#types.set(bound, type);
    return bound;
  }

  constant(value: string): Tensor | null {
    const constant = this.#constants.get(value);
    return constant === undefined || constant.data === null ? null : { type: constant.type, data: constant.data };
  }

  /** Whether a constant was made as one number for all elements. */
  holdsOneNumber(name: string): boolean {
    return this.#numbers.has(name);
  }

  constantInfo(value: string): Constant | null {
    return this.#constants.get(value) ?? null;
  }

  bind(output: string, value: string): void {
    this.type(value);
    if (output !== "") this.#values.set(output, value);
  }

  refuse(code: Code, message: string): never {
    throw problem(code, message, this.#at());
  }

  #at(): Location {
    return { ...this.#file, onnxNode: this.#current.name, operator: this.#current.operator };
  }

  /** Whether a node of known operands is computed now. Dequantizing is not: it would lose the precision that the model chose. */
  #folds(operator: Operator, operands: readonly (TensorType | null)[], type: TensorType): boolean {
    const quantized = operands.some((operand) => operand !== null && operand.quantization !== null);
    if (quantized && type.quantization === null) return false;
    const limit =
      operator.name === "fill" || operator.runsOn === "movement"
        ? filledElements
        : operator.runsOn === "matrix"
          ? foldedContractionElements
          : foldedElements;
    if (elementCount(type) <= limit) return true;
    if (operator.name !== "fill") return false;
    throw problem(
      "B117",
      `A constant of ${elementCount(type)} equal elements was asked for; at most ${limit} are accepted.`,
      this.#at(),
    );
  }

  /** Computes a node of known operands; when one of them has no data, neither has the result. */
  #fold(
    operator: Operator,
    operands: readonly (string | null)[],
    attributes: Attributes,
    type: TensorType,
    wanted: string,
  ): string {
    this.foldedCount += 1;
    const constants = operands.map((operand) => (operand === null ? null : (this.#constants.get(operand) ?? null)));
    const source = constants.find((constant) => constant !== null && constant.source !== "model")?.source ?? "model";
    const number =
      operator.name === "fill"
        ? numberOf(attributes, "value")
        : this.#movedNumber(operator, constants, attributes, type);
    if (number !== null) {
      const name = this.declareConstant(wanted, type, this.#filled(type, number), source);
      this.#numbers.set(name, number);
      return name;
    }
    if (constants.some((constant) => constant !== null && constant.data === null)) {
      return this.declareConstant(wanted, type, null, "absent");
    }
    const tensors = constants.map((constant) =>
      constant === null || constant.data === null ? null : { type: constant.type, data: constant.data },
    );
    const result = operator.evaluate({ operands: tensors, attributes, type });
    return this.declareConstant(wanted, type, result.data, source);
  }

  /** The number that a movement of constants of one number gives everywhere; null when it has to be carried out. */
  #movedNumber(
    operator: Operator,
    constants: readonly (Constant | null)[],
    attributes: Attributes,
    type: TensorType,
  ): number | null {
    const numbers = new Set(
      constants.map((constant) => (constant === null ? undefined : this.#numbers.get(constant.name))),
    );
    const number = [...numbers][0];
    if (operator.movement === undefined || numbers.size !== 1 || number === undefined) return null;
    const types = constants.map((constant) => constant?.type ?? null);
    return operator.movement({ operands: types, attributes, type }).fill === null ? number : null;
  }

  /** Elements that all are one number; arrays are shared by all constants of the number. */
  #filled(type: TensorType, number: number): TensorData {
    const count = elementCount(type);
    const key = `${type.element} ${Object.is(number, -0) ? "-0" : number}`;
    const shared = this.#fills.get(key);
    if (shared !== undefined && shared.length >= count) return shared.subarray(0, count);
    const { data } = operatorOf("fill").evaluate({ operands: [], attributes: { value: number }, type });
    this.#fills.set(key, data);
    return data;
  }

  /** A name for a value within the translation of a node, after the node's result. */
  #freshName(what: string): string {
    const base = `${this.#current.output}.${what}`;
    let name = base;
    for (let number = 2; this.#types.has(name) || this.#reserved.has(name); number += 1) name = `${base}.${number}`;
    return name;
  }

  #uniqueName(wanted: string): string {
    if (!this.#types.has(wanted)) return wanted;
    let number = 2;
    while (this.#types.has(`${wanted}.${number}`) || this.#reserved.has(`${wanted}.${number}`)) number += 1;
    return `${wanted}.${number}`;
  }
}
