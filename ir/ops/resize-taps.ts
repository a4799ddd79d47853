import { clamp } from "../../base/math.ts";
import { indexList } from "./movement-declaration.ts";

/** How positions of a resized axis are mapped to positions of the original one; the modes of ONNX's Resize. */
export const coordinateModes = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "tf_half_pixel_for_nn",
  "align_corners",
  "asymmetric",
  "tf_crop_and_resize",
] as const;

/** A mode of ONNX's Resize for mapping positions. */
export type CoordinateMode = (typeof coordinateModes)[number];

/** How one axis is resized. */
export interface ResizedAxis {
  /** Indexes of the original axis. */
  readonly input: number;
  /** Indexes of the resized axis. */
  readonly output: number;
  /** The resized length before it was rounded down: scale × input. */
  readonly length: number;
  readonly coordinates: CoordinateMode;
  /** The part of the original axis that is resized, 0 to 1 for all of it; only tf_crop_and_resize reads it. */
  readonly start: number;
  readonly end: number;
}

/** How values between elements are made. */
export interface Interpolation {
  readonly mode: "linear" | "cubic";
  /** The coefficient a of the cubic kernel. */
  readonly cubicCoefficient: number;
  /** Elements outside the axis weigh nothing, and the other weights make up for it; otherwise the edge stands for them. */
  readonly excludeOutside: boolean;
  /** The kernel is widened by the factor by which an axis shrinks. */
  readonly antialias: boolean;
}

/** Weighted elements of an axis: result i = Σ_t weights[t][i] · x[indexes[t][i]], for first ≤ i < first + count. */
export interface AxisTaps {
  /** Results before and from `first` + `count` on lie outside the original axis. */
  readonly first: number;
  readonly count: number;
  readonly indexes: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/** The position of the original axis that index `x` of the resized axis stands for (ONNX Resize 19, coordinate_transformation_mode). */
export function originalPosition(axis: ResizedAxis, x: number): number {
  const { input, output, length, start, end } = axis;
  switch (axis.coordinates) {
    case "half_pixel":
      return ((x + 0.5) * input) / length - 0.5;
    case "half_pixel_symmetric":
      return (input / 2) * (1 - output / length) + ((x + 0.5) * input) / length - 0.5;
    case "pytorch_half_pixel":
      return output > 1 ? ((x + 0.5) * input) / length - 0.5 : 0;
    case "tf_half_pixel_for_nn":
      return ((x + 0.5) * input) / length;
    case "align_corners":
      return output > 1 ? (x * (input - 1)) / (length - 1) : 0;
    case "asymmetric":
      return (x * input) / length;
    case "tf_crop_and_resize":
      if (output === 1) return ((start + end) * (input - 1)) / 2;
      return start * (input - 1) + (x * (end - start) * (input - 1)) / (length - 1);
  }
}

/** Which results of an axis lie within the original one; all, unless a part of it is cropped. */
export function insideRange(axis: ResizedAxis): { readonly first: number; readonly count: number } {
  if (axis.coordinates !== "tf_crop_and_resize") return { first: 0, count: axis.output };
  const inside = indexList(axis.output).filter((x) => {
    const position = Math.fround(originalPosition(axis, x));
    return position >= 0 && position <= axis.input - 1;
  });
  return { first: inside[0] ?? 0, count: inside.length };
}

const nearestRules = {
  round_prefer_floor: (position: number): number => Math.ceil(position - 0.5),
  round_prefer_ceil: (position: number): number => Math.floor(position + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
} as const;

/** How a position between elements becomes an element; the nearest_mode of ONNX's Resize. */
export type NearestMode = keyof typeof nearestRules;

/** The names of all nearest modes. */
export const nearestModes = Object.keys(nearestRules) as readonly NearestMode[];

/**
 * The element that each result of an axis is a copy of; −1 outside. Positions are rounded to f32 first, so that a scale
 * that f32 cannot hold, such as 1/3, still meets the integers.
 */
export function nearestIndexes(axis: ResizedAxis, mode: NearestMode): number[] {
  const { first, count } = insideRange(axis);
  return indexList(axis.output).map((x) => {
    if (x < first || x >= first + count) return -1;
    const element = nearestRules[mode](Math.fround(originalPosition(axis, x)));
    return Math.max(0, Math.min(element, axis.input - 1));
  });
}

/** The weight of an element at a distance from the position, in elements. Cubic: Keys, 1981. */
function kernelWeight({ mode, cubicCoefficient: a }: Interpolation, distance: number): number {
  const x = Math.abs(distance);
  if (mode === "linear") return Math.max(0, 1 - x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** The weighted elements that each result of an axis is the sum of, as narrow as the axis allows. */
export function interpolationTaps(axis: ResizedAxis, interpolation: Interpolation): AxisTaps {
  const { first, count } = insideRange(axis);
  const scale = interpolation.antialias ? Math.min(1, axis.length / axis.input) : 1;
  const reach = (interpolation.mode === "linear" ? 1 : 2) / scale;
  const sums = indexList(count).map((position) =>
    weightedElements(axis, interpolation, first + position, scale, reach),
  );
  const tapCount = Math.max(1, ...sums.map(({ weights }) => weights.length));
  const column = (list: readonly (readonly number[])[], tap: number, absent: (entry: readonly number[]) => number) =>
    list.map((entry) => entry[tap] ?? absent(entry));
  return {
    first,
    count,
    indexes: indexList(tapCount).map((tap) =>
      column(
        sums.map(({ indexes }) => indexes),
        tap,
        (entry) => entry.at(-1) ?? 0,
      ),
    ),
    weights: indexList(tapCount).map((tap) =>
      column(
        sums.map(({ weights }) => weights),
        tap,
        () => 0,
      ),
    ),
  };
}

/** The elements and weights of one result, those of the same element joined, those of weight 0 left out. */
function weightedElements(
  axis: ResizedAxis,
  interpolation: Interpolation,
  x: number,
  scale: number,
  reach: number,
): { readonly indexes: readonly number[]; readonly weights: readonly number[] } {
  const position = originalPosition(axis, x);
  const weights = new Map<number, number>();
  let total = 0;
  for (let element = Math.ceil(position - reach); element <= Math.floor(position + reach); element += 1) {
    const index = clamp(element, 0, axis.input - 1);
    if (interpolation.excludeOutside && index !== element) continue;
    const weight = kernelWeight(interpolation, (element - position) * scale);
    weights.set(index, (weights.get(index) ?? 0) + weight);
    total += weight;
  }
  const kept = [...weights].filter(([, weight]) => weight !== 0);
  return { indexes: kept.map(([index]) => index), weights: kept.map(([, weight]) => weight / total) };
}
