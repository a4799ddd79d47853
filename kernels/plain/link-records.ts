import * as layout from "../link-load-layout.ts";
import type { Placement } from "../placements.ts";

/** Boxes of a value and the cores that own them; the boxes are a grid, on each axis a list of disjoint ranges. */
export interface OwnerGrid {
  /** By axis: the starts and ends of its ranges, ascending. */
  readonly axes: readonly { readonly starts: ArrayLike<number>; readonly ends: ArrayLike<number> }[];
  /** [range of axis 0][range of axis 1]...: the `sourceNumber` of the core that sends that box; −1 for none. */
  readonly sources: ArrayLike<number>;
  /** How many rows of the grid have owners. */
  readonly rowCount: number;
  /** A cut between two rows of the grid, and one between two columns. */
  readonly rowCut: Cut;
  readonly columnCut: Cut;
}

/** A cut through the grid of cores, on both sides of which owners have whole ranges of an axis. */
export interface Cut {
  /** The first row, or column, behind the cut. */
  readonly place: number;
  /** The axis, and by range of it 0 for owners before the cut and 1 for those behind. */
  readonly axis: number;
  readonly sides: ArrayLike<number>;
}

/** Boxes of a value and the cores of a grid that read them. */
export interface ReaderBoxes {
  readonly rows: number;
  readonly columns: number;
  /** By axis: the different ranges that boxes have there. */
  readonly axes: readonly { readonly starts: readonly number[]; readonly ends: readonly number[] }[];
  /** [box][axis]: which range, the ranges of all axes being counted one after the other. */
  readonly rangeOf: ArrayLike<number>;
  /** [box] first rectangle, and one number more; [rectangle][first row, last row, first column, last column]: each gets a packet. */
  readonly rectangleStart: ArrayLike<number>;
  readonly rectangles: ArrayLike<number>;
  /** [box] first core, and one number more; cores, row-major numbers. */
  readonly coreStart: ArrayLike<number>;
  readonly cores: ArrayLike<number>;
  /** By box: for several rectangles, which of `ways` they lie in; −1 for one rectangle. */
  readonly wayOf: ArrayLike<number>;
  /** How many rectangles of a box reach beyond each column to the east, and beyond it to the west. */
  readonly ways: readonly { readonly eastward: ArrayLike<number>; readonly westward: ArrayLike<number> }[];
}

/** A core in `OwnerGrid.sources`. */
export function sourceNumber(row: number, column: number): number {
  return row * 65_536 + column;
}

/** The tables one after the other behind a header, and where each begins. */
class RecordBuilder {
  readonly #tables: ArrayLike<number>[] = [];
  #words: number;

  constructor(headerWords: number) {
    this.#words = headerWords;
  }

  /** Adds a table; returns its place. */
  add(table: ArrayLike<number>): number {
    const place = this.#words;
    this.#tables.push(table);
    this.#words += table.length;
    return place;
  }

