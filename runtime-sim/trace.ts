import { at } from "../base/math.ts";
import type { SimpleInstruction } from "../ir/instruction.ts";
import type { ThreadName } from "../ir/program.ts";
import { threadNames } from "../ir/program.ts";
import type { Work } from "./timing/work.ts";

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
  /** What one execution does. */
  readonly work: Work;
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

/** Events that stood in a row when they were simulated: columns of one entry an event. All times are cycles. */
export interface EventColumns {
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
}

/** Events that stand in a row in a trace: those of columns, which other pieces may share, with greater numbers. */
export interface TracePiece {
  readonly columns: EventColumns;
  /** The number of the first of the events. */
  readonly first: number;
  /** What is added to times, to batches and to causes that are not −1. */
  readonly cycles: number;
  readonly batches: number;
  readonly events: number;
}

/**
 * What happened when: the only output of the timing executor. Events are instructions that take part in time, ordered
 * by start; `wait`, local `signal` and `loop` are none. Cores are numbered row-major with the io core of a row first:
 * row × (columns + 1) + column + 1. Events that repeat earlier ones are held once.
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
  /** By batch, by step: the event that settled last, of several the first; −1 for none. */
  readonly lastEvents: readonly Int32Array[];
  readonly places: readonly InstructionPlace[];
  /** By place: how often it was executed in the first batch. */
  readonly executions: Int32Array;
  /** By thread: 1 for one that has events. */
  readonly hasEvents: Uint8Array;
  readonly eventCount: number;
  /** All events, in order. */
  readonly pieces: readonly TracePiece[];
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

/** Reads events of a trace one by one: quick where the next one stands near. RangeError for one that is none. */
export class TraceReader {
  readonly #trace: Trace;
  #piece: TracePiece | null = null;
  /** Where the event stands in the columns of its piece. */
  #row = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  start(event: number): number {
    const { columns, cycles } = this.#seek(event);
    return at(columns.start, this.#row) + cycles;
  }

  end(event: number): number {
    const { columns, cycles } = this.#seek(event);
    return at(columns.end, this.#row) + cycles;
  }

  settled(event: number): number {
    const { columns, cycles } = this.#seek(event);
    return at(columns.settled, this.#row) + cycles;
  }

  /** Index into the places of the trace. */
  place(event: number): number {
    return at(this.#seek(event).columns.place, this.#row);
  }

  cause(event: number): number {
    const { columns, events } = this.#seek(event);
    const cause = at(columns.cause, this.#row);
    return cause < 0 ? cause : cause + events;
  }

  causeKind(event: number): CauseKind {
    return at(causeKinds, at(this.#seek(event).columns.causeKind, this.#row));
  }

  /** All of an event. */
  event(event: number): TraceEvent {
    const { columns, batches } = this.#seek(event);
    const thread = at(columns.thread, this.#row);
    return {
      index: event,
      start: this.start(event),
      end: this.end(event),
      settled: this.settled(event),
      ...coreOf(this.#trace, thread >> 3),
      thread: at(threadNames, thread & 7),
      batch: at(columns.batch, this.#row) + batches,
      turn: at(columns.turn, this.#row),
      place: at(this.#trace.places, this.place(event)),
      cause: { event: this.cause(event), kind: this.causeKind(event) },
    };
  }

  #seek(event: number): TracePiece {
    let piece = this.#piece;
    if (piece === null || event < piece.first || event >= piece.first + piece.columns.start.length) {
      piece = pieceOf(this.#trace, event);
      this.#piece = piece;
    }
    this.#row = event - piece.first;
    return piece;
  }
}

/** The piece that holds an event; RangeError when there is none. */
function pieceOf({ pieces, eventCount }: Trace, event: number): TracePiece {
  let [low, high] = [0, event < 0 || event >= eventCount ? -1 : pieces.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(pieces, middle).first > event) high = middle - 1;
    else low = middle;
  }
  return at(pieces, high);
}

/** The first event that starts after a batch has ended: the events of that batch stand before it. */
export function eventsUntil(trace: Trace, batch: number): number {
  const reader = new TraceReader(trace);
  const batchEnd = at(trace.batchEnds, batch);
  let [low, high] = [0, trace.eventCount];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reader.start(middle) > batchEnd) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Event `index` of a trace; RangeError when there is none. */
export function traceEvent(trace: Trace, index: number): TraceEvent {
  return new TraceReader(trace).event(index);
}

/** All events of a trace in order of start. */
export function* traceEvents(trace: Trace): Generator<TraceEvent> {
  const reader = new TraceReader(trace);
  for (let index = 0; index < trace.eventCount; index += 1) yield reader.event(index);
}
