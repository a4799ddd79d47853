import { at, rowMajorStrides } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import { roundToEven, roundToOdd } from "../../kernels/fixed-point.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import { type ElementType, elementCount, isFloat, type TensorType } from "../type.ts";
import { stridedOffsets } from "./broadcast.ts";
import { isBig, tensorBigs, tensorNumbers, tensorOf } from "./values.ts";

/** What is computed from numbers at base + offsets[start…end). */
export type Reducer = (
  values: ArrayLike<number>,
  base: number,
  offsets: Int32Array,
  start: number,
  end: number,
) => number;

/** The greatest; NaN wins; −∞ for none. */
export const greatestOf: Reducer = (values, base, offsets, start, end) => {
  let result = Number.NEGATIVE_INFINITY;
  for (let index = start; index < end; index += 1)
    result = Math.max(result, values[base + (offsets[index] as number)] as number);
  return result;
};

/** The least; NaN wins; +∞ for none. */
export const leastOf: Reducer = (values, base, offsets, start, end) => {
  let result = Number.POSITIVE_INFINITY;
  for (let index = start; index < end; index += 1)
    result = Math.min(result, values[base + (offsets[index] as number)] as number);
  return result;
};

/** The sum in f64, in order. */
const sumOf: Reducer = (values, base, offsets, start, end) => {
  let total = 0;
  for (let index = start; index < end; index += 1) total += values[base + (offsets[index] as number)] as number;
  return total;
};

/**
 * The exact sum of f16 numbers, rounded to f64. All are multiples of 2^−24, so f64 addition is exact while the sum of
 * magnitudes stays below 2^29; beyond, they are added as integers.
 */
const halfSumOf: Reducer = (values, base, offsets, start, end) => {
  let total = 0;
  let magnitude = 0;
  for (let index = start; index < end; index += 1) {
    const value = values[base + (offsets[index] as number)] as number;
    total += value;
    magnitude += Math.abs(value);
  }
  if (magnitude < 2 ** 29 || !Number.isFinite(magnitude)) return total;
  let units = 0n;
  for (let index = start; index < end; index += 1) {
    units += BigInt((values[base + (offsets[index] as number)] as number) * 2 ** 24);
  }
  return Number(units) * 2 ** -24;
};

/** The sum of squares in f64, in order. */
const squareSumOf: Reducer = (values, base, offsets, start, end) => {
  let total = 0;
  for (let index = start; index < end; index += 1) total += (values[base + (offsets[index] as number)] as number) ** 2;
  return total;
};

/**
 * The exact sum of the squares of f16 numbers, rounded to odd where it exceeds 53 bits, so that its quotient by an i32 count
 * is then rounded to f16 as the exact one would be. All are multiples of 2^−48; where f64 loses some, they are added as integers.
 */
const halfSquareSumOf: Reducer = (values, base, offsets, start, end) => {
  let total = 0;
  let exact = true;
  for (let index = start; index < end; index += 1) {
    const square = (values[base + (offsets[index] as number)] as number) ** 2;
    const sum = total + square;
    exact &&= sum - total === square && sum - square === total;
    total = sum;
  }
  if (exact || !Number.isFinite(total)) return total;
  let units = 0n;
  for (let index = start; index < end; index += 1) {
    units += BigInt((values[base + (offsets[index] as number)] as number) * 2 ** 24) ** 2n;
  }
  return roundToOdd(units) * 2 ** -48;
};

/** The product in f64, in order; of integers of at most 32 bits congruent modulo 2^32. */
export function multiplication(element: ElementType): Reducer {
  const multiply = isFloat(element) ? (x: number, y: number) => x * y : Math.imul;
  return (values, base, offsets, start, end) => {
    let result = 1;
    for (let index = start; index < end; index += 1)
      result = multiply(result, values[base + (offsets[index] as number)] as number);
    return result;
  };
}

