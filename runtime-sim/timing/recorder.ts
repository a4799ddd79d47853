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

  constructor(code: Code, stepCount: number, options: TimingOptions) {
    this.#code = code;
    this.#stepCount = stepCount;
    this.#options = options;
    const batches = Array.from({ length: options.batches });
    this.#lastEvents = batches.map(() => new Int32Array(stepCount).fill(-1));
    this.#lastSettled = batches.map(() => new Float64Array(stepCount).fill(-1));
  }

  /** Takes over the events that stand in an engine's memory; all of them must be done. */
  take(engine: TimingEngine): Recording {
    const columns = engine.events();
    const lastEvents = lastEventsOf(columns, this.#code.step, this.#stepCount, this.#options.batches);
    const recording = { first: this.count, columns, lastEvents };
    this.repeat(recording, 0, 0);
    engine.continueFrom(this.count);
    return recording;
  }

  /** Enters the events of a recording, so many cycles and batches later. */
  repeat({ first, columns, lastEvents }: Recording, cycles: number, batches: number): void {
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
  }

  /** The trace of what has been entered. */
  trace(target: ChipTarget, engine: TimingEngine): Trace {
    const { byteHops, busyCycles } = engine.tables;
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

/** The last events of columns, of which steps are by place. */
function lastEventsOf(
  { settled, batch, place }: EventColumns,
  steps: Int32Array,
  stepCount: number,
  batchCount: number,
): LastEvent[] {
  const rows = new Int32Array(batchCount * stepCount).fill(-1);
  for (let row = 0; row < settled.length; row += 1) {
    const key = (batch[row] as number) * stepCount + (steps[place[row] as number] as number);
    const last = rows[key] as number;
    if (last < 0 || (settled[row] as number) > (settled[last] as number)) rows[key] = row;
  }
  const lastEvents: LastEvent[] = [];
  rows.forEach((row, key) => {
    if (row < 0) return;
    lastEvents.push({ batch: Math.floor(key / stepCount), step: key % stepCount, settled: at(settled, row), row });
  });
  return lastEvents;
}
