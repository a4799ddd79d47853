/** The bits that every NaN result has. */
export const halfNan = 0x7e00;

/** 2^(10 − exponent) for exponents −14 … 15, first entry −14: what brings a number of that exponent to an integer. */
const scaleByExponent: readonly number[] = Array.from({ length: 30 }, (_, index) => 2 ** (24 - index));

/** 2^(exponent − 25) for the stored exponents 0 … 30 of f16; 0 stands for subnormal numbers. */
const unitByExponent: readonly number[] = Array.from({ length: 31 }, (_, index) => 2 ** (Math.max(index, 1) - 25));

/** Rounds a number once to f16, to nearest, ties to even; returns the bits. NaN gives 0x7e00, overflow ±∞. */
export function f16BitsFromF64(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (!(magnitude < 65520)) return Number.isNaN(value) ? halfNan : sign | 0x7c00;
  // 15 bits of fraction are kept, so the position of the leading one is exact for every normal f16.
  const exponent = Math.max(16 - Math.clz32(magnitude * 32768), -14);
  const quotient = magnitude * (scaleByExponent[exponent + 14] as number);
  const rounded = quotient + 4503599627370496 - 4503599627370496;
  return sign | (rounded + (exponent + 14) * 1024);
}

/** The number that f16 bits stand for, exactly. */
export function f64FromF16Bits(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction : fraction + 1024) * (unitByExponent[exponent] as number);
}

/** Rounds a number once to f16; the result as a number. */
export function roundToF16(value: number): number {
  return f64FromF16Bits(f16BitsFromF64(value));
}

/** Rounds each number once to f16; the results as bits. */
export function f16FromF32(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, f16BitsFromF64);
}

/** The numbers that f16 bits stand for; every f16 is an f32. */
export function f32FromF16(bits: ArrayLike<number>): Float32Array {
  return Float32Array.from(bits, f64FromF16Bits);
}
