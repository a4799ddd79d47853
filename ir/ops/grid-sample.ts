import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type GraphBuilder, type OnnxForm, type Operator } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, formatType, isFloat, sameNumbers, type TensorType, tensorType } from "../type.ts";
import { booleanOf, textOf } from "./attributes.ts";
import { requireDomain } from "./elementwise-support.ts";
import { writeComparedGrid } from "./grid-sample-comparisons.ts";
import { type GridSampling, type GridTaps, gridTaps } from "./grid-sample-taps.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxText } from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";

const modes = ["nearest", "linear", "cubic"] as const;
const paddings = ["zeros", "border", "reflection"] as const;
/** Names of GridSample up to opset 19. */
const olderModes: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };

function samplingOf(attributes: Attributes): GridSampling {
  const mode = modes.find((each) => each === textOf(attributes, "mode"));
  const padding = paddings.find((each) => each === textOf(attributes, "padding"));
  if (mode !== undefined && padding !== undefined)
    return { mode, padding, alignCorners: booleanOf(attributes, "alignCorners") };
  throw problem(
    "B202",
    `"grid_sample" got mode "${textOf(attributes, "mode")}" and padding "${textOf(attributes, "padding")}", expected ${modes.join(", ")} and ${paddings.join(", ")}.`,
  );
}

function sampledType(x: TensorType, grid: TensorType): TensorType {
  requireDomain("grid_sample", x, "float");
  const rank = x.shape.length - 2;
  const fits =
    rank >= 1 &&
    isFloat(grid.element) &&
    grid.shape.length === rank + 2 &&
    grid.shape[0] === x.shape[0] &&
    grid.shape.at(-1) === rank;
  if (fits) return tensorType(x.element, [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)]);
  throw problem(
    "B202",
    `"grid_sample" got ${formatType(x)} and ${formatType(grid)}, expected [N,C,spatial...] and [N,positions...,${rank}].`,
  );
}

/** The taps of a grid for each image, its coordinates being those of the image's own part of the grid. */
function imageTaps(grid: Tensor, spatial: readonly number[], sampling: GridSampling): GridTaps[] {
  const numbers = tensorNumbers(grid);
  const images = at(grid.type.shape, 0);
  const size = numbers.length / Math.max(1, images);
  return Array.from({ length: images }, (_, image) =>
    gridTaps(numbers.subarray(image * size, (image + 1) * size), spatial, sampling),
  );
}

/**
 * Samples at places that are known: rows of [N·positions,C] that are gathered, times constant weights, added up.
 * Each sample costs one copy and one product a tap.
 */
function writeKnownGrid(x: string, grid: Tensor, sampling: GridSampling, builder: GraphBuilder, name: string): string {
  const { shape, element } = builder.type(x);
  const [images = 0, channels = 0, ...spatial] = shape;
  const plane = product(spatial);
  const taps = imageTaps(grid, spatial, sampling);
  const type = sampledType(builder.type(x), grid.type);
  const rowCount = product([images, ...type.shape.slice(2)]);
  const planes = builder.add("reshape", [x], { shape: [images, channels, plane] });
  const lines = builder.add("transpose", [planes], { permutation: [0, 2, 1] });
  const rows = builder.add("reshape", [lines], { shape: [images * plane, channels] });
  const terms = at(taps, 0).indexes.map((_, tap) => {
    const indices = taps.flatMap(({ indexes }, image) =>
      Array.from(at(indexes, tap), (index) => image * plane + index),
    );
    const weights = taps.flatMap(({ weights }) => Array.from(at(weights, tap)));
    const gathered = builder.add("gather", [rows], { axis: 0, indices, indexShape: [rowCount] });
    if (weights.every((weight) => weight === 1)) return gathered;
    return builder.add("mul", [gathered, builder.addConstant(tensorOf(tensorType(element, [rowCount, 1]), weights))]);
  });
  const sampled = terms.reduce((sum, term) => builder.add("add", [sum, term]));
  const split = builder.add("reshape", [sampled], { shape: [images, rowCount / images, channels] });
  const turned = builder.add("transpose", [split], { permutation: [0, 2, 1] });
  return builder.add("reshape", [turned], { shape: type.shape }, name);
}

const gridSampleForm: OnnxForm = compositeForm("GridSample", 16, (node, builder, name) => {
  const [x, grid] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const mode = onnxText(node, builder, "mode", node.opset < 20 ? "bilinear" : "linear");
  const attributes = {
    mode: olderModes[mode] ?? mode,
    padding: onnxText(node, builder, "padding_mode", "zeros"),
    alignCorners: onnxInteger(node, builder, "align_corners", 0) !== 0,
  };
  const known = builder.constant(grid);
  if (known === null || elementCount(known.type) === 0) return builder.add("grid_sample", [x, grid], attributes, name);
  return writeKnownGrid(x, known, samplingOf(attributes), builder, name);
});

