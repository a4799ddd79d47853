import type { Instruction, SimpleInstruction } from "../../ir/instruction.ts";
import type { Program, ThreadName } from "../../ir/program.ts";
import { contains, type Place } from "./grid.ts";

/** An instruction as a thread issues it: in a batch, a step, and a turn of its loop, on a core at (row, column) of its class. */
export interface Issue {
  readonly instruction: SimpleInstruction;
  readonly batch: number;
  readonly step: number;
  readonly row: number;
  readonly column: number;
  readonly turn: number;
}

/** All that a thread of a core issues, in order, with loops unrolled: its queue once for each batch. */
export function* issuesOf(program: Program, core: Place, thread: ThreadName, batches: number): Generator<Issue> {
  const parts = program.steps.flatMap(({ classes }, step) =>
    classes.flatMap(({ cores, threads }) => {
      const list = threads[thread];
      if (list === undefined || !contains(cores, core)) return [];
      return [{ list, step, row: core.row - cores.row, column: core.column - cores.column }];
    }),
  );
  for (let batch = 0; batch < batches; batch += 1) {
    for (const { list, ...where } of parts) {
      for (const { instruction, turn } of unrolled(list)) yield { instruction, batch, turn, ...where };
    }
  }
}

function* unrolled(list: readonly Instruction[]): Generator<{ instruction: SimpleInstruction; turn: number }> {
  for (const instruction of list) {
    if (instruction.kind !== "loop") yield { instruction, turn: 0 };
    else {
      for (let turn = 0; turn < instruction.count; turn += 1) {
        for (const inner of instruction.body) yield { instruction: inner, turn };
      }
    }
  }
}
