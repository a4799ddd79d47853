import { problem } from "../../base/errors.ts";
import { goesOverEnd } from "../../base/step-range.ts";
import type { Program } from "../../ir/program.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Trace } from "../trace.ts";
import { type Code, compileCode } from "./code.ts";
import { TimingEngine } from "./engine.ts";
import type { TimingOptions } from "./recorder.ts";
import type { StretchMemory } from "./stretches.ts";

/**
 * Simulates when everything in a program happens on a target, for `batches` ≥ 1 runs of its queues: docs/machine.md,
 * docs/timing.md. It knows no values. Throws B501 when the program names a port that it lacks, B509 when it stands on or
 * sends to cores that the target lacks, B505 when threads wait for ever.
 */
export function simulateTiming(program: Program, target: ChipTarget, options: TimingOptions): Trace {
  return new TimingEngine(program, target, codeFor(program, target), options, null).run();
}

/**
 * A simulator of one program on one target: the traces of `simulateTiming`, but what a batch or a call repeats of an
 * earlier one is copied. Throws as `simulateTiming`.
 */
export function timingSimulator(program: Program, target: ChipTarget): (options: TimingOptions) => Trace {
  const code = codeFor(program, target);
  const memory: StretchMemory = new Map();
  return (options) => new TimingEngine(program, target, code, options, memory).run();
}

/** Batches to simulate for an interval: three, and one more that follows where something of a batch passes while others are computed. */
export function simulatedBatches({ buffers }: Program): number {
  return buffers.some(goesOverEnd) ? 4 : 3;
}

/** Two simulations of one program, as `metricsOf` needs them: without and with the host link. Throws as `simulateTiming`. */
export function simulateBoth(
  program: Program,
  target: ChipTarget,
  batches = simulatedBatches(program),
): { readonly onDevice: Trace; readonly withHost: Trace } {
  const simulate = timingSimulator(program, target);
  return { onDevice: simulate({ host: false, batches }), withHost: simulate({ host: true, batches }) };
}

function codeFor(program: Program, target: ChipTarget): Code {
  const { rows, columns } = target.grid;
  if (program.target.rows !== rows || program.target.columns !== columns) {
    throw problem(
      "B509",
      `The program is for ${program.target.rows} × ${program.target.columns} cores, but target "${target.name}" has ${rows} × ${columns}.`,
    );
  }
  return compileCode(program, target);
}
