// f16 ↔ f32 and f64 → f16, four lanes at a time; each conversion rounds once, to nearest, ties to even.

/** f32x4 from four f16 in the low halves of i32 lanes. */
@inline
export function widen(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const special = v128.and(i32x4.ge_s(magnitude, i32x4.splat(0x7c00)), i32x4.splat(0x38000000));
  const normal = i32x4.add(i32x4.add(i32x4.shl(magnitude, 13), i32x4.splat(0x38000000)), special);
  const subnormal = f32x4.mul(f32x4.convert_i32x4_s(magnitude), f32x4.splat(5.9604644775390625e-8));
  const bits = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)));
  return v128.or(bits, i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16));
}

/** All ones in the lanes whose f16 is a NaN. */
@inline
export function isNan(half: v128): v128 {
  return i32x4.gt_s(v128.and(half, i32x4.splat(0x7fff)), i32x4.splat(0x7c00));
}

/** Four f16 in the low halves of i32 lanes from f32x4; a NaN becomes 0x7e00. */
@inline
export function narrow(single: v128): v128 {
  const magnitude = v128.and(single, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - 0x38000000)), 13);
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let bits = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  bits = v128.bitselect(i32x4.splat(0x7c00), bits, i32x4.ge_s(magnitude, i32x4.splat(0x47800000)));
  bits = v128.or(bits, v128.and(i32x4.shr_u(single, 16), i32x4.splat(0x8000)));
  return v128.bitselect(i32x4.splat(0x7e00), bits, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
}

/** f64x2 rounded to the nearest values that f16 has (or beyond its range): adding 2^(52 − 10 + exponent) drops the bits below. */
@inline
export function roundToHalf(double: v128): v128 {
  const magnitude = f64x2.abs(double);
  const exponent = v128.and(magnitude, i64x2.splat(0x7ff0000000000000));
  const bounded = f64x2.pmin(f64x2.pmax(exponent, f64x2.splat(6.103515625e-5)), f64x2.splat(65536.0));
  const magic = i64x2.add(bounded, i64x2.splat((<i64>42) << 52));
  const rounded = f64x2.sub(f64x2.add(magnitude, magic), magic);
  return v128.or(rounded, v128.and(double, i64x2.splat(0x8000000000000000)));
}

/** Four f16 in i32 lanes from two f64x2. */
@inline
export function narrowDoubles(low: v128, high: v128): v128 {
  const lowSingles = f32x4.demote_f64x2_zero(roundToHalf(low));
  const highSingles = f32x4.demote_f64x2_zero(roundToHalf(high));
  return narrow(v128.shuffle<i64>(lowSingles, highSingles, 0, 2));
}

/** Four f16 in i32 lanes; `bytes` apart in memory. */
@inline
export function loadHalves(address: usize, bytes: i32): v128 {
  if (bytes == 2) return v128.load_ext<u16>(address);
  let lanes = i32x4.splat(load<u16>(address));
  if (bytes != 0) {
    lanes = i32x4.replace_lane(lanes, 1, load<u16>(address + bytes));
    lanes = i32x4.replace_lane(lanes, 2, load<u16>(address + 2 * bytes));
    lanes = i32x4.replace_lane(lanes, 3, load<u16>(address + 3 * bytes));
  }
  return lanes;
}

/** The first `lanes` (1 … 3) of four f16, the others zero. */
export function loadSomeHalves(address: usize, bytes: i32, lanes: i32): v128 {
  let result = i32x4.replace_lane(i32x4.splat(0), 0, load<u16>(address));
  if (lanes > 1) result = i32x4.replace_lane(result, 1, load<u16>(address + bytes));
  if (lanes > 2) result = i32x4.replace_lane(result, 2, load<u16>(address + 2 * bytes));
  return result;
}

/** Stores the first `lanes` (1 … 4) of four f16 in i32 lanes. */
@inline
export function storeHalves(address: usize, bytes: i32, lanes: i32, half: v128): void {
  if (lanes == 4 && bytes == 2) {
    v128.store_lane<u64>(address, i16x8.narrow_i32x4_u(half, half), 0);
    return;
  }
  store<u16>(address, i32x4.extract_lane(half, 0));
  if (lanes > 1) store<u16>(address + bytes, i32x4.extract_lane(half, 1));
  if (lanes > 2) store<u16>(address + 2 * bytes, i32x4.extract_lane(half, 2));
  if (lanes > 3) store<u16>(address + 3 * bytes, i32x4.extract_lane(half, 3));
}

/** One f16 as f64, exactly. */
@inline
export function doubleFromHalf(half: u32): f64 {
  return <f64>f32x4.extract_lane(widen(i32x4.splat(half)), 0);
}

/** One f64 rounded to f16. */
@inline
export function halfFromDouble(value: f64): u32 {
  const lanes = f64x2.splat(value);
  return <u32>i32x4.extract_lane(narrowDoubles(lanes, lanes), 0);
}
