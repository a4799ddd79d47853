import { at, sum } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { constantData, type Graph, type Node } from "../../ir/graph.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ElementType } from "../../ir/type.ts";
import type { PassRecord, RunPassesOptions } from "../passes/pass.ts";
import { energiesOf, realNumbers } from "./accuracy.ts";
import { balanceableValues, balanceChannels, channelMagnitudes } from "./balance-channels.ts";
import { type Calibration, calibrate } from "./calibrate.ts";
import type { CalibrationMethod } from "./calibration-method.ts";
import { demandsOf } from "./demands.ts";
import { splitFrames } from "./held-out.ts";
import { formIntegerLayers } from "./integer-layers.ts";
import type { NearestMemory } from "./nearest-memory.ts";
import { chooseNormalizations, type Normalization, normalizeActivations } from "./normalize-activations.ts";
import { type PrecisionPlan, precisionElements, precisionOf } from "./precision.ts";
import { chooseQuantizations } from "./quantization-choice.ts";
import { needsRanges, quantizeGraph } from "./quantize.ts";
import type { Quantizer } from "./quantizer.ts";
import { type RoundedGraph, roundWeights } from "./round-weights.ts";
import { storedTensor } from "./stored-tensor.ts";
import type { RoundedLayer } from "./weight-rounder.ts";

/** How a simplified float graph is quantized. */
export interface QuantizeFloatOptions {
  /** Inputs on which ranges are measured; null when only shapes matter. */
  readonly frames: readonly ReadonlyMap<string, Tensor>[] | null;
  readonly precision: PrecisionPlan;
  readonly quantizer: Quantizer;
  readonly calibrationMethod: CalibrationMethod;
  /** Inputs that are stored as floats whatever reads them. */
  readonly wideInputs: readonly string[];
  /** What was measured on the same graph and frames at another precision; what is measured now is added. */
  readonly memory?: CalibrationMemory;
  readonly passes?: RunPassesOptions;
  readonly onPhase: (phase: string) => void;
}

/** A simplified float graph with channels scaled and activations normalized, and what its values did on the frames. */
export interface CalibratedFloat {
  readonly floatGraph: Graph;
  readonly calibration: Calibration | null;
  readonly normalizations: readonly Normalization[];
  /** With the layers that the model states, and what is divided by its magnitude: what precisions are given to. */
  readonly statedGraph: Graph;
  /** Of `statedGraph`. */
  readonly ranges: Calibration | null;
  readonly records: readonly PassRecord[];
}

/** What was made of one graph and its frames at other precisions. Belongs to the caller. */
export interface CalibrationMemory {
  /** By everything that it depends on. */
  readonly calibrated: Map<string, CalibratedFloat>;
  readonly nearest: NearestMemory;
}

/** A quantized graph, and what was done to make it. */
export interface QuantizedFloat {
  /** Simplified, in floats, its channels scaled as the quantizer says: what the GPU baseline runs, and what stored values are compared with. */
  readonly floatGraph: Graph;
  /** Before composites are taken apart and layers are fused: the layers as a model states them. */
  readonly quantizedGraph: Graph;
  /** Ranges in the simplified float graph; null without frames, and where the model states all scales. */
  readonly calibration: Calibration | null;
  /** Activations that are brought to a known range in each inference. */
  readonly normalizations: readonly Normalization[];
  /** How weights were rounded, where that was measured on the frames. */
  readonly roundings: readonly RoundedLayer[];
  /** What was done of what the quantizer allows: compensation that does not help on frames is left out. */
  readonly quantizer: Quantizer;
  readonly records: readonly PassRecord[];
}

/**
 * Measures ranges and quantizes a simplified float graph. Where rounding is compensated, some of the frames are held out (none of fewer
 * than four), and the whole model is measured on them against the same without compensation and against rounding to nearest alone: what is not clearly better
 * than less is left out.
 */
