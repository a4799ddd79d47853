import * as layout from "../../kernels/timing-layout.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "../../kernels/wasm-module.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { EventColumns } from "../trace.ts";
import type { Code } from "./code.ts";

/** The tables of a simulation, as views of the memory that become stale when it grows. */
export interface EngineTables {
  readonly header: Int32Array;
  /** [threads × fields]. */
  readonly threads: Int32Array;
  /** [cores × tokens]. */
  readonly counters: Int32Array;
  /** By network and core: cycles for which its six resources were held. */
  readonly busyCycles: Float64Array;
  /** By network. */
  readonly byteHops: Float64Array;
  /** By thread: whether it had events in a simulation so far. */
  readonly active: Uint8Array;
  /** The state that was saved last, and those at the start and at the end of a stretch. */
  readonly state: Uint8Array;
  readonly startState: Uint8Array;
  readonly endState: Uint8Array;
  /** By thread, then by counter: whether a stretch touched it. */
  readonly touched: Uint8Array;
  /** [threads × (thread, delay)]. */
  readonly due: Float64Array;
}

/** What stretches did, one after the other. */
export interface Replay {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** By what they did so; null for several. */
  readonly touched: Uint8Array | null;
  /** When it is over, and the batch and the event that the state at the end is counted from. */
  readonly time: number;
  readonly batch: number;
  readonly event: number;
}

/** A field of a thread, by its place in the record. */
export function threadField(threads: Int32Array, thread: number, field: number): number {
  return threads[thread * layout.threadWords + field] as number;
}

type CodeColumn = (typeof codeTables)[number][0];

/** The columns of the code that the engine reads, and the tables that hold them. */
const codeTables = [
  ["kind", layout.kindTable],
  ["cycles", layout.cyclesTable],
  ["port", layout.portTable],
  ["resource", layout.resourceTable],
  ["token", layout.tokenTable],
  ["amount", layout.amountTable],
  ["arrivalPort", layout.arrivalPortTable],
  ["fields", layout.fieldsTable],
  ["rectangleRows", layout.rectangleRowsTable],
  ["rectangleColumns", layout.rectangleColumnsTable],
  ["includesSender", layout.includesSenderTable],
  ["local", layout.localTable],
  ["step", layout.stepTable],
  ["holdCycles", layout.holdCyclesTable],
  ["frameHoldCycles", layout.frameHoldCyclesTable],
  ["segmentStarts", layout.segmentStartsTable],
  ["segmentFirst", layout.segmentFirstTable],
  ["segmentEnd", layout.segmentEndTable],
] as const;

/** Runs the queues of a program in time, in WebAssembly (`kernels/wasm/timing/`): one simulation after the other. docs/timing.md. */
export class TimingEngine {
  readonly #code: Code;
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels: KernelExports;
  #tables: EngineTables | null = null;

