import type { Storage } from "../element.ts";
import { roundToEven } from "../fixed-point.ts";
import type { ReduceTask } from "../kernels.ts";
import { checkReduction } from "../task.ts";
import { readNumber, saturate, writeNumber } from "./vector.ts";
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

/** Adds integers, with wrap-around in i32. */
function integerSum(values: readonly number[]): number {
  return values.reduce((left, right) => (left + right) | 0, 0);
}

function reduced(task: ReduceTask, storage: Storage, values: readonly number[], divisor: number): number {
  const total = (): number => (storage === "f16" ? exactSum(values) : integerSum(values));
  switch (task.function) {
    case "sum":
      return total();
    case "mean":
      return storage === "f16" ? total() / divisor : saturate(storage, roundToEven(total() / divisor));
    case "reduce_maximum":
      return values.reduce((left, right) => Math.max(left, right));
    default:
      return values.reduce((left, right) => Math.min(left, right));
  }
}

/** Plain twin of `Kernels.reduce`. */
export function reduce(memory: DataView, task: ReduceTask): void {
  const storage = checkReduction(task);
  const { counts, source, divisor, destination } = task;
  const inner = offsets(task.inner, source.strides.slice(counts.length));
  if (inner.length === 0) throw new RangeError(`${task.function} of no elements`);
  const result = storage !== "f16" && task.function === "sum" ? "i32" : storage;
  walk(counts, [destination.strides, source.strides, divisor?.strides ?? null], (d, a, b) => {
    const values = inner.map((offset) => readNumber(memory, storage, source.address + a + offset));
    const count = divisor === null ? inner.length : memory.getInt32(divisor.address + b, true);
    writeNumber(memory, result, destination.address + d, reduced(task, storage, values, count));
  });
}
