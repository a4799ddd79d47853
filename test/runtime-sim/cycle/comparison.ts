import type { Program } from "../../../ir/program.ts";
import { type CycleRun, simulateCycles } from "../../../runtime-sim/cycle/simulate.ts";
import { simulateTiming } from "../../../runtime-sim/timing/simulate.ts";
import { type Trace, traceEvents } from "../../../runtime-sim/trace.ts";
import type { ChipTarget } from "../../../targets/target.ts";

/** How the event-driven simulator agrees with the cycle by cycle one on a run of a program. */
export interface Comparison {
  /** Cycles of the run by the slow machine. */
  readonly cycles: number;
  /** (event-driven − slow) ÷ slow, of the whole run and of the ends of all its steps: the one farthest from 0. */
  readonly difference: number;
  /** The earliest instruction whose start, end or last arrival differs; empty when there is none. */
  readonly firstDifference: string;
}

/** A simulator by events. */
export type EventSimulator = typeof simulateTiming;

/** Runs a program on both simulators and compares every instruction. */
export function compare(
  program: Program,
  target: ChipTarget,
  options: { readonly host: boolean; readonly batches?: number; readonly events?: EventSimulator },
): Comparison {
  const { host, batches = 1, events = simulateTiming } = options;
  const run = simulateCycles(program, target, { host, batches });
  const trace = events(program, target, { host, batches });
  const ends = run.stepEnds.flat();
  const found = stepEndsOf(trace);
  let difference = 0;
  for (const [index, end] of ends.entries()) {
    const each = ((found[index] ?? Number.POSITIVE_INFINITY) - end) / Math.max(1, end);
    if (Math.abs(each) > Math.abs(difference)) difference = each;
  }
  return { cycles: run.finish, difference, firstDifference: firstDifference(run, trace) };
}

/** Cycles of a run by the slow machine alone. */
export function slowCycles(program: Program, target: ChipTarget, host: boolean): number {
  return simulateCycles(program, target, { host, batches: 1 }).finish;
}

function stepEndsOf(trace: Trace): number[] {
  const ends = new Array<number>(trace.batchCount * trace.stepCount).fill(0);
  for (const { batch, place, end, settled } of traceEvents(trace)) {
    const index = batch * trace.stepCount + place.step;
    ends[index] = Math.max(ends[index] ?? 0, end, settled);
  }
  let last = 0;
  return ends.map((end) => {
    last = Math.max(last, end);
    return last;
  });
}

interface Entry {
  readonly what: string;
  readonly times: readonly [number, number, number];
}

/** Entries of each thread of each core in order. */
function byThread<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  entryOf: (item: T) => Entry,
): Map<string, Entry[]> {
  const result = new Map<string, Entry[]>();
  for (const item of items) {
    const key = keyOf(item);
    const list = result.get(key) ?? [];
    list.push(entryOf(item));
    result.set(key, list);
  }
  return result;
}

function firstDifference(run: CycleRun, trace: Trace): string {
  const slow = byThread(
    run.records,
    ({ core, thread }) => `(${core.row},${core.column}) ${thread}`,
    ({ issue, start, end, settled }) => ({ what: issue.instruction.kind, times: [start, end, settled] }),
  );
  const fast = byThread(
    traceEvents(trace),
    ({ row, column, thread }) => `(${row},${column}) ${thread}`,
    ({ place, start, end, settled }) => ({ what: place.instruction.kind, times: [start, end, settled] }),
  );
  let first = { time: Number.POSITIVE_INFINITY, text: "" };
  for (const key of new Set([...slow.keys(), ...fast.keys()])) {
    const [left, right] = [slow.get(key) ?? [], fast.get(key) ?? []];
    for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
      const [a, b] = [left[index], right[index]];
      if (a?.what === b?.what && a?.times.join() === b?.times.join()) continue;
      const time = Math.min(a?.times[0] ?? Number.POSITIVE_INFINITY, b?.times[0] ?? Number.POSITIVE_INFINITY);
      if (time < first.time) first = { time, text: `${key}: ${described(a)}, by events ${described(b)}` };
      break;
    }
  }
  return first.text;
}

function described(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing";
  const [start, end, settled] = entry.times;
  return `${entry.what} ${start}-${end}${settled > end ? `>${settled}` : ""}`;
}
