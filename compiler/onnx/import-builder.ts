import type { Code } from "../../base/codes.ts";
import { internalError, type Location, problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import type { Attributes, Constant, GraphInput, Node } from "../../ir/graph.ts";
import type { GraphBuilder, Operator } from "../../ir/operator.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { inferNode, operatorOf } from "../../ir/ops/index.ts";
import type { Tensor, TensorData } from "../../ir/tensor.ts";
import { elementCount, formatType, packedBytes, type TensorType } from "../../ir/type.ts";
import { limits } from "./limits.ts";

/** Where the node that is being translated stands. */
export interface CurrentNode {
  readonly name: string;
  readonly operator: string;
  /** The wanted name of its first result. */
  readonly output: string;
}

/**
 * What ONNX names stand for within a graph, and around it. A name maps to a value, to null where an optional input was
 * left out, or to undefined where its node could not be translated.
 */
export interface Scope {
  readonly names: Map<string, string | null | undefined>;
  readonly parent: Scope | null;
  /** Stands before the names of values that are made in the scope. */
  readonly prefix: string;
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
  readonly #main: Scope = { names: new Map(), parent: null, prefix: "" };
  /** How many ONNX names stand for each value. */
  readonly #nameCounts = new Map<string, number>();
  /** Values that nodes read. */
  readonly #read = new Set<string>();
  /** The number after the last one that was put behind each name. */
  readonly #numbering = new Map<string, number>();
  /** Constants that are known to hold one number. */
  readonly #numbers = new Map<string, number>();
  /** The longest array made for each element type and number; shorter ones are parts of it. */
  readonly #fills = new Map<string, TensorData>();
  #scope: Scope = this.#main;
  #current: CurrentNode = { name: "", operator: "", output: "" };
  #loaded = { elements: 0, bytes: 0 };
  #folded = { work: 0, bytes: 0 };

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

  /** The scope that names are looked up and bound in. */
  get scope(): Scope {
    return this.#scope;
  }

  /** Goes into a scope, or back to one. */
  enter(scope: Scope): void {
    this.#scope = scope;
  }

  addInput(input: GraphInput): void {
    this.#types.set(input.name, input.type);
    this.bind(input.name, input.name);
  }

  /** What an ONNX name stands for, innermost scope first: see `Scope`. */
  value(onnxName: string): string | null | undefined {
    for (let scope: Scope | null = this.#scope; scope !== null; scope = scope.parent) {
      if (scope.names.has(onnxName)) return scope.names.get(onnxName);
    }
    return undefined;
  }

  /** Says of an ONNX name that it has no value: left out (null), or not to be made (undefined). */
  bindNothing(onnxName: string, nothing: null | undefined): void {
    this.#scope.names.set(onnxName, nothing);
  }

  type(value: string): TensorType {
    const type = this.#types.get(value);
    if (type === undefined) throw internalError(`value "${value}" is read before it is bound`, this.#at());
    return type;
  }

  addConstant(tensor: Tensor, name?: string): string {
    return this.#declare(this.#wanted(name, "constant"), tensor.type, tensor.data, "model");
  }

  /** Adds a constant, with or without data, and returns its name. */
  declareConstant(wanted: string, type: TensorType, data: TensorData | null, source: Constant["source"]): string {
    return this.#declare(this.#wanted(wanted, ""), type, data, source);
  }

  #declare(wanted: WantedName, type: TensorType, data: TensorData | null, source: Constant["source"]): string {
    const name = this.#freeName(wanted);
    this.#constants.set(name, { name, type, data, source });
    this.#types.set(name, type);
    return name;
  }

  /** Counts a tensor of the model: the more it holds, the more may be computed of it. */
  countLoaded(type: TensorType): void {
    const elements = elementCount(type);
    this.#loaded.elements += elements;
    this.#loaded.bytes += packedBytes(type.element, elements);
  }

  /** Says that an ONNX name is read no more; a constant that nothing else stands for or reads is given up. */
  forget(onnxName: string): void {
    const value = this.#scope.names.get(onnxName);
    this.#scope.names.delete(onnxName);
    if (value === null || value === undefined) return;
    const count = (this.#nameCounts.get(value) ?? 0) - 1;
    this.#nameCounts.set(value, count);
    if (count > 0 || this.#read.has(value)) return;
    this.#constants.delete(value);
    this.#numbers.delete(value);
  }

  /** Keeps a constant, whatever names stand for it. */
  keep(value: string): void {
    this.#nameCounts.set(value, (this.#nameCounts.get(value) ?? 0) + 1);
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
    if (elementCount(type) > limits.tensorElements) {
      throw problem(
        "B117",
        `The result ${formatType(type)} has ${elementCount(type)} elements; at most ${limits.tensorElements} are accepted.`,
        this.#at(),
      );
    }
    if (type.shape.length > limits.axes) {
      throw problem(
        "B117",
        `The result has ${type.shape.length} axes; at most ${limits.axes} are accepted.`,
        this.#at(),
      );
    }
    if (this.nodes.length + this.foldedCount >= limits.graphNodes) {
      throw problem("B117", `The model becomes more than ${limits.graphNodes} nodes.`, this.#at());
    }
    const wanted = this.#wanted(name, op);
    const known = operands.every((operand) => operand === null || this.#constants.has(operand));
    if (known && this.#folds(operator, types, type)) return this.#fold(operator, operands, complete, type, wanted);
    const bound = this.#freeName(wanted);
    for (const operand of operands) if (operand !== null) this.#read.add(operand);
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
    if (output === "") return;
    this.#scope.names.set(output, value);
    this.keep(value);
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
        ? limits.filledElements
        : operator.runsOn === "matrix"
          ? limits.foldedContractionElements
          : limits.foldedElements;
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
    wanted: WantedName,
  ): string {
    this.foldedCount += 1;
    const constants = operands.map((operand) => (operand === null ? null : (this.#constants.get(operand) ?? null)));
    const source = constants.find((constant) => constant !== null && constant.source !== "model")?.source ?? "model";
    const number =
      operator.name === "fill"
        ? numberOf(attributes, "value")
        : this.#movedNumber(operator, constants, attributes, type);
    if (number !== null) {
      const name = this.#declare(wanted, type, this.#filled(type, number), source);
      this.#numbers.set(name, number);
      return name;
    }
    if (constants.some((constant) => constant !== null && constant.data === null)) {
      return this.#declare(wanted, type, null, "absent");
    }
    const tensors = constants.map((constant) =>
      constant === null || constant.data === null ? null : { type: constant.type, data: constant.data },
    );
    this.#countFolded(operator, operands, attributes, type);
    const result = operator.evaluate({ operands: tensors, attributes, type });
    return this.#declare(wanted, type, result.data, source);
  }

  /** Counts what computing a node takes; refuses it when all of them together take more than the limits (B117). */
  #countFolded(
    operator: Operator,
    operands: readonly (string | null)[],
    attributes: Attributes,
    type: TensorType,
  ): void {
    const types = operands.map((operand) => (operand === null ? null : this.type(operand)));
    const sizes = types.map((each) => (each === null ? 0 : elementCount(each)));
    this.#folded.work += Math.max(elementCount(type), ...sizes, workOf(operator, types, attributes, type));
    this.#folded.bytes += packedBytes(type.element, elementCount(type));
    const work = limits.foldedWork + 4 * this.#loaded.elements;
    const bytes = limits.foldedBytes + 2 * this.#loaded.bytes;
    if (this.#folded.work > work)
      this.refuse("B117", `Computing known values takes more than ${work} element operations.`);
    if (this.#folded.bytes > bytes) this.refuse("B117", `Known values take more than ${bytes} bytes.`);
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

  /** The name that a value is to have: the given one, or one after the current node's result. */
  #wanted(name: string | undefined, what: string): WantedName {
    const { prefix } = this.#scope;
    return {
      text: prefix + (name ?? `${this.#current.output}.${what}`),
      isOfModel: name !== undefined && prefix === "",
    };
  }

  /** The name, or the first of name.2, name.3, ... that is free. */
  #freeName({ text, isOfModel }: WantedName): string {
    if (!this.#types.has(text) && (isOfModel || !this.#reserved.has(text))) return text;
    let number = this.#numbering.get(text) ?? 2;
    while (this.#types.has(`${text}.${number}`) || this.#reserved.has(`${text}.${number}`)) number += 1;
    this.#numbering.set(text, number + 1);
    return `${text}.${number}`;
  }
}

/** A name that a value is to have if it is free; names of the model may be taken by values of the model alone. */
interface WantedName {
  readonly text: string;
  readonly isOfModel: boolean;
}

/** Steps of the loops of a matrix or vector operator; 0 for others. */
function workOf(
  operator: Operator,
  operands: readonly (TensorType | null)[],
  attributes: Attributes,
  type: TensorType,
): number {
  const dimensions = operator.iteration?.({ operands, attributes, type }).dimensions ?? [];
  return dimensions.length === 0 ? 0 : product(dimensions.map(({ size }) => size));
}
