import { product } from "../../base/math.ts";
import { type Placement, PlacementKernel } from "../../kernels/placements.ts";
import { frameLinkCycles, portCycles } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { marginFor, roomCount } from "../margins.ts";
import { LinkLoader } from "./link-loads.ts";
import { findOverlaps, type Overlaps, type OwnerIndex, overlapRoom, ownerIndex } from "./owner-index.ts";
import { boxSize, contains, overlapCount } from "./placement.ts";

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
  const coreCount = needed.boxStart.length - 1;
  for (let core = 0; core < coreCount; core += 1) {
    const first = needed.boxStart[core] as number;
    const count = (needed.boxStart[core + 1] as number) - first;
    if (count === 0) continue;
    const own = ownBox(owned, core);
    if (own < 0 || count > 1 || !contains(owned, own, needed, needed.boxes[first] as number)) return false;
  }
  return true;
}

/**
 * Whether what cores own stays where it is, with room around it for what else their readers need (`marginFor`): then only
 * that is brought.
 */
function isReadAround(owned: Placement, needed: Placement): boolean {
  const { rank, boundExtents } = owned;
  const most = product(boundExtents) + product(needed.reachExtents);
  const before = new Array<number>(rank).fill(0);
  const reach = new Array<number>(rank).fill(0);
  const cores = needed.rows * needed.columns;
  for (let core = 0; core < cores; core += 1) {
    const first = needed.boxStart[core] as number;
    const count = (needed.boxStart[core + 1] as number) - first;
    if (count === 0) continue;
    const own = ownBox(owned, core);
    if (own < 0 || count > 1) return false;
    const wanted = needed.boxes[first] as number;
    let grows = false;
    for (let axis = 0; axis < rank; axis += 1) {
      const start = owned.bounds[(own * rank + axis) * 2] as number;
      const ahead = start - (needed.reach[(wanted * rank + axis) * 2] as number);
      const beyond = (needed.reach[(wanted * rank + axis) * 2 + 1] as number) - start;
      if (ahead > (before[axis] as number)) {
        before[axis] = ahead;
        grows = true;
      }
      if (beyond > (reach[axis] as number)) {
        reach[axis] = beyond;
        grows = true;
      }
    }
    // Further cores only make the room larger.
    if (grows && roomCount(boundExtents, before, reach) > most) return false;
  }
  return marginFor(boundExtents, needed.reachExtents, before, reach) !== null;
}

/** The box that a core owns; −1 for none. */
function ownBox(owned: Placement, core: number): number {
  const first = owned.boxStart[core] as number;
  return first === owned.boxStart[core + 1] ? -1 : (owned.boxes[first] as number);
}

/**
 * The cost of an edge from intersections of boxes: each intersection of a box that a core owns with one that a core needs
 * is a piece, multicast to all cores that need it (once for each rectangle that they make up). Loads are added up for
 * inject, eject and memory ports and, X first then Y, for the links across the middle of the cores in use; the cost is the
 * largest load plus the way across half the grid. What a reader finds around its own part is not copied where it
 * `mayStay`. Up to `exactBoxes` needed boxes all are looked at and the largest loads
 * taken; of more, evenly spaced ones (first and last among them), the loads of inject ports and links being averages.
 */
export function edgeCost(
  owned: Placement,
  needed: Placement,
  bytes: number,
  inPlaceAllowed: boolean,
  target: ChipTarget,
  scratch: EdgeScratch = edgeScratch(target),
  mayStay: boolean = inPlaceAllowed,
): EdgeCost {
  if (needed.boxCount === 0 || (inPlaceAllowed && isInPlace(owned, needed))) return free;
  const stays = mayStay && isReadAround(owned, needed);
  const network = target.networks.activation;
  const loads =
    scratch.links.loads(owned, needed, bytes, stays, target) ??
    edgeLoads(indexIn(scratch, owned), needed, bytes, stays, target, scratch);
  const networkCycles =
    Math.max(loads.inject, loads.eject, loads.links) +
    (loads.remoteCount > 0 ? network.hopCycles * ((owned.rows + owned.columns) >> 1) : 0);
  const memoryCycles = portCycles(target, loads.portCount * bytes);
  return {
    cycles: Math.ceil(Math.max(networkCycles, memoryCycles)),
    networkCycles: Math.ceil(networkCycles),
    portCycles: memoryCycles,
    remoteBytes: loads.remoteCount * bytes,
  };
}

