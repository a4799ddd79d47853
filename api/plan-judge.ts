import {
  formLayers,
  type Placed,
  type Prepared,
  place,
  prepareSimplified,
  type Simplified,
  simplify,
  withoutWeights,
} from "../compiler/compile.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { SearchedLayer } from "../compiler/precision-search/searched-layer.ts";
import { stepOwners } from "../compiler/precision-search/step-owners.ts";
import { pooledSqnrDb } from "../compiler/quantize/accuracy.ts";
import { type CalibrationMethod, defaultCalibrationMethod } from "../compiler/quantize/calibration-method.ts";
import { NearestMemory } from "../compiler/quantize/nearest-memory.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import { quantizeGraph } from "../compiler/quantize/quantize.ts";
import { type CalibratedFloat, type CalibrationMemory, calibrateFloat } from "../compiler/quantize/quantize-float.ts";
import type { Quantizer } from "../compiler/quantize/quantizer.ts";
import type { State } from "../compiler/states.ts";
import { constantData, type Graph, valueTypes } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ChipTarget } from "../targets/target.ts";
import { evaluateExact, evaluateModel, toModelTypes } from "./answers.ts";
import { type ErrorMetric, outputEnergies } from "./error-metric.ts";
import type { Frame } from "./inputs.ts";
import type { PlanCost } from "./plan-costs.ts";
import { boundaryInputElements } from "./run.ts";
import { simulateProgram } from "./simulation.ts";
import { leavingOutputs, StateSequence } from "./states.ts";

/** Under which conditions plans are judged: those under which the same model is run. */
export interface JudgeOptions {
  readonly model: ImportedModel;
  readonly chip: ChipTarget;
  readonly metric: ErrorMetric;
  readonly quantizer: Quantizer;
  readonly calibrationMethod?: CalibrationMethod;
  readonly calibration: readonly Frame[];
  /** Samples whose answers are compared. */
  readonly frames: readonly Frame[];
  readonly states: readonly State[];
  readonly batchCount?: number;
  readonly hostOps?: boolean;
  /** What the mapper makes small; latency by default. */
  readonly objective?: Objective;
}

/** How wrong a plan's exact answers are. */
export interface PlanAccuracy {
  readonly error: number;
  readonly sqnrDb: number;
}

