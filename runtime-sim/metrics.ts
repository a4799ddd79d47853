import { internalError } from "../base/errors.ts";
import { at, sum } from "../base/math.ts";
import type { Program, ProgramStep } from "../ir/program.ts";
import { elementTypes } from "../ir/type.ts";
import { peakMacsPerCycle } from "../targets/cost.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type Counts, countsOf, withHostTransfers } from "./counts.ts";
import { type Energy, energyOf } from "./energy.ts";
import { addStacks, bindingResource, type CycleCause, type CycleStack, stepCyclesOf } from "./metrics-stack.ts";
import type { Trace } from "./trace.ts";

/** What one step costs, on device. */
export interface StepMetrics {
  readonly name: string;
  readonly kind: ProgramStep["kind"];
  readonly origin: readonly string[];
  /** Unpadded MACs of the step, whole batch. */
  readonly macCount: number;
  /** Cycles of the step in the first batch; the steps add up to the latency. */
  readonly latencyCycles: number;
  /** Causes of those cycles; they add up to them exactly. */
  readonly stack: CycleStack;
  readonly bindingResource: CycleCause;
  /** Cycles of the step in the steady batch; the steps add up to the interval × batch. */
  readonly intervalCycles: number;
  /** Counts of the whole batch. */
  readonly counts: Counts;
  /** Energy per inference, with the static power of the step's interval cycles. */
  readonly energy: Energy;
}

/** The figures of a run, on device or with host. */
export interface Figures {
  /** From the start to the end of the first batch. */
  readonly latencyCycles: number;
  readonly latencySeconds: number;
  /** Cycles between the ends of the steady batch and of the one before, divided by the batch: per inference. */
  readonly intervalCycles: number;
  readonly throughputPerSecond: number;
  /** Per inference: dynamic energy and static power × interval. */
  readonly energy: Energy;
  readonly energyPerInferenceJoules: number;
  readonly powerWatts: number;
  /** Σ over steps of unpadded MACs ÷ peak MACs a cycle at the step's precision, ÷ interval. */
  readonly utilizationFraction: number;
  /** The cause with the most cycles of the latency. */
  readonly bindingResource: CycleCause;
  readonly stack: CycleStack;
}

/** All figures of a program on a target. */
export interface RunMetrics {
  readonly onDevice: Figures;
  readonly withHost: Figures;
  /** On device. */
  readonly steps: readonly StepMetrics[];
}

/** Cycles of the matrix units of the whole chip that a program's unpadded MACs need at least. */
export function matrixCycles(program: Program, target: ChipTarget): number {
  const coreCount = target.grid.rows * target.grid.columns;
  return sum(
    program.steps.map(({ macCount, macElement }) =>
      macElement === null ? 0 : macCount / (coreCount * peakMacsPerCycle(target, elementTypes[macElement].bits)),
    ),
  );
}

/**
 * The batch that stands for all that follow: the third of three, of more the last that another one follows, with which it may share
 * the machine. Throws B901 for a trace of fewer than three batches.
 */
export function steadyBatch({ batchCount }: Trace): number {
  if (batchCount < 3) throw internalError(`an interval needs 3 batches, the trace has ${batchCount}`);
  return Math.max(2, batchCount - 2);
}

/** Cycles between the ends of the steady batch and of the one before. Throws B901 for a trace of fewer than three batches. */
export function batchIntervalCycles(trace: Trace): number {
  const batch = steadyBatch(trace);
  return at(trace.batchEnds, batch) - at(trace.batchEnds, batch - 1);
}

function figuresOf(trace: Trace, program: Program, target: ChipTarget, counts: Counts, stack: CycleStack): Figures {
  const latencyCycles = at(trace.batchEnds, 0);
  const batchInterval = batchIntervalCycles(trace);
  const intervalCycles = batchInterval / program.batchCount;
  const energy = energyOf(counts, target, batchInterval, program.batchCount);
  return {
    latencyCycles,
    latencySeconds: latencyCycles / target.clockHz,
    intervalCycles,
    throughputPerSecond: target.clockHz / intervalCycles,
    energy,
    energyPerInferenceJoules: energy.totalJoules,
    powerWatts: (energy.totalJoules * target.clockHz) / intervalCycles,
    utilizationFraction: matrixCycles(program, target) / batchInterval,
    bindingResource: bindingResource(stack),
    stack,
  };
}

/**
 * Derives all figures from two traces of the same program, each of at least three batches: one on device, one with the
 * host link. Throws B901 for fewer batches.
 */
export function metricsOf(
  traces: { readonly onDevice: Trace; readonly withHost: Trace },
  program: Program,
  target: ChipTarget,
): RunMetrics {
  const { onDevice, withHost } = traces;
  const counts = countsOf(onDevice, program);
  const first = stepCyclesOf(onDevice, target, 0);
  const last = stepCyclesOf(onDevice, target, steadyBatch(onDevice));
  const steps = program.steps.map((step, index): StepMetrics => {
    const { startCycle, endCycle, stack } = at(first, index);
    const steady = at(last, index);
    const intervalCycles = steady.endCycle - steady.startCycle;
    return {
      name: step.name,
      kind: step.kind,
      origin: step.origin,
      macCount: step.macCount,
      latencyCycles: endCycle - startCycle,
      stack,
      bindingResource: bindingResource(stack),
      intervalCycles,
      counts: at(counts.steps, index),
      energy: energyOf(at(counts.steps, index), target, intervalCycles, program.batchCount),
    };
  });
  const hostCounts = withHostTransfers(counts.total, withHost, program);
  const hostStack = addStacks(stepCyclesOf(withHost, target, 0).map(({ stack }) => stack));
  return {
    onDevice: figuresOf(onDevice, program, target, counts.total, addStacks(first.map(({ stack }) => stack))),
    withHost: figuresOf(withHost, program, target, hostCounts, hostStack),
    steps,
  };
}
