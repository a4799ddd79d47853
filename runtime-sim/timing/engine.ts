import { problem } from "../../base/errors.ts";
import type { Program } from "../../ir/program.ts";
import { threadNames } from "../../ir/program.ts";
import { linkCycles } from "../../targets/cost.ts";
import type { ChipTarget, Network } from "../../targets/target.ts";
import { coreOf, type Trace } from "../trace.ts";
import { Calendar } from "./calendar.ts";
import { type Code, coreNumber } from "./code.ts";
import { type Message, type NetworkClient, Networks } from "./networks.ts";
import { networkNumbers, operationKinds } from "./operation.ts";
import { cause, Recorder } from "./recorder.ts";

/** Threads of a core. */
const threadCount = threadNames.length;

/** Sends of one thread in one step are told apart below this number in a packet's priority. */
const sequenceLimit = 2 ** 24;

/** How a thread stands: it has an entry in the calendar, or waits for a token, or for other cores, or is done. */
const standing = { scheduled: 0, waiting: 1, collective: 2, finished: 3 } as const;

/** The cores that exchange weights: who has reached the next exchange, and how far it is. */
interface Group {
  readonly size: number;
  readonly threads: number[];
  started: number;
  end: number;
}

/** What the timing executor runs under. */
export interface TimingOptions {
  /** Whether host instructions take the time of the host link; otherwise they take none. */
  readonly host: boolean;
  readonly batches: number;
}

/**
 * Runs the queues of a program in time. Each cycle that has events passes through phases: tokens arrive and threads
 * run to their next instruction that takes time; those instructions start, in order of thread within a core; networks
 * grant their links. The phases make the outcome independent of the order in which events are stored. docs/timing.md.
 */
export class TimingEngine implements NetworkClient {
  readonly #code: Code;
  readonly #target: ChipTarget;
  readonly #stepCount: number;
  readonly #options: TimingOptions;
  readonly #calendar: Calendar;
  readonly #networks: Networks;
  readonly #networkOf: readonly Network[];
  readonly #recorder: Recorder;
  readonly #issueCycles: number;
  readonly #counters: Int32Array;
  readonly #operation: Int32Array;
  readonly #operationEnd: Int32Array;
  readonly #segment: Int32Array;
  readonly #batch: Int32Array;
  readonly #turn: Int32Array;
  readonly #turnsLeft: Int32Array;
  readonly #sequence: Int32Array;
  readonly #standing: Uint8Array;
  /** What released each thread last: an event and a cause kind. */
  readonly #cause: Int32Array;
  readonly #causeKind: Uint8Array;
  /** The event that a thread is in. */
  readonly #event: Int32Array;
  readonly #portFreeAt: Float64Array;
  /** Begin of the service that `#askPort` granted last. */
  #portBegin = 0;
  /** By core × 2 + unit: when it is free, and the event that holds it. */
  readonly #unitFreeAt: Float64Array;
  readonly #unitEvent: Int32Array;
  /** The host link by direction. */
  readonly #hostFreeAt = [0, 0];
  readonly #hostEvent = [-1, -1];
  readonly #groups = new Map<number, Group>();
  readonly #barrierThreads: number[] = [];
  readonly #participantCount: number;
  /** Threads that run on in this cycle. */
  readonly #runnable: number[] = [];
  /** Cores on which an instruction starts in this cycle, and the threads of each as bits. */
  readonly #startingCores: number[] = [];
  readonly #startingThreads: Int32Array;
  readonly #startingHosts: number[] = [];

