// Integer contraction: activations as i16 rows, weights as pairs of columns, i32x4.dot_i16x8_s on tiles of 4 rows × 8 columns.
import {
  activationOffsets,
  columnBlock,
  columnChunk,
  innerChunk,
  panel,
  panelBytes,
  startAccumulate,
  startBias,
  tileBuffer,
  weightBlock,
  weightOffsets,
} from "../layout";
import { packPackedActivations, pairPacked, unpackPairs } from "./packed";
import { listOffsets, packActivations, pairBytes } from "./packing";

/** Eight i16 (four columns of pairs) from paired weights stored as T. */
@inline
function loadPairs<T>(address: usize): v128 {
  if (sizeof<T>() == 2) return v128.load(address);
  return v128.load_ext<T>(address);
}

/** Adds a row of 8 sums to the partial sums. */
@inline
function addRow(target: usize, low: v128, high: v128): void {
  v128.store(target, i32x4.add(v128.load(target), low));
  v128.store(target, i32x4.add(v128.load(target, 16), high), 16);
}

/** target[4][8] += rows of activations · 8 columns of weights over `pairs` pairs of inner elements. */
function tile4x8<T>(pairs: i32, rows: usize, rowPitch: i32, weights: usize, weightPitch: i32, target: usize, targetPitch: i32): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  const rowB = rows + rowPitch;
  const rowC = rowB + rowPitch;
  const rowD = rowC + rowPitch;
  const end = <usize>pairs << 2;
  for (let k: usize = 0; k < end; k += 4) {
    const w0 = loadPairs<T>(weights);
    const w1 = loadPairs<T>(weights + 8 * sizeof<T>());
    const a = v128.load_splat<i32>(rows + k);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(a, w0));
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(a, w1));
    const b = v128.load_splat<i32>(rowB + k);
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(b, w0));
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(b, w1));
    const c = v128.load_splat<i32>(rowC + k);
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(c, w0));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(c, w1));
    const d = v128.load_splat<i32>(rowD + k);
    d0 = i32x4.add(d0, i32x4.dot_i16x8_s(d, w0));
    d1 = i32x4.add(d1, i32x4.dot_i16x8_s(d, w1));
    weights += weightPitch;
  }
  addRow(target, a0, a1);
  addRow(target + targetPitch, b0, b1);
  addRow(target + 2 * targetPitch, c0, c1);
  addRow(target + 3 * targetPitch, d0, d1);
}

/** target[1][8] += as above, one row. */
function tile1x8<T>(pairs: i32, row: usize, weights: usize, weightPitch: i32, target: usize): void {
  let low = i32x4.splat(0);
  let high = low;
  const end = row + (<usize>pairs << 2);
  for (; row < end; row += 4) {
    const a = v128.load_splat<i32>(row);
    low = i32x4.add(low, i32x4.dot_i16x8_s(a, loadPairs<T>(weights)));
    high = i32x4.add(high, i32x4.dot_i16x8_s(a, loadPairs<T>(weights + 8 * sizeof<T>())));
    weights += weightPitch;
  }
  addRow(target, low, high);
}

/** target[1][32] += as above, one row: whole cache lines of the weights at a time. */
function tile1x32<T>(pairs: i32, row: usize, weights: usize, weightPitch: i32, target: usize): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  const end = row + (<usize>pairs << 2);
  for (; row < end; row += 4) {
    const a = v128.load_splat<i32>(row);
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights)));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 8)));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 16)));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 24)));
    s4 = i32x4.add(s4, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 32)));
    s5 = i32x4.add(s5, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 40)));
    s6 = i32x4.add(s6, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 48)));
    s7 = i32x4.add(s7, i32x4.dot_i16x8_s(a, v128.load_ext<T>(weights, 56)));
    weights += weightPitch;
  }
  addRow(target, s0, s1);
  addRow(target + 32, s2, s3);
  addRow(target + 64, s4, s5);
  addRow(target + 96, s6, s7);
}

/** One column: target[m] += rows[m] · column, the column as i16 padded with zeros to a multiple of 8; what stands in the rows there is not used. */
function columnProduct(rowCount: i32, inner: i32, rows: usize, rowPitch: i32, column: usize, target: usize, targetPitch: i32): void {
  for (let m = 0; m < rowCount; m += 1) {
    let total = i32x4.splat(0);
    for (let k: usize = 0; k < <usize>inner << 1; k += 16) {
      total = i32x4.add(total, i32x4.dot_i16x8_s(v128.load(rows + k), v128.load(column + k)));
    }
    const lanes = i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1) + i32x4.extract_lane(total, 2) + i32x4.extract_lane(total, 3);
    store<i32>(target, load<i32>(target) + lanes);
    rows += rowPitch;
    target += targetPitch;
  }
}

