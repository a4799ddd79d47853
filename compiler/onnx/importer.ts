import { BorealError, type Location, type Problem, problem } from "../../base/errors.ts";
import { sum } from "../../base/math.ts";
import type { Constant, Graph, GraphInput, Node } from "../../ir/graph.ts";
import type { OnnxForm, OnnxNode } from "../../ir/operator.ts";
import { onnxForms } from "../../ir/ops/index.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, formatType, sameNumbers } from "../../ir/type.ts";
import { bindInputs, declaredSizes } from "./dimensions.ts";
import { externalLocation, readExternalData } from "./external-data.ts";
import { ImportBuilder } from "./import-builder.ts";
import { type ModelStructure, type NamedNode, readStructure } from "./model-structure.ts";
import { densify, nodeAttributes } from "./node-attributes.ts";
import type { TensorProto } from "./proto-types.ts";
import { firstNotFinite, isUniform, RandomWeights, type WeightRole, weightRoles } from "./random-weights.ts";
import { type ModelFile, type ModelSource, readModel } from "./read-model.ts";
import { dataFromBytes, dataTypes, isExternal, readTensorProto, tensorProtoType, toNumber } from "./tensor-proto.ts";

/** How a model is imported. */
export interface ImportOptions {
  /** Sizes of open dimensions, by their name or by INPUT:AXIS. */
  readonly dimensions?: ReadonlyMap<string, number>;
  /** Inputs whose values are known: they become constants. */
  readonly knownInputs?: ReadonlyMap<string, Tensor>;
  /** Fills weights that are absent, or whose elements are all equal, with seeded numbers. */
  readonly randomWeightsSeed?: number;
  /** Accepts external data files that do not exist: such weights have a shape alone. */
  readonly allowAbsentWeights?: boolean;
}

/** Something that a user of an imported model should know. */
export interface ImportNote {
  readonly message: string;
}

/** An imported model. */
export interface ImportedModel {
  readonly graph: Graph;
  readonly name: string;
  /** Of the model's file, hexadecimal. */
  readonly sha256: string;
  /** Of the default domain. */
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  /** ONNX names of the graph's outputs, in its order. */
  readonly outputNames: readonly string[];
  /** Elements of all constants that the graph reads. */
  readonly parameterCount: number;
  readonly weights: "trained" | "random" | "absent";
  readonly notes: readonly ImportNote[];
}

/** Lists of problems stop here. */
const maximumProblems = 100;

/**
 * Imports an ONNX model: decodes it, checks it, translates every node that an output depends on, and computes what is
 * known at import. All problems that can be found are thrown together (B101–B117).
 */
export function importOnnx(source: ModelSource, options: ImportOptions = {}): ImportedModel {
  const file = readModel(source);
  const problems: Problem[] = [];
  const at: Location = { file: file.file };
  const forms = formTable();
  const structure = readStructure(file.model, (node) => findForm(forms, node), at, problems);
  const known = options.knownInputs ?? new Map<string, Tensor>();
  const openInputs = structure.inputs.filter(({ name }) => !known.has(name ?? ""));
  const inputs = bindInputs(openInputs, options.dimensions ?? new Map(), at, problems);
  throwAll(problems);
  const translation = new Translation(file, structure, options);
  translation.addInputs(inputs, known);
  for (const node of structure.nodes) translation.translate(node, findForm(forms, node) as OnnxForm);
  return translation.finish(inputs);
}

function throwAll(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new BorealError(problems.slice(0, maximumProblems));
}

type FormTable = ReadonlyMap<string, readonly OnnxForm[]>;

function formTable(): FormTable {
  const table = new Map<string, OnnxForm[]>();
  for (const { form } of onnxForms()) {
    const key = `${form.domain ?? ""}\n${form.operator}`;
    const forms = table.get(key);
    if (forms === undefined) table.set(key, [form]);
    else forms.push(form);
  }
  return table;
}

