// Reductions: the first loop nest runs over the results (operand 0 the destination, 1 the source, 2 the divisor), the
// second over the elements of each (operand 0 the source).
import {
  firstLoops,
  reduceMaximum,
  reduceMean,
  reduceMeanOfSquares,
  reduceSum,
  secondLoops,
  storageI32,
  storageI8,
  storageU8,
} from "../layout";
import { doubleFromHalf, halfFromDouble, widen } from "./half";
import { advance, count, rank, seek, step, stride } from "./loops";

/** Most elements whose f16 sum is exact in f64, lanes included. */
const exactCount = 8192;

/** The exact sum of at most `exactCount` f16. */
function sumHalves(n: i32, a: usize, sa: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  let i = 0;
  if (sa == 2) {
    for (; i + 4 <= n; i += 4) {
      const single = widen(v128.load_ext<u16>(a));
      low = f64x2.add(low, f64x2.promote_low_f32x4(single));
      high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(single, single, 1, 1)));
      a += 8;
    }
  }
  const lanes = f64x2.add(low, high);
  let result = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  for (; i < n; i += 1) {
    result += <f64>f32x4.extract_lane(widen(i32x4.splat(load<u16>(a))), 0);
    a += sa;
  }
  return result;
}

/** The exact sum of all inner elements as f64, rounded if it exceeds 53 bits; NaN and infinities by the rules of IEEE 754. */
function exactSum(loops: usize, outer: i32, a: usize): f64 {
  const n = count(loops, outer);
  const sa = stride(loops, 0, outer);
  let units: i64 = 0;
  let special: f64 = 0;
  seek(loops, outer, 0);
  for (;;) {
    let read = a;
    for (let i = 0; i < n; i += exactCount) {
      const length = min(exactCount, n - i);
      const part = sumHalves(length, read, sa);
      if (part - part != 0) special += part;
      else units += <i64>(part * 16777216.0);
      read += length * sa;
    }
    const axis = advance(loops, outer);
    if (axis < 0) break;
    a += step(loops, 0, axis, outer);
  }
  return special != 0 ? special : <f64>units * 5.9604644775390625e-8;
}

/**
 * The exact sum of the squares of all inner elements, rounded to odd where it exceeds 53 bits, so that a quotient by an i32
 * count is then rounded to f16 as the exact one would be; infinity and NaN by the rules of IEEE 754.
 * Squares are multiples of 2^−48 below 2^32: what a sum below 2^58 loses is exact in f64, and is carried along (TwoSum).
 */
function exactSquareSum(loops: usize, outer: i32, a: usize): f64 {
  const n = count(loops, outer);
  const sa = stride(loops, 0, outer);
  let high: f64 = 0;
  let low: f64 = 0;
  let special: f64 = 0;
  seek(loops, outer, 0);
  for (;;) {
    let read = a;
    for (let i = 0; i < n; i += 1) {
      const value = doubleFromHalf(load<u16>(read));
      const square = value * value;
      if (square - square != 0) special += square;
      else {
        const sum = high + square;
        const added = sum - high;
        low += high - (sum - added) + (square - added);
        high = sum + low;
        low -= high - sum;
      }
      read += sa;
    }
    const axis = advance(loops, outer);
    if (axis < 0) break;
    a += step(loops, 0, axis, outer);
  }
  if (special != 0) return special;
  const bits = reinterpret<i64>(high);
  const even = (bits & 1) == 0;
  return low != 0 && even ? reinterpret<f64>(bits + (low > 0 ? 1 : -1)) : high;
}

@inline
function order(half: i32): i32 {
  const extended = <i32>(<i16>half);
  return extended ^ ((extended >> 31) & 0x7fff);
}

/** The greatest (sign 1) or least (sign −1) inner f16, as bits. */
function extremeHalf(loops: usize, outer: i32, a: usize, greatest: bool): i32 {
  const n = count(loops, outer);
  const sa = stride(loops, 0, outer);
  let best = greatest ? -32768 : 32767;
  let nan = false;
  seek(loops, outer, 0);
  for (;;) {
    let read = a;
    let i = 0;
    if (sa == 2 && n >= 8) {
      let lanes = i16x8.splat(<i16>best);
      let nans = i16x8.splat(0);
      for (; i + 8 <= n; i += 8) {
        const half = v128.load(read);
        const ordered = v128.xor(half, v128.and(i16x8.shr_s(half, 15), i16x8.splat(0x7fff)));
        lanes = greatest ? i16x8.max_s(lanes, ordered) : i16x8.min_s(lanes, ordered);
        nans = v128.or(nans, i16x8.gt_s(v128.and(half, i16x8.splat(0x7fff)), i16x8.splat(0x7c00)));
        read += 16;
      }
      nan = nan || v128.any_true(nans);
      lanes = merge(lanes, v128.shuffle<i64>(lanes, lanes, 1, 1), greatest);
      lanes = merge(lanes, v128.shuffle<i32>(lanes, lanes, 1, 1, 1, 1), greatest);
      lanes = merge(lanes, v128.shuffle<i16>(lanes, lanes, 1, 1, 1, 1, 1, 1, 1, 1), greatest);
      best = i16x8.extract_lane_s(lanes, 0);
    }
    for (; i < n; i += 1) {
      const half = <i32>load<u16>(read);
      nan = nan || (half & 0x7fff) > 0x7c00;
      best = greatest ? max(best, order(half)) : min(best, order(half));
      read += sa;
    }
    const axis = advance(loops, outer);
    if (axis < 0) break;
    a += step(loops, 0, axis, outer);
  }
  return nan ? 0x7e00 : (best ^ ((best >> 31) & 0x7fff)) & 0xffff;
}

