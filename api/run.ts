import type { Compiled } from "../compiler/compile.ts";
import { firstCore } from "../compiler/geometry.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { RunPassesOptions } from "../compiler/passes/pass.ts";
import type { CalibrationMethod } from "../compiler/quantize/calibration-method.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { Quantizer } from "../compiler/quantize/quantizer.ts";
import type { State, StatePair } from "../compiler/states.ts";
import { nameInStream } from "../compiler/streams.ts";
import { type Graph, valueTypes } from "../ir/graph.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { ElementType } from "../ir/type.ts";
import type { Warning } from "../report/figures-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type {
  AccuracyResult,
  BatchFigures,
  Choices,
  ForecastResult,
  ModelSummary,
  RunResult,
} from "../report/schemas.ts";
import { type Bounds, boundsOf } from "../runtime-sim/bound.ts";
import type { IdealResource } from "../targets/ideal.ts";
import { AccuracyMeter } from "./accuracy.ts";
import { toModelTypes } from "./answers.ts";
import { gpuBaselines } from "./baseline.ts";
import { batchModel } from "./batched-model.ts";
import { firstDifference } from "./boundary.ts";
import { choiceFigures } from "./choice-figures.ts";
import { compileModel, inputElements, precisionName } from "./compile.ts";
import { executeFunctional } from "./execution.ts";
import { hostOperationResults, hostWarnings } from "./host-operations.ts";
import { idealResult, idealWarnings } from "./ideal.ts";
import type { Frame } from "./inputs.ts";
import { noProgress, type OnProgress } from "./progress.ts";
import { provenance, targetWarnings } from "./provenance.ts";
import { chooseSamples, macCountOf, noSamples, type Samples } from "./samples.ts";
import {
  energyResult,
  type LayerFacts,
  layerResults,
  type Simulation,
  simulateProgram,
  timingResult,
  withHostResult,
} from "./simulation.ts";
import { chooseStates, leavingOutputs, type StateChoice, StateSequence } from "./states.ts";
import { answersInStreams } from "./streams.ts";
import { type ChosenTarget, summarizeTarget } from "./target.ts";
import { normalizationWarnings, overflowWarnings, warning } from "./warnings.ts";

/** Answers to one sample: the outputs that leave the chip, in the model's order and in its element types. */
export interface Answer {
  readonly sample: number;
  readonly frame: Frame;
  /** The model in f32. */
  readonly float: readonly Tensor[];
  /** The chip. */
  readonly chip: readonly Tensor[];
}

/** How a model is run. */
export interface RunOptions {
  readonly model: ImportedModel;
  readonly target: ChosenTarget;
  readonly precision?: string | PrecisionPlan;
  readonly batchCount?: number;
  /** Such batches that one run of the program computes, 1 or 2, their layers in turns; 1 by default. */
  readonly streamCount?: number;
  /** What the mapper makes small; latency by default. */
  readonly objective?: Objective;
  /** What batches are predicted to take, when the batch was chosen by it. */
  readonly batches?: readonly BatchFigures[];
  readonly seed?: number;
  readonly mapping?: Mapping;
  /** Samples to answer; seeded random ones by default. */
  readonly inputs?: Samples;
  /** Samples to calibrate on, others than the inputs. */
  readonly calibration?: readonly Frame[];
  readonly calibrationMethod?: CalibrationMethod;
  readonly quantizer?: Quantizer;
  /** Computes no answers: shapes suffice. */
  readonly timingOnly?: boolean;
  /** Samples for which the chip's bytes are compared with the exact evaluation; all by default. */
  readonly exactCheckCount?: number;
  /** Whether estimates are moved to the ends of their ranges; see `SimulateOptions`. */
  readonly range?: boolean;
  /** Splits the energy by layer and core. */
  readonly energySplit?: boolean;
  /** Resources that take no time in the simulation; the mapping stays that of the real chip. */
  readonly ideal?: readonly IdealResource[];
  /** GPUs to compare with: names, target files, or JSON files of figures. */
  readonly baselines?: readonly string[];
  /** Outputs that feed inputs of the next run; guessed by name by default. */
  readonly states?: StateChoice;
  /** Values of states before the first run; zeros by default. */
  readonly initialStates?: ReadonlyMap<string, Tensor>;
  /** Has the host run what the chip has no instructions for, instead of refusing it. */
  readonly hostOps?: boolean;
  readonly passes?: RunPassesOptions;
  readonly onProgress?: OnProgress;
  /** Told each answer as soon as it is there. */
  readonly onAnswer?: (answer: Answer) => void;
}

/** A run: what is reported, and what it was made of. */
export interface Run {
  readonly result: RunResult;
  readonly compiled: Compiled;
  readonly simulation: Simulation;
}

/** What the chip answered, measured against f32 and against the exact evaluation. */
interface Answers {
  readonly accuracy: AccuracyResult;
  readonly layerSqnrDb: ReadonlyMap<string, number>;
}

