import { at, product } from "../../base/math.ts";
import type { NodeBuilder } from "../operator.ts";
import { tensorType } from "../type.ts";
import { axisBounds, type GridSampling, sampledElement } from "./grid-sample-taps.ts";
import { indexList } from "./movement-declaration.ts";
import { scalarLike } from "./onnx-node.ts";
import { tensorOf } from "./values.ts";

/** A sample is multiplied with every element of a plane; there may be at most this many products. */
const productLimit = 2 ** 22;

/** Elements beyond either end of an axis that a sample may read. */
const overhangs = { nearest: 0, linear: 1, cubic: 2 } as const;

/** An operator between a value and a number. */
function withNumber(builder: NodeBuilder, op: string, value: string, number: number): string {
  return builder.add(op, [value, scalarLike(builder, value, number)]);
}

/** The number where the value compares so with a bound, the value elsewhere. */
function replaced(builder: NodeBuilder, value: string, op: "less" | "greater", bound: number, number: number): string {
  return builder.add("where", [withNumber(builder, op, value, bound), scalarLike(builder, value, number), value]);
}

/** The positions on an axis of `size` elements that coordinates stand for, brought inside as the padding asks. */
function positionsOf(coordinates: string, size: number, sampling: GridSampling, builder: NodeBuilder): string {
  const { mode, padding, alignCorners } = sampling;
  const [low, high] = axisBounds(size, alignCorners);
  const range = high - low;
  const real = withNumber(builder, "add", withNumber(builder, "mul", coordinates, range / 2), (size - 1) / 2);
  const position = mode === "nearest" ? builder.add("round", [real]) : real;
  if (padding === "zeros") return position;
  if (padding === "border")
    return replaced(builder, replaced(builder, position, "greater", high, size - 1), "less", low, 0);
  if (range === 0) return withNumber(builder, "mul", position, 0);
  const distance = withNumber(builder, "sub", position, low);
  const turns = builder.add("floor", [withNumber(builder, "div", distance, 2 * range)]);
  const rest = builder.add("sub", [distance, withNumber(builder, "mul", turns, 2 * range)]);
  const mirrored = withNumber(builder, "add", builder.add("neg", [rest]), 2 * range);
  return withNumber(builder, "add", builder.add("min", [rest, mirrored]), low);
}

/** The polynomial of a value with the given coefficients, the highest power first. */
function polynomial(builder: NodeBuilder, x: string, coefficients: readonly number[]): string {
  const [highest = 0, second = 0, ...others] = coefficients;
  const first = withNumber(builder, "add", withNumber(builder, "mul", x, highest), second);
  return others.reduce(
    (value, coefficient) => withNumber(builder, "add", builder.add("mul", [value, x]), coefficient),
    first,
  );
}

/** The weights of elements at distances from a position. Cubic: Keys, 1981, with coefficient −3/4. */
function weightsOf(distance: string, mode: "linear" | "cubic", builder: NodeBuilder): string {
  if (mode === "linear") return builder.add("relu", [withNumber(builder, "add", builder.add("neg", [distance]), 1)]);
  const near = polynomial(builder, distance, [1.25, -2.25, 0, 1]);
  const far = polynomial(builder, withNumber(builder, "min", distance, 2), [-0.75, 3.75, -6, 3]);
  return builder.add("where", [withNumber(builder, "less", distance, 1), near, far]);
}

/**
 * Samples without data-dependent addressing: along each axis, the weight of every element for every sample follows from
 * its distance, and all products are added up. x is [N,C,spatial...], the grid [N,positions...,rank]. Null where that
 * makes too many products.
 */
export function writeComparedGrid(
  x: string,
  grid: string,
  sampling: GridSampling,
  builder: NodeBuilder,
): string | null {
  const { shape, element } = builder.type(x);
  const [images = 0, channels = 0, ...spatial] = shape;
  const places = builder.type(grid).shape.slice(1, -1);
  const samples = product(places);
  const { mode } = sampling;
  const overhang = sampling.padding === "zeros" ? 0 : overhangs[mode];
  const extended = spatial.map((size) => indexList(size + 2 * overhang).map((index) => index - overhang));
  if (product([images, channels, samples, ...extended.map((list) => list.length)]) > productLimit) return null;
  const numbers = builder.type(grid).element === element ? grid : builder.add("cast", [grid], { element });
  const coordinates = builder.add("reshape", [numbers], { shape: [images, samples, spatial.length] });
  const zero = scalarLike(builder, x, 0);

  const weights = spatial.map((size, axis) => {
    const last = spatial.length - 1 - axis;
    const along = builder.add("slice", [coordinates], { starts: [last], ends: [last + 1], axes: [2], steps: [1] });
    const position = positionsOf(along, size, sampling, builder);
    const elements = at(extended, axis);
    const candidates = builder.addConstant(tensorOf(tensorType(element, [elements.length]), elements));
    if (mode === "nearest") return builder.add("equal", [position, candidates]);
    return weightsOf(builder.add("abs", [builder.add("sub", [position, candidates])]), mode, builder);
  });
  const planes = spatial.reduce((value, size, axis) => {
    if (overhang === 0) return value;
    const indices = at(extended, axis).map((each) => sampledElement(each, size, sampling));
    return builder.add("gather", [value], { axis: axis + 2, indices, indexShape: [indices.length] });
  }, x);
  const sizes = extended.map((list) => list.length);
  const lines = builder.add("reshape", [planes], { shape: [images, channels, 1, ...sizes] });
  const sampled = weights.reduceRight((value, weight, axis) => {
    const factor = builder.add("reshape", [weight], {
      shape: [images, 1, samples, ...spatial.slice(0, axis).map(() => 1), at(sizes, axis)],
    });
    const terms =
      mode === "nearest" ? builder.add("where", [factor, value, zero]) : builder.add("mul", [value, factor]);
    return builder.add("reduce_sum", [terms], { axes: [3 + axis], keepdims: false });
  }, lines);
  return builder.add("reshape", [sampled], { shape: [images, channels, ...places] });
}
