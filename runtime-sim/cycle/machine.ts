import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import {
  fieldValue,
  type MoveInstruction,
  type PartialSendInstruction,
  type Rectangle,
  type SignalInstruction,
  tileAround,
  type WeightsStreamInstruction,
} from "../../ir/instruction.ts";
import { enteringPorts, leavingPorts, type Program, threadNames } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { Activity } from "./activity.ts";
import { memoryBytes, packetWork, type SendInstruction } from "./bytes.ts";
import { type Core, type CycleRecord, makeCore, rectangleOf, type Thread, type Unit } from "./core.ts";
import { checkedCores, contains, nodeOf, type Place, placesOf } from "./grid.ts";
import { hostLabour, idle, linkLabour, matrixLabour, noLabour, vectorLabour, walk } from "./labour.ts";
import type { PortRequest } from "./memory-port.ts";
import type { Issue } from "./queue.ts";
import { Transport } from "./transport.ts";

/** How a program is run. */
export interface CycleOptions {
  /** Whether the host link takes time. */
  readonly host: boolean;
  readonly batches: number;
}

/** A weights.stream that runs: copies of pieces that have yet to arrive, and what its cores read. */
interface Exchange {
  missing: number;
  readonly cores: Rectangle;
  readonly requests: PortRequest[];
}

