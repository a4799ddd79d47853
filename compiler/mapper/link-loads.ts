import type { ChipTarget } from "../../targets/target.ts";
import { AxisOverlaps, type AxisRanges, axisRanges } from "./axis-overlaps.ts";
import type { OwnerIndex } from "./owner-index.ts";
import { type Placement, rectanglesOf } from "./placement.ts";

/** The most loaded parts of the chip when a value moves from one placement to another. */
export interface LinkLoads {
  /** Cycles of the busiest inject port, eject port, and link. */
  readonly inject: number;
  readonly eject: number;
  readonly links: number;
  /** Elements at the busiest memory port, and most elements that a core takes in from others. */
  readonly portCount: number;
  readonly remoteCount: number;
}

/** Arrays that `linkLoads` works in; one set may serve any number of calls, one after the other. */
export interface LoadScratch {
  readonly inject: Float64Array;
  readonly eject: Float64Array;
  readonly port: Float64Array;
  readonly remote: Float64Array;
  /** Differences along a row or a column, [row][column]: a packet adds where its path begins and takes away where it ends. */
  readonly east: Float64Array;
  readonly west: Float64Array;
  readonly south: Float64Array;
  readonly north: Float64Array;
  readonly overlaps: AxisOverlaps;
  /** By core: the number of the box that it reads, of those looked at so far; 0 before. */
  readonly reads: Int32Array;
  /** The same of the boxes of which the core is a rectangle by itself. */
  readonly alone: Int32Array;
  /** By row: cycles of the pieces that start in it and go to the readers of a box. */
  readonly rowCycles: Float64Array;
  /** [way][core]: cycles of the pieces that a core sends each of those ways; zeros between calls, as are `waySent`. */
  wayCycles: Float64Array;
  /** [way][row]: whether cores of the row send anything that way. */
  waySent: Uint8Array;
  readonly readers: WeakMap<Placement, Readership>;
}

/** How the cores that need the boxes of a placement lie on the grid: one packet goes to each rectangle of them. */
interface Readership {
  /** The rectangles, each as first row, last row, first column, last column; those of box b from 4 × rectangleStart[b] on. */
  readonly rectangles: Int32Array;
  readonly rectangleStart: Int32Array;
  /** By box: the number of `ways` that several rectangles lie in; −1 for one rectangle. */
  readonly wayOf: Int32Array;
  readonly ways: readonly Way[];
  readonly ranges: AxisRanges;
}

/** By column: how many rectangles of a box's readers reach beyond it to the east, and to the west. */
interface Way {
  readonly eastward: Int32Array;
  readonly westward: Int32Array;
}

/** Makes the arrays for a chip. */
export function loadScratch(target: ChipTarget): LoadScratch {
  const { rows, columns } = target.grid;
  const cores = rows * columns;
  const array = (length: number): Float64Array => new Float64Array(length);
  return {
    inject: array(cores),
    eject: array(cores),
    port: array(cores),
    remote: array(cores),
    east: array(rows * (columns + 1)),
    west: array(rows * (columns + 1)),
    south: array((rows + 1) * columns),
    north: array((rows + 1) * columns),
    overlaps: new AxisOverlaps(),
    reads: new Int32Array(cores),
    alone: new Int32Array(cores),
    rowCycles: new Float64Array(rows),
    wayCycles: array(cores),
    waySent: new Uint8Array(rows),
    readers: new WeakMap(),
  };
}

/** Pieces (pairs of an owned and a needed box that overlap) up to which all of them are looked at: each of 256 cores to each. */
const pieceLimit = 65_536;

/**
 * The loads of moving a value, exactly: each piece is one packet to each rectangle of cores that need its box, along
 * the X-then-Y tree that the networks route; what a core owns and needs it copies, unless that `stays`. Null when there
 * are too many pieces to look at them all.
 */