/** Arrays that `edgeCost` works in; one set may serve any number of calls, one after the other. */
export interface EdgeScratch {
  /** By core. */
  readonly inject: Float64Array;
  readonly sent: Float64Array;
  /** By row. */
  readonly east: Float64Array;
  readonly west: Float64Array;
  /** By column. */
  readonly south: Float64Array;
  readonly north: Float64Array;
  readonly overlaps: Overlaps;
  readonly placer: PlacementKernel;
  readonly links: LinkLoader;
  /** Of placements of which not all pieces could be looked at. */
  readonly indexes: WeakMap<Placement, OwnerIndex>;
}

function indexIn({ indexes }: EdgeScratch, owned: Placement): OwnerIndex {
  const index = indexes.get(owned) ?? ownerIndex(owned);
  indexes.set(owned, index);
  return index;
}

/** Makes the arrays for a chip; compiles the kernels where they are not given. */
export function edgeScratch(target: ChipTarget, kernels?: WebAssembly.Module): EdgeScratch {
  const { rows, columns } = target.grid;
  const cores = rows * columns;
  const placer = new PlacementKernel(kernels);
  return {
    inject: new Float64Array(cores),
    sent: new Float64Array(cores),
    east: new Float64Array(rows),
    west: new Float64Array(rows),
    south: new Float64Array(columns),
    north: new Float64Array(columns),
    overlaps: { boxes: new Int32Array(cores), counts: new Float64Array(cores) },
    placer,
    links: new LinkLoader(placer, kernels),
    indexes: new WeakMap(),
  };
}

/** Needed boxes up to which all are looked at, and how many are looked at otherwise. */
const exactBoxes = 16;
const sampledBoxes = 8;

/** Readers of a box that are looked at. */
const sampledReaders = 4;

interface EdgeLoads {
  /** Cycles of the busiest inject port, eject port, and link across the middle. */
  readonly inject: number;
  readonly eject: number;
  readonly links: number;
  /** Elements at the busiest memory port, and most elements that a core takes in from others. */
  readonly portCount: number;
  readonly remoteCount: number;
}