@inline
function merge(a: v128, b: v128, greatest: bool): v128 {
  return greatest ? i16x8.max_s(a, b) : i16x8.min_s(a, b);
}

/** The sum, or the greatest or least, of the inner integers. */
function reduceIntegers<T>(code: i32, loops: usize, outer: i32, a: usize): i32 {
  const n = count(loops, outer);
  const sa = stride(loops, 0, outer);
  let best: i32 = code == reduceMaximum ? i32.MIN_VALUE : i32.MAX_VALUE;
  let total = 0;
  seek(loops, outer, 0);
  for (;;) {
    let read = a;
    let i = 0;
    if (code <= reduceMean) {
      if (sizeof<T>() == 1 && sa == 1 && n >= 8) {
        let lanes = i32x4.splat(0);
        for (; i + 8 <= n; i += 8) {
          lanes = i32x4.add(lanes, i32x4.dot_i16x8_s(v128.load_ext<T>(read), i16x8.splat(1)));
          read += 8;
        }
        total += i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1) + i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
      }
      for (; i < n; i += 1) {
        total += <i32>load<T>(read);
        read += sa;
      }
    } else if (code == reduceMaximum) {
      for (; i < n; i += 1) {
        best = max(best, <i32>load<T>(read));
        read += sa;
      }
    } else {
      for (; i < n; i += 1) {
        best = min(best, <i32>load<T>(read));
        read += sa;
      }
    }
    const axis = advance(loops, outer);
    if (axis < 0) break;
    a += step(loops, 0, axis, outer);
  }
  return code <= reduceMean ? total : best;
}

/** f16 reductions. divisor 0: `size` is the divisor of a mean. */
function reduceHalves(code: i32, loops: usize, inner: usize, d: usize, a: usize, divisor: usize, size: i32): void {
  const axes = rank(loops);
  const outer = rank(inner) - 1;
  const divided = divisor != 0;
  seek(loops, axes, 0);
  for (;;) {
    if (code == reduceSum) store<u16>(d, halfFromDouble(exactSum(inner, outer, a)));
    else if (code == reduceMean || code == reduceMeanOfSquares) {
      const by = divided ? load<i32>(divisor) : size;
      const total = code == reduceMean ? exactSum(inner, outer, a) : exactSquareSum(inner, outer, a);
      store<u16>(d, halfFromDouble(total / <f64>by));
    } else store<u16>(d, extremeHalf(inner, outer, a, code == reduceMaximum));
    const axis = advance(loops, axes);
    if (axis < 0) return;
    d += step(loops, 0, axis, axes);
    a += step(loops, 1, axis, axes);
    if (divided) divisor += step(loops, 2, axis, axes);
  }
}

@inline
function least<T>(): f64 {
  return sizeof<T>() == 4 ? -2147483648.0 : isSigned<T>() ? -128.0 : 0.0;
}

@inline
function greatest<T>(): f64 {
  return sizeof<T>() == 4 ? 2147483647.0 : isSigned<T>() ? 127.0 : 255.0;
}

function reduceStored<T>(code: i32, loops: usize, inner: usize, d: usize, a: usize, divisor: usize, size: i32): void {
  const axes = rank(loops);
  const outer = rank(inner) - 1;
  const divided = divisor != 0;
  seek(loops, axes, 0);
  for (;;) {
    const value = reduceIntegers<T>(code, inner, outer, a);
    if (code == reduceSum) store<i32>(d, value);
    else if (code == reduceMean) {
      const mean = nearest(<f64>value / <f64>(divided ? load<i32>(divisor) : size));
      store<T>(d, <T>(<i32>max(least<T>(), min(greatest<T>(), mean))));
    } else store<T>(d, <T>value);
    const axis = advance(loops, axes);
    if (axis < 0) return;
    d += step(loops, 0, axis, axes);
    a += step(loops, 1, axis, axes);
    if (divided) divisor += step(loops, 2, axis, axes);
  }
}

/** destination = reduction of the source; divisor 0: means divide by `size`. */
export function reduce(scratch: usize, code: i32, storage: i32, d: usize, a: usize, divisor: usize, size: i32): void {
  const loops = scratch + firstLoops;
  const inner = scratch + secondLoops;
  if (storage == storageI8) reduceStored<i8>(code, loops, inner, d, a, divisor, size);
  else if (storage == storageU8) reduceStored<u8>(code, loops, inner, d, a, divisor, size);
  else if (storage == storageI32) reduceStored<i32>(code, loops, inner, d, a, divisor, size);
  else reduceHalves(code, loops, inner, d, a, divisor, size);
}
