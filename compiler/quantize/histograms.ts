import { at } from "../../base/math.ts";
import type { ValueRange } from "./value-range.ts";

const binCount = 2048;

/** Counts how the numbers of each value are distributed over its range. */
export interface Histograms {
  readonly see: (value: string, numbers: ArrayLike<number>) => void;
  /** The ranges that leave out 1 − fraction of the numbers at either end. */
  readonly ranges: (fraction: number) => Map<string, ValueRange>;
}

/** Histograms of 2,048 equal bins over the whole ranges of values. */
export function makeHistograms(whole: ReadonlyMap<string, ValueRange>): Histograms {
  const histograms = new Map<string, Float64Array>();
  const see: Histograms["see"] = (value, numbers) => {
    const range = whole.get(value);
    if (range === undefined || range.low === range.high) return;
    const histogram = histograms.get(value) ?? new Float64Array(binCount);
    histograms.set(value, histogram);
    const binsPerUnit = binCount / (range.high - range.low);
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      if (!Number.isFinite(number)) continue;
      const bin = Math.min(binCount - 1, Math.floor((number - range.low) * binsPerUnit));
      histogram[bin] = at(histogram, bin) + 1;
    }
  };
  const ranges: Histograms["ranges"] = (fraction) =>
    new Map(
      [...whole].map(([value, range]) => {
        const histogram = histograms.get(value);
        return [value, histogram === undefined ? range : middle(histogram, range, fraction)];
      }),
    );
  return { see, ranges };
}

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
