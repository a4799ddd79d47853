import { type Storage, storageOf, storageRange, storedBytes } from "../element.ts";
import { fixedPointFactor, roundAndClamp } from "../fixed-point.ts";
import { f16BitsFromF64, f64FromF16Bits } from "../float16.ts";
import type { KernelFunction, VectorTask } from "../kernels.ts";
import { evaluateFunction, isTableFunction } from "../tables.ts";
import { checkVector, clipBounds, fillBits, parameter } from "../task.ts";
import { walk } from "./walk.ts";

/** Reads a number as stored. */
export function readNumber(memory: DataView, storage: Storage, address: number): number {
  switch (storage) {
    case "i8":
      return memory.getInt8(address);
    case "u8":
      return memory.getUint8(address);
    case "i32":
      return memory.getInt32(address, true);
    case "f16":
      return f64FromF16Bits(memory.getUint16(address, true));
    case "f32":
      return memory.getFloat32(address, true);
  }
}

/** Writes a number: rounded once for f16 and f32, the low bits of an integer otherwise. */
export function writeNumber(memory: DataView, storage: Storage, address: number, value: number): void {
  if (storage === "f16") memory.setUint16(address, f16BitsFromF64(value), true);
  else if (storage === "f32") memory.setFloat32(address, value, true);
  else if (storage === "i32") memory.setInt32(address, value, true);
  else memory.setUint8(address, value);
}

/** The greater of two numbers; NaN if either is, and +0 above −0: Math.max is defined so. */
function binary(name: KernelFunction, storage: Storage, a: number, b: number): number {
  switch (name) {
    case "add":
      return a + b;
    case "subtract":
      return a - b;
    case "multiply":
      return storage === "i32" ? Math.imul(a, b) : a * b;
    case "divide":
      return a / b;
    case "maximum":
      return Math.max(a, b);
    default:
      return Math.min(a, b);
  }
}

function unary(task: VectorTask, storage: Storage): (a: number) => number {
  const name = task.function;
  switch (name) {
    case "relu":
    case "clip": {
      const stored = clipBounds(task, storage);
      const [low, high] = storage === "f16" ? (stored.map(f64FromF16Bits) as [number, number]) : stored;
      return (a) => Math.max(low, Math.min(high, a));
    }
    case "leaky_relu": {
      const alpha = parameter(task, "alpha");
      return (a) => (a >= 0 ? a : alpha * a);
    }
    case "negate":
      return (a) => -a;
    case "absolute":
      return Math.abs;
    default:
      if (!isTableFunction(name)) throw new RangeError(`${name} has no table`);
      return (a) => evaluateFunction(name, a);
  }
}

/** Plain twin of `Kernels.vector`. */
export function vector(memory: DataView, task: VectorTask): void {
  const { first, second, storage } = checkVector(task);
  const { counts, destination, function: name } = task;
  const strides = [destination.strides, first?.strides ?? null, second?.strides ?? null];
  const target = destination.address;
  if (first === null) {
    const bits = fillBits(storage, parameter(task, "value"));
    const bytes = storedBytes(destination.element);
    walk(counts, strides, (d) => {
      for (let byte = 0; byte < bytes; byte += 1) memory.setUint8(target + d + byte, bits >> (8 * byte));
    });
  } else if (name === "copy") {
    const bytes = storedBytes(first.element);
    walk(counts, strides, (d, a) => copyBytes(memory, target + d, first.address + a, bytes));
  } else if (second === null) {
    const apply = unary(task, storage);
    walk(counts, strides, (d, a) => {
      writeNumber(memory, storage, target + d, apply(readNumber(memory, storage, first.address + a)));
    });
  } else if (second.element !== "scale") {
    walk(counts, strides, (d, a, b) => {
      const left = readNumber(memory, storage, first.address + a);
      const right = readNumber(memory, storage, second.address + b);
      writeNumber(memory, storage, target + d, binary(name, storage, left, right));
    });
  } else {
    const zero = parameter(task, "zero");
    const factorAt = (at: number): number =>
      fixedPointFactor({ multiplier: memory.getInt32(at, true), shift: memory.getInt32(at + 4, true) });
    const [low, high] = name === "dequantize" ? [0, 0] : [parameter(task, "low"), parameter(task, "high")];
    walk(counts, strides, (d, a, b) => {
      const value = readNumber(memory, storage, first.address + a);
      const factor = factorAt(second.address + b);
      if (name === "dequantize") writeNumber(memory, "f16", target + d, (value - zero) * factor);
      else {
        const narrow = roundAndClamp(Number.isNaN(value) ? 0 : value, factor, zero, low, high);
        writeNumber(memory, storageOf(destination.element), target + d, narrow);
      }
    });
  }
}

/** Copies one element. */
export function copyBytes(memory: DataView, target: number, source: number, bytes: number): void {
  for (let byte = 0; byte < bytes; byte += 1) memory.setUint8(target + byte, memory.getUint8(source + byte));
}

/** The integer in an integer storage's range that is nearest to a number. */
export function saturate(storage: Storage, value: number): number {
  const { low, high } = storageRange(storage);
  return Math.max(low, Math.min(high, value));
}
