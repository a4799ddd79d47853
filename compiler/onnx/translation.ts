import { BorealError, internalError, type Location, type Problem, problem } from "../../base/errors.ts";
import type { Constant, GraphInput } from "../../ir/graph.ts";
import type { OnnxForm, OnnxNode } from "../../ir/operator.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, formatType } from "../../ir/type.ts";
import { controlFormOf } from "./control-flow.ts";
import { declaredSizes } from "./dimensions.ts";
import type { ControlRecord } from "./expander.ts";
import { ExternalFiles, externalLocation } from "./external-data.ts";
import type { GraphStructure, NamedNode } from "./graph-structure.ts";
import { ImportBuilder, type Scope } from "./import-builder.ts";
import { limits } from "./limits.ts";
import { type FunctionStructure, functionKey, type ModelStructure, unsupportedOperators } from "./model-structure.ts";
import { nodeAttributes, resolveReferences } from "./node-attributes.ts";
import type { ProblemList } from "./problem-list.ts";
import type { AttributeProto, SparseTensorProto, TensorProto } from "./proto-types.ts";
import { firstNotFinite, isUniform, type RandomWeights, type WeightRole, weightRoles } from "./random-weights.ts";
import type { ModelFile } from "./read-model.ts";
import { densify } from "./sparse-tensor.ts";
import { dataFromBytes, dataTypes, isExternal, readTensorProto, tensorProtoType } from "./tensor-proto.ts";

/** What a translation needs to know of a model. */
export interface TranslationInput {
  readonly file: ModelFile;
  readonly structure: ModelStructure;
  readonly formOf: (node: NamedNode) => OnnxForm | undefined;
  readonly random: RandomWeights | null;
  readonly allowAbsentWeights: boolean;
  readonly problems: ProblemList;
}

/** What became of a node that holds graphs or calls a function of the model. */
export interface ExpansionRecord {
  readonly node: string;
  readonly operator: string;
  readonly what: ControlRecord | { readonly kind: "function"; readonly name: string };
}

/** A graph that is being translated: the model's, one that a node holds, or the body of a function. */
interface Frame {
  readonly graph: GraphStructure;
  /** Stands before the names of nodes. */
  readonly path: string;
  /** Attributes that the function's body may refer to; null outside functions. */
  readonly attributes: ReadonlyMap<string, AttributeProto> | null;
  readonly depth: number;
}

/** One run over the nodes of a model. Problems are collected; what reads a value that could not be made is passed over. */
export class Translation {
  readonly builder: ImportBuilder;
  readonly expansions: ExpansionRecord[] = [];
  /** The operator of each node that was translated, by the node's name. */
  readonly operators = new Map<string, string>();
  /** Nodes whose results are all known, beside those of operator Constant. */
  readonly folded: { readonly node: string; readonly operator: string }[] = [];
  /** Constants whose elements are all equal, though they are weights. */
  readonly uniform = new Set<string>();
  /** Constants that were looked at as weights. */
  readonly checked = new Set<string>();
  readonly #input: TranslationInput;
  readonly #at: Location;
  readonly #external: ExternalFiles;
  /** Constants of the graphs that nodes hold, which are the same in every step of a loop. */
  readonly #held = new Map<TensorProto | SparseTensorProto, string>();
  #expandedCount = 0;