  constructor(code: Code, target: ChipTarget, stepCount: number) {
    this.#code = code;
    this.#kernels = instantiateKernels(compileKernels(), this.#memory);
    const { rows, columns } = target.grid;
    const [operations, segments] = [code.kind.length, code.segmentFirst.length];
    this.#kernels.timingCode(rows, columns, operations, segments, code.tokenCount, stepCount);
    const { activation, partial, instruction, model } = target.networks;
    const { issueCycles, barrierCycles } = target.synchronization;
    this.#kernels.timingCosts(
      activation.hopCycles,
      partial.hopCycles,
      instruction.hopCycles,
      model.hopCycles,
      issueCycles,
      barrierCycles,
    );
    for (const [column, table] of codeTables) this.#write(code[column], table);
  }

  /** The tables as they are now. */
  get tables(): EngineTables {
    const { buffer } = this.#memory;
    if (this.#tables === null || this.#tables.header.buffer !== buffer) this.#tables = this.#view(buffer);
    return this.#tables;
  }

  get now(): number {
    return this.#kernels.timingNow();
  }

  /** Begins a simulation of so many batches. */
  begin(batches: number, host: boolean): void {
    this.#kernels.timingBegin(batches, Number(host));
    this.#tables = null;
    this.tables.counters.set(this.#code.initialCounters);
  }

  /** Goes on until one of `allDone`, `barrierPassed` and `messageStrayed`. */
  run(): number {
    return this.#kernels.timingRun();
  }

  /** Whether nothing is on its way and no unit held. */
  isIdle(): boolean {
    return this.#kernels.timingIsIdle() === 1;
  }

  /** Saves the state, batches and events counted back from these; false when a thread waits for other cores. */
  save(batch: number, event: number): boolean {
    return this.#kernels.timingSave(batch, event) === 1;
  }

  /** What the stretch that is observed has touched; the header then says of which batches. */
  touched(): Uint8Array {
    this.#kernels.timingMarkTouched();
    return this.tables.touched.slice();
  }

  /** Whether a stretch does the same from the state that was saved last as from another; notes where they differ. */
  compare(start: Uint8Array, touched: Uint8Array): boolean {
    this.tables.startState.set(start);
    this.tables.touched.set(touched);
    return this.#kernels.timingCompare() === 1;
  }

  /** Whether what was noted last matters to a stretch. */
  matters(touched: Uint8Array): boolean {
    this.tables.touched.set(touched);
    return this.#kernels.timingMatters() === 1;
  }

  /** Goes on to `time` as stretches do that lead from one state to another: one alone by all that it touched, several by all that does not differ. */
  replay({ start, end, touched, time, batch, event }: Replay): void {
    this.tables.startState.set(start);
    this.tables.endState.set(end);
    if (touched !== null) this.tables.touched.set(touched);
    this.#kernels.timingReplay(time, batch, event, Number(touched !== null));
  }

  /** Writes the threads in the calendar to `due`, and how many there are to the header. */
  listDue(): void {
    this.#kernels.timingListDue();
  }

  /** Enters a thread in the calendar. */
  schedule(thread: number, time: number): void {
    this.#kernels.timingSchedule(thread, time);
  }

  /** Empties the near part of the calendar and goes to another cycle. */
  jump(time: number): void {
    this.#kernels.timingJump(time);
  }

  /** Forgets the events so far; the next one has this number. */
  continueFrom(event: number): void {
    this.#kernels.timingContinue(event);
  }

  /** The last event of each step in each batch of `events`, and pairs of batch × operations + operation and how many are its. */
  survey(batchesBySteps: number): { readonly lastEvents: Int32Array; readonly executions: Int32Array } {
    this.#kernels.timingSurvey();
    const { header } = this.tables;
    const { buffer } = this.#memory;
    return {
      lastEvents: new Int32Array(buffer, header[layout.lastEventTable], batchesBySteps),
      executions: new Int32Array(
        buffer,
        header[layout.executionTable],
        2 * (header[layout.executionCount] as number),
      ).slice(),
    };
  }

  /** The events since these were last forgotten. */
  events(): EventColumns {
    const { header } = this.tables;
    const { buffer } = this.#memory;
    const length = (header[layout.eventCount] as number) - (header[layout.firstEvent] as number);
    const floats = (table: number): Float64Array => new Float64Array(buffer, header[table], length).slice();
    const words = (table: number): Int32Array => new Int32Array(buffer, header[table], length).slice();
    return {
      start: floats(layout.eventStartTable),
      end: floats(layout.eventEndTable),
      settled: floats(layout.eventSettledTable),
      thread: words(layout.eventThreadTable),
      place: words(layout.eventPlaceTable),
      batch: words(layout.eventBatchTable),
      turn: words(layout.eventTurnTable),
      cause: words(layout.eventCauseTable),
      causeKind: new Uint8Array(buffer, header[layout.eventCauseKindTable], length).slice(),
    };
  }

  #write(column: Code[CodeColumn], table: number): void {
    const { buffer } = this.#memory;
    const address = new Int32Array(buffer)[table] as number;
    const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
    new Uint8Array(buffer).set(bytes, address);
  }

  #view(buffer: ArrayBuffer): EngineTables {
    const header = new Int32Array(buffer, 0, layout.headerWords);
    const { coreCount, tokenCount } = this.#code;
    const threads = coreCount * layout.threadsPerCore;
    const words = (table: number, length: number): Int32Array =>
      new Int32Array(buffer, header[table] as number, length);
    const floats = (table: number, length: number): Float64Array =>
      new Float64Array(buffer, header[table] as number, length);
    const bytes = (table: number, length: number): Uint8Array =>
      new Uint8Array(buffer, header[table] as number, header[length] as number);
    return {
      header,
      threads: words(layout.threadTable, threads * layout.threadWords),
      counters: words(layout.counterTable, coreCount * tokenCount),
      busyCycles: floats(layout.busyTable, layout.networkCount * coreCount * layout.resourcesPerCore),
      byteHops: floats(layout.byteHopsTable, layout.networkCount),
      active: new Uint8Array(buffer, header[layout.activeTable], threads),
      state: bytes(layout.stateTable, layout.stateBytes),
      startState: bytes(layout.startStateTable, layout.stateBytes),
      endState: bytes(layout.endStateTable, layout.stateBytes),
      touched: bytes(layout.touchedTable, layout.markBytes),
      due: floats(layout.dueTable, 2 * threads),
    };
  }
}
