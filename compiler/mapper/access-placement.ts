import type { Access } from "../../ir/iteration.ts";
import type { Geometry } from "../geometry.ts";
import type { Placement } from "./placement.ts";
import { PlacementBuilder } from "./placement-builder.ts";

/** A dimension that is split, with what tells which part of it a core has. */
interface SplitDimension {
  readonly dimension: number;
  readonly size: number;
  readonly parts: number;
  readonly chunk: number;
  readonly rowIndex: readonly number[];
  readonly columnIndex: readonly number[];
  /** Whether the access touches it, and whether only the core with the last part of it ends up with results. */
  readonly isTouched: boolean;
  readonly isChain: boolean;
}

function splitDimensions(geometry: Geometry, access: Access, owner: boolean): SplitDimension[] {
  const { dimensions, parts, chunks, rowIndex, columnIndex, reduction } = geometry;
  return dimensions.flatMap(({ size }, dimension) => {
    const count = parts[dimension] as number;
    if (count === 1) return [];
    return [
      {
        dimension,
        size,
        parts: count,
        chunk: chunks[dimension] as number,
        rowIndex: rowIndex[dimension] as readonly number[],
        columnIndex: columnIndex[dimension] as readonly number[],
        isTouched: access.some(({ terms }) => terms.some((term) => term.dimension === dimension)),
        isChain: owner && reduction?.dimension === dimension,
      },
    ];
  });
}

/**
 * Where an access of a step touches a value of the given shape: for `owner` the cores that end up with results,
 * otherwise all active cores. Boxes that lie wholly in padding are left out.
 */
export function placementOf(geometry: Geometry, access: Access, shape: readonly number[], owner: boolean): Placement {
  const { grid, corner } = geometry;
  const { rows, columns } = grid;
  const builder = new PlacementBuilder(rows, columns, shape.length);
  const split = splitDimensions(geometry, access, owner);
  const keyCount = split.reduce((count, { isTouched, parts }) => (isTouched ? count * parts : count), 1);
  // Boxes by which part of each touched dimension they are of: their numbers, or one of the two below.
  const [unknown, empty] = [-2, -1];
  const boxes = new Int32Array(keyCount).fill(unknown);
  const starts = new Int32Array(geometry.dimensions.length);
  const ends = Int32Array.from(geometry.dimensions, ({ size }) => size);
  const bounds = new Int32Array(2 * shape.length);
  const reach = new Int32Array(2 * shape.length);
  const endRow = Math.min(rows, corner.row + geometry.usedRows);
  const endColumn = Math.min(columns, corner.column + geometry.usedColumns);
  for (let row = corner.row; row < endRow; row += 1) {
    for (let column = corner.column; column < endColumn; column += 1) {
      const key = coreParts(split, row, column, starts, ends);
      if (key < 0) continue;
      let box = boxes[key] as number;
      if (box === unknown) {
        box = writeBounds(access, shape, starts, ends, bounds, reach) ? builder.addBox(bounds, reach) : empty;
        boxes[key] = box;
      }
      if (box !== empty) builder.give(box, row * columns + column);
    }
  }
  return builder.build();
}

/** Fills the ranges of a core; returns a number that tells apart different parts of the touched dimensions, −1 when idle. */
function coreParts(
  split: readonly SplitDimension[],
  row: number,
  column: number,
  starts: Int32Array,
  ends: Int32Array,
): number {
  let key = 0;
  for (let index = 0; index < split.length; index += 1) {
    const { dimension, size, parts, chunk, rowIndex, columnIndex, isTouched, isChain } = split[index] as SplitDimension;
    const part = (rowIndex[row] as number) + (columnIndex[column] as number);
    const start = part * chunk;
    if (start >= size || (isChain && part !== parts - 1)) return -1;
    starts[dimension] = start;
    ends[dimension] = Math.min(size, start + chunk);
    if (isTouched) key = key * parts + part;
  }
  return key;
}

/** Writes what an access touches, clipped to the shape and with padding; false when nothing of the value is touched. */
function writeBounds(
  access: Access,
  shape: readonly number[],
  starts: Int32Array,
  ends: Int32Array,
  bounds: Int32Array,
  reach: Int32Array,
): boolean {
  let isTouched = true;
  for (let axis = 0; axis < access.length; axis += 1) {
    const { terms, offset } = access[axis] as Access[number];
    let start = offset;
    let end = offset + 1;
    for (let index = 0; index < terms.length; index += 1) {
      const { dimension, stride } = terms[index] as Access[number]["terms"][number];
      const low = stride * (starts[dimension] as number);
      const high = stride * ((ends[dimension] as number) - 1);
      start += Math.min(low, high);
      end += Math.max(low, high);
    }
    reach[2 * axis] = start;
    reach[2 * axis + 1] = end;
    const clippedStart = Math.max(0, start);
    const clippedEnd = Math.min(shape[axis] as number, end);
    bounds[2 * axis] = clippedStart;
    bounds[2 * axis + 1] = clippedEnd;
    if (clippedEnd <= clippedStart) isTouched = false;
  }
  return isTouched;
}
