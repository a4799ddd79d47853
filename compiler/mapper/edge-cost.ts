import { frameLinkCycles, linkCycles, portCycles } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { boxSize, contains, overlapCount, type Placement } from "./placement.ts";

/** Predicted cycles of bringing a value from the cores that made it to those that read it. */
export interface EdgeCost {
  readonly cycles: number;
  /** The busiest of inject ports, eject ports and links of the activation network. */
  readonly networkCycles: number;
  /** The busiest memory port: sent, arriving and locally copied bytes. */
  readonly portCycles: number;
  /** Most bytes that a core takes in from others. */
  readonly remoteBytes: number;
}

const free: EdgeCost = { cycles: 0, networkCycles: 0, portCycles: 0, remoteBytes: 0 };

/** Whether every core finds all it needs, padding included, in its own box. */
export function isInPlace(owned: Placement, needed: Placement): boolean {
  const coreCount = needed.coreBoxes.length;
  for (let core = 0; core < coreCount; core += 1) {
    const wanted = needed.coreBoxes[core] as readonly number[];
    if (wanted.length === 0) continue;
    const own = (owned.coreBoxes[core] as readonly number[])[0];
    if (own === undefined || wanted.length > 1) return false;
    if (!contains(owned, own, needed, wanted[0] as number)) return false;
  }
  return true;
}

/**
 * The cost of an edge, from intersections of the boxes that cores own with those that they need, on sampled cores: eject
 * ports of the first, middle and last readers; inject ports of the first, middle and last owners; links across the middle
 * of the grid, X first then Y, in the first and middle rows and columns in use. Pieces are multicast.
 */
export function edgeCost(owned: Placement, needed: Placement, bytes: number, inPlaceAllowed: boolean, target: ChipTarget): EdgeCost {
  if (inPlaceAllowed && isInPlace(owned, needed)) return free;
  const network = target.networks.activation;
  const hold = (count: number): number => linkCycles(network, count * bytes);
  let ejectCycles = 0;
  let remoteBytes = 0;
  let readerPortBytes = 0;
  for (const core of sampled(needed)) {
    const taken = intake(owned, needed, core, hold);
    ejectCycles = Math.max(ejectCycles, taken.cycles);
    remoteBytes = Math.max(remoteBytes, taken.remoteCount * bytes);
    readerPortBytes = Math.max(readerPortBytes, (taken.remoteCount + 2 * taken.localCount) * bytes);
  }
  let injectCycles = 0;
  let sentBytes = 0;
  for (const core of sampled(owned)) {
    const sent = output(owned, needed, core, hold, target.synchronization.issueCycles);
    injectCycles = Math.max(injectCycles, sent.cycles);
    sentBytes = Math.max(sentBytes, sent.count * bytes);
  }
  const linksCycles = ejectCycles === 0 ? 0 : Math.max(rowLinkCycles(owned, needed, hold), columnLinkCycles(owned, needed, hold));
  const way = ejectCycles === 0 ? 0 : network.hopCycles * ((needed.rows + needed.columns) >> 1);
  const networkCycles = Math.max(ejectCycles, injectCycles, linksCycles) + way;
  const memoryCycles = portCycles(target, readerPortBytes + sentBytes);
  return { cycles: Math.max(networkCycles, memoryCycles), networkCycles, portCycles: memoryCycles, remoteBytes };
}

/** The cost of sending what cores own to the framebuffer: the busiest row of links to the west. */
export function frameCost(owned: Placement, bytes: number, target: ChipTarget): EdgeCost {
  const rows = new Float64Array(owned.rows);
  let most = 0;
  owned.boxCores.forEach((cores, box) => {
    const count = boxSize(owned, box) * bytes;
    const row = Math.floor((cores[0] ?? 0) / owned.columns);
    rows[row] = (rows[row] as number) + frameLinkCycles(target, count);
    most = Math.max(most, portCycles(target, count));
  });
  const networkCycles = Math.max(...rows) + target.networks.activation.hopCycles * owned.columns;
  return { cycles: Math.max(networkCycles, most), networkCycles, portCycles: most, remoteBytes: 0 };
}

/** The first, middle and last cores that have a box. */
function sampled(placement: Placement): number[] {
  const first = placement.coreBoxes.findIndex((boxes) => boxes.length > 0);
  if (first < 0) return [];
  const last = placement.coreBoxes.findLastIndex((boxes) => boxes.length > 0);
  const bottom = Math.floor(last / placement.columns);
  const right = last - bottom * placement.columns;
  const middle = (bottom >> 1) * placement.columns + (right >> 1);
  const cores = [first];
  if ((placement.coreBoxes[middle] as readonly number[]).length > 0 && middle !== first) cores.push(middle);
  if (last !== first && last !== middle) cores.push(last);
  return cores;
}

