// Elements of 4 and 2 bits, several in a byte, the lowest bits first. Positions are counted in elements from a byte; `shift`
// is 1 for 4 bits (two in a byte) and 2 for 2 bits. Eight elements are read as 8 bytes: up to 7 beyond the last element.
import { activationOffsets, firstLoops, runTable, weightOffsets } from "../layout";
import { advance, count, offset, rank, seek, step, stride } from "./loops";
import { listRuns } from "./packing";

/** Element `unit` after the byte at `base`. */
@inline
function loadUnit(base: usize, unit: i32, shift: i32, signed: bool): i32 {
  const bits = 8 >> shift;
  const unused = 32 - bits;
  const high = <i32>load<u8>(base + (unit >> shift)) << (unused - (unit & ((1 << shift) - 1)) * bits);
  return signed ? high >> unused : <i32>(<u32>high >> unused);
}

/** Writes the low bits of a value as element `unit` after the byte at `base`. */
@inline
function storeUnit(base: usize, unit: i32, shift: i32, value: i32): void {
  const bits = 8 >> shift;
  const within = (unit & ((1 << shift) - 1)) * bits;
  const mask = ((1 << bits) - 1) << within;
  const at = base + (unit >> shift);
  store<u8>(at, (<i32>load<u8>(at) & ~mask) | ((value << within) & mask));
}

/** Elements `unit` … `unit` + 7 after the byte at `base`, as i16. */
@inline
function loadEight(base: usize, unit: i32, shift: i32, signed: bool): v128 {
  const within = <u64>((unit & ((1 << shift) - 1)) * (8 >> shift));
  const word = i64x2.splat(load<u64>(base + (unit >> shift)) >> within);
  const zero = i64x2.splat(0);
  if (shift == 1) {
    const spread = v128.shuffle<i8>(word, zero, 0, 16, 0, 16, 1, 16, 1, 16, 2, 16, 2, 16, 3, 16, 3, 16);
    const high = i16x8.mul(spread, i16x8(4096, 256, 4096, 256, 4096, 256, 4096, 256));
    return signed ? i16x8.shr_s(high, 12) : i16x8.shr_u(high, 12);
  }
  const spread = v128.shuffle<i8>(word, zero, 0, 16, 0, 16, 0, 16, 0, 16, 1, 16, 1, 16, 1, 16, 1, 16);
  const high = i16x8.mul(spread, i16x8(16384, 4096, 1024, 256, 16384, 4096, 1024, 256));
  return signed ? i16x8.shr_s(high, 14) : i16x8.shr_u(high, 14);
}

/** Packs rows m0 … m0+mc of packed activations as i16, `pitch` bytes a row, a zero after an odd last element. */
export function packPackedActivations(scratch: usize, source: usize, phase: i32, shift: i32, signed: bool, m0: i32, mc: i32, kc: i32, target: usize, pitch: i32): void {
  const rows = scratch + firstLoops;
  const axes = rank(rows);
  const offsets = scratch + activationOffsets;
  const runs = listRuns(scratch, kc, 1);
  seek(rows, axes, m0);
  let row = phase + offset(rows, 0, axes);
  for (let m = 0; m < mc; m += 1) {
    if (runs > 0) {
      let write = target;
      for (let run = 0; run < runs; run += 1) {
        const entry = scratch + runTable + (<usize>run << 3);
        const start = row + load<i32>(entry);
        const length = load<i32>(entry, 4);
        let i = 0;
        for (; i + 8 <= length; i += 8) v128.store(write + (<usize>i << 1), loadEight(source, start + i, shift, signed));
        for (; i < length; i += 1) store<i16>(write + (<usize>i << 1), loadUnit(source, start + i, shift, signed));
        write += <usize>length << 1;
      }
    } else {
      for (let k = 0; k < kc; k += 1) {
        store<i16>(target + (<usize>k << 1), loadUnit(source, row + load<i32>(offsets + (<usize>k << 2)), shift, signed));
      }
    }
    if (kc & 1) store<i16>(target + (<usize>kc << 1), 0);
    target += pitch;
    const axis = advance(rows, axes);
    if (axis >= 0) row += step(rows, 0, axis, axes);
  }
}

/** Sixteen elements of 4 bits from an address on, as bytes. */
@inline
function loadSixteenHalves(address: usize, signs: v128): v128 {
  const word = v128.load64_splat(address);
  const low = v128.and(word, i8x16.splat(15));
  const high = i8x16.shr_u(word, 4);
  const spread = v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return i8x16.sub(v128.xor(spread, signs), signs);
}

