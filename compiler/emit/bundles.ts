import type { Rectangle } from "../../ir/instruction.ts";
import type { Transfer } from "../transfers.ts";
import { coverRectangles } from "./rectangles.ts";

/** A copy that goes to every core of a rectangle, to the same place of each. */
export interface Bundle {
  readonly transfer: Transfer;
  readonly cores: Rectangle;
  /** The one core that gets it, −1 where several do: those of the rectangle, less the sender when it is a core. */
  readonly only: number;
}

/** The transfers that leave their place, those that carry the same bytes to the same place of several cores together. */
export function bundlesOf(transfers: readonly Transfer[], fromFrame: boolean, rows: number, columns: number): Bundle[] {
  const bundles: Bundle[] = [];
  // Most lists of destinations are those of many transfers.
  const covers = new Map<readonly number[], readonly Rectangle[]>();
  const alike = alikeTransfers(transfers);
  for (let index = 0; index < alike.length; index += 1) {
    const transfer = alike[index] as Transfer;
    const { destinations } = transfer;
    const cover = covers.get(destinations) ?? rectanglesOf(destinations, rows, columns);
    covers.set(destinations, cover);
    for (let part = 0; part < cover.length; part += 1) {
      const cores = cover[part] as Rectangle;
      const only = onlyReceiver(cores, fromFrame ? -1 : transfer.source, columns);
      if (only !== null) bundles.push({ transfer, cores, only });
    }
  }
  return fromFrame ? bundles : inTurns(bundles, rows, columns);
}

/** The one core of a rectangle but the sender, −1 for several, null for none. */
function onlyReceiver(
  { row, column, rows, columns: width }: Rectangle,
  sender: number,
  columns: number,
): number | null {
  const first = row * columns + column;
  if (rows * width === 1) return first === sender ? null : first;
  if (rows * width > 2) return -1;
  const second = width === 2 ? first + 1 : first + columns;
  if (first === sender) return second;
  return second === sender ? first : -1;
}

/** Transfers of the same bytes to the same place of their destinations as one, in the order of the first of each. */
function alikeTransfers(transfers: readonly Transfer[]): Transfer[] {
  const found: Transfer[] = [];
  // By a number that few have in common: the last of those found, and of each the one before.
  const last = new Map<number, number>();
  const before = new Int32Array(transfers.length);
  for (let index = 0; index < transfers.length; index += 1) {
    const transfer = transfers[index] as Transfer;
    const key = (transfer.source * 8191 + transfer.sourceOffset * 31 + transfer.destinationOffset * 127) | 0;
    const near = last.get(key) ?? -1;
    let place = near;
    while (place >= 0 && !areAlike(found[place] as Transfer, transfer)) place = before[place] as number;
    if (place < 0) {
      before[found.length] = near;
      last.set(key, found.length);
      found.push(transfer);
    } else {
      const same = found[place] as Transfer;
      found[place] = { ...same, destinations: [...same.destinations, ...transfer.destinations] };
    }
  }
  return found;
}

function areAlike(left: Transfer, right: Transfer): boolean {
  return (
    left.source === right.source &&
    left.sourceOffset === right.sourceOffset &&
    left.destinationOffset === right.destinationOffset &&
    left.shape === right.shape
  );
}

/**
 * The bundles in the order of the way from their sender to their first receiver, down and right around the grid: cores that all
 * send to each other then send to different ones at any time, and wait for no eject port.
 */
function inTurns(bundles: readonly Bundle[], rows: number, columns: number): Bundle[] {
  const ways = new Int32Array(bundles.length);
  const places = new Int32Array(rows * columns + 1);
  for (let index = 0; index < bundles.length; index += 1) {
    const { transfer, cores } = bundles[index] as Bundle;
    const down = (cores.row - Math.floor(transfer.source / columns) + rows) % rows;
    const right = (cores.column - (transfer.source % columns) + columns) % columns;
    const way = down * columns + right;
    ways[index] = way;
    places[way + 1] = (places[way + 1] as number) + 1;
  }
  for (let way = 0; way < rows * columns; way += 1)
    places[way + 1] = (places[way + 1] as number) + (places[way] as number);
  const turns = new Array<Bundle>(bundles.length);
  for (let index = 0; index < bundles.length; index += 1) {
    const way = ways[index] as number;
    const place = places[way] as number;
    turns[place] = bundles[index] as Bundle;
    places[way] = place + 1;
  }
  return turns;
}

/** Rectangles that cover destinations. */
function rectanglesOf(destinations: readonly number[], rows: number, columns: number): Rectangle[] {
  const [first] = destinations;
  if (destinations.length === 1 && first !== undefined) {
    return [{ row: Math.floor(first / columns), column: first % columns, rows: 1, columns: 1 }];
  }
  let [north, south, west, east] = [rows, -1, columns, -1];
  for (const destination of destinations) {
    const row = Math.floor(destination / columns);
    const column = destination % columns;
    if (row < north) north = row;
    if (row > south) south = row;
    if (column < west) west = column;
    if (column > east) east = column;
  }
  const hull = { row: north, column: west, rows: south - north + 1, columns: east - west + 1 };
  if (hull.rows * hull.columns === destinations.length) return [hull];
  const keys = new Int32Array(hull.rows * hull.columns).fill(-1);
  for (const destination of destinations) {
    keys[(Math.floor(destination / columns) - north) * hull.columns + (destination % columns) - west] = 0;
  }
  return coverRectangles(keys, hull.columns).map((cores) => ({
    ...cores,
    row: cores.row + north,
    column: cores.column + west,
  }));
}
