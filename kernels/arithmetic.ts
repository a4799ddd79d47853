import { isWide, type Storage } from "./element.ts";
import type { BinaryFunction, Comparison } from "./kernels.ts";

/** One function of two numbers of a type. Results of integers may exceed the type: what stores them keeps the low bits. */
export interface BinaryArithmetic {
  /** On floats; absent where the function takes integers only. */
  readonly float?: (x: number, y: number) => number;
  /** On integers of at most 32 bits: congruent to the result modulo 2^32. */
  readonly integer: (x: number, y: number) => number;
  /** On 64-bit integers: congruent to the result modulo 2^64. */
  readonly wide: (x: bigint, y: bigint) => bigint;
}

/** x mod 2^64 to the power y, for y ≥ 0, by squaring; for y < 0 the integer part of 1 / x^−y, 0 for x = 0. */
function widePower(x: bigint, y: bigint): bigint {
  if (y < 0n) return x === 1n ? 1n : x === -1n ? (y % 2n === 0n ? 1n : -1n) : 0n;
  let [result, square] = [1n, x];
  for (let rest = y; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asIntN(64, result * square);
    square = BigInt.asIntN(64, square * square);
  }
  return result;
}

/** x^y as IEEE 754 defines it: 1 to any power is 1, and so is −1 to an infinite one. */
function floatPower(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

/** The remainder with the sign of the divisor, zeros included; NaN for a divisor of 0. */
function floatModulo(x: number, y: number): number {
  const rest = x % y;
  if (rest === 0) return y < 0 || Object.is(y, -0) ? -0 : 0;
  return rest < 0 === y < 0 ? rest : rest + y;
}

const integerModulo = (x: number, y: number): number => {
  if (y === 0) return 0;
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
};

const wideModulo = (x: bigint, y: bigint): bigint => {
  if (y === 0n) return 0n;
  const rest = x % y;
  return rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest;
};

/**
 * The functions of two operands. Integer division truncates toward zero; division and remainders by 0 give 0. `modulo`
 * has the sign of the divisor, `remainder` that of the dividend. Bits are shifted in as 0, all out from the width on.
 */
export const binaryArithmetic: Readonly<Record<BinaryFunction, BinaryArithmetic>> = {
  add: { float: (x, y) => x + y, integer: (x, y) => x + y, wide: (x, y) => x + y },
  subtract: { float: (x, y) => x - y, integer: (x, y) => x - y, wide: (x, y) => x - y },
  multiply: { float: (x, y) => x * y, integer: Math.imul, wide: (x, y) => x * y },
  divide: {
    float: (x, y) => x / y,
    integer: (x, y) => (y === 0 ? 0 : Math.trunc(x / y)),
    wide: (x, y) => (y === 0n ? 0n : x / y),
  },
  modulo: { float: floatModulo, integer: integerModulo, wide: wideModulo },
  remainder: {
    float: (x, y) => x % y,
    integer: (x, y) => (y === 0 ? 0 : x % y),
    wide: (x, y) => (y === 0n ? 0n : x % y),
  },
  power: {
    float: floatPower,
    integer: (x, y) => Number(BigInt.asIntN(32, widePower(BigInt(x), BigInt(y)))),
    wide: widePower,
  },
  maximum: { float: Math.max, integer: Math.max, wide: (x, y) => (x > y ? x : y) },
  minimum: { float: Math.min, integer: Math.min, wide: (x, y) => (x < y ? x : y) },
  and: { integer: (x, y) => x & y, wide: (x, y) => x & y },
  or: { integer: (x, y) => x | y, wide: (x, y) => x | y },
  xor: { integer: (x, y) => x ^ y, wide: (x, y) => x ^ y },
  shift_left: {
    integer: (x, y) => (y > 31 ? 0 : x << y),
    wide: (x, y) => (y > 63n ? 0n : x << y),
  },
  shift_right: {
    integer: (x, y) => (y > 31 ? 0 : x >>> y),
    wide: (x, y) => (y > 63n ? 0n : x >> y),
  },
};

/** The comparisons, on numbers and on 64-bit integers; a NaN is neither equal nor less nor greater. */
export const comparisons: Readonly<Record<Comparison, (x: number | bigint, y: number | bigint) => boolean>> = {
  equal: (x, y) => x === y,
  less: (x, y) => x < y,
  less_or_equal: (x, y) => x <= y,
  greater: (x, y) => x > y,
  greater_or_equal: (x, y) => x >= y,
};

/** The sign of a 64-bit integer. */
export function wideSign(x: bigint): bigint {
  return x > 0n ? 1n : x < 0n ? -1n : 0n;
}

/** Whether floats become integers of a storage by way of i32, as processors convert them, or of i64. */
function passesWord(storage: Storage): boolean {
  return storage !== "u32" && !isWide(storage);
}

/**
 * A float as an integer of which a storage keeps the low bits: truncated toward zero. What i32 (u32 and 64-bit integers:
 * i64) cannot hold, NaN and infinities among it, becomes the least number of that; u64 also holds what lies below 2^64.
 */
export function integerFromFloat(storage: Storage, x: number): number {
  const whole = Math.trunc(x);
  if (passesWord(storage)) return whole >= -(2 ** 31) && whole < 2 ** 31 ? whole : -(2 ** 31);
  return whole >= -(2 ** 63) && whole < (storage === "u64" ? 2 ** 64 : 2 ** 63) ? whole : -(2 ** 63);
}
