import type { Field, Space } from "../../ir/instruction.ts";

/** What an instruction does to the bytes of a region. `update` reads and writes. */
export type RegionUse = "read" | "write" | "update";

/**
 * The set of bytes of one memory that an instruction reaches through one operand (fractions of them, where elements have 4 or
 * 2 bits): runs of `runBytes` bytes at
 * address + Σ i·stride for all i below `counts`. The address is base + row·(row in the class) + column·(column in the
 * class) + turn·(turn of the loop). Strides are positive and larger than the runs that they repeat.
 */
export interface Region {
  readonly name: string;
  readonly space: Space;
  readonly use: RegionUse;
  readonly base: number;
  readonly row: number;
  readonly column: number;
  readonly turn: number;
  /** The first byte reached and the byte past the last one, from the address on; equal when nothing is reached. */
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  readonly strides: readonly number[];
  readonly runBytes: number;
}

/**
 * Describes the bytes that a strided view reaches, `elementBytes` at each element. Loops that together cover a range
 * without gaps are merged, whatever their order, and overlapping ones are counted once.
 */
export function makeRegion(
  name: string,
  use: RegionUse,
  space: Space,
  address: Field,
  counts: readonly number[],
  strides: readonly number[],
  elementBytes: number,
): Region {
  const affine = typeof address === "number" ? { base: address, row: 0, column: 0, turn: 0 } : address;
  const { base, row, column, turn } = affine;
  if (elementBytes === 0 || counts.some((count) => count <= 0)) {
    return { name, space, use, base, row, column, turn, low: 0, high: 0, counts: [0], strides: [0], runBytes: 0 };
  }
  let low = 0;
  const loops: { count: number; stride: number }[] = [];
  counts.forEach((count, index) => {
    const stride = strides[index] ?? 0;
    if (stride < 0) low += stride * (count - 1);
    if (count > 1 && stride !== 0) loops.push({ count, stride: Math.abs(stride) });
  });
  loops.sort((left, right) => left.stride - right.stride);
  let runBytes = elementBytes;
  const kept: { count: number; stride: number }[] = [];
  for (const loop of loops) {
    const last = kept.at(-1);
    if (last === undefined && loop.stride <= runBytes) runBytes += loop.stride * (loop.count - 1);
    else if (last !== undefined && last.stride === loop.stride) last.count += loop.count - 1;
    else if (last !== undefined && loop.stride % last.stride === 0 && loop.stride <= last.stride * last.count) {
      last.count += (loop.stride / last.stride) * (loop.count - 1);
    } else kept.push({ ...loop });
  }
  let high = low + runBytes;
  for (const { count, stride } of kept) high += stride * (count - 1);
  kept.reverse();
  return {
    name,
    space,
    use,
    base,
    row,
    column,
    turn,
    low,
    high,
    counts: kept.map(({ count }) => count),
    strides: kept.map(({ stride }) => stride),
    runBytes,
  };
}

/** The region's address on the core at (row, column) of its class, in the given turn. */
export function regionAddress(region: Region, row: number, column: number, turn: number): number {
  return region.base + region.row * row + region.column * column + region.turn * turn;
}

/** Calls `visit(start, bytes)` for every run of the region at the given address, outermost loop first. */
export function forEachRun(region: Region, address: number, visit: (start: number, bytes: number) => void): void {
  if (region.high === region.low) return;
  const { counts, strides, runBytes } = region;
  const walk = (axis: number, start: number): void => {
    if (axis === counts.length) {
      visit(start, runBytes);
      return;
    }
    const count = counts[axis] as number;
    const stride = strides[axis] as number;
    for (let index = 0; index < count; index += 1) walk(axis + 1, start + index * stride);
  };
  walk(0, address + region.low);
}
