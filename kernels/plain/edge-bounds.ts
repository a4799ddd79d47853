import { lookedCores } from "../link-load-layout.ts";
import type { PacketCosts } from "../link-loads.ts";
import type { Placement } from "../placements.ts";
import { piecesOf } from "./link-loads.ts";
import { type OwnerGrid, plainOwners, plainReaders, type ReaderBoxes } from "./link-records.ts";

/** What `LinkLoadKernel.fillLeast` works out of one owner and one reader, whatever the number of their pieces; null for owners that leave cells free. */
export function plainLeastEdgeCycles(
  owned: Placement,
  needed: Placement,
  costs: PacketCosts,
  wayCycles: number,
): number | null {
  const owners = plainOwners(owned);
  if (owners.sources.length !== owned.boxCount) return null;
  const links = leastLinkCycles(owners, plainReaders(needed), costs);
  const taken = mostTaken(owned, needed);
  const cycles = Math.max(links, (taken * costs.elementBytes) / costs.linkBytesPerCycle);
  return cycles + (taken > 0 || links > 0 ? wayCycles : 0);
}

/** The most elements that one of some cores, from the first to the last, takes in from others. */
function mostTaken(owned: Placement, needed: Placement): number {
  const counts = Array.from({ length: lookedCores }, (_, looked) => {
    const core = Math.floor((looked * (needed.rows * needed.columns - 1)) / (lookedCores - 1));
    const [own] = boxesOf(owned, core);
    const taken = boxesOf(needed, core).map((box) => sizeOf(box) - (own === undefined ? 0 : sizeOf(box, own)));
    return taken.reduce((sum, count) => sum + count, 0);
  });
  return Math.max(...counts);
}

/** [box][axis]: start and end, of the boxes of a core. */
function boxesOf({ boxStart, boxes, bounds, rank }: Placement, core: number): [number, number][][] {
  return Array.from(boxes.subarray(boxStart[core], boxStart[core + 1]), (box) =>
    Array.from({ length: rank }, (_, axis) => {
      const side = 2 * (box * rank + axis);
      return [bounds[side] as number, bounds[side + 1] as number];
    }),
  );
}

/** Elements of a box that also lie in another one. */
function sizeOf(box: readonly [number, number][], other = box): number {
  const lengths = box.map(([start, end], axis) => {
    const [otherStart, otherEnd] = other[axis] as [number, number];
    return Math.max(0, Math.min(end, otherEnd) - Math.max(start, otherStart));
  });
  return lengths.reduce((count, length) => count * length, 1);
}

/** Cycles that the busiest link has at least, by what crosses the cuts, piece by piece. */
function leastLinkCycles(
  owners: OwnerGrid,
  readers: ReaderBoxes,
  { elementBytes, linkBytesPerCycle }: PacketCosts,
): number {
  const lanes = new Set<number>();
  let [east, west, south, north] = [0, 0, 0, 0];
  for (let box = 0; box < readers.wayOf.length; box += 1) {
    const pieces = piecesOf(owners, readers, box);
    const leastOf = (isOn: (row: number, column: number) => boolean): number => {
      const own = pieces.filter(({ source }) => isOn(Math.floor(source / readers.columns), source % readers.columns));
      const elements = own.reduce((sum, { count }) => sum + count, 0);
      const least = linkBytesPerCycle === Number.POSITIVE_INFINITY ? 0 : own.length;
      return Math.max(least, (elements * elementBytes) / linkBytesPerCycle);
    };
    const [rowCut, columnCut] = [owners.rowCut.place, owners.columnCut.place];
    const [above, below] = [leastOf((row) => row < rowCut), leastOf((row) => row >= rowCut)];
    const [before, behind] = [leastOf((_, column) => column < columnCut), leastOf((_, column) => column >= columnCut)];
    for (
      let each = readers.rectangleStart[box] as number;
      each < (readers.rectangleStart[box + 1] as number);
      each += 1
    ) {
      const [top, bottom, left, right] = Array.from(
        { length: 4 },
        (_, side) => readers.rectangles[4 * each + side] as number,
      ) as [number, number, number, number];
      for (let column = left; column <= right; column += 1) lanes.add(column);
      if (bottom >= rowCut) south += above * (right - left + 1);
      if (top < rowCut) north += below * (right - left + 1);
      if (right >= columnCut) east += before;
      if (left < columnCut) west += behind;
    }
  }
  const columns = Math.max(...lanes) - Math.min(...lanes) + 1;
  return Math.max(Math.max(south, north) / columns, Math.max(east, west) / owners.rowCount);
}
