import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides, sum } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type NodeBuilder, type Operator } from "../operator.ts";
import { formatType, type TensorType, tensorType } from "../type.ts";
import { booleanOf, numberOf, numbersOf, textOf } from "./attributes.ts";
import { stridedOffsets } from "./broadcast.ts";
import { inferUnary } from "./elementwise-support.ts";
import { scalarLike } from "./onnx-node.ts";
import { resizeForms } from "./resize-onnx.ts";
import {
  type AxisTaps,
  type CoordinateMode,
  coordinateModes,
  interpolationTaps,
  type ResizedAxis,
} from "./resize-taps.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** An axis of the operand with the taps of its results. */
interface TappedAxis {
  readonly axis: number;
  readonly output: number;
  readonly taps: AxisTaps;
}

function resizedAxes(attributes: Attributes, type: TensorType): (ResizedAxis & { readonly axis: number })[] {
  const [axes, sizes, lengths, region] = ["axes", "sizes", "lengths", "region"].map((name) =>
    numbersOf(attributes, name),
  ) as [readonly number[], readonly number[], readonly number[], readonly number[]];
  const coordinates = coordinateModes.find((mode) => mode === textOf(attributes, "coordinates"));
  const fits =
    coordinates !== undefined &&
    axes.every((axis) => axis >= 0 && axis < type.shape.length && at(type.shape, axis) > 0) &&
    new Set(axes).size === axes.length &&
    sizes.length === axes.length &&
    lengths.length === axes.length &&
    region.length === 2 * axes.length;
  if (!fits) {
    throw problem(
      "B202",
      `"resize" of ${formatType(type)} got axes [${axes.join(",")}], sizes [${sizes.join(",")}], lengths [${lengths.join(",")}], region [${region.join(",")}] and coordinates "${textOf(attributes, "coordinates")}", expected a size, a length and a range for each axis and one of ${coordinateModes.join(", ")}.`,
    );
  }
  return axes.map((axis, index) => ({
    axis,
    input: at(type.shape, axis),
    output: at(sizes, index),
    length: at(lengths, index),
    coordinates: coordinates as CoordinateMode,
    start: at(region, index),
    end: at(region, index + axes.length),
  }));
}

/** The axes with their taps, those that shrink most first, so that the others have less to do. */
function tappedAxes(attributes: Attributes, type: TensorType): TappedAxis[] {
  const mode = textOf(attributes, "mode");
  if (mode !== "linear" && mode !== "cubic")
    throw problem("B202", `"resize" got mode "${mode}", expected linear or cubic.`);
  const interpolation = {
    mode,
    cubicCoefficient: numberOf(attributes, "cubicCoefficient"),
    excludeOutside: booleanOf(attributes, "excludeOutside"),
    antialias: booleanOf(attributes, "antialias"),
  } as const;
  return resizedAxes(attributes, type)
    .sort((left, right) => left.output / left.input - right.output / right.input)
    .map((axis) => ({ axis: axis.axis, output: axis.output, taps: interpolationTaps(axis, interpolation) }));
}

/** Sums the taps of one axis of numbers of the shape. */
function interpolateAxis(values: Float64Array, shape: readonly number[], { axis, taps }: TappedAxis): Float64Array {
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  const size = at(shape, axis);
  const results = new Float64Array(outer * taps.count * inner);
  taps.indexes.forEach((indexes, tap) => {
    const weights = at(taps.weights, tap);
    for (let block = 0; block < outer; block += 1) {
      for (let position = 0; position < taps.count; position += 1) {
        const weight = weights[position] as number;
        if (weight === 0) continue;
        const source = (block * size + (indexes[position] as number)) * inner;
        const target = (block * taps.count + position) * inner;
        for (let index = 0; index < inner; index += 1)
          results[target + index] = (results[target + index] as number) + weight * (values[source + index] as number);
      }
    }
  });
  return results;
}

/** Numbers of the inner shape within a larger one, the value being all around. */
function surround(
  values: Float64Array,
  inside: readonly number[],
  axes: readonly TappedAxis[],
  outsideValue: number,
  shape: readonly number[],
): Float64Array {
  if (values.length === product(shape)) return values;
  const strides = rowMajorStrides(shape);
  const start = sum(axes.map(({ axis, taps }) => taps.first * at(strides, axis)));
  const results = new Float64Array(product(shape)).fill(outsideValue);
  stridedOffsets(inside, strides, start).forEach((offset, index) => {
    results[offset] = values[index] as number;
  });
  return results;
}