/** Copies `columns` (1 … 8) columns of paired weights as [pairs][8][2] i16, zeros beyond them. */
function blockColumns<T>(pairs: i32, columns: i32, weights: usize, weightPitch: i32, block: usize): void {
  for (let k = 0; k < pairs; k += 1) {
    if (columns == 8) {
      v128.store(block, v128.load_ext<T>(weights));
      v128.store(block, v128.load_ext<T>(weights, 8), 16);
    } else {
      v128.store(block, i32x4.splat(0));
      v128.store(block, i32x4.splat(0), 16);
      for (let n = 0; n < 2 * columns; n += 1) store<i16>(block + (<usize>n << 1), load<T>(weights + n));
    }
    weights += weightPitch;
    block += 32;
  }
}

/** Copies one column of paired weights as i16, zeros up to a multiple of 8. */
function blockColumn<T>(pairs: i32, weights: usize, weightPitch: i32, block: usize): void {
  const end = block + (<usize>((pairs + 3) & ~3) << 2);
  for (let k = 0; k < pairs; k += 1) {
    store<i16>(block, load<T>(weights));
    store<i16>(block, load<T>(weights, 1), 2);
    weights += weightPitch;
    block += 4;
  }
  for (; block < end; block += 4) store<i32>(block, 0);
}

/** Adds the first `columns` sums of a row of the tile buffer to the partial sums. */
@inline
function addSome(tile: usize, target: usize, columns: i32): void {
  for (let n = 0; n < columns; n += 1) {
    const at = target + (<usize>n << 2);
    store<i32>(at, load<i32>(at) + load<i32>(tile + (<usize>n << 2)));
  }
}

/** target[mc][columns] += panel · paired weights; all of them at their chunk's start. */
function product<T>(scratch: usize, mc: i32, columns: i32, inner: i32, pitch: i32, weights: usize, weightPitch: i32, target: usize, targetPitch: i32): void {
  const rows = scratch + panel;
  const block = scratch + columnBlock;
  const tile = scratch + tileBuffer;
  const pairs = (inner + 1) >> 1;
  let n = 0;
  if (mc < 4) {
    for (; n + 32 <= columns; n += 32) {
      for (let m = 0; m < mc; m += 1) {
        tile1x32<T>(pairs, rows + m * pitch, weights + (<usize>n << 1), weightPitch, target + m * targetPitch + (<usize>n << 2));
      }
    }
  }
  for (; n + 8 <= columns; n += 8) {
    const source = weights + (<usize>n << 1);
    const write = target + (<usize>n << 2);
    let m = 0;
    if (mc >= 16) {
      blockColumns<T>(pairs, 8, source, weightPitch, block);
      for (; m + 4 <= mc; m += 4) {
        tile4x8<i16>(pairs, rows + m * pitch, pitch, block, 32, write + m * targetPitch, targetPitch);
      }
      for (; m < mc; m += 1) tile1x8<i16>(pairs, rows + m * pitch, block, 32, write + m * targetPitch);
    } else {
      for (; m + 4 <= mc; m += 4) {
        tile4x8<T>(pairs, rows + m * pitch, pitch, source, weightPitch, write + m * targetPitch, targetPitch);
      }
      for (; m < mc; m += 1) tile1x8<T>(pairs, rows + m * pitch, source, weightPitch, write + m * targetPitch);
    }
  }
  if (columns - n == 1) {
    blockColumn<T>(pairs, weights + (<usize>n << 1), weightPitch, block);
    columnProduct(mc, inner, rows, pitch, block, target + (<usize>n << 2), targetPitch);
  } else if (n < columns) {
    blockColumns<T>(pairs, columns - n, weights + (<usize>n << 1), weightPitch, block);
    for (let m = 0; m < mc; m += 4) {
      memory.fill(tile, 0, 128);
      const rest = min(4, mc - m);
      if (rest == 4) tile4x8<i16>(pairs, rows + m * pitch, pitch, block, 32, tile, 32);
      else for (let r = 0; r < rest; r += 1) tile1x8<i16>(pairs, rows + (m + r) * pitch, block, 32, tile + (<usize>r << 5));
      for (let r = 0; r < rest; r += 1) {
        addSome(tile + (<usize>r << 5), target + (m + r) * targetPitch + (<usize>n << 2), columns - n);
      }
    }
  }
}

/** Gives the partial sums their first values. */
function begin(start: i32, rows: i32, columns: i32, target: usize, bias: usize): void {
  const bytes = columns << 2;
  if (start == startBias) for (let m = 0; m < rows; m += 1) memory.copy(target + m * bytes, bias, bytes);
  else if (start != startAccumulate) memory.fill(target, 0, rows * bytes);
}