/** AffineGrid: theta [N,rank,rank+1] times the coordinates of every place of the wanted size, last axis first, and 1. */
const affineGridForm: OnnxForm = compositeForm("AffineGrid", 20, (node, builder, name) => {
  const theta = onnxInput(node, builder, 0);
  const [images = 0, , ...spatial] = onnxConstantNumbers(node, builder, 1) ?? [];
  const rank = spatial.length;
  const { shape, element } = builder.type(theta);
  if (rank < 1 || !sameNumbers(shape, [images, rank, rank + 1]))
    builder.refuse("B110", `AffineGrid got theta [${shape.join(",")}] for ${rank} spatial axes.`);
  const aligned = onnxInteger(node, builder, "align_corners", 0) !== 0;
  const strides = rowMajorStrides(spatial);
  const coordinate = (place: number, axis: number): number => {
    const size = at(spatial, axis);
    const index = Math.floor(place / at(strides, axis)) % size;
    if (aligned) return size === 1 ? 0 : (2 * index) / (size - 1) - 1;
    return (2 * index + 1) / size - 1;
  };
  const places = product(spatial);
  const rows = Float64Array.from({ length: places * (rank + 1) }, (_, index) => {
    const column = index % (rank + 1);
    return column === rank ? 1 : coordinate(Math.floor(index / (rank + 1)), rank - 1 - column);
  });
  const base = builder.addConstant(tensorOf(tensorType(element, [places, 1, rank + 1]), rows));
  const factors = builder.add("reshape", [theta], { shape: [images, 1, rank, rank + 1] });
  const sums = builder.add("reduce_sum", [builder.add("mul", [factors, base])], { axes: [3], keepdims: false });
  return builder.add("reshape", [sums], { shape: [images, ...spatial, rank] }, name);
});

const gridSample = defineOperator({
  name: "grid_sample",
  summary:
    "Samples x [N,C,spatial...] at the places of a grid [N,positions...,rank], coordinates −1 to 1, the last axis first.",
  runsOn: "folded",
  operands: ["x", "grid"],
  attributes: {
    mode: { form: "text", default: "linear" },
    padding: { form: "text", default: "zeros" },
    alignCorners: { form: "boolean", default: false },
  },
  onnx: [gridSampleForm, affineGridForm],
  obstacle:
    "The grid is not known at compile time, so which elements are read depends on data, and the plane is too large to weigh all of them.",
  infer: ({ operands, attributes }) => {
    samplingOf(attributes);
    return sampledType(typeAt(operands, 0), typeAt(operands, 1));
  },
  evaluate: ({ operands, attributes, type }) => {
    const [x, grid] = [operandAt(operands, 0), operandAt(operands, 1)];
    const [, channels = 0, ...spatial] = x.type.shape;
    const values = tensorNumbers(x);
    const plane = product(spatial);
    const results = new Float64Array(elementCount(type));
    imageTaps(grid, spatial, samplingOf(attributes)).forEach(({ indexes, weights }, image) => {
      const count = at(indexes, 0).length;
      for (let channel = image * channels; channel < (image + 1) * channels; channel += 1) {
        indexes.forEach((list, tap) => {
          const factors = at(weights, tap);
          for (let sample = 0; sample < count; sample += 1) {
            const factor = factors[sample] as number;
            if (factor === 0) continue;
            const place = channel * count + sample;
            results[place] =
              (results[place] as number) + factor * (values[channel * plane + (list[sample] as number)] as number);
          }
        });
      }
    });
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes }, builder) => {
    const [x, grid] = operands as [string, string];
    return writeComparedGrid(x, grid, samplingOf(attributes), builder);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 2, 4, 5]), sampleFloats(random, [1, 3, 2, 2], -1.2, 1.2)], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 1, 3, 3]), sampleFloats(random, [2, 2, 2, 2], -2, 2)],
      attributes: { mode: "cubic", padding: "reflection" },
    },
    {
      operands: [sampleFloats(random, [1, 1, 2, 3, 2]), sampleFloats(random, [1, 1, 2, 2, 3], -1.5, 1.5)],
      attributes: { mode: "nearest", padding: "border", alignCorners: true },
    },
  ],
});

/** Operators that sample at places given by coordinates. */
export const gridSampleOperators: readonly Operator[] = [gridSample];