  constructor(input: TranslationInput) {
    this.#input = input;
    this.#at = { file: input.file.file };
    this.#external = new ExternalFiles(input.file.folder);
    const { used, inputs } = input.structure.graph;
    this.builder = new ImportBuilder(this.#at, new Set([...used, ...inputs.map(({ name }) => name ?? "")]));
  }

  /** Makes the model's inputs, and constants of those whose values are known. */
  addInputs(inputs: readonly GraphInput[], known: ReadonlyMap<string, Tensor>): void {
    for (const input of inputs) this.builder.addInput(input);
    for (const [name, tensor] of known) {
      this.#attempt({ ...this.#at, tensor: name }, [name], () => {
        this.#checkKnown(name, tensor);
        this.builder.bind(name, this.builder.addConstant(tensor, name));
      });
    }
  }

  #checkKnown(name: string, tensor: Tensor): void {
    const info = this.#input.structure.graph.inputs.find((input) => input.name === name);
    if (info === undefined) throw problem("B106", "A value was given for it, but the model has no such input.");
    const sizes = declaredSizes(info);
    const { element, shape } = tensor.type;
    const fits =
      sizes === null ||
      (sizes.length === shape.length && sizes.every((size, axis) => typeof size !== "number" || size === shape[axis]));
    if (fits && info.type?.tensorType?.elemType === dataTypes[element]) return;
    throw problem(
      "B110",
      `The value given for the input has type ${formatType(tensor.type)}, which is not the type that the model declares.`,
    );
  }

  /** Translates the model's graph. */
  translateModel(): void {
    const { graph } = this.#input.structure;
    this.#refuseUnsupported(graph);
    this.#addInitializers(graph);
    const readCounts = new Map<string, number>();
    const countRead = (name: string): void => {
      readCounts.set(name, (readCounts.get(name) ?? 0) + 1);
    };
    for (const { name } of graph.outputs) countRead(name ?? "");
    for (const { reads } of graph.nodes) reads.forEach(countRead);
    const frame: Frame = { graph, path: "", attributes: null, depth: 0 };
    for (const node of graph.nodes) {
      this.#translate(node, frame);
      for (const name of node.reads) {
        const left = (readCounts.get(name) ?? 0) - 1;
        readCounts.set(name, left);
        if (left === 0) this.builder.forget(name);
      }
    }
  }

  #refuseUnsupported({ nodes }: GraphStructure): void {
    const { structure, formOf, problems } = this.#input;
    problems.add(unsupportedOperators(nodes, structure.functions, formOf, this.#at));
  }

  #addInitializers(graph: GraphStructure): void {
    for (const [name, proto] of [...graph.initializers, ...graph.sparseInitializers]) {
      if (!graph.used.has(name)) continue;
      const at = { ...this.#at, tensor: name };
      this.#attempt(at, [name], () => {
        const isModels = this.builder.scope.parent === null;
        const value = (isModels ? undefined : this.#held.get(proto)) ?? this.#constantOf(name, proto, at);
        this.builder.bind(name, value);
        if (isModels || this.#held.has(proto)) return;
        this.#held.set(proto, value);
        this.builder.keep(value);
      });
    }
  }

  #constantOf(name: string, proto: TensorProto | SparseTensorProto, at: Location): string {
    const { bytes } = this.#input.file;
    if ("values" in proto) return this.#addTensor(densify(proto, at, bytes), name);
    const tensor = proto as TensorProto;
    return isExternal(tensor)
      ? this.#addExternal(name, tensor, at)
      : this.#addTensor(readTensorProto(tensor, at, bytes), name);
  }

  #addTensor(tensor: Tensor, name: string): string {
    this.builder.countLoaded(tensor.type);
    return this.builder.addConstant(tensor, name);
  }

  #addExternal(name: string, proto: TensorProto, at: Location): string {
    const type = tensorProtoType(proto, at);
    const bytes = this.#external.read(proto, type, at);
    if (bytes === null && !this.#input.allowAbsentWeights && this.#input.random === null) {
      throw problem("B108", `The external data file "${externalLocation(proto)}" does not exist beside the model.`, at);
    }
    if (bytes !== null) this.builder.countLoaded(type);
    const data = bytes === null ? null : dataFromBytes(type, bytes, at);
    return this.builder.declareConstant(name, type, data, data === null ? "absent" : "model");
  }

  #translate(node: NamedNode, frame: Frame): void {
    const name = frame.path + node.name;
    const at: Location = { ...this.#at, onnxNode: name, operator: node.operator };
    const inputNames = node.proto.input ?? [];
    const outputs = (node.proto.output ?? []).map((output) => (frame.graph.used.has(output) ? output : ""));
    const made = outputs.filter((output) => output !== "");
    const reads = node.reads.filter((input) => this.builder.value(input) === undefined);
    const called = this.#input.structure.functions.get(functionKey(node));
    const control = called === undefined ? controlFormOf(node) : undefined;
    const form = called === undefined && control === undefined ? this.#input.formOf(node) : undefined;
    if (reads.length > 0 || (called ?? control ?? form) === undefined) {
      if (control !== undefined) for (const graph of node.graphs.values()) this.#refuseUnsupported(graph);
      for (const output of made) this.builder.bindNothing(output, undefined);
      return;
    }
    this.#attempt(at, made, () => {
      const given = resolveReferences(node.proto.attribute ?? [], frame.attributes, at);
      const onnxNode: OnnxNode = {
        name,
        operator: node.operator,
        domain: node.domain,
        opset: node.opset,
        inputs: inputNames.map((input) => (input === "" ? null : (this.builder.value(input) ?? null))),
        outputs,
        attributes: called === undefined ? nodeAttributes(given, at, this.#input.file.bytes) : new Map(),
      };
      const current = { name, operator: node.operator, output: made[0] ?? node.name };
      this.builder.begin(current);
      if (called !== undefined) {
        this.#call(onnxNode, called, new Map(given.map((each) => [each.name ?? "", each])), frame);
      } else if (control !== undefined) {
        control.translate(onnxNode, {
          builder: this.builder,
          graph: (attribute) => {
            const graph = node.graphs.get(attribute);
            return graph ?? this.builder.refuse("B111", `Attribute "${attribute}" is missing, expected a graph.`);
          },
          inline: (graph, inputs, step) => {
            if (node.operator === "If") this.#refuseUnsupported(graph);
            const parts = { graph, path: `${name}[${step}]/`, attributes: frame.attributes, depth: frame.depth + 1 };
            const values = this.#inline(parts, inputs, this.builder.scope, `${node.name}[${step}]/`);
            this.builder.begin(current);
            return values;
          },
          record: (what) => this.expansions.push({ node: name, operator: node.operator, what }),
        });
      } else if (form !== undefined) {
        this.#prepareWeights(onnxNode);
        form.translate(onnxNode, this.builder);
        this.#recordForm(onnxNode);
      }
      const missing = made.filter((output) => !this.builder.scope.names.has(output));
      if (missing.length > 0) {
        throw problem(
          "B104",
          `Output ${missing.map((output) => `"${output}"`).join(", ")} of ${node.operator} is used, but not supported.`,
        );
      }
    });
  }

  #recordForm({ name, operator, outputs }: OnnxNode): void {
    this.operators.set(name, operator);
    const values = outputs.flatMap((output) => (output === "" ? [] : (this.builder.value(output) ?? [])));
    const isKnown = values.every((value) => this.builder.constantInfo(value) !== null);
    if (isKnown && operator !== "Constant") this.folded.push({ node: name, operator });
  }

  /** Puts a function's body in the place of its call. */
  #call(node: OnnxNode, called: FunctionStructure, given: ReadonlyMap<string, AttributeProto>, frame: Frame): void {
    const { name, graph, defaults } = called;
    if (node.inputs.length > graph.inputs.length || node.outputs.length > graph.outputs.length) {
      this.builder.refuse(
        "B110",
        `Function "${name}" takes ${graph.inputs.length} inputs and gives ${graph.outputs.length} outputs; the call has ${node.inputs.length} and ${node.outputs.length}.`,
      );
    }
    this.expansions.push({ node: node.name, operator: node.operator, what: { kind: "function", name } });
    const attributes = new Map([...defaults, ...given]);
    const inputs = graph.inputs.map((_, index) => node.inputs[index] ?? null);
    const parts = { graph, path: `${node.name}/`, attributes, depth: frame.depth + 1 };
    const values = this.#inline(parts, inputs, null, `${node.name.slice(frame.path.length)}/`);
    if (values === null) throw new BorealError([]);
    node.outputs.forEach((output, index) => {
      if (output !== "") this.builder.bind(output, values[index] as string);
    });
  }

  /**
   * Translates a graph in a scope of its own and returns the values of its outputs; null when one of them could not be
   * made. `outer` is what the graph may read beside its inputs.
   */
  #inline(frame: Frame, inputs: readonly (string | null)[], outer: Scope | null, step: string): string[] | null {
    const { graph } = frame;
    const back = this.builder.scope;
    this.#countExpanded(graph, frame.depth);
    const names = new Map<string, string | null | undefined>();
    const scope: Scope = { names, parent: outer, prefix: back.prefix + step };
    this.builder.enter(scope);
    try {
      graph.declaredInputs.forEach(({ name }, index) => {
        const value = inputs[index] ?? null;
        if (value === null) this.builder.bindNothing(name ?? "", null);
        else this.builder.bind(name ?? "", value);
      });
      this.#addInitializers(graph);
      for (const node of graph.nodes) this.#translate(node, frame);
      const values = graph.outputs.map(({ name }) => this.builder.value(name ?? ""));
      for (const value of values) if (typeof value === "string") this.builder.keep(value);
      for (const name of [...names.keys()]) this.builder.forget(name);
      const absent = graph.outputs.find((_, index) => values[index] === null);
      if (absent !== undefined)
        throw problem("B110", `Output "${absent.name ?? ""}" is an input that the node leaves out.`);
      return values.every((value) => typeof value === "string") ? values : null;
    } finally {
      this.builder.enter(back);
    }
  }

  #countExpanded({ nodes }: GraphStructure, depth: number): void {
    this.#expandedCount += Math.max(1, nodes.length);
    if (this.#expandedCount > limits.expandedNodes) {
      throw problem(
        "B117",
        `Loops, branches and functions become more than ${limits.expandedNodes} nodes; at most so many are accepted.`,
      );
    }
    if (depth > limits.nestedGraphs)
      throw problem("B117", `Graphs and functions are nested deeper than ${limits.nestedGraphs}.`);
  }

  /** Runs a step; problems get their place and are collected, and the names that it should have made have no value. */
  #attempt(at: Location, made: readonly string[], step: () => void): void {
    const { scope } = this.builder;
    try {
      step();
    } catch (error) {
      this.builder.enter(scope);
      for (const name of made) this.builder.bindNothing(name, undefined);
      this.#input.problems.add(problemsOf(error, at));
    }
  }

  /** Checks the weights of a node, and fills them where that is asked for. */
  #prepareWeights(node: OnnxNode): void {
    weightRoles(node).forEach((role, index) => {
      const value = node.inputs[index];
      const constant = value === null || value === undefined ? null : this.builder.constantInfo(value);
      if (role === null || constant === null || this.checked.has(constant.name)) return;
      this.checked.add(constant.name);
      this.#prepareWeight(constant, role);
    });
  }

  #prepareWeight(constant: Constant, role: WeightRole): void {
    const { random, problems } = this.#input;
    const oneNumber = this.builder.holdsOneNumber(constant.name) && elementCount(constant.type) > 16;
    const uniform = oneNumber || (constant.source === "model" && constant.data !== null && isUniform(constant.data));
    if (random !== null && (constant.source === "absent" || uniform)) {
      const data = random.fill(constant.name, constant.type, role);
      if (data !== null) this.builder.replaceData(constant.name, data, "random");
      return;
    }
    if (uniform && role.kind === "weight") this.uniform.add(constant.name);
    const { type, data } = constant;
    const scanned = oneNumber && data !== null ? { ...constant, data: data.subarray(0, 1) } : constant;
    const index = firstNotFinite(scanned, false);
    if (index >= 0) problems.add([notFinite({ ...scanned, type }, index, this.#at)]);
  }
}

/** The problem B109 of an element that is not finite. */
export function notFinite(constant: Constant, index: number, at: Location): Problem {
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
  return [...internalError(`The node could not be translated (${message}).`, at).problems];
}