/** Judges precision plans of one model on one chip exactly; what plans share is computed once. */
export class PlanJudge {
  readonly #options: JudgeOptions;
  readonly #simplified: Simplified;
  readonly #memory: CalibrationMemory = { calibrated: new Map(), nearest: new NearestMemory() };
  readonly #leaving: readonly number[];
  #floatAnswers: readonly (readonly Tensor[])[] | null = null;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#simplified = simplify(options.model.graph);
    this.#leaving = leavingOutputs(options.model.graph, options.states);
  }

  /** Positions of the outputs that leave the chip. */
  get leaving(): readonly number[] {
    return this.#leaving;
  }

  /** The model in floats, ready to be given precisions, with ranges measured on the given frames. */
  calibrated(plan: PrecisionPlan, frames: readonly Frame[]): CalibratedFloat {
    const { quantizer, calibrationMethod, states } = this.#options;
    return calibrateFloat(this.#simplified.floatGraph, {
      frames,
      precision: plan,
      quantizer,
      calibrationMethod: calibrationMethod ?? defaultCalibrationMethod,
      wideInputs: states.map(({ input }) => input),
      contractor: makeWasmContractor(constantData(this.#simplified.floatGraph)),
      onPhase: () => undefined,
    });
  }

  /** Quantizes the model by a plan and compares its exact answers with those in f32. */
  accuracyOf(plan: PrecisionPlan): PlanAccuracy {
    const { model, metric, frames, states } = this.#options;
    const prepared = this.#prepare(plan);
    const elements = boundaryInputElements(model.graph, prepared, states);
    const types = valueTypes(model.graph);
    const outputElements = this.#leaving.map((index) => types.get(model.graph.outputs[index] ?? "")?.element ?? "f32");
    const contractor = makeWasmContractor(constantData(prepared.chipGraph));
    const sequence = new StateSequence(prepared.chipGraph, states);
    const meter = metric.meter();
    const float = this.#answers();
    const energies = frames.flatMap((frame, sample) => {
      const exact = evaluateExact(prepared.chipGraph, sequence.complete(frame), elements, { contractor });
      sequence.advance(exact);
      const chip = toModelTypes(this.#leavingOf(exact), outputElements);
      const reference = float[sample] ?? [];
      meter.add({ sample, frame, float: reference, chip });
      return outputEnergies(reference, chip);
    });
    return { error: meter.error(), sqnrDb: pooledSqnrDb(energies) };
  }

  /** Maps the model under a plan and simulates it. Neither depends on the values of weights, so they are left out. */
  costOf(plan: PrecisionPlan, layers: readonly SearchedLayer[], stated: Graph): PlanCost {
    const { model, chip, states, batchCount, hostOps, objective, quantizer } = this.#options;
    const quantized = quantizeGraph(withoutWeights(stated), {
      ranges: null,
      precision: plan,
      wideInputs: states.map(({ input }) => input),
      symmetric: quantizer.symmetric,
    });
    const { graph } = formLayers(quantized, { states, ...(hostOps === undefined ? {} : { hostOps }) });
    const placed = place(graph, model.graph, chip, {
      states,
      shapesOnly: true,
      ...(batchCount === undefined ? {} : { batchCount }),
      ...(objective === undefined ? {} : { objective }),
    });
    return costOf(placed, chip, layers);
  }

  #prepare(plan: PrecisionPlan): Prepared {
    const { quantizer, calibrationMethod, calibration, states, hostOps } = this.#options;
    return prepareSimplified(this.#simplified, {
      precision: plan,
      quantizer,
      calibrationFrames: calibration,
      calibrationMemory: this.#memory,
      states,
      ...(calibrationMethod === undefined ? {} : { calibrationMethod }),
      ...(hostOps === undefined ? {} : { hostOps }),
    });
  }

  #answers(): readonly (readonly Tensor[])[] {
    if (this.#floatAnswers !== null) return this.#floatAnswers;
    const { model, frames, states } = this.#options;
    const { floatGraph } = this.#simplified;
    const contractor = makeWasmContractor(constantData(floatGraph));
    const sequence = new StateSequence(model.graph, states);
    this.#floatAnswers = frames.map((frame) => {
      const outputs = evaluateModel(floatGraph, sequence.complete(frame), { contractor });
      sequence.advance(outputs);
      return this.#leavingOf(outputs);
    });
    return this.#floatAnswers;
  }

  #leavingOf(outputs: readonly Tensor[]): Tensor[] {
    return this.#leaving.flatMap((index) => outputs[index] ?? []);
  }
}

function costOf({ map, program, network }: Placed, chip: ChipTarget, layers: readonly SearchedLayer[]): PlanCost {
  const { metrics } = simulateProgram(program, chip, { range: false });
  const owners = stepOwners(network, layers);
  const ownerOf = new Map(network.layers.map(({ name }, index) => [name, owners[index] ?? -1]));
  const own = layers.map(() => ({ latencyCycles: 0, intervalCycles: 0, energyJoules: 0 }));
  for (const { name, cycles } of map.layerCosts) {
    const sums = own[ownerOf.get(name) ?? -1];
    if (sums === undefined) continue;
    sums.latencyCycles += cycles;
    sums.intervalCycles += cycles / program.batchCount;
  }
  for (const { name, energy } of metrics.steps) {
    const sums = own[ownerOf.get(name) ?? -1];
    if (sums !== undefined) sums.energyJoules += energy.totalJoules;
  }
  const { latencyCycles, intervalCycles, energyPerInferenceJoules: energyJoules } = metrics.onDevice;
  return { predictedCycles: map.predictedCycles, latencyCycles, intervalCycles, energyJoules, layers: own };
}
