import { fieldValue, type Rectangle, type RectangleField } from "../../ir/instruction.ts";
import { type Program, type ThreadName, threadNames } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Activity } from "./activity.ts";
import { contains, type Place } from "./grid.ts";
import { MemoryPort } from "./memory-port.ts";
import { type Issue, issuesOf } from "./queue.ts";

/** An instruction that took part in time. `settled`: when its last message had arrived; its end when it sends none. */
export interface CycleRecord {
  readonly core: Place;
  readonly thread: ThreadName;
  readonly issue: Issue;
  readonly start: number;
  end: number;
  settled: number;
}

/** One thing of which a core, or for the host's lanes the chip, has one: it belongs to one thread at a time. */
export interface Unit {
  holder: Thread | null;
}

/**
 * free: goes on in this cycle; token: waits for one; collective: waits for other cores; ready: starts when its unit is
 * free; busy: its instruction runs; pausing: until it issues the next; done: its queue has ended.
 */
export type ThreadState = "free" | "token" | "collective" | "ready" | "busy" | "pausing" | "done";

/** A thread of a core. */
export interface Thread {
  readonly name: ThreadName;
  readonly core: Core;
  readonly issues: Iterator<Issue>;
  /** The instruction at which it stands. */
  issue: Issue | null;
  state: ThreadState;
  pauseCycles: number;
  /** Set while busy. */
  running: { readonly activity: Activity; readonly unit: Unit | null; readonly record: CycleRecord } | null;
  /** How many packets it has sent in its current step of a batch. */
  sent: { readonly batch: number; readonly step: number; readonly count: number };
}

/** A core, or an io core. */
export interface Core {
  readonly place: Place;
  readonly tokens: Map<number, number>;
  /** Those that have instructions, in order. */
  readonly threads: Thread[];
  readonly port: MemoryPort;
  readonly matrix: Unit;
  readonly vector: Unit;
}

/** A core with the threads that have instructions in a program, and its initial tokens. */
export function makeCore(program: Program, target: ChipTarget, place: Place, batches: number): Core {
  const core: Core = {
    place,
    tokens: new Map(),
    threads: [],
    port: new MemoryPort(target.core.memoryPortBytesPerCycle),
    matrix: { holder: null },
    vector: { holder: null },
  };
  for (const { cores, token, count } of program.initialTokens) {
    if (contains(cores, place)) core.tokens.set(token, (core.tokens.get(token) ?? 0) + count);
  }
  for (const name of threadNames) {
    if (issuesOf(program, place, name, 1).next().done) continue;
    core.threads.push({
      name,
      core,
      issues: issuesOf(program, place, name, batches),
      issue: null,
      state: "free",
      pauseCycles: 0,
      running: null,
      sent: { batch: 0, step: 0, count: 0 },
    });
  }
  return core;
}

/** The rectangle that an instruction names on its core, in its turn. */
export function rectangleOf(field: RectangleField, { row, column, turn }: Issue): Rectangle {
  return {
    row: fieldValue(field.row, row, column, turn),
    column: fieldValue(field.column, row, column, turn),
    rows: field.rows,
    columns: field.columns,
  };
}
