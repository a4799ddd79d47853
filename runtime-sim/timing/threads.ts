import { threadNames } from "../../ir/program.ts";
import type { Code } from "./code.ts";
import { cause } from "./recorder.ts";

/** Threads of a core. */
export const threadsPerCore = threadNames.length;

/** How a thread stands: it has an entry in the calendar, or waits for a token, or for other cores, or is done. */
export const standings = { scheduled: 0, waiting: 1, collective: 2, finished: 3 } as const;

/** What `save` holds of a thread, by position. */
export const threadFields = {
  standing: 0,
  operation: 1,
  segment: 2,
  batch: 3,
  turn: 4,
  turnsLeft: 5,
  sequence: 6,
  cause: 7,
  causeKind: 8,
} as const;

/** How many numbers `save` holds of a thread. */
export const fieldsPerThread = Object.keys(threadFields).length;

/** Where every thread (core × 8 + thread) stands in its queue, and what released it last. */
export class Threads {
  readonly count: number;
  /** The operation that each thread has come to. */
  readonly operation: Int32Array;
  readonly batch: Int32Array;
  readonly turn: Int32Array;
  readonly turnsLeft: Int32Array;
  /** Packets that each thread has sent in the step. */
  readonly sequence: Int32Array;
  readonly standing: Uint8Array;
  /** What released each thread last: an event and a cause kind. */
  readonly cause: Int32Array;
  readonly causeKind: Uint8Array;
  /** The event that each thread is in. */
  readonly event: Int32Array;
  readonly #code: Code;
  readonly #batchCount: number;
  readonly #segment: Int32Array;
  readonly #operationEnd: Int32Array;

  constructor(code: Code, batchCount: number) {
    this.count = code.coreCount * threadsPerCore;
    this.operation = new Int32Array(this.count);
    this.batch = new Int32Array(this.count);
    this.turn = new Int32Array(this.count);
    this.turnsLeft = new Int32Array(this.count);
    this.sequence = new Int32Array(this.count);
    this.standing = new Uint8Array(this.count).fill(standings.finished);
    this.cause = new Int32Array(this.count).fill(-1);
    this.causeKind = new Uint8Array(this.count).fill(cause.start);
    this.event = new Int32Array(this.count);
    this.#code = code;
    this.#batchCount = batchCount;
    this.#segment = new Int32Array(this.count);
    this.#operationEnd = new Int32Array(this.count);
    for (let thread = 0; thread < this.count; thread += 1) {
      const first = code.segmentStarts[thread] as number;
      if (first === (code.segmentStarts[thread + 1] as number)) continue;
      this.standing[thread] = standings.scheduled;
      this.#enter(thread, first);
    }
  }

