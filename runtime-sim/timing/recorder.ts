import type { ChipTarget } from "../../targets/target.ts";
import { type CauseKind, causeKinds, type Trace } from "../trace.ts";
import type { Code } from "./code.ts";
import type { Networks } from "./networks.ts";
import { networkNumbers } from "./operation.ts";

/** Numbers of the cause kinds. */
export const cause = Object.fromEntries(causeKinds.map((kind, index) => [kind, index])) as Readonly<
  Record<CauseKind, number>
>;

/** What the timing executor runs under. */
export interface TimingOptions {
  /** Whether host instructions take the time of the host link; otherwise they take none. */
  readonly host: boolean;
  readonly batches: number;
}

/** The columns of a trace while it is being written. */
export class Recorder {
  count = 0;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly settled: Float64Array;
  readonly thread: Int32Array;
  readonly place: Int32Array;
  readonly batch: Int32Array;
  readonly turn: Int32Array;
  readonly cause: Int32Array;
  readonly causeKind: Uint8Array;

  constructor(capacity: number) {
    this.start = new Float64Array(capacity);
    this.end = new Float64Array(capacity);
    this.settled = new Float64Array(capacity);
    this.thread = new Int32Array(capacity);
    this.place = new Int32Array(capacity);
    this.batch = new Int32Array(capacity);
    this.turn = new Int32Array(capacity);
    this.cause = new Int32Array(capacity);
    this.causeKind = new Uint8Array(capacity);
  }

  /** Enters an event that starts at `start`, of the instruction that a thread has come to; returns its index. */
  begin(start: number, thread: number, threads: Readonly<Record<"operation" | "batch" | "turn", Int32Array>>): number {
    const event = this.count;
    this.count += 1;
    this.start[event] = start;
    this.thread[event] = thread;
    this.place[event] = threads.operation[thread] as number;
    this.batch[event] = threads.batch[thread] as number;
    this.turn[event] = threads.turn[thread] as number;
    return event;
  }

  /** States what released an event. */
  release(event: number, by: number, kind: number): void {
    this.cause[event] = by;
    this.causeKind[event] = kind;
  }

  /** States when an event was done. */
  complete(event: number, end: number): void {
    this.end[event] = end;
    if (end > (this.settled[event] as number)) this.settled[event] = end;
  }

  /** Enters events again that a recorder holds, so many cycles and batches later. */
  copy(from: Recorder, first: number, end: number, cycles: number, batches: number): void {
    const { count } = this;
    for (const column of ["thread", "place", "turn", "causeKind"] as const) {
      this[column].set(from[column].subarray(first, end), count);
    }
    for (const column of ["start", "end", "settled"] as const) {
      addTo(this[column], count, from[column].subarray(first, end), cycles);
    }
    addTo(this.batch, count, from.batch.subarray(first, end), batches);
    const shift = count - first;
    for (let event = first; event < end; event += 1) {
      const by = from.cause[event] as number;
      this.cause[event + shift] = by < 0 ? by : by + shift;
    }
    this.count = end + shift;
  }

  /** The trace of what has been entered. */
  trace(code: Code, target: ChipTarget, stepCount: number, options: TimingOptions, networks: Networks): Trace {
    const { count } = this;
    const batchEnds = new Array<number>(options.batches).fill(0);
    for (let event = 0; event < count; event += 1) {
      const batch = this.batch[event] as number;
      batchEnds[batch] = Math.max(batchEnds[batch] as number, this.settled[event] as number);
    }
    for (let batch = 1; batch < options.batches; batch += 1) {
      batchEnds[batch] = Math.max(batchEnds[batch] as number, batchEnds[batch - 1] as number);
    }
    return {
      kind: "trace",
      rows: target.grid.rows,
      columns: target.grid.columns,
      host: options.host,
      batchCount: options.batches,
      stepCount,
      batchEnds,
      places: code.places,
      eventCount: count,
      start: this.start.subarray(0, count),
      end: this.end.subarray(0, count),
      settled: this.settled.subarray(0, count),
      thread: this.thread.subarray(0, count),
      place: this.place.subarray(0, count),
      batch: this.batch.subarray(0, count),
      turn: this.turn.subarray(0, count),
      cause: this.cause.subarray(0, count),
      causeKind: this.causeKind.subarray(0, count),
      networks: {
        activation: networks.totals(networkNumbers.activation),
        partial: networks.totals(networkNumbers.partial),
        instruction: networks.totals(networkNumbers.instruction),
      },
    };
  }
}

/** Enters numbers again from a place of a column on, each so much greater. */
function addTo<T extends Float64Array | Int32Array>(column: T, place: number, from: T, more: number): void {
  for (let index = 0; index < from.length; index += 1) column[place + index] = (from[index] as number) + more;
}
