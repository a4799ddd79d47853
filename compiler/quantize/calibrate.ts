import { problem } from "../../base/errors.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { isFloat } from "../../ir/type.ts";
import { makeChannelMeans } from "./channel-means.ts";
import { makeHistograms } from "./histograms.ts";
import type { ValueRange, ValueSpread } from "./value-range.ts";

/**
 * How ranges are read from frames.
 * min-max: from the least to the greatest number seen.
 * extreme-value: the least and greatest number to be expected in a hundred frames, from how those of single frames
 * differ (Gumbel's law, by moments: mean + (ln 100 − γ)·s·√6/π); never less than min-max, which it is for one frame.
 * percentile: the part that leaves out (100 − percentile) % of the numbers at either end.
 */
export type CalibrationMethod = "min-max" | "extreme-value" | { readonly percentile: number };

/** The method that is used unless another is asked for. */
export const defaultCalibrationMethod: CalibrationMethod = "extreme-value";

/** What the float values of a graph did while it was evaluated on frames. */
export interface Calibration {
  readonly method: CalibrationMethod;
  readonly frameCount: number;
  readonly ranges: ReadonlyMap<string, ValueRange>;
  readonly spreads: ReadonlyMap<string, ValueSpread>;
  /** By contraction: the mean of each output channel, over positions and frames. */
  readonly channelMeans: ReadonlyMap<string, Float64Array>;
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
}

/** What calibration may be given beside frames. */
export interface CalibrateOptions {
  readonly contractor?: Contractor;
}

/**
 * Evaluates a float graph on frames (inputs by name) and records the ranges of all float inputs and nodes. Infinities are
 * left out: they saturate. Throws B801 without frames, B508 without weights, B802 for a percentile outside (50, 100].
 */
export function calibrate(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  method: CalibrationMethod = defaultCalibrationMethod,
  options: CalibrateOptions = {},
): Calibration {
  if (frames.length === 0) throw problem("B801", "Calibration got no frames, expected at least one.");
  if (typeof method === "object" && !(method.percentile > 50 && method.percentile <= 100)) {
    throw problem("B802", `Calibration got percentile ${method.percentile}, expected more than 50 and at most 100.`);
  }
  const observeAll = (see: (value: string, numbers: ArrayLike<number>) => void): void => {
    const observe = (value: string, tensor: Tensor): void => {
      if (isFloat(tensor.type.element)) see(value, tensorNumbers(tensor));
    };
    for (const frame of frames) evaluate(graph, frame, { observe, ...options });
  };
  const extremes = new Map<string, Extremes>();
  const contractions = graph.nodes.filter((node) => operatorOf(node.op).runsOn === "matrix");
  const means = new Map(contractions.map((node) => [node.name, makeChannelMeans(node)]));
  observeAll((value, numbers) => {
    const seen = extremes.get(value) ?? { lows: [], highs: [], meanSquares: [], hasNan: false };
    extremes.set(value, widened(seen, numbers));
    means.get(value)?.add(numbers);
  });
  const whole = new Map([...extremes].map(([value, seen]) => [value, rangeOf(seen, method === "extreme-value")]));
  const channelMeans = new Map([...means].map(([node, collector]) => [node, collector.means()]));
  const base = { method, frameCount: frames.length, frames, channelMeans, spreads: extremes };
  if (typeof method === "string") return { ...base, ranges: whole };
  const histograms = makeHistograms(whole);
  observeAll(histograms.see);
  return { ...base, ranges: histograms.ranges(method.percentile / 100) };
}

interface Extremes extends ValueSpread {
  readonly hasNan: boolean;
}

function widened(seen: Extremes, numbers: ArrayLike<number>): Extremes {
  let [low, high, squares, hasNan] = [0, 0, 0, seen.hasNan];
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index] as number;
    squares += number * number;
    if (number < low) {
      if (number !== Number.NEGATIVE_INFINITY) low = number;
    } else if (number > high) {
      if (number !== Number.POSITIVE_INFINITY) high = number;
    } else if (Number.isNaN(number)) hasNan = true;
  }
  const meanSquare = squares / Math.max(1, numbers.length);
  return {
    lows: [...seen.lows, low],
    highs: [...seen.highs, high],
    meanSquares: [...seen.meanSquares, meanSquare],
    hasNan,
  };
}

function rangeOf({ lows, highs, hasNan }: Extremes, extrapolate: boolean): ValueRange {
  const greatest = extrapolate ? expectedGreatest : (numbers: readonly number[]) => Math.max(...numbers);
  return { low: 0 - greatest(lows.map((low) => -low)), high: greatest(highs), hasNan };
}

/** Euler's constant, the mean of the standard Gumbel distribution. */
const eulerGamma = 0.5772156649015329;
const expectedFrameCount = 100;

/** The mode of the greatest of a hundred frames, were single ones distributed after Gumbel; at least the greatest seen. */
export function expectedGreatest(greatestOfFrames: readonly number[]): number {
  const count = greatestOfFrames.length;
  const seen = Math.max(...greatestOfFrames);
  if (count < 2) return seen;
  const mean = greatestOfFrames.reduce((total, each) => total + each, 0) / count;
  const variance = greatestOfFrames.reduce((total, each) => total + (each - mean) ** 2, 0) / (count - 1);
  const spread = (Math.sqrt(variance) * Math.sqrt(6)) / Math.PI;
  return Math.max(seen, mean + (Math.log(expectedFrameCount) - eulerGamma) * spread);
}