function edgeLoads(
  owners: OwnerIndex,
  needed: Placement,
  bytes: number,
  stays: boolean,
  target: ChipTarget,
  scratch: EdgeScratch,
): EdgeLoads {
  const owned = owners.placement;
  const { columns, boxCount } = needed;
  const { linkBytesPerCycle } = target.networks.activation;
  const { issueCycles } = target.synchronization;
  const samples = boxCount <= exactBoxes ? boxCount : sampledBoxes;
  const { inject, sent, east, west, south, north } = scratch;
  const overlaps = overlapRoom(owners, scratch.overlaps);
  inject.fill(0, 0, owned.boxCount);
  sent.fill(0, 0, owned.boxCount);
  east.fill(0);
  west.fill(0);
  south.fill(0);
  north.fill(0);
  const rowCut = (Math.max(owned.lastRow, needed.lastRow) + 1) >> 1;
  const columnCut = (Math.max(owned.lastColumn, needed.lastColumn) + 1) >> 1;
  let eject = 0;
  let taken = 0;
  let remoteCount = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const wanted = samples === 1 ? 0 : Math.round((sample * (boxCount - 1)) / (samples - 1));
    const firstReader = needed.coreStart[wanted] as number;
    const readers = (needed.coreStart[wanted + 1] as number) - firstReader;
    const only = readers === 1 ? (needed.cores[firstReader] as number) : -1;
    const packets = (needed.rectangleStart[wanted + 1] as number) - (needed.rectangleStart[wanted] as number);
    const at = wanted * 4;
    const left = needed.extent[at + 2] as number;
    const right = needed.extent[at + 3] as number;
    const top = needed.extent[at] as number;
    const bottom = needed.extent[at + 1] as number;
    const eastward = beyond(left, right, columnCut, packets);
    const southward = beyond(top, bottom, rowCut, packets);
    let total = 0;
    let totalCount = 0;
    let fromNorth = 0;
    let fromSouth = 0;
    const found = findOverlaps(owners, needed, wanted, overlaps);
    for (let entry = 0; entry < found; entry += 1) {
      const box = overlaps.boxes[entry] as number;
      const count = overlaps.counts[entry] as number;
      const cycles = Math.ceil((count * bytes) / linkBytesPerCycle);
      total += cycles;
      totalCount += count;
      const row = owned.extent[box * 4] as number;
      const column = owned.extent[box * 4 + 2] as number;
      if (row * columns + column === only) continue;
      inject[box] = (inject[box] as number) + packets * (cycles + issueCycles);
      sent[box] = (sent[box] as number) + packets * count;
      if (column < columnCut && right >= columnCut) east[row] = (east[row] as number) + eastward.after * cycles;
      if (column >= columnCut && left < columnCut) west[row] = (west[row] as number) + eastward.before * cycles;
      if (row < rowCut) fromNorth += cycles;
      else fromSouth += cycles;
    }
    for (let column = left; column <= right; column += 1) {
      if (bottom >= rowCut) south[column] = (south[column] as number) + southward.after * fromNorth;
      if (top < rowCut) north[column] = (north[column] as number) + southward.before * fromSouth;
    }
    const looked = Math.min(readers, sampledReaders);
    for (let reader = 0; reader < looked; reader += 1) {
      const place = looked === 1 ? 0 : Math.round((reader * (readers - 1)) / (looked - 1));
      const core = needed.cores[firstReader + place] as number;
      const own = ownBox(owned, core);
      const local = own < 0 ? 0 : overlapCount(owned, own, needed, wanted);
      const boxes = (needed.boxStart[core + 1] as number) - (needed.boxStart[core] as number);
      eject = Math.max(eject, boxes * (total - Math.ceil((local * bytes) / linkBytesPerCycle)));
      remoteCount = Math.max(remoteCount, boxes * (totalCount - local));
      taken = Math.max(taken, boxes * (totalCount + (stays ? -local : local)));
    }
  }
  const exact = samples === boxCount;
  const scale = boxCount / samples;
  const busiest = (loads: Float64Array, count: number, users: number): number =>
    exact ? largest(loads, count) : (scale * sumOf(loads, count)) / users;
  const ownerRows = owned.firstRowCount;
  const readerColumns = needed.lastColumn + 1;
  return {
    inject: busiest(inject, owned.boxCount, owned.boxCount),
    eject,
    links: Math.max(
      busiest(east, east.length, ownerRows),
      busiest(west, west.length, ownerRows),
      busiest(south, south.length, readerColumns),
      busiest(north, north.length, readerColumns),
    ),
    portCount: taken + busiest(sent, owned.boxCount, owned.boxCount),
    remoteCount,
  };
}

/**
 * How many of the packets to the rectangles that readers make up go to either side of a cut, when they lie evenly between
 * the first and last row or column of the readers; at least one to each side that has readers.
 */
function beyond(first: number, last: number, cut: number, packets: number): { before: number; after: number } {
  if (packets === 1) return { before: 1, after: 1 };
  const share = Math.min(1, Math.max(0, (last + 1 - cut) / (last + 1 - first)));
  return { before: Math.max(1, Math.round(packets * (1 - share))), after: Math.max(1, Math.round(packets * share)) };
}