/** The place of the first or last extreme number along an axis; a NaN is none. */
export function extremeIndexes(
  x: Tensor,
  axis: number,
  type: TensorType,
  better: (value: number | bigint, best: number | bigint) => boolean,
  last: boolean,
): Tensor {
  const values = isBig(x.type.element) ? tensorBigs(x) : tensorNumbers(x);
  const { bases, inner } = reductionOffsets(x.type.shape, [axis]);
  return tensorOf(
    type,
    mapNumbers(bases, (base) => {
      let best = 0;
      for (let index = 1; index < inner.length; index += 1) {
        const value = values[base + (inner[index] as number)] as number | bigint;
        const champion = values[base + (inner[best] as number)] as number | bigint;
        if (better(value, champion) || (last && value === champion)) best = index;
      }
      return best;
    }),
  );
}

/** The sum of numbers of an element type. */
export function summation(element: ElementType): Reducer {
  return element === "f16" ? halfSumOf : sumOf;
}

/** The sum of the squares of floats of an element type. */
export function squareSummation(element: ElementType): Reducer {
  return element === "f16" ? halfSquareSumOf : squareSumOf;
}

/** Rounds the quotient of a sum and a count for an element type: floats not yet, narrow integers to even, wider toward zero. */
export function quotient(element: ElementType, total: number, count: number): number {
  if (isFloat(element)) return total / count;
  return element === "i32" || element === "u32" ? Math.trunc(total / count) : roundToEven(total / count);
}

/** The axes, counted from the front and ascending, split into kept and reduced ones. */
export function splitAxes(
  rank: number,
  axes: readonly number[],
): { readonly kept: number[]; readonly reduced: number[] } {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  return { kept: all.filter((axis) => !axes.includes(axis)), reduced: all.filter((axis) => axes.includes(axis)) };
}

/** For each result element the operand element it starts at, and the offsets of what is reduced. */
function reductionOffsets(
  shape: readonly number[],
  axes: readonly number[],
): { readonly bases: Int32Array; readonly inner: Int32Array } {
  const strides = rowMajorStrides(shape);
  const { kept, reduced } = splitAxes(shape.length, axes);
  const pick = (list: readonly number[], source: readonly number[]): number[] => list.map((axis) => at(source, axis));
  return {
    bases: stridedOffsets(pick(kept, shape), pick(kept, strides)),
    inner: stridedOffsets(pick(reduced, shape), pick(reduced, strides)),
  };
}

/** Reduces axes of a tensor; `finish` turns what the reducer gave and the count into the stored number. */
export function reduceAxes(
  x: Tensor,
  axes: readonly number[],
  type: TensorType,
  reducer: Reducer,
  finish: (value: number, count: number) => number = (value) => value,
): Tensor {
  const values = tensorNumbers(x);
  const { bases, inner } = reductionOffsets(x.type.shape, axes);
  const results = new Float64Array(elementCount(type));
  for (let index = 0; index < results.length; index += 1) {
    results[index] = finish(reducer(values, bases[index] as number, inner, 0, inner.length), inner.length);
  }
  return tensorOf(type, results);
}

/** Reduces axes of a tensor of 64-bit integers, exactly; an empty reduction gives `initial`. */
export function reduceBigAxes(
  x: Tensor,
  axes: readonly number[],
  type: TensorType,
  combine: (left: bigint, right: bigint) => bigint,
  initial: bigint,
  finish: (value: bigint, count: bigint) => bigint = (value) => value,
): Tensor {
  const values = tensorBigs(x);
  const { bases, inner } = reductionOffsets(x.type.shape, axes);
  const data =
    isBig(type.element) && type.element === "u64" ? new BigUint64Array(bases.length) : new BigInt64Array(bases.length);
  for (let index = 0; index < data.length; index += 1) {
    let total: bigint | null = null;
    for (let position = 0; position < inner.length; position += 1) {
      const value = values[(bases[index] as number) + (inner[position] as number)] as bigint;
      total = total === null ? value : combine(total, value);
    }
    data[index] = finish(total ?? initial, BigInt(inner.length));
  }
  return makeTensor(type, data);
}
