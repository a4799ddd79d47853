import { at } from "../../base/math.ts";
import type { Operand, Space } from "../../ir/instruction.ts";
import type { Access, Box, Range } from "../../ir/iteration.ts";
import { coordinateOf, dimensionStride, type LocalLayout, localOffset } from "../local-layout.ts";

/** A range of an iteration dimension that a tile covers. */
export interface TileDimension {
  readonly dimension: number;
  readonly range: Range;
}

/** A view whose strides are by tile dimension. */
export interface TileView {
  readonly space: Space;
  readonly address: number;
  readonly strides: readonly number[];
  readonly element: Operand["element"];
}

/** The view of a tensor that a core holds, as a tile walks over it; `base` is the address of the tensor's buffer. */
export function tensorView(
  base: number,
  layout: LocalLayout,
  origin: readonly number[],
  access: Access,
  element: Operand["element"],
  tile: readonly TileDimension[],
  coreBox: Box,
): TileView {
  const point = coreBox.map((range) => range.start);
  for (const { dimension, range } of tile) point[dimension] = range.start;
  return {
    space: "memory",
    address: base + localOffset(layout, origin, coordinateOf(access, point)),
    strides: tile.map(({ dimension }) => dimensionStride(layout, access, dimension)),
    element,
  };
}

/** The view of a buffer that holds exactly the tile, densely. */
export function tileView(
  space: Space,
  address: number,
  elementBytes: number,
  element: Operand["element"],
  tile: readonly TileDimension[],
): TileView {
  const strides = new Array<number>(tile.length).fill(0);
  let stride = elementBytes;
  for (let index = tile.length - 1; index >= 0; index -= 1) {
    strides[index] = stride;
    stride *= rangeSize(at(tile, index).range);
  }
  return { space, address, strides, element };
}

/** The length of a range. */
export function rangeSize(range: Range): number {
  return range.end - range.start;
}

/** Counts and the strides of several views over them. */
export interface Nest {
  readonly counts: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** Drops counts of 1 and merges neighbours that all views walk through without a gap; at least one count is left. */
export function mergeNest(nest: Nest): Nest {
  const kept = nest.counts.map((count, index) => ({ count, index })).filter(({ count }) => count > 1);
  if (kept.length === 0) return { counts: [1], strides: nest.strides.map(() => [0]) };
  const counts: number[] = [];
  const strides: number[][] = nest.strides.map(() => []);
  for (const { count, index } of kept) {
    const last = counts.length - 1;
    const continues =
      last >= 0 && nest.strides.every((list, view) => at(at(strides, view), last) === at(list, index) * count);
    if (continues) counts[last] = at(counts, last) * count;
    else counts.push(count);
    nest.strides.forEach((list, view) => {
      if (continues) at(strides, view)[last] = at(list, index);
      else at(strides, view).push(at(list, index));
    });
  }
  return { counts, strides };
}
