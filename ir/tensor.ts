import { internalError } from "../base/errors.ts";
import { type ElementType, elementCount, type TensorType, tensorType } from "./type.ts";

/** The arrays that hold tensor elements; f16 and bf16 are stored as their bits, sub-byte integers one a byte. */
export type TensorData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A value in memory: row-major elements of the type's shape. */
export interface Tensor {
  readonly type: TensorType;
  readonly data: TensorData;
}

const constructors = {
  bool: Uint8Array,
  i2: Int8Array,
  u2: Uint8Array,
  i4: Int8Array,
  u4: Uint8Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
} as const satisfies Record<ElementType, new (length: number) => TensorData>;

/** An array of `count` zeros that can hold the element type. */
export function allocateData(element: ElementType, count: number): TensorData {
  return new constructors[element](count);
}

/** A view of little-endian bytes as elements; copies when the offset is not aligned. */
export function viewData(element: ElementType, bytes: Uint8Array): TensorData {
  const array = constructors[element];
  const width = array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(aligned.byteLength / width));
}

/** Makes a tensor; throws B901 when the data does not have the type's element count. */
export function makeTensor(type: TensorType, data: TensorData): Tensor {
  if (data.length !== elementCount(type)) {
    throw internalError(`tensor of shape [${type.shape.join(",")}] was given ${data.length} elements`);
  }
  return { type, data };
}

/** An f32 tensor of the given numbers. */
export function f32Tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  return makeTensor(tensorType("f32", shape), Float32Array.from(values));
}

/** An i64 tensor of the given numbers. */
export function i64Tensor(shape: readonly number[], values: readonly (number | bigint)[]): Tensor {
  return makeTensor(tensorType("i64", shape), BigInt64Array.from(values.map((value) => BigInt(value))));
}
