import { at } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { isFloat } from "../type.ts";
import { normalizeAxis } from "./broadcast.ts";
import { indexList } from "./movement-declaration.ts";
import {
  bindOnly,
  onnxConstantNumbers,
  onnxInput,
  onnxInteger,
  onnxIntegers,
  onnxNumber,
  onnxOutput,
  onnxText,
} from "./onnx-node.ts";
import { coordinateModes, type NearestMode, nearestIndexes, nearestModes, type ResizedAxis } from "./resize-taps.ts";

/** What a Resize or Upsample node asks for, whatever its opset calls it. */
interface ResizeRequest {
  readonly mode: string;
  readonly nearest: string;
  readonly coordinates: string;
  /** The axes that are named, counted from the front. */
  readonly axes: readonly number[];
  readonly scales: readonly number[] | null;
  readonly sizes: readonly number[] | null;
  readonly region: readonly number[] | null;
}

/** The numbers of an optional input; an empty one counts as absent. */
function listed(node: OnnxNode, builder: GraphBuilder, index: number): readonly number[] | null {
  const numbers = onnxConstantNumbers(node, builder, index);
  return numbers === null || numbers.length === 0 ? null : numbers;
}

function upsampleRequest(node: OnnxNode, builder: GraphBuilder, axes: readonly number[]): ResizeRequest {
  const attribute = node.attributes.get("scales");
  const fromAttribute = Array.isArray(attribute) ? attribute.filter((each) => typeof each === "number") : null;
  return {
    mode: onnxText(node, builder, "mode", "nearest"),
    nearest: "floor",
    coordinates: "asymmetric",
    axes,
    scales: node.operator === "Upsample" && node.opset < 9 ? fromAttribute : listed(node, builder, 1),
    sizes: null,
    region: null,
  };
}

function resizeRequest(node: OnnxNode, builder: GraphBuilder, rank: number): ResizeRequest {
  const named = node.opset < 18 ? null : onnxIntegers(node, builder, "axes");
  const coordinates = onnxText(node, builder, "coordinate_transformation_mode", "half_pixel");
  const axes = named === null ? indexList(rank) : named.map((axis) => normalizeAxis(axis, rank));
  return {
    mode: onnxText(node, builder, "mode", "nearest"),
    nearest: onnxText(node, builder, "nearest_mode", "round_prefer_floor"),
    coordinates,
    axes,
    scales: listed(node, builder, 2),
    sizes: listed(node, builder, 3),
    region: coordinates === "tf_crop_and_resize" ? listed(node, builder, 1) : null,
  };
}

/** Sizes and resized lengths of the named axes. */
function resizedSizes(
  node: OnnxNode,
  builder: GraphBuilder,
  { axes, scales, sizes }: ResizeRequest,
  shape: readonly number[],
): { readonly sizes: readonly number[]; readonly lengths: readonly number[] } {
  const inputs = axes.map((axis) => at(shape, axis));
  const given = scales ?? sizes;
  if (given === null || (scales !== null && sizes !== null))
    return builder.refuse("B110", `${node.operator} needs either scales or sizes.`);
  if (given.length !== axes.length || given.some((each) => !(each > 0)))
    return builder.refuse(
      "B110",
      `${node.operator} got [${given.join(",")}] for ${axes.length} axes, expected as many positive numbers.`,
    );
  if (scales !== null) {
    const lengths = inputs.map((input, index) => input * at(scales, index));
    return { sizes: lengths.map(Math.floor), lengths };
  }
  const policy = onnxText(node, builder, "keep_aspect_ratio_policy", "stretch");
  if (policy === "stretch") return { sizes: given, lengths: given };
  if (policy !== "not_larger" && policy !== "not_smaller") {
    return builder.refuse(
      "B111",
      `Attribute "keep_aspect_ratio_policy" is "${policy}", expected stretch, not_larger or not_smaller.`,
    );
  }
  const ratios = given.map((size, index) => size / at(inputs, index));
  const ratio = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const rounded = inputs.map((input) => Math.floor(ratio * input + 0.5));
  return { sizes: rounded, lengths: rounded };
}

/** Copies of elements along one axis: repetition where each is repeated equally often, a gather otherwise. */
function copyAlong(x: string, axis: number, indices: readonly number[], builder: GraphBuilder): string {
  const { shape } = builder.type(x);
  const size = at(shape, axis);
  const times = indices.length / size;
  if (!Number.isInteger(times) || !indices.every((index, position) => index === Math.floor(position / times)))
    return builder.add("gather", [x], { axis, indices, indexShape: [indices.length] });
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const split = builder.add("reshape", [x], { shape: [...before, size, 1, ...after] });
  const repeated = builder.add("expand", [split], { shape: [...before, size, times, ...after] });
  return builder.add("reshape", [repeated], { shape: [...before, size * times, ...after] });
}

