import { at, roundUp, sum } from "../../base/math.ts";
import type { MappedBuffer } from "../../ir/mapping.ts";
import { earlyFraction } from "../early-share.ts";
import { boundaryBuffers, overlapsOf } from "../overlap.ts";
import { identityPiece } from "../pieces.ts";
import type { NetworkPlan, StepPlan } from "../step-plan.ts";
import { transfersOf } from "../transfers.ts";
import { type Allocation, allocate, bufferAlignment, liveBytesByStep } from "./allocate.ts";
import { type StepCost, transferCycles } from "./steps.ts";

/** Fences that are tried for an input, or for outputs. */
const fenceLimit = 6;

/**
 * Places buffers so that inputs are read while the batch before is computed, each behind the last reader of its bytes, and outputs
 * leave while the batch after is computed, before the makers of their bytes: at fences where that fits beside the other buffers and most passes
 * meanwhile. `plain` is the placement with no overlap, which is given back where nothing fits.
 */
export function placeOverlaps(
  plan: NetworkPlan,
  plain: Allocation,
  costs: readonly StepCost[],
  memoryBytes: number,
): Allocation {
  return placeBehind(plan, placeAhead(plan, plain, costs, memoryBytes), costs, memoryBytes);
}

/** Predicted cycles of a batch's inputs and outputs that pass while other steps and batches are computed. */
export function hiddenCycles(plan: NetworkPlan, buffers: readonly MappedBuffer[], costs: readonly StepCost[]): number {
  const room = roomOf(costs);
  const overlaps = overlapsOf(plan, buffers);
  let passed = 0;
  let hidden = sum(
    plan.steps.map((step) => transferCycles(at(costs, step.index)) - lateCycles(plan, step.index, costs)),
  );
  for (const { direction, step, fence } of overlaps) {
    if (direction === "behind") continue;
    const found = passage(room, fence, passed, at(costs, step).work.frameCycles);
    passed = found.end;
    hidden += found.hidden;
  }
  const behind = overlaps.filter(({ direction }) => direction === "behind");
  if (behind.length === 0) return hidden;
  const leaving = sum(behind.map(({ step }) => lateCycles(plan, step, costs)));
  return hidden + Math.min(leaving, at(calmCycles(plan, costs), Math.min(...behind.map(({ fence }) => fence))));
}

/**
 * Inputs are read one after the other, so none is read ahead of one before it: each from a step on from which most of it passes before
 * the batch ends, of such steps where the least is transferred meanwhile, which would hold it up or be held up by it.
 */
function placeAhead(plan: NetworkPlan, plain: Allocation, costs: readonly StepCost[], memoryBytes: number): Allocation {
  const room = roomOf(costs);
  // Results that the host computes come in over the same threads, later in a batch.
  let earliest = plan.network.layers.findLastIndex(({ kind, host }) => kind === "input" && host !== null) + 1;
  let placed = plain;
  let passed = 0;
  for (const { direction, step, buffer } of boundaryBuffers(plan)) {
    const own = placed.buffers.find(({ name }) => name === buffer);
    if (direction !== "ahead" || own === undefined) continue;
    const cycles = at(costs, step).work.frameCycles;
    const full = fullSteps(placed.buffers, new Set([buffer]), costs.length, memoryBytes).lastIndexOf(true);
    const tries = [...costs.keys()]
      .slice(Math.max(own.lastStep + 1, full + 1, earliest))
      .map((fence) => ({ fence, ...passage(room, fence, passed, cycles) }))
      .sort((a, b) => b.hidden - a.hidden || a.transfers - b.transfers || a.fence - b.fence);
    const ranged = (fence: number, each: MappedBuffer) => (each === own ? { ...own, firstStep: fence } : each);
    const found = firstPlaced(tries, placed.buffers, ranged, memoryBytes);
    if (found === null) break;
    placed = found.allocation;
    earliest = found.fence;
    passed = found.end;
  }
  return placed;
}

/**
 * Outputs leave one after the other, so one that stays in its step would wait for those before it: the last ones are sent behind, as
 * many as pass while steps without transfers do other work. They all have one fence, the first by which most has passed.
 */
function placeBehind(
  plan: NetworkPlan,
  plain: Allocation,
  costs: readonly StepCost[],
  memoryBytes: number,
): Allocation {
  const calm = calmCycles(plan, costs);
  const buffers = new Map(plain.buffers.map((buffer) => [buffer.name, buffer]));
  const leaving = new Set<string>();
  let placed = plain;
  let [cycles, hidden, firstStep] = [0, 0, costs.length];
  for (const { direction, step, buffer } of boundaryBuffers(plan).toReversed()) {
    const own = buffers.get(buffer);
    if (direction !== "behind" || own === undefined) continue;
    const late = lateCycles(plan, step, costs);
    if (late === 0) continue;
    leaving.add(buffer);
    cycles += late;
    firstStep = Math.min(firstStep, own.firstStep);
    const full = fullSteps(plain.buffers, leaving, costs.length, memoryBytes).indexOf(true);
    const tries = [...costs.keys()]
      .slice(0, full < 0 ? firstStep : Math.min(firstStep, full))
      .map((fence) => ({ fence, hidden: Math.min(cycles, at(calm, fence)) }))
      .filter((each) => each.hidden > hidden)
      .sort((a, b) => b.hidden - a.hidden || a.fence - b.fence);
    const ranged = (fence: number, each: MappedBuffer) =>
      leaving.has(each.name) ? { ...each, lastStep: fence } : each;
    const found = firstPlaced(tries, plain.buffers, ranged, memoryBytes);
    if (found === null) break;
    placed = found.allocation;
    hidden = found.hidden;
  }
  return placed;
}

