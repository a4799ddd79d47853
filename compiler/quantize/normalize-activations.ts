import { at } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { scalarLike } from "../../ir/ops/onnx-node.ts";
import { elementCount } from "../../ir/type.ts";
import { type PassRecord, type RunPassesOptions, runPasses } from "../passes/pass.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";
import type { Calibration } from "./calibrate.ts";
import { type Contraction, contractionOf } from "./demands.ts";
import { measureGains } from "./normalization-gain.ts";
import { operatorBounds, unbounded } from "./operator-bounds.ts";
import type { ValueRange, ValueSpread } from "./value-range.ts";

/**
 * An activation whose range is wider than this many root mean squares has heavy tails: normally distributed numbers
 * reach ±4.3 in samples as large as those of calibration. 8 bits over 9 root mean squares give 40 dB.
 */
const heavyTailRatio = 9;

/** How many times finer steps must become to be worth the vector unit's time: 3.5 dB, more than half a bit. */
const leastStepGain = 1.5;

/**
 * What the measured errors must shrink by. Frames of calibration do not show what others lose beyond the range, so that no
 * loss suffices; numbers that repeat in every inference lose by scales that change, since their error is no constant then.
 */
const leastErrorGain = 1;

/** The shares of negative numbers that are tried are the powers of two with exponents up to this on either side. */
const greatestShareExponent = 8;

/** From the least normal f16, so that nothing is divided by zero, to the greatest. */
const magnitudeBounds = { low: 2 ** -14, high: 65504 };

/** An activation that is divided by its magnitude in each inference, so that what contractions read has a known range. */
export interface Normalization {
  readonly activation: string;
  /** The contractions that read it. */
  readonly contractions: readonly string[];
  /**
   * The quotient lies in [−negativeShare, 1]: the magnitude is the greatest of x and −x ÷ negativeShare. A power of two, or 0
   * for what is never negative.
   */
  readonly negativeShare: number;
  /** The range that calibration found ÷ the root mean square. */
  readonly tailRatio: number;
  /** How many times finer the steps become, as root mean square over the frames. */
  readonly stepGain: number;
  /** How many times smaller the errors of the contractions become on the frames. */
  readonly errorGain: number;
}

/** How an activation is divided by its magnitude. */
export type Division = Pick<Normalization, "activation" | "contractions" | "negativeShare">;

/** A graph in which activations are normalized, with a calibration that knows the ranges of the quotients. */
export interface NormalizedGraph {
  readonly graph: Graph;
  readonly calibration: Calibration;
  readonly records: readonly PassRecord[];
}

/**
 * Finds the activations that one scale for all inferences serves badly: their range is wider than `heavyTailRatio` root mean
 * squares, and dividing by the magnitude of each inference makes steps `leastStepGain` times finer, and the errors of
 * contractions on the frames no greater. Only contractions with constant weights are looked at, and of their
 * activations not the graph's inputs, which the host quantizes.
 */
export function chooseNormalizations(graph: Graph, calibration: Calibration, contractor?: Contractor): Normalization[] {
  const bounds = operatorBounds(graph);
  const candidates = [...normalizableActivations(graph)].flatMap(([activation, contractions]) => {
    const spread = calibration.spreads.get(activation);
    const seen = calibration.ranges.get(activation);
    if (spread === undefined || seen === undefined) return [];
    const bound = bounds.get(activation) ?? unbounded;
    const range = { low: Math.max(seen.low, bound.low), high: Math.min(seen.high, bound.high) };
    const width = range.high - range.low;
    const tailRatio = width / rootMean(spread.meanSquares);
    const { negativeShare, step } = finestShare(spread, bound.low >= 0);
    const stepGain = width / step;
    const isCandidate = tailRatio > heavyTailRatio && stepGain >= leastStepGain;
    return isCandidate ? [{ activation, contractions, range, negativeShare, tailRatio, stepGain }] : [];
  });
  if (candidates.length === 0) return [];
  const gains = measureGains(graph, candidates, {
    frames: calibration.frames,
    ...(contractor === undefined ? {} : { contractor }),
  });
  return candidates.flatMap(({ range: _, ...normalization }) => {
    const errorGain = gains.get(normalization.activation) ?? 0;
    return errorGain >= leastErrorGain ? [{ ...normalization, errorGain }] : [];
  });
}

/**
 * Divides activations by their magnitude, in each row of a matmul and each image of a conv,
 * and multiplies the contraction's result by it. Zero stays zero, so padding and sparse activations stay exact.
 *
 *     %y = matmul(%x, %w, %b) : f32[1,4]  ->  %m = clip(reduce_max(abs(%x)) {axes=[1]}) {low=2^-14, high=65504} : f32[1,1]
 *                                             %s = matmul(div(%x, %m), %w, _) : f32[1,4]
 *                                             %y = add(mul(%s, %m), %b) : f32[1,4]
 */