function findForm(table: FormTable, node: NamedNode): OnnxForm | undefined {
  return table
    .get(`${node.domain}\n${node.operator}`)
    ?.find((form) => form.since <= node.opset && node.opset <= (form.until ?? Number.POSITIVE_INFINITY));
}

/** One run over the nodes of a model. */
class Translation {
  readonly #file: ModelFile;
  readonly #at: Location;
  readonly #structure: ModelStructure;
  readonly #options: ImportOptions;
  readonly #builder: ImportBuilder;
  readonly #random: RandomWeights | null;
  readonly #problems: Problem[] = [];
  readonly #notes: ImportNote[] = [];
  readonly #uniform = new Set<string>();
  readonly #checked = new Set<string>();
  /** Names of values that could not be made; nodes that read them are passed over. */
  readonly #failed = new Set<string>();

  constructor(file: ModelFile, structure: ModelStructure, options: ImportOptions) {
    this.#file = file;
    this.#at = { file: file.file };
    this.#structure = structure;
    this.#options = options;
    this.#random = options.randomWeightsSeed === undefined ? null : new RandomWeights(options.randomWeightsSeed);
    const names = [...structure.used, ...structure.inputs.map(({ name }) => name ?? "")];
    this.#builder = new ImportBuilder(this.#at, new Set(names));
    for (const name of [...structure.initializers.keys(), ...structure.sparseInitializers.keys()]) {
      if (structure.used.has(name))
        this.#attempt({ ...this.#at, tensor: name }, [name], () => this.#addInitializer(name));
    }
  }

