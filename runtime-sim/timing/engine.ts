import { tileAround } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { linkCycles } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreOf, type InstructionPlace, type Trace } from "../trace.ts";
import { Calendar } from "./calendar.ts";
import { type Code, coreNumber } from "./code.ts";
import { Collectives, exchangeEnd } from "./collectives.ts";
import { destinationOf, destinationsOf, holdCyclesOf, hopsBetween } from "./destinations.ts";
import { type Message, type NetworkClient, Networks, tokenMessage } from "./networks.ts";
import { operationKinds } from "./operation.ts";
import { cause, Recorder, type TimingOptions } from "./recorder.ts";
import { Servers } from "./servers.ts";
import { Stretches, type StretchMemory } from "./stretches.ts";
import { checkFinished } from "./stuck.ts";
import { standings, Threads, threadsPerCore } from "./threads.ts";

/** Sends of one thread in one step are told apart below this number in a packet's priority. */
const sequenceLimit = 2 ** 24;

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
  readonly #recorder: Recorder;
  readonly #issueCycles: number;
  readonly #counters: Int32Array;
  readonly #threads: Threads;
  readonly #servers: Servers;
  readonly #collectives: Collectives;
  /** Threads that run on in this cycle. */
  readonly #runnable: number[] = [];
  /** Cores on which an instruction starts in this cycle, and the threads of each as bits. */
  readonly #startingCores: number[] = [];
  readonly #startingThreads: Int32Array;
  readonly #startingHosts: number[] = [];
  readonly #stretches: Stretches;
  /** The thread that completed a barrier in this cycle; −1 for none. */
  #barrierThread = -1;

  /** What `memory` holds of earlier simulations is copied, and it is filled; without one everything is simulated. */
  constructor(program: Program, target: ChipTarget, code: Code, options: TimingOptions, memory: StretchMemory | null) {
    const threads = code.coreCount * threadsPerCore;
    this.#code = code;
    this.#target = target;
    this.#stepCount = program.steps.length;
    this.#options = options;
    this.#calendar = new Calendar(threads);
    this.#networks = new Networks(target, this.#calendar, this, threads);
    this.#recorder = new Recorder(code.eventCount * options.batches);
    this.#issueCycles = target.synchronization.issueCycles;
    this.#counters = code.initialCounters.slice();
    this.#threads = new Threads(code, options.batches);
    this.#servers = new Servers(code.coreCount);
    this.#startingThreads = new Int32Array(code.coreCount);
    this.#collectives = new Collectives(this.#threads.participantCount());
    this.#stretches = new Stretches(memory, {
      code,
      ...options,
      calendar: this.#calendar,
      threads: this.#threads,
      counters: this.#counters,
      servers: this.#servers,
      networks: this.#networks,
      recorder: this.#recorder,
    });
  }

  /** Runs all batches. Throws B505 when a thread waits for ever, B509 when a message leaves the grid. */
  run(): Trace {
    for (const thread of this.#threads.scheduled()) this.#runnable.push(thread);
    while (this.#runCycle()) {}
    checkFinished(this.#threads, this.#counters, this.#code, this.#target);
    return this.#recorder.trace(this.#code, this.#target, this.#stepCount, this.#options, this.#networks);
  }

  /** Does all that happens in this cycle and goes on to the next that has events; false when there is none. */
  #runCycle(): boolean {
    while (this.#runnable.length > 0) this.#runThread(this.#runnable.pop() as number);
    this.#startInstructions();
    this.#networks.arbitrate();
    if (this.#barrierThread >= 0) {
      this.#stretches.passBarrier(this.#barrierThread);
      this.#barrierThread = -1;
    }
    const { count } = this.#threads;
    const calendar = this.#calendar;
    let id = calendar.advance();
    if (id < 0) return false;
    while (id >= 0) {
      const next = calendar.next[id] as number;
      if (id < count) this.#runnable.push(id);
      else this.#networks.due(id);
      id = next;
    }
    return true;
  }

  injected(event: number, thread: number, readEnd: number, freeAt: number): void {
    this.#complete(thread, event, Math.max(readEnd, freeAt, this.#calendar.now + 1));
  }

  ejecting(core: number, portCycles: number): number {
    return this.#servers.askPort(core, portCycles, this.#calendar.now);
  }

  arrived(core: number, token: number, event: number): void {
    const { settled } = this.#recorder;
    settled[event] = Math.max(settled[event] as number, this.#calendar.now);
    this.#raise(core, token, event, cause.arrival);
  }

  /** Runs a thread through instructions that take no time up to one that does, or to a wait. */
  #runThread(thread: number): void {
    const code = this.#code;
    const threads = this.#threads;
    const core = thread >> 3;
    this.#stretches.threadStamps[thread] = this.#stretches.stamp;
    for (;;) {
      if (!threads.settle(thread)) return;
      const operation = threads.operation[thread] as number;
      switch (code.kind[operation]) {
        case operationKinds.wait: {
          if (!this.#takeToken(core, operation)) {
            threads.standing[thread] = standings.waiting;
            return;
          }
          break;
        }
        case operationKinds.signal: {
          if (code.local[operation] === 0 && this.#destination(thread, operation) !== core) {
            this.#markStart(thread);
            return;
          }
          const kind = threads.causeKind[thread] as number;
          const passed = kind === cause.previous ? cause.signal : kind;
          this.#raise(core, code.token[operation] as number, threads.cause[thread] as number, passed);
          break;
        }
        case operationKinds.loop:
          threads.beginLoop(thread, code.cycles[operation] as number);
          break;
        case operationKinds.loopEnd:
          if (threads.nextTurn(thread)) {
            threads.operation[thread] = code.resource[operation] as number;
            continue;
          }
          break;
        case operationKinds.barrier:
          this.#reachBarrier(thread);
          return;
        case operationKinds.stream:
          this.#reachStream(thread, operation);
          return;
        case operationKinds.host:
          this.#stretches.usesHost = true;
          if (this.#options.host || code.amount[operation] === 1) {
            this.#stretches.takesHostTime = true;
            this.#startingHosts.push(thread);
            return;
          }
          this.#passHost(thread);
          break;
        default:
          this.#markStart(thread);
          return;
      }
      threads.step(thread);
    }
  }

  /** Lowers the counter that a wait waits for; false when it is too low. */
  #takeToken(core: number, operation: number): boolean {
    const { token, amount, tokenCount } = this.#code;
    const counter = core * tokenCount + (token[operation] as number);
    this.#stretches.counterStamps[counter] = this.#stretches.stamp;
    const left = (this.#counters[counter] as number) - (amount[operation] as number);
    if (left < 0) return false;
    this.#counters[counter] = left;
    return true;
  }

  /** Raises a token now and lets threads that wait for it run on, the one that stands first first. */
  #raise(core: number, token: number, event: number, kind: number): void {
    const { tokenCount } = this.#code;
    const threads = this.#threads;
    const counter = core * tokenCount + token;
    (this.#counters as Int32Array)[counter]! += 1;
    this.#stretches.counterStamps[counter] = this.#stretches.stamp;
    for (let thread = core * threadsPerCore; thread < (core + 1) * threadsPerCore; thread += 1) {
      if (threads.standing[thread] !== standings.waiting) continue;
      const operation = threads.operation[thread] as number;
      if (this.#code.token[operation] !== token || !this.#takeToken(core, operation)) continue;
      threads.step(thread);
      threads.standing[thread] = standings.scheduled;
      threads.release(thread, event, kind);
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
    const threads = this.#threads;
    const event = this.#recorder.begin(this.#calendar.now, thread, threads);
    this.#recorder.release(event, threads.cause[thread] as number, threads.causeKind[thread] as number);
    threads.event[thread] = event;
    return event;
  }

  /** Lets a thread go on after its instruction has completed at `end`. */
  #complete(thread: number, event: number, end: number): void {
    this.#recorder.complete(event, end);
    const threads = this.#threads;
    threads.release(thread, event, cause.previous);
    threads.step(thread);
    threads.standing[thread] = standings.scheduled;
    const time = end + this.#issueCycles;
    if (time === this.#calendar.now) this.#runnable.push(thread);
    else this.#calendar.schedule(thread, time);
  }

  #reachBarrier(thread: number): void {
    const last = this.#beginEvent(thread);
    this.#threads.standing[thread] = standings.collective;
    const end = this.#calendar.now + this.#target.synchronization.barrierCycles;
    for (const other of this.#collectives.reachBarrier(thread)) {
      // Where a barrier takes no time, threads have gone on by the end of the cycle.
      if (end + this.#issueCycles > this.#calendar.now) this.#barrierThread = thread;
      const event = this.#threads.event[other] as number;
      if (event !== last) this.#recorder.release(event, last, cause.collective);
      this.#complete(other, event, end);
    }
  }

  #reachStream(thread: number, operation: number): void {
    const { rectangleRows, rectangleColumns } = this.#code;
    const { grid } = this.#target;
    const own = coreOf(grid, thread >> 3);
    const { row, column } = coreOf(grid, this.#destination(thread, operation));
    const rows = rectangleRows[operation] as number;
    const columns = rectangleColumns[operation] as number;
    const group = tileAround({ row, column, rows, columns }, own.row, own.column);
    const corner = coreNumber(grid.columns, group.row, group.column);
    const exchange = this.#collectives.reachExchange(thread, corner, rows, columns);
    const last = this.#beginEvent(thread);
    this.#threads.standing[thread] = standings.collective;
    if (exchange.threads.length < exchange.size) return;
    for (const other of exchange.threads) {
      const event = this.#threads.event[other] as number;
      if (event !== last) this.#recorder.release(event, last, cause.collective);
      this.#markStart(other);
    }
  }

  /** The core, or the corner of the rectangle, that an operation names. */
  #destination(thread: number, operation: number): number {
    return destinationOf(this.#code, this.#target, thread, operation, this.#threads.turn[thread] as number);
  }

  /** On device: the data stand in the framebuffer already. */
  #passHost(thread: number): void {
    const event = this.#beginEvent(thread);
    this.#recorder.complete(event, this.#calendar.now);
    this.#threads.release(thread, event, cause.previous);
  }

  #startInstructions(): void {
    for (const core of this.#startingCores) {
      const bits = this.#startingThreads[core] as number;
      this.#startingThreads[core] = 0;
      for (let local = 0; local < threadsPerCore; local += 1) {
        if ((bits & (1 << local)) !== 0) this.#start(core * threadsPerCore + local);
      }
    }
    this.#startingCores.length = 0;
    if (this.#startingHosts.length === 0) return;
    for (const thread of this.#startingHosts.splice(0).sort((left, right) => left - right)) {
      const operation = this.#threads.operation[thread] as number;
      this.#startOn(this.#servers.host(this.#code.resource[operation] as number), thread, operation);
    }
  }

  #start(thread: number): void {
    const code = this.#code;
    const core = thread >> 3;
    const { now } = this.#calendar;
    const operation = this.#threads.operation[thread] as number;
    const port = code.port[operation] as number;
    switch (code.kind[operation]) {
      case operationKinds.unit:
        this.#startOn(this.#servers.unit(core, code.resource[operation] as number), thread, operation);
        return;
      case operationKinds.port: {
        const event = this.#beginEvent(thread);
        this.#complete(thread, event, Math.max(this.#servers.askPort(core, port, now), now + 1));
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

  /** Starts an instruction that holds a unit or a direction of the host link, or has it come back when that is free. */
  #startOn(server: number, thread: number, operation: number): void {
    const servers = this.#servers;
    const { now } = this.#calendar;
    const freeAt = servers.freeAt(server);
    if (freeAt > now) {
      this.#threads.release(thread, servers.holder(server), cause.unit);
      this.#calendar.schedule(thread, freeAt);
      return;
    }
    const event = this.#beginEvent(thread);
    const portEnd = servers.askPort(thread >> 3, this.#code.port[operation] as number, now);
    const end = Math.max(now + (this.#code.cycles[operation] as number), portEnd, now + 1);
    servers.hold(server, event, end);
    this.#complete(thread, event, end);
  }

  #startStream(thread: number, operation: number): void {
    const { cycles, port, amount } = this.#code;
    const exchange = this.#collectives.exchangeOf(thread);
    const { now } = this.#calendar;
    const core = thread >> 3;
    exchange.end = Math.max(exchange.end, this.#servers.askPort(core, port[operation] as number, now), now + 1);
    exchange.cores.push(core);
    exchange.begins.push(this.#servers.portBegin);
    const { cores, begins } = exchange;
    if (cores.length < exchange.size) return;
    const { grid, networks } = this.#target;
    const holdCycles = linkCycles(networks.model, amount[operation] as number);
    const arrived = begins.every((begin) => begin === begins[0])
      ? (begins[0] as number) + (cycles[operation] as number)
      : exchangeEnd(cores, begins, grid.columns + 1, networks.model.hopCycles, holdCycles);
    const end = Math.max(exchange.end, arrived);
    for (const other of this.#collectives.finish(exchange))
      this.#complete(other, this.#threads.event[other] as number, end);
  }

  #startSend(thread: number, operation: number): void {
    const code = this.#code;
    const { now } = this.#calendar;
    const core = thread >> 3;
    const event = this.#beginEvent(thread);
    const destinations = destinationsOf(code, this.#target, thread, operation, this.#threads.turn[thread] as number);
    const selfPort = destinations.reachesSelf ? (code.arrivalPort[operation] as number) : 0;
    const readEnd = this.#servers.askPort(core, (code.port[operation] as number) + selfPort, now);
    const readBegin = this.#servers.portBegin;
    const { batch, count } = this.#threads;
    const step = (batch[thread] as number) * this.#stepCount + (code.places[operation] as InstructionPlace).step;
    const sequence = this.#threads.nextSequence(thread);
    const message: Message = {
      network: code.resource[operation] as number,
      core,
      thread,
      event,
      priority: (step * sequenceLimit + sequence) * count + thread,
      bytes: code.amount[operation] as number,
      holdCycles: holdCyclesOf(code, this.#target, operation, destinations, core),
      destinations,
      token: code.token[operation] as number,
      arrivalPort: code.arrivalPort[operation] as number,
      readEnd,
    };
    const alone = Math.max(readEnd, now + 1);
    if (destinations.reachesSelf) this.#networks.deliver(message, core, alone);
    if (destinations.reachesOthers) this.#networks.send(message, readBegin);
    else this.#complete(thread, event, alone);
  }

  #startRemoteSignal(thread: number, operation: number): void {
    const { now } = this.#calendar;
    const event = this.#beginEvent(thread);
    const core = thread >> 3;
    const turn = this.#threads.turn[thread] as number;
    const destinations = destinationsOf(this.#code, this.#target, thread, operation, turn);
    const destination = this.#destination(thread, operation);
    const message = tokenMessage(thread, event, this.#code.token[operation] as number, destinations);
    const hops = hopsBetween(this.#target, core, destination);
    this.#networks.deliver(message, destination, now + Math.max(1, hops * this.#target.networks.partial.hopCycles));
    this.#complete(thread, event, now + 1);
  }
}