  build(header: readonly number[]): Int32Array {
    const record = new Int32Array(this.#words);
    record.set(header);
    let place = header.length;
    for (const table of this.#tables) {
      record.set(table, place);
      place += table.length;
    }
    return record;
  }
}

/** Owners as the kernels read them. */
export function ownerRecord({ axes, sources, rowCount, rowCut, columnCut }: OwnerGrid): Int32Array {
  const record = new RecordBuilder(layout.ownerAxes + layout.ownerAxisWords * axes.length);
  const header = axes.flatMap(({ starts, ends }) => [starts.length, record.add(starts), record.add(ends)]);
  const sourcesPlace = record.add(sources);
  const cuts = [rowCut, columnCut].flatMap(({ place, axis, sides }) => [place, axis, record.add(sides)]);
  return record.build([sources.length, sourcesPlace, rowCount, ...cuts, ...header]);
}

/** Readers as the kernels read them. */
export function readerRecord(readers: ReaderBoxes): Int32Array {
  const { rows, columns, axes, ways } = readers;
  const record = new RecordBuilder(layout.readerWords);
  const firstRanges = [0];
  for (const { starts } of axes) firstRanges.push((firstRanges.at(-1) ?? 0) + starts.length);
  const bounds = axes.flatMap(({ starts, ends }) => starts.flatMap((start, range) => [start, ends[range] as number]));
  const header: number[] = [];
  header[layout.readerRows] = rows;
  header[layout.readerColumns] = columns;
  header[layout.readerRank] = axes.length;
  header[layout.readerBoxes] = readers.wayOf.length;
  header[layout.readerRanges] = firstRanges.at(-1) ?? 0;
  header[layout.readerWays] = ways.length;
  header[layout.readerRectangleStart] = record.add(readers.rectangleStart);
  header[layout.readerRectangles] = record.add(readers.rectangles);
  header[layout.readerCoreStart] = record.add(readers.coreStart);
  header[layout.readerCores] = record.add(readers.cores);
  header[layout.readerAxisRanges] = record.add(firstRanges);
  header[layout.readerRangeOf] = record.add(readers.rangeOf);
  header[layout.readerWayOf] = record.add(readers.wayOf);
  header[layout.readerBounds] = record.add(bounds);
  header[layout.readerWayCounts] = record.add(
    ways.flatMap(({ eastward, westward }) => [...Array.from(eastward), ...Array.from(westward)]),
  );
  return record.build(header);
}

/** The grid that the boxes of a placement make up; cuts of it near its middle, behind all owners if need be, where any axis tells sides apart. */
export function plainOwners(placement: Placement): OwnerGrid {
  const { rank, boxCount, bounds, extent } = placement;
  const boxes = Array.from({ length: boxCount }, (_, box) => box);
  const axes = Array.from({ length: rank }, (_, axis) => {
    const ends = new Map(
      boxes.map((box) => [bounds[(box * rank + axis) * 2] as number, bounds[(box * rank + axis) * 2 + 1] as number]),
    );
    const starts = [...ends.keys()].sort((a, b) => a - b);
    return { starts, ends: starts.map((start) => ends.get(start) as number) };
  });
  const sources = new Array<number>(axes.reduce((cells, { starts }) => cells * starts.length, 1)).fill(-1);
  for (const box of boxes) {
    const cell = axes.reduce(
      (outer, { starts }, axis) =>
        outer * starts.length + Array.from(starts).indexOf(bounds[(box * rank + axis) * 2] as number),
      0,
    );
    sources[cell] = sourceNumber(extent[4 * box] as number, extent[4 * box + 2] as number);
  }
  return {
    axes,
    sources,
    rowCount: placement.firstRowCount,
    rowCut: cutNear(axes, sources, placement.rows, (source) => source >> 16),
    columnCut: cutNear(axes, sources, placement.columns, (source) => source & 0xffff),
  };
}

function cutNear(
  axes: OwnerGrid["axes"],
  sources: readonly number[],
  count: number,
  placeOf: (source: number) => number,
): Cut {
  const middle = count >> 1;
  for (let away = 0; away <= count; away += 1) {
    for (const place of [middle + away, middle - away]) {
      if (place < 1) continue;
      const cut = cutAt(axes, sources, place, placeOf);
      if (cut !== null) return cut;
    }
  }
  return { place: count, axis: 0, sides: [] };
}

/** The cut before a row or column; null where no axis tells the sides apart. */
function cutAt(
  axes: OwnerGrid["axes"],
  sources: readonly number[],
  place: number,
  placeOf: (source: number) => number,
): Cut | null {
  let stride = sources.length;
  for (const [axis, { starts }] of axes.entries()) {
    stride /= starts.length;
    const sidesOf = Array.from(starts, (_, range) => {
      const own = sources.filter((source, cell) => source >= 0 && Math.floor(cell / stride) % starts.length === range);
      return [...new Set(own.map((source) => (placeOf(source) < place ? 0 : 1)))];
    });
    if (sidesOf.every((sides) => sides.length < 2)) return { place, axis, sides: sidesOf.map(([side = -1]) => side) };
  }
  return null;
}

/** The different ranges that the boxes of a placement have on each axis, and which of them each box has. */
function axisRanges({ rank, boxCount, bounds }: Placement): Pick<ReaderBoxes, "axes" | "rangeOf"> {
  const rangeOf = new Int32Array(boxCount * rank);
  let before = 0;
  const axes = Array.from({ length: rank }, (_, axis) => {
    // By start: the last range that began there.
    const numbers = new Map<number, number>();
    const starts: number[] = [];
    const ends: number[] = [];
    for (let box = 0; box < boxCount; box += 1) {
      const place = box * rank + axis;
      const start = bounds[2 * place] as number;
      const end = bounds[2 * place + 1] as number;
      let known = numbers.get(start) ?? -1;
      if (known < 0 || ends[known] !== end) {
        known = starts.findIndex((each, index) => each === start && ends[index] === end);
        if (known < 0) {
          known = starts.length;
          starts.push(start);
          ends.push(end);
        }
        numbers.set(start, known);
      }
      rangeOf[place] = before + known;
    }
    before += starts.length;
    return { starts, ends };
  });
  return { axes, rangeOf };
}

/** The way of rectangles of which first and last columns are given. */
function wayThrough(sides: readonly number[], columns: number): ReaderBoxes["ways"][number] {
  const [eastward, westward] = [new Int32Array(columns), new Int32Array(columns)];
  for (let at = 0; at < sides.length; at += 2) {
    const left = sides[at] as number;
    const right = sides[at + 1] as number;
    for (let column = 0; column < right; column += 1) eastward[column] = (eastward[column] as number) + 1;
    for (let column = left + 1; column < columns; column += 1) westward[column] = (westward[column] as number) + 1;
  }
  return { eastward, westward };
}

/** The boxes of a placement and how the cores that have them lie on the grid. */
export function plainReaders(placement: Placement): ReaderBoxes {
  const { rows, columns, boxCount, rectangleStart, rectangles, coreStart, cores } = placement;
  const wayNumbers = new Map<string, number>();
  const ways: ReaderBoxes["ways"][number][] = [];
  const wayOf = new Int32Array(boxCount).fill(-1);
  for (let box = 0; box < boxCount; box += 1) {
    const [first, end] = [rectangleStart[box] as number, rectangleStart[box + 1] as number];
    if (end - first <= 1) continue;
    const sides: number[] = [];
    for (let each = 4 * first; each < 4 * end; each += 4) {
      sides.push(rectangles[each + 2] as number, rectangles[each + 3] as number);
    }
    const key = sides.join();
    const way = wayNumbers.get(key) ?? wayNumbers.size;
    if (way === wayNumbers.size) ways.push(wayThrough(sides, columns));
    wayNumbers.set(key, way);
    wayOf[box] = way;
  }
  return { rows, columns, ...axisRanges(placement), rectangleStart, rectangles, coreStart, cores, wayOf, ways };
}
