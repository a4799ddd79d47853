import { describe, expect, it } from "vitest";
import { binaryArithmetic, comparisons, integerFromFloat, wideSign } from "../../kernels/arithmetic.ts";
import type { BinaryFunction } from "../../kernels/kernels.ts";

const float = (name: BinaryFunction, x: number, y: number): number | undefined => binaryArithmetic[name].float?.(x, y);
const integer = (name: BinaryFunction, x: number, y: number): number => binaryArithmetic[name].integer(x, y);
const wide = (name: BinaryFunction, x: bigint, y: bigint): bigint => binaryArithmetic[name].wide(x, y);

describe("remainders", () => {
  it("have the sign of the divisor in modulo and of the dividend in remainder", () => {
    const pairs = [
      [5, 3],
      [-5, 3],
      [5, -3],
      [-5, -3],
      [6, -3],
    ] as const;
    expect(pairs.map(([x, y]) => integer("modulo", x, y))).toEqual([2, 1, -1, -2, 0]);
    expect(pairs.map(([x, y]) => Number(wide("modulo", BigInt(x), BigInt(y))))).toEqual([2, 1, -1, -2, 0]);
    expect(pairs.map(([x, y]) => float("modulo", x, y))).toEqual([2, 1, -1, -2, -0]);
    expect(pairs.map(([x, y]) => float("remainder", x, y))).toEqual([2, -2, 2, -2, 0]);
    expect(pairs.map(([x, y]) => Number(wide("remainder", BigInt(x), BigInt(y))))).toEqual([2, -2, 2, -2, 0]);
  });

  it("and quotients by 0 are 0 for integers and NaN or infinite for floats", () => {
    for (const name of ["divide", "modulo", "remainder"] as const) {
      expect(integer(name, 7, 0)).toBe(0);
      expect(wide(name, 7n, 0n)).toBe(0n);
    }
    expect(float("modulo", 7, 0)).toBeNaN();
    expect(float("remainder", 7, 0)).toBeNaN();
    expect(float("divide", -7, 0)).toBe(Number.NEGATIVE_INFINITY);
    expect(float("modulo", -1, Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("powers", () => {
  it("of floats follow IEEE 754 where 1 is raised", () => {
    expect(float("power", 1, Number.NaN)).toBe(1);
    expect(float("power", -1, Number.NEGATIVE_INFINITY)).toBe(1);
    expect(float("power", Number.NaN, 0)).toBe(1);
    expect(float("power", 2, 0.5)).toBe(Math.SQRT2);
  });

  it("of integers wrap around, and truncate where the exponent is negative", () => {
    expect(integer("power", 3, 4)).toBe(81);
    expect(integer("power", -2, 31)).toBe(-2147483648);
    expect(integer("power", 10, 10)).toBe(1410065408);
    expect([2, 1, -1, -1, 0].map((x, index) => integer("power", x, [-1, -5, -2, -3, -1][index] ?? 0))).toEqual([
      0, 1, 1, -1, 0,
    ]);
    expect(wide("power", 3n, 41n)).toBe(BigInt.asIntN(64, 3n ** 41n));
  });
});

describe("shifts", () => {
  it("lose all bits from the width on", () => {
    expect(integer("shift_left", 1, 32)).toBe(0);
    expect(integer("shift_left", 3, 4)).toBe(48);
    expect(integer("shift_right", 0xffffffff, 28)).toBe(15);
    expect(integer("shift_right", 5, 33)).toBe(0);
    expect(wide("shift_left", 1n, 64n)).toBe(0n);
    expect(wide("shift_right", 2n ** 63n, 62n)).toBe(2n);
    expect(wide("shift_right", 1n, 64n)).toBe(0n);
  });
});

describe("other functions", () => {
  it("compare a NaN with nothing", () => {
    for (const compare of Object.values(comparisons)) expect(compare(Number.NaN, Number.NaN)).toBe(false);
    expect(comparisons.less_or_equal(-0, 0)).toBe(true);
    expect(comparisons.greater(2n ** 63n, 2n ** 63n - 1n)).toBe(true);
  });

  it("give the sign of a 64-bit integer", () => {
    expect([-7n, 0n, 9n].map(wideSign)).toEqual([-1n, 0n, 1n]);
  });
});

describe("floats as integers", () => {
  it("are truncated, and the least i32 or i64 where that cannot hold them", () => {
    const numbers = [-1.9, 300.5, 3e9, 1e19, Number.NaN, Number.POSITIVE_INFINITY];
    const [word, long] = [-(2 ** 31), -(2 ** 63)];
    expect(numbers.map((x) => integerFromFloat("i32", x))).toEqual([-1, 300, word, word, word, word]);
    expect(numbers.map((x) => integerFromFloat("u8", x))).toEqual([-1, 300, word, word, word, word]);
    expect(numbers.map((x) => integerFromFloat("u32", x))).toEqual([-1, 300, 3e9, long, long, long]);
    expect(numbers.map((x) => integerFromFloat("i64", x))).toEqual([-1, 300, 3e9, long, long, long]);
    expect(numbers.map((x) => integerFromFloat("u64", x))).toEqual([-1, 300, 3e9, 1e19, long, long]);
  });
});
