import { problem } from "../base/errors.ts";
import { at, clamp, product, sum } from "../base/math.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { Choice } from "../compiler/precision-search/assignment-front.ts";
import { type BudgetSearch, searchUnderBudget } from "../compiler/precision-search/budget-search.ts";
import { type LayerNoise, measureLayerNoise, noiseAt } from "../compiler/precision-search/layer-noise.ts";
import { type SearchedLayer, searchedLayers } from "../compiler/precision-search/searched-layer.ts";
import {
  type CalibrationMethod,
  defaultCalibrationMethod,
  formatCalibrationMethod,
} from "../compiler/quantize/calibration-method.ts";
import { isHeldOut } from "../compiler/quantize/held-out.ts";
import { type Precision, type PrecisionPlan, parsePrecision, precisionName } from "../compiler/quantize/precision.ts";
import type { CalibratedFloat } from "../compiler/quantize/quantize-float.ts";
import { formatQuantizer, plainQuantizer, type Quantizer } from "../compiler/quantize/quantizer.ts";
import { constantData, type Graph } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Warning } from "../report/figures-schema.ts";
import type { PrecisionSearchResult } from "../report/precision-search-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { AccuracyBudget } from "./error-metric.ts";
import type { Frame } from "./inputs.ts";
import { PlanBook, pointsOf } from "./plan-book.ts";
import { layerCosts } from "./plan-costs.ts";
import { PlanJudge } from "./plan-judge.ts";
import { noProgress, type OnProgress } from "./progress.ts";
import { provenance, targetWarnings } from "./provenance.ts";
import { modelWarnings, summarizeModel } from "./run.ts";
import { chooseSamples, macCountOf, type Samples } from "./samples.ts";
import { chooseStates, type StateChoice } from "./states.ts";
import { type ChosenTarget, summarizeTarget } from "./target.ts";
import { warning } from "./warnings.ts";

/** How precisions are searched. */
export interface PrecisionSearchOptions {
  readonly model: ImportedModel;
  readonly target: ChosenTarget;
  readonly budget: AccuracyBudget;
  /** What is made small, of precisions and mappings, on device; latency by default. */
  readonly objective?: Objective;
  /** Precisions that layers may have, such as w4a8; by default w8a8, w4a8, w2a8, w4a4 and w2a2. The first is the widest. */
  readonly precisions?: readonly string[];
  /** Samples on which plans are judged; seeded random ones by default. */
  readonly inputs?: Samples;
  /** Samples on which ranges are measured. Some are held back while the noise of layers is measured, so that it is seen on others. */
  readonly calibration?: readonly Frame[];
  readonly calibrationMethod?: CalibrationMethod;
  /** What is done to keep near to f32 at every precision; by default rounding to nearest with normalized activations and corrected biases. */
  readonly quantizer?: Quantizer;
  readonly states?: StateChoice;
  readonly batchCount?: number;
  readonly hostOps?: boolean;
  readonly seed?: number;
  /** Plans whose answers are evaluated while the budget is searched; fewer for large models by default. */
  readonly judgementCount?: number;
  /** Plans of the front that are evaluated, mapped and simulated beside those. */
  readonly pointCount?: number;
  readonly onProgress?: OnProgress;
}

/** What a search found. */
export interface PrecisionSearch {
  readonly result: PrecisionSearchResult;
  /** The cheapest plan within the budget that was verified. */
  readonly plan: PrecisionPlan;
}

const defaultPrecisions = ["w8a8", "w4a8", "w2a8", "w4a4", "w2a2"] as const;

/** What is done at every precision unless another quantizer is asked for: compensated rounding would take minutes for each plan. */
export const searchQuantizer: Quantizer = {
  ...plainQuantizer,
  normalize: true,
  rounding: "nearest",
  correctBiases: true,
};

/** Evaluations of large models take seconds each. */
const thorough = { judgementCount: 32, nearEnough: 1, pointCount: 12, uselessError: 1 } as const;
const brief = { judgementCount: 4, nearEnough: 0.9, pointCount: 2, uselessError: 0.3 } as const;
/** Work of one judgement (see `workOf`) from which on a search is brief. */
const briefWork = 1e9;

/** Work that measuring the noise of layers may take. */
const noiseWork = 1e11;
/** Calibration frames on which errors of layers are learnt. */
const learningFrames = 4;
/** Multiply-accumulates that take as long as one element of a node's result. */
const elementWork = 200;

