import { isInteger, isWide, type Storage, storageOf, storedBytes } from "../element.ts";
import { roundToEven, roundToOdd } from "../fixed-point.ts";
import type { KernelFunction, ReduceTask } from "../kernels.ts";
import { checkReduction } from "../task.ts";
import { readInteger, readNumber, saturate, writeInteger, writeResult } from "./numbers.ts";
import { offsets, walk } from "./walk.ts";

/** Adds f16 numbers exactly: as integers, in units of 2^−24, of which every f16 is a multiple. */
function exactSum(values: readonly number[]): number {
  const special = values.filter((value) => !Number.isFinite(value));
  if (special.length > 0) return special.reduce((left, right) => left + right);
  let total = 0n;
  for (let start = 0; start < values.length; start += 4096) {
    let units = 0;
    for (const value of values.slice(start, start + 4096)) units += value * 16777216;
    total += BigInt(units);
  }
  return Number(total) / 16777216;
}

/** Adds the squares of f16 numbers exactly, in units of 2^−48; rounded to odd. */
function exactSquareSum(values: readonly number[]): number {
  const special = values.filter((value) => !Number.isFinite(value));
  if (special.length > 0) return special.reduce((total, value) => total + value * value, 0);
  return roundToOdd(values.reduce((total, value) => total + BigInt(value * 2 ** 24) ** 2n, 0n)) * 2 ** -48;
}

function reduceFloats(name: KernelFunction, values: readonly number[], divisor: number): number {
  switch (name) {
    case "sum":
      return exactSum(values);
    case "mean":
      return exactSum(values) / divisor;
    case "mean_of_squares":
      return exactSquareSum(values) / divisor;
    case "product":
      return values.reduce((left, right) => left * right);
    case "reduce_maximum":
      return values.reduce((left, right) => Math.max(left, right));
    default:
      return values.reduce((left, right) => Math.min(left, right));
  }
}

/** The mean of integers: of at most 16 bits rounded to even and saturated, of wider ones truncated toward zero. */
function integerMean(storage: Storage, total: bigint, divisor: number): bigint {
  if (isWide(storage)) return total / BigInt(divisor);
  const quotient = Number(total) / divisor;
  const wide = storage === "i32" || storage === "u32";
  return BigInt(wide ? Math.trunc(quotient) : saturate(storage, roundToEven(quotient)));
}

function reduceIntegers(name: KernelFunction, storage: Storage, values: readonly bigint[], divisor: number): bigint {
  switch (name) {
    case "sum":
      return values.reduce((left, right) => left + right);
    case "mean":
      return integerMean(
        storage,
        values.reduce((left, right) => left + right),
        divisor,
      );
    case "product":
      return values.reduce((left, right) => BigInt.asIntN(64, left * right));
    case "reduce_maximum":
      return values.reduce((left, right) => (left > right ? left : right));
    default:
      return values.reduce((left, right) => (left < right ? left : right));
  }
}

/** The place of the first or last greatest or least value; a NaN is neither. */
function extremeIndex(name: KernelFunction, values: readonly (number | bigint)[]): number {
  const last = name.startsWith("last");
  const greatest = name.includes("maximum");
  let best = 0;
  values.forEach((value, index) => {
    const champion = values[best] as number | bigint;
    if ((greatest ? value > champion : value < champion) || (last && value === champion)) best = index;
  });
  return best;
}

/** Plain twin of `Kernels.reduce`. */
export function reduce(memory: DataView, task: ReduceTask): void {
  const storage = checkReduction(task);
  const { counts, source, divisor, destination, function: name } = task;
  const inner = offsets(task.inner, source.strides.slice(counts.length));
  if (inner.length === 0) throw new RangeError(`${name} of no elements`);
  const result = storageOf(destination.element);
  walk(counts, [destination.strides, source.strides, divisor?.strides ?? null], (d, a, b) => {
    const target = destination.address + d;
    const read = <T>(reader: (memory: DataView, storage: Storage, address: number) => T): T[] =>
      inner.map((offset) => reader(memory, storage, source.address + a + offset));
    const count = divisor === null ? inner.length : memory.getInt32(divisor.address + b, true);
    if (name.endsWith("_index")) {
      const index = extremeIndex(name, isWide(storage) ? read(readInteger) : read(readNumber));
      writeInteger(memory, "i64", target, BigInt(index));
    } else if (isInteger(storage)) {
      const value = reduceIntegers(name, storage, read(readInteger), count);
      if (storedBytes(destination.element) > 1) writeInteger(memory, result, target, value);
      else writeResult(memory, name, destination.element, target, Number(BigInt.asIntN(32, value)));
    } else writeResult(memory, name, destination.element, target, reduceFloats(name, read(readNumber), count));
  });
}
