import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fixedPoint, fixedPointFactor, roundAndClamp, roundToEven, roundToOdd } from "../../kernels/fixed-point.ts";

describe("the fixed-point form of a factor", () => {
  it("is exact where 22 bits suffice", () => {
    expect(fixedPoint(1)).toEqual({ multiplier: 2 ** 21, shift: 21 });
    expect(fixedPoint(0.75)).toEqual({ multiplier: 3 * 2 ** 20, shift: 22 });
    expect(fixedPoint(3)).toEqual({ multiplier: 3 * 2 ** 20, shift: 20 });
    expect(fixedPoint(2 ** 30)).toEqual({ multiplier: 2 ** 21, shift: -9 });
  });

  it("rounds ties to even, and 2^22 becomes 2^21 with one bit less of shift", () => {
    expect(fixedPoint(1 + 2 ** -22)).toEqual({ multiplier: 2 ** 21, shift: 21 });
    expect(fixedPoint(1 + 3 * 2 ** -22)).toEqual({ multiplier: 2 ** 21 + 2, shift: 21 });
    expect(fixedPoint(2 - 2 ** -30)).toEqual({ multiplier: 2 ** 21, shift: 20 });
  });

  it("has a multiplier in [2^21, 2^22) and lies within 2^−22 of the factor, from 5e-324 to the greatest number", () => {
    const factors = fc.oneof(
      fc.double({ min: 5e-324, max: Number.MAX_VALUE, noNaN: true }),
      fc.double({ min: 1e-6, max: 10, noNaN: true }),
      fc.constantFrom(5e-324, Number.MAX_VALUE, 2 ** -1022),
    );
    fc.assert(
      fc.property(factors, (factor) => {
        const form = fixedPoint(factor);
        expect(form.multiplier).toBeGreaterThanOrEqual(2 ** 21);
        expect(form.multiplier).toBeLessThan(2 ** 22);
        if (factor < 1e308) expect(Math.abs(fixedPointFactor(form) / factor - 1)).toBeLessThanOrEqual(2 ** -22);
      }),
    );
  });

  it("goes back to the same pair", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2 ** 21, max: 2 ** 22 - 1 }),
        fc.integer({ min: -100, max: 1000 }),
        (multiplier, shift) => {
          expect(fixedPoint(fixedPointFactor({ multiplier, shift }))).toEqual({ multiplier, shift });
        },
      ),
    );
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", (factor) => {
    expect(() => fixedPoint(factor)).toThrow(RangeError);
  });
});

describe("rounding", () => {
  it("goes to the nearest integer, ties to even", () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, 0.51, -0.51, 3].map((value) => roundToEven(value) + 0)).toEqual([
      0, 2, 2, 0, -2, -2, 0, 1, -1, 3,
    ]);
    expect(roundToEven(0.49999999999999994)).toBe(0);
    expect(roundToEven(4503599627370495.5)).toBe(4503599627370496);
    expect(roundToEven(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("adds the zero point before it clamps", () => {
    expect(roundAndClamp(5, 0.5, 10, -128, 127)).toBe(12);
    expect(roundAndClamp(300, 1, -200, -128, 127)).toBe(100);
    expect(roundAndClamp(300, 1, 0, -128, 127)).toBe(127);
    expect(roundAndClamp(-300, 1, 0, -128, 127)).toBe(-128);
  });
});

describe("rounding to odd", () => {
  it("keeps what fits 53 bits, and sets the last of them where others are cut off", () => {
    for (const value of [0, 1, 10, 2 ** 53, 3 * 2 ** 70]) expect(roundToOdd(BigInt(value))).toBe(value);
    expect(roundToOdd(2n ** 53n + 1n)).toBe(2 ** 53 + 2);
    expect(roundToOdd(2n ** 54n - 1n)).toBe(2 ** 54 - 2);
    expect(roundToOdd(2n ** 80n + 1n)).toBe(2 ** 80 + 2 ** 28);
    expect(roundToOdd(2n ** 80n - 1n)).toBe(2 ** 80 - 2 ** 27);
  });
});