export function linkLoads(
  owners: OwnerIndex,
  needed: Placement,
  bytes: number,
  stays: boolean,
  target: ChipTarget,
  scratch: LoadScratch,
): LinkLoads | null {
  const owned = owners.placement;
  const { rows, columns } = needed;
  const { linkBytesPerCycle } = target.networks.activation;
  const { issueCycles } = target.synchronization;
  const { rectangles, rectangleStart, wayOf, ways, ranges } = readershipOf(needed, scratch);
  const { overlaps } = scratch;
  overlaps.prepare(owners, ranges);
  if (needed.boxCount * overlaps.find(needed.boxCount >> 1) > pieceLimit) {
    for (const array of [scratch.east, scratch.west, scratch.south, scratch.north]) array.fill(0);
    return null;
  }
  const { boxes, counts } = overlaps;
  const { inject, eject, port, remote, east, west, south, north, reads, alone, rowCycles } = scratch;
  for (const array of [inject, eject, port, remote, east, west, south, north]) array.fill(0);
  reads.fill(0);
  alone.fill(0);
  const { wayCycles, waySent } = scratch;
  const { extent } = owned;
  const { coreStart, cores } = needed;
  const width = columns + 1;
  for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
    const stamp = wanted + 1;
    const found = overlaps.find(wanted);
    const firstRectangle = 4 * (rectangleStart[wanted] as number);
    const endRectangle = 4 * (rectangleStart[wanted + 1] as number);
    const packets = (endRectangle - firstRectangle) / 4;
    const firstReader = coreStart[wanted] as number;
    const lastReader = coreStart[wanted + 1] as number;
    for (let reader = firstReader; reader < lastReader; reader += 1) reads[cores[reader] as number] = stamp;
    for (let at = firstRectangle; at < endRectangle; at += 4) {
      const top = rectangles[at] as number;
      const left = rectangles[at + 2] as number;
      if (top === rectangles[at + 1] && left === rectangles[at + 3]) alone[top * columns + left] = stamp;
    }
    const left = rectangles[firstRectangle + 2] as number;
    const right = rectangles[firstRectangle + 3] as number;
    const wayRows = (wayOf[wanted] as number) * rows;
    const wayCores = wayRows * columns;
    let totalCount = 0;
    let totalCycles = 0;
    let firstRow = rows;
    let lastRow = -1;
    for (let entry = 0; entry < found; entry += 1) {
      const first = 4 * (boxes[entry] as number);
      const count = counts[entry] as number;
      const cycles = Math.ceil((count * bytes) / linkBytesPerCycle);
      const row = extent[first] as number;
      const column = extent[first + 2] as number;
      const source = row * columns + column;
      totalCount += count;
      totalCycles += cycles;
      let sent = packets;
      if (reads[source] === stamp) {
        eject[source] = (eject[source] as number) - cycles;
        remote[source] = (remote[source] as number) - count;
        port[source] = (port[source] as number) + (stays ? -count : count);
        if (alone[source] === stamp) sent -= 1;
      }
      inject[source] = (inject[source] as number) + sent * (cycles + issueCycles);
      port[source] = (port[source] as number) + sent * count;
      rowCycles[row] = (rowCycles[row] as number) + cycles;
      if (row < firstRow) firstRow = row;
      if (row > lastRow) lastRow = row;
      if (wayRows >= 0) {
        waySent[wayRows + row] = 1;
        wayCycles[wayCores + source] = (wayCycles[wayCores + source] as number) + cycles;
        continue;
      }
      const line = row * width;
      if (right > column) {
        east[line + column] = (east[line + column] as number) + cycles;
        east[line + right] = (east[line + right] as number) - cycles;
      }
      if (left < column) {
        west[line + left] = (west[line + left] as number) + cycles;
        west[line + column] = (west[line + column] as number) - cycles;
      }
    }
    for (let reader = firstReader; reader < lastReader; reader += 1) {
      const core = cores[reader] as number;
      port[core] = (port[core] as number) + totalCount;
      eject[core] = (eject[core] as number) + totalCycles;
      remote[core] = (remote[core] as number) + totalCount;
    }
    for (let at = firstRectangle; at < endRectangle; at += 4) {
      addColumns(rectangles, at, firstRow, lastRow, rows, scratch);
    }
    for (let row = firstRow; row <= lastRow; row += 1) rowCycles[row] = 0;
  }
  for (let at = 0; at < ways.length * rows; at += 1) {
    if (waySent[at] === 0) continue;
    waySent[at] = 0;
    addWay(
      ways[Math.floor(at / rows)] as Way,
      wayCycles.subarray(at * columns, (at + 1) * columns),
      at % rows,
      scratch,
    );
  }
  return {
    inject: largest(inject),
    eject: largest(eject),
    links: Math.max(
      largestSum(east, width),
      largestSum(west, width),
      largestSum(south, rows + 1),
      largestSum(north, rows + 1),
    ),
    portCount: largest(port),
    remoteCount: largest(remote),
  };
}

/** Adds what comes from the rows `firstRow` to `lastRow`, `rowCycles` each, to the links of a rectangle's columns. */
function addColumns(
  rectangles: Int32Array,
  at: number,
  firstRow: number,
  lastRow: number,
  rows: number,
  { rowCycles, south, north }: LoadScratch,
): void {
  const top = rectangles[at] as number;
  const bottom = rectangles[at + 1] as number;
  const right = rectangles[at + 3] as number;
  const endSouth = Math.min(bottom, lastRow + 1);
  const startNorth = Math.max(top + 1, firstRow);
  for (let across = rectangles[at + 2] as number; across <= right; across += 1) {
    const line = across * (rows + 1);
    let sum = 0;
    for (let row = firstRow; row < endSouth; row += 1) {
      const cycles = rowCycles[row] as number;
      sum += cycles;
      south[line + row] = (south[line + row] as number) + cycles;
    }
    south[line + bottom] = (south[line + bottom] as number) - sum;
    sum = 0;
    for (let row = startNorth; row <= lastRow; row += 1) {
      const cycles = rowCycles[row] as number;
      sum += cycles;
      north[line + row] = (north[line + row] as number) - cycles;
    }
    north[line + top] = (north[line + top] as number) + sum;
  }
}