/** Nearest-neighbour resampling: a movement, with a value where results lie outside. */
function writeNearest(
  x: string,
  axes: readonly (ResizedAxis & { readonly axis: number })[],
  mode: (axis: ResizedAxis) => NearestMode,
  outsideValue: number,
  builder: GraphBuilder,
): string {
  const rank = builder.type(x).shape.length;
  const pads = new Array<number>(2 * rank).fill(0);
  let value = x;
  for (const each of axes) {
    const indexes = nearestIndexes(each, mode(each));
    const inside = indexes.filter((index) => index >= 0);
    const first = Math.max(0, indexes.indexOf(inside[0] ?? -1));
    if (inside.length === 0)
      value = builder.add("slice", [value], { starts: [0], ends: [0], axes: [each.axis], steps: [1] });
    else value = copyAlong(value, each.axis, inside, builder);
    pads[each.axis] = first;
    pads[each.axis + rank] = indexes.length - first - inside.length;
  }
  return pads.every((pad) => pad === 0) ? value : builder.add("pad", [value], { pads, value: outsideValue });
}

/** The value under another name; a resize that changes nothing is an identity. */
function named(value: string, builder: GraphBuilder, name: string): string {
  return builder.add("identity", [value], {}, name);
}

function writeResize(node: OnnxNode, builder: GraphBuilder, request: ResizeRequest): string {
  const x = onnxInput(node, builder, 0);
  const { shape, element } = builder.type(x);
  const name = onnxOutput(node);
  const coordinates = coordinateModes.find((mode) => mode === request.coordinates);
  if (coordinates === undefined) {
    return builder.refuse(
      "B111",
      `Attribute "coordinate_transformation_mode" is "${request.coordinates}", expected one of ${coordinateModes.join(", ")}.`,
    );
  }
  const { sizes, lengths } = resizedSizes(node, builder, request, shape);
  const count = request.axes.length;
  const region = request.region ?? [...new Array<number>(count).fill(0), ...new Array<number>(count).fill(1)];
  if (region.length !== 2 * count)
    return builder.refuse("B110", `roi has ${region.length} numbers; ${count} axes need ${2 * count}.`);
  const axes = request.axes
    .map((axis, index) => ({
      axis,
      input: at(shape, axis),
      output: at(sizes, index),
      length: at(lengths, index),
      coordinates,
      start: at(region, index),
      end: at(region, index + count),
    }))
    .filter(
      ({ input, output, length, start, end }) => input !== output || length !== input || start !== 0 || end !== 1,
    );
  const outsideValue = onnxNumber(node, builder, "extrapolation_value", 0);
  if (request.mode === "nearest") {
    const mode = nearestModes.find((each) => each === request.nearest);
    if (mode === undefined)
      return builder.refuse(
        "B111",
        `Attribute "nearest_mode" is "${request.nearest}", expected one of ${nearestModes.join(", ")}.`,
      );
    const shrinksByCeil = node.operator === "Resize" && node.opset < 11;
    const rule = ({ length, input }: ResizedAxis): NearestMode => (shrinksByCeil && length < input ? "ceil" : mode);
    return named(writeNearest(x, axes, rule, outsideValue, builder), builder, name);
  }
  if (request.mode !== "linear" && request.mode !== "cubic")
    return builder.refuse("B111", `Attribute "mode" is "${request.mode}", expected nearest, linear or cubic.`);
  if (axes.length === 0) return named(x, builder, name);
  const attributes: Attributes = {
    axes: axes.map(({ axis }) => axis),
    sizes: axes.map(({ output }) => output),
    lengths: axes.map(({ length }) => length),
    mode: request.mode,
    coordinates,
    region: [...axes.map(({ start }) => start), ...axes.map(({ end }) => end)],
    cubicCoefficient: onnxNumber(node, builder, "cubic_coeff_a", -0.75),
    excludeOutside: onnxInteger(node, builder, "exclude_outside", 0) !== 0,
    antialias: onnxInteger(node, builder, "antialias", 0) !== 0,
    outsideValue,
  };
  if (isFloat(element)) return builder.add("resize", [x], attributes, name);
  const floats = builder.add("cast", [x], { element: "f32" });
  return builder.add("cast", [builder.add("resize", [floats], attributes)], { element }, name);
}

/** Upsample and Resize. */
export const resizeForms: readonly OnnxForm[] = [
  { operator: "Upsample", since: 7 },
  { operator: "Resize", since: 10 },
].map(({ operator, since }) => ({
  operator,
  since,
  translate: (node, builder) => {
    const { shape } = builder.type(onnxInput(node, builder, 0));
    const simple = operator === "Upsample" || node.opset < 11;
    const request = simple
      ? upsampleRequest(node, builder, indexList(shape.length))
      : resizeRequest(node, builder, shape.length);
    bindOnly(node, builder, writeResize(node, builder, request));
  },
}));