/** Adds the weighted elements of one axis: gathers, products with constant weights, and sums. */
function writeTaps(x: string, { axis, taps }: TappedAxis, builder: NodeBuilder): string {
  const { shape, element } = builder.type(x);
  const weightShape = [taps.count, ...shape.slice(axis + 1).map(() => 1)];
  const terms = taps.indexes.map((indices, tap) => {
    const gathered = builder.add("gather", [x], { axis, indices, indexShape: [taps.count] });
    const weights = at(taps.weights, tap);
    const first = at(weights, 0);
    if (weights.every((weight) => weight === first)) {
      return first === 1 ? gathered : builder.add("mul", [gathered, scalarLike(builder, x, first)]);
    }
    const factor = builder.addConstant(tensorOf(tensorType(element, weightShape), weights));
    return builder.add("mul", [gathered, factor]);
  });
  return terms.reduce((sum, term) => builder.add("add", [sum, term]));
}

const resize = defineOperator({
  name: "resize",
  summary: "Resamples axes by linear or cubic interpolation, each result being a weighted sum of elements.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {
    axes: { form: "integers" },
    sizes: { form: "integers" },
    lengths: { form: "numbers" },
    mode: { form: "text" },
    coordinates: { form: "text", default: "half_pixel" },
    region: { form: "numbers" },
    cubicCoefficient: { form: "number", default: -0.75 },
    excludeOutside: { form: "boolean", default: false },
    antialias: { form: "boolean", default: false },
    outsideValue: { form: "number", default: 0 },
  },
  onnx: resizeForms,
  infer: (context) => {
    const type = inferUnary("resize", context, "float");
    const shape = [...type.shape];
    for (const { axis, output } of tappedAxes(context.attributes, type)) shape[axis] = output;
    return tensorType(type.element, shape);
  },
  evaluate: ({ operands, attributes, type }) => {
    const x = operandAt(operands, 0);
    const axes = tappedAxes(attributes, x.type);
    const shape = [...x.type.shape];
    let values: Float64Array = Float64Array.from(tensorNumbers(x));
    for (const axis of axes) {
      values = interpolateAxis(values, shape, axis);
      shape[axis.axis] = axis.taps.count;
    }
    return tensorOf(type, surround(values, shape, axes, numberOf(attributes, "outsideValue"), type.shape));
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const axes = tappedAxes(attributes, builder.type(x));
    if (axes.some(({ taps }) => taps.count === 0)) {
      return builder.add("expand", [scalarLike(builder, x, numberOf(attributes, "outsideValue"))], {
        shape: type.shape,
      });
    }
    const inside = axes.reduce((value, axis) => writeTaps(value, axis, builder), x);
    const pads = outsidePads(axes, type.shape.length);
    if (pads.every((pad) => pad === 0)) return axes.length === 0 ? builder.add("identity", [x]) : inside;
    return builder.add("pad", [inside], { pads, value: numberOf(attributes, "outsideValue") });
  },
  samples: (random) => {
    const both = { axes: [2, 3], region: [0, 0, 1, 1] };
    const up = { ...both, sizes: [6, 8], lengths: [6, 8] };
    const down = { ...both, sizes: [2, 3], lengths: [2.4, 3.2] };
    const x = (): Sampled => [sampleFloats(random, [1, 2, 4, 4])];
    return [
      { operands: x(), attributes: { ...up, mode: "linear" } },
      { operands: x(), attributes: { ...down, mode: "linear", antialias: true } },
      { operands: x(), attributes: { ...up, mode: "cubic", excludeOutside: true, coordinates: "align_corners" } },
      {
        operands: x(),
        attributes: {
          ...up,
          mode: "linear",
          coordinates: "tf_crop_and_resize",
          region: [-0.2, 0.1, 0.7, 1.3],
          outsideValue: 7,
        },
      },
      {
        operands: [sampleFloats(random, [5])],
        attributes: { axes: [0], sizes: [10], lengths: [10], region: [0, 1], mode: "cubic" },
      },
    ];
  },
});

type Sampled = ReturnType<Operator["samples"]>[number]["operands"];

/** How many results lie outside the original axes, before and after, for a pad of the rank. */
function outsidePads(axes: readonly TappedAxis[], rank: number): number[] {
  const pads = new Array<number>(2 * rank).fill(0);
  for (const { axis, output, taps } of axes) {
    pads[axis] = taps.first;
    pads[axis + rank] = output - taps.first - taps.count;
  }
  return pads;
}

/** Operators that resample axes. */
export const resizeOperators: readonly Operator[] = [resize];
