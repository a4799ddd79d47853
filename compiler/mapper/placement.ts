import type { Access } from "../../ir/iteration.ts";
import type { Geometry } from "../geometry.ts";

/**
 * Boxes of one value on the cores of a grid: what cores own of it, or what they need. Cores are numbered row-major.
 * Equal boxes of several cores are held once.
 */
export interface Placement {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly boxCount: number;
  /** [box][axis][start, end], clipped to the value. */
  readonly bounds: Int32Array;
  /** As `bounds`, padding included. */
  readonly reach: Int32Array;
  /** By axis: the greatest length of any box, clipped and with padding. */
  readonly boundExtents: readonly number[];
  readonly reachExtents: readonly number[];
  /** Cores by box: those of box b are cores[coreStart[b]] to cores[coreStart[b + 1] − 1], ascending. */
  readonly coreStart: Int32Array;
  readonly cores: Int32Array;
  /** Boxes by core: those of core c are boxes[boxStart[c]] to boxes[boxStart[c + 1] − 1]. */
  readonly boxStart: Int32Array;
  readonly boxes: Int32Array;
  /** [box][first row, last row, first column, last column] of the cores that have it. */
  readonly extent: Int32Array;
  /** By box: rectangles that its cores make up, each one multicast. */
  readonly rectangles: Int32Array;
  /** The last row and column of any core that has a box; −1 when none has. */
  readonly lastRow: number;
  readonly lastColumn: number;
  /** How many rows have a core that is the first of some box. */
  readonly firstRowCount: number;
}

/** Collects boxes into a placement. */
export class PlacementBuilder {
  readonly #rows: number;
  readonly #columns: number;
  readonly #rank: number;
  readonly #bounds: number[] = [];
  readonly #reach: number[] = [];
  #boxCount = 0;
  /** Pairs of a box and a core that has it, as they were given. */
  readonly #givenBoxes: number[] = [];
  readonly #givenCores: number[] = [];

  constructor(rows: number, columns: number, rank: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#rank = rank;
  }

  /** Adds a box, [axis][start, end], clipped and with padding, and returns its number. */
  addBox(bounds: readonly number[], reach: readonly number[]): number {
    for (const bound of bounds) this.#bounds.push(bound);
    for (const bound of reach) this.#reach.push(bound);
    this.#boxCount += 1;
    return this.#boxCount - 1;
  }

  /** Gives a box to a core; the cores of a box come in ascending order. */
  give(box: number, core: number): void {
    this.#givenBoxes.push(box);
    this.#givenCores.push(core);
  }

