import { problem } from "../../base/errors.ts";
import type { Program } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { CycleRecord } from "./core.ts";
import { type CycleOptions, Machine } from "./machine.ts";

/** What a run of the slow machine has shown. All times are cycles. */
export interface CycleRun {
  /** The cycle in which all is done. */
  readonly finish: number;
  /** When each step of each batch, and all steps before it, had ended: [batches][steps]. */
  readonly stepEnds: readonly (readonly number[])[];
  /** Every instruction that took part in time, in order of start. */
  readonly records: readonly CycleRecord[];
}

/**
 * Runs a program cycle by cycle, flit by flit, as docs/machine.md and docs/timing.md say: the reference for the timing
 * executor. It costs cores × cycles, so it is for small grids and short programs. Throws B505 when threads wait for
 * tokens that never come, B509 for a program that stands on another machine or on cores that do not exist.
 */
export function simulateCycles(program: Program, target: ChipTarget, options: CycleOptions): CycleRun {
  const { rows, columns } = program.target;
  if (rows !== target.grid.rows || columns !== target.grid.columns)
    throw problem(
      "B509",
      `Program "${program.name}" is for ${rows} × ${columns} cores; ${target.name} has ${target.grid.rows} × ${target.grid.columns}.`,
    );
  const machine = new Machine(program, target, options);
  machine.run();
  const { records } = machine;
  let last = 0;
  const stepEnds = Array.from({ length: options.batches }, (_, batch) =>
    program.steps.map((_step, step) => {
      for (const { issue, end, settled } of records) {
        if (issue.batch === batch && issue.step === step) last = Math.max(last, end, settled);
      }
      return last;
    }),
  );
  return { finish: last, stepEnds, records };
}
