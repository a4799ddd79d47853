import { BorealError, internalError, type Problem } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { fieldValue, tileAround } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { Meeting } from "./meeting.ts";
import { coreCount, coreNumber, corePosition } from "./memory-map.ts";
import type { Destination, Operation, Operations } from "./operation.ts";
import { describeCurrent, describeOperation, fault, type Thread } from "./thread.ts";

/** What instructions do; the scheduler decides only when. The thread's cursor stands on the operation. */
export interface Behaviour {
  /** Executes an instruction that concerns the thread's core alone. */
  execute(thread: Thread, operation: Operation): void;
  /** Copies a packet's bytes from the thread's core to the receiving core, at once. */
  transfer(thread: Thread, operation: Operation, core: number): void;
  /** Executes a weights.stream of which all members have come, in row-major order. */
  stream(members: readonly Thread[]): void;
}

/** Told what orders the threads, for those who check orders. */
export interface Observer {
  /** The thread's current instruction has raised a token of a core. */
  raised(thread: Thread, operation: Operation, core: number): void;
  /** The thread's wait has ended and has lowered the token by `count`. */
  waited(thread: Thread, operation: Operation, count: number): void;
  /** The threads have met at a barrier. */
  met(threads: readonly Thread[]): void;
}

/** Makes a random legal order: any ready thread goes next, and packets arrive late. */
export interface RandomOrder {
  readonly random: Random;
  /** Takes a packet's bytes from the thread's core; the result writes them on a receiving core, whenever that is. */
  send(thread: Thread, operation: Operation): (core: number) => void;
}

interface Packet {
  readonly operation: Operation;
  readonly core: number;
  readonly write: (core: number) => void;
}

/** Runs the queues of all cores in an order that queues, tokens, collectives and barriers allow. */
export class Scheduler {
  readonly #program: Program;
  readonly #threads: readonly Thread[];
  readonly #behaviour: Behaviour;
  readonly #observer: Observer | null;
  readonly #order: RandomOrder | null;
  readonly #tokenCount: number;
  readonly #tokens: Int32Array;
  readonly #initialTokens: Int32Array;
  readonly #threadsOfCore: readonly (readonly Thread[])[];
  readonly #barrier: Meeting;
  readonly #streams = new Map<string, Meeting>();
  readonly #streamOf = new Map<Operation, Map<number, Meeting>>();
  readonly #carried = new Map<number, Packet[]>();
  readonly #channels: Packet[][] = [];
  #ready: Thread[] = [];