/**
 * Chooses the precision of each layer: the cheapest plan whose error, on samples that calibration did not see, is within the budget.
 * Noise is measured layer by layer, costs are those of mapping and simulating the model at each precision; the front of both is searched
 * (compiler/precision-search), and every plan that is given was evaluated exactly, mapped and simulated. Deterministic. Throws B806 for a
 * model without contractions of floats, B807 when no plan is within the budget, with the best that was seen, and B802 for precisions.
 */
export function searchPrecision(options: PrecisionSearchOptions): PrecisionSearch {
  const { model, target, budget, objective = "latency" } = options;
  const onProgress = options.onProgress ?? noProgress;
  const precisions = (options.precisions ?? defaultPrecisions).map((rule) => parsePrecision(rule).rule);
  const chosenStates = chooseStates(model, options.states);
  const { states } = chosenStates;
  const samples = chooseSamples(model.graph, {
    seed: options.seed ?? 0,
    states,
    ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
    ...(options.calibration === undefined ? {} : { calibration: options.calibration }),
  });
  const frames = [...samples.inputs.frames];
  const quantizer = options.quantizer ?? searchQuantizer;
  const judge = new PlanJudge({
    model,
    chip: target.chip,
    metric: budget.metric,
    quantizer,
    calibration: samples.calibration,
    frames,
    states,
    ...(options.calibrationMethod === undefined ? {} : { calibrationMethod: options.calibrationMethod }),
    ...(options.batchCount === undefined ? {} : { batchCount: options.batchCount }),
    ...(options.hostOps === undefined ? {} : { hostOps: options.hostOps }),
    objective,
  });
  onProgress({ phase: "calibrate", fraction: null });
  const widest = parsePrecision("w8a8");
  const { fitted, heldBack } = partedFrames(samples.calibration);
  const calibrated = judge.calibrated(widest, fitted);
  const layers = searchedLayers(calibrated.statedGraph, precisions);
  if (layers.length === 0 || calibrated.ranges === null) {
    throw problem("B806", "The model has no contraction of floats, so there is no precision to choose.");
  }
  const noise = noiseOf(calibrated, layers, heldBack, judge.leaving, options);
  const plans = new PlanBook(judge, layers, calibrated.statedGraph, objective, onProgress);
  const uniform = precisions.map((precision) => layers.map((layer) => nearestChoice(layer, precision)));
  const costs = layerCosts(layers, uniform, objective, (choices) => plans.cost(choices));
  const items = layers.map((layer, index) =>
    layer.precisions.map(
      (precision, choice): Choice => ({
        cost: at(at(costs, index), choice),
        error: noiseAt(at(noise, index), precision),
      }),
    ),
  );
  const limits = workOf(model.graph) * (frames.length + samples.calibration.length) > briefWork ? brief : thorough;
  const found = searchUnderBudget(
    items,
    plans,
    {
      error: budget.limit,
      judgementCount: options.judgementCount ?? limits.judgementCount,
      nearEnough: limits.nearEnough,
      pointCount: options.pointCount ?? limits.pointCount,
      uselessError: limits.uselessError,
    },
    uniform,
  );
  if (found.best === null) throw outOfReach(budget, found, plans);
  const points = pointsOf(found, plans, at(uniform, 0), budget);
  const chosen = points.findIndex(({ choices }) => choices.join() === found.best?.choices.join());
  const plan = plans.plan(found.best.choices);
  const precisionsChosen = plans.precisions(found.best.choices);
  const differences = points.flatMap(({ predicted, verified }) =>
    predicted.sqnrDb === null || verified.sqnrDb === null ? [] : [Math.abs(predicted.sqnrDb - verified.sqnrDb)],
  );
  const costRatios = points.map(({ predicted, verified }) => predicted.cost / verified.cost);
  const result: PrecisionSearchResult = {
    schemaVersion,
    kind: "precision-search",
    model: summarizeModel(model),
    target: summarizeTarget(target),
    objective,
    budget: { metric: budget.metric.name, limit: budget.limit, text: budget.metric.format(budget.limit) },
    quantizer: formatQuantizer(quantizer),
    calibrationMethod: formatCalibrationMethod(options.calibrationMethod ?? defaultCalibrationMethod),
    samples: {
      calibrationCount: samples.calibration.length,
      heldBackCount: heldBack.length,
      verifiedCount: frames.length,
      verifiedOn: samples.inputs.description,
    },
    search: {
      layerCount: layers.length,
      planCount: layers.reduce((count, { precisions: own }) => count * own.length, 1),
      frontCount: found.frontCount,
      frontErrorFactor: found.errorFactor,
      judgedCount: found.judged.length,
      sqnrDifferenceDb: { median: medianOf(differences), greatest: Math.max(0, ...differences) },
      costRatio: { least: Math.min(...costRatios), median: medianOf(costRatios), greatest: Math.max(...costRatios) },
    },
    layers: layers.map(({ names, macCount }, index) => ({
      name: at(names, 0),
      onnxNodes: [...names],
      macCount,
      precision: precisionName(at(precisionsChosen, index)),
      weightNoise: Object.fromEntries(at(noise, index).weights),
      activationNoise: Object.fromEntries(at(noise, index).activations),
      costs: Object.fromEntries(
        at(layers, index).precisions.map((precision, choice) => [
          precisionName(precision),
          at(at(items, index), choice).cost,
        ]),
      ),
    })),
    points: points.map(({ choices: _, ...point }) => point),
    chosen,
    files: [],
    warnings: [
      ...modelWarnings(model),
      ...chosenStates.warnings,
      ...targetWarnings(target),
      ...samples.warnings,
      ...splitWarnings(samples.calibration.length),
    ],
    provenance: provenance("precision-search-result"),
  };
  return { result, plan };
}