export function quantizeFloat(graph: Graph, options: QuantizeFloatOptions): QuantizedFloat {
  const { frames, quantizer } = options;
  const contractor = makeWasmContractor(constantData(graph));
  const quantizeAs = (chosen: Quantizer, calibrated: CalibratedFloat): QuantizedFloat =>
    quantizeCalibrated({ ...options, quantizer: chosen, contractor }, calibrated);
  const own = calibrateFloat(graph, { ...options, contractor });
  const wanted = quantizeAs(quantizer, own);
  if (wanted.roundings.length === 0 || frames === null) return wanted;
  const { fit, heldOut } = splitFrames(frames);
  const nearest: Quantizer = { ...quantizer, rounding: "nearest" };
  const plain: Quantizer = { ...nearest, equalize: false, smooth: null, correctBiases: false };
  const isBalanced = quantizer.equalize || quantizer.smooth !== null;
  const less = [
    quantizeAs(plain, isBalanced ? calibrateFloat(graph, { ...options, quantizer: plain, contractor }) : own),
    quantizeAs(nearest, own),
    wanted,
  ];
  const errorsOf = outputErrors(graph, heldOut.length === 0 ? fit : heldOut, contractor);
  return less
    .map((quantized) => ({ quantized, errors: errorsOf(quantized.quantizedGraph) }))
    .reduce((best, more) => (isClearlyLess(more.errors, best.errors) ? more : best)).quantized;
}