  constructor(program: Program, target: ChipTarget, code: Code, options: TimingOptions) {
    const threads = code.coreCount * threadCount;
    this.#code = code;
    this.#target = target;
    this.#stepCount = program.steps.length;
    this.#options = options;
    this.#calendar = new Calendar(threads);
    this.#networks = new Networks(target, this.#calendar, this, threads);
    this.#networkOf = [target.networks.activation, target.networks.partial, target.networks.instruction];
    this.#recorder = new Recorder(code.eventCount * options.batches);
    this.#issueCycles = target.synchronization.issueCycles;
    this.#counters = code.initialCounters.slice();
    this.#operation = new Int32Array(threads);
    this.#operationEnd = new Int32Array(threads);
    this.#segment = new Int32Array(threads);
    this.#batch = new Int32Array(threads);
    this.#turn = new Int32Array(threads);
    this.#turnsLeft = new Int32Array(threads);
    this.#sequence = new Int32Array(threads);
    this.#standing = new Uint8Array(threads).fill(standing.finished);
    this.#cause = new Int32Array(threads).fill(-1);
    this.#causeKind = new Uint8Array(threads).fill(cause.start);
    this.#event = new Int32Array(threads);
    this.#portFreeAt = new Float64Array(code.coreCount);
    this.#unitFreeAt = new Float64Array(code.coreCount * 2);
    this.#unitEvent = new Int32Array(code.coreCount * 2);
    this.#startingThreads = new Int32Array(code.coreCount);
    let participants = 0;
    for (let core = 0; core < code.coreCount; core += 1) {
      const first = code.segmentStarts[core * threadCount] as number;
      if (first < (code.segmentStarts[(core + 1) * threadCount] as number)) participants += 1;
    }
    this.#participantCount = participants;
  }

