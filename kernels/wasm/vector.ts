// Functions of the vector unit over the first loop nest: operand 0 is the destination, 1 and 2 are the sources.
import {
  binaryAdd,
  binaryMaximum,
  binaryMinimum,
  binaryMultiply,
  binarySubtract,
  firstLoops,
  storageI32,
  storageI8,
  storageU8,
} from "../layout";
import { isNan, loadHalves, loadSomeHalves, narrow, narrowDoubles, storeHalves, widen } from "./half";
import { advance, count, rank, seek, step, stride } from "./loops";

const notANumber = 0x7e00;

/** i32 lanes that order as the f16 in them do, −0 below +0; NaN lies outside. The same function goes back. */
@inline
function sortable(half: v128): v128 {
  const extended = i32x4.shr_s(i32x4.shl(half, 16), 16);
  return v128.xor(extended, v128.and(i32x4.shr_s(extended, 31), i32x4.splat(0x7fff)));
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
