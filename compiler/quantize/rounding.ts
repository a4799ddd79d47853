import { at, clamp } from "../../base/math.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { choleskyFactor, choleskySolve } from "./cholesky.ts";

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

/**
 * The scale that stores weights with the least squared error, each error counted as often as `importance` says (once by default); at least
 * `leastScale`, and 1 for weights of nothing but 0.
 */
export function leastErrorScale(
  weights: Float64Array,
  { greatest, leastScale }: ChannelFormat,
  importance: Float64Array | null = null,
): number {
  const widest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / greatest;
  if (Math.max(widest, leastScale) <= 1e-30) return 1;
  let best = { scale: Math.max(widest, leastScale), error: Number.POSITIVE_INFINITY };
  for (let step = 0; step < scaleSteps.count; step += 1) {
    const scale = Math.max(leastScale, widest * (1 - step * scaleSteps.share));
    let error = 0;
    for (let index = 0; index < weights.length; index += 1) {
      const weight = weights[index] as number;
      const difference = weight - scale * clamp(roundToEven(weight / scale), -greatest, greatest);
      error += difference * difference * (importance === null ? 1 : (importance[index] as number));
    }
    if (error < best.error) best = { scale, error };
    if (scale === leastScale) break;
  }
  return best.scale;
}

/**
 * How much errors of weights matter: eᵀ·H·e, H the damped second moments of what the weights are multiplied with. Rows and columns
 * stand in the opposite of the order in which weights are fixed: greatest moment last, which is fixed first.
 */
export interface ErrorMeasure {
  readonly size: number;
  readonly order: Int32Array;
  readonly moments: Float64Array;
  /** L of H = L·Lᵀ, rows in order. */
  readonly factor: Float64Array;
}

