import { at } from "../../base/math.ts";
import type { ValueRange } from "./value-range.ts";

const binCount = 2048;

/** How the numbers of a value are distributed over its range: 2,048 equal bins, exact zeros apart, for they are stored exactly. */
export interface Histogram {
  readonly range: ValueRange;
  readonly counts: Float64Array;
  readonly zeroCount: number;
}

/** Counts how the numbers of each value are distributed over its range; infinities are left out. */
export interface Histograms {
  readonly see: (value: string, numbers: ArrayLike<number>) => void;
  /** Each value's range as `narrow` makes it of the histogram; values of nothing but 0 keep theirs. */
  readonly ranges: (
    narrow: (histogram: Histogram, value: string) => Pick<ValueRange, "low" | "high">,
  ) => Map<string, ValueRange>;
}

/** Histograms over the whole ranges of values. */
export function makeHistograms(whole: ReadonlyMap<string, ValueRange>): Histograms {
  const histograms = new Map<string, { counts: Float64Array; zeroCount: number }>();
  const see: Histograms["see"] = (value, numbers) => {
    const range = whole.get(value);
    if (range === undefined || range.low === range.high) return;
    const histogram = histograms.get(value) ?? { counts: new Float64Array(binCount), zeroCount: 0 };
    histograms.set(value, histogram);
    const { counts } = histogram;
    const binsPerUnit = binCount / (range.high - range.low);
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      if (number === 0) histogram.zeroCount += 1;
      else if (Number.isFinite(number)) {
        const bin = Math.max(0, Math.min(binCount - 1, Math.floor((number - range.low) * binsPerUnit)));
        counts[bin] = at(counts, bin) + 1;
      }
    }
  };
  const ranges: Histograms["ranges"] = (narrow) =>
    new Map(
      [...whole].map(([value, range]) => {
        const histogram = histograms.get(value);
        return [value, histogram === undefined ? range : { ...range, ...narrow({ ...histogram, range }, value) }];
      }),
    );
  return { see, ranges };
}

/** The part of a range that leaves out 1 − fraction of the numbers at either end; zero stays in. */
export function percentileRange(
  { counts, zeroCount, range }: Histogram,
  fraction: number,
): { low: number; high: number } {
  const binWidth = (range.high - range.low) / binCount;
  const zeroBin = Math.min(binCount - 1, Math.floor(-range.low / binWidth));
  const all = Float64Array.from(counts, (count, bin) => count + (bin === zeroBin ? zeroCount : 0));
  const allowed = all.reduce((sum, count) => sum + count, 0) * (1 - fraction);
  let first = 0;
  for (let below = at(all, 0); below <= allowed && first < binCount - 1; below += at(all, first)) first += 1;
  let last = binCount - 1;
  for (let above = at(all, last); above <= allowed && last > 0; above += at(all, last)) last -= 1;
  return { low: Math.min(0, range.low + first * binWidth), high: Math.max(0, range.low + (last + 1) * binWidth) };
}

/** How many ends are tried on either side: the whole range less multiples of a hundredth. */
const endCount = 100;

/**
 * The part of a range whose stored numbers have the least squared error: what is clipped, and step²/12 for what is rounded.
 * Both ends are moved in turn until neither gains.
 */
export function leastErrorRange(histogram: Histogram, levelCount: number): { low: number; high: number } {
  const { range } = histogram;
  const errorOf = clippingErrors(histogram, levelCount);
  let best = { low: range.low, high: range.high, error: errorOf(range.low, range.high) };
  for (let moved = true; moved; ) {
    moved = false;
    for (let end = 1; end <= endCount; end += 1) {
      for (const tried of [
        { low: (range.low * end) / endCount, high: best.high },
        { low: best.low, high: (range.high * end) / endCount },
      ]) {
        const error = errorOf(tried.low, tried.high);
        if (error >= best.error) continue;
        best = { ...tried, error };
        moved = true;
      }
    }
  }
  return { low: best.low, high: best.high };
}

