import { at, clamp, product, rowMajorStrides } from "../../base/math.ts";

/** How a grid samples a value; the names of ONNX's GridSample 20. */
export interface GridSampling {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly padding: "zeros" | "border" | "reflection";
  /** Whether −1 and 1 stand for the centres of the outermost elements rather than for their outer edges. */
  readonly alignCorners: boolean;
}

/** Weighted elements: sample i = Σ_t weights[t][i] · x[indexes[t][i]]; where a weight is 0 the index may be any. */
export interface GridTaps {
  readonly indexes: readonly Int32Array[];
  readonly weights: readonly Float64Array[];
}

/** A number mirrored at two bounds until it lies between them. */
function reflect(x: number, low: number, high: number): number {
  const range = high - low;
  if (range <= 0) return low;
  const distance = x < low ? low - x : x - high;
  if (distance <= 0) return x;
  const turns = Math.floor(distance / range);
  const rest = distance - turns * range;
  const fromLow = x < low === (turns % 2 === 0);
  return fromLow ? low + rest : high - rest;
}

/** To the nearest integer, halves to even. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The weights of the elements around a position that lies `ratio` after element 0, from element 1 − length/2 on. */
function kernelWeights(mode: GridSampling["mode"], ratio: number): readonly number[] {
  if (mode === "nearest") return [1];
  if (mode === "linear") return [1 - ratio, ratio];
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(ratio + 1), near(ratio), near(1 - ratio), far(2 - ratio)];
}

/** The positions between which an axis of `size` elements is mirrored. */
export function axisBounds(size: number, alignCorners: boolean): readonly [low: number, high: number] {
  return alignCorners ? [0, size - 1] : [-0.5, size - 0.5];
}

/** The element that stands for one inside or outside an axis; −1 where zero does. */
export function sampledElement(element: number, size: number, { padding, alignCorners }: GridSampling): number {
  if (element >= 0 && element < size) return element;
  if (padding === "zeros") return -1;
  const inside = padding === "border" ? element : Math.trunc(reflect(element, ...axisBounds(size, alignCorners)));
  return clamp(inside, 0, size - 1);
}

/** The elements of one axis that a grid coordinate samples, −1 for one that counts as zero, with their weights. */
function axisElements(
  coordinate: number,
  size: number,
  sampling: GridSampling,
): { readonly elements: readonly number[]; readonly weights: readonly number[] } {
  const { mode, padding, alignCorners } = sampling;
  const [low, high] = axisBounds(size, alignCorners);
  const real = alignCorners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  const rounded = mode === "nearest" ? roundHalfEven(real) : real;
  const outside = rounded < low || rounded > high;
  const position =
    !outside || padding === "zeros"
      ? rounded
      : padding === "border"
        ? clamp(rounded, 0, size - 1)
        : reflect(rounded, low, high);
  const base = mode === "nearest" ? Math.trunc(position) : Math.floor(position);
  const weights = kernelWeights(mode, position - base);
  const first = base + 1 - Math.ceil(weights.length / 2);
  const elements = weights.map((_, tap) => sampledElement(first + tap, size, sampling));
  return { elements, weights };
}

/**
 * The weighted elements of a plane of the spatial sizes that a grid samples; the grid holds for each sample one
 * coordinate an axis, the last axis first.
 */
export function gridTaps(grid: ArrayLike<number>, spatial: readonly number[], sampling: GridSampling): GridTaps {
  const rank = spatial.length;
  const count = grid.length / rank;
  const width = kernelWeights(sampling.mode, 0).length;
  const strides = rowMajorStrides(spatial);
  const tapCount = product(spatial.map(() => width));
  const indexes = Array.from({ length: tapCount }, () => new Int32Array(count));
  const weights = Array.from({ length: tapCount }, () => new Float64Array(count));
  for (let sample = 0; sample < count; sample += 1) {
    const axes = spatial.map((size, axis) =>
      axisElements(grid[sample * rank + rank - 1 - axis] as number, size, sampling),
    );
    for (let tap = 0; tap < tapCount; tap += 1) {
      let [index, weight, rest] = [0, 1, tap];
      for (let axis = rank - 1; axis >= 0; axis -= 1) {
        const { elements, weights: along } = at(axes, axis);
        const element = elements[rest % width] as number;
        weight *= element < 0 ? 0 : (along[rest % width] as number);
        index += Math.max(0, element) * at(strides, axis);
        rest = Math.floor(rest / width);
      }
      (indexes[tap] as Int32Array)[sample] = index;
      (weights[tap] as Float64Array)[sample] = weight;
    }
  }
  return { indexes, weights };
}
