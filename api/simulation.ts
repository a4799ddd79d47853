import { sum } from "../base/math.ts";
import { holdsStep } from "../base/step-range.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import { enteringPorts, leavingPorts, type Program } from "../ir/program.ts";
import type {
  EnergyResult,
  EnergySplitResult,
  LayerResult,
  MemoryResult,
  RangeResult,
  TimingResult,
  WithHostResult,
} from "../report/figures-schema.ts";
import type { Bounds } from "../runtime-sim/bound.ts";
import { coreEnergies } from "../runtime-sim/energy-split.ts";
import { metricsOf, type RunMetrics } from "../runtime-sim/metrics.ts";
import { simulatedBatches, timingSimulator } from "../runtime-sim/timing/simulate.ts";
import type { Trace } from "../runtime-sim/trace.ts";
import { type IdealResource, idealChip } from "../targets/ideal.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { Idealization } from "./ideal.ts";
import { noProgress, type OnProgress } from "./progress.ts";
import { heldRangeOf, rangeOf } from "./range.ts";

/** Events up to which a program is simulated again for its range unless told otherwise. */
const mostEventsForRange = 250_000;

/** What a simulation gives. */
export interface Simulation {
  /** The chip that was simulated, some of its resources perhaps free. */
  readonly chip: ChipTarget;
  readonly metrics: RunMetrics;
  /** The same on the real chip; null when nothing is free. */
  readonly idealization: Idealization | null;
  /** Input already in the framebuffer. */
  readonly onDevice: Trace;
  readonly withHost: Trace;
  readonly memory: MemoryResult;
  readonly range: RangeResult | null;
  readonly energySplit: EnergySplitResult | null;
}

/** How a program is simulated. */
export interface SimulateOptions {
  /**
   * Moves the estimates to both ends of their ranges: true simulates again, whatever it takes; by default a program of few
   * events is simulated again, and energy alone is moved otherwise; false moves nothing.
   */
  readonly range?: boolean;
  /** Splits the energy by layer and core. */
  readonly energySplit?: boolean;
  /** Resources that take no time; the program, and with it the mapping, stays that of the real chip. */
  readonly ideal?: readonly IdealResource[];
  readonly onProgress?: OnProgress;
}

/** Simulates when everything in a program happens on a chip and what it costs. Throws B501, B505, B509. */
export function simulateProgram(program: Program, chip: ChipTarget, options: SimulateOptions = {}): Simulation {
  const onProgress = options.onProgress ?? noProgress;
  const resources = [...new Set(options.ideal ?? [])];
  if (resources.length > 0) {
    const { onProgress: _, ideal: __, ...rest } = options;
    const real = simulateProgram(program, chip, { ...rest, range: false, energySplit: false, onProgress });
    const ideal = simulateProgram(program, idealChip(chip, resources), { ...rest, range: false, onProgress });
    return { ...ideal, idealization: { resources, real: real.metrics } };
  }
  onProgress({ phase: "simulate on device", fraction: null });
  const simulate = timingSimulator(program, chip);
  const batches = simulatedBatches(program);
  const onDevice = simulate({ host: false, batches });
  onProgress({ phase: "simulate with host", fraction: null });
  const withHost = simulate({ host: true, batches });
  onProgress({ phase: "add up time and energy", fraction: null });
  const metrics = metricsOf({ onDevice, withHost }, program, chip);
  let range: RangeResult | null = null;
  if (options.range !== false) {
    const simulated = options.range === true || onDevice.eventCount <= mostEventsForRange;
    if (simulated) onProgress({ phase: "simulate the estimates' ranges", fraction: null });
    range = simulated ? rangeOf(program, chip, metrics) : heldRangeOf(program, chip, metrics);
  }
  const energySplit = options.energySplit === true ? energySplitOf(metrics, onDevice, program, chip) : null;
  const memory = memoryOf(program, chip);
  return { chip, metrics, idealization: null, onDevice, withHost, memory, range, energySplit };
}

/** Energy of an inference on device by layer and by core. */
function energySplitOf({ steps }: RunMetrics, onDevice: Trace, program: Program, chip: ChipTarget): EnergySplitResult {
  return {
    layers: steps.map(({ name, energy: { byComponentJoules, staticJoules, totalJoules } }) => ({
      name,
      byComponentJoules: { ...byComponentJoules },
      staticJoules,
      totalJoules,
    })),
    cores: coreEnergies(onDevice, program, chip).map((core) => ({
      ...core,
      byComponentJoules: { ...core.byComponentJoules },
    })),
  };
}

