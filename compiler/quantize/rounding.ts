import { clamp } from "../../base/math.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { choleskyFactor, choleskySolve, inverseFactor } from "./cholesky.ts";

/** The weights of one output channel as integers in [−greatest, greatest] under a scale. */
export interface RoundedChannel {
  readonly stored: Float64Array;
  readonly scale: number;
}

/** What integers a channel may have: the greatest one, and the least scale, below which its bias would not fit. */
export interface ChannelFormat {
  readonly greatest: number;
  readonly leastScale: number;
}

/** How finely, and how far below the one of the greatest magnitude, scales are searched. */
const scaleSteps = { count: 90, share: 0.01 } as const;

/** The integers nearest to the weights under a scale. */
export function nearestIntegers(weights: Float64Array, scale: number, greatest: number): Float64Array {
  return weights.map((weight) => clamp(roundToEven(weight / scale), -greatest, greatest));
}

/** The scale that stores weights with the least squared error, at least `leastScale`; 1 for weights of nothing but 0. */
export function leastErrorScale(weights: Float64Array, { greatest, leastScale }: ChannelFormat): number {
  const widest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / greatest;
  if (Math.max(widest, leastScale) <= 1e-30) return 1;
  let best = { scale: Math.max(widest, leastScale), error: Number.POSITIVE_INFINITY };
  for (let step = 0; step < scaleSteps.count; step += 1) {
    const scale = Math.max(leastScale, widest * (1 - step * scaleSteps.share));
    let error = 0;
    for (let index = 0; index < weights.length; index += 1) {
      const weight = weights[index] as number;
      error += (weight - scale * clamp(roundToEven(weight / scale), -greatest, greatest)) ** 2;
    }
    if (error < best.error) best = { scale, error };
    if (scale === leastScale) break;
  }
  return best.scale;
}

/**
 * How much errors of weights matter: eᵀ·H·e, H the damped second moments of what the weights are multiplied with.
 * Rows and columns stand in the order in which weights are fixed, greatest moment first.
 */
export interface ErrorMeasure {
  readonly size: number;
  readonly order: Int32Array;
  readonly moments: Float64Array;
  readonly factor: Float64Array;
  /** H⁻¹ = Uᵀ·U, upper triangle. */
  readonly upper: Float64Array;
}

/** The measure of second moments [size, size] with `damping` times their mean diagonal added to the diagonal. */
export function makeErrorMeasure(second: ArrayLike<number>, size: number, damping: number): ErrorMeasure {
  const diagonal = Float64Array.from({ length: size }, (_, index) => second[index * size + index] as number);
  const order = Int32Array.from(diagonal.keys()).sort(
    (left, right) => (diagonal[right] as number) - (diagonal[left] as number) || left - right,
  );
  const mean = diagonal.reduce((sum, each) => sum + each, 0) / size;
  const added = mean > 0 ? damping * mean : 1;
  const moments = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) {
    const source = (order[row] as number) * size;
    for (let column = 0; column < size; column += 1)
      moments[row * size + column] = second[source + (order[column] as number)] as number;
    moments[row * size + row] = (moments[row * size + row] as number) + added;
  }
  const factor = choleskyFactor(moments, size);
  return { size, order, moments, factor, upper: inverseFactor(factor, size) };
}

/** The real weights of least error, where H·w of each of `count` channels is known: products [size, count], solved in place. */
export function solveWeights(
  { size, order, factor }: ErrorMeasure,
  products: Float64Array,
  count: number,
): Float64Array {
  const ordered = Float64Array.from(
    products,
    (_, index) => products[(order[Math.floor(index / count)] as number) * count + (index % count)] as number,
  );
  choleskySolve(factor, size, ordered, count);
  const solved = new Float64Array(products.length);
  for (let row = 0; row < size; row += 1)
    solved.set(ordered.subarray(row * count, (row + 1) * count), (order[row] as number) * count);
  return solved;
}

/** Scales that are tried for a channel, as multiples of the one of least squared error. */
const triedScales = [1, 0.9, 1.1] as const;

/**
 * Rounds the weights of a channel so that eᵀ·H·e is small: one weight after the other is rounded, and those that are left make
 * up for its error (Frantar et al., "GPTQ", 2022); then single integers are moved while that lessens the error. The best of
 * several scales is taken, then the scale that fits its integers best, unless `scale` is given.
 */
