import type { Code } from "../../base/codes.ts";
import { type BorealError, problem } from "../../base/errors.ts";
import type { VectorInstruction } from "../../ir/instruction.ts";
import { type Program, type ProgramStep, type ThreadName, threadNames } from "../../ir/program.ts";
import { type CorePosition, coreCount, coreNumber, corePosition } from "./memory-map.ts";
import { type Entry, isLoop, type Loop, type Operation, type Operations } from "./operation.ts";

/** What a thread does in one step: entries shared with the other cores of its class, and the core's place in the class. */
interface Segment {
  readonly entries: readonly Entry[];
  readonly step: number;
  readonly row: number;
  readonly column: number;
}

/** An instruction as it was issued: what errors name. A thread is the view of its own current instruction. */
export interface Issue {
  readonly core: number;
  readonly position: CorePosition;
  readonly name: ThreadName;
  readonly step: number;
  readonly turn: number;
  readonly current: Operation | null;
}

/** The in-order queue of one thread of one core; a cursor over instructions that are never copied. */
export class Thread implements Issue {
  /** Dense number among the threads of the program that have a queue. */
  readonly number: number;
  readonly core: number;
  readonly position: CorePosition;
  readonly name: ThreadName;
  readonly segments: Segment[] = [];
  /** The instruction to execute next; null at the end of the queue. */
  current: Operation | null = null;
  /** The step of the current instruction. */
  step = 0;
  /** The core's place in the class of the current instruction. */
  classRow = 0;
  classColumn = 0;
  /** The turn of the loop around the current instruction; 0 outside loops. */
  turn = 0;
  /** The batch of the current instruction, counted from the first of the run. */
  batch = 0;
  /** The dense token that the thread waits for; −1 when it does not. */
  waitingToken = -1;
  #batchCount = 1;
  #segment = 0;
  #entry = -1;
  #loop: Loop | null = null;
  #body = 0;

  constructor(number: number, core: number, position: CorePosition, name: ThreadName) {
    this.number = number;
    this.core = core;
    this.position = position;
    this.name = name;
  }

  /** Goes back to the first instruction, to run the queue so many times. */
  rewind(batchCount: number): void {
    this.#batchCount = batchCount;
    this.batch = 0;
    this.#segment = 0;
    this.#entry = -1;
    this.#loop = null;
    this.waitingToken = -1;
    this.#enterSegment();
    this.advance();
  }