/** The machine of docs/machine.md and docs/timing.md, advanced by one cycle at a time. */
export class Machine {
  readonly records: CycleRecord[] = [];
  readonly #program: Program;
  readonly #target: ChipTarget;
  readonly #host: boolean;
  /** By number. */
  readonly #cores: readonly Core[];
  readonly #threads: readonly Thread[];
  readonly #transport: Transport;
  /** The two directions of the host link, and the host. */
  readonly #hostUnits: Readonly<Record<"host.in" | "host.out" | "host.run", Unit>> = {
    "host.in": { holder: null },
    "host.out": { holder: null },
    "host.run": { holder: null },
  };
  /** Threads that have come to the barrier. */
  #atBarrier: Thread[] = [];
  /** Threads that have come to the weights.stream of a group, by its rectangle. */
  readonly #atStream = new Map<string, Thread[]>();
  readonly #exchanges = new Map<Thread, Exchange>();
  #cycle = 0;

  constructor(program: Program, target: ChipTarget, options: CycleOptions) {
    this.#program = program;
    this.#target = target;
    this.#host = options.host;
    this.#cores = placesOf(target.grid).map((place) => makeCore(program, target, place, options.batches));
    this.#threads = this.#cores.flatMap(({ threads }) => threads);
    this.#transport = new Transport(target, this.#cores);
  }

  /** Runs to the end. Throws B505 when threads wait for tokens that never come, B509 for cores that do not exist. */
  run(): void {
    for (;;) {
      this.#endCycle();
      this.#goOn();
      if (this.#finished()) return;
      for (const thread of this.#threads) if (thread.state === "ready") this.#start(thread);
      this.#transport.transmit();
      this.#tick();
    }
  }

  /** Whether all is done. Throws B505 when it is not, and nothing goes on. */
  #finished(): boolean {
    const open = this.#threads.filter(({ state }) => state !== "done");
    const active = open.some(({ state }) => state !== "token" && state !== "collective");
    if (!this.#transport.quiet || active) return false;
    if (open.length === 0) return true;
    const list = open.map(({ core: { place }, name, issue }) => {
      const instruction = issue?.instruction;
      const token = instruction?.kind === "wait" ? ` ${instruction.token}` : "";
      return `${name} of core (${place.row},${place.column}) at ${instruction?.kind}${token}`;
    });
    throw problem("B505", `In cycle ${this.#cycle} nothing goes on any more: ${list.join("; ")}.`);
  }

  /** What the last cycle has brought to an end: messages have arrived, instructions are over. */
  #endCycle(): void {
    this.#transport.arrive();
    for (const thread of this.#threads) {
      if (thread.running?.activity.over) this.#complete(thread);
      if (thread.state === "pausing" && thread.pauseCycles === 0) thread.state = "free";
    }
  }

  /** A cycle passes. */
  #tick(): void {
    for (const { port } of this.#cores) port.tick();
    for (const thread of this.#threads) {
      thread.running?.activity.tick();
      if (thread.state === "pausing") thread.pauseCycles -= 1;
    }
    this.#transport.tick();
    this.#cycle += 1;
  }

  #complete(thread: Thread): void {
    const { running } = thread;
    if (running === null) return;
    const { record, unit } = running;
    if (unit !== null) unit.holder = null;
    record.end = this.#cycle;
    record.settled = Math.max(record.settled, this.#cycle);
    thread.running = null;
    thread.state = "pausing";
    thread.pauseCycles = this.#target.synchronization.issueCycles;
  }

  /** Threads pass instructions that take no time, until each has come to one that does, or waits. */
  #goOn(): void {
    for (;;) {
      const free = this.#threads.filter(({ state }) => state === "free");
      if (free.length === 0) return;
      for (const thread of free) while (thread.state === "free") this.#next(thread);
    }
  }

  #next(thread: Thread): void {
    const next = thread.issues.next();
    if (next.done) {
      thread.state = "done";
      return;
    }
    const issue = next.value;
    thread.issue = issue;
    const { instruction } = issue;
    switch (instruction.kind) {
      case "wait":
        thread.state = "token";
        this.#serveWaits(thread.core, instruction.token);
        break;
      case "signal":
        if (this.#coreOf(instruction, issue) === thread.core) this.#raise(thread.core, instruction.token);
        else thread.state = "ready";
        break;
      case "barrier":
        this.#meetAtBarrier(thread);
        break;
      case "weights.stream":
        this.#meetAtStream(thread, checkedCores(this.#target.grid, groupOf(thread.core.place, instruction, issue)));
        break;
      case "host.in":
      case "host.out":
        // On device the run's own tensors stand in the framebuffer; those of the host's operations still come and go.
        if (
          this.#host ||
          instruction.port >= this.#program[instruction.kind === "host.in" ? "inputs" : "outputs"].length
        )
          thread.state = "ready";
        else this.#passHost(thread);
        break;
      default:
        thread.state = "ready";
    }
  }

  /** An instruction that is done at once, and without a pause. */
  #passHost(thread: Thread): void {
    this.#occupy(thread, new Activity(noLabour(), 0));
    this.#complete(thread);
    thread.state = "free";
  }

  #raise(core: Core, token: number): void {
    core.tokens.set(token, (core.tokens.get(token) ?? 0) + 1);
    this.#serveWaits(core, token);
  }

  /** Gives what a counter holds to the threads that wait for it, in their order. */
  #serveWaits(core: Core, token: number): void {
    for (const thread of core.threads) {
      const wait = thread.issue?.instruction;
      if (thread.state !== "token" || wait?.kind !== "wait" || wait.token !== token) continue;
      const count = core.tokens.get(token) ?? 0;
      if (count < wait.count) continue;
      core.tokens.set(token, count - wait.count);
      thread.state = "free";
    }
  }

  #meetAtBarrier(thread: Thread): void {
    thread.state = "collective";
    this.#occupy(thread, new Activity(noLabour(), 0, () => false));
    this.#atBarrier.push(thread);
    const here = new Set(this.#atBarrier.map(({ core }) => core));
    if (this.#cores.some((core) => core.threads.length > 0 && !here.has(core))) return;
    const released = this.#atBarrier;
    this.#atBarrier = [];
    for (const each of released) {
      const { running } = each;
      if (running === null) continue;
      const activity = new Activity(idle(this.#target.synchronization.barrierCycles), 0);
      each.running = { ...running, activity };
      each.state = "busy";
      if (activity.over) {
        this.#complete(each);
        if (each.pauseCycles === 0) each.state = "free";
      }
    }
  }

  #meetAtStream(thread: Thread, group: Rectangle): void {
    thread.state = "collective";
    this.#occupy(thread, new Activity(noLabour(), 0, () => false));
    const { row, column, rows, columns } = group;
    const key = [row, column, rows, columns].join();
    const here = [...(this.#atStream.get(key) ?? []), thread];
    this.#atStream.set(key, here);
    const size = rows * columns;
    if (here.length < size) return;
    this.#atStream.delete(key);
    const exchange: Exchange = { missing: size * size, cores: group, requests: [] };
    for (const each of here) {
      this.#exchanges.set(each, exchange);
      each.state = "ready";
    }
  }

  /** Starts the instruction at which a thread stands, when it has its unit. */
  #start(thread: Thread): void {
    const { core, issue } = thread;
    if (issue === null) return;
    const { instruction } = issue;
    const target = this.#target;
    switch (instruction.kind) {
      case "matmul":
        this.#work(thread, core.matrix, () => matrixLabour(target, instruction));
        break;
      case "vector":
      case "reduce":
      case "psum.recv":
        this.#work(thread, core.vector, () => vectorLabour(target, instruction));
        break;
      case "host.in":
      case "host.out": {
        const ports = instruction.kind === "host.in" ? enteringPorts(this.#program) : leavingPorts(this.#program);
        const { bytes } = at(ports, instruction.port);
        this.#work(thread, this.#hostUnits[instruction.kind], () => linkLabour(target, bytes));
        break;
      }
      case "host.run": {
        const { elementCount } = at(this.#program.hostOperations, instruction.operation);
        this.#work(thread, this.#hostUnits["host.run"], () => hostLabour(target, elementCount));
        break;
      }
      case "gather":
      case "weights.load":
        this.#work(thread, null, noLabour);
        break;
      case "signal": {
        const record = this.#occupy(thread, new Activity(noLabour(), 1));
        const to = this.#coreOf(instruction, issue);
        const way = walk(core.place, to.place, target.networks.partial.hopCycles);
        this.#transport.pass(to, way, () => true, this.#arrival(record, instruction.token));
        break;
      }
      case "weights.stream":
        this.#exchange(thread, issue, instruction.bytes);
        break;
      case "move":
      case "psum.send":
        this.#send(thread, issue, instruction, { ...this.#coreOf(instruction, issue).place, rows: 1, columns: 1 });
        break;
      case "multicast":
      case "program.load":
        this.#send(thread, issue, instruction, checkedCores(target.grid, rectangleOf(instruction.cores, issue)));
        break;
      case "wait":
      case "barrier":
        throw new RangeError(`"${instruction.kind}" is no instruction that starts`);
    }
  }

  #occupy(thread: Thread, activity: Activity, unit: Unit | null = null): CycleRecord {
    const { core, name, issue } = thread;
    if (issue === null) throw new RangeError("a thread is occupied with no instruction");
    const record = thread.running?.record ?? {
      core: core.place,
      thread: name,
      issue,
      start: this.#cycle,
      end: 0,
      settled: 0,
    };
    if (thread.running === null) this.records.push(record);
    thread.running = { activity, unit, record };
    if (thread.state === "ready") thread.state = "busy";
    return record;
  }

  /** An instruction that works on a unit of its core while its bytes pass the memory port. */
  #work(thread: Thread, unit: Unit | null, labour: () => Generator<void, void, void>): void {
    if (unit !== null && unit.holder !== null) return;
    if (unit !== null) unit.holder = thread;
    const { core, issue } = thread;
    const { read, written } = issue === null ? { read: 0, written: 0 } : memoryBytes(this.#target, issue.instruction);
    const request = core.port.ask(read + written);
    this.#occupy(thread, new Activity(labour(), 1, () => request.done), unit);
  }

  /** Sends a packet to the cores of a rectangle; to the own core it goes from port to port. */
  #send(thread: Thread, issue: Issue, instruction: SendInstruction, cores: Rectangle): void {
    const { core } = thread;
    const { read } = memoryBytes(this.#target, instruction);
    const { network, carried, written } = packetWork(instruction);
    const own = contains(cores, core.place);
    const kept = own && instruction.kind !== "multicast";
    const request = core.port.ask(read, kept ? written : 0);
    const priority = this.#priority(thread, issue);
    if (cores.rows * cores.columns === (own ? 1 : 0)) {
      const record = this.#occupy(thread, new Activity(noLabour(), 1, () => request.done));
      if (kept) this.#keep(core, request, this.#arrival(record, instruction.token));
      return;
    }
    let injected = (): boolean => false;
    const record = this.#occupy(thread, new Activity(noLabour(), 1, () => request.done && injected()));
    const arrived = this.#arrival(record, instruction.token);
    if (kept) this.#keep(core, request, arrived);
    const cargo = { writtenBytes: written, arrived };
    const packet = { priority, source: core.place, cores, returns: false, cargo };
    const sent = this.#transport.send(network, carried, packet, request);
    injected = () => sent.injected === sent.flitCount;
  }

  #keep(core: Core, request: PortRequest, arrived: (core: Core) => void): void {
    this.#transport.pass(core, noLabour(), () => request.done, arrived);
  }

  /** One core's part in a weights.stream: its piece goes to every core of the group, itself included. */
  #exchange(thread: Thread, issue: Issue, bytes: number): void {
    const exchange = this.#exchanges.get(thread);
    if (exchange === undefined) return;
    this.#exchanges.delete(thread);
    const { core } = thread;
    const request = core.port.ask(bytes);
    exchange.requests.push(request);
    const arrived = (): void => {
      exchange.missing -= 1;
    };
    const cargo = { writtenBytes: 0, arrived };
    const priority = this.#priority(thread, issue);
    const packet = { priority, source: core.place, cores: exchange.cores, returns: true, cargo };
    this.#transport.send("model", bytes, packet, request);
    const complete = (): boolean => exchange.missing === 0 && exchange.requests.every(({ done }) => done);
    this.#occupy(thread, new Activity(noLabour(), 1, complete));
  }

  #arrival(record: CycleRecord, token: number): (core: Core) => void {
    return (core) => {
      record.settled = Math.max(record.settled, this.#cycle);
      this.#raise(core, token);
    };
  }

  /** (batch and step, packets sent before, core, thread): the next packet of a thread. */
  #priority(thread: Thread, { batch, step }: Issue): number[] {
    const { sent, core, name } = thread;
    const count = sent.batch === batch && sent.step === step ? sent.count : 0;
    thread.sent = { batch, step, count: count + 1 };
    const order = batch * this.#program.steps.length + step;
    return [order, count, nodeOf(this.#target.grid, core.place), threadNames.indexOf(name)];
  }

  #coreOf({ core }: MoveInstruction | PartialSendInstruction | SignalInstruction, issue: Issue): Core {
    const { row, column, turn } = issue;
    const place: Place = {
      row: fieldValue(core.row, row, column, turn),
      column: fieldValue(core.column, row, column, turn),
    };
    checkedCores(this.#target.grid, { ...place, rows: 1, columns: 1 });
    return at(this.#cores, nodeOf(this.#target.grid, place));
  }
}

/** The cores with which a core exchanges weights. */
function groupOf({ row, column }: Place, { group }: WeightsStreamInstruction, issue: Issue): Rectangle {
  return tileAround(rectangleOf(group, issue), row, column);
}