function intake(
  owned: Placement,
  needed: Placement,
  core: number,
  hold: (count: number) => number,
): { readonly cycles: number; readonly remoteCount: number; readonly localCount: number } {
  let [cycles, remoteCount, localCount] = [0, 0, 0];
  for (const wanted of needed.coreBoxes[core] as readonly number[]) {
    for (let box = 0; box < owned.boxCount; box += 1) {
      const count = overlapCount(owned, box, needed, wanted);
      if (count === 0) continue;
      if ((owned.boxCores[box] as readonly number[]).includes(core)) localCount += count;
      else {
        cycles += hold(count);
        remoteCount += count;
      }
    }
  }
  return { cycles, remoteCount, localCount };
}

function output(
  owned: Placement,
  needed: Placement,
  core: number,
  hold: (count: number) => number,
  issueCycles: number,
): { readonly cycles: number; readonly count: number } {
  let [cycles, sent] = [0, 0];
  const box = (owned.coreBoxes[core] as readonly number[])[0];
  if (box === undefined || (owned.boxCores[box] as readonly number[])[0] !== core) return { cycles, count: sent };
  for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
    const readers = needed.boxCores[wanted] as readonly number[];
    if (readers.length === 1 && readers[0] === core) continue;
    const count = overlapCount(owned, box, needed, wanted);
    if (count === 0) continue;
    const packets = needed.rectangles[wanted] as number;
    cycles += packets * (hold(count) + issueCycles);
    sent += packets * count;
  }
  return { cycles, count: sent };
}

/** Cycles of the busiest sampled link between the two middle columns in use, in either direction. */
function rowLinkCycles(owned: Placement, needed: Placement, hold: (count: number) => number): number {
  const { rows, columns } = owned;
  const [bottom, right] = lastInUse(owned, needed);
  const cut = (right + 1) >> 1;
  if (cut === 0) return 0;
  let most = 0;
  for (const row of new Set([0, bottom >> 1, Math.min(rows - 1, bottom)])) {
    let [east, west] = [0, 0];
    for (let column = 0; column < columns; column += 1) {
      const box = (owned.coreBoxes[row * columns + column] as readonly number[])[0];
      if (box === undefined) continue;
      for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
        const crossesEast = column < cut && (needed.extent[wanted * 4 + 3] as number) >= cut;
        const crossesWest = column >= cut && (needed.extent[wanted * 4 + 2] as number) < cut;
        if (!crossesEast && !crossesWest) continue;
        const count = overlapCount(owned, box, needed, wanted);
        if (count === 0) continue;
        if (crossesEast) east += hold(count);
        else west += hold(count);
      }
    }
    most = Math.max(most, east, west);
  }
  return most;
}

/** Cycles of the busiest sampled link between the two middle rows in use, in either direction: all that a column takes in. */
function columnLinkCycles(owned: Placement, needed: Placement, hold: (count: number) => number): number {
  const { rows, columns } = owned;
  const [bottom, right] = lastInUse(owned, needed);
  const cut = (bottom + 1) >> 1;
  if (cut === 0) return 0;
  let most = 0;
  for (const column of new Set([0, right >> 1])) {
    const reach = columnReach(needed, column, rows, columns);
    let [south, north] = [0, 0];
    for (const [wanted, first, last] of reach) {
      for (let box = 0; box < owned.boxCount; box += 1) {
        const row = owned.extent[box * 4] as number;
        const crossesSouth = row < cut && last >= cut;
        const crossesNorth = row >= cut && first < cut;
        if (!crossesSouth && !crossesNorth) continue;
        const count = overlapCount(owned, box, needed, wanted);
        if (count === 0) continue;
        if (crossesSouth) south += hold(count);
        else north += hold(count);
      }
    }
    most = Math.max(most, south, north);
  }
  return most;
}

/** The boxes that a column's cores need, each with the first and last of their rows. */
function columnReach(needed: Placement, column: number, rows: number, columns: number): [number, number, number][] {
  const reach = new Map<number, [number, number, number]>();
  for (let row = 0; row < rows; row += 1) {
    for (const wanted of needed.coreBoxes[row * columns + column] as readonly number[]) {
      const known = reach.get(wanted);
      if (known === undefined) reach.set(wanted, [wanted, row, row]);
      else known[2] = row;
    }
  }
  return [...reach.values()];
}

function lastInUse(owned: Placement, needed: Placement): readonly [number, number] {
  let [bottom, right] = [0, 0];
  for (const { extent, boxCount } of [owned, needed]) {
    for (let box = 0; box < boxCount; box += 1) {
      if ((extent[box * 4 + 1] as number) > bottom) bottom = extent[box * 4 + 1] as number;
      if ((extent[box * 4 + 3] as number) > right) right = extent[box * 4 + 3] as number;
    }
  }
  return [bottom, right];
}