  /** Goes to the next instruction. */
  advance(): void {
    const loop = this.#loop;
    if (loop !== null) {
      this.#body += 1;
      if (this.#body === loop.body.length) {
        this.#body = 0;
        this.turn += 1;
      }
      if (this.turn < loop.count) {
        this.current = loop.body[this.#body] as Operation;
        return;
      }
      this.#loop = null;
      this.turn = 0;
    }
    for (;;) {
      const segment = this.segments[this.#segment];
      if (segment === undefined) {
        if (this.batch + 1 >= this.#batchCount || this.segments.length === 0) {
          this.current = null;
          return;
        }
        this.batch += 1;
        this.#segment = 0;
        this.#enterSegment();
        continue;
      }
      this.#entry += 1;
      const entry = segment.entries[this.#entry];
      if (entry === undefined) {
        this.#segment += 1;
        this.#entry = -1;
        this.#enterSegment();
      } else if (!isLoop(entry)) {
        this.current = entry;
        return;
      } else if (entry.count > 0 && entry.body.length > 0) {
        this.#loop = entry;
        this.#body = 0;
        this.turn = 0;
        this.current = entry.body[0] as Operation;
        return;
      }
    }
  }

  #enterSegment(): void {
    const segment = this.segments[this.#segment];
    if (segment === undefined) return;
    this.step = segment.step;
    this.classRow = segment.row;
    this.classColumn = segment.column;
  }
}

/**
 * Builds the queues of all cores, the steps in order. Throws B503 for a class that leaves the grid, and for a thread of a core
 * that stands in two classes of a step.
 */
export function makeThreads(program: Program, operations: Operations): Thread[] {
  const threads: Thread[] = [];
  const byCore = new Map<number, Thread>();
  const threadOf = (core: number, name: ThreadName): Thread => {
    const key = core * threadNames.length + threadNames.indexOf(name);
    const known = byCore.get(key);
    if (known !== undefined) return known;
    const made = new Thread(threads.length, core, corePosition(program, core), name);
    threads.push(made);
    byCore.set(key, made);
    return made;
  };
  program.steps.forEach((step, stepNumber) => {
    const taken = new Uint8Array(coreCount(program));
    for (const { cores, threads: lists } of step.classes) {
      for (let row = 0; row < cores.rows; row += 1) {
        for (let column = 0; column < cores.columns; column += 1) {
          const core = coreNumber(program, cores.row + row, cores.column + column);
          requireCore(step, core, cores.row + row, cores.column + column);
          for (const name of threadNames) {
            const list = lists[name];
            if (list === undefined || list.length === 0) continue;
            claim(step, taken, core, name, cores.row + row, cores.column + column);
            const entries = operations.entries.get(list) as readonly Entry[];
            threadOf(core, name).segments.push({ entries, step: stepNumber, row, column });
          }
        }
      }
    }
  });
  return threads;
}

function requireCore(step: ProgramStep, core: number, row: number, column: number): void {
  if (core >= 0) return;
  throw problem("B503", "A class of cores reaches outside the grid.", { layer: step.name, core: { row, column } });
}

/** Takes a thread of a core for one class of the step. */
function claim(
  step: ProgramStep,
  taken: Uint8Array,
  core: number,
  name: ThreadName,
  row: number,
  column: number,
): void {
  const bit = 1 << threadNames.indexOf(name);
  if (((taken[core] as number) & bit) !== 0) {
    const at = { layer: step.name, core: { row, column } };
    throw problem("B503", `Two classes of one step hold the ${name} thread of the same core.`, at);
  }
  taken[core] = (taken[core] as number) | bit;
}

/** Names the current instruction of a thread: `vector[4.1] requantize, turn 3`. */
export function describeCurrent(thread: Issue): string {
  const operation = thread.current;
  return operation === null ? `${thread.name}[end]` : describeOperation(operation, thread.turn);
}

/** Names an instruction: `matrix[2] matmul 1 × [4,7] × [3,3,64] × 32`. */
export function describeOperation(operation: Operation, turn: number): string {
  const { instruction, place } = operation;
  const detail = ((): string => {
    switch (instruction.kind) {
      case "matmul":
        return ` ${instruction.groups} × [${instruction.rows}] × [${instruction.inner}] × ${instruction.columns}`;
      case "vector":
        return ` ${passText(instruction)} [${instruction.counts}]`;
      case "reduce":
        return ` ${instruction.function} [${instruction.counts}] over [${instruction.inner}]`;
      case "gather":
      case "move":
      case "multicast":
        return ` [${instruction.counts}] × ${instruction.elementBytes} bytes`;
      case "wait":
      case "signal":
        return ` token ${instruction.token}`;
      default:
        return "";
    }
  })();
  return `${place} ${instruction.kind}${detail}${/\.\d+\]$/.test(place) ? `, turn ${turn}` : ""}`;
}

/** The functions of a pass: `add, relu, quantize`. */
function passText({ function: name, activation }: VectorInstruction): string {
  return [name, ...activation.map((stage) => stage.function)].join(", ");
}

/** Makes the error of a thread's current instruction. */
export function fault(program: Program, thread: Issue, code: Code, message: string): BorealError {
  const layer = program.steps[thread.step]?.name ?? "";
  return problem(code, `${describeCurrent(thread)}: ${message}`, { layer, core: thread.position });
}
