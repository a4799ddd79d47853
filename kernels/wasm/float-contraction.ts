// f32 contraction on tiles of 4 rows × 8 columns.
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
import { evenPitch, listOffsets, packFloatActivations, packFloatWeights } from "./packing";

/** Up to so many rows weights are read rather than computed with: in short stretches, in their order in memory. */
const fewRows = 8;
const fewRowsChunk = 32;

@inline
function addRow(target: usize, low: v128, high: v128): void {
  v128.store(target, f32x4.add(v128.load(target), low));
  v128.store(target, f32x4.add(v128.load(target, 16), high), 16);
}

function tile4x8(inner: i32, rows: usize, rowPitch: i32, weights: usize, weightPitch: i32, target: usize, targetPitch: i32): void {
  let a0 = f32x4.splat(0);
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
  const end = <usize>inner << 2;
  for (let k: usize = 0; k < end; k += 4) {
    const w0 = v128.load(weights);
    const w1 = v128.load(weights, 16);
    const a = v128.load_splat<f32>(rows + k);
    a0 = f32x4.add(a0, f32x4.mul(a, w0));
    a1 = f32x4.add(a1, f32x4.mul(a, w1));
    const b = v128.load_splat<f32>(rowB + k);
    b0 = f32x4.add(b0, f32x4.mul(b, w0));
    b1 = f32x4.add(b1, f32x4.mul(b, w1));
    const c = v128.load_splat<f32>(rowC + k);
    c0 = f32x4.add(c0, f32x4.mul(c, w0));
    c1 = f32x4.add(c1, f32x4.mul(c, w1));
    const d = v128.load_splat<f32>(rowD + k);
    d0 = f32x4.add(d0, f32x4.mul(d, w0));
    d1 = f32x4.add(d1, f32x4.mul(d, w1));
    weights += weightPitch;
  }
  addRow(target, a0, a1);
  addRow(target + targetPitch, b0, b1);
  addRow(target + 2 * targetPitch, c0, c1);
  addRow(target + 3 * targetPitch, d0, d1);
}

function tile1x8(inner: i32, row: usize, weights: usize, weightPitch: i32, target: usize): void {
  let low = f32x4.splat(0);
  let high = low;
  const end = row + (<usize>inner << 2);
  for (; row < end; row += 4) {
    const a = v128.load_splat<f32>(row);
    low = f32x4.add(low, f32x4.mul(a, v128.load(weights)));
    high = f32x4.add(high, f32x4.mul(a, v128.load(weights, 16)));
    weights += weightPitch;
  }
  addRow(target, low, high);
}

/** Copies `columns` (1 … 8) columns as [inner][8], zeros beyond them. */
function blockColumns(inner: i32, columns: i32, weights: usize, weightPitch: i32, block: usize): void {
  for (let k = 0; k < inner; k += 1) {
    if (columns == 8) {
      v128.store(block, v128.load(weights));
      v128.store(block, v128.load(weights, 16), 16);
    } else {
      v128.store(block, i32x4.splat(0));
      v128.store(block, i32x4.splat(0), 16);
      for (let n = 0; n < columns; n += 1) store<f32>(block + (<usize>n << 2), load<f32>(weights + (<usize>n << 2)));
    }
    weights += weightPitch;
    block += 32;
  }
}

function product(scratch: usize, mc: i32, columns: i32, inner: i32, pitch: i32, weights: usize, weightPitch: i32, target: usize, targetPitch: i32): void {
  const rows = scratch + panel;
  const block = scratch + columnBlock;
  const tile = scratch + tileBuffer;
  let n = 0;
  for (; n + 8 <= columns; n += 8) {
    let source = weights + (<usize>n << 2);
    let sourcePitch = weightPitch;
    const write = target + (<usize>n << 2);
    if (mc >= 16) {
      blockColumns(inner, 8, source, weightPitch, block);
      source = block;
      sourcePitch = 32;
    }
    let m = 0;
    for (; m + 4 <= mc; m += 4) {
      tile4x8(inner, rows + m * pitch, pitch, source, sourcePitch, write + m * targetPitch, targetPitch);
    }
    for (; m < mc; m += 1) tile1x8(inner, rows + m * pitch, source, sourcePitch, write + m * targetPitch);
  }
  if (n == columns) return;
  blockColumns(inner, columns - n, weights + (<usize>n << 2), weightPitch, block);
  for (let m = 0; m < mc; m += 4) {
    memory.fill(tile, 0, 128);
    const rest = min(4, mc - m);
    if (rest == 4) tile4x8(inner, rows + m * pitch, pitch, block, 32, tile, 32);
    else for (let r = 0; r < rest; r += 1) tile1x8(inner, rows + (m + r) * pitch, block, 32, tile + (<usize>r << 5));
    for (let r = 0; r < rest; r += 1) {
      for (let column = n; column < columns; column += 1) {
        const at = target + (m + r) * targetPitch + (<usize>column << 2);
        store<f32>(at, load<f32>(at) + load<f32>(tile + (<usize>r << 5) + (<usize>(column - n) << 2)));
      }
    }
  }
}

/** partial[rowCount][columns] (+)= activations · weights for one group, all f32; loop nests as for `contract`. */
export function contractFloat(
  scratch: usize,
  rowCount: i32,
  inner: i32,
  columns: i32,
  activations: usize,
  weights: usize,
  columnStride: i32,
  target: usize,
  start: i32,
  bias: usize,
): void {
  const targetPitch = columns << 2;
  if (start == startBias) for (let m = 0; m < rowCount; m += 1) memory.copy(target + m * targetPitch, bias, targetPitch);
  else if (start != startAccumulate) memory.fill(target, 0, rowCount * targetPitch);
  const chunk = rowCount <= fewRows && columnStride == 4 ? fewRowsChunk : innerChunk;
  for (let k0 = 0; k0 < inner; k0 += chunk) {
    const kc = min(chunk, inner - k0);
    const pitch = kc << 2;
    const chunkRows = max(4, (panelBytes / pitch) & ~3);
    listOffsets(scratch, 0, k0, kc, scratch + activationOffsets);
    listOffsets(scratch, 1, k0, kc, scratch + weightOffsets);
    const weightPitch = columnStride == 4 ? evenPitch(scratch, kc) : 0;
    const columnStep = weightPitch != 0 ? columns : columnChunk;
    for (let n0 = 0; n0 < columns; n0 += columnStep) {
      const nc = min(columnStep, columns - n0);
      let block = scratch + weightBlock;
      if (weightPitch != 0) block = weights + load<i32>(scratch + weightOffsets) + (<usize>n0 << 2);
      else packFloatWeights(scratch, weights + n0 * columnStride, columnStride, nc, kc, block);
      for (let m0 = 0; m0 < rowCount; m0 += chunkRows) {
        const mc = min(chunkRows, rowCount - m0);
        if (n0 == 0 || rowCount > chunkRows) packFloatActivations(scratch, activations, m0, mc, kc, scratch + panel, pitch);
        product(scratch, mc, nc, kc, pitch, block, weightPitch != 0 ? weightPitch : nc << 2, target + m0 * targetPitch + (<usize>n0 << 2), targetPitch);
      }
    }
  }
}