/** The error energy of all outputs of a quantized graph in each of the frames. */
function outputErrors(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  contractor: Contractor,
): (quantized: Graph) => number[] {
  const references = frames.map((frame) => evaluate(graph, frame, { contractor }));
  return (quantized) =>
    frames.map((frame, index) => {
      const inputs = quantized.inputs.map(
        ({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const,
      );
      const found = evaluate(quantized, new Map(inputs), { contractor });
      const energies = graph.outputs.map((output, place) =>
        energiesOf(
          tensorNumbers(references[index]?.get(output) as Tensor),
          realNumbers(found.get(quantized.outputs[place] as string) as Tensor),
        ),
      );
      return energies.reduce((sum, { error }) => sum + error, 0);
    });
}

/** Standard errors that a mean difference must exceed: chance alone does so once in twenty times (normal distribution, one side). */
const clearErrors = 1.645;

/**
 * Whether errors add up to less than others of the same frames, and not by chance: the mean of (other − error) ÷ (other + error), which
 * counts all frames alike, exceeds 1.645 of its standard errors.
 */
export function isClearlyLess(errors: readonly number[], others: readonly number[]): boolean {
  if (sum(errors) >= sum(others)) return false;
  const count = errors.length;
  const shares = errors.map((error, frame) => {
    const other = at(others, frame);
    return error === other ? 0 : (other - error) / (other + error);
  });
  const mean = sum(shares) / count;
  const squares = sum(shares.map((share) => (share - mean) ** 2));
  return count === 1 || mean > clearErrors * Math.sqrt(squares / (count - 1) / count);
}

/** Scales channels, measures ranges and normalizes activations: all that comes before anything is rounded. */
export function calibrateFloat(
  graph: Graph,
  options: QuantizeFloatOptions & { readonly contractor: Contractor },
): CalibratedFloat {
  const { frames, quantizer, calibrationMethod, wideInputs, contractor, onPhase, memory } = options;
  const { equalize, smooth, normalize } = quantizer;
  const looksAtWidths = calibrationMethod === "mse" || calibrationMethod === "entropy";
  const widths = looksAtWidths ? { ...options.precision, layers: [...options.precision.layers] } : null;
  const meanFrames = quantizer.rounding === "compensated" ? splitFrames(frames ?? []).fit : null;
  const key = JSON.stringify({ equalize, smooth, normalize, calibrationMethod, widths, fits: meanFrames !== null });
  const known = memory?.calibrated.get(key);
  if (known !== undefined) return known;
  onPhase("calibrate");
  const floatGraph = frames === null ? graph : balance(graph, frames, quantizer, contractor);
  const stated = formIntegerLayers(floatGraph, wideInputs);
  const calibration =
    frames === null || !needsRanges(stated)
      ? null
      : calibrate(floatGraph, frames, calibrationMethod, {
          contractor,
          storedAs: elementsOfRoots(stated, options),
          ...(meanFrames === null ? {} : { meanFrames }),
        });
  const normalizations =
    calibration === null || !normalize ? [] : chooseNormalizations(floatGraph, calibration, contractor);
  const normalized =
    calibration === null ? null : normalizeActivations(floatGraph, calibration, normalizations, options.passes);
  const calibrated: CalibratedFloat = {
    floatGraph,
    calibration,
    normalizations,
    statedGraph: normalized === null ? stated : formIntegerLayers(normalized.graph, wideInputs),
    ranges: normalized?.calibration ?? null,
    records: normalized?.records ?? [],
  };
  memory?.calibrated.set(key, calibrated);
  return calibrated;
}

/** The values whose ranges are chosen, with the element types that they are stored in. */
function elementsOfRoots(
  stated: Graph,
  { precision, wideInputs }: QuantizeFloatOptions,
): Map<string, ReadonlySet<ElementType>> {
  const { roots, narrow } = demandsOf(stated, (node) => precisionOf(precision, node), wideInputs);
  const values = new Set([...roots.values()].flatMap((group) => group.values));
  return new Map([...narrow].filter(([value]) => values.has(value)));
}

/** The graph with channels between layers scaled as the quantizer says; it computes the same. */
function balance(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  { equalize, smooth }: Quantizer,
  contractor: Contractor,
): Graph {
  const equalized = equalize ? balanceChannels(graph, { share: 0.5 }) : graph;
  if (smooth === null) return equalized;
  const operators = balanceableValues(equalized);
  const magnitudes = new Map<string, Float64Array>();
  for (const frame of frames) {
    const observe = (name: string, value: Tensor): void => {
      const op = operators.get(name);
      if (op !== undefined) magnitudes.set(name, channelMagnitudes(op, value, magnitudes.get(name)));
    };
    evaluate(equalized, frame, { observe, contractor });
  }
  return balanceChannels(equalized, { share: smooth, magnitudes });
}

function quantizeCalibrated(
  options: QuantizeFloatOptions & { readonly contractor: Contractor },
  { floatGraph, calibration, normalizations, statedGraph, ranges, records }: CalibratedFloat,
): QuantizedFloat {
  const { quantizer, contractor, precision, wideInputs } = options;
  options.onPhase("quantize");
  const rounded = roundStated(statedGraph, ranges, options);
  const quantizedGraph = quantizeGraph(rounded.graph, {
    ranges,
    precision,
    contractor,
    wideInputs,
    symmetric: quantizer.symmetric,
    correctsBiases: quantizer.correctBiases,
  });
  return { floatGraph, quantizedGraph, calibration, normalizations, roundings: rounded.layers, quantizer, records };
}

/** The rounding step of a quantizer: weights as stored integers where it chooses them; the same graph otherwise. */
function roundStated(
  stated: Graph,
  calibration: Calibration | null,
  options: QuantizeFloatOptions & { readonly contractor: Contractor },
): RoundedGraph {
  const { quantizer, contractor, precision, wideInputs } = options;
  const { perTensor, symmetric } = quantizer;
  const rounding = quantizer.rounding === "plain" && perTensor ? "nearest" : quantizer.rounding;
  if (calibration === null || rounding === "plain") return { graph: stated, layers: [] };
  const elementsOf = (node: Node): ReturnType<typeof precisionElements> =>
    precisionElements(precisionOf(precision, node));
  const demands = demandsOf(stated, (node) => precisionOf(precision, node), wideInputs);
  const quantizations = chooseQuantizations(stated, demands, calibration, { symmetric });
  return roundWeights(stated, {
    rounding,
    weightElementOf: (node) => elementsOf(node).weights,
    perTensor,
    frames: calibration.frames,
    storageOf: (node, value) => {
      const element = elementsOf(node).activations;
      const quantization = quantizations.get(demands.groupOf(value, element));
      return quantization === undefined ? null : { quantization, element };
    },
    corrected: new Set(quantizer.correctBiases ? calibration.channelMeans.keys() : []),
    contractor,
    ...(options.memory === undefined ? {} : { memory: options.memory.nearest }),
  });
}
