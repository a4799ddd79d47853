import { type BorealError, problem } from "../../base/errors.ts";
import { threadNames } from "../../ir/program.ts";
import * as layout from "../../kernels/timing-layout.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreOf, type InstructionPlace } from "../trace.ts";
import type { Code } from "./code.ts";
import { type EngineTables, threadField } from "./engine.ts";

/** A thread that never ends, where it stands, and the counter of the token that it waits for, if it does. */
interface StuckThread {
  readonly thread: number;
  readonly operation: number;
  readonly batch: number;
  readonly tokens: number;
}

/** Threads that an error names; the rest are counted. */
const shownThreads = 8;

/** Throws B505 when threads are not done and nothing is left to happen. */
export function checkFinished({ threads, counters }: EngineTables, code: Code, target: ChipTarget): void {
  const stuck: StuckThread[] = [];
  for (let thread = 0; thread < code.coreCount * layout.threadsPerCore; thread += 1) {
    if (threadField(threads, thread, layout.standingField) === layout.finished) continue;
    const operation = threadField(threads, thread, layout.operationField);
    const counter = (thread >> 3) * code.tokenCount + (code.token[operation] as number);
    stuck.push({
      thread,
      operation,
      batch: threadField(threads, thread, layout.batchField),
      tokens: counters[counter] as number,
    });
  }
  if (stuck.length > 0) throw stuckThreads(stuck, code, target);
}

/** The error B505 for threads that wait for ever. */
function stuckThreads(stuck: readonly StuckThread[], code: Code, target: ChipTarget): BorealError {
  const lines = stuck.slice(0, shownThreads).map(({ thread, operation, batch, tokens }) => {
    const { row, column } = coreOf(target.grid, thread >> 3);
    const { instruction, step } = code.places[operation] as InstructionPlace;
    const what =
      instruction.kind === "wait"
        ? `token ${instruction.token} (has ${tokens}, needs ${instruction.count})`
        : `the other cores at its ${instruction.kind}`;
    return `core (${row},${column}) ${threadNames[thread & 7]}, step ${step}, batch ${batch}: ${what}`;
  });
  const rest = stuck.length > shownThreads ? `; and ${stuck.length - shownThreads} more` : "";
  return problem("B505", `${stuck.length} threads wait for ever: ${lines.join("; ")}${rest}.`);
}