/** The squared error of storing a histogram's numbers in [low, high]; clipped sums come from cumulative moments. */
function clippingErrors({ counts, range }: Histogram, levelCount: number): (low: number, high: number) => number {
  const binWidth = (range.high - range.low) / binCount;
  const moments = [0, 1, 2].map((power) => {
    const cumulative = new Float64Array(binCount + 1);
    for (let bin = 0; bin < binCount; bin += 1)
      cumulative[bin + 1] = at(cumulative, bin) + at(counts, bin) * (range.low + (bin + 0.5) * binWidth) ** power;
    return cumulative;
  });
  const away = (from: number, to: number, edge: number): number => {
    const [count = 0, sum = 0, squares = 0] = moments.map((each) => at(each, to) - at(each, from));
    return squares - 2 * edge * sum + edge * edge * count;
  };
  return (low, high) => {
    const first = Math.max(0, Math.min(binCount, Math.round((low - range.low) / binWidth)));
    const last = Math.max(first, Math.min(binCount, Math.round((high - range.low) / binWidth)));
    const step = (high - low) / (levelCount - 1);
    const inside = (at(moments[0] as Float64Array, last) - at(moments[0] as Float64Array, first)) * (step ** 2 / 12);
    return inside + away(0, first, low) + away(last, binCount, high);
  };
}

/** How many ranges the search for the least divergence tries. */
const thresholdCount = 128;

/**
 * The part of a range, cut at one distance from zero on both sides, that loses least of the distribution: P is the
 * histogram with what is clipped at its ends, Q that of the part with the bins of each level made equal; the least
 * Σ P·ln(P/Q) wins. Source: Migacz, "8-bit Inference with TensorRT" (2017).
 */
export function leastDivergenceRange(histogram: Histogram, levelCount: number): { low: number; high: number } {
  const { range, counts } = histogram;
  const binWidth = (range.high - range.low) / binCount;
  const greatest = Math.max(-range.low, range.high);
  let best = { low: range.low, high: range.high, divergence: Number.POSITIVE_INFINITY };
  for (let index = thresholdCount; index >= 1; index -= 1) {
    const threshold = (greatest * index) / thresholdCount;
    const [low, high] = [Math.max(range.low, -threshold), Math.min(range.high, threshold)];
    const first = Math.round((low - range.low) / binWidth);
    const last = Math.round((high - range.low) / binWidth);
    if (last - first < levelCount) break;
    const divergence = divergenceOf(counts, first, last, levelCount);
    if (divergence < best.divergence) best = { low, high, divergence };
  }
  return { low: best.low, high: best.high };
}

function divergenceOf(counts: Float64Array, first: number, last: number, levelCount: number): number {
  const kept = counts.slice(first, last);
  const wanted = kept.slice();
  wanted[0] = at(wanted, 0) + counts.subarray(0, first).reduce((sum, count) => sum + count, 0);
  const end = wanted.length - 1;
  wanted[end] = at(wanted, end) + counts.subarray(last).reduce((sum, count) => sum + count, 0);
  const [wantedTotal, keptTotal] = [wanted, kept].map((each) => each.reduce((sum, count) => sum + count, 0));
  if (wantedTotal === undefined || keptTotal === undefined || keptTotal === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let level = 0; level < levelCount; level += 1) {
    const from = Math.floor((level * kept.length) / levelCount);
    const to = Math.floor(((level + 1) * kept.length) / levelCount);
    let [total, occupied] = [0, 0];
    for (let bin = from; bin < to; bin += 1) {
      total += at(kept, bin);
      if (at(kept, bin) > 0) occupied += 1;
    }
    const found = occupied === 0 ? 0 : total / occupied / keptTotal;
    for (let bin = from; bin < to; bin += 1) {
      const share = at(wanted, bin) / wantedTotal;
      if (share === 0) continue;
      // What is clipped into an empty bin has no level of its own.
      divergence += share * Math.log(share / Math.max(found, 1e-9));
    }
  }
  return divergence;
}