  /** How many cores have queues. */
  participantCount(): number {
    let participants = 0;
    for (let thread = 0; thread < this.count; thread += threadsPerCore) {
      const first = this.#code.segmentStarts[thread] as number;
      if (first < (this.#code.segmentStarts[thread + threadsPerCore] as number)) participants += 1;
    }
    return participants;
  }

  /** The threads that have an entry in the calendar, or will begin. */
  scheduled(): number[] {
    return [...this.standing.keys()].filter((thread) => this.standing[thread] === standings.scheduled);
  }

  /** The number of the packet that a thread sends now, among those of its step. */
  nextSequence(thread: number): number {
    const sequence = this.sequence[thread] as number;
    this.sequence[thread] = sequence + 1;
    return sequence;
  }

  /** Moves a thread that stands at the end of its queue in a step to the next step or batch; false when it is done. */
  settle(thread: number): boolean {
    if ((this.operation[thread] as number) < (this.#operationEnd[thread] as number)) return true;
    const { segmentStarts } = this.#code;
    const next = (this.#segment[thread] as number) + 1;
    if (next < (segmentStarts[thread + 1] as number)) {
      this.#enter(thread, next);
      return true;
    }
    const batch = (this.batch[thread] as number) + 1;
    this.batch[thread] = batch;
    if (batch < this.#batchCount) {
      this.#enter(thread, segmentStarts[thread] as number);
      return true;
    }
    this.standing[thread] = standings.finished;
    return false;
  }

  /** Comes to the next operation. */
  step(thread: number): void {
    this.operation[thread] = (this.operation[thread] as number) + 1;
  }

  /** States what released a thread. */
  release(thread: number, event: number, kind: number): void {
    this.cause[thread] = event;
    this.causeKind[thread] = kind;
  }

  /** At the start of a loop of `turns` turns. */
  beginLoop(thread: number, turns: number): void {
    this.turn[thread] = 0;
    this.turnsLeft[thread] = turns;
  }

  /** At the end of a turn: whether another follows. */
  nextTurn(thread: number): boolean {
    const left = (this.turnsLeft[thread] as number) - 1;
    this.turnsLeft[thread] = left;
    this.turn[thread] = left > 0 ? (this.turn[thread] as number) + 1 : 0;
    return left > 0;
  }

  /**
   * All that decides how threads go on, [threads × fields]: batches counted from `batch`, causes back from `event`. Null
   * when one waits for other cores.
   */
  save(batch: number, event: number): Int32Array | null {
    const states = new Int32Array(this.count * fieldsPerThread);
    for (let thread = 0, at = 0; thread < this.count; thread += 1, at += fieldsPerThread) {
      const standing = this.standing[thread] as number;
      if (standing === standings.collective) return null;
      states[at] = standing;
      if (standing === standings.finished) continue;
      states[at + threadFields.operation] = this.operation[thread] as number;
      states[at + threadFields.segment] = this.#segment[thread] as number;
      states[at + threadFields.batch] = (this.batch[thread] as number) - batch;
      states[at + threadFields.turn] = this.turn[thread] as number;
      states[at + threadFields.turnsLeft] = this.turnsLeft[thread] as number;
      states[at + threadFields.sequence] = this.sequence[thread] as number;
      // What a thread waits for will state anew what released it.
      if (standing === standings.waiting) continue;
      const cause = this.cause[thread] as number;
      states[at + threadFields.cause] = cause < 0 ? 0 : event - cause;
      states[at + threadFields.causeKind] = this.causeKind[thread] as number;
    }
    return states;
  }

  /** Puts a thread where `states` has it; one that stands in a batch after the last is done. */
  restore(thread: number, states: Int32Array, batch: number, event: number): void {
    const at = thread * fieldsPerThread;
    const standing = states[at] as number;
    const ownBatch = batch + (states[at + threadFields.batch] as number);
    if (standing === standings.finished || ownBatch >= this.#batchCount) {
      this.standing[thread] = standings.finished;
      this.batch[thread] = this.#batchCount;
      return;
    }
    this.#enter(thread, states[at + threadFields.segment] as number);
    this.standing[thread] = standing;
    this.batch[thread] = ownBatch;
    this.operation[thread] = states[at + threadFields.operation] as number;
    this.turn[thread] = states[at + threadFields.turn] as number;
    this.turnsLeft[thread] = states[at + threadFields.turnsLeft] as number;
    this.sequence[thread] = states[at + threadFields.sequence] as number;
    const cause = states[at + threadFields.cause] as number;
    this.release(thread, cause === 0 ? -1 : event - cause, states[at + threadFields.causeKind] as number);
  }

  /** The last batch of which a thread has done something: not that at whose first instruction it waits. */
  lastBatch(thread: number): number {
    const first = this.#code.segmentStarts[thread] as number;
    const hasOnlyCome =
      this.standing[thread] === standings.waiting &&
      this.#segment[thread] === first &&
      this.operation[thread] === this.#code.segmentFirst[first];
    return (this.batch[thread] as number) - Number(hasOnlyCome);
  }

  #enter(thread: number, segment: number): void {
    this.#segment[thread] = segment;
    this.operation[thread] = this.#code.segmentFirst[segment] as number;
    this.#operationEnd[thread] = this.#code.segmentEnd[segment] as number;
    this.sequence[thread] = 0;
  }
}