/** Cycles in which the rest of an output leaves that does not leave early. */
function lateCycles(plan: NetworkPlan, step: number, costs: readonly StepCost[]): number {
  return transferCycles(at(costs, step)) * (1 - earlyFraction(plan, at(plan.steps, step)));
}

/** By step: whether some buffers do not fit beside all others that are live there. */
function fullSteps(
  buffers: readonly MappedBuffer[],
  some: ReadonlySet<string>,
  stepCount: number,
  memoryBytes: number,
): boolean[] {
  const [own, others] = [buffers.filter(({ name }) => some.has(name)), buffers.filter(({ name }) => !some.has(name))];
  const room = memoryBytes - sum(own.map(({ bytes }) => roundUp(bytes, bufferAlignment)));
  return [...liveBytesByStep(others, stepCount)].map((bytes) => bytes > room);
}

/** The first of the fences with which all buffers fit, each live as a fence demands. */
function firstPlaced<T extends { readonly fence: number }>(
  tries: readonly T[],
  buffers: readonly MappedBuffer[],
  ranged: (fence: number, buffer: MappedBuffer) => MappedBuffer,
  memoryBytes: number,
): (T & { readonly allocation: Allocation }) | null {
  for (const each of tries.slice(0, fenceLimit)) {
    const allocation = allocate(buffers.map((buffer) => ranged(each.fence, buffer)));
    if (allocation.peakBytes <= memoryBytes) return { ...each, allocation };
  }
  return null;
}

/**
 * By step: cycles from the begin of a batch to the end of the step, up to the first step that sends something west. There outputs of the batch
 * before go first, on the links that they share, so it waits until all have left.
 */
function calmCycles(plan: NetworkPlan, costs: readonly StepCost[]): number[] {
  let [calm, isCalm] = [0, true];
  return costs.map((cost, step) => {
    isCalm &&= !sendsWest(plan, at(plan.steps, step), cost);
    // Inputs come in over the other direction of the links, ahead if they can.
    if (isCalm) calm += cost.cycles - cost.work.frameCycles;
    return calm;
  });
}

/** Whether a step has a value sent to a core west of where it lies; of movements, whether anything is sent. */
function sendsWest({ homes, target }: NetworkPlan, { layer, reads }: StepPlan, { transfers }: StepCost): boolean {
  if (transfers.every(({ cost }) => cost.networkCycles === 0)) return false;
  if (layer.movement !== null) return true;
  const { columns } = target.grid;
  return reads.some(({ mode, read, boxes, origins, layout }) => {
    const home = homes.get(read.value);
    if ((mode !== "copied" && mode !== "around") || home === undefined) return false;
    const transfers = transfersOf([identityPiece(read.type.shape)], home.spread, { boxes, origins, layout });
    return transfers.some(({ source, destinations }) =>
      destinations.some((destination) => source % columns > destination % columns),
    );
  });
}

/** Step by step, and at the end of the batch: cycles so far in which the activation network is free, and in which it is not. */
interface Room {
  readonly free: readonly number[];
  readonly taken: readonly number[];
}

function roomOf(costs: readonly StepCost[]): Room {
  const [free, taken] = [[0], [0]];
  for (const cost of costs) {
    const busy = transferCycles(cost);
    taken.push(at(taken, taken.length - 1) + busy);
    free.push(at(free, free.length - 1) + cost.cycles - busy);
  }
  return { free, taken };
}

/** How an input passes that is read ahead: until when, in free cycles; how much of it before the batch ends; what is transferred meanwhile. */
interface Passage {
  readonly end: number;
  readonly hidden: number;
  readonly transfers: number;
}

/** What is read ahead gives way to the transfers of the steps under way, so it passes while they do other work. */
function passage({ free, taken }: Room, fence: number, passed: number, cycles: number): Passage {
  const last = free.length - 1;
  const begin = Math.max(passed, at(free, fence));
  const end = begin + cycles;
  const done = free.findIndex((each, step) => step > fence && each >= end);
  const hidden = Math.max(0, Math.min(end, at(free, last)) - begin);
  return { end, hidden, transfers: at(taken, done < 0 ? last : done) - at(taken, fence) };
}
