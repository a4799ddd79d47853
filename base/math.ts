/** The least integer not below `dividend / divisor`; both are non-negative integers, `divisor` > 0. */
export function ceilDivide(dividend: number, divisor: number): number {
  return Math.ceil(dividend / divisor);
}

/** The product of all numbers; 1 for none. */
export function product(factors: readonly number[]): number {
  let result = 1;
  for (let index = 0; index < factors.length; index += 1) result *= factors[index] as number;
  return result;
}

/** The product of the numbers at some indexes; 1 for none. */
export function productAt(factors: readonly number[], indexes: readonly number[]): number {
  let result = 1;
  for (let position = 0; position < indexes.length; position += 1) {
    result *= factors[indexes[position] as number] as number;
  }
  return result;
}

/** The sum of all numbers; 0 for none. */
export function sum(terms: readonly number[]): number {
  let result = 0;
  for (let index = 0; index < terms.length; index += 1) result += terms[index] as number;
  return result;
}

/** The least multiple of `step` that is not below `value`. */
export function roundUp(value: number, step: number): number {
  return ceilDivide(value, step) * step;
}

/** `value`, moved to the nearer end of [low, high] when it lies outside. */
export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** Row-major strides, in elements, of a dense array of the given shape. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = stride;
    stride *= shape[axis] ?? 1;
  }
  return strides;
}

/** The element at `index`; an index outside the array is a bug of ours and throws a RangeError. */
export function at<T>(items: ArrayLike<T>, index: number): T {
  if (index < 0 || index >= items.length) throw new RangeError(`index ${index} is outside 0..${items.length - 1}`);
  return items[index] as T;
}

/** The greatest number that divides both; the other number where one is 0. */
export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The same number, but 0 for −0. Small whole ones that came out of floats or 64-bit integers are made again as whole numbers: the engine
 * would keep them, and all that is added to them, as objects wherever code is not optimized yet.
 */
export function plainNumber(value: number): number {
  const small = value | 0;
  return small === value ? small : value;
}
