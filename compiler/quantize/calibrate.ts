import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { constantsByName, type Graph, valueTypes } from "../../ir/graph.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { isFloat } from "../../ir/type.ts";

/** The finite numbers that a value took lie in [low, high]; zero is always among them. */
export interface ValueRange {
  readonly low: number;
  readonly high: number;
  /** Whether the value was ever NaN. */
  readonly hasNan: boolean;
}

/**
 * How ranges are read from frames. min-max: all numbers. percentile: the middle part that holds this percentage of the
 * numbers is kept on either side of the median, e.g. 99.9 leaves out the least and the greatest 0.1 %.
 */
export type CalibrationMethod = "min-max" | { readonly percentile: number };

/** What every float value of a graph ranged over while it was evaluated on frames. */
export interface Calibration {
  readonly method: CalibrationMethod;
  readonly frameCount: number;
  readonly ranges: ReadonlyMap<string, ValueRange>;
}

const binCount = 2048;

/**
 * Evaluates a float graph on frames (inputs by name) and records the range of every float value. Infinities are left
 * out: they saturate. Throws B801 without frames, B508 without weights, B802 for a percentile outside (50, 100].
 */
export function calibrate(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  method: CalibrationMethod = "min-max",
): Calibration {
  if (frames.length === 0) throw problem("B801", "Calibration got no frames, expected at least one.");
  if (method !== "min-max" && !(method.percentile > 50 && method.percentile <= 100)) {
    throw problem("B802", `Calibration got percentile ${method.percentile}, expected more than 50 and at most 100.`);
  }
  const whole = extremes(graph, frames);
  const ranges = method === "min-max" ? whole : percentileRanges(graph, frames, whole, method.percentile);
  return { method, frameCount: frames.length, ranges };
}

function observeFloats(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  see: (value: string, numbers: ArrayLike<number>) => void,
): void {
  const observe = (value: string, tensor: Tensor): void => {
    if (isFloat(tensor.type.element)) see(value, tensorNumbers(tensor));
  };
  for (const frame of frames) {
    for (const [name, tensor] of frame) observe(name, tensor);
    evaluate(graph, frame, { observe });
  }
}

function extremes(graph: Graph, frames: readonly ReadonlyMap<string, Tensor>[]): Map<string, ValueRange> {
  const ranges = new Map<string, ValueRange>();
  const types = valueTypes(graph);
  const widen = (value: string, numbers: ArrayLike<number>): void => {
    if (!types.has(value)) return;
    let { low, high, hasNan } = ranges.get(value) ?? { low: 0, high: 0, hasNan: false };
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      if (number < low && number !== Number.NEGATIVE_INFINITY) low = number;
      else if (number > high && number !== Number.POSITIVE_INFINITY) high = number;
      else if (Number.isNaN(number)) hasNan = true;
    }
    ranges.set(value, { low, high, hasNan });
  };
  for (const { name, type, data } of constantsByName(graph).values()) {
    if (data !== null && isFloat(type.element)) widen(name, tensorNumbers({ type, data }));
  }
  observeFloats(graph, frames, widen);
  return ranges;
}

function percentileRanges(
  graph: Graph,
  frames: readonly ReadonlyMap<string, Tensor>[],
  whole: ReadonlyMap<string, ValueRange>,
  percentile: number,
): Map<string, ValueRange> {
  const histograms = new Map<string, Float64Array>();
  observeFloats(graph, frames, (value, numbers) => {
    const range = whole.get(value);
    if (range === undefined || range.low === range.high) return;
    const histogram = histograms.get(value) ?? new Float64Array(binCount);
    histograms.set(value, histogram);
    const perUnit = binCount / (range.high - range.low);
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      if (!Number.isFinite(number)) continue;
      const bin = Math.min(binCount - 1, Math.floor((number - range.low) * perUnit));
      histogram[bin] = at(histogram, bin) + 1;
    }
  });
  return new Map(
    [...whole].map(([value, range]) => {
      const histogram = histograms.get(value);
      return [value, histogram === undefined ? range : middle(histogram, range, percentile / 100)];
    }),
  );
}

/** The edges of the bins that hold the given fraction of all numbers from either end; zero stays inside. */
function middle(histogram: Float64Array, range: ValueRange, fraction: number): ValueRange {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  const binWidth = (range.high - range.low) / binCount;
  const allowed = total * (1 - fraction);
  let first = 0;
  for (let below = at(histogram, 0); below <= allowed && first < binCount - 1; below += at(histogram, first))
    first += 1;
  let last = binCount - 1;
  for (let above = at(histogram, last); above <= allowed && last > 0; above += at(histogram, last)) last -= 1;
  return {
    low: Math.min(0, range.low + first * binWidth),
    high: Math.max(0, range.low + (last + 1) * binWidth),
    hasNan: range.hasNan,
  };
}
