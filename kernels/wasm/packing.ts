// Brings strided operands of a contraction into the dense forms that the tiles read.
import { activationOffsets, firstLoops, runTable, secondLoops, weightOffsets } from "../layout";
import { advance, offset, rank, seek, step } from "./loops";

/** Writes the byte offsets of inner elements k0 … k0+kc of an operand of the second loop nest as i32. */
export function listOffsets(scratch: usize, operand: i32, k0: i32, kc: i32, table: usize): void {
  const loops = scratch + secondLoops;
  const axes = rank(loops);
  seek(loops, axes, k0);
  let position = offset(loops, operand, axes);
  for (let k = 0; k < kc; k += 1) {
    store<i32>(table + (<usize>k << 2), position);
    const axis = advance(loops, axes);
    if (axis >= 0) position += step(loops, operand, axis, axes);
  }
}

/**
 * Joins the offsets of the activations into runs of adjacent elements: pairs (offset, length). Returns how many, or 0
 * when the runs are too short to be worth it.
 */
export function listRuns(scratch: usize, kc: i32, elementBytes: i32): i32 {
  const offsets = scratch + activationOffsets;
  const table = scratch + runTable;
  let runs = 0;
  let k = 0;
  while (k < kc) {
    const start = load<i32>(offsets + (<usize>k << 2));
    let length = 1;
    while (k + length < kc && load<i32>(offsets + (<usize>(k + length) << 2)) == start + length * elementBytes) length += 1;
    store<i32>(table + (<usize>runs << 3), start);
    store<i32>(table + (<usize>runs << 3), length, 4);
    runs += 1;
    k += length;
  }
  return kc >= 8 * runs ? runs : 0;
}

/** Widens `length` adjacent bytes to i16. */
@inline
function widenRun<T>(source: usize, target: usize, length: i32): void {
  let i = 0;
  for (; i + 8 <= length; i += 8) v128.store(target + (<usize>i << 1), v128.load_ext<T>(source + i));
  for (; i < length; i += 1) store<i16>(target + (<usize>i << 1), load<T>(source + i));
}

/** Packs rows m0 … m0+mc of the activations as i16, `pitch` bytes a row, a zero after an odd last element. */
export function packActivations<T>(scratch: usize, source: usize, m0: i32, mc: i32, kc: i32, target: usize, pitch: i32): void {
  const rows = scratch + firstLoops;
  const axes = rank(rows);
  const offsets = scratch + activationOffsets;
  const runs = listRuns(scratch, kc, 1);
  seek(rows, axes, m0);
  let row = source + offset(rows, 0, axes);
  for (let m = 0; m < mc; m += 1) {
    if (runs > 0) {
      let write = target;
      for (let run = 0; run < runs; run += 1) {
        const entry = scratch + runTable + (<usize>run << 3);
        const length = load<i32>(entry, 4);
        widenRun<T>(row + load<i32>(entry), write, length);
        write += <usize>length << 1;
      }
    } else {
      let k = 0;
      for (; k + 4 <= kc; k += 4) {
        const entry = offsets + (<usize>k << 2);
        const write = target + (<usize>k << 1);
        const a = <u64>(<u16>(<i16>load<T>(row + load<i32>(entry))));
        const b = <u64>(<u16>(<i16>load<T>(row + load<i32>(entry, 4))));
        const c = <u64>(<u16>(<i16>load<T>(row + load<i32>(entry, 8))));
        const d = <u64>(<u16>(<i16>load<T>(row + load<i32>(entry, 12))));
        store<u64>(write, a | (b << 16) | (c << 32) | (d << 48));
      }
      for (; k < kc; k += 1) {
        store<i16>(target + (<usize>k << 1), load<T>(row + load<i32>(offsets + (<usize>k << 2))));
      }
    }
    if (kc & 1) store<i16>(target + (<usize>kc << 1), 0);
    target += pitch;
    const axis = advance(rows, axes);
    if (axis >= 0) row += step(rows, 0, axis, axes);
  }
}

/** Packs rows m0 … m0+mc of f32 activations densely, `pitch` bytes a row. */
export function packFloatActivations(scratch: usize, source: usize, m0: i32, mc: i32, kc: i32, target: usize, pitch: i32): void {
  const rows = scratch + firstLoops;
  const axes = rank(rows);
  const offsets = scratch + activationOffsets;
  const runs = listRuns(scratch, kc, 4);
  seek(rows, axes, m0);
  let row = source + offset(rows, 0, axes);
  for (let m = 0; m < mc; m += 1) {
    if (runs > 0) {
      let write = target;
      for (let run = 0; run < runs; run += 1) {
        const entry = scratch + runTable + (<usize>run << 3);
        const bytes = <usize>load<i32>(entry, 4) << 2;
        memory.copy(write, row + load<i32>(entry), bytes);
        write += bytes;
      }
    } else {
      for (let k = 0; k < kc; k += 1) {
        store<f32>(target + (<usize>k << 2), load<f32>(row + load<i32>(offsets + (<usize>k << 2))));
      }
    }
    target += pitch;
    const axis = advance(rows, axes);
    if (axis >= 0) row += step(rows, 0, axis, axes);
  }
}

/** Packs byte weights of `columns` columns, at the listed inner offsets, as [ceil(kc/2)][columns][2]. */
export function pairBytes(scratch: usize, source: usize, columnStride: i32, columns: i32, kc: i32, target: usize): void {
  const offsets = scratch + weightOffsets;
  for (let k = 0; k < kc; k += 2) {
    const even = source + load<i32>(offsets + (<usize>k << 2));
    const paired = k + 1 < kc;
    const odd = paired ? source + load<i32>(offsets + (<usize>(k + 1) << 2)) : 0;
    let n = 0;
    if (columnStride == 1) {
      for (; n + 8 <= columns; n += 8) {
        const first = v128.load_zero<u64>(even + n);
        const second = paired ? v128.load_zero<u64>(odd + n) : i64x2.splat(0);
        v128.store(target + (<usize>n << 1), v128.shuffle<i8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
      }
    }
    let read = n * columnStride;
    for (; n < columns; n += 1) {
      const low = <u32>load<u8>(even + read);
      const high = paired ? <u32>load<u8>(odd + read) : 0;
      store<u16>(target + (<usize>n << 1), low | (high << 8));
      read += columnStride;
    }
    target += <usize>columns << 1;
  }
}

/** Copies f32 weights of `columns` columns, at the listed inner offsets, as [kc][columns]. */
export function packFloatWeights(scratch: usize, source: usize, columnStride: i32, columns: i32, kc: i32, target: usize): void {
  const offsets = scratch + weightOffsets;
  for (let k = 0; k < kc; k += 1) {
    let read = source + load<i32>(offsets + (<usize>k << 2));
    if (columnStride == 4) memory.copy(target, read, <usize>columns << 2);
    else {
      for (let n = 0; n < columns; n += 1) {
        store<f32>(target + (<usize>n << 2), load<f32>(read));
        read += columnStride;
      }
    }
    target += <usize>columns << 2;
  }
}

/** Whether the inner offsets of the f32 weights advance by one step, and the columns are adjacent: no packing is needed. */
export function evenPitch(scratch: usize, kc: i32): i32 {
  const offsets = scratch + weightOffsets;
  if (kc < 2) return 0;
  const pitch = load<i32>(offsets, 4) - load<i32>(offsets);
  for (let k = 2; k < kc; k += 1) {
    if (load<i32>(offsets + (<usize>k << 2)) - load<i32>(offsets + (<usize>(k - 1) << 2)) != pitch) return 0;
  }
  return pitch;
}
