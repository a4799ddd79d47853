import type { Placement } from "./placement.ts";

/** Integers one after the other. */
class IntegerList {
  #values = new Int32Array(512);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(value: number): void {
    if (this.#count === this.#values.length) {
      const longer = new Int32Array(2 * this.#count);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  get(place: number): number {
    return this.#values[place] as number;
  }

  set(place: number, value: number): void {
    this.#values[place] = value;
  }

  toArray(): Int32Array {
    return this.#values.slice(0, this.#count);
  }
}

/** Collects boxes into a placement. */
export class PlacementBuilder {
  readonly #rows: number;
  readonly #columns: number;
  readonly #rank: number;
  readonly #bounds = new IntegerList();
  readonly #reach = new IntegerList();
  #boxCount = 0;
  /** Pairs of a box and a core that has it, as they were given. */
  readonly #givenBoxes = new IntegerList();
  readonly #givenCores = new IntegerList();

  constructor(rows: number, columns: number, rank: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#rank = rank;
  }

  /** Adds a box, [axis][start, end], clipped and with padding, and returns its number. */
  addBox(bounds: ArrayLike<number>, reach: ArrayLike<number>): number {
    for (let side = 0; side < bounds.length; side += 1) this.#bounds.push(bounds[side] as number);
    for (let side = 0; side < reach.length; side += 1) this.#reach.push(reach[side] as number);
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
    const [columns, rank, boxCount] = [this.#columns, this.#rank, this.#boxCount];
    const [givenBoxes, givenCores] = [this.#givenBoxes.toArray(), this.#givenCores.toArray()];
    const [coreStart, cores] = grouped(givenBoxes, givenCores, boxCount);
    const [boxStart, boxes] = grouped(givenCores, givenBoxes, this.#rows * columns);
    const extent = new Int32Array(boxCount * 4);
    const rectangles = new IntegerList();
    const rectangleStart = new Int32Array(boxCount + 1);
    for (let box = 0; box < boxCount; box += 1) {
      const [first, end] = [coreStart[box] as number, coreStart[box + 1] as number];
      writeExtent(cores, first, end, columns, extent, box * 4);
      if (end > first && end - first === extentArea(extent, box * 4)) {
        for (let side = box * 4; side < box * 4 + 4; side += 1) rectangles.push(extent[side] as number);
      } else addRectangles(cores, first, end, columns, rectangles);
      rectangleStart[box + 1] = rectangles.count / 4;
    }
    let [lastRow, lastColumn] = [-1, -1];
    const firstRows = new Set<number>();
    for (let at = 0; at < extent.length; at += 4) {
      firstRows.add(extent[at] as number);
      lastRow = Math.max(lastRow, extent[at + 1] as number);
      lastColumn = Math.max(lastColumn, extent[at + 3] as number);
    }
    const [bounds, reach] = [this.#bounds.toArray(), this.#reach.toArray()];
    return {
      rows: this.#rows,
      columns,
      lastRow,
      lastColumn,
      firstRowCount: firstRows.size,
      rank,
      boxCount,
      bounds,
      reach,
      boundExtents: greatestExtents(bounds, rank),
      reachExtents: greatestExtents(reach, rank),
      coreStart,
      cores,
      boxStart,
      boxes,
      extent,
      rectangleStart,
      rectangles: rectangles.toArray(),
    };
  }
}

/** The greatest length of any box along each axis. */
function greatestExtents(bounds: Int32Array, rank: number): number[] {
  const extents = new Array<number>(rank).fill(0);
  for (let side = 0; 2 * side < bounds.length; side += 1) {
    const length = (bounds[2 * side + 1] as number) - (bounds[2 * side] as number);
    if (length > (extents[side % rank] as number)) extents[side % rank] = length;
  }
  return extents;
}

/** Groups values by key, in the order given: where each group starts, and the values. */
function grouped(keys: Int32Array, values: Int32Array, keyCount: number): [Int32Array, Int32Array] {
  const start = new Int32Array(keyCount + 1);
  for (let index = 0; index < keys.length; index += 1) {
    const place = (keys[index] as number) + 1;
    start[place] = (start[place] as number) + 1;
  }
  for (let key = 0; key < keyCount; key += 1) start[key + 1] = (start[key + 1] as number) + (start[key] as number);
  const next = start.slice();
  const result = new Int32Array(values.length);
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as number;
    const place = next[key] as number;
    result[place] = values[index] as number;
    next[key] = place + 1;
  }
  return [start, result];
}

function writeExtent(
  cores: Int32Array,
  first: number,
  end: number,
  columns: number,
  extent: Int32Array,
  at: number,
): void {
  let top = 0;
  let bottom = -1;
  let left = 0;
  let right = -1;
  for (let index = first; index < end; index += 1) {
    const core = cores[index] as number;
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

/**
 * Rectangles that cover ascending cores exactly when equal runs of consecutive rows are joined, each as first row, last row,
 * first column, last column.
 */
export function rectanglesOf(cores: readonly number[], columns: number): number[] {
  const rectangles = new IntegerList();
  addRectangles(Int32Array.from(cores), 0, cores.length, columns, rectangles);
  return [...rectangles.toArray()];
}

/** Adds the `rectanglesOf` the cores from `first` to before `last`. */
function addRectangles(cores: Int32Array, first: number, last: number, columns: number, rectangles: IntegerList): void {
  // Where the rectangles of the row before, and of this row, begin in the list.
  let open: number[] = [];
  let now: number[] = [];
  let openRow = -2;
  for (let index = first; index < last; ) {
    const row = Math.floor((cores[index] as number) / columns);
    const endOfRow = (row + 1) * columns;
    now.length = 0;
    while (index < last && (cores[index] as number) < endOfRow) {
      const start = cores[index] as number;
      let end = start;
      index += 1;
      while (index < last && cores[index] === end + 1 && end + 1 < endOfRow) {
        end += 1;
        index += 1;
      }
      const [left, right] = [start - row * columns, end - row * columns];
      let same = -1;
      for (const at of open) {
        if (openRow === row - 1 && rectangles.get(at + 2) === left && rectangles.get(at + 3) === right) same = at;
      }
      if (same >= 0) rectangles.set(same + 1, row);
      else {
        same = rectangles.count;
        for (const bound of [row, row, left, right]) rectangles.push(bound);
      }
      now.push(same);
    }
    [open, now] = [now, open];
    openRow = row;
  }
}