export function normalizeActivations(
  graph: Graph,
  calibration: Calibration,
  normalizations: readonly Division[],
  options: RunPassesOptions = {},
): NormalizedGraph {
  const chosen = new Map(normalizations.flatMap((each) => each.contractions.map((name) => [name, each])));
  // A matmul and a conv may read the same activation: what is divided together differs.
  const divided = new Map<string, Divided>();
  const rewrite = (node: Node, rewriter: Rewriter): string | null => {
    const normalization = chosen.get(node.name);
    if (normalization === undefined) return null;
    const key = `${node.op} ${normalization.activation}`;
    const known = divided.get(key) ?? divide(node, normalization.negativeShare, rewriter);
    divided.set(key, known);
    return multiply(node, known, rewriter);
  };
  const { graph: normalized, records } = runPasses(
    graph,
    [
      {
        name: "normalize-activations",
        summary: "Divides activations with heavy tails by their magnitude in each inference.",
        run: (before, { count }) => {
          for (const { activation } of normalizations) count(`"${activation}"`);
          return rewriteGraph(before, rewrite);
        },
      },
    ],
    options,
  );
  const quotients = [...divided.values()].map(({ quotient, negativeShare }): [string, ValueRange] => [
    quotient,
    { low: 0 - negativeShare, high: 1, hasNan: false },
  ]);
  return {
    graph: normalized,
    calibration: { ...calibration, ranges: new Map([...calibration.ranges, ...quotients]) },
    records,
  };
}

/** The values of nodes that contractions with constant weights read, with the names of these; stored integers have their scale. */
export function normalizableActivations(graph: Graph): Map<string, string[]> {
  const constants = constantsByName(graph);
  const bound = new Set(graph.nodes.filter(({ op }) => op !== "dequantize").map(({ name }) => name));
  const isReadable = (contraction: Contraction | null): contraction is Contraction =>
    contraction?.constantWeights === true && !contraction.symmetric && bound.has(contraction.activation);
  const readers = new Map<string, string[]>();
  for (const node of graph.nodes) {
    const contraction = contractionOf(node, (value) => constants.get(value)?.type.shape ?? null);
    if (!isReadable(contraction)) continue;
    readers.set(contraction.activation, [...(readers.get(contraction.activation) ?? []), node.name]);
  }
  return readers;
}

/** The share of negative numbers that gives the finest steps, and 255 of these, as root mean square over frames. */
function finestShare({ lows, highs }: ValueSpread, isNonNegative: boolean): { negativeShare: number; step: number } {
  const stepWith = (negativeShare: number): number => {
    const magnitudes = highs.map((high, frame) => {
      const low = at(lows, frame);
      return low === 0 ? high : Math.max(high, -low / negativeShare);
    });
    return (1 + negativeShare) * rootMean(magnitudes.map((magnitude) => magnitude ** 2));
  };
  if (isNonNegative) return { negativeShare: 0, step: stepWith(0) };
  let best = { negativeShare: 1, step: stepWith(1) };
  for (let exponent = -greatestShareExponent; exponent <= greatestShareExponent; exponent += 1) {
    const negativeShare = 2 ** exponent;
    const step = stepWith(negativeShare);
    if (step < best.step) best = { negativeShare, step };
  }
  return best;
}

function rootMean(squares: readonly number[]): number {
  return Math.sqrt(squares.reduce((total, square) => total + square, 0) / squares.length);
}

/** An activation divided by its magnitude. */
interface Divided {
  readonly quotient: string;
  readonly magnitude: string;
  readonly negativeShare: number;
}

function divide(node: Node, negativeShare: number, rewriter: Rewriter): Divided {
  const x = node.operands[0] as string;
  const rank = rewriter.type(x).shape.length;
  const axes = node.op === "matmul" ? [rank - 1] : Array.from({ length: rank - 1 }, (_, axis) => axis + 1);
  const greatest = rewriter.add("reduce_max", [magnitudes(x, negativeShare, rewriter)], { axes, keepdims: true });
  const magnitude = rewriter.add("clip", [greatest], magnitudeBounds, `${x}.magnitude`);
  return { magnitude, negativeShare, quotient: rewriter.add("div", [x, magnitude], {}, `${x}.normalized`) };
}

/** The greater of x and −x ÷ negativeShare, for each number. */
function magnitudes(x: string, negativeShare: number, rewriter: Rewriter): string {
  if (negativeShare === 0) return x;
  if (negativeShare === 1) return rewriter.add("abs", [x]);
  return rewriter.add("max", [x, rewriter.add("mul", [x, scalarLike(rewriter, x, -1 / negativeShare)])]);
}

function multiply(node: Node, { quotient, magnitude }: Divided, rewriter: Rewriter): string {
  const [, weights, bias] = node.operands;
  const sums = rewriter.add(node.op, [quotient, weights ?? null, null], node.attributes, `${node.name}.normalized`);
  const scaled = rewriter.add("mul", [sums, magnitude]);
  if (bias == null) return scaled;
  const trailing = node.op === "matmul" ? 0 : node.type.shape.length - 2;
  const shape = [elementCount(rewriter.type(bias)), ...new Array<number>(trailing).fill(1)];
  return rewriter.add("add", [scaled, trailing === 0 ? bias : rewriter.add("reshape", [bias], { shape })]);
}