  /** Runs all batches. Throws B505 when a thread waits for ever, B509 when a message leaves the grid. */
  run(): Trace {
    const { segmentStarts } = this.#code;
    const threads = this.#standing.length;
    for (let thread = 0; thread < threads; thread += 1) {
      if ((segmentStarts[thread] as number) === (segmentStarts[thread + 1] as number)) continue;
      this.#enterSegment(thread, segmentStarts[thread] as number);
      this.#standing[thread] = standing.scheduled;
      this.#runnable.push(thread);
    }
    const calendar = this.#calendar;
    for (;;) {
      while (this.#runnable.length > 0) this.#runThread(this.#runnable.pop() as number);
      this.#startInstructions();
      this.#networks.arbitrate();
      let id = calendar.advance();
      if (id < 0) break;
      while (id >= 0) {
        const next = calendar.next[id] as number;
        if (id < threads) this.#runnable.push(id);
        else this.#networks.due(id);
        id = next;
      }
    }
    this.#checkFinished();
    return this.#makeTrace();
  }

  injected(event: number, thread: number, readEnd: number, freeAt: number): void {
    this.#complete(thread, event, Math.max(readEnd, freeAt));
  }

  ejecting(core: number, portCycles: number): number {
    return this.#askPort(core, portCycles);
  }

  arrived(core: number, token: number, event: number): void {
    const { settled } = this.#recorder;
    settled[event] = Math.max(settled[event] as number, this.#calendar.now);
    this.#raise(core, token, event, cause.arrival);
  }

  #enterSegment(thread: number, segment: number): void {
    this.#segment[thread] = segment;
    this.#operation[thread] = this.#code.segmentFirst[segment] as number;
    this.#operationEnd[thread] = this.#code.segmentEnd[segment] as number;
    this.#sequence[thread] = 0;
  }

  /** Moves a thread past the end of its queue in a step. */
  #nextSegment(thread: number): void {
    const { segmentStarts } = this.#code;
    const next = (this.#segment[thread] as number) + 1;
    if (next < (segmentStarts[thread + 1] as number)) {
      this.#enterSegment(thread, next);
      return;
    }
    (this.#batch as Int32Array)[thread]! += 1;
    if ((this.#batch[thread] as number) === this.#options.batches) this.#standing[thread] = standing.finished;
    else this.#enterSegment(thread, segmentStarts[thread] as number);
  }

  /** Runs a thread through instructions that take no time up to one that does, or to a wait. */
  #runThread(thread: number): void {
    const code = this.#code;
    const core = thread >> 3;
    for (;;) {
      const operation = this.#operation[thread] as number;
      if (operation === (this.#operationEnd[thread] as number)) {
        this.#nextSegment(thread);
        if (this.#standing[thread] === standing.finished) return;
        continue;
      }
      switch (code.kind[operation]) {
        case operationKinds.wait: {
          if (!this.#takeToken(core, operation)) {
            this.#standing[thread] = standing.waiting;
            return;
          }
          break;
        }
        case operationKinds.signal: {
          if (this.#destination(thread, operation) !== core) {
            this.#markStart(thread);
            return;
          }
          const kind = this.#causeKind[thread] as number;
          const passed = kind === cause.previous ? cause.signal : kind;
          this.#raise(core, code.token[operation] as number, this.#cause[thread] as number, passed);
          break;
        }
        case operationKinds.loop:
          this.#turn[thread] = 0;
          this.#turnsLeft[thread] = code.cycles[operation] as number;
          break;
        case operationKinds.loopEnd:
          (this.#turnsLeft as Int32Array)[thread]! -= 1;
          if ((this.#turnsLeft[thread] as number) > 0) {
            (this.#turn as Int32Array)[thread]! += 1;
            this.#operation[thread] = code.resource[operation] as number;
            continue;
          }
          this.#turn[thread] = 0;
          break;
        case operationKinds.barrier:
          this.#reachBarrier(thread);
          return;
        case operationKinds.stream:
          this.#reachStream(thread, operation);
          return;
        case operationKinds.host:
          if (this.#options.host) {
            this.#startingHosts.push(thread);
            return;
          }
          this.#passHost(thread);
          break;
        default:
          this.#markStart(thread);
          return;
      }
      this.#operation[thread] = operation + 1;
    }
  }

  /** Lowers the counter that a wait waits for; false when it is too low. */
  #takeToken(core: number, operation: number): boolean {
    const { token, amount, tokenNames } = this.#code;
    const counter = core * tokenNames.length + (token[operation] as number);
    const left = (this.#counters[counter] as number) - (amount[operation] as number);
    if (left < 0) return false;
    this.#counters[counter] = left;
    return true;
  }

  /** Raises a token now and lets threads that wait for it run on, the one that stands first first. */
  #raise(core: number, token: number, event: number, kind: number): void {
    const { tokenNames } = this.#code;
    (this.#counters as Int32Array)[core * tokenNames.length + token]! += 1;
    for (let thread = core * threadCount; thread < (core + 1) * threadCount; thread += 1) {
      if (this.#standing[thread] !== standing.waiting) continue;
      const operation = this.#operation[thread] as number;
      if (this.#code.token[operation] !== token || !this.#takeToken(core, operation)) continue;
      this.#operation[thread] = operation + 1;
      this.#standing[thread] = standing.scheduled;
      this.#cause[thread] = event;
      this.#causeKind[thread] = kind;
      this.#runnable.push(thread);
    }
  }

  #markStart(thread: number): void {
    const core = thread >> 3;
    if (this.#startingThreads[core] === 0) this.#startingCores.push(core);
    (this.#startingThreads as Int32Array)[core]! |= 1 << (thread & 7);
  }

  /** Makes the event of the instruction that a thread has come to. */
  #beginEvent(thread: number): number {
    const event = this.#recorder.begin(
      this.#calendar.now,
      thread,
      this.#operation[thread] as number,
      this.#batch[thread] as number,
      this.#turn[thread] as number,
    );
    this.#recorder.release(event, this.#cause[thread] as number, this.#causeKind[thread] as number);
    this.#event[thread] = event;
    return event;
  }

  /** Lets a thread go on after its instruction has completed at `end`. */
  #complete(thread: number, event: number, end: number): void {
    this.#recorder.complete(event, end);
    this.#cause[thread] = event;
    this.#causeKind[thread] = cause.previous;
    (this.#operation as Int32Array)[thread]! += 1;
    this.#standing[thread] = standing.scheduled;
    const time = end + this.#issueCycles;
    if (time === this.#calendar.now) this.#runnable.push(thread);
    else this.#calendar.schedule(thread, time);
  }

  #reachBarrier(thread: number): void {
    this.#beginEvent(thread);
    this.#standing[thread] = standing.collective;
    this.#barrierThreads.push(thread);
    if (this.#barrierThreads.length < this.#participantCount) return;
    const last = this.#event[thread] as number;
    const end = this.#calendar.now + this.#target.synchronization.barrierCycles;
    const threads = this.#barrierThreads.splice(0);
    for (const other of threads) {
      const event = this.#event[other] as number;
      if (event !== last) this.#recorder.release(event, last, cause.collective);
      this.#complete(other, event, end);
    }
  }

  #reachStream(thread: number, operation: number): void {
    const rows = this.#code.rectangleRows[operation] as number;
    const columns = this.#code.rectangleColumns[operation] as number;
    const corner = this.#destination(thread, operation);
    const key = (corner * 2048 + rows) * 2048 + columns;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { size: rows * columns, threads: [], started: 0, end: 0 };
      this.#groups.set(key, group);
    }
    const last = this.#beginEvent(thread);
    this.#standing[thread] = standing.collective;
    group.threads.push(thread);
    if (group.threads.length < group.size) return;
    for (const other of group.threads) {
      const event = this.#event[other] as number;
      if (event !== last) this.#recorder.release(event, last, cause.collective);
      this.#markStart(other);
    }
  }

  /** On device: the data stand in the framebuffer already. */
  #passHost(thread: number): void {
    const event = this.#beginEvent(thread);
    this.#recorder.complete(event, this.#calendar.now);
    this.#cause[thread] = event;
    this.#causeKind[thread] = cause.previous;
  }

  #startInstructions(): void {
    for (const core of this.#startingCores) {
      const bits = this.#startingThreads[core] as number;
      this.#startingThreads[core] = 0;
      for (let local = 0; local < threadCount; local += 1) {
        if ((bits & (1 << local)) !== 0) this.#start(core * threadCount + local);
      }
    }
    this.#startingCores.length = 0;
    if (this.#startingHosts.length === 0) return;
    for (const thread of this.#startingHosts.sort((left, right) => left - right)) this.#startHost(thread);
    this.#startingHosts.length = 0;
  }

  #start(thread: number): void {
    const code = this.#code;
    const core = thread >> 3;
    const { now } = this.#calendar;
    const operation = this.#operation[thread] as number;
    const port = code.port[operation] as number;
    switch (code.kind[operation]) {
      case operationKinds.unit: {
        const unit = core * 2 + (code.resource[operation] as number);
        if ((this.#unitFreeAt[unit] as number) > now) {
          this.#postpone(thread, this.#unitFreeAt[unit] as number, this.#unitEvent[unit] as number);
          return;
        }
        const event = this.#beginEvent(thread);
        const end = Math.max(now + (code.cycles[operation] as number), this.#askPort(core, port), now + 1);
        this.#unitFreeAt[unit] = end;
        this.#unitEvent[unit] = event;
        this.#complete(thread, event, end);
        return;
      }
      case operationKinds.port: {
        const event = this.#beginEvent(thread);
        this.#complete(thread, event, Math.max(this.#askPort(core, port), now + 1));
        return;
      }
      case operationKinds.stream:
        this.#startStream(thread, operation);
        return;
      case operationKinds.send:
        this.#startSend(thread, operation);
        return;
      default:
        this.#startRemoteSignal(thread, operation);
    }
  }

  /** Has a thread come back when a unit is free. */
  #postpone(thread: number, time: number, holder: number): void {
    this.#cause[thread] = holder;
    this.#causeKind[thread] = cause.unit;
    this.#calendar.schedule(thread, time);
  }

  #startHost(thread: number): void {
    const operation = this.#operation[thread] as number;
    const direction = this.#code.resource[operation] as number;
    const freeAt = this.#hostFreeAt[direction] as number;
    const { now } = this.#calendar;
    if (freeAt > now) {
      this.#postpone(thread, freeAt, this.#hostEvent[direction] as number);
      return;
    }
    const event = this.#beginEvent(thread);
    const end = Math.max(now + (this.#code.cycles[operation] as number), now + 1);
    this.#hostFreeAt[direction] = end;
    this.#hostEvent[direction] = event;
    this.#complete(thread, event, end);
  }

  #startStream(thread: number, operation: number): void {
    const code = this.#code;
    const rows = code.rectangleRows[operation] as number;
    const columns = code.rectangleColumns[operation] as number;
    const key = (this.#destination(thread, operation) * 2048 + rows) * 2048 + columns;
    const group = this.#groups.get(key) as Group;
    const { now } = this.#calendar;
    const own = Math.max(now + (code.cycles[operation] as number), now + 1);
    group.end = Math.max(group.end, own, this.#askPort(thread >> 3, code.port[operation] as number));
    group.started += 1;
    if (group.started < group.size) return;
    const { end } = group;
    const threads = group.threads.splice(0);
    group.started = 0;
    group.end = 0;
    for (const other of threads) this.#complete(other, this.#event[other] as number, end);
  }

  #startSend(thread: number, operation: number): void {
    const code = this.#code;
    const { now } = this.#calendar;
    const core = thread >> 3;
    const event = this.#beginEvent(thread);
    const corner = this.#destination(thread, operation);
    const { columns } = this.#target.grid;
    const { row: firstRow, column: firstColumn } = coreOf({ columns }, corner);
    const endRow = firstRow + (code.rectangleRows[operation] as number);
    const endColumn = firstColumn + (code.rectangleColumns[operation] as number);
    if (endRow > this.#target.grid.rows || endColumn > columns)
      this.#refuse(thread, operation, endRow - 1, endColumn - 1);
    const { row, column } = coreOf({ columns }, core);
    const inside = row >= firstRow && row < endRow && column >= firstColumn && column < endColumn;
    const reachesSelf = inside && code.includesSender[operation] === 1;
    const arrivalPort = code.arrivalPort[operation] as number;
    const readEnd = this.#askPort(core, (code.port[operation] as number) + (reachesSelf ? arrivalPort : 0));
    const readBegin = this.#portBegin;
    const network = code.resource[operation] as number;
    const bytes = code.amount[operation] as number;
    const step = (this.#batch[thread] as number) * this.#stepCount + (code.places[operation]?.step ?? 0);
    const throughFrame = network === networkNumbers.activation && (column < 0 || firstColumn < 0);
    const message: Message = {
      network,
      core,
      thread,
      event,
      priority: (step * sequenceLimit + (this.#sequence[thread] as number)) * this.#standing.length + thread,
      bytes,
      holdCycles: throughFrame ? this.#frameHoldCycles(bytes) : linkCycles(this.#networkOf[network] as Network, bytes),
      firstRow,
      endRow,
      firstColumn,
      endColumn,
      token: code.token[operation] as number,
      arrivalPort,
      readEnd,
    };
    (this.#sequence as Int32Array)[thread]! += 1;
    const alone = Math.max(readEnd, now + 1);
    if (reachesSelf) this.#networks.deliver(message, core, alone);
    if ((endRow - firstRow) * (endColumn - firstColumn) > Number(inside)) this.#networks.send(message, readBegin);
    else this.#complete(thread, event, alone);
  }

  #frameHoldCycles(bytes: number): number {
    const { networks, frameBuffer } = this.#target;
    const linkBytesPerCycle = Math.min(networks.activation.linkBytesPerCycle, frameBuffer.rowBytesPerCycle);
    return linkCycles({ ...networks.activation, linkBytesPerCycle }, bytes);
  }

  #startRemoteSignal(thread: number, operation: number): void {
    const { now } = this.#calendar;
    const { columns } = this.#target.grid;
    const event = this.#beginEvent(thread);
    const core = thread >> 3;
    const destination = this.#destination(thread, operation);
    const from = coreOf({ columns }, core);
    const to = coreOf({ columns }, destination);
    const detour = from.column < 0 && to.column < 0 ? 2 : 0;
    const hops = Math.abs(from.row - to.row) + Math.abs(from.column - to.column) + detour;
    const message: Message = {
      network: networkNumbers.partial,
      core,
      thread,
      event,
      priority: 0,
      bytes: 0,
      holdCycles: 0,
      firstRow: to.row,
      endRow: to.row + 1,
      firstColumn: to.column,
      endColumn: to.column + 1,
      token: this.#code.token[operation] as number,
      arrivalPort: 0,
      readEnd: now,
    };
    this.#networks.deliver(message, destination, now + Math.max(1, hops * this.#target.networks.partial.hopCycles));
    this.#complete(thread, event, now + 1);
  }

  /** Asks now for cycles of a core's memory port; returns when they are over and leaves their begin in `#portBegin`. */
  #askPort(core: number, cycles: number): number {
    const { now } = this.#calendar;
    this.#portBegin = now;
    if (cycles === 0) return now;
    this.#portBegin = Math.max(now, this.#portFreeAt[core] as number);
    const end = this.#portBegin + cycles;
    this.#portFreeAt[core] = end;
    return end;
  }

  /** The core that an operation names. Throws B509 when there is none. */
  #destination(thread: number, operation: number): number {
    const { fields } = this.#code;
    const { rows, columns } = this.#target.grid;
    const core = thread >> 3;
    const row = Math.floor(core / (columns + 1));
    const column = (core % (columns + 1)) - 1;
    const turn = this.#turn[thread] as number;
    const at = operation * 8;
    const toRow =
      (fields[at] as number) +
      (fields[at + 1] as number) * row +
      (fields[at + 2] as number) * column +
      (fields[at + 3] as number) * turn;
    const toColumn =
      (fields[at + 4] as number) +
      (fields[at + 5] as number) * row +
      (fields[at + 6] as number) * column +
      (fields[at + 7] as number) * turn;
    if (toRow < 0 || toRow >= rows || toColumn < -1 || toColumn >= columns)
      this.#refuse(thread, operation, toRow, toColumn);
    return coreNumber(columns, toRow, toColumn);
  }

  #refuse(thread: number, operation: number, row: number, column: number): never {
    const { rows, columns } = this.#target.grid;
    const place = this.#code.places[operation];
    throw problem(
      "B509",
      `A ${place?.instruction.kind} of step ${place?.step} names core (${row},${column}), but rows are 0 to ${rows - 1} and columns -1 to ${columns - 1}.`,
      { core: coreOf({ columns }, thread >> 3) },
    );
  }

  #checkFinished(): void {
    const stuck: string[] = [];
    this.#standing.forEach((state, thread) => {
      if (state !== standing.finished) stuck.push(this.#describeThread(thread));
    });
    if (stuck.length === 0) return;
    const shown = stuck.slice(0, 8).join("; ");
    const more = stuck.length > 8 ? `; and ${stuck.length - 8} more` : "";
    throw problem("B505", `${stuck.length} threads wait for ever: ${shown}${more}.`);
  }

  #describeThread(thread: number): string {
    const operation = this.#operation[thread] as number;
    const { row, column } = coreOf({ columns: this.#target.grid.columns }, thread >> 3);
    const { tokenNames, token, amount, places } = this.#code;
    const place = places[operation];
    const counter = (thread >> 3) * tokenNames.length + (token[operation] as number);
    const what =
      place?.instruction.kind === "wait"
        ? `token ${place.instruction.token} (has ${this.#counters[counter]}, needs ${amount[operation]})`
        : `the other cores at its ${place?.instruction.kind}`;
    return `core (${row},${column}) ${threadNames[thread & 7]}, step ${place?.step}, batch ${this.#batch[thread]}: ${what}`;
  }

  #makeTrace(): Trace {
    const recorder = this.#recorder;
    const { count } = recorder;
    const { rows, columns } = this.#target.grid;
    const batchEnds = new Array<number>(this.#options.batches).fill(0);
    for (let event = 0; event < count; event += 1) {
      const batch = recorder.batch[event] as number;
      batchEnds[batch] = Math.max(batchEnds[batch] as number, recorder.settled[event] as number);
    }
    return {
      kind: "trace",
      rows,
      columns,
      host: this.#options.host,
      batchCount: this.#options.batches,
      stepCount: this.#stepCount,
      batchEnds,
      places: this.#code.places,
      eventCount: count,
      start: recorder.start.subarray(0, count),
      end: recorder.end.subarray(0, count),
      settled: recorder.settled.subarray(0, count),
      thread: recorder.thread.subarray(0, count),
      place: recorder.place.subarray(0, count),
      batch: recorder.batch.subarray(0, count),
      turn: recorder.turn.subarray(0, count),
      cause: recorder.cause.subarray(0, count),
      causeKind: recorder.causeKind.subarray(0, count),
      networks: {
        activation: this.#networks.totals(networkNumbers.activation),
        partial: this.#networks.totals(networkNumbers.partial),
        instruction: this.#networks.totals(networkNumbers.instruction),
      },
    };
  }
}
