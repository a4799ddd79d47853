// Conversions between i32, narrow integers, f16 and f32 over the first loop nest: operand 0 is the destination, 1 the
// source, 2 the scale.
import { firstLoops, storageI32, storageI8, storageU8 } from "../layout";
import { doubleFromHalf, halfFromDouble, isNan, loadHalves, narrow, narrowDoubles, storeHalves, widen } from "./half";
import { advance, count, rank, seek, step, stride } from "./loops";

/** M · 2^−s of a scale pair, as f64; s beyond the exponents of f64 makes no difference to any product that is rounded. */
@inline
function factorAt(scale: usize): f64 {
  const shift = max(-1000, min(1022, load<i32>(scale, 4)));
  return <f64>load<i32>(scale) * reinterpret<f64>(<u64>(1023 - shift) << 52);
}

/** Two factors, `bytes` apart. */
@inline
function factorsAt(scale: usize, bytes: i32): v128 {
  return f64x2.replace_lane(f64x2.splat(factorAt(scale)), 1, factorAt(scale + bytes));
}

@inline
function roundAndClamp(value: v128, zero: v128, low: v128, high: v128): v128 {
  return f64x2.pmax(low, f64x2.pmin(high, f64x2.add(f64x2.nearest(value), zero)));
}

/** destination (bytes) = clamp(rne(source · M · 2^−s) + zero, low, high); source i32, or f16 with NaN taken as 0. */
export function toNarrow(scratch: usize, fromHalf: bool, d: usize, a: usize, scale: usize, zero: f64, low: f64, high: f64): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const ss = stride(loops, 2, outer);
  const zeros = f64x2.splat(zero);
  const least = f64x2.splat(low);
  const greatest = f64x2.splat(high);
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    let factors = scale;
    let first = f64x2.splat(factorAt(scale));
    let second = first;
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      if (ss != 0) {
        first = factorsAt(factors, ss);
        second = factorsAt(factors + 2 * ss, ss);
        factors += ss << 2;
      }
      let x: v128;
      let y: v128;
      if (fromHalf) {
        let single = widen(loadHalves(read, sa));
        single = v128.and(single, f32x4.eq(single, single));
        x = f64x2.promote_low_f32x4(single);
        y = f64x2.promote_low_f32x4(v128.shuffle<i64>(single, single, 1, 1));
      } else {
        let words: v128;
        if (sa == 4) words = v128.load(read);
        else {
          words = i32x4.splat(load<i32>(read));
          words = i32x4.replace_lane(words, 1, load<i32>(read + sa));
          words = i32x4.replace_lane(words, 2, load<i32>(read + 2 * sa));
          words = i32x4.replace_lane(words, 3, load<i32>(read + 3 * sa));
        }
        x = f64x2.convert_low_i32x4_s(words);
        y = f64x2.convert_low_i32x4_s(v128.shuffle<i64>(words, words, 1, 1));
      }
      const p = i32x4.trunc_sat_f64x2_s_zero(roundAndClamp(f64x2.mul(x, first), zeros, least, greatest));
      const q = i32x4.trunc_sat_f64x2_s_zero(roundAndClamp(f64x2.mul(y, second), zeros, least, greatest));
      const bytes = v128.shuffle<i8>(p, q, 0, 4, 16, 20, 0, 4, 16, 20, 0, 4, 16, 20, 0, 4, 16, 20);
      if (sd == 1) store<u32>(write, i32x4.extract_lane(bytes, 0));
      else {
        store<u8>(write, i8x16.extract_lane_u(bytes, 0));
        store<u8>(write + sd, i8x16.extract_lane_u(bytes, 1));
        store<u8>(write + 2 * sd, i8x16.extract_lane_u(bytes, 2));
        store<u8>(write + 3 * sd, i8x16.extract_lane_u(bytes, 3));
      }
      write += sd << 2;
      read += sa << 2;
    }
    for (; i < n; i += 1) {
      let value: f64 = fromHalf ? doubleFromHalf(load<u16>(read)) : <f64>load<i32>(read);
      if (value != value) value = 0;
      store<u8>(write, <u8>(<i32>max(low, min(high, nearest(value * factorAt(factors)) + zero))));
      write += sd;
      read += sa;
      factors += ss;
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
    scale += step(loops, 2, axis, outer);
  }
}

@inline
function loadInteger(storage: i32, address: usize): i32 {
  if (storage == storageI8) return load<i8>(address);
  if (storage == storageU8) return load<u8>(address);
  return load<i32>(address);
}

/** destination (f16) = (source − zero) · M · 2^−s rounded once; the source's storage is an integer. */
export function dequantize(scratch: usize, storage: i32, d: usize, a: usize, scale: usize, zero: f64): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const ss = stride(loops, 2, outer);
  const zeros = f64x2.splat(zero);
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    let factors = scale;
    let first = f64x2.splat(factorAt(scale));
    let second = first;
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      if (ss != 0) {
        first = factorsAt(factors, ss);
        second = factorsAt(factors + 2 * ss, ss);
        factors += ss << 2;
      }
      let words: v128;
      if (storage == storageI32 && sa == 4) words = v128.load(read);
      else if (storage == storageI8 && sa == 1) words = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(read)));
      else if (storage == storageU8 && sa == 1) words = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_u(v128.load32_zero(read)));
      else {
        words = i32x4.splat(loadInteger(storage, read));
        words = i32x4.replace_lane(words, 1, loadInteger(storage, read + sa));
        words = i32x4.replace_lane(words, 2, loadInteger(storage, read + 2 * sa));
        words = i32x4.replace_lane(words, 3, loadInteger(storage, read + 3 * sa));
      }
      const x = f64x2.sub(f64x2.convert_low_i32x4_s(words), zeros);
      const y = f64x2.sub(f64x2.convert_low_i32x4_s(v128.shuffle<i64>(words, words, 1, 1)), zeros);
      storeHalves(write, sd, 4, narrowDoubles(f64x2.mul(x, first), f64x2.mul(y, second)));
      write += sd << 2;
      read += sa << 2;
    }
    for (; i < n; i += 1) {
      store<u16>(write, halfFromDouble((<f64>loadInteger(storage, read) - zero) * factorAt(factors)));
      write += sd;
      read += sa;
      factors += ss;
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
    scale += step(loops, 2, axis, outer);
  }
}

/** Converts dense f32 to f16. */
export function halfFromFloat(n: i32, a: usize, d: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) storeHalves(d + (<usize>i << 1), 2, 4, narrow(v128.load(a + (<usize>i << 2))));
  for (; i < n; i += 1) store<u16>(d + (<usize>i << 1), i32x4.extract_lane(narrow(f32x4.splat(load<f32>(a + (<usize>i << 2)))), 0));
}

/** Four f16 in i32 lanes as f32, every NaN as 0x7fc00000. */
@inline
function widenCanonical(half: v128): v128 {
  return v128.bitselect(i32x4.splat(0x7fc00000), widen(half), isNan(half));
}

/** Converts dense f16 to f32. */
export function floatFromHalf(n: i32, a: usize, d: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) v128.store(d + (<usize>i << 2), widenCanonical(v128.load_ext<u16>(a + (<usize>i << 1))));
  for (; i < n; i += 1) store<i32>(d + (<usize>i << 2), i32x4.extract_lane(widenCanonical(i32x4.splat(load<u16>(a + (<usize>i << 1)))), 0));
}