function contractTyped<A, W>(
  scratch: usize,
  rowCount: i32,
  inner: i32,
  columns: i32,
  activations: usize,
  activationShift: i32,
  activationUnit: i32,
  weights: usize,
  weightShift: i32,
  weightUnit: i32,
  signedWeights: bool,
  paired: bool,
  columnStride: i32,
  target: usize,
): void {
  const asStored = paired && weightShift == 0;
  const targetPitch = columns << 2;
  for (let k0 = 0; k0 < inner; k0 += innerChunk) {
    const kc = min(innerChunk, inner - k0);
    const pitch = ((kc + 7) & ~7) << 1;
    const chunkRows = max(4, (panelBytes / pitch) & ~3);
    listOffsets(scratch, 0, k0, kc, scratch + activationOffsets);
    if (!paired) listOffsets(scratch, 1, k0, kc, scratch + weightOffsets);
    const columnStep = asStored ? columns : columnChunk;
    for (let n0 = 0; n0 < columns; n0 += columnStep) {
      const nc = min(columnStep, columns - n0);
      let block = weights + ((k0 >> 1) * columns << 1);
      if (!asStored) {
        block = scratch + weightBlock;
        if (paired) {
          const unit = weightUnit + (((k0 >> 1) * columns + n0) << 1);
          unpackPairs(weights, unit, weightShift, signedWeights, columns << 1, (kc + 1) >> 1, nc, block);
        } else if (weightShift > 0) {
          pairPacked(scratch, weights, weightUnit + n0 * columnStride, weightShift, signedWeights, columnStride, nc, kc, block);
        } else pairBytes(scratch, weights + n0 * columnStride, columnStride, nc, kc, block);
      }
      for (let m0 = 0; m0 < rowCount; m0 += chunkRows) {
        const mc = min(chunkRows, rowCount - m0);
        if (n0 == 0 || rowCount > chunkRows) {
          if (activationShift > 0) {
            packPackedActivations(scratch, activations, activationUnit, activationShift, isSigned<A>(), m0, mc, kc, scratch + panel, pitch);
          } else packActivations<A>(scratch, activations, m0, mc, kc, scratch + panel, pitch);
        }
        product<W>(scratch, mc, nc, kc, pitch, block, nc << 1, target + m0 * targetPitch + (<usize>n0 << 2), targetPitch);
      }
    }
  }
}

/**
 * partial[rowCount][columns] (+)= activations · weights for one group. Rows: the first loop nest of the scratch memory;
 * inner: the second, operand 0 the activations, operand 1 strided weights. Operands whose shift is not 0 are packed (see
 * packed.ts): they begin at an element after their address, and their strides are elements.
 */
export function contract(
  scratch: usize,
  rowCount: i32,
  inner: i32,
  columns: i32,
  activations: usize,
  activationShift: i32,
  activationUnit: i32,
  signedActivations: bool,
  weights: usize,
  weightShift: i32,
  weightUnit: i32,
  signedWeights: bool,
  paired: bool,
  columnStride: i32,
  target: usize,
  start: i32,
  bias: usize,
): void {
  begin(start, rowCount, columns, target, bias);
  // Unpacked weights fit i8 whether signed or not.
  const asSigned = signedWeights || weightShift > 0;
  if (signedActivations) {
    if (asSigned) contractTyped<i8, i8>(scratch, rowCount, inner, columns, activations, activationShift, activationUnit, weights, weightShift, weightUnit, signedWeights, paired, columnStride, target);
    else contractTyped<i8, u8>(scratch, rowCount, inner, columns, activations, activationShift, activationUnit, weights, weightShift, weightUnit, signedWeights, paired, columnStride, target);
  } else if (asSigned) contractTyped<u8, i8>(scratch, rowCount, inner, columns, activations, activationShift, activationUnit, weights, weightShift, weightUnit, signedWeights, paired, columnStride, target);
  else contractTyped<u8, u8>(scratch, rowCount, inner, columns, activations, activationShift, activationUnit, weights, weightShift, weightUnit, signedWeights, paired, columnStride, target);
}

/** Rewrites strided weights of one group in the paired layout; inner: the second loop nest, operand 1. */
export function pairWeights(scratch: usize, inner: i32, columns: i32, source: usize, columnStride: i32, target: usize): void {
  for (let k0 = 0; k0 < inner; k0 += innerChunk) {
    const kc = min(innerChunk, inner - k0);
    listOffsets(scratch, 1, k0, kc, scratch + weightOffsets);
    pairBytes(scratch, source, columnStride, columns, kc, target + ((k0 >> 1) * columns << 1));
  }
}