function largest(loads: Float64Array, count: number): number {
  let most = 0;
  for (let index = 0; index < count; index += 1) if ((loads[index] as number) > most) most = loads[index] as number;
  return most;
}

function sumOf(loads: Float64Array, count: number): number {
  let added = 0;
  for (let index = 0; index < count; index += 1) added += loads[index] as number;
  return added;
}

/**
 * Dynamic picojoules of bringing a value to where it is needed: what the links carry, once for each of them, and what memory
 * ports read and write. After `edgeCost` with the same scratch; the loads of links are those of that call.
 */
export function edgeEnergyPj(
  owned: Placement,
  needed: Placement,
  bytes: number,
  inPlaceAllowed: boolean,
  cost: EdgeCost,
  target: ChipTarget,
  scratch: EdgeScratch,
): number {
  if (cost.cycles === 0) return 0;
  const { networks, energy } = target;
  let [held, wanted] = [0, 0];
  for (let box = 0; box < owned.boxCount; box += 1) held += boxSize(owned, box) * bytes;
  for (let box = 0; box < needed.boxCount; box += 1) {
    wanted +=
      boxSize(needed, box) * bytes * ((needed.coreStart[box + 1] as number) - (needed.coreStart[box] as number));
  }
  const looked = scratch.links.linkCycleSum() * networks.activation.linkBytesPerCycle;
  // Where there were too many pieces to look at, each goes about a third of the way across.
  const hopBytes = looked > 0 || cost.remoteBytes === 0 ? looked : (wanted * (owned.rows + owned.columns)) / 3;
  // What stays where it is is neither read nor written.
  if (inPlaceAllowed && isReadAround(owned, needed)) {
    const local = localCount(owned, needed) * bytes;
    [held, wanted] = [wanted - local, wanted - local];
  }
  return (
    hopBytes * networks.activation.hopEnergyPjPerByte +
    Math.min(held, wanted) * energy.memoryReadPjPerByte +
    wanted * energy.memoryWritePjPerByte
  );
}

/** Elements that cores need and own themselves. */
function localCount(owned: Placement, needed: Placement): number {
  let count = 0;
  for (let core = 0; core < needed.rows * needed.columns; core += 1) {
    const own = ownBox(owned, core);
    if (own < 0) continue;
    for (let at = needed.boxStart[core] as number; at < (needed.boxStart[core + 1] as number); at += 1) {
      count += overlapCount(owned, own, needed, needed.boxes[at] as number);
    }
  }
  return count;
}

/** The cost of sending what cores own to the framebuffer: the busiest row of links to the west. */
export function frameCost(owned: Placement, bytes: number, target: ChipTarget): EdgeCost {
  const rows = new Float64Array(owned.rows);
  let most = 0;
  for (let box = 0; box < owned.boxCount; box += 1) {
    const count = boxSize(owned, box) * bytes;
    const row = owned.extent[box * 4] as number;
    rows[row] = (rows[row] as number) + frameLinkCycles(target, count);
    most = Math.max(most, portCycles(target, count));
  }
  const networkCycles = Math.max(...rows) + target.networks.activation.hopCycles * owned.columns;
  return { cycles: Math.max(networkCycles, most), networkCycles, portCycles: most, remoteBytes: 0 };
}

/** Dynamic picojoules of sending what cores own to the framebuffer: along their rows to the west, read, and written there. */
export function frameEnergyPj(owned: Placement, bytes: number, { networks, energy }: ChipTarget): number {
  let total = 0;
  for (let box = 0; box < owned.boxCount; box += 1) {
    const hops = (owned.extent[box * 4 + 2] as number) + 1;
    const perByte = hops * networks.activation.hopEnergyPjPerByte + energy.memoryReadPjPerByte;
    total += boxSize(owned, box) * bytes * (perByte + energy.frameBufferPjPerByte);
  }
  return total;
}
