import type { ChipTarget } from "../../targets/target.ts";
import { findOverlaps, type Overlaps, type OwnerIndex, overlapRoom } from "./owner-index.ts";
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
  readonly overlaps: Overlaps;
  /** By placement and box: rectangles of cores, each first row, last row, first column, last column. */
  readonly rectangles: WeakMap<Placement, readonly (readonly number[])[]>;
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
    overlaps: { boxes: new Int32Array(cores), counts: new Float64Array(cores) },
    rectangles: new WeakMap(),
  };
}

/** Pieces (pairs of an owned and a needed box that overlap) up to which all of them are looked at. */
const pieceLimit = 6144;

/**
 * The loads of moving a value, exactly: each piece is one packet to each rectangle of cores that need its box, along
 * the X-then-Y tree that the networks route. Null when there are too many pieces to look at them all.
 */
export function linkLoads(
  owners: OwnerIndex,
  needed: Placement,
  bytes: number,
  target: ChipTarget,
  scratch: LoadScratch,
): LinkLoads | null {
  const owned = owners.placement;
  const { rows, columns } = needed;
  const { linkBytesPerCycle } = target.networks.activation;
  const { issueCycles } = target.synchronization;
  const overlaps = overlapRoom(owners, scratch.overlaps);
  if (needed.boxCount * findOverlaps(owners, needed, needed.boxCount >> 1, overlaps) > pieceLimit) return null;
  const { inject, eject, port, remote, east, west, south, north } = scratch;
  for (const array of [inject, eject, port, remote, east, west, south, north]) array.fill(0);
  const rectangles = scratch.rectangles.get(needed) ?? rectanglesByBox(needed);
  scratch.rectangles.set(needed, rectangles);
  for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
    const found = findOverlaps(owners, needed, wanted, overlaps);
    const firstReader = needed.coreStart[wanted] as number;
    const lastReader = needed.coreStart[wanted + 1] as number;
    const list = rectangles[wanted] as readonly number[];
    for (let entry = 0; entry < found; entry += 1) {
      const box = overlaps.boxes[entry] as number;
      const count = overlaps.counts[entry] as number;
      const cycles = Math.ceil((count * bytes) / linkBytesPerCycle);
      const row = owned.extent[box * 4] as number;
      const column = owned.extent[box * 4 + 2] as number;
      const source = row * columns + column;
      for (let reader = firstReader; reader < lastReader; reader += 1) {
        const core = needed.cores[reader] as number;
        port[core] = (port[core] as number) + (core === source ? 2 : 1) * count;
        if (core === source) continue;
        eject[core] = (eject[core] as number) + cycles;
        remote[core] = (remote[core] as number) + count;
      }
      for (let at = 0; at < list.length; at += 4) {
        const top = list[at] as number;
        const bottom = list[at + 1] as number;
        const left = list[at + 2] as number;
        const right = list[at + 3] as number;
        if (top === bottom && left === right && top === row && left === column) continue;
        inject[source] = (inject[source] as number) + cycles + issueCycles;
        port[source] = (port[source] as number) + count;
        if (right > column) addRange(east, row * (columns + 1) + column, row * (columns + 1) + right, cycles);
        if (left < column) addRange(west, row * (columns + 1) + left, row * (columns + 1) + column, cycles);
        for (let across = left; across <= right; across += 1) {
          const line = across * (rows + 1);
          if (bottom > row) addRange(south, line + row, line + bottom, cycles);
          if (top < row) addRange(north, line + top, line + row, cycles);
        }
      }
    }
  }
  return {
    inject: largest(inject),
    eject: largest(eject),
    links: Math.max(
      largestSum(east, columns + 1),
      largestSum(west, columns + 1),
      largestSum(south, rows + 1),
      largestSum(north, rows + 1),
    ),
    portCount: largest(port),
    remoteCount: largest(remote),
  };
}

function rectanglesByBox(needed: Placement): readonly (readonly number[])[] {
  return Array.from({ length: needed.boxCount }, (_, box) =>
    (needed.rectangles[box] as number) === 1
      ? [...needed.extent.subarray(box * 4, box * 4 + 4)]
      : rectanglesOf(needed.cores.subarray(needed.coreStart[box], needed.coreStart[box + 1]), needed.columns),
  );
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