  /** The placement of all boxes so far. */
  build(): Placement {
    const [coreStart, cores] = grouped(this.#givenBoxes, this.#givenCores, this.#boxCount);
    const [boxStart, boxes] = grouped(this.#givenCores, this.#givenBoxes, this.#rows * this.#columns);
    const extent = new Int32Array(this.#boxCount * 4);
    const rectangles = new Int32Array(this.#boxCount);
    for (let box = 0; box < this.#boxCount; box += 1) {
      const own = cores.subarray(coreStart[box], coreStart[box + 1]);
      writeExtent(own, this.#columns, extent, box * 4);
      rectangles[box] =
        own.length > 0 && own.length === extentArea(extent, box * 4) ? 1 : rectangleCount(own, this.#columns);
    }
    let [lastRow, lastColumn] = [-1, -1];
    const firstRows = new Set<number>();
    for (let at = 0; at < extent.length; at += 4) {
      firstRows.add(extent[at] as number);
      lastRow = Math.max(lastRow, extent[at + 1] as number);
      lastColumn = Math.max(lastColumn, extent[at + 3] as number);
    }
    return {
      rows: this.#rows,
      columns: this.#columns,
      lastRow,
      lastColumn,
      firstRowCount: firstRows.size,
      rank: this.#rank,
      boxCount: this.#boxCount,
      bounds: Int32Array.from(this.#bounds),
      reach: Int32Array.from(this.#reach),
      boundExtents: greatestExtents(this.#bounds, this.#rank),
      reachExtents: greatestExtents(this.#reach, this.#rank),
      coreStart,
      cores,
      boxStart,
      boxes,
      extent,
      rectangles,
    };
  }
}

/** The greatest length of any box along each axis. */
function greatestExtents(bounds: readonly number[], rank: number): number[] {
  const extents = new Array<number>(rank).fill(0);
  for (let side = 0; 2 * side < bounds.length; side += 1) {
    const length = (bounds[2 * side + 1] as number) - (bounds[2 * side] as number);
    if (length > (extents[side % rank] as number)) extents[side % rank] = length;
  }
  return extents;
}

/** Groups values by key, in the order given: where each group starts, and the values. */
function grouped(keys: readonly number[], values: readonly number[], keyCount: number): [Int32Array, Int32Array] {
  const start = new Int32Array(keyCount + 1);
  for (const key of keys) start[key + 1] = (start[key + 1] as number) + 1;
  for (let key = 0; key < keyCount; key += 1) start[key + 1] = (start[key + 1] as number) + (start[key] as number);
  const next = start.slice();
  const result = new Int32Array(values.length);
  keys.forEach((key, index) => {
    const place = next[key] as number;
    result[place] = values[index] as number;
    next[key] = place + 1;
  });
  return [start, result];
}

function writeExtent(cores: Int32Array, columns: number, extent: Int32Array, at: number): void {
  let top = 0;
  let bottom = -1;
  let left = 0;
  let right = -1;
  for (const core of cores) {
    const row = Math.floor(core / columns);
    const column = core - row * columns;
    if (bottom < 0) {
      top = row;
      left = column;
    }
    bottom = row;
    if (column < left) left = column;
    if (column > right) right = column;
  }
  extent[at] = top;
  extent[at + 1] = bottom;
  extent[at + 2] = left;
  extent[at + 3] = right;
}

/** Cores from the first to the last row and column. */
function extentArea(extent: Int32Array, at: number): number {
  const rows = (extent[at + 1] as number) - (extent[at] as number) + 1;
  return rows * ((extent[at + 3] as number) - (extent[at + 2] as number) + 1);
}

/** How many rectangles cover ascending cores exactly when equal runs of consecutive rows are joined. */
export function rectangleCount(cores: ArrayLike<number>, columns: number): number {
  return rectanglesOf(cores, columns).length / 4;
}

/** Those rectangles, each as first row, last row, first column, last column. */
export function rectanglesOf(cores: ArrayLike<number>, columns: number): number[] {
  const rectangles: number[] = [];
  // Where the rectangles of the row before begin in the list.
  let open: number[] = [];
  let openRow = -2;
  for (let index = 0; index < cores.length; ) {
    const row = Math.floor((cores[index] as number) / columns);
    const now: number[] = [];
    while (index < cores.length && Math.floor((cores[index] as number) / columns) === row) {
      const start = cores[index] as number;
      let end = start;
      index += 1;
      while (index < cores.length && cores[index] === end + 1 && end + 1 < (row + 1) * columns) {
        end += 1;
        index += 1;
      }
      const [left, right] = [start - row * columns, end - row * columns];
      const same =
        openRow === row - 1
          ? open.find((at) => rectangles[at + 2] === left && rectangles[at + 3] === right)
          : undefined;
      if (same === undefined) rectangles.push(row, row, left, right);
      else rectangles[same + 1] = row;
      now.push(same ?? rectangles.length - 4);
    }
    open = now;
    openRow = row;
  }
  return rectangles;
}

/**
 * Where an access of a step touches a value of the given shape: for `owner` the cores that end up with results,
 * otherwise all active cores. Boxes that lie wholly in padding are left out.
 */
export function placementOf(geometry: Geometry, access: Access, shape: readonly number[], owner: boolean): Placement {
  const { grid, corner } = geometry;
  const { rows, columns } = grid;
  const builder = new PlacementBuilder(rows, columns, shape.length);
  const touched = new Set<number>();
  for (const axis of access) for (const term of axis.terms) touched.add(term.dimension);
  const boxNumbers = new Map<number, number>();
  const starts = new Int32Array(geometry.dimensions.length);
  const ends = new Int32Array(geometry.dimensions.length);
  const endRow = Math.min(rows, corner.row + geometry.usedRows);
  const endColumn = Math.min(columns, corner.column + geometry.usedColumns);
  for (let row = corner.row; row < endRow; row += 1) {
    for (let column = corner.column; column < endColumn; column += 1) {
      const key = coreParts(geometry, touched, row, column, owner, starts, ends);
      if (key < 0) continue;
      let box = boxNumbers.get(key);
      if (box === undefined) {
        const [bounds, reach] = accessBounds(access, shape, starts, ends);
        box = bounds === null ? -1 : builder.addBox(bounds, reach);
        boxNumbers.set(key, box);
      }
      if (box >= 0) builder.give(box, row * columns + column);
    }
  }
  return builder.build();
}

/** Fills the ranges of a core; returns a number that tells apart different parts of the touched dimensions, −1 when idle. */
function coreParts(
  geometry: Geometry,
  touched: ReadonlySet<number>,
  row: number,
  column: number,
  owner: boolean,
  starts: Int32Array,
  ends: Int32Array,
): number {
  let key = 0;
  for (let dimension = 0; dimension < geometry.dimensions.length; dimension += 1) {
    const parts = geometry.parts[dimension] as number;
    const size = (geometry.dimensions[dimension] as { size: number }).size;
    if (parts === 1) {
      starts[dimension] = 0;
      ends[dimension] = size;
      continue;
    }
    const part =
      ((geometry.rowIndex[dimension] as number[])[row] as number) +
      ((geometry.columnIndex[dimension] as number[])[column] as number);
    const chunk = geometry.chunks[dimension] as number;
    if (part * chunk >= size) return -1;
    if (owner && geometry.reduction?.dimension === dimension && part !== parts - 1) return -1;
    starts[dimension] = part * chunk;
    ends[dimension] = Math.min(size, (part + 1) * chunk);
    if (touched.has(dimension)) key = key * parts + part;
  }
  return key;
}

function accessBounds(
  access: Access,
  shape: readonly number[],
  starts: Int32Array,
  ends: Int32Array,
): [number[] | null, number[]] {
  const bounds: number[] = [];
  const reach: number[] = [];
  let empty = false;
  for (let axis = 0; axis < access.length; axis += 1) {
    const { terms, offset } = access[axis] as Access[number];
    let start = offset;
    let end = offset + 1;
    for (const { dimension, stride } of terms) {
      const low = stride * (starts[dimension] as number);
      const high = stride * ((ends[dimension] as number) - 1);
      start += Math.min(low, high);
      end += Math.max(low, high);
    }
    reach.push(start, end);
    const clippedStart = Math.max(0, start);
    const clippedEnd = Math.min(shape[axis] as number, end);
    if (clippedEnd <= clippedStart) empty = true;
    bounds.push(clippedStart, clippedEnd);
  }
  return [empty ? null : bounds, reach];
}

/** How many elements box `left` of one placement and box `right` of another have in common. */
export function overlapCount(a: Placement, left: number, b: Placement, right: number): number {
  const width = a.rank * 2;
  let count = 1;
  let i = left * width;
  let j = right * width;
  for (const end = i + width; i < end; i += 2, j += 2) {
    const aStart = a.bounds[i] as number;
    const bStart = b.bounds[j] as number;
    const aEnd = a.bounds[i + 1] as number;
    const bEnd = b.bounds[j + 1] as number;
    const length = (aEnd < bEnd ? aEnd : bEnd) - (aStart > bStart ? aStart : bStart);
    if (length <= 0) return 0;
    count *= length;
  }
  return count;
}

/** Whether box `inner` of one placement, padding included, lies inside box `outer` of another. */
export function contains(a: Placement, outer: number, b: Placement, inner: number): boolean {
  const width = a.rank * 2;
  for (let axis = 0; axis < width; axis += 2) {
    if ((b.reach[inner * width + axis] as number) < (a.bounds[outer * width + axis] as number)) return false;
    if ((b.reach[inner * width + axis + 1] as number) > (a.bounds[outer * width + axis + 1] as number)) return false;
  }
  return true;
}

/** Elements of a box. */
export function boxSize(placement: Placement, box: number): number {
  const width = placement.rank * 2;
  let count = 1;
  for (let axis = 0; axis < width; axis += 2) {
    count *= (placement.bounds[box * width + axis + 1] as number) - (placement.bounds[box * width + axis] as number);
  }
  return count;
}