/** How full the memories of a chip are while a program runs. */
export function memoryOf(program: Program, chip: ChipTarget): MemoryResult {
  const cores = chip.grid.rows * chip.grid.columns;
  const buffers = program.buffers.filter(({ space }) => space === "memory");
  const live = program.steps.map((_, step) =>
    sum(buffers.filter((each) => holdsStep(each, step)).map(({ bytes }) => bytes)),
  );
  const ports = [...enteringPorts(program), ...leavingPorts(program)];
  return {
    usedBytes: Math.max(0, ...live) * cores,
    peakCoreBytes: Math.max(0, ...buffers.map(({ address, bytes }) => address + bytes)),
    coreCapacityBytes: chip.core.memoryBytes,
    capacityBytes: cores * chip.core.memoryBytes,
    frameBufferUsedBytes: Math.max(0, ...ports.map(({ frameAddress, bytes }) => frameAddress + bytes)),
    frameBufferCapacityBytes: chip.frameBuffer.bytes,
  };
}

/** Time on device as a result has it; bounds are null without a graph. The bound fraction is of the objective's figure. */
export function timingResult(
  { onDevice }: RunMetrics,
  bounds: Bounds | null,
  objective: Objective = "latency",
): TimingResult {
  const fractionOf = ({ latencyCycles, intervalCycles }: Bounds["onDevice"]): number =>
    objective === "throughput" ? intervalCycles / onDevice.intervalCycles : latencyCycles / onDevice.latencyCycles;
  return {
    latencyCycles: onDevice.latencyCycles,
    latencySeconds: onDevice.latencySeconds,
    intervalCycles: onDevice.intervalCycles,
    throughputPerSecond: onDevice.throughputPerSecond,
    boundLatencyCycles: bounds?.onDevice.latencyCycles ?? null,
    boundIntervalCycles: bounds?.onDevice.intervalCycles ?? null,
    packedBoundIntervalCycles: bounds?.packed.intervalCycles ?? null,
    boundFraction: bounds === null ? null : fractionOf(bounds.onDevice),
    boundResource: bounds?.onDevice.bindingResource ?? null,
    utilizationFraction: onDevice.utilizationFraction,
    bindingResource: onDevice.bindingResource,
    cyclesByCause: { ...onDevice.stack },
  };
}

/** Energy on device as a result has it. */
export function energyResult({ onDevice }: RunMetrics): EnergyResult {
  return {
    energyPerInferenceJoules: onDevice.energyPerInferenceJoules,
    dynamicJoules: onDevice.energy.dynamicJoules,
    idleJoules: onDevice.energy.staticJoules,
    powerWatts: onDevice.powerWatts,
    byComponentJoules: { ...onDevice.energy.byComponentJoules },
  };
}

/** Time and energy with the host link as a result has them. */
export function withHostResult({ withHost }: RunMetrics): WithHostResult {
  return {
    latencyCycles: withHost.latencyCycles,
    latencySeconds: withHost.latencySeconds,
    intervalCycles: withHost.intervalCycles,
    throughputPerSecond: withHost.throughputPerSecond,
    energyPerInferenceJoules: withHost.energyPerInferenceJoules,
    powerWatts: withHost.powerWatts,
    bindingResource: withHost.bindingResource,
  };
}

/** What is known of a layer beside its simulation, by the layer's name. */
export interface LayerFacts {
  readonly boundCycles: number | null;
  readonly split: LayerResult["split"];
  readonly corner: LayerResult["corner"];
  readonly beside: string | null;
  readonly weights: LayerResult["weights"];
  readonly weightCopyCount: number | null;
  readonly sqnrDb: number | null;
}

/** The layers of a result, in the order in which they run. */
export function layerResults({ steps }: RunMetrics, factsOf: (layer: string) => LayerFacts | null): LayerResult[] {
  return steps.map((step) => {
    const facts = factsOf(step.name);
    return {
      name: step.name,
      onnxNodes: [...step.origin],
      kind: step.kind,
      macCount: step.macCount,
      latencyCycles: step.latencyCycles,
      intervalCycles: step.intervalCycles,
      boundCycles: facts?.boundCycles ?? null,
      energyJoules: step.energy.totalJoules,
      bindingResource: step.bindingResource,
      cyclesByCause: { ...step.stack },
      split: facts?.split ?? null,
      corner: facts?.corner ?? null,
      beside: facts?.beside ?? null,
      weights: facts?.weights ?? null,
      weightCopyCount: facts?.weightCopyCount ?? null,
      sqnrDb: facts?.sqnrDb ?? null,
    };
  });
}
