import { internalError } from "../../base/errors.ts";
import { roundUp } from "../../base/math.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ElementType } from "../../ir/type.ts";
import { encodeModel } from "./codec.ts";
import type { AttributeProto, ModelProto, TensorProto, ValueInfoProto } from "./proto-types.ts";
import { dataTypes, rawBytes, writeTensorProto } from "./tensor-proto.ts";

/**
 * An attribute to write: a whole number or list of them is an INT(S), other numbers are FLOAT(S); `float` and `floats`
 * make FLOAT(S) of whole numbers too.
 */
export type WrittenAttribute =
  | number
  | string
  | Tensor
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

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

/** An ONNX model to write. */
export interface WrittenModel {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly WrittenNode[];
  readonly inputs: readonly WrittenValue[];
  readonly outputs: readonly WrittenValue[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
}

function attributeProto(name: string, value: WrittenAttribute): AttributeProto {
  const text = new TextEncoder();
  if (typeof value === "string") return { name, type: 3, s: text.encode(value) };
  if (typeof value === "number")
    return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
  if ("float" in value) return { name, type: 1, f: value.float };
  if ("floats" in value) return { name, type: 6, floats: [...value.floats] };
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

function modelProto(model: WrittenModel, initializer: TensorProto[]): ModelProto {
  const domains = new Set(
    model.nodes.flatMap((node) => (node.domain === undefined || node.domain === "" ? [] : [node.domain])),
  );
  return {
    irVersion: 8,
    producerName: "boreal",
    opsetImport: [{ domain: "", version: model.opset }, ...[...domains].map((domain) => ({ domain, version: 1 }))],
    graph: {
      name: model.name,
      node: model.nodes.map(({ operator, inputs, outputs, name, domain, attributes }, index) => ({
        opType: operator,
        name: name ?? `${operator}_${index}`,
        domain: domain ?? "",
        input: [...inputs],
        output: [...outputs],
        attribute: Object.entries(attributes ?? {}).map(([key, value]) => attributeProto(key, value)),
      })),
      initializer,
      input: model.inputs.map(valueInfo),
      output: model.outputs.map(valueInfo),
    },
  };
}

/** Writes an ONNX model (IR version 8) with its weights as raw data within it. */
export function writeModel(model: WrittenModel): Uint8Array {
  const initializers = Object.entries(model.initializers ?? {});
  return encodeModel(
    modelProto(
      model,
      initializers.map(([name, tensor]) => writeTensorProto(tensor, name)),
    ),
  );
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
  return { model: encodeModel(modelProto(model, initializer)), data };
}
