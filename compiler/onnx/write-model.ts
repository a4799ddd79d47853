import { internalError } from "../../base/errors.ts";
import { roundUp } from "../../base/math.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ElementType, TensorType } from "../../ir/type.ts";
import { encodeModel } from "./codec.ts";
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  TensorProto,
  ValueInfoProto,
} from "./proto-types.ts";
import { dataTypes, rawBytes, writeTensorProto } from "./tensor-proto.ts";

/**
 * An attribute to write: a whole number or list of them is an INT(S), other numbers are FLOAT(S); `float` and `floats`
 * make FLOAT(S) of whole numbers too; `graph` is a graph that the node holds; `reference` names an attribute of the
 * function that the node stands in.
 */
export type WrittenAttribute =
  | number
  | string
  | Tensor
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly graph: WrittenGraph }
  | { readonly reference: string; readonly kind: "float" | "integer" | "integers" };

/** A node to write. */
export interface WrittenNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, WrittenAttribute>>;
}

/** An input or output to write; a size may be a dimension's name, or null for one without a name. */
export interface WrittenValue {
  readonly name: string;
  readonly element: ElementType;
  readonly shape: readonly (number | string | null)[];
}

/** A graph to write: of a model, or one that a node holds. */
export interface WrittenGraph {
  readonly name: string;
  readonly nodes: readonly WrittenNode[];
  readonly inputs: readonly WrittenValue[];
  readonly outputs: readonly WrittenValue[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
  /** Weights of which the shape alone is known: external data at a place where nothing is. */
  readonly absentInitializers?: Readonly<Record<string, TensorType>>;
}

/** A function of the model to write; it has the model's opset unless it names one. */
export interface WrittenFunction {
  readonly domain: string;
  readonly name: string;
  readonly overload?: string;
  readonly opset?: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly WrittenNode[];
  /** Attributes that a call gives. */
  readonly attributes?: readonly string[];
  /** Attributes that a call may give, with their values otherwise. */
  readonly defaults?: Readonly<Record<string, WrittenAttribute>>;
}

/** An ONNX model to write. */
export interface WrittenModel extends WrittenGraph {
  readonly opset: number;
  readonly functions?: readonly WrittenFunction[];
}

function attributeProto(name: string, value: WrittenAttribute): AttributeProto {
  const text = new TextEncoder();
  if (typeof value === "string") return { name, type: 3, s: text.encode(value) };
  if (typeof value === "number")
    return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("floats" in value) return { name, type: 6, floats: [...value.floats] };
  if ("graph" in value) return { name, type: 5, g: graphProto(value.graph) };
  if ("reference" in value) {
    const type = { float: 1, integer: 2, integers: 7 }[value.kind];
    return { name, type, refAttrName: value.reference };
  }
  if ("type" in value) return { name, type: 4, t: writeTensorProto(value, name) };
  const numbers = value.filter((each) => typeof each === "number");
  if (numbers.length === value.length) {
    return numbers.every(Number.isInteger) ? { name, type: 7, ints: numbers } : { name, type: 6, floats: numbers };
  }
  const texts = value.filter((each) => typeof each === "string");
  if (texts.length !== value.length) throw internalError(`attribute "${name}" mixes numbers and texts`);
  return { name, type: 8, strings: texts.map((each) => text.encode(each)) };
}

function valueInfo({ name, element, shape }: WrittenValue): ValueInfoProto {
  const dim = shape.map((size) =>
    size === null ? {} : typeof size === "number" ? { dimValue: size } : { dimParam: size },
  );
  return { name, type: { tensorType: { elemType: dataTypes[element], shape: { dim } } } };
}

function nodeProto({ operator, inputs, outputs, name, domain, attributes }: WrittenNode, index: number): NodeProto {
  return {
    opType: operator,
    name: name ?? `${operator}_${index}`,
    domain: domain ?? "",
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes ?? {}).map(([key, value]) => attributeProto(key, value)),
  };
}

function initializerProtos(graph: WrittenGraph): TensorProto[] {
  const stored = Object.entries(graph.initializers ?? {}).map(([name, tensor]) => writeTensorProto(tensor, name));
  return [...stored, ...absentProtos(graph)];
}

function absentProtos({ absentInitializers }: WrittenGraph): TensorProto[] {
  const externalData = [{ key: "location", value: "absent" }];
  return Object.entries(absentInitializers ?? {}).map(
    ([name, { element, shape }]): TensorProto => ({
      name,
      dims: [...shape],
      dataType: dataTypes[element],
      dataLocation: 1,
      externalData,
    }),
  );
}

function graphProto(graph: WrittenGraph, initializer = initializerProtos(graph)): GraphProto {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeProto),
    initializer,
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
  };
}

function opsetImports(nodes: readonly WrittenNode[], opset: number): OperatorSetIdProto[] {
  const domains = new Set(nodes.flatMap(({ domain }) => (domain === undefined || domain === "" ? [] : [domain])));
  return [{ domain: "", version: opset }, ...[...domains].map((domain) => ({ domain, version: 1 }))];
}

function functionProto(written: WrittenFunction, modelOpset: number): FunctionProto {
  return {
    domain: written.domain,
    name: written.name,
    overload: written.overload ?? "",
    input: [...written.inputs],
    output: [...written.outputs],
    node: written.nodes.map(nodeProto),
    attribute: [...(written.attributes ?? [])],
    attributeProto: Object.entries(written.defaults ?? {}).map(([key, value]) => attributeProto(key, value)),
    opsetImport: opsetImports(written.nodes, written.opset ?? modelOpset),
  };
}

/** The IR version that brought what a model uses: 8 for most, 10 for functions and integers of 4 bits, 13 for those of 2 bits. */
function irVersionOf({ opset, functions }: WrittenModel): number {
  if (opset >= 25) return 13;
  return functions === undefined && opset < 21 ? 8 : 10;
}

function modelProto(model: WrittenModel, initializer?: TensorProto[]): ModelProto {
  return {
    irVersion: irVersionOf(model),
    producerName: "boreal",
    opsetImport: opsetImports(model.nodes, model.opset),
    graph: graphProto(model, initializer),
    functions: (model.functions ?? []).map((each) => functionProto(each, model.opset)),
  };
}

/** Writes an ONNX model with its weights as raw data within it. */
export function writeModel(model: WrittenModel): Uint8Array {
  return encodeModel(modelProto(model));
}

/** Bytes that external data are aligned to, so that they can be viewed as elements of any type. */
const alignmentBytes = 64;

/** Writes an ONNX model whose weights stand in a file of their own, at `location` beside the model. */
export function writeModelWithExternalData(
  model: WrittenModel,
  location: string,
): { readonly model: Uint8Array; readonly data: Uint8Array } {
  let offset = 0;
  const parts = Object.entries(model.initializers ?? {}).map(([name, tensor]) => {
    const bytes = rawBytes(tensor);
    const part = { name, tensor, bytes, offset };
    offset = roundUp(offset + bytes.length, alignmentBytes);
    return part;
  });
  const data = new Uint8Array(offset);
  const initializer = parts.map(({ name, tensor, bytes, offset: start }): TensorProto => {
    data.set(bytes, start);
    const entries = { location, offset: String(start), length: String(bytes.length) };
    return {
      name,
      dims: [...tensor.type.shape],
      dataType: dataTypes[tensor.type.element],
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    };
  });
  return { model: encodeModel(modelProto(model, [...initializer, ...absentProtos(model)])), data };
}
