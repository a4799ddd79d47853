// Functions of the vector unit over the first loop nest: operand 0 is the destination, 1 and 2 are the sources.
import {
  binaryAdd,
  binaryDivide,
  binaryMaximum,
  binaryMinimum,
  binaryMultiply,
  binarySubtract,
  firstLoops,
  storageI32,
  storageI8,
  storageU8,
} from "../layout";
import { doubleFromHalf, halfFromDouble, loadHalves, loadSomeHalves, narrow, narrowDoubles, storeHalves, widen } from "./half";
import { advance, count, rank, seek, step, stride } from "./loops";

const notANumber = 0x7e00;

/** i32 lanes that order as the f16 in them do, −0 below +0; NaN lies outside. The same function goes back. */
@inline
function sortable(half: v128): v128 {
  const extended = i32x4.shr_s(i32x4.shl(half, 16), 16);
  return v128.xor(extended, v128.and(i32x4.shr_s(extended, 31), i32x4.splat(0x7fff)));
}

@inline
function isNan(half: v128): v128 {
  return i32x4.gt_s(v128.and(half, i32x4.splat(0x7fff)), i32x4.splat(0x7c00));
}

@inline
function unsort(ordered: v128): v128 {
  return v128.and(v128.xor(ordered, v128.and(i32x4.shr_s(ordered, 31), i32x4.splat(0x7fff))), i32x4.splat(0xffff));
}

/** A binary function of four f16 in i32 lanes. */
@inline
function binaryHalves(code: i32, a: v128, b: v128): v128 {
  if (code >= binaryMaximum) {
    const left = sortable(a);
    const right = sortable(b);
    const ordered = code == binaryMaximum ? i32x4.max_s(left, right) : i32x4.min_s(left, right);
    return v128.bitselect(i32x4.splat(notANumber), unsort(ordered), v128.or(isNan(a), isNan(b)));
  }
  const left = widen(a);
  const right = widen(b);
  if (code == binaryAdd) return narrow(f32x4.add(left, right));
  if (code == binarySubtract) return narrow(f32x4.sub(left, right));
  if (code == binaryMultiply) return narrow(f32x4.mul(left, right));
  return narrow(f32x4.div(left, right));
}

function rowBinaryHalf(code: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    storeHalves(d, sd, 4, binaryHalves(code, loadHalves(a, sa), loadHalves(b, sb)));
    d += sd << 2;
    a += sa << 2;
    b += sb << 2;
  }
  const rest = n - i;
  if (rest > 0) storeHalves(d, sd, rest, binaryHalves(code, loadSomeHalves(a, sa, rest), loadSomeHalves(b, sb, rest)));
}

@inline
function binaryInteger<T>(code: i32, a: i32, b: i32): i32 {
  if (code == binaryAdd) return a + b;
  if (code == binarySubtract) return a - b;
  if (code == binaryMultiply) return a * b;
  return code == binaryMaximum ? max(a, b) : min(a, b);
}

@inline
function binaryLanes<T>(code: i32, a: v128, b: v128): v128 {
  if (code == binaryMaximum) return v128.max<T>(a, b);
  if (code == binaryMinimum) return v128.min<T>(a, b);
  if (sizeof<T>() == 4) {
    if (code == binaryAdd) return i32x4.add(a, b);
    if (code == binarySubtract) return i32x4.sub(a, b);
    return i32x4.mul(a, b);
  }
  return a;
}

function rowBinaryInteger<T>(code: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (sd == size && sa == size && sb == size) {
    for (; i + 16 / size <= n; i += 16 / size) {
      v128.store(d, binaryLanes<T>(code, v128.load(a), v128.load(b)));
      d += 16;
      a += 16;
      b += 16;
    }
  }
  for (; i < n; i += 1) {
    store<T>(d, <T>binaryInteger<T>(code, load<T>(a), load<T>(b)));
    d += sd;
    a += sa;
    b += sb;
  }
}

/** destination = source1 (code) source2; storage: that of all three. */
export function binary(scratch: usize, code: i32, storage: i32, d: usize, a: usize, b: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const sb = stride(loops, 2, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (storage == storageI8) rowBinaryInteger<i8>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageU8) rowBinaryInteger<u8>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageI32) rowBinaryInteger<i32>(code, n, d, sd, a, sa, b, sb);
    else rowBinaryHalf(code, n, d, sd, a, sa, b, sb);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
    b += step(loops, 2, axis, outer);
  }
}

