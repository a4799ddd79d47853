import { at, clamp, product } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { type Constant, constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { integerRange, isFloat, type Quantization } from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { type Energies, energiesOf, realNumbers } from "../quantize/accuracy.ts";
import type { Calibration } from "../quantize/calibrate.ts";
import { channelAxis, makeChannelMeans } from "../quantize/channel-means.ts";
import { type Contraction, demandsOf } from "../quantize/demands.ts";
import { type Precision, precisionElements } from "../quantize/precision.ts";
import { chooseQuantizations } from "../quantize/quantization-choice.ts";
import { quantizeWeights } from "../quantize/weights.ts";
import { FrameValues, type Replacements } from "./frame-values.ts";
import type { SearchedLayer } from "./searched-layer.ts";

/** How much noise a layer brings into the outputs when it alone is quantized: error energy ÷ signal energy. */
export interface LayerNoise {
  /** By the bits of its weights, its activations staying floats. */
  readonly weights: ReadonlyMap<number, number>;
  /** By the bits of its activations, its weights staying floats. */
  readonly activations: ReadonlyMap<number, number>;
}

/** What noise is measured on. */
export interface NoiseOptions {
  /** Ranges, and the frames on which means of output channels are corrected. */
  readonly calibration: Calibration;
  /** Frames that had no part in the calibration. */
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  readonly wideInputs: readonly string[];
  /** Outputs whose error counts, by position. */
  readonly outputs: readonly number[];
  /**
   * all: the error of every width is followed to the outputs. one: that of one width an operand is, and others are to it as the errors
   * of the layer's own results are.
   */
  readonly followed: "all" | "one";
  readonly contractor: Contractor;
  readonly onFraction?: (fraction: number) => void;
}

/** The noise that each layer brings at a precision: rounding of weights and of activations are independent, so energies add up. */
export function noiseAt({ weights, activations }: LayerNoise, { weightBits, activationBits }: Precision): number {
  return (weights.get(weightBits) ?? 0) + (activations.get(activationBits) ?? 0);
}

/** One operand of a layer at one width. */
interface Trial {
  readonly layer: number;
  readonly operand: "weights" | "activations";
  readonly bits: Precision["weightBits"];
  readonly nodes: readonly TrialNode[];
}

/** A contraction of a trial: what its result becomes. */
interface TrialNode {
  readonly node: Node;
  /** The result with the rounded operand, without the mean error of each output channel where that is corrected. */
  readonly evaluate: (operands: readonly (Tensor | null)[]) => Tensor;
  /** Sees the error of the result on a calibration frame; null where nothing is corrected. */
  readonly learn: ((operands: readonly (Tensor | null)[], wanted: Tensor) => void) | null;
}

/**
 * Quantizes one layer of a float graph at a time, weights alone and activations alone at each width that its precisions have, and
 * measures the error of the outputs on the frames. All else stays in f32: rounded operands stand as the real numbers that the integers
 * mean, and means of output channels are corrected as biases are (docs/quantization.md). Only what depends on the layer is evaluated again.
 */
export function measureLayerNoise(graph: Graph, layers: readonly SearchedLayer[], options: NoiseOptions): LayerNoise[] {
  const { calibration, frames, contractor, outputs } = options;
  const storedAs = activationFormats(graph, options);
  const constants = constantsByName(graph);
  const trials = layers.flatMap((layer, index) => trialsOf(layer, index, { storedAs, constants, contractor }));
  const followed = new Set(
    options.followed === "all" ? trials : trials.filter((trial) => trial === followedOf(trials, trial)),
  );
  const rounds = calibration.frames.length + frames.length;
  let round = 0;
  const report = (done: number): void => options.onFraction?.((round + done) / rounds);
  for (const frame of calibration.frames) {
    report(0);
    const values = new FrameValues(graph, frame, contractor);
    for (const { nodes } of trials)
      for (const { node, learn } of nodes) learn?.(values.operandsOf(node), values.valueOf(node.name));
    round += 1;
  }
  const energies = new Map(trials.map((trial): [Trial, Energies[]] => [trial, []]));
  const localEnergies = new Map(trials.map((trial): [Trial, Energies[]] => [trial, []]));
  for (const frame of frames) {
    const values = new FrameValues(graph, frame, contractor);
    const wanted = outputs.map((output) => realNumbers(values.valueOf(at(graph.outputs, output))));
    for (const [index, trial] of trials.entries()) {
      report(index / trials.length);
      if (options.followed === "one") {
        for (const { node, evaluate } of trial.nodes) {
          const result = tensorNumbers(evaluate(values.operandsOf(node)));
          localEnergies.get(trial)?.push(energiesOf(tensorNumbers(values.valueOf(node.name)), result));
        }
      }
      if (!followed.has(trial)) continue;
      const replaced: Replacements = new Map(trial.nodes.map(({ node, evaluate }) => [node.name, evaluate]));
      const found = values.outputsWith(replaced);
      outputs.forEach((output, place) => {
        energies.get(trial)?.push(energiesOf(at(wanted, place), realNumbers(at(found, output))));
      });
    }
    round += 1;
  }
  const noiseOfTrial = (trial: Trial): number => {
    if (followed.has(trial)) return noiseOf(energies.get(trial) ?? []);
    const other = followedOf(trials, trial);
    const local = noiseOf(localEnergies.get(other) ?? []);
    return local === 0 ? 0 : (noiseOf(energies.get(other) ?? []) * noiseOf(localEnergies.get(trial) ?? [])) / local;
  };
  return layers.map((_, index) => {
    const of = (operand: Trial["operand"]): Map<number, number> =>
      new Map(
        trials.flatMap((trial) =>
          trial.layer === index && trial.operand === operand ? [[trial.bits, noiseOfTrial(trial)] as const] : [],
        ),
      );
    return { weights: of("weights"), activations: of("activations") };
  });
}

/** Of the trials of the same operand, the one that is followed where only one is: 4 bits, whose errors are small and yet not lost in rounding of f32. */
function followedOf(trials: readonly Trial[], { layer, operand }: Trial): Trial {
  const alike = trials.filter((trial) => trial.layer === layer && trial.operand === operand);
  return alike.find(({ bits }) => bits === 4) ?? at(alike, 0);
}

/** Σ error ÷ Σ signal; 0 where nothing differs. */
function noiseOf(energies: readonly Energies[]): number {
  let [signal, error] = [0, 0];
  for (const each of energies) {
    signal += each.signal;
    error += each.error;
  }
  return error === 0 ? 0 : error / signal;
}

type FormatOf = (value: string, bits: Precision["activationBits"]) => Quantization;

/** The quantization of an activation at a width, were all contractions of that width. */
function activationFormats(graph: Graph, { calibration, wideInputs }: NoiseOptions): FormatOf {
  const byBits = new Map<number, (value: string) => Quantization>();
  return (value, bits) => {
    const known = byBits.get(bits);
    if (known !== undefined) return known(value);
    const precision: Precision = { weightBits: bits, activationBits: bits };
    const demands = demandsOf(graph, () => precision, wideInputs);
    const quantizations = chooseQuantizations(graph, demands, calibration);
    const { activations } = precisionElements(precision);
    const formatOf = (each: string): Quantization =>
      quantizations.get(demands.groupOf(each, activations)) as Quantization;
    byBits.set(bits, formatOf);
    return formatOf(value);
  };
}

interface TrialContext {
  readonly storedAs: FormatOf;
  readonly constants: ReadonlyMap<string, Constant>;
  readonly contractor: Contractor;
}

function trialsOf({ contractions, precisions }: SearchedLayer, layer: number, context: TrialContext): Trial[] {
  const widths = (of: (precision: Precision) => Precision["weightBits"]): Precision["weightBits"][] => [
    ...new Set(precisions.map(of)),
  ];
  const trial = (operand: Trial["operand"], bits: Precision["weightBits"]): Trial => ({
    layer,
    operand,
    bits,
    nodes: contractions.map((each) => trialNode(each, roundedOperands(each, operand, bits, context), context)),
  });
  const hasFloatWeights = contractions.some(({ weights }) => isFloatConstant(context.constants.get(weights)));
  return [
    ...(hasFloatWeights ? widths(({ weightBits }) => weightBits).map((bits) => trial("weights", bits)) : []),
    ...widths(({ activationBits }) => activationBits).map((bits) => trial("activations", bits)),
  ];
}

function isFloatConstant(constant: Constant | undefined): boolean {
  return constant !== undefined && isFloat(constant.type.element);
}

/** The operands of a contraction with one of them rounded. */
type RoundOperands = (operands: readonly (Tensor | null)[]) => readonly (Tensor | null)[];

function roundedOperands(
  { node, activation, weights, bias, constantWeights }: Contraction,
  operand: Trial["operand"],
  bits: Precision["weightBits"],
  { storedAs, constants }: TrialContext,
): RoundOperands {
  if (operand === "weights") {
    const constant = constants.get(weights);
    if (constant === undefined || !isFloatConstant(constant)) return (operands) => operands;
    const axis = node.op === "matmul" ? constant.type.shape.length - 1 : 0;
    const element = precisionElements({ weightBits: bits, activationBits: bits }).weights;
    const stored = quantizeWeights(constant, axis, constants.get(bias ?? "") ?? null, storedAs(activation, 8), element);
    return ([x = null, , c = null]) => [x, realWeights(stored.weights), c];
  }
  const { low, high } = integerRange(precisionElements({ weightBits: bits, activationBits: bits }).activations);
  const round = (value: string, tensor: Tensor | null): Tensor | null => {
    if (tensor === null) return null;
    const { scales, zeros } = storedAs(value, bits);
    const [scale, zero] = [at(scales, 0), at(zeros, 0)];
    const numbers = tensorNumbers(tensor);
    const rounded = new Float32Array(numbers.length);
    for (let index = 0; index < rounded.length; index += 1)
      rounded[index] = scale * clamp(roundToEven((numbers[index] as number) / scale), low - zero, high - zero);
    return f32Tensor(tensor.type.shape, rounded);
  };
  return ([x = null, w = null, c = null]) => [round(activation, x), constantWeights ? w : round(weights, w), c];
}

function trialNode(
  { node, constantWeights, symmetric, bias }: Contraction,
  round: RoundOperands,
  { constants, contractor }: TrialContext,
): TrialNode {
  const contract = (operands: readonly (Tensor | null)[]): Tensor =>
    operatorOf(node.op).evaluate({
      operands: round(operands),
      attributes: node.attributes,
      type: node.type,
      contractor,
    });
  const isCorrected = constantWeights && !symmetric && (bias === null || constants.has(bias));
  if (!isCorrected) return { node, evaluate: contract, learn: null };
  const means = makeChannelMeans(node);
  let shifts: Float64Array | null = null;
  return {
    node,
    learn: (operands, wanted) => {
      const found = tensorNumbers(contract(operands));
      const reference = tensorNumbers(wanted);
      const errors = new Float64Array(found.length);
      for (let index = 0; index < errors.length; index += 1)
        errors[index] = (found[index] as number) - (reference[index] as number);
      means.add(errors);
    },
    evaluate: (operands) => {
      shifts ??= means.means();
      return shifted(node, contract(operands), shifts);
    },
  };
}

/** The result less the shift of each output channel. */
function shifted(node: Node, result: Tensor, shifts: Float64Array): Tensor {
  const { shape } = node.type;
  const stride = product(shape.slice(channelAxis(node) + 1));
  const numbers = Float32Array.from(tensorNumbers(result));
  for (let start = 0, channel = 0; start < numbers.length; start += stride, channel = (channel + 1) % shifts.length) {
    const shift = shifts[channel] as number;
    for (let index = start; index < start + stride; index += 1) numbers[index] = (numbers[index] as number) - shift;
  }
  return f32Tensor(shape, numbers);
}

/** The real numbers of stored weights; made when they are read, for all of them together may be larger than memory. */
function realWeights({ type, data }: Pick<Constant, "type" | "data">): Tensor {
  const stored = data as Int8Array;
  const { axis, scales } = type.quantization as Quantization;
  const stride = product(type.shape.slice((axis as number) + 1));
  const numbers = new Float32Array(stored.length);
  for (let start = 0, channel = 0; start < stored.length; start += stride, channel = (channel + 1) % scales.length) {
    const scale = scales[channel] as number;
    for (let index = start; index < start + stride; index += 1) numbers[index] = scale * (stored[index] as number);
  }
  return f32Tensor(type.shape, numbers);
}
