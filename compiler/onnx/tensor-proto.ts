import { type Location, problem } from "../../base/errors.ts";
import { plainNumber, product } from "../../base/math.ts";
import { allocateData, type Tensor, type TensorData, viewData } from "../../ir/tensor.ts";
import {
  type ElementType,
  elementCount,
  elementTypes,
  packedBytes,
  type TensorType,
  tensorType,
} from "../../ir/type.ts";
import { type ByteSource, ByteWindow } from "./byte-source.ts";
import { limits } from "./limits.ts";
import type { Integer64, TensorProto } from "./proto-types.ts";

/** ONNX's TensorProto.DataType numbers of the element types that Boreal has. */
export const dataTypes = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
  u4: 21,
  i4: 22,
  u2: 25,
  i2: 26,
} as const satisfies Record<ElementType, number>;

const otherTypes: Readonly<Record<number, string>> = {
  0: "UNDEFINED",
  8: "STRING",
  14: "COMPLEX64",
  15: "COMPLEX128",
  17: "FLOAT8E4M3FN",
  18: "FLOAT8E4M3FNUZ",
  19: "FLOAT8E5M2",
  20: "FLOAT8E5M2FNUZ",
  23: "FLOAT4E2M1",
  24: "FLOAT8E8M0",
  27: "FLOAT6E2M3",
  28: "FLOAT6E3M2",
};

const elementsByNumber: ReadonlyMap<number, ElementType> = new Map(
  Object.entries(dataTypes).map(([element, number]) => [number, element as ElementType]),
);

/** The element type of an ONNX data type number; throws B115 for one that Boreal does not have. */
export function elementOfDataType(dataType: number | null | undefined, at: Location): ElementType {
  const element = elementsByNumber.get(dataType ?? 0);
  if (element !== undefined) return element;
  const name = otherTypes[dataType ?? 0] ?? "unknown";
  throw problem(
    "B115",
    `Element type ${dataType ?? 0} (${name}) is not supported; expected one of ${Object.keys(dataTypes).join(", ")}.`,
    at,
  );
}

/** A 64-bit integer as a number: exact within ±2^53, nearest beyond; 0 when it is absent. */
export function toNumber(value: Integer64 | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return typeof value === "number" ? value : plainNumber(value.toNumber());
}

/** Sizes of a shape as numbers; throws B115 for a negative one, B117 for too many axes or elements. */
export function checkedShape(sizes: readonly number[], at: Location): number[] {
  if (sizes.length > limits.axes) {
    throw problem("B117", `A shape has ${sizes.length} axes; at most ${limits.axes} are accepted.`, at);
  }
  if (sizes.some((size) => size < 0)) throw problem("B115", `Shape [${sizes.join(",")}] has a negative size.`, at);
  const count = product(sizes.map((size) => Math.max(1, size)));
  if (!(count <= limits.tensorElements)) {
    throw problem(
      "B117",
      `Shape [${sizes.join(",")}] has ${count} elements; at most ${limits.tensorElements} are accepted.`,
      at,
    );
  }
  return [...sizes];
}

/** The element type and shape that a TensorProto declares; throws B115 or B117. */
export function tensorProtoType(proto: TensorProto, at: Location): TensorType {
  const element = elementOfDataType(proto.dataType, at);
  return tensorType(element, checkedShape((proto.dims ?? []).map(toNumber), at));
}

/** Unpacks `count` integers of 2 or 4 bits, low bits of a byte first, to one a byte. */
export function unpackSubBytes(element: ElementType, bytes: Uint8Array, count: number): TensorData {
  const { bits, signed } = elementTypes[element];
  const data = allocateData(element, count) as Int8Array | Uint8Array;
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let index = 0; index < count; index += 1) {
    const byte = bytes[Math.floor(index / perByte)] as number;
    const value = (byte >>> ((index % perByte) * bits)) & mask;
    data[index] = signed ? (value << (32 - bits)) >> (32 - bits) : value;
  }
  return data;
}

/** Packs integers of 2 or 4 bits, low bits of a byte first. */
export function packSubBytes(element: ElementType, data: ArrayLike<number>): Uint8Array {
  const { bits } = elementTypes[element];
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const bytes = new Uint8Array(packedBytes(element, data.length));
  for (let index = 0; index < data.length; index += 1) {
    const byte = Math.floor(index / perByte);
    bytes[byte] = (bytes[byte] as number) | (((data[index] as number) & mask) << ((index % perByte) * bits));
  }
  return bytes;
}