/** The measure of second moments [size, size] with `damping` times their mean diagonal added to the diagonal. */
export function makeErrorMeasure(second: ArrayLike<number>, size: number, damping: number): ErrorMeasure {
  const diagonal = Float64Array.from({ length: size }, (_, index) => second[index * size + index] as number);
  const order = Int32Array.from(diagonal.keys()).sort(
    (left, right) => (diagonal[left] as number) - (diagonal[right] as number) || right - left,
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
  return { size, order, moments, factor: choleskyFactor(moments, size) };
}

/** The real weights of least error, where H·w is known: products [size, columns]. */
export function solveWeights(measure: ErrorMeasure, products: Float64Array, columns: number): Float64Array {
  const solved = inOrder(measure, products, columns);
  choleskySolve(measure.factor, measure.size, solved, columns);
  const weights = new Float64Array(products.length);
  measure.order.forEach((index, place) => {
    weights.set(solved.subarray(place * columns, (place + 1) * columns), index * columns);
  });
  return weights;
}

/** Rows of a matrix [size, columns] in the order of a measure. */
function inOrder({ order }: ErrorMeasure, matrix: Float64Array, columns: number): Float64Array {
  const ordered = new Float64Array(matrix.length);
  order.forEach((index, place) => {
    ordered.set(matrix.subarray(index * columns, (index + 1) * columns), place * columns);
  });
  return ordered;
}

/** Scales that are tried for a channel, as multiples of the one of least squared error. */
const triedScales = [1, 0.9, 1.1] as const;

/**
 * Rounds weights [size, columns] so that eᵀ·H·e of each column is small: one weight after the other is rounded, and those that are left
 * make up for its error; then single integers are moved while that lessens the error. Of several scales the best is taken, then the
 * one that fits its integers best, unless `scale` is given. Source: Frantar et al., "GPTQ" (2022), as the nearest-plane algorithm of Babai
 * (1986) on the Cholesky factor, which gives the same integers without the inverse of H.
 */
export function roundCompensated(
  measure: ErrorMeasure,
  weights: Float64Array,
  formats: readonly ChannelFormat[],
  scale: number | null = null,
): RoundedChannel[] {
  const columns = formats.length;
  const wanted = inOrder(measure, weights, columns);
  return roundColumns(measure, wanted, formats, scale).map((each, column) => {
    const stored = new Float64Array(measure.size);
    measure.order.forEach((index, place) => {
      const number = at(each.errors, place) + at(wanted, place * columns + column);
      stored[index] = 0 + Math.round(number / each.scale);
    });
    return { stored, scale: each.scale };
  });
}

function columnOf(matrix: Float64Array, column: number, columns: number): Float64Array {
  return Float64Array.from(
    { length: matrix.length / columns },
    (_, place) => matrix[place * columns + column] as number,
  );
}

function roundColumns(
  measure: ErrorMeasure,
  wanted: Float64Array,
  formats: readonly ChannelFormat[],
  scale: number | null,
): Found[] {
  const { size, moments } = measure;
  const columns = formats.length;
  const importance = Float64Array.from({ length: size }, (_, place) => moments[place * size + place] as number);
  const bases = formats.map(
    (format, column) => scale ?? leastErrorScale(columnOf(wanted, column, columns), format, importance),
  );
  let best: Found[] = [];
  for (const share of scale === null ? triedScales : [1]) {
    const scales = bases.map((base, column) => Math.max(at(formats, column).leastScale, share * base));
    const errors = nearestPlane(measure, wanted, scales, formats);
    const slopes = symmetricProduct(moments, errors, size, columns);
    const found = scales.map((tried, column): Found => {
      const start = {
        scale: tried,
        errors: columnOf(errors, column, columns),
        slopes: columnOf(slopes, column, columns),
      };
      return improved(measure, columnOf(wanted, column, columns), start, at(formats, column).greatest);
    });
    best = found.map((each, column) => lesser(best[column] ?? each, each));
  }
  if (scale !== null) return best;
  const weighted = symmetricProduct(moments, wanted, size, columns);
  return best.map((found, column) => {
    const own = columnOf(wanted, column, columns);
    const format = at(formats, column);
    const fitted = refitted(found, own, columnOf(weighted, column, columns), format);
    return fitted === null ? found : lesser(found, improved(measure, own, fitted, format.greatest));
  });
}

/** Errors of the integers of a column under a scale: scale·q − w; slopes are H times them. */
interface ColumnErrors {
  readonly scale: number;
  readonly errors: Float64Array;
  readonly slopes: Float64Array;
}

interface Found extends ColumnErrors {
  readonly error: number;
}

function lesser(left: Found, right: Found): Found {
  return right.error < left.error ? right : left;
}

/** A·B of A [size, size] and B [size, columns]. */
function symmetricProduct(matrix: Float64Array, b: Float64Array, size: number, columns: number): Float64Array {
  const products = new Float64Array(size * columns);
  for (let row = 0; row < size; row += 1) {
    const target = row * columns;
    for (let k = 0; k < size; k += 1) {
      const factor = matrix[row * size + k] as number;
      if (factor === 0) continue;
      const source = k * columns;
      for (let column = 0; column < columns; column += 1)
        products[target + column] = (products[target + column] as number) + factor * (b[source + column] as number);
    }
  }
  return products;
}

/** Rounds the rows of weights from the last to the first, each where the errors of those before it want it; gives all errors. */
function nearestPlane(
  { size, factor }: ErrorMeasure,
  wanted: Float64Array,
  scales: readonly number[],
  formats: readonly ChannelFormat[],
): Float64Array {
  const columns = scales.length;
  const errors = new Float64Array(wanted.length);
  const shifts = new Float64Array(columns);
  for (let row = size - 1; row >= 0; row -= 1) {
    shifts.fill(0);
    const own = factor[row * size + row] as number;
    for (let later = row + 1; later < size; later += 1) {
      const share = (factor[later * size + row] as number) / own;
      if (share === 0) continue;
      const source = later * columns;
      for (let column = 0; column < columns; column += 1)
        shifts[column] = (shifts[column] as number) + share * (errors[source + column] as number);
    }
    for (let column = 0; column < columns; column += 1) {
      const weight = wanted[row * columns + column] as number;
      const [scale, { greatest }] = [scales[column] as number, formats[column] as ChannelFormat];
      const integer = clamp(roundToEven((weight - (shifts[column] as number)) / scale), -greatest, greatest);
      errors[row * columns + column] = scale * integer - weight;
    }
  }
  return errors;
}

/** Passes over all weights after which moving single integers stops, if it has not ended before. */
const greatestPassCount = 20;

/** Moves integers to where the error is least while all others stay, until none moves. */
function improved(
  { size, moments }: ErrorMeasure,
  wanted: Float64Array,
  { scale, errors: startErrors, slopes: startSlopes }: ColumnErrors,
  greatest: number,
): Found {
  const [errors, slopes] = [startErrors.slice(), startSlopes.slice()];
  for (let pass = 0, moved = true; moved && pass < greatestPassCount; pass += 1) {
    moved = false;
    for (let place = 0; place < size; place += 1) {
      const row = place * size;
      const own = moments[row + place] as number;
      const before = Math.round(((errors[place] as number) + (wanted[place] as number)) / scale);
      const after = clamp(before - roundToEven((slopes[place] as number) / (own * scale)), -greatest, greatest);
      if (after === before) continue;
      const change = scale * (after - before);
      // Equal errors would be exchanged for ever.
      if (change * (2 * (slopes[place] as number) + change * own) >= 0) continue;
      errors[place] = scale * after - (wanted[place] as number);
      for (let other = 0; other < size; other += 1)
        slopes[other] = (slopes[other] as number) + change * (moments[row + other] as number);
      moved = true;
    }
  }
  let error = 0;
  for (let place = 0; place < size; place += 1) error += (errors[place] as number) * (slopes[place] as number);
  return { scale, errors, slopes, error };
}

/** The same integers under the scale that fits them best, qᵀ·H·w ÷ qᵀ·H·q; null where that is none. `weighted` is H·w. */
function refitted(
  { scale, errors, slopes }: ColumnErrors,
  wanted: Float64Array,
  weighted: Float64Array,
  { leastScale }: ChannelFormat,
): ColumnErrors | null {
  let [above, below] = [0, 0];
  for (let place = 0; place < wanted.length; place += 1) {
    const number = (errors[place] as number) + (wanted[place] as number);
    above += number * (weighted[place] as number);
    below += number * ((slopes[place] as number) + (weighted[place] as number));
  }
  const fitted = below > 0 ? Math.max(leastScale, (scale * above) / below) : 0;
  if (!(fitted > 1e-30)) return null;
  const ratio = fitted / scale;
  return {
    scale: fitted,
    errors: errors.map((error, place) => {
      const number = wanted[place] as number;
      return ratio * (error + number) - number;
    }),
    slopes: slopes.map((slope, place) => {
      const number = weighted[place] as number;
      return ratio * (slope + number) - number;
    }),
  };
}