/** Sixteen elements of 2 bits in the low 32 bits of a word, as bytes. */
@inline
function spreadQuarters(word: u32, signs: v128): v128 {
  const bytes = i32x4.splat(word);
  const spread = v128.shuffle<i8>(bytes, bytes, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  // Each byte keeps its own two bits: shifted by 0, 2, 4 and 6 in turn.
  const first = v128.and(spread, i32x4.splat(0x00000003));
  const second = v128.and(i8x16.shr_u(spread, 2), i32x4.splat(0x00000300));
  const third = v128.and(i8x16.shr_u(spread, 4), i32x4.splat(0x00030000));
  const fourth = v128.and(i8x16.shr_u(spread, 6), i32x4.splat(0x03000000));
  const joined = v128.or(v128.or(first, second), v128.or(third, fourth));
  return i8x16.sub(v128.xor(joined, signs), signs);
}

/**
 * Unpacks `columns` columns of `pairs` rows of paired weights, `rowUnits` elements apart, to bytes [pairs][columns][2]. Pairs
 * begin at an even element.
 */
export function unpackPairs(source: usize, unit: i32, shift: i32, signed: bool, rowUnits: i32, pairs: i32, columns: i32, target: usize): void {
  const length = 2 * columns;
  const signs = signed ? i8x16.splat(shift == 1 ? 8 : 2) : i8x16.splat(0);
  for (let k = 0; k < pairs; k += 1) {
    let n = 0;
    if (shift == 1) {
      const from = source + (unit >> 1);
      for (; n + 16 <= length; n += 16) v128.store(target + n, loadSixteenHalves(from + (n >> 1), signs));
    } else {
      const from = source + (unit >> 2);
      const within = <u64>((unit & 3) << 1);
      for (; n + 16 <= length; n += 16) {
        v128.store(target + n, spreadQuarters(<u32>(load<u64>(from + (n >> 2)) >> within), signs));
      }
    }
    for (; n < length; n += 1) store<i8>(target + n, loadUnit(source, unit + n, shift, signed));
    unit += rowUnits;
    target += length;
  }
}

/** Packs packed weights of `columns` columns, at the listed inner offsets, as bytes [ceil(kc/2)][columns][2]. */
export function pairPacked(scratch: usize, source: usize, unit: i32, shift: i32, signed: bool, columnStride: i32, columns: i32, kc: i32, target: usize): void {
  const offsets = scratch + weightOffsets;
  for (let k = 0; k < kc; k += 2) {
    const paired = k + 1 < kc;
    let even = unit + load<i32>(offsets + (<usize>k << 2));
    let odd = paired ? unit + load<i32>(offsets + (<usize>(k + 1) << 2)) : 0;
    for (let n = 0; n < columns; n += 1) {
      store<i8>(target, loadUnit(source, even, shift, signed));
      store<i8>(target, paired ? loadUnit(source, odd, shift, signed) : 0, 1);
      even += columnStride;
      odd += columnStride;
      target += 2;
    }
  }
}

/** Writes the low bits of sixteen bytes as elements that begin with the byte at an address. */
@inline
function storeSixteen(address: usize, shift: i32, bytes: v128): void {
  if (shift == 1) {
    const own = v128.and(bytes, i16x8.splat(0x0f0f));
    const joined = v128.and(v128.or(own, i16x8.shr_u(own, 4)), i16x8.splat(0x00ff));
    v128.store64_lane(address, i8x16.narrow_i16x8_u(joined, joined), 0);
    return;
  }
  const own = v128.and(bytes, i16x8.splat(0x0303));
  const pairs = v128.and(v128.or(own, i16x8.shr_u(own, 6)), i16x8.splat(0x000f));
  const joined = v128.and(v128.or(pairs, i32x4.shr_u(pairs, 12)), i32x4.splat(0xff));
  const halves = i16x8.narrow_i32x4_u(joined, joined);
  v128.store32_lane(address, i8x16.narrow_i16x8_u(halves, halves), 0);
}

/**
 * Copies elements of the first loop nest (operand 0 the destination, 1 the source), where `toPacked` and `fromPacked` say
 * which side is packed: its strides are then elements, else bytes, and its elements take one.
 */
export function copyPacked(scratch: usize, shift: i32, signed: bool, toPacked: bool, d: usize, dUnit: i32, fromPacked: bool, a: usize, aUnit: i32): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const mask = (1 << shift) - 1;
  const dense = sd == 1 && sa == 1;
  seek(loops, outer, 0);
  for (;;) {
    let i = 0;
    if (dense && fromPacked && toPacked && ((dUnit ^ aUnit) & mask) == 0) {
      for (; i < n && ((dUnit + i) & mask) != 0; i += 1) storeUnit(d, dUnit + i, shift, loadUnit(a, aUnit + i, shift, false));
      const whole = (n - i) >> shift;
      memory.copy(d + ((dUnit + i) >> shift), a + ((aUnit + i) >> shift), whole);
      i += whole << shift;
    } else if (dense && fromPacked && !toPacked) {
      for (; i + 16 <= n; i += 16) {
        const low = loadEight(a, aUnit + i, shift, signed);
        const high = loadEight(a, aUnit + i + 8, shift, signed);
        v128.store(d + (dUnit + i), signed ? i8x16.narrow_i16x8_s(low, high) : i8x16.narrow_i16x8_u(low, high));
      }
    }
    if (dense && toPacked && !fromPacked) {
      for (; i < n && ((dUnit + i) & mask) != 0; i += 1) storeUnit(d, dUnit + i, shift, load<u8>(a + (aUnit + i)));
      for (; i + 16 <= n; i += 16) storeSixteen(d + ((dUnit + i) >> shift), shift, v128.load(a + (aUnit + i)));
    }
    for (; i < n; i += 1) {
      const from = aUnit + i * sa;
      const to = dUnit + i * sd;
      const value = fromPacked ? loadUnit(a, from, shift, signed) : <i32>load<u8>(a + from);
      if (toPacked) storeUnit(d, to, shift, value);
      else store<u8>(d + to, <u8>value);
    }
    const axis = advance(loops, outer);
    if (axis < 0) return;
    dUnit += step(loops, 0, axis, outer);
    aUnit += step(loops, 1, axis, outer);
  }
}
