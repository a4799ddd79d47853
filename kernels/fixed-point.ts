/** The factor multiplier·2^−shift, 2^21 ≤ multiplier < 2^22. */
export interface FixedPoint {
  readonly multiplier: number;
  readonly shift: number;
}

const leastMultiplier = 2 ** 21;

/**
 * The fixed-point form of a positive factor: multiplier = rne(factor·2^shift), 2^21 ≤ multiplier < 2^22 (docs/numbers.md).
 * Throws a RangeError for a factor that is not positive and finite.
 */
export function fixedPoint(factor: number): FixedPoint {
  if (!(factor > 0 && factor < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`a scale must be positive and finite, found ${factor}`);
  }
  let significand = factor;
  let shift = 0;
  for (; significand >= 2 * leastMultiplier; shift -= 1) significand /= 2;
  for (; significand < leastMultiplier; shift += 1) significand *= 2;
  const multiplier = roundToEven(significand);
  return multiplier === 2 * leastMultiplier ? { multiplier: leastMultiplier, shift: shift - 1 } : { multiplier, shift };
}

/** The real factor multiplier·2^−shift. */
export function fixedPointFactor({ multiplier, shift }: FixedPoint): number {
  return shift > 1000 ? multiplier * 2 ** -1000 * 2 ** (1000 - shift) : multiplier * 2 ** -shift;
}

/** Rounds to the nearest integer, ties to even. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return floor;
  return floor + 1;
}

/** A whole number of at least 0, below 2^1024, cut to 53 bits, of which the last is set where what is cut off is not 0. */
export function roundToOdd(value: bigint): number {
  const excess = BigInt(Math.max(0, value.toString(2).length - 53));
  const kept = value >> excess;
  return Number(kept << excess === value ? value : (kept | 1n) << excess);
}

/** clamp(rne(value·factor) + zero, low, high): what requantization and quantization store. Exact while the product fits 53 bits. */
export function roundAndClamp(value: number, factor: number, zero: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, roundToEven(value * factor) + zero));
}
