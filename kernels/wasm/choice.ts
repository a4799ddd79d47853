// Comparisons, choices, bits and conversions over the first loop nest: operand 0 is the destination, 1, 2 and 4 are the
// sources. Truth values are bytes of 0 or 1.
import {
  bitsAnd,
  bitsOr,
  compareEqual,
  compareLess,
  firstLoops,
  storageBool,
  storageF16,
  storageI16,
  storageI32,
  storageI64,
  storageI8,
  storageU16,
  storageU32,
  storageU8,
} from "../layout";
import { doubleFromHalf, halfFromDouble, loadHalves, loadSomeHalves, narrowDoubles, storeHalves, widen } from "./half";
import { advance, count, rank, seek, step, stride } from "./loops";

function rowCompareHalf(code: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  for (let i = 0; i < n; i += 4) {
    const lanes = min(4, n - i);
    const x = widen(lanes == 4 ? loadHalves(a, sa) : loadSomeHalves(a, sa, lanes));
    const y = widen(lanes == 4 ? loadHalves(b, sb) : loadSomeHalves(b, sb, lanes));
    const mask = code == compareEqual ? f32x4.eq(x, y) : code == compareLess ? f32x4.lt(x, y) : f32x4.le(x, y);
    const truths = i32x4.bitmask(mask);
    for (let lane = 0; lane < lanes; lane += 1) {
      store<u8>(d, <u8>((truths >> lane) & 1));
      d += sd;
    }
    a += sa << 2;
    b += sb << 2;
  }
}

function rowCompare<T>(code: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  for (let i = 0; i < n; i += 1) {
    const x = load<T>(a);
    const y = load<T>(b);
    store<u8>(d, <u8>(code == compareEqual ? x == y : code == compareLess ? x < y : x <= y));
    d += sd;
    a += sa;
    b += sb;
  }
}

/** destination = source1 (code) source2, as truth values. */
export function compare(scratch: usize, code: i32, storage: i32, d: usize, a: usize, b: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const sb = stride(loops, 2, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (storage == storageF16) rowCompareHalf(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageI8) rowCompare<i8>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageU8) rowCompare<u8>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageI16) rowCompare<i16>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageU16) rowCompare<u16>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageI32) rowCompare<i32>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageU32) rowCompare<u32>(code, n, d, sd, a, sa, b, sb);
    else if (storage == storageI64) rowCompare<i64>(code, n, d, sd, a, sa, b, sb);
    else rowCompare<u64>(code, n, d, sd, a, sa, b, sb);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
    b += step(loops, 2, axis, outer);
  }
}

function rowSelect<T>(n: i32, d: usize, sd: i32, c: usize, sc: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  for (let i = 0; i < n; i += 1) {
    store<T>(d, load<u8>(c) != 0 ? load<T>(a) : load<T>(b));
    d += sd;
    c += sc;
    a += sa;
    b += sb;
  }
}

/** destination = source2 where the truth value source1 is not 0, else source4; elements of 1, 2, 4 or 8 bytes. */
export function select(scratch: usize, bytes: i32, d: usize, c: usize, a: usize, b: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sc = stride(loops, 1, outer);
  const sa = stride(loops, 2, outer);
  const sb = stride(loops, 4, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (bytes == 1) rowSelect<u8>(n, d, sd, c, sc, a, sa, b, sb);
    else if (bytes == 2) rowSelect<u16>(n, d, sd, c, sc, a, sa, b, sb);
    else if (bytes == 4) rowSelect<u32>(n, d, sd, c, sc, a, sa, b, sb);
    else rowSelect<u64>(n, d, sd, c, sc, a, sa, b, sb);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    c += step(loops, 1, axis, outer);
    a += step(loops, 2, axis, outer);
    b += step(loops, 4, axis, outer);
  }
}