/** Multiply-accumulates of one evaluation, and what its other nodes take as long as. */
function workOf(graph: Graph): number {
  return macCountOf(graph) + elementWork * sum(graph.nodes.map(({ type }) => product(type.shape)));
}

/** One calibration frame of four is held back from setting ranges, or the last one of fewer; a single one serves for both. */
function partedFrames(frames: readonly Frame[]): {
  readonly fitted: readonly Frame[];
  readonly heldBack: readonly Frame[];
} {
  if (frames.length < 2) return { fitted: frames, heldBack: frames };
  const isBack = frames.length < 4 ? (_: Frame, place: number) => place === frames.length - 1 : isHeldOut;
  return {
    fitted: frames.filter((frame, place) => !isBack(frame, place)),
    heldBack: frames.filter((frame, place) => isBack(frame, place)),
  };
}

function splitWarnings(calibrationCount: number): Warning[] {
  if (calibrationCount > 1) return [];
  return [
    warning(
      "W203",
      "The noise of layers was measured on the one sample that set ranges; verified figures are not touched by it.",
    ),
  ];
}

function noiseOf(
  { statedGraph, ranges }: CalibratedFloat,
  layers: readonly SearchedLayer[],
  heldBack: readonly Frame[],
  outputs: readonly number[],
  { onProgress = noProgress, model, states }: PrecisionSearchOptions,
): LayerNoise[] {
  if (ranges === null) return [];
  const widths = sum(layers.map(({ precisions }) => 2 * new Set(precisions.map(({ weightBits }) => weightBits)).size));
  const once = workOf(statedGraph) / 2;
  const followed = widths * once <= noiseWork ? "all" : "one";
  const perFrame = once * (followed === "all" ? widths : 2 * layers.length);
  const frames = heldBack.slice(0, clamp(Math.floor(noiseWork / perFrame), 1, heldBack.length));
  return measureLayerNoise(statedGraph, layers, {
    calibration: { ...ranges, frames: ranges.frames.slice(0, learningFrames) },
    frames,
    wideInputs: chooseStates(model, states).states.map(({ input }) => input),
    outputs,
    followed,
    contractor: makeWasmContractor(constantData(statedGraph)),
    onFraction: (fraction) => onProgress({ phase: "measure the noise of layers", fraction }),
  });
}

/** The choice of a layer that is a precision, or the widest that it has. */
function nearestChoice({ precisions }: SearchedLayer, { weightBits, activationBits }: Precision): number {
  const own = precisions.findIndex((each) => each.weightBits === weightBits && each.activationBits === activationBits);
  const like = precisions.findIndex((each) => each.activationBits === activationBits);
  return own >= 0 ? own : Math.max(0, like);
}

function outOfReach({ metric, limit }: AccuracyBudget, { judged }: BudgetSearch, plans: PlanBook): Error {
  const [best] = [...judged].sort((a, b) => a.error - b.error);
  const name = best === undefined ? "" : plans.plan(best.choices).name;
  return problem(
    "B807",
    `No plan keeps ${metric.name} within ${metric.format(limit)}; the best of the ${judged.length} that were evaluated is ${name}, with ${metric.format(best?.error ?? Number.NaN)}.`,
    {},
    "Allow more error, calibrate on more samples, or try another --calibration or --quantizer.",
  );
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
