import { problem } from "../../base/errors.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { type ElementType, elementTypes, isFloat } from "../../ir/type.ts";
import { type CalibrationMethod, checkedMethod, defaultCalibrationMethod } from "./calibration-method.ts";
import { makeChannelMeans } from "./channel-means.ts";
import {
  type Histogram,
  leastDivergenceRange,
  leastErrorRange,
  makeHistograms,
  percentileRange,
} from "./histograms.ts";
import type { ValueRange, ValueSpread } from "./value-range.ts";

/** What the float values of a graph did while it was evaluated on frames. */
export interface Calibration {
  readonly method: CalibrationMethod;
  readonly frameCount: number;
  readonly ranges: ReadonlyMap<string, ValueRange>;
  readonly spreads: ReadonlyMap<string, ValueSpread>;
  /** By contraction: the mean of each output channel, over positions and frames. */
  readonly channelMeans: ReadonlyMap<string, Float64Array>;
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  /** The frames that channel means are of. */
  readonly meanFrames: readonly ReadonlyMap<string, Tensor>[];
}

/** What calibration may be given beside frames. */
export interface CalibrateOptions {
  readonly contractor?: Contractor;
  /** By value: the element types that it is stored in, for which `mse` and `entropy` choose its range; by default all values in i8. */
  readonly storedAs?: ReadonlyMap<string, ReadonlySet<ElementType>>;
  /** The frames whose channel means are taken, and which biases are corrected on; all by default. */
  readonly meanFrames?: readonly ReadonlyMap<string, Tensor>[];
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
  checkedMethod(method);
  const { storedAs, contractor, meanFrames = frames } = options;
  const ofMeans = new Set(meanFrames);
  const observeAll = (
    see: (value: string, numbers: ArrayLike<number>, frame: (typeof frames)[number]) => void,
  ): void => {
    for (const frame of frames) {
      const observe = (value: string, tensor: Tensor): void => {
        if (isFloat(tensor.type.element)) see(value, tensorNumbers(tensor), frame);
      };
      evaluate(graph, frame, { observe, ...(contractor === undefined ? {} : { contractor }) });
    }
  };
  const extremes = new Map<string, Extremes>();
  const contractions = graph.nodes.filter((node) => operatorOf(node.op).runsOn === "matrix");
  const means = new Map(contractions.map((node) => [node.name, makeChannelMeans(node)]));
  observeAll((value, numbers, frame) => {
    const seen = extremes.get(value) ?? { lows: [], highs: [], meanSquares: [], hasNan: false };
    extremes.set(value, widened(seen, numbers));
    if (ofMeans.has(frame)) means.get(value)?.add(numbers);
  });
  const rangeOfFrames = frameRules[typeof method === "string" ? method : "min-max"] ?? greatestOf;
  const whole = new Map([...extremes].map(([value, seen]) => [value, rangeOf(seen, rangeOfFrames)]));
  const channelMeans = new Map([...means].map(([node, collector]) => [node, collector.means()]));
  const base = { method, frameCount: frames.length, frames, meanFrames, channelMeans, spreads: extremes };
  const narrow = narrowingOf(method);
  if (narrow === null) return { ...base, ranges: whole };
  const looked = storedAs === undefined ? whole : new Map([...whole].filter(([value]) => storedAs.has(value)));
  const histograms = makeHistograms(looked);
  observeAll(histograms.see);
  const ranges = histograms.ranges((histogram, value) => narrow(histogram, levelCountOf(storedAs?.get(value))));
  return { ...base, ranges: new Map([...whole, ...ranges]) };
}

/** How a method makes one end of a range of those of single frames, where it is not the greatest. */
const frameRules: Readonly<Record<string, (ends: readonly number[]) => number>> = {
  "extreme-value": expectedGreatest,
  "moving-average": movingAverage,
};

/** How many integers a value may be stored as: those of the widest of its element types, whose range must not be cut. */
function levelCountOf(elements: ReadonlySet<ElementType> = new Set(["i8"])): number {
  return 2 ** Math.max(...[...elements].map((element) => elementTypes[element].bits));
}

/** What a method makes of how numbers are distributed; null where ranges of frames suffice. */
function narrowingOf(
  method: CalibrationMethod,
): ((histogram: Histogram, levelCount: number) => Pick<ValueRange, "low" | "high">) | null {
  if (typeof method === "object") return (histogram) => percentileRange(histogram, method.percentile / 100);
  if (method === "mse") return leastErrorRange;
  if (method === "entropy") return leastDivergenceRange;
  return null;
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

function rangeOf({ lows, highs, hasNan }: Extremes, ofFrames: (ends: readonly number[]) => number): ValueRange {
  return { low: 0 - ofFrames(lows.map((low) => -low)), high: ofFrames(highs), hasNan };
}

function greatestOf(ends: readonly number[]): number {
  return Math.max(...ends);
}

/** What each new frame counts in a moving average. */
const newFrameShare = 0.1;

/** The ends of frames averaged in their order, each new one with a tenth of the weight; that of a single frame. */
function movingAverage([first = 0, ...others]: readonly number[]): number {
  return others.reduce((average, end) => average + newFrameShare * (end - average), first);
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