function rowBits<T>(code: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32, b: usize, sb: i32): void {
  for (let i = 0; i < n; i += 1) {
    const x = load<T>(a);
    const y = load<T>(b);
    store<T>(d, code == bitsAnd ? x & y : code == bitsOr ? x | y : x ^ y);
    d += sd;
    a += sa;
    b += sb;
  }
}

/** destination = source1 (code) source2, bit by bit; elements of 1, 2, 4 or 8 bytes. */
export function bits(scratch: usize, code: i32, bytes: i32, d: usize, a: usize, b: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const sb = stride(loops, 2, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (bytes == 1) rowBits<u8>(code, n, d, sd, a, sa, b, sb);
    else if (bytes == 2) rowBits<u16>(code, n, d, sd, a, sa, b, sb);
    else if (bytes == 4) rowBits<u32>(code, n, d, sd, a, sa, b, sb);
    else rowBits<u64>(code, n, d, sd, a, sa, b, sb);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
    b += step(loops, 2, axis, outer);
  }
}

@inline
function loadInteger(storage: i32, a: usize): i64 {
  if (storage == storageI8) return <i64>load<i8>(a);
  if (storage == storageU8) return <i64>load<u8>(a);
  if (storage == storageI32) return <i64>load<i32>(a);
  if (storage == storageI16) return <i64>load<i16>(a);
  if (storage == storageU16) return <i64>load<u16>(a);
  if (storage == storageU32) return <i64>load<u32>(a);
  return load<i64>(a);
}

@inline
function storeInteger(storage: i32, d: usize, value: i64): void {
  if (storage == storageBool) store<u8>(d, <u8>(value != 0));
  else if (storage == storageI8 || storage == storageU8) store<u8>(d, <u8>value);
  else if (storage == storageI16 || storage == storageU16) store<u16>(d, <u16>value);
  else if (storage == storageI32 || storage == storageU32) store<u32>(d, <u32>value);
  else store<i64>(d, value);
}

/** Rows of integers that fit i32 to f16, four at a time. */
function rowToHalf(from: i32, n: i32, d: usize, sd: i32, a: usize, sa: i32): void {
  for (let i = 0; i < n; i += 4) {
    const lanes = min(4, n - i);
    let words = i32x4.splat(<i32>loadInteger(from, a));
    if (lanes > 1) words = i32x4.replace_lane(words, 1, <i32>loadInteger(from, a + sa));
    if (lanes > 2) words = i32x4.replace_lane(words, 2, <i32>loadInteger(from, a + 2 * sa));
    if (lanes > 3) words = i32x4.replace_lane(words, 3, <i32>loadInteger(from, a + 3 * sa));
    const low = f64x2.convert_low_i32x4_s(words);
    const high = f64x2.convert_low_i32x4_s(v128.shuffle<i64>(words, words, 1, 1));
    storeHalves(d, sd, lanes, narrowDoubles(low, high));
    d += sd << 2;
    a += sa << 2;
  }
}

/** destination = source in another storage; NaN and infinities as `integerFromFloat` has them; u64 is not read as a float. */
export function convert(scratch: usize, from: i32, to: i32, d: usize, a: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const least: i64 = to == storageI32 ? -2147483648 : i64.MIN_VALUE;
  const fitsWord = from != storageF16 && from != storageU32 && from != storageI64 && to == storageF16;
  seek(loops, outer, 0);
  for (;;) {
    let write = d;
    let read = a;
    if (fitsWord) rowToHalf(from, n, d, sd, a, sa);
    for (let i = fitsWord ? n : 0; i < n; i += 1) {
      if (from == storageF16) {
        const value = doubleFromHalf(load<u16>(read));
        if (to == storageF16) store<u16>(write, halfFromDouble(value));
        else if (to == storageBool) store<u8>(write, <u8>(value != 0));
        else storeInteger(to, write, value - value == 0 ? <i64>value : least);
      } else if (to == storageF16) store<u16>(write, halfFromDouble(<f64>loadInteger(from, read)));
      else storeInteger(to, write, loadInteger(from, read));
      write += sd;
      read += sa;
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}