/**
 * Elements of a type from ONNX's raw bytes (little-endian, sub-byte types packed): a view where the bytes are aligned, a
 * copy where not. Throws B115 when the byte count does not fit.
 */
export function dataFromBytes(type: TensorType, bytes: Uint8Array, at: Location): TensorData {
  const count = elementCount(type);
  checkByteCount(type, bytes.byteLength, at);
  if (elementTypes[type.element].bits < 8) return unpackSubBytes(type.element, bytes, count);
  // A plain Uint8Array: the slice of a Buffer would not copy.
  const data = viewData(type.element, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return type.element === "bool" ? booleans(data as Uint8Array) : data;
}

/** Throws B115 unless a tensor of the type has that many bytes. */
export function checkByteCount(type: TensorType, byteCount: number, at: Location): void {
  const expected = packedBytes(type.element, elementCount(type));
  if (byteCount === expected) return;
  throw problem(
    "B115",
    `Found ${byteCount} bytes of data; ${type.element}[${type.shape.join(",")}] needs ${expected}.`,
    at,
  );
}

function booleans(data: Uint8Array): Uint8Array {
  return data.some((value) => value > 1) ? data.map((value) => (value === 0 ? 0 : 1)) : data;
}

/** The typed field of TensorProto that holds elements of each type. */
function typedField(element: ElementType): "floatData" | "doubleData" | "int64Data" | "uint64Data" | "int32Data" {
  switch (element) {
    case "f32":
      return "floatData";
    case "f64":
      return "doubleData";
    case "i64":
      return "int64Data";
    case "u32":
    case "u64":
      return "uint64Data";
    default:
      return "int32Data";
  }
}

const typedFields = ["floatData", "doubleData", "int64Data", "uint64Data", "int32Data"] as const;

function toBig(value: Integer64): bigint {
  if (typeof value === "number") return BigInt(value);
  return (BigInt(value.getHighBits()) << 32n) | BigInt(value.getLowBitsUnsigned());
}

function dataFromFields(type: TensorType, proto: TensorProto, at: Location): TensorData {
  const { element } = type;
  const field = typedField(element);
  const wrong = typedFields.find((name) => name !== field && (proto[name]?.length ?? 0) > 0);
  if (wrong !== undefined)
    throw problem("B115", `Elements of ${element} stand in ${wrong}; expected ${field} or rawData.`, at);
  const values: readonly Integer64[] = proto[field] ?? [];
  const count = elementCount(type);
  const packed = elementTypes[element].bits < 8;
  const expected = packed ? packedBytes(element, count) : count;
  if (values.length !== expected) {
    throw problem(
      "B115",
      `Found ${values.length} entries of ${field}; ${element}[${type.shape.join(",")}] needs ${expected}.`,
      at,
    );
  }
  if (packed) return unpackSubBytes(element, Uint8Array.from(values, toNumber), count);
  if (element === "i64") return BigInt64Array.from(values, toBig);
  if (element === "u64") return BigUint64Array.from(values, (value) => BigInt.asUintN(64, toBig(value)));
  const data = allocateData(element, count) as Float64Array;
  for (let index = 0; index < count; index += 1) data[index] = toNumber(values[index]);
  return element === "bool" ? booleans(data as unknown as Uint8Array) : (data as TensorData);
}

/** Whether the tensor's elements stand in another file. */
export function isExternal(proto: TensorProto): boolean {
  return proto.dataLocation === 1;
}

/** The fields of TensorProto that hold its elements, by number. */
const dataFields: ReadonlyMap<number, (typeof typedFields)[number] | "rawData"> = new Map([
  [4, "floatData"],
  [5, "int32Data"],
  [7, "int64Data"],
  [9, "rawData"],
  [10, "doubleData"],
  [11, "uint64Data"],
] as const);

/**
 * The tensor that a TensorProto holds itself, or that stands in `source`, which it was read from; external data are
 * refused. Throws B108, B115 or B117.
 */
export function readTensorProto(proto: TensorProto, at: Location, source: ByteSource | null = null): Tensor {
  const type = tensorProtoType(proto, at);
  if (isExternal(proto))
    throw problem("B108", "The tensor's data stand in another file; expected them within this one.", at);
  if (proto.segment !== null && proto.segment !== undefined) {
    throw problem("B115", "The tensor holds a segment of a larger one; expected a whole tensor.", at);
  }
  const typed = typedFields.filter((name) => (proto[name]?.length ?? 0) > 0);
  const raw = proto.rawData ?? new Uint8Array(0);
  const stored = (proto.stored ?? []).map(toNumber);
  const places = [...typed, ...(raw.length > 0 ? ["rawData"] : [])];
  if (stored.length > 0 && source !== null) {
    const [number = 0, offset = 0, length = 0] = stored;
    if (stored.length > 3 || places.length > 0)
      throw problem("B115", "Elements stand in several places of the file; expected them in one.", at);
    return { type, data: dataFromSource(type, number, { source, offset, length }, at) };
  }
  if (raw.length === 0) return { type, data: dataFromFields(type, proto, at) };
  if (typed[0] !== undefined)
    throw problem("B115", `Elements stand both in rawData and in ${typed[0]}; expected one of them.`, at);
  return { type, data: dataFromBytes(type, raw, at) };
}

/** A range of a source. */
interface StoredRange {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
}

/** Elements that stand in the file as raw bytes or as a packed list; read once, straight into their array. */
function dataFromSource(type: TensorType, number: number, range: StoredRange, at: Location): TensorData {
  const { source, offset, length } = range;
  const field = dataFields.get(number) ?? "rawData";
  const wanted = typedField(type.element);
  if (field !== "rawData" && field !== wanted)
    throw problem("B115", `Elements of ${type.element} stand in ${field}; expected ${wanted} or rawData.`, at);
  if (field === "rawData" || field === "floatData" || field === "doubleData") {
    checkByteCount(type, length, at);
    return dataFromBytes(type, source.read(offset, length), at);
  }
  return dataFromVarints(type, range, at);
}

/** Elements of a packed list of variable-length integers. */
function dataFromVarints(type: TensorType, { source, offset, length }: StoredRange, at: Location): TensorData {
  const { element, shape } = type;
  const packed = elementTypes[element].bits < 8;
  const expected = packed ? packedBytes(element, elementCount(type)) : elementCount(type);
  const refuse = (found: string): never => {
    throw problem("B115", `Found ${found} integers; ${element}[${shape.join(",")}] needs ${expected}.`, at);
  };
  if (expected > length) return refuse(`at most ${length}`);
  const data = packed ? new Uint8Array(expected) : allocateData(element, expected);
  const window = new ByteWindow(source);
  let [count, low, high, shift] = [0, 0, 0, 0];
  for (let place = offset; place < offset + length; place += 1) {
    const byte = window.byte(place);
    const bits = byte & 0x7f;
    if (shift < 32) low |= bits << shift;
    if (shift > 24) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
    shift += 7;
    if (byte >= 0x80) {
      if (shift >= 70) throw problem("B102", "An integer has more than 10 bytes.", { ...at, byte: place });
      continue;
    }
    if (count >= expected) return refuse(`more than ${expected}`);
    if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[count] = (BigInt(high) << 32n) | BigInt(low >>> 0);
    else data[count] = low;
    count += 1;
    [low, high, shift] = [0, 0, 0];
  }
  if (count < expected || shift > 0) return refuse(String(count));
  if (packed) return unpackSubBytes(element, data as Uint8Array, elementCount(type));
  return element === "bool" ? booleans(data as Uint8Array) : data;
}

/** ONNX's raw bytes of a tensor; a view of its data except for sub-byte types. */
export function rawBytes(tensor: Tensor): Uint8Array {
  const { data, type } = tensor;
  if (elementTypes[type.element].bits < 8) return packSubBytes(type.element, data as Int8Array);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A TensorProto that holds the tensor as raw data. */
export function writeTensorProto(tensor: Tensor, name: string): TensorProto {
  return {
    name,
    dims: [...tensor.type.shape],
    dataType: dataTypes[tensor.type.element],
    rawData: rawBytes(tensor),
  };
}
