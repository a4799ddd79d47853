import { at } from "../../base/math.ts";
import * as layout from "../../kernels/timing-layout.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { EventColumns, NetworkTotals, Trace, TracePiece } from "../trace.ts";
import type { Code } from "./code.ts";
import type { TimingEngine } from "./engine.ts";
import { networkNumbers } from "./operation.ts";

/** What the timing executor runs under. */
export interface TimingOptions {
  /** Whether host instructions take the time of the host link; otherwise they take none. */
  readonly host: boolean;
  readonly batches: number;
}

/** Of the events of a step in a batch in a recording: the one that settled last, of several the first, by its place among them. */
interface LastEvent {
  readonly batch: number;
  readonly step: number;
  readonly settled: number;
  readonly row: number;
}

/** The events that were simulated between two pauses. */
export interface Recording {
  /** The number of the first one in its trace. */
  readonly first: number;
  readonly columns: EventColumns;
  readonly lastEvents: readonly LastEvent[];
  /** Pairs of batch × places + place and of how many events are its. */
  readonly executions: Int32Array;
}

/** A trace while it is being written. */
export class Recorder {
  /** Events so far. */
  count = 0;
  readonly #code: Code;
  readonly #stepCount: number;
  readonly #options: TimingOptions;
  readonly #pieces: TracePiece[] = [];
  /** By batch, by step. */
  readonly #lastEvents: readonly Int32Array[];
  readonly #lastSettled: readonly Float64Array[];
  /** By place. */
  readonly #executions: Int32Array;

  constructor(code: Code, stepCount: number, options: TimingOptions) {
    this.#code = code;
    this.#stepCount = stepCount;
    this.#options = options;
    const batches = Array.from({ length: options.batches });
    this.#lastEvents = batches.map(() => new Int32Array(stepCount).fill(-1));
    this.#lastSettled = batches.map(() => new Float64Array(stepCount).fill(-1));
    this.#executions = new Int32Array(code.places.length);
  }

  /** Takes over the events that stand in an engine's memory; all of them must be done. */
  take(engine: TimingEngine): Recording {
    const columns = engine.events();
    const stepCount = this.#stepCount;
    const survey = engine.survey(stepCount * this.#options.batches);
    const lastEvents: LastEvent[] = [];
    for (let key = 0; key < survey.lastEvents.length; key += 1) {
      const row = survey.lastEvents[key] as number;
      if (row < 0) continue;
      const settled = at(columns.settled, row);
      lastEvents.push({ batch: Math.floor(key / stepCount), step: key % stepCount, settled, row });
    }
    const recording = { first: this.count, columns, lastEvents, executions: survey.executions };
    this.repeat(recording, 0, 0);
    engine.continueFrom(this.count);
    return recording;
  }

  /** Enters the events of a recording, so many cycles and batches later. */
  repeat({ first, columns, lastEvents, executions }: Recording, cycles: number, batches: number): void {
    const { count } = this;
    if (columns.start.length === 0) return;
    this.#pieces.push({ columns, first: count, cycles, batches, events: count - first });
    for (const { batch, step, settled, row } of lastEvents) {
      const times = at(this.#lastSettled, batch + batches);
      if (settled + cycles <= at(times, step)) continue;
      times[step] = settled + cycles;
      at(this.#lastEvents, batch + batches)[step] = count + row;
    }
    this.count = count + columns.start.length;
    // In later batches than those of the recording none is of the first.
    if (batches > 0) return;
    const own = this.#executions;
    for (let pair = 0; pair < executions.length; pair += 2) {
      const place = (executions[pair] as number) + batches * own.length;
      if (place >= 0 && place < own.length) own[place] = (own[place] as number) + (executions[pair + 1] as number);
    }
  }

  /** The trace of what has been entered. */
  trace(target: ChipTarget, engine: TimingEngine): Trace {
    const { byteHops, busyCycles, active } = engine.tables;
    const size = busyCycles.length / layout.networkCount;
    const totals = (network: number): NetworkTotals => ({
      byteHops: byteHops[network] as number,
      busyCycles: busyCycles.slice(network * size, (network + 1) * size),
    });
    let batchEnd = 0;
    return {
      kind: "trace",
      rows: target.grid.rows,
      columns: target.grid.columns,
      host: this.#options.host,
      batchCount: this.#options.batches,
      stepCount: this.#stepCount,
      batchEnds: this.#lastSettled.map((times) => {
        batchEnd = times.reduce((last, time) => Math.max(last, time), batchEnd);
        return batchEnd;
      }),
      lastEvents: this.#lastEvents,
      executions: this.#executions,
      // What repeats another simulation has the same threads: in each batch all do all of their instructions.
      hasEvents: active.slice(),
      places: this.#code.places,
      eventCount: this.count,
      pieces: this.#pieces,
      networks: {
        activation: totals(networkNumbers.activation),
        partial: totals(networkNumbers.partial),
        instruction: totals(networkNumbers.instruction),
      },
    };
  }
}