/**
 * Compiles a model for a chip, executes it functionally on the samples, simulates its time and energy, and puts GPUs
 * beside it. Deterministic: the same options give the same result. Throws the errors of each part.
 */
export function runModel(options: RunOptions): Run {
  const { target } = options;
  const model = batchModel(options.model, options.batchCount);
  const onProgress = options.onProgress ?? noProgress;
  const seed = options.seed ?? 0;
  const chosen = chooseStates(model, options.states, options.initialStates);
  const { states } = chosen;
  const samples =
    options.timingOnly === true
      ? null
      : chooseSamples(model.graph, {
          seed,
          states,
          ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
          ...(options.calibration === undefined ? {} : { calibration: options.calibration }),
        });
  const compiled = compileModel(model, target.chip, {
    ...(options.precision === undefined ? {} : { precision: options.precision }),
    ...(options.mapping === undefined ? {} : { mapping: options.mapping }),
    ...(options.batchCount === undefined ? {} : { batchCount: options.batchCount }),
    ...(options.streamCount === undefined ? {} : { streamCount: options.streamCount }),
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.hostOps === undefined ? {} : { hostOps: options.hostOps }),
    ...(options.passes === undefined ? {} : { passes: options.passes }),
    ...(options.calibrationMethod === undefined ? {} : { calibrationMethod: options.calibrationMethod }),
    ...(options.quantizer === undefined ? {} : { quantizer: options.quantizer }),
    ...(samples === null ? {} : { calibration: samples.calibration }),
    states,
    onProgress,
  });
  const answers = samples === null ? null : answerSamples({ ...options, model }, compiled, samples.inputs, states);
  const simulation = simulateProgram(compiled.program, target.chip, {
    ...(options.range === undefined ? {} : { range: options.range }),
    energySplit: options.energySplit ?? false,
    ideal: options.ideal ?? [],
    onProgress,
  });
  onProgress({ phase: "compare with GPUs", fraction: null });
  const batchCount = options.batchCount ?? 1;
  const gpus = gpuBaselines(compiled.floatGraph, {
    batchCount,
    ...(options.streamCount === undefined ? {} : { streamCount: options.streamCount }),
    states,
    ...(options.baselines === undefined ? {} : { baselines: options.baselines }),
  });
  const bounds = boundsOf(compiled.work, simulation.chip, batchCount);
  const result: RunResult = {
    schemaVersion,
    kind: "run",
    model: summarizeModel(model, options.streamCount),
    target: summarizeTarget(target),
    choices: { ...choicesOf(options, chosen.pairs), gapFraction: compiled.map.gap },
    inputs: samples?.summary ?? noSamples,
    timing: timingResult(simulation.metrics, bounds, options.objective),
    energy: energyResult(simulation.metrics),
    energySplit: simulation.energySplit,
    withHost: withHostResult(simulation.metrics),
    hostOperations: hostOperationResults(compiled.program, simulation.chip),
    range: simulation.range,
    ideal: idealResult(simulation.idealization),
    memory: simulation.memory,
    accuracy: answers?.accuracy ?? null,
    forecast: null,
    baselines: [...gpus.baselines],
    layers: layerResults(simulation.metrics, layerFacts(compiled, bounds, answers?.layerSqnrDb ?? new Map())),
    warnings: [
      ...modelWarnings(model),
      ...chosen.warnings,
      ...targetWarnings(target),
      ...idealWarnings(simulation.idealization, simulation.metrics),
      ...(samples?.warnings ?? []),
      ...normalizationWarnings(compiled.normalizations),
      ...overflowWarnings(answers?.accuracy.overflowCount ?? 0),
      ...hostWarnings(compiled.program),
      ...gpus.warnings,
    ],
    provenance: provenance("run-result"),
  };
  return { result, compiled, simulation };
}

/** A result with the errors of its forecasts. */
export function withForecast(result: RunResult, forecast: ForecastResult): RunResult {
  return { ...result, forecast };
}