  addInputs(inputs: readonly GraphInput[], known: ReadonlyMap<string, Tensor>): void {
    for (const input of inputs) this.#builder.addInput(input);
    for (const [name, tensor] of known) {
      this.#attempt({ ...this.#at, tensor: name }, [name], () => {
        const info = this.#structure.inputs.find((input) => input.name === name);
        if (info === undefined) throw problem("B106", "A value was given for it, but the model has no such input.");
        const sizes = declaredSizes(info);
        const { element, shape } = tensor.type;
        const fits =
          sizes === null ||
          (sizes.length === shape.length &&
            sizes.every((size, axis) => typeof size !== "number" || size === shape[axis]));
        if (!fits || info.type?.tensorType?.elemType !== dataTypes[element]) {
          throw problem(
            "B110",
            `The value given for the input has type ${formatType(tensor.type)}, which is not the type that the model declares.`,
          );
        }
        this.#builder.bind(name, this.#builder.addConstant(tensor, name));
      });
    }
  }

  #addInitializer(name: string): void {
    const at = { ...this.#at, tensor: name };
    const sparse = this.#structure.sparseInitializers.get(name);
    const proto = this.#structure.initializers.get(name);
    if (proto === undefined) this.#builder.bind(name, this.#builder.addConstant(densify(sparse ?? {}, at), name));
    else if (isExternal(proto)) this.#addExternal(name, proto, at);
    else this.#builder.bind(name, this.#builder.addConstant(readTensorProto(proto, at), name));
  }

  #addExternal(name: string, proto: TensorProto, at: Location): void {
    const type = tensorProtoType(proto, at);
    const bytes = readExternalData(proto, type, this.#file.folder, at);
    if (bytes === null && !this.#options.allowAbsentWeights && this.#random === null) {
      throw problem("B108", `The external data file "${externalLocation(proto)}" does not exist beside the model.`, at);
    }
    const data = bytes === null ? null : dataFromBytes(type, bytes, at);
    this.#builder.bind(name, this.#builder.declareConstant(name, type, data, data === null ? "absent" : "model"));
  }

  translate(node: NamedNode, form: OnnxForm): void {
    const at: Location = { ...this.#at, onnxNode: node.name, operator: node.operator };
    const inputNames = node.proto.input ?? [];
    const outputs = (node.proto.output ?? []).map((output) => (this.#structure.used.has(output) ? output : ""));
    const made = outputs.filter((output) => output !== "");
    if (inputNames.some((input) => this.#failed.has(input))) {
      for (const output of made) this.#failed.add(output);
      return;
    }
    this.#attempt(at, made, () => {
      const onnxNode: OnnxNode = {
        name: node.name,
        operator: node.operator,
        domain: node.domain,
        opset: node.opset,
        inputs: inputNames.map((input) => (input === "" ? null : (this.#builder.value(input) ?? null))),
        outputs,
        attributes: nodeAttributes(node.proto, at),
      };
      this.#builder.begin({ name: node.name, operator: node.operator, output: made[0] ?? node.name });
      this.#prepareWeights(onnxNode);
      form.translate(onnxNode, this.#builder);
      const missing = made.filter((output) => this.#builder.value(output) === undefined);
      if (missing.length > 0) {
        throw problem(
          "B104",
          `Output ${missing.map((output) => `"${output}"`).join(", ")} of ${node.operator} is used, but not supported.`,
        );
      }
    });
  }

  /** Runs a step; problems get their place and are collected, and the names that it should have made count as failed. */
  #attempt(at: Location, made: readonly string[], step: () => void): void {
    try {
      step();
    } catch (error) {
      for (const name of made) this.#failed.add(name);
      this.#problems.push(...problemsOf(error, at));
      if (this.#problems.length >= maximumProblems) throwAll(this.#problems);
    }
  }

  /** Checks the weights of a node, and fills them where that is asked for. */
  #prepareWeights(node: OnnxNode): void {
    weightRoles(node).forEach((role, index) => {
      const value = node.inputs[index];
      const constant = value === null || value === undefined ? null : this.#builder.constantInfo(value);
      if (role === null || constant === null || this.#checked.has(constant.name)) return;
      this.#checked.add(constant.name);
      this.#prepareWeight(constant, role);
    });
  }

  #prepareWeight(constant: Constant, role: WeightRole): void {
    const oneNumber = this.#builder.holdsOneNumber(constant.name) && elementCount(constant.type) > 16;
    const uniform = oneNumber || (constant.source === "model" && constant.data !== null && isUniform(constant.data));
    if (this.#random !== null && (constant.source === "absent" || uniform)) {
      const data = this.#random.fill(constant.name, constant.type, role);
      if (data !== null) this.#builder.replaceData(constant.name, data, "random");
      return;
    }
    if (uniform && role.kind === "weight") this.#uniform.add(constant.name);
    const { type, data } = constant;
    const scanned = oneNumber && data !== null ? { ...constant, data: data.subarray(0, 1) } : constant;
    const index = firstNotFinite(scanned, false);
    if (index >= 0) this.#problems.push(notFinite({ ...scanned, type }, index, this.#at));
  }

  /** The graph without what no output depends on; throws what was collected. */
  finish(inputs: readonly GraphInput[]): ImportedModel {
    const outputNames = (this.#file.model.graph?.output ?? []).map(({ name }) => name ?? "");
    const outputs = outputNames.flatMap((name) => this.#builder.value(name) ?? []);
    const nodes = liveNodes(this.#builder.nodes, outputs);
    const read = new Set([...outputs, ...nodes.flatMap((node) => node.operands)]);
    this.#fillRest(read);
    const constants = [...this.#builder.constants.values()].filter(({ name }) => read.has(name));
    for (const constant of constants) {
      if (
        this.#checked.has(constant.name) ||
        constant.source === "random" ||
        this.#builder.holdsOneNumber(constant.name)
      )
        continue;
      const index = firstNotFinite(constant, true);
      if (index >= 0) this.#problems.push(notFinite(constant, index, this.#at));
    }
    throwAll(this.#problems);
    this.#addNotes(inputs, read, outputNames);
    const { model, name, sha256 } = this.#file;
    const has = (source: Constant["source"]): boolean => constants.some((constant) => constant.source === source);
    return {
      graph: { kind: "graph", name, inputs, constants, nodes, outputs },
      name,
      sha256,
      opset: this.#structure.opset,
      irVersion: toNumber(model.irVersion),
      producer: [model.producerName, model.producerVersion]
        .filter((part) => part !== undefined && part !== "")
        .join(" "),
      outputNames,
      parameterCount: sum(constants.map(({ type }) => elementCount(type))),
      weights: has("random") ? "random" : has("absent") ? "absent" : "trained",
      notes: this.#notes,
    };
  }

  /** Fills absent constants that are read by other operators than contractions and normalizations. */
  #fillRest(read: ReadonlySet<string | null>): void {
    if (this.#random === null) return;
    for (const { name, type, source } of [...this.#builder.constants.values()]) {
      if (source !== "absent" || !read.has(name)) continue;
      const data = this.#random.fill(name, type, null);
      if (data !== null) this.#builder.replaceData(name, data, "random");
    }
  }

  #addNotes(inputs: readonly GraphInput[], read: ReadonlySet<string | null>, outputNames: readonly string[]): void {
    const add = (message: string): void => {
      this.#notes.push({ message });
    };
    const { deadNodeCount } = this.#structure;
    if (deadNodeCount > 0)
      add(
        `${count(deadNodeCount, "node")} that no output depends on ${deadNodeCount === 1 ? "was" : "were"} left out.`,
      );
    const { foldedCount } = this.#builder;
    if (foldedCount > 0)
      add(
        `${count(foldedCount, "operation")} on known values ${foldedCount === 1 ? "was" : "were"} computed at import.`,
      );
    const unread = inputs.filter(({ name }) => !read.has(name));
    if (unread.length > 0) add(`No output depends on the input ${unread.map(({ name }) => `"${name}"`).join(", ")}.`);
    const uniform = [...this.#uniform].filter((name) => read.has(name));
    if (uniform.length > 0)
      add(`The elements of ${count(uniform.length, "weight tensor")} are all equal: the model's answers mean nothing.`);
    this.#file.model.graph?.output?.forEach((info, index) => {
      const value = this.#builder.value(outputNames[index] ?? "");
      const sizes = declaredSizes(info);
      if (value === undefined || sizes === null) return;
      const { shape } = this.#builder.type(value);
      const stated = sizes.map((size, axis) => (typeof size === "number" ? size : (shape[axis] ?? -1)));
      if (!sameNumbers(stated, shape))
        add(
          `Output "${outputNames[index]}" is declared as [${sizes.map((size) => size ?? "?").join(",")}] and has shape [${shape.join(",")}].`,
        );
    });
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function notFinite(constant: Constant, index: number, at: Location): Problem {
  const coordinates: number[] = [];
  let rest = index;
  for (const size of [...constant.type.shape].reverse()) {
    coordinates.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return {
    code: "B109",
    message: `Element [${coordinates.join(",")}] of ${formatType(constant.type)} is NaN or infinite; expected finite numbers.`,
    at: { ...at, tensor: constant.name },
  };
}

function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const read = new Set<string | null>(outputs);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!read.has(node.name)) continue;
    live.push(node);
    for (const operand of node.operands) read.add(operand);
  }
  return live.reverse();
}

/** The problems of an error, at the given place where they have none; a misfit found by type inference is the model's. */
function problemsOf(error: unknown, at: Location): Problem[] {
  if (error instanceof BorealError) {
    return error.problems.map((each) => ({
      ...each,
      code: each.code === "B202" ? "B110" : each.code,
      at: { ...each.at, ...at },
    }));
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError && /length|allocation|size/i.test(message)) {
    return [{ code: "B117", message: `A value is too large to be held (${message}).`, at }];
  }
  return [{ code: "B901", message: `The node could not be translated (${message}).`, at }];
}
