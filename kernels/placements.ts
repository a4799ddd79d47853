import { growTo } from "./grow-memory.ts";
import { ownerAxes, ownerAxisWords, readerWords } from "./link-load-layout.ts";
import * as layout from "./placement-layout.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "./wasm-module.ts";

/**
 * Boxes of one value on the cores of a grid: what cores own of it, or what they need. Cores are numbered row-major.
 * Equal boxes of several cores are held once.
 */
export interface Placement {
  /** All of it as kernels read it. */
  readonly record: Int32Array;
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
  /**
   * Rectangles that the cores of a box make up, each one multicast: those of box b are numbers rectangleStart[b] to
   * rectangleStart[b + 1] − 1 of [rectangle][first row, last row, first column, last column].
   */
  readonly rectangleStart: Int32Array;
  readonly rectangles: Int32Array;
  /** The last row and column of any core that has a box; −1 when none has. */
  readonly lastRow: number;
  readonly lastColumn: number;
  /** How many rows have a core that is the first of some box. */
  readonly firstRowCount: number;
}

/** A dimension of a step that is split, with what tells which part of it a core has. */
export interface SplitDimension {
  readonly dimension: number;
  readonly parts: number;
  readonly chunk: number;
  /** [row] and [column]: what either adds to the number of the part. */
  readonly rowIndex: readonly number[];
  readonly columnIndex: readonly number[];
  /** Whether the access touches it, and whether only the core with the last part of it ends up with results. */
  readonly isTouched: boolean;
  readonly isChain: boolean;
}

/** Where the cores of a step touch a value. */
export interface PlacedAccess {
  readonly rows: number;
  readonly columns: number;
  /** The cores that may take part: from the first row and column to before the end. */
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstColumn: number;
  readonly endColumn: number;
  /** By dimension of the step. */
  readonly sizes: readonly number[];
  readonly split: readonly SplitDimension[];
  /** By axis of the value: its size, and which dimensions move along it, from an offset on. */
  readonly shape: readonly number[];
  readonly axes: readonly {
    readonly terms: readonly { readonly dimension: number; readonly stride: number }[];
    readonly offset: number;
  }[];
}

/** Boxes, [box][axis][start, end], and pairs of a box and a core that has it; the cores of a box come in ascending order. */
export interface GivenBoxes {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly bounds: readonly number[];
  readonly boxes: readonly number[];
  readonly cores: readonly number[];
}