/** Executes the program on every sample and measures its answers. */
function answerSamples(options: RunOptions, compiled: Compiled, samples: Samples, states: readonly State[]): Answers {
  const { graph } = options.model;
  const onProgress = options.onProgress ?? noProgress;
  const types = valueTypes(graph);
  const leaving = leavingOutputs(graph, states);
  const outputElements = leaving.map((index) => types.get(graph.outputs[index] ?? "")?.element ?? "f32");
  const meter = new AccuracyMeter({ ...compiled, inputElements: boundaryInputElements(graph, compiled, states) });
  const floatStates = new StateSequence(graph, states);
  const exactStates = new StateSequence(compiled.chipGraph, states);
  const chip = executeFunctional(compiled.program, compiled.sidecar, options.target.chip);
  const checked = options.exactCheckCount ?? samples.count;
  let equal = true;
  let sample = 0;
  const onRun = (done: number): void => onProgress({ phase: "execute", fraction: done / samples.count });
  for (const { frame, stored } of answersInStreams(chip, compiled, samples.frames, onRun)) {
    const kept = new Map<string, Tensor>();
    const float = meter.float(floatStates.complete(frame), sample < checked ? kept : undefined);
    floatStates.advance(float);
    if (sample < checked) {
      const exact = meter.exact(exactStates.complete(frame), kept);
      exactStates.advance(exact);
      equal = equal && firstDifference(selected(exact, leaving), stored) === null;
    }
    const answered = toModelTypes(stored, outputElements);
    const reference = selected(float, leaving);
    meter.addOutputs(reference, answered);
    options.onAnswer?.({ sample, frame, float: reference, chip: answered });
    sample += 1;
  }
  const layerSqnrDb = meter.layerSqnrDb;
  return {
    layerSqnrDb,
    accuracy: {
      sqnrDb: meter.sqnrDb,
      inputs: samples.description,
      sampleCount: sample,
      worstLayer: worstLayer(layerSqnrDb),
      macCountByPrecision: macCountByPrecision(compiled.chipGraph),
      overflowCount: chip.overflowCount(),
      exactCheck: checked === 0 ? null : { sampleCount: Math.min(checked, sample), equal },
    },
  };
}

function selected(values: readonly Tensor[], positions: readonly number[]): Tensor[] {
  return positions.flatMap((position) => values[position] ?? []);
}

/** Element types of what is handed to the exact evaluation: the model's, and what the chip stores of states. */
export function boundaryInputElements(
  graph: Graph,
  { chipGraph }: Pick<Compiled, "chipGraph">,
  states: readonly State[],
): Map<string, ElementType> {
  const stored = inputElements(chipGraph);
  return new Map([...inputElements(graph), ...states.map(({ input }) => [input, stored.get(input) ?? "f32"] as const)]);
}

/** The layer whose result has the least signal to noise. */
export function worstLayer(layers: ReadonlyMap<string, number>): AccuracyResult["worstLayer"] {
  let worst: AccuracyResult["worstLayer"] = null;
  for (const [name, sqnrDb] of layers) if (worst === null || sqnrDb < worst.sqnrDb) worst = { name, sqnrDb };
  return worst;
}

/** What a result says of its model. */
export function summarizeModel(model: ImportedModel, streamCount = 1): ModelSummary {
  return {
    name: model.name,
    sha256: model.sha256,
    parameterCount: model.parameterCount,
    macCount: streamCount * macCountOf(model.graph),
    weights: model.weights,
  };
}

/** What a result says of the choices that were made. */
export function choicesOf(
  options: Pick<
    RunOptions,
    "precision" | "batchCount" | "streamCount" | "objective" | "batches" | "seed" | "mapping" | "hostOps"
  >,
  states: readonly StatePair[] = [],
): Choices {
  const { batchCount = 1, streamCount = 1 } = options;
  return {
    batchCount: batchCount * streamCount,
    streamCount,
    precision: precisionName(options.precision),
    objective: options.objective ?? "latency",
    batches: options.batches === undefined ? null : options.batches.map((each) => ({ ...each })),
    gapFraction: null,
    cardCount: 1,
    seed: options.seed ?? 0,
    mapping: options.mapping === undefined ? "searched" : "given",
    states: states.map((pair) => ({ ...pair })),
    hostOps: options.hostOps ?? false,
  };
}

/** Warnings about a model: what the importer found, and weights that are not the model's own. */
export function modelWarnings(model: ImportedModel): Warning[] {
  const warnings = model.notes.map(({ message }) => warning("W101", message));
  if (model.weights === "random")
    warnings.push(warning("W102", "Weights are seeded random numbers: answers mean nothing."));
  if (model.weights === "absent") warnings.push(warning("W103", "Weights are absent: shapes alone were simulated."));
  return warnings;
}

/** What compiling knows of each layer. */
function layerFacts(
  { map: { plan }, streamSuffixes: suffixes }: Pick<Compiled, "map" | "streamSuffixes">,
  bounds: Bounds,
  sqnrDb: ReadonlyMap<string, number>,
): (layer: string) => LayerFacts | null {
  const boundCycles = new Map(bounds.layers.map((layer) => [layer.name, layer.boundCycles]));
  const steps = new Map(plan.steps.map((step) => [step.step.name, step]));
  return (name) => {
    const planned = steps.get(name);
    if (planned === undefined) return null;
    const { step, layer } = planned;
    const own = nameInStream(suffixes, name);
    return {
      boundCycles: boundCycles.get(own) ?? null,
      ...choiceFigures(layer, step, plan.target),
      corner: { ...(step.corner ?? firstCore) },
      beside: step.beside ?? null,
      sqnrDb: sqnrDb.get(own) ?? null,
    };
  };
}
