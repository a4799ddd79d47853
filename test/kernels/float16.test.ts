import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { f16BitsFromF64, f16FromF32, f32FromF16, f64FromF16Bits, halfNan, roundToF16 } from "../../kernels/float16.ts";

/** The value of finite f16 bits by the definition of IEEE 754. */
function definition(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits >= 0x8000 ? -magnitude : magnitude;
}

const finite = Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);

describe("f16", () => {
  it("has the value of its definition for all finite bits, and converts back to the same bits", () => {
    expect(finite.length).toBe(63488);
    expect(finite.filter((bits) => !Object.is(f64FromF16Bits(bits), definition(bits)))).toEqual([]);
    expect(finite.filter((bits) => f16BitsFromF64(definition(bits)) !== bits)).toEqual([]);
  });

  it("rounds what lies between neighbours to the nearer, and ties to the even one", () => {
    const wrong = finite.filter((bits) => {
      if ((bits & 0x7fff) === 0x7bff) return false;
      const [low, high] = [definition(bits), definition(bits + 1)];
      const tie = (low + high) / 2;
      const gap = (high - low) * 2 ** -30;
      return (
        f16BitsFromF64(tie) !== (bits & 1 ? bits + 1 : bits) ||
        f16BitsFromF64(tie - gap) !== bits ||
        f16BitsFromF64(tie + gap) !== bits + 1
      );
    });
    expect(wrong).toEqual([]);
  });

  it("overflows to infinity from 65520 on", () => {
    expect(f16BitsFromF64(65519.999999)).toBe(0x7bff);
    expect(f16BitsFromF64(65520)).toBe(0x7c00);
    expect(f16BitsFromF64(-65520)).toBe(0xfc00);
    expect(f16BitsFromF64(1e300)).toBe(0x7c00);
  });

  it("rounds to zero up to 2^−25 and keeps the sign", () => {
    expect(f16BitsFromF64(2 ** -25)).toBe(0);
    expect(f16BitsFromF64(2 ** -25 * (1 + 2 ** -52))).toBe(1);
    expect(f16BitsFromF64(-(2 ** -26))).toBe(0x8000);
    expect(f16BitsFromF64(-0)).toBe(0x8000);
    expect(f16BitsFromF64(5e-324)).toBe(0);
  });

  it("keeps infinities, and turns any NaN to 0x7e00", () => {
    expect(f16BitsFromF64(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
    expect(f16BitsFromF64(Number.NaN)).toBe(halfNan);
    expect(f64FromF16Bits(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(f64FromF16Bits(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(f64FromF16Bits(0x7c01)).toBeNaN();
    expect(f64FromF16Bits(0xffff)).toBeNaN();
  });

  it("rounds once from f64: 1 + 2^−11 + 2^−40 goes up, where a way over f32 would tie and stay", () => {
    expect(f16BitsFromF64(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
    expect(f16BitsFromF64(Math.fround(1 + 2 ** -11 + 2 ** -40))).toBe(0x3c00);
  });

  it("is the nearest f16 to any number", () => {
    fc.assert(
      fc.property(fc.double({ min: -65000, max: 65000, noNaN: true }), (value) => {
        const bits = f16BitsFromF64(value);
        const error = Math.abs(definition(bits) - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          if (neighbour >= 0 && neighbour < 65536 && (neighbour & 0x7c00) !== 0x7c00) {
            expect(error).toBeLessThanOrEqual(Math.abs(definition(neighbour) - value));
          }
        }
      }),
    );
  });

  it("converts arrays", () => {
    expect([...f16FromF32(Float32Array.of(1, -2, 0.1))]).toEqual([0x3c00, 0xc000, 0x2e66]);
    expect([...f32FromF16(Uint16Array.of(0x3c00, 0xc000, 0x2e66))]).toEqual([1, -2, 0.0999755859375]);
    expect(roundToF16(0.1)).toBe(0.0999755859375);
  });
});
