import { binaryArithmetic, comparisons, integerFromFloat, wideSign } from "../arithmetic.ts";
import { isInteger, isWide, type Storage, storageOf, storedBytes } from "../element.ts";
import { fixedPointFactor, roundAndClamp } from "../fixed-point.ts";
import { f64FromF16Bits } from "../float16.ts";
import type { BinaryFunction, ElementView, VectorTask } from "../kernels.ts";
import { evaluateFunction, isTableFunction } from "../tables.ts";
import { checkVector, clipBounds, fillBits, isBinary, isComparison, parameter } from "../task.ts";
import { readInteger, readNumber, writeInteger, writeNumber, writeResult } from "./numbers.ts";
import { walk } from "./walk.ts";

/** A function of one number; results of integers may exceed the type. */
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
    case "sign":
      return Math.sign;
    case "not":
      return task.destination.element === "bool" ? (a) => (a === 0 ? 1 : 0) : (a) => ~a;
    case "is_nan":
      return (a) => (Number.isNaN(a) ? 1 : 0);
    case "is_infinite": {
      const [positive, negative] = [parameter(task, "positive") !== 0, parameter(task, "negative") !== 0];
      return (a) => ((positive && a === Infinity) || (negative && a === -Infinity) ? 1 : 0);
    }
    default:
      if (!isTableFunction(name)) throw new RangeError(`${name} has no table`);
      return (a) => evaluateFunction(name, a);
  }
}

/** A function of one 64-bit integer. */
function wideUnary(task: VectorTask, storage: Storage): (a: bigint) => bigint {
  switch (task.function) {
    case "relu":
    case "clip": {
      const [low, high] = clipBounds(task, storage);
      return (a) => (a < low ? BigInt(low) : a > high ? BigInt(high) : a);
    }
    case "negate":
      return (a) => -a;
    case "absolute":
      return (a) => (a < 0n ? -a : a);
    case "sign":
      return wideSign;
    default:
      return (a) => ~a;
  }
}

/** Plain twin of `Kernels.vector`. */
export function vector(memory: DataView, task: VectorTask): void {
  const { first, second, third, storage } = checkVector(task);
  const name = task.function;
  if (first === null) fill(memory, task, storage);
  else if (name === "copy") {
    const bytes = storedBytes(first.element);
    each(task, (d, a) => copyBytes(memory, d, a, bytes));
  } else if (name === "convert") convert(memory, task, first);
  else if (second === null) applyUnary(memory, task, storage);
  else if (third !== null) {
    const bytes = storedBytes(task.destination.element);
    each(task, (d, condition, a, b) => copyBytes(memory, d, memory.getUint8(condition) === 0 ? b : a, bytes));
  } else if (isComparison(name)) {
    const compare = comparisons[name];
    const read = isWide(storage) ? readInteger : readNumber;
    each(task, (d, a, b) => memory.setUint8(d, compare(read(memory, storage, a), read(memory, storage, b)) ? 1 : 0));
  } else if (isBinary(name)) applyBinary(memory, task, name, storage);
  else scale(memory, task, storage);
}

/** Calls `visit` with the addresses of destination and sources for every element. */
function each(
  { counts, destination, sources }: VectorTask,
  visit: (destination: number, first: number, second: number, third: number) => void,
): void {
  const [a, b, c] = sources.map((source) => source.address);
  walk(counts, [destination.strides, ...sources.map((source) => source.strides)], (d, first, second, third) =>
    visit(destination.address + d, (a ?? 0) + first, (b ?? 0) + second, (c ?? 0) + third),
  );
}

function fill(memory: DataView, task: VectorTask, storage: Storage): void {
  const value = parameter(task, "value");
  if (isWide(storage)) {
    each(task, (d) => writeNumber(memory, storage, d, integerFromFloat(storage, value)));
    return;
  }
  const bits = fillBits(storage, value);
  const bytes = storedBytes(task.destination.element);
  each(task, (d) => {
    for (let byte = 0; byte < bytes; byte += 1) memory.setUint8(d + byte, bits >> (8 * byte));
  });
}

function convert(memory: DataView, task: VectorTask, source: ElementView): void {
  const from = storageOf(source.element);
  const { element } = task.destination;
  const to = storageOf(element);
  if (isWide(from) && isInteger(to) && element !== "bool") {
    each(task, (d, a) => {
      const value = readInteger(memory, from, a);
      if (isWide(to)) writeInteger(memory, to, d, value);
      else writeResult(memory, "convert", element, d, Number(BigInt.asIntN(32, value)));
    });
  } else if (from === "f16" && isInteger(to) && element !== "bool") {
    each(task, (d, a) => writeResult(memory, "convert", element, d, integerFromFloat(to, readNumber(memory, from, a))));
  } else each(task, (d, a) => writeResult(memory, "convert", element, d, readNumber(memory, from, a)));
}

function applyUnary(memory: DataView, task: VectorTask, storage: Storage): void {
  if (isWide(storage)) {
    const apply = wideUnary(task, storage);
    each(task, (d, a) => writeInteger(memory, storage, d, apply(readInteger(memory, storage, a))));
  } else {
    const apply = unary(task, storage);
    const { element } = task.destination;
    each(task, (d, a) => writeResult(memory, task.function, element, d, apply(readNumber(memory, storage, a))));
  }
}

function applyBinary(memory: DataView, task: VectorTask, name: BinaryFunction, storage: Storage): void {
  const { float, integer, wide } = binaryArithmetic[name];
  if (isWide(storage)) {
    each(task, (d, a, b) =>
      writeInteger(memory, storage, d, wide(readInteger(memory, storage, a), readInteger(memory, storage, b))),
    );
    return;
  }
  const apply = isInteger(storage) || float === undefined ? integer : float;
  const { element } = task.destination;
  each(task, (d, a, b) => {
    writeResult(
      memory,
      task.function,
      element,
      d,
      apply(readNumber(memory, storage, a), readNumber(memory, storage, b)),
    );
  });
}

/** The functions that take a scale. */
function scale(memory: DataView, task: VectorTask, storage: Storage): void {
  const name = task.function;
  const zero = parameter(task, "zero");
  const { element } = task.destination;
  const factorAt = (at: number): number =>
    fixedPointFactor({ multiplier: memory.getInt32(at, true), shift: memory.getInt32(at + 4, true) });
  const [low, high] = name === "dequantize" ? [0, 0] : [parameter(task, "low"), parameter(task, "high")];
  each(task, (d, a, b) => {
    const value = readNumber(memory, storage, a);
    const factor = factorAt(b);
    if (name === "dequantize") writeNumber(memory, "f16", d, (value - zero) * factor);
    else {
      const narrow = roundAndClamp(Number.isNaN(value) ? 0 : value, factor, zero, low, high);
      writeResult(memory, name, element, d, narrow);
    }
  });
}

/** Copies one element. */
export function copyBytes(memory: DataView, target: number, source: number, bytes: number): void {
  for (let byte = 0; byte < bytes; byte += 1) memory.setUint8(target + byte, memory.getUint8(source + byte));
}
