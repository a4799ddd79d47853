import type { CauseKind } from "../trace.ts";
import { causeKinds } from "../trace.ts";

/** Numbers of the cause kinds. */
export const cause = Object.fromEntries(causeKinds.map((kind, index) => [kind, index])) as Readonly<
  Record<CauseKind, number>
>;

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

  /** Enters an event that starts at `start`; returns its index. */
  begin(start: number, thread: number, place: number, batch: number, turn: number): number {
    const event = this.count;
    this.count += 1;
    this.start[event] = start;
    this.thread[event] = thread;
    this.place[event] = place;
    this.batch[event] = batch;
    this.turn[event] = turn;
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
}
