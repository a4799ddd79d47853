import { at, roundUp } from "../../base/math.ts";
import type { MappedBuffer } from "../../ir/mapping.ts";
import { inputBuffers, readsAhead } from "../read-ahead.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { type Allocation, allocate, bufferAlignment, liveBytesByStep } from "./allocate.ts";
import type { StepCost } from "./steps.ts";

/** Steps at which reading an input ahead is tried to begin. */
const beginLimit = 6;

/**
 * Places buffers so that the inputs of the next batch are read while this one is computed, each behind its last reader
 * where it fits beside the other buffers: where most of it passes before the batch ends, of such steps where the least is transferred
 * meanwhile. Inputs are read one after the other, so none is read ahead of one before it. `plain` is the placement
 * with nothing read ahead, which is given back where nothing fits.
 */
export function placeAhead(
  plan: NetworkPlan,
  plain: Allocation,
  costs: readonly StepCost[],
  memoryBytes: number,
): Allocation {
  const { layers } = plan.network;
  const room = roomOf(costs);
  // Results that the host computes come in over the same threads, later in a batch.
  let earliest = layers.findLastIndex(({ kind, host }) => kind === "input" && host !== null) + 1;
  let placed = plain;
  let passed = 0;
  for (const [step, name] of inputBuffers(plan).entries()) {
    if (name === null) continue;
    const cycles = at(costs, step).work.frameCycles;
    const next = placedFrom(placed.buffers, name, (fromStep) =>
      fromStep < earliest ? null : passage(room, fromStep, passed, cycles),
    );
    if (next === null) break;
    placed = next.allocation;
    earliest = next.fromStep;
    passed = passage(room, earliest, passed, cycles).end;
  }
  return placed;

  function placedFrom(
    buffers: readonly MappedBuffer[],
    name: string,
    passageFrom: (fromStep: number) => Passage | null,
  ): { readonly allocation: Allocation; readonly fromStep: number } | null {
    const own = buffers.find((buffer) => buffer.name === name);
    if (own === undefined) return null;
    const others = memoryBytes - roundUp(own.bytes, bufferAlignment);
    const full = liveBytesByStep(buffers, layers.length).findLastIndex((bytes) => bytes > others);
    const begins = layers.flatMap((_, fromStep) => {
      const found = fromStep > Math.max(own.lastStep, full) ? passageFrom(fromStep) : null;
      return found === null ? [] : [{ fromStep, ...found }];
    });
    begins.sort((a, b) => b.hidden - a.hidden || a.transfers - b.transfers || a.fromStep - b.fromStep);
    for (const { fromStep } of begins.slice(0, beginLimit)) {
      const allocation = allocate(
        buffers.map((buffer) => (buffer === own ? { ...buffer, firstStep: fromStep } : buffer)),
      );
      if (allocation.peakBytes <= memoryBytes) return { allocation, fromStep };
    }
    return null;
  }
}

/** Predicted cycles of a batch's inputs that pass while the batch before is computed. */
export function hiddenCycles(plan: NetworkPlan, buffers: readonly MappedBuffer[], costs: readonly StepCost[]): number {
  const room = roomOf(costs);
  let [passed, hidden] = [0, 0];
  for (const { step, fromStep } of readsAhead(plan, buffers)) {
    const found = passage(room, fromStep, passed, at(costs, step).work.frameCycles);
    passed = found.end;
    hidden += found.hidden;
  }
  return hidden;
}

/** Step by step, and at the end of the batch: cycles so far in which the activation network is free, and in which it is not. */
interface Room {
  readonly free: readonly number[];
  readonly taken: readonly number[];
}

function roomOf(costs: readonly StepCost[]): Room {
  const [free, taken] = [[0], [0]];
  for (const { cycles, transfers } of costs) {
    const busy = transfers.reduce((total, { cost }) => total + cost.cycles, 0);
    taken.push(at(taken, taken.length - 1) + busy);
    free.push(at(free, free.length - 1) + cycles - busy);
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
function passage({ free, taken }: Room, fromStep: number, passed: number, cycles: number): Passage {
  const last = free.length - 1;
  const begin = Math.max(passed, at(free, fromStep));
  const end = begin + cycles;
  const done = free.findIndex((each, step) => step > fromStep && each >= end);
  const hidden = Math.max(0, Math.min(end, at(free, last)) - begin);
  return { end, hidden, transfers: at(taken, done < 0 ? last : done) - at(taken, fromStep) };
}