@inline
function clipHalves(a: v128, low: v128, high: v128): v128 {
  const ordered = i32x4.max_s(low, i32x4.min_s(high, sortable(a)));
  return v128.bitselect(i32x4.splat(notANumber), unsort(ordered), isNan(a));
}

function rowClipHalf(n: i32, d: usize, sd: i32, a: usize, sa: i32, low: i32, high: i32): void {
  const least = sortable(i32x4.splat(low));
  const greatest = sortable(i32x4.splat(high));
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    storeHalves(d, sd, 4, clipHalves(loadHalves(a, sa), least, greatest));
    d += sd << 2;
    a += sa << 2;
  }
  if (i < n) storeHalves(d, sd, n - i, clipHalves(loadSomeHalves(a, sa, n - i), least, greatest));
}

function rowClipInteger<T>(n: i32, d: usize, sd: i32, a: usize, sa: i32, low: i32, high: i32): void {
  const size = <i32>sizeof<T>();
  let i = 0;
  if (sd == size && sa == size) {
    const least = v128.splat<T>(<T>low);
    const greatest = v128.splat<T>(<T>high);
    for (; i + 16 / size <= n; i += 16 / size) {
      v128.store(d, v128.max<T>(least, v128.min<T>(greatest, v128.load(a))));
      d += 16;
      a += 16;
    }
  }
  for (; i < n; i += 1) {
    store<T>(d, <T>max(low, min(high, <i32>load<T>(a))));
    d += sd;
    a += sa;
  }
}

/** destination = max(low, min(high, source)); bounds are stored integers within the storage's range, or f16 bits. */
export function clip(scratch: usize, storage: i32, d: usize, a: usize, low: i32, high: i32): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (storage == storageI8) rowClipInteger<i8>(n, d, sd, a, sa, low, high);
    else if (storage == storageU8) rowClipInteger<u8>(n, d, sd, a, sa, low, high);
    else if (storage == storageI32) rowClipInteger<i32>(n, d, sd, a, sa, low, high);
    else rowClipHalf(n, d, sd, a, sa, low, high);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}

/** destination = table[source], f16. */
export function lookup(scratch: usize, d: usize, a: usize, table: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    for (let i = 0; i < n; i += 1) {
      store<u16>(write, load<u16>(table + (<usize>load<u16>(read) << 1)));
      write += sd;
      read += sa;
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}

@inline
function signHalves(a: v128, keep: v128, flip: v128): v128 {
  return v128.bitselect(i32x4.splat(notANumber), v128.xor(v128.and(a, keep), flip), isNan(a));
}

/** destination = (source AND keep) XOR flip on the bits of f16; NaN becomes 0x7e00. */
export function sign(scratch: usize, d: usize, a: usize, keep: i32, flip: i32): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const kept = i32x4.splat(keep);
  const flipped = i32x4.splat(flip);
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      storeHalves(write, sd, 4, signHalves(loadHalves(read, sa), kept, flipped));
      write += sd << 2;
      read += sa << 2;
    }
    if (i < n) storeHalves(write, sd, n - i, signHalves(loadSomeHalves(read, sa, n - i), kept, flipped));
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}

/** destination = source where source ≥ 0, else alpha · source, on f16; the product in f64 is rounded once. */
export function leakyRelu(scratch: usize, d: usize, a: usize, alpha: f64): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const factor = f64x2.splat(alpha);
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    for (let i = 0; i < n; i += 4) {
      const lanes = min(4, n - i);
      const half = lanes == 4 ? loadHalves(read, sa) : loadSomeHalves(read, sa, lanes);
      const single = widen(half);
      const low = f64x2.mul(f64x2.promote_low_f32x4(single), factor);
      const high = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i64>(single, single, 1, 1)), factor);
      const same = f32x4.ge(single, f32x4.splat(0));
      storeHalves(write, sd, lanes, v128.bitselect(half, narrowDoubles(low, high), same));
      write += sd << 2;
      read += sa << 2;
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}

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