/** Works out placements in WASM, in a memory of its own. */
export class PlacementKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels: KernelExports;
  #words = new Int32Array(this.#memory.buffer);
  /** Where the next record begins, in words. */
  #end = 0;

  constructor(module: WebAssembly.Module = compileKernels()) {
    this.#kernels = instantiateKernels(module, this.#memory);
  }

  /** The placement of an access; boxes that lie wholly in padding are left out. */
  ofAccess(access: PlacedAccess): Placement {
    const { rows, columns, sizes, split, shape } = access;
    let keyCount = 1;
    for (const { parts, isTouched } of split) if (isTouched) keyCount *= parts;
    this.#end = 0;
    const description = this.#describe(access, keyCount);
    const boxWords = 2 * shape.length * keyCount;
    const [bounds, reach] = [this.#reserve(boxWords), this.#reserve(boxWords)];
    const [boxes, cores] = [this.#reserve(rows * columns), this.#reserve(rows * columns)];
    const scratch = this.#reserve(Math.max(2 * sizes.length + keyCount, 2 * columns + rows));
    this.#kernels.placeAccess(4 * description, 4 * bounds, 4 * reach, 4 * boxes, 4 * cores, 4 * scratch);
    const boxCount = this.#words[description + layout.foundBoxes] as number;
    const pairCount = this.#words[description + layout.foundPairs] as number;
    const placement = this.#lay(rows, columns, shape.length, boxCount, pairCount);
    const words = this.#words;
    const end = 2 * shape.length * boxCount;
    words.copyWithin(placement + (words[placement + layout.boundsPlace] as number), bounds, bounds + end);
    words.copyWithin(placement + (words[placement + layout.reachPlace] as number), reach, reach + end);
    return this.#placed(placement, boxes, cores, scratch);
  }

  /** The placement of given boxes, which have no padding. */
  ofBoxes({ rows, columns, rank, bounds, boxes, cores }: GivenBoxes): Placement {
    this.#end = 0;
    const boxCount = rank === 0 ? boxes.reduce((most, box) => Math.max(most, box + 1), 0) : bounds.length / (2 * rank);
    const givenBoxes = this.#reserve(boxes.length);
    const givenCores = this.#reserve(cores.length);
    const scratch = this.#reserve(2 * columns + rows);
    const placement = this.#lay(rows, columns, rank, boxCount, boxes.length);
    const words = this.#words;
    words.set(boxes, givenBoxes);
    words.set(cores, givenCores);
    words.set(bounds, placement + (words[placement + layout.boundsPlace] as number));
    words.set(bounds, placement + (words[placement + layout.reachPlace] as number));
    return this.#placed(placement, givenBoxes, givenCores, scratch);
  }

  /** A placement as `LinkLoadKernel` takes readers; it stands until the next call. */
  readers(placement: Placement): Int32Array {
    const { record, rank, boxCount, columns } = placement;
    const from = this.#begin(record);
    const scratch = this.#reserve(boxCount);
    const most = readerWords + record.length + rank + 1 + boxCount * (3 * rank + 1) + 2 * boxCount * columns;
    const to = this.#reserve(most);
    const end = this.#kernels.describeReaders(4 * from, 4 * to, 4 * scratch);
    return this.#words.subarray(to, to + end);
  }

  /** A placement whose boxes are a grid, as `LinkLoadKernel` takes owners; it stands until the next call. */
  owners(placement: Placement): Int32Array {
    const { record, rank, boxCount } = placement;
    const from = this.#begin(record);
    const to = this.#reserve(ownerAxes + rank * (ownerAxisWords + 2 * boxCount) + 2);
    const cells = this.#kernels.describeOwnerAxes(4 * from, 4 * to);
    this.#reserve(cells + 2 * boxCount);
    const end = this.#kernels.describeOwnerCells(4 * from, 4 * to);
    return this.#words.subarray(to, to + end);
  }

  /** Puts a record at the start of the memory; gives its place. */
  #begin(record: Int32Array): number {
    this.#end = 0;
    const place = this.#reserve(record.length);
    this.#words.set(record, place);
    return place;
  }

  /** Reserves words; gives the place of the first. */
  #reserve(words: number): number {
    const place = this.#end;
    this.#end += words;
    if (growTo(this.#memory, 4 * this.#end)) this.#words = new Int32Array(this.#memory.buffer);
    return place;
  }

  /** Reserves a placement of so many boxes and pairs of a box and a core; gives its place. */
  #lay(rows: number, columns: number, rank: number, boxes: number, pairs: number): number {
    const cores = rows * columns;
    const lengths = [
      2 * rank * boxes,
      2 * rank * boxes,
      rank,
      rank,
      boxes + 1,
      pairs,
      cores + 1,
      pairs,
      4 * boxes,
      boxes + 1,
      4 * pairs,
    ];
    const record = this.#reserve(lengths.reduce((sum, length) => sum + length, layout.placementWords));
    const words = this.#words;
    words[record + layout.placementRows] = rows;
    words[record + layout.placementColumns] = columns;
    words[record + layout.placementRank] = rank;
    words[record + layout.placementBoxes] = boxes;
    words[record + layout.placementGiven] = pairs;
    let place = layout.placementWords;
    lengths.forEach((length, table) => {
      words[record + layout.boundsPlace + table] = place;
      place += length;
    });
    return record;
  }

  /** Writes an access; gives its place. */
  #describe(access: PlacedAccess, keyCount: number): number {
    const { rows, columns, sizes, split, shape, axes } = access;
    const firstSplit = layout.accessWords + sizes.length;
    const firstIndex = firstSplit + layout.splitWords * split.length;
    const firstAxis = firstIndex + (rows + columns) * split.length;
    const record = this.#reserve(firstAxis + axisWordCount(access));
    const words = this.#words;
    const cores = [access.firstRow, access.endRow, access.firstColumn, access.endColumn];
    const counts = [sizes.length, split.length, keyCount, columns, shape.length];
    words.set([...cores, ...counts, layout.accessWords, firstSplit, firstAxis], record);
    words.set(sizes, record + layout.accessWords);
    split.forEach((each, index) => {
      const place = firstIndex + index * (rows + columns);
      const { dimension, parts, chunk, isTouched, isChain } = each;
      const flags = [isTouched ? 1 : 0, isChain ? 1 : 0];
      words.set(
        [dimension, parts, chunk, ...flags, place, place + rows],
        record + firstSplit + index * layout.splitWords,
      );
      words.set(each.rowIndex, record + place);
      words.set(each.columnIndex, record + place + rows);
    });
    let place = firstAxis + axes.length;
    axes.forEach(({ terms, offset }, axis) => {
      words[record + firstAxis + axis] = place;
      words.set([shape[axis] as number, offset, terms.length], record + place);
      place += layout.axisWords;
      for (const { dimension, stride } of terms) {
        words[record + place] = dimension;
        words[record + place + 1] = stride;
        place += 2;
      }
    });
    return record;
  }

  /** Completes a placement whose boxes stand in the memory, and takes it out. */
  #placed(placement: number, boxes: number, cores: number, scratch: number): Placement {
    this.#kernels.placeBoxes(4 * placement, 4 * boxes, 4 * cores, 4 * scratch);
    const first = placement + layout.rectanglesPlace;
    const end = (this.#words[first] as number) + 4 * (this.#words[placement + layout.placementRectangles] as number);
    return placementIn(this.#words.slice(placement, placement + end));
  }
}

function axisWordCount({ axes }: PlacedAccess): number {
  return axes.reduce((words, { terms }) => words + 1 + layout.axisWords + 2 * terms.length, 0);
}

/** A placement whose tables stand in a record. */
function placementIn(record: Int32Array): Placement {
  const at = (place: number): number => record[place] as number;
  const table = (place: number, length: number): Int32Array => record.subarray(at(place), at(place) + length);
  const [rows, columns, rank] = [at(layout.placementRows), at(layout.placementColumns), at(layout.placementRank)];
  const [boxCount, given] = [at(layout.placementBoxes), at(layout.placementGiven)];
  return {
    record,
    rows,
    columns,
    rank,
    boxCount,
    bounds: table(layout.boundsPlace, 2 * rank * boxCount),
    reach: table(layout.reachPlace, 2 * rank * boxCount),
    boundExtents: [...table(layout.boundExtentsPlace, rank)],
    reachExtents: [...table(layout.reachExtentsPlace, rank)],
    coreStart: table(layout.coreStartPlace, boxCount + 1),
    cores: table(layout.coresPlace, given),
    boxStart: table(layout.boxStartPlace, rows * columns + 1),
    boxes: table(layout.boxesPlace, given),
    extent: table(layout.extentPlace, 4 * boxCount),
    rectangleStart: table(layout.rectangleStartPlace, boxCount + 1),
    rectangles: table(layout.rectanglesPlace, 4 * at(layout.placementRectangles)),
    lastRow: at(layout.placementLastRow),
    lastColumn: at(layout.placementLastColumn),
    firstRowCount: at(layout.placementFirstRows),
  };
}
