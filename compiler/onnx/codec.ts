import { readFileSync } from "node:fs";
import protobuf from "protobufjs/light.js";
import { assetUrl } from "../../base/assets.ts";
import { type Location, problem } from "../../base/errors.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ByteSource } from "./byte-source.ts";
import type { ModelProto, TensorProto } from "./proto-types.ts";
import { readSkeleton, storedField } from "./skeleton.ts";
import { readTensorProto, writeTensorProto } from "./tensor-proto.ts";

/** The message types of the ONNX schema, by reflection. */
interface Schema {
  readonly model: protobuf.Type;
  readonly tensor: protobuf.Type;
  /** A ModelProto whose tensors may refer to data that stay in the file. */
  readonly skeleton: protobuf.Type;
}

function loadSchema(): Schema {
  const text = readFileSync(assetUrl("compiler/onnx/generated/onnx-schema.json"), "utf8");
  const load = (): protobuf.Root => protobuf.Root.fromJSON(JSON.parse(text) as protobuf.INamespace);
  const [root, withStored] = [load(), load()];
  withStored.lookupType("onnx.TensorProto").add(new protobuf.Field("stored", storedField, "uint64", "repeated"));
  return {
    model: root.lookupType("onnx.ModelProto"),
    tensor: root.lookupType("onnx.TensorProto"),
    skeleton: withStored.lookupType("onnx.ModelProto"),
  };
}

const schema = loadSchema();

/** Whether the bytes begin like a message of the type: a field that it has, with the wire type that the field has. */
function beginsLike(type: protobuf.Type, bytes: Uint8Array): boolean {
  const tag = bytes[0] ?? 0;
  const field = type.fieldsById[tag >>> 3];
  if (field === undefined || tag >= 0x80) return false;
  const basic: Readonly<Record<string, number>> = protobuf.types.basic;
  const wireType = basic[field.type] ?? 2;
  return (tag & 7) === wireType || (field.repeated && (tag & 7) === 2);
}

/** Decodes one message; unknown fields are kept, bytes are views of the input. Throws B101 or B102. */
function decode(type: protobuf.Type, bytes: Uint8Array, at: Location, what: string): protobuf.Message {
  if (bytes.length === 0) throw problem("B101", `The file is empty; expected ${what}.`, at);
  const reader = protobuf.Reader.create(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  reader.discardUnknown = false;
  try {
    return type.decode(reader);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const byte = Math.min(reader.pos, bytes.length);
    if (!beginsLike(type, bytes)) {
      throw problem("B101", `Found ${describeStart(bytes)}; expected ${what}.`, { ...at, byte: 0 });
    }
    throw problem("B102", `Decoding stopped at byte ${byte} of ${bytes.length} (${reason}); expected ${what}.`, {
      ...at,
      byte,
    });
  }
}

function describeStart(bytes: Uint8Array): string {
  const start = bytes.subarray(0, 16);
  const isText = start.every((byte) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13);
  if (isText) return `text that begins with ${JSON.stringify(String.fromCharCode(...start))}`;
  return `bytes ${Array.from(start.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}

const modelText = "a serialized ONNX ModelProto";

/**
 * Decodes an ONNX model. Fields that the schema does not know are kept; tensor data are views of `bytes`.
 * Throws B101 for bytes that are no model and B102 for a damaged one, with the byte offset.
 */
export function decodeModel(bytes: Uint8Array, at: Location = {}): ModelProto {
  return withGraph(decode(schema.model, bytes, at, modelText) as ModelProto, bytes, bytes.length, at);
}

/**
 * Decodes an ONNX model without the large data of its tensors, which stay in the source (see TensorProto.stored).
 * Throws B101 for bytes that are no model, B102 for a damaged one, and B117 for one beyond the limits.
 */
export function decodeSkeleton(source: ByteSource, at: Location = {}): ModelProto {
  const start = source.read(0, Math.min(16, source.sizeBytes));
  if (start.length > 0 && !beginsLike(schema.model, start)) {
    throw problem("B101", `Found ${describeStart(start)}; expected ${modelText}.`, { ...at, byte: 0 });
  }
  const skeleton = readSkeleton(source, schema.model, at);
  return withGraph(decode(schema.skeleton, skeleton, at, modelText) as ModelProto, start, source.sizeBytes, at);
}

function withGraph(model: ModelProto, start: Uint8Array, sizeBytes: number, at: Location): ModelProto {
  if (model.graph !== null && model.graph !== undefined) return model;
  if (!beginsLike(schema.model, start))
    throw problem("B101", `Found ${describeStart(start)}; expected ${modelText}.`, { ...at, byte: 0 });
  throw problem("B102", `The model has no graph; the file of ${sizeBytes} bytes ends too early or is damaged.`, {
    ...at,
    byte: sizeBytes,
  });
}

/** Encodes an ONNX model; fields kept from decoding are written back. */
export function encodeModel(model: ModelProto): Uint8Array {
  return schema.model.encode(model).finish();
}

/** Decodes a serialized TensorProto. Throws B101, B102 or B115. */
export function decodeTensorProto(bytes: Uint8Array, at: Location = {}): Tensor {
  return readTensorProto(decode(schema.tensor, bytes, at, "a serialized ONNX TensorProto") as TensorProto, at);
}

/** Encodes a tensor as a serialized TensorProto with raw data. */
export function encodeTensorProto(tensor: Tensor, name = ""): Uint8Array {
  return schema.tensor.encode(writeTensorProto(tensor, name)).finish();
}