export function roundCompensated(
  measure: ErrorMeasure,
  wanted: Float64Array,
  format: ChannelFormat,
  scale: number | null = null,
): RoundedChannel {
  const ordered = Float64Array.from(measure.order, (index) => wanted[index] as number);
  const base = scale ?? leastErrorScale(wanted, format);
  const tried = scale === null ? triedScales.map((share) => Math.max(format.leastScale, share * base)) : [base];
  let best = improved(measure, ordered, compensated(measure, ordered, base, format.greatest), base, format.greatest);
  for (const each of tried.slice(1)) {
    const start = compensated(measure, ordered, each, format.greatest);
    const found = improved(measure, ordered, start, each, format.greatest);
    if (found.error < best.error) best = found;
  }
  if (scale === null) {
    const fitted = Math.max(format.leastScale, fittedScale(measure, ordered, best.stored));
    if (fitted > 1e-30) {
      const found = improved(measure, ordered, best.stored, fitted, format.greatest);
      if (found.error < best.error) best = found;
    }
  }
  const stored = new Float64Array(wanted.length);
  measure.order.forEach((index, place) => {
    stored[index] = 0 + (best.stored[place] as number);
  });
  return { stored, scale: best.scale };
}

/** Rounds weights in order; each error is spread over the weights that are still real. */
function compensated(
  { size, upper }: ErrorMeasure,
  wanted: Float64Array,
  scale: number,
  greatest: number,
): Float64Array {
  const real = wanted.slice();
  const stored = new Float64Array(size);
  for (let place = 0; place < size; place += 1) {
    const weight = real[place] as number;
    const integer = clamp(roundToEven(weight / scale), -greatest, greatest);
    stored[place] = integer;
    const start = place * size;
    const error = (weight - scale * integer) / (upper[start + place] as number);
    if (error === 0) continue;
    for (let later = place + 1; later < size; later += 1)
      real[later] = (real[later] as number) - error * (upper[start + later] as number);
  }
  return stored;
}

interface Found extends RoundedChannel {
  readonly error: number;
}

/** Passes over all weights after which moving single integers stops, if it has not ended before. */
const greatestPassCount = 20;

/** Moves integers to where the error is least while all others stay, until none moves. */
function improved(
  { size, moments }: ErrorMeasure,
  wanted: Float64Array,
  start: Float64Array,
  scale: number,
  greatest: number,
): Found {
  const stored = start.slice();
  const errors = stored.map((integer, place) => scale * integer - (wanted[place] as number));
  const slopes = new Float64Array(size);
  for (let place = 0; place < size; place += 1) {
    const error = errors[place] as number;
    const row = place * size;
    for (let other = 0; other < size; other += 1)
      slopes[other] = (slopes[other] as number) + error * (moments[row + other] as number);
  }
  for (let pass = 0, moved = true; moved && pass < greatestPassCount; pass += 1) {
    moved = false;
    for (let place = 0; place < size; place += 1) {
      const row = place * size;
      const own = moments[row + place] as number;
      const before = stored[place] as number;
      const after = clamp(before - roundToEven((slopes[place] as number) / (own * scale)), -greatest, greatest);
      if (after === before) continue;
      const change = scale * (after - before);
      // Equal errors would be exchanged for ever.
      if (change * (2 * (slopes[place] as number) + change * own) >= 0) continue;
      stored[place] = after;
      errors[place] = (errors[place] as number) + change;
      for (let other = 0; other < size; other += 1)
        slopes[other] = (slopes[other] as number) + change * (moments[row + other] as number);
      moved = true;
    }
  }
  let error = 0;
  for (let place = 0; place < size; place += 1) error += (errors[place] as number) * (slopes[place] as number);
  return { stored, scale, error };
}

/** The scale under which integers are nearest to the weights: qᵀ·H·w ÷ qᵀ·H·q. */
function fittedScale({ size, moments }: ErrorMeasure, wanted: Float64Array, stored: Float64Array): number {
  let [above, below] = [0, 0];
  for (let place = 0; place < size; place += 1) {
    const integer = stored[place] as number;
    if (integer === 0) continue;
    for (let other = 0; other < size; other += 1) {
      const product = integer * (moments[place * size + other] as number);
      above += product * (wanted[other] as number);
      below += product * (stored[other] as number);
    }
  }
  return below > 0 ? above / below : 0;
}
