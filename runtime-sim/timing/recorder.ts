import * as layout from "../../kernels/timing-layout.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { NetworkTotals, Trace } from "../trace.ts";
import type { Code } from "./code.ts";
import type { TimingEngine } from "./engine.ts";
import { networkNumbers } from "./operation.ts";

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

  /** Takes over the events that stand in an engine's memory; all of them must be done. */
  take(engine: TimingEngine): void {
    const { header } = engine.tables;
    const first = header[layout.firstEvent] as number;
    const length = (header[layout.eventCount] as number) - first;
    this.start.set(engine.floats(layout.eventStartTable, length), first);
    this.end.set(engine.floats(layout.eventEndTable, length), first);
    this.settled.set(engine.floats(layout.eventSettledTable, length), first);
    this.thread.set(engine.words(layout.eventThreadTable, length), first);
    this.place.set(engine.words(layout.eventPlaceTable, length), first);
    this.batch.set(engine.words(layout.eventBatchTable, length), first);
    this.turn.set(engine.words(layout.eventTurnTable, length), first);
    this.cause.set(engine.words(layout.eventCauseTable, length), first);
    this.causeKind.set(engine.bytes(layout.eventCauseKindTable, length), first);
    this.count = first + length;
    engine.continueFrom(this.count);
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
  trace(code: Code, target: ChipTarget, stepCount: number, options: TimingOptions, engine: TimingEngine): Trace {
    const { count } = this;
    const { byteHops, busyCycles } = engine.tables;
    const size = busyCycles.length / layout.networkCount;
    const totals = (network: number): NetworkTotals => ({
      byteHops: byteHops[network] as number,
      busyCycles: busyCycles.slice(network * size, (network + 1) * size),
    });
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
        activation: totals(networkNumbers.activation),
        partial: totals(networkNumbers.partial),
        instruction: totals(networkNumbers.instruction),
      },
    };
  }
}

/** Enters numbers again from a place of a column on, each so much greater. */
function addTo<T extends Float64Array | Int32Array>(column: T, place: number, from: T, more: number): void {
  for (let index = 0; index < from.length; index += 1) column[place + index] = (from[index] as number) + more;
}
