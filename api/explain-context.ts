import { at } from "../base/math.ts";
import type { Compiled } from "../compiler/compile.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import type { LayerExplanation } from "../report/explain-schema.ts";
import { countsOf } from "../runtime-sim/counts.ts";
import { energyOf } from "../runtime-sim/energy.ts";
import { batchIntervalCycles, type RunMetrics } from "../runtime-sim/metrics.ts";
import { stepCyclesOf } from "../runtime-sim/metrics-stack.ts";
import { simulatedBatches, timingSimulator } from "../runtime-sim/timing/simulate.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { CompileModelOptions } from "./compile.ts";
import type { OnProgress } from "./progress.ts";

/** What a layer is explained from beside how it stands. */
export interface LayerContext {
  readonly compiled: Compiled;
  readonly metrics: RunMetrics;
  /** Compiles the same model with something changed, nothing pinned. */
  readonly compileAgain: (change: Pick<CompileModelOptions, "precision" | "batchCount">) => Compiled;
  readonly precision: string | PrecisionPlan | undefined;
  readonly objective: Objective;
  /** The mapping that the user gave. */
  readonly pinned: Mapping | null;
  readonly onProgress: OnProgress;
}

/** What a program makes of a layer and of the network. */
export type Effect = NonNullable<LayerExplanation["alternatives"][number]["simulated"]>;

/** Latency of a layer and of the network on device, whole batch, and the network's energy per inference. */
export function effectOf(program: Program, chip: ChipTarget, layer: string): Effect {
  const trace = timingSimulator(program, chip)({ host: false, batches: simulatedBatches(program) });
  const steps = stepCyclesOf(trace, chip, 0);
  const index = program.steps.findIndex(({ name }) => name === layer);
  const cycles = index < 0 ? null : at(steps, index).endCycle - at(steps, index).startCycle;
  const counts = countsOf(trace, program).total;
  return {
    layerCycles: cycles,
    latencyCycles: at(trace.batchEnds, 0),
    energyJoules: energyOf(counts, chip, batchIntervalCycles(trace), program.batchCount).totalJoules,
  };
}
