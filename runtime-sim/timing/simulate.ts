import { problem } from "../../base/errors.ts";
import { goesOverEnd } from "../../base/step-range.ts";
import type { Program } from "../../ir/program.ts";
import * as layout from "../../kernels/timing-layout.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Trace } from "../trace.ts";
import { type Code, compileCode } from "./code.ts";
import { TimingEngine } from "./engine.ts";
import { Recorder, type TimingOptions } from "./recorder.ts";
import { strayMessage } from "./stray.ts";
import { Stretches, type StretchMemory } from "./stretches.ts";
import { checkFinished } from "./stuck.ts";

/**
 * Simulates when everything in a program happens on a target, for `batches` ≥ 1 runs of its queues: docs/machine.md,
 * docs/timing.md. It knows no values. Throws B501 when the program names a port that it lacks, B509 when it stands on or
 * sends to cores that the target lacks, B505 when threads wait for ever.
 */
export function simulateTiming(program: Program, target: ChipTarget, options: TimingOptions): Trace {
  return simulatorOf(program, target, null)(options);
}

/**
 * A simulator of one program on one target: the traces of `simulateTiming`, but what a batch or a call repeats of an
 * earlier one is not simulated again. Throws as `simulateTiming`.
 */
export function timingSimulator(program: Program, target: ChipTarget): (options: TimingOptions) => Trace {
  return simulatorOf(program, target, new Map());
}

/** What `memory` holds of earlier simulations is repeated, and it is filled; without one everything is simulated. */
function simulatorOf(
  program: Program,
  target: ChipTarget,
  memory: StretchMemory | null,
): (options: TimingOptions) => Trace {
  const code = codeFor(program, target);
  const stepCount = program.steps.length;
  const engine = new TimingEngine(code, target, stepCount);
  return (options) => {
    const recorder = new Recorder(code, stepCount, options);
    const stretches = new Stretches(memory, { code, ...options, engine, recorder });
    engine.begin(options.batches, options.host);
    for (let pause = engine.run(); pause !== layout.allDone; pause = engine.run()) {
      const { header } = engine.tables;
      if (pause === layout.messageStrayed) {
        throw strayMessage(engine.tables, header[layout.strayThread] as number, code, target);
      }
      stretches.passBarrier(header[layout.barrierThread] as number);
    }
    checkFinished(engine.tables, code, target);
    recorder.take(engine);
    return recorder.trace(target, engine);
  };
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