/** Cycles of all links together, after `linkLoads`; 0 where that looked at nothing. */
export function linkCycleSum({ east, west, south, north }: LoadScratch): number {
  let sum = 0;
  for (const differences of [east, west, south, north]) {
    // The differences of a line add up to nothing, so that one running sum serves all lines.
    let load = 0;
    for (let at = 0; at < differences.length; at += 1) {
      load += differences[at] as number;
      sum += load;
    }
  }
  return sum;
}

/** Adds what the cores of a row send a way, by column, to the links of the row, and leaves zeros. */
function addWay({ eastward, westward }: Way, sent: Float64Array, row: number, { east, west }: LoadScratch): void {
  const last = sent.length - 1;
  const line = row * (sent.length + 1);
  let sum = 0;
  for (let column = 0; column < last; column += 1) {
    sum += sent[column] as number;
    addRange(east, line + column, line + column + 1, sum * (eastward[column] as number));
  }
  sum = 0;
  for (let column = last; column > 0; column -= 1) {
    sum += sent[column] as number;
    addRange(west, line + column - 1, line + column, sum * (westward[column] as number));
  }
  sent.fill(0);
}

function readershipOf(needed: Placement, scratch: LoadScratch): Readership {
  const known = scratch.readers.get(needed);
  if (known !== undefined) return known;
  const { rows, columns, boxCount } = needed;
  const wayNumbers = new Map<string, number>();
  const ways: Way[] = [];
  const rectangles: number[] = [];
  const rectangleStart = new Int32Array(boxCount + 1);
  const wayOf = new Int32Array(boxCount).fill(-1);
  for (let box = 0; box < boxCount; box += 1) {
    if (needed.rectangles[box] === 1) {
      for (let at = box * 4; at < box * 4 + 4; at += 1) rectangles.push(needed.extent[at] as number);
    } else {
      const own = rectanglesOf(needed.cores.subarray(needed.coreStart[box], needed.coreStart[box + 1]), columns);
      for (const bound of own) rectangles.push(bound);
      const sides = own.filter((_, bound) => bound % 4 > 1);
      const key = sides.join();
      const way = wayNumbers.get(key) ?? wayNumbers.size;
      if (way === wayNumbers.size) ways.push(wayThrough(sides, columns));
      wayNumbers.set(key, way);
      wayOf[box] = way;
    }
    rectangleStart[box + 1] = rectangles.length / 4;
  }
  if (scratch.waySent.length < ways.length * rows) {
    scratch.waySent = new Uint8Array(ways.length * rows);
    scratch.wayCycles = new Float64Array(ways.length * rows * columns);
  }
  const made = {
    rectangles: Int32Array.from(rectangles),
    rectangleStart,
    wayOf,
    ways,
    ranges: axisRanges(needed),
  };
  scratch.readers.set(needed, made);
  return made;
}

/** The way of rectangles of which first and last columns are given. */
function wayThrough(sides: readonly number[], columns: number): Way {
  const [eastward, westward] = [new Int32Array(columns), new Int32Array(columns)];
  for (let at = 0; at < sides.length; at += 2) {
    const left = sides[at] as number;
    const right = sides[at + 1] as number;
    for (let column = 0; column < right; column += 1) eastward[column] = (eastward[column] as number) + 1;
    for (let column = left + 1; column < columns; column += 1) westward[column] = (westward[column] as number) + 1;
  }
  return { eastward, westward };
}

function addRange(differences: Float64Array, from: number, to: number, cycles: number): void {
  differences[from] = (differences[from] as number) + cycles;
  differences[to] = (differences[to] as number) - cycles;
}

function largest(loads: Float64Array): number {
  let most = 0;
  for (let index = 0; index < loads.length; index += 1)
    if ((loads[index] as number) > most) most = loads[index] as number;
  return most;
}

/** The largest running sum within any line of differences. */
function largestSum(differences: Float64Array, length: number): number {
  let most = 0;
  for (let start = 0; start < differences.length; start += length) {
    let load = 0;
    for (let at = start; at < start + length; at += 1) {
      load += differences[at] as number;
      if (load > most) most = load;
    }
  }
  return most;
}