  constructor(
    program: Program,
    operations: Operations,
    threads: readonly Thread[],
    behaviour: Behaviour,
    observer: Observer | null,
    order: RandomOrder | null,
  ) {
    this.#program = program;
    this.#threads = threads;
    this.#behaviour = behaviour;
    this.#observer = observer;
    this.#order = order;
    this.#tokenCount = operations.tokens.length;
    const cores = coreCount(program);
    const byCore: Thread[][] = Array.from({ length: cores }, () => []);
    for (const thread of threads) byCore[thread.core]?.push(thread);
    this.#threadsOfCore = byCore;
    this.#barrier = new Meeting(
      "barrier",
      byCore.flatMap((list, core) => (list.length > 0 ? [core] : [])),
    );
    this.#initialTokens = initialTokens(program, operations);
    this.#tokens = this.#initialTokens.slice();
  }

  /**
   * Runs all queues from begin to end, so many times. Tokens carry over to the next run. Throws B505 when threads wait for ever,
   * and whatever the behaviour throws; after an error the next run starts with the initial tokens.
   */
  run(batchCount: number): void {
    let complete = false;
    try {
      this.#ready = [];
      for (const thread of this.#threads) {
        thread.rewind(batchCount);
        if (thread.current !== null) this.#ready.push(thread);
      }
      if (this.#order === null) this.#runInOrder();
      else this.#runAtRandom(this.#order);
      const waiting = this.#threads.filter((thread) => thread.current !== null);
      if (waiting.length > 0) throw this.#deadlock(waiting);
      complete = true;
    } finally {
      if (!complete) this.#forget();
    }
  }

  /** Each thread runs until it waits; those that were woken go on in the order of their waking. */
  #runInOrder(): void {
    for (let next = 0; next < this.#ready.length; next += 1) {
      const thread = this.#ready[next] as Thread;
      while (this.#advance(thread));
      if (next === 65535) {
        this.#ready.splice(0, next + 1);
        next = -1;
      }
    }
  }

  #runAtRandom(order: RandomOrder): void {
    const channels = this.#channels;
    while (this.#ready.length + channels.length > 0) {
      const choice = order.random.integer(0, this.#ready.length + channels.length - 1);
      if (choice < this.#ready.length) {
        const thread = removeAt(this.#ready, choice);
        if (this.#advance(thread)) this.#ready.push(thread);
      } else {
        const index = choice - this.#ready.length;
        const channel = channels[index] as Packet[];
        const { operation, core, write } = channel.shift() as Packet;
        if (channel.length === 0) removeAt(channels, index);
        write(core);
        this.#raise(operation.token, core);
      }
    }
  }

  /** Executes the thread's current instruction if it may start; false when the thread cannot go on now. */
  #advance(thread: Thread): boolean {
    const operation = thread.current;
    if (operation === null) return false;
    const { instruction } = operation;
    switch (instruction.kind) {
      case "wait": {
        const slot = thread.core * this.#tokenCount + operation.token;
        const have = this.#tokens[slot] as number;
        if (have < instruction.count) {
          thread.waitingToken = operation.token;
          return false;
        }
        this.#tokens[slot] = have - instruction.count;
        this.#observer?.waited(thread, operation, instruction.count);
        break;
      }
      case "barrier":
        return this.#meet(this.#barrier, thread, (threads) => this.#observer?.met(threads));
      case "weights.stream":
        return this.#meet(this.#streamMeeting(thread, operation), thread, (threads) => this.#behaviour.stream(threads));
      case "signal":
      case "move":
      case "multicast":
      case "psum.send":
      case "program.load":
        this.#send(thread, operation, operation.destination as Destination);
        break;
      default:
        this.#behaviour.execute(thread, operation);
    }
    thread.advance();
    return thread.current !== null;
  }

  #send(thread: Thread, operation: Operation, destination: Destination): void {
    const { classRow, classColumn, turn } = thread;
    const row = fieldValue(destination.row, classRow, classColumn, turn);
    const column = fieldValue(destination.column, classRow, classColumn, turn);
    const signal = destination.carrier === "signal";
    const order = this.#order;
    const write = order === null || signal ? null : order.send(thread, operation);
    for (let down = 0; down < destination.rows; down += 1) {
      for (let right = 0; right < destination.columns; right += 1) {
        const core = coreNumber(this.#program, row + down, column + right);
        if (core < 0) {
          const { rows, columns } = this.#program.target;
          const message = `reaches core (${row + down},${column + right}); the grid is ${rows}×${columns}.`;
          throw fault(this.#program, thread, "B503", message);
        }
        if (core === thread.core && !destination.sender) continue;
        if (order === null || (signal && core === thread.core)) {
          if (!signal) this.#behaviour.transfer(thread, operation, core);
          this.#observer?.raised(thread, operation, core);
          this.#raise(operation.token, core);
        } else {
          this.#delay(thread, destination, { operation, core, write: write ?? (() => undefined) });
        }
      }
    }
  }

  /** Packets of one thread to one core take the same path, so they stay in order. */
  #delay(thread: Thread, destination: Destination, packet: Packet): void {
    const carrier = carriers.indexOf(destination.carrier);
    const key = (thread.number * carriers.length + carrier) * this.#threadsOfCore.length + packet.core;
    let channel = this.#carried.get(key);
    if (channel === undefined) {
      channel = [];
      this.#carried.set(key, channel);
    }
    if (channel.length === 0) this.#channels.push(channel);
    channel.push(packet);
  }

  #raise(token: number, core: number): void {
    const slot = core * this.#tokenCount + token;
    this.#tokens[slot] = (this.#tokens[slot] as number) + 1;
    const threads = this.#threadsOfCore[core] as readonly Thread[];
    for (let index = 0; index < threads.length; index += 1) {
      const thread = threads[index] as Thread;
      if (thread.waitingToken !== token) continue;
      const instruction = thread.current?.instruction;
      if (instruction?.kind === "wait" && (this.#tokens[slot] as number) >= instruction.count) {
        thread.waitingToken = -1;
        this.#ready.push(thread);
      }
    }
  }

  /** The thread comes to a meeting; the last one to come acts for all and wakes the others. */
  #meet(meeting: Meeting, thread: Thread, act: (threads: readonly Thread[]) => void): boolean {
    if (!meeting.arrive(thread)) return false;
    for (let complete = true; complete; ) {
      const threads = meeting.threads();
      act(threads);
      for (const member of threads) {
        member.advance();
        if (member !== thread && member.current !== null) this.#ready.push(member);
      }
      complete = meeting.reopen();
    }
    return thread.current !== null;
  }

  #streamMeeting(thread: Thread, operation: Operation): Meeting {
    const { rows, columns, row, column } = operation.destination as Destination;
    const { classRow, classColumn, turn } = thread;
    const one = {
      row: fieldValue(row, classRow, classColumn, turn),
      column: fieldValue(column, classRow, classColumn, turn),
      rows,
      columns,
    };
    const own = corePosition(this.#program, thread.core);
    const { row: top, column: left } = tileAround(one, own.row, own.column);
    let byCorner = this.#streamOf.get(operation);
    if (byCorner === undefined) {
      byCorner = new Map();
      this.#streamOf.set(operation, byCorner);
    }
    const corner = (top + 1) * 65536 + left + 1;
    let meeting = byCorner.get(corner);
    if (meeting === undefined) {
      const key = `weights.stream of cores (${top},${left}) + ${rows}×${columns}`;
      meeting = this.#streams.get(key) ?? this.#makeStream(thread, key, top, left, rows, columns);
      byCorner.set(corner, meeting);
    }
    return meeting;
  }

  #makeStream(thread: Thread, key: string, top: number, left: number, rows: number, columns: number): Meeting {
    const members: number[] = [];
    for (let row = top; row < top + rows; row += 1) {
      for (let column = left; column < left + columns; column += 1) {
        const core = coreNumber(this.#program, row, column);
        if (core < 0) throw fault(this.#program, thread, "B503", `${key} leaves the grid.`);
        members.push(core);
      }
    }
    const meeting = new Meeting(key, members);
    this.#streams.set(key, meeting);
    return meeting;
  }

  #forget(): void {
    this.#tokens.set(this.#initialTokens);
    this.#barrier.clear();
    for (const meeting of this.#streams.values()) meeting.clear();
    for (const channel of this.#channels) channel.length = 0;
    this.#channels.length = 0;
  }

  /** What threads wait for, alike on several cores once; first those that wait for a token: barriers are mostly consequences. */
  #deadlock(waiting: readonly Thread[]): BorealError {
    const shown = 24;
    const groups = new Map<string, Thread[]>();
    for (const thread of waiting) {
      const key = `${thread.step} ${describeCurrent(thread)} ${this.#reason(thread)}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [thread]);
      else group.push(thread);
    }
    const weight = ([first]: readonly Thread[]): number => (first !== undefined && first.waitingToken >= 0 ? 0 : 1);
    const sorted = [...groups.values()].sort((left, right) => weight(left) - weight(right));
    const problems = sorted.slice(0, shown).map((group): Problem => {
      const thread = group[0] as Thread;
      const alike = group.length > 1 ? ` The same on ${group.length - 1} more cores.` : "";
      return {
        code: "B505",
        message: `${describeCurrent(thread)} ${this.#reason(thread)}${alike}`,
        at: { layer: this.#program.steps[thread.step]?.name ?? "", core: thread.position },
        hint: "",
      };
    });
    const first: Problem = {
      code: "B505",
      message: `${waiting.length} of ${this.#threads.length} threads wait for ever:`,
      at: {},
    };
    const rest = sorted.length - problems.length;
    const last: Problem[] =
      rest > 0 ? [{ code: "B505", message: `... and ${rest} other waits.`, at: {}, hint: "" }] : [];
    return new BorealError([first, ...problems, ...last]);
  }

  #reason(thread: Thread): string {
    const operation = thread.current as Operation;
    const { instruction } = operation;
    switch (instruction.kind) {
      case "wait": {
        const have = this.#tokens[thread.core * this.#tokenCount + operation.token] as number;
        return `has ${have} and needs ${instruction.count}.`;
      }
      case "barrier":
        return `lacks ${this.#absent(this.#barrier)}.`;
      case "weights.stream":
        return `lacks ${this.#absent(this.#streamMeeting(thread, operation))}.`;
      default:
        throw internalError(`${describeOperation(operation, thread.turn)} was left ready`);
    }
  }

  #absent(meeting: Meeting): string {
    const cores = meeting.absent().map((core) => {
      const { row, column } = corePosition(this.#program, core);
      return `(${row},${column})`;
    });
    return `${cores.slice(0, 8).join(" ")}${cores.length > 8 ? ` and ${cores.length - 8} more cores` : ""}`;
  }
}

const carriers = ["activation", "partial", "instruction", "signal"] as const;

function removeAt<T>(items: T[], index: number): T {
  const item = items[index] as T;
  const last = items.pop() as T;
  if (index < items.length) items[index] = last;
  return item;
}

function initialTokens(program: Program, operations: Operations): Int32Array {
  const counts = new Int32Array(coreCount(program) * operations.tokens.length);
  for (const { cores, token, count } of program.initialTokens) {
    const number = operations.tokenNumbers.get(token) as number;
    for (let row = 0; row < cores.rows; row += 1) {
      for (let column = 0; column < cores.columns; column += 1) {
        const core = coreNumber(program, cores.row + row, cores.column + column);
        if (core < 0) {
          const at = { core: { row: cores.row + row, column: cores.column + column } };
          throw new BorealError([
            { code: "B503", message: `Initial token ${token} names a core outside the grid.`, at },
          ]);
        }
        const slot = core * operations.tokens.length + number;
        counts[slot] = (counts[slot] as number) + count;
      }
    }
  }
  return counts;
}
