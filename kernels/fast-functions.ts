import { type Storage, storageOf, storedBytes } from "./element.ts";
import type { Comparison, ElementView, KernelFunction, ReduceTask, VectorTask } from "./kernels.ts";
import * as layout from "./layout.ts";
import { isTableFunction } from "./tables.ts";
import { isComparison } from "./task.ts";

/** How the WASM module does a vector task; null when it does not, and the plain kernels do. */
export type FastForm = "fill" | "unary" | "binary" | "comparison" | "bits" | "select" | "convert";

/** The module's numbers of storages. */
export const storageCodes: Readonly<Record<Storage, number>> = {
  i8: layout.storageI8,
  u8: layout.storageU8,
  i16: layout.storageI16,
  u16: layout.storageU16,
  i32: layout.storageI32,
  u32: layout.storageU32,
  i64: layout.storageI64,
  u64: layout.storageU64,
  f16: layout.storageF16,
  f32: layout.storageF32,
};

/** The module's numbers of functions of two operands. */
export const binaryCodes: Readonly<Partial<Record<KernelFunction, number>>> = {
  add: layout.binaryAdd,
  subtract: layout.binarySubtract,
  multiply: layout.binaryMultiply,
  divide: layout.binaryDivide,
  maximum: layout.binaryMaximum,
  minimum: layout.binaryMinimum,
};

/** The module's numbers of functions of bits. */
export const bitsCodes: Readonly<Partial<Record<KernelFunction, number>>> = {
  and: layout.bitsAnd,
  or: layout.bitsOr,
  xor: layout.bitsXor,
};

/** The module's numbers of comparisons; the operands of some are swapped. */
export const comparisonCodes: Readonly<Record<Comparison, { readonly code: number; readonly swapped: boolean }>> = {
  equal: { code: layout.compareEqual, swapped: false },
  less: { code: layout.compareLess, swapped: false },
  less_or_equal: { code: layout.compareLessOrEqual, swapped: false },
  greater: { code: layout.compareLess, swapped: true },
  greater_or_equal: { code: layout.compareLessOrEqual, swapped: true },
};

/** The module's numbers of reductions. */
export const reductionCodes: Readonly<Partial<Record<KernelFunction, number>>> = {
  sum: layout.reduceSum,
  mean: layout.reduceMean,
  reduce_maximum: layout.reduceMaximum,
  reduce_minimum: layout.reduceMinimum,
  mean_of_squares: layout.reduceMeanOfSquares,
};

const narrowAndHalf: readonly Storage[] = ["i8", "u8", "i32", "f16"];

/** The storages on which the module computes a function of one element type. */
const storages: Readonly<Partial<Record<KernelFunction, readonly Storage[]>>> = {
  fill: narrowAndHalf,
  add: ["i32", "f16"],
  subtract: ["i32", "f16"],
  multiply: ["i32", "f16"],
  divide: ["f16"],
  maximum: narrowAndHalf,
  minimum: narrowAndHalf,
  clip: narrowAndHalf,
  relu: narrowAndHalf,
  leaky_relu: ["f16"],
  negate: ["f16"],
  absolute: ["f16"],
  dequantize: ["i8", "u8", "i32"],
  sum: narrowAndHalf,
  mean: ["i8", "u8", "f16"],
  mean_of_squares: ["f16"],
  reduce_maximum: narrowAndHalf,
  reduce_minimum: narrowAndHalf,
};

/** Whether an element is a part of the byte that it is stored in. */
function isSubByte({ element }: ElementView): boolean {
  return element === "i2" || element === "u2" || element === "i4" || element === "u4";
}

/** How the module does a vector task of which `storage` is what it reads, or fills. */
export function fastForm({ function: name, destination }: VectorTask, storage: Storage): FastForm | null {
  if (name === "select") return "select";
  if (isComparison(name)) return "comparison";
  if (bitsCodes[name] !== undefined) return "bits";
  if (name === "convert") {
    const isExact = storage !== "u64" || storageOf(destination.element) !== "f16";
    return isExact && !isSubByte(destination) ? "convert" : null;
  }
  if (name === "copy" || isTableFunction(name)) return "unary";
  if (name === "quantize" || name === "requantize") return storedBytes(destination.element) === 1 ? "binary" : null;
  if (storages[name]?.includes(storage) !== true) return null;
  if (name === "fill") return "fill";
  return name === "dequantize" || binaryCodes[name] !== undefined ? "binary" : "unary";
}

/** Whether the module does a reduction. A sum of bytes that stays in bytes is left to the plain kernels. */
export function isFastReduction({ function: name, source, destination }: ReduceTask, storage: Storage): boolean {
  const wraps = name === "sum" && storedBytes(source.element) === 1 && storedBytes(destination.element) === 1;
  return !wraps && storages[name]?.includes(storage) === true;
}
