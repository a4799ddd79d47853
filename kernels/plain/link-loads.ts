import type { LinkLoads, PacketCosts } from "../link-loads.ts";
import { type OwnerGrid, type ReaderBoxes, sourceNumber } from "./link-records.ts";

/** What `LinkLoadKernel` works out, piece by piece and link by link. */
export function plainLinkLoads(
  owners: OwnerGrid,
  readers: ReaderBoxes,
  { elementBytes, linkBytesPerCycle, issueCycles }: PacketCosts,
  stays: boolean,
): LinkLoads & { readonly linkCycleSum: number } {
  const { rows, columns, rectangles, rectangleStart } = readers;
  const perCore = (): Float64Array => new Float64Array(rows * columns);
  const [inject, eject, port, remote] = [perCore(), perCore(), perCore(), perCore()];
  // Of the link that leaves a core that way.
  const [east, west, south, north] = [perCore(), perCore(), perCore(), perCore()];
  const add = (loads: Float64Array, place: number, load: number): void => {
    loads[place] = (loads[place] as number) + load;
  };
  for (let box = 0; box < readers.wayOf.length; box += 1) {
    const cores = Array.from(readers.cores).slice(readers.coreStart[box], readers.coreStart[box + 1]);
    for (const { source, count } of piecesOf(owners, readers, box)) {
      const cycles = Math.ceil((count * elementBytes) / linkBytesPerCycle);
      for (const core of cores) {
        const isLocal = core === source;
        if (!isLocal) add(eject, core, cycles);
        if (!isLocal) add(remote, core, count);
        if (!isLocal) add(port, core, count);
        else if (!stays) add(port, core, 2 * count);
      }
      for (let each = rectangleStart[box] as number; each < (rectangleStart[box + 1] as number); each += 1) {
        const [top, bottom, left, right] = Array.from(
          { length: 4 },
          (_, side) => rectangles[4 * each + side] as number,
        );
        const way = { source, top, bottom, left, right } as Way;
        if (top === bottom && left === right && source === (top as number) * columns + (left as number)) continue;
        add(inject, source, cycles + issueCycles);
        add(port, source, count);
        const links = linksOf(way, columns);
        for (const core of links.east) add(east, core, cycles);
        for (const core of links.west) add(west, core, cycles);
        for (const core of links.south) add(south, core, cycles);
        for (const core of links.north) add(north, core, cycles);
      }
    }
  }
  const links = [east, west, south, north];
  return {
    inject: Math.max(...inject),
    eject: Math.max(...eject),
    links: Math.max(...links.map((loads) => Math.max(...loads))),
    portCount: Math.max(...port),
    remoteCount: Math.max(...remote),
    linkCycleSum: links.reduce((total, loads) => loads.reduce((sum, load) => sum + load, total), 0),
  };
}

/** The cores that own something of a box, and how many elements of it. */
export function piecesOf(owners: OwnerGrid, readers: ReaderBoxes, box: number): { source: number; count: number }[] {
  const pieces: { source: number; count: number }[] = [];
  const ranges = readers.axes.flatMap(({ starts, ends }) =>
    starts.map((start, range) => [start, ends[range] as number]),
  );
  for (let cell = 0; cell < owners.sources.length; cell += 1) {
    let [rest, count] = [cell, 1];
    for (let axis = owners.axes.length - 1; axis >= 0; axis -= 1) {
      const own = owners.axes[axis] as OwnerGrid["axes"][number];
      const place = rest % own.starts.length;
      const read = ranges[readers.rangeOf[box * owners.axes.length + axis] as number] as [number, number];
      rest = Math.floor(rest / own.starts.length);
      count *= Math.max(
        0,
        Math.min(own.ends[place] as number, read[1]) - Math.max(own.starts[place] as number, read[0]),
      );
    }
    const number = owners.sources[cell] as number;
    if (number < 0 || count === 0) continue;
    const row = Math.floor(number / sourceNumber(1, 0));
    pieces.push({ source: row * readers.columns + (number - sourceNumber(row, 0)), count });
  }
  return pieces;
}

/** From a core to a rectangle of cores. */
interface Way {
  readonly source: number;
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** The cores from which a packet leaves in each direction: along the row of its source, and in each column of its readers. */
function linksOf({ source, top, bottom, left, right }: Way, columns: number): Record<Direction, number[]> {
  const row = Math.floor(source / columns);
  const column = source - row * columns;
  const span = (from: number, end: number): number[] =>
    Array.from({ length: Math.max(0, end - from) }, (_, place) => from + place);
  const across = span(left, right + 1);
  return {
    east: span(column, right).map((at) => row * columns + at),
    west: span(left + 1, column + 1).map((at) => row * columns + at),
    south: span(row, bottom).flatMap((at) => across.map((turn) => at * columns + turn)),
    north: span(top + 1, row + 1).flatMap((at) => across.map((turn) => at * columns + turn)),
  };
}

type Direction = "east" | "west" | "south" | "north";
