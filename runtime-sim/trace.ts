import { at } from "../base/math.ts";
import type { SimpleInstruction } from "../ir/instruction.ts";
import type { ThreadName } from "../ir/program.ts";
import { threadNames } from "../ir/program.ts";

/**
 * What released an event. start: nothing, it stands first in its queue. previous: the instruction before it in its
 * thread. signal: a token that another thread of the core raised after `cause` had completed. arrival: a token that a
 * message of `cause` raised. collective: the last core to reach the same barrier or weights.stream. unit: the
 * instruction that held the unit or the host link.
 */
export const causeKinds = ["start", "previous", "signal", "arrival", "collective", "unit"] as const;

/** What released an event. */
export type CauseKind = (typeof causeKinds)[number];

/** A place in a program: an instruction of a thread of a class of a step. */
export interface InstructionPlace {
  readonly instruction: SimpleInstruction;
  readonly step: number;
  readonly classIndex: number;
  readonly thread: ThreadName;
}

/** What a network carried in all batches together. */
export interface NetworkTotals {
  /** Sum over packets of bytes × links. */
  readonly byteHops: number;
  /** Cycles for which each resource was held, [cores × 6]: the links east, west, north, south, the inject and the eject port. */
  readonly busyCycles: Float64Array;
}

/**
 * What happened when: the only output of the timing executor. Events are instructions that take part in time, ordered
 * by start; `wait`, local `signal` and `loop` are none. Cores are numbered row-major with the io core of a row first:
 * row × (columns + 1) + column + 1. All times are cycles. Arrays have one entry an event.
 */
export interface Trace {
  readonly kind: "trace";
  readonly rows: number;
  readonly columns: number;
  readonly host: boolean;
  readonly batchCount: number;
  readonly stepCount: number;
  /** Cycle at which each batch has ended: all its instructions have completed and all its messages have arrived. */
  readonly batchEnds: readonly number[];
  readonly places: readonly InstructionPlace[];
  readonly eventCount: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** When the last message of the event arrived; its end when it sends none. */
  readonly settled: Float64Array;
  /** Core × 8 + thread. */
  readonly thread: Int32Array;
  /** Index into `places`. */
  readonly place: Int32Array;
  readonly batch: Int32Array;
  /** Turn of the enclosing loop; 0 outside loops. */
  readonly turn: Int32Array;
  /** Event that released this one; −1 for none. */
  readonly cause: Int32Array;
  /** Index into `causeKinds`. */
  readonly causeKind: Uint8Array;
  readonly networks: Readonly<Record<"partial" | "activation" | "instruction", NetworkTotals>>;
}

/** One event of a trace as a plain value. */
export interface TraceEvent {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly settled: number;
  readonly row: number;
  readonly column: number;
  readonly thread: ThreadName;
  readonly batch: number;
  readonly turn: number;
  readonly place: InstructionPlace;
  readonly cause: { readonly event: number; readonly kind: CauseKind };
}

/** The place in the grid of a core's number; column −1 for io cores. */
export function coreOf(trace: Pick<Trace, "columns">, core: number): { readonly row: number; readonly column: number } {
  const width = trace.columns + 1;
  return { row: Math.floor(core / width), column: (core % width) - 1 };
}

/** The first event that starts after a batch has ended: the events of that batch stand before it. */
export function eventsUntil(trace: Trace, batch: number): number {
  const batchEnd = at(trace.batchEnds, batch);
  let [low, high] = [0, trace.eventCount];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(trace.start, middle) > batchEnd) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Event `index` of a trace; RangeError when there is none. */
export function traceEvent(trace: Trace, index: number): TraceEvent {
  const thread = at(trace.thread, index);
  return {
    index,
    start: at(trace.start, index),
    end: at(trace.end, index),
    settled: at(trace.settled, index),
    ...coreOf(trace, thread >> 3),
    thread: at(threadNames, thread & 7),
    batch: at(trace.batch, index),
    turn: at(trace.turn, index),
    place: at(trace.places, at(trace.place, index)),
    cause: { event: at(trace.cause, index), kind: at(causeKinds, at(trace.causeKind, index)) },
  };
}

/** All events of a trace in order of start. */
export function* traceEvents(trace: Trace): Generator<TraceEvent> {
  for (let index = 0; index < trace.eventCount; index += 1) yield traceEvent(trace, index);
}
