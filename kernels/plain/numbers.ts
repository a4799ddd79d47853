import { type ElementName, isWide, type Storage, storageOf, storageRange, wrapInteger } from "../element.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../float16.ts";
import type { KernelFunction } from "../kernels.ts";

/** Reads a number as stored; 64-bit integers as the nearest number. */
export function readNumber(memory: DataView, storage: Storage, address: number): number {
  switch (storage) {
    case "i8":
      return memory.getInt8(address);
    case "u8":
      return memory.getUint8(address);
    case "i16":
      return memory.getInt16(address, true);
    case "u16":
      return memory.getUint16(address, true);
    case "i32":
      return memory.getInt32(address, true);
    case "u32":
      return memory.getUint32(address, true);
    case "i64":
      return Number(memory.getBigInt64(address, true));
    case "u64":
      return Number(memory.getBigUint64(address, true));
    case "f16":
      return f64FromF16Bits(memory.getUint16(address, true));
    case "f32":
      return memory.getFloat32(address, true);
  }
}

/** Reads an integer of any width exactly. */
export function readInteger(memory: DataView, storage: Storage, address: number): bigint {
  if (storage === "i64") return memory.getBigInt64(address, true);
  if (storage === "u64") return memory.getBigUint64(address, true);
  return BigInt(readNumber(memory, storage, address));
}

/** Writes a number: rounded once for f16 and f32, the low bits of a whole number otherwise. */
export function writeNumber(memory: DataView, storage: Storage, address: number, value: number): void {
  switch (storage) {
    case "i8":
    case "u8":
      memory.setUint8(address, value);
      break;
    case "i16":
    case "u16":
      memory.setUint16(address, value, true);
      break;
    case "i32":
    case "u32":
      memory.setUint32(address, value, true);
      break;
    case "i64":
    case "u64":
      writeInteger(memory, storage, address, BigInt(value));
      break;
    case "f16":
      memory.setUint16(address, f16BitsFromF64(value), true);
      break;
    case "f32":
      memory.setFloat32(address, value, true);
      break;
  }
}

/** Writes an integer: rounded for floats, the low bits otherwise. */
export function writeInteger(memory: DataView, storage: Storage, address: number, value: bigint): void {
  if (isWide(storage)) memory.setBigUint64(address, BigInt.asUintN(64, value), true);
  else if (storage === "f16" || storage === "f32") writeNumber(memory, storage, address, Number(value));
  else writeNumber(memory, storage, address, Number(BigInt.asIntN(32, value)));
}

/** Functions whose results of stored integers need no wrapping: they give what they were given, or clamp. */
const withinType: ReadonlySet<KernelFunction> = new Set<KernelFunction>([
  "maximum",
  "minimum",
  "clip",
  "relu",
  "requantize",
  "quantize",
  "reduce_maximum",
  "reduce_minimum",
  "mean",
]);

/** Writes a function's result as an element, wrapped to its width where the function can leave it. */
export function writeResult(
  memory: DataView,
  name: KernelFunction,
  element: ElementName,
  address: number,
  value: number,
): void {
  writeNumber(memory, storageOf(element), address, withinType.has(name) ? value : wrapInteger(element, value));
}

/** The integer in the range of a storage of at most 32 bits that is nearest to a number. */
export function saturate(storage: Storage, value: number): number {
  const { low, high } = storageRange(storage);
  return Math.max(low, Math.min(high, value));
}
