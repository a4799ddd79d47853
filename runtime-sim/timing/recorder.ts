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
    this.thread.set(from.thread.subarray(first, end), count);
    this.place.set(from.place.subarray(first, end), count);
    this.turn.set(from.turn.subarray(first, end), count);
    this.causeKind.set(from.causeKind.subarray(first, end), count);
    const shift = count - first;
    copyLater(this.start, from.start, first, end, shift, cycles);
    copyLater(this.end, from.end, first, end, shift, cycles);
    copyLater(this.settled, from.settled, first, end, shift, cycles);
    copyNumbers(this.batch, from.batch, first, end, shift, batches);
    copyNumbers(this.cause, from.cause, first, end, shift, shift);
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
    const batchEnds = lastTimes(this.settled, this.batch, count, options.batches);
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

/** Copies times of events, each so many cycles later, to the places `shift` behind. */
function copyLater(
  to: Float64Array,
  from: Float64Array,
  first: number,
  end: number,
  shift: number,
  cycles: number,
): void {
  for (let event = first; event < end; event += 1) to[event + shift] = (from[event] as number) + cycles;
}

/** Copies numbers of events, each so much greater unless it is negative, to the places `shift` behind. */
function copyNumbers(to: Int32Array, from: Int32Array, first: number, end: number, shift: number, more: number): void {
  for (let event = first; event < end; event += 1) {
    const number = from[event] as number;
    to[event + shift] = number < 0 ? number : number + more;
  }
}

/** The greatest time of each batch among so many events. */
function lastTimes(times: Float64Array, batch: Int32Array, count: number, batches: number): number[] {
  const last = new Array<number>(batches).fill(0);
  for (let event = 0; event < count; event += 1) {
    const time = times[event] as number;
    if (time > (last[batch[event] as number] as number)) last[batch[event] as number] = time;
  }
  return last;
}
