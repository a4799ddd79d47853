import { problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type Operator } from "../operator.ts";
import type { TensorType } from "../type.ts";
import { numberOf, numbersOf } from "./attributes.ts";
import { broadcastOffsets, normalizeAxis } from "./broadcast.ts";
import { inferUnary } from "./elementwise-support.ts";
import { around } from "./normalization-softmax.ts";
import { addEpsilon } from "./normalization-support.ts";
import { compositeForm, onnxInput, onnxInteger, onnxIntegers } from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

function lineAxis(attributes: Attributes, type: TensorType): number {
  return normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
}

const lpNorm = defineOperator({
  name: "lp_norm",
  summary: "x divided by its 1-norm or 2-norm along an axis; a line of zeros stays one.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 }, order: { form: "integer", default: 2 } },
  onnx: [
    compositeForm("LpNormalization", 1, (node, builder, name) =>
      builder.add(
        "lp_norm",
        [onnxInput(node, builder, 0)],
        { axis: onnxInteger(node, builder, "axis", -1), order: onnxInteger(node, builder, "p", 2) },
        name,
      ),
    ),
  ],
  infer: (context) => {
    const type = inferUnary("lp_norm", context, "float");
    lineAxis(context.attributes, type);
    const order = numberOf(context.attributes, "order");
    if (order !== 1 && order !== 2) throw problem("B202", `"lp_norm" got order ${order}, expected 1 or 2.`);
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const { outer, size, inner } = around(type.shape, lineAxis(attributes, type));
    const square = numberOf(attributes, "order") === 2;
    const results = new Float64Array(values.length);
    for (let line = 0; line < outer * inner; line += 1) {
      const start = Math.floor(line / inner) * size * inner + (line % inner);
      const end = start + size * inner;
      let total = 0;
      for (let index = start; index < end; index += inner) {
        const value = values[index] as number;
        total += square ? value * value : Math.abs(value);
      }
      const norm = square ? Math.sqrt(total) : total;
      for (let index = start; index < end; index += inner) {
        results[index] = norm === 0 ? 0 : (values[index] as number) / norm;
      }
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const over = { axes: [lineAxis(attributes, type)], keepdims: true };
    const square = numberOf(attributes, "order") === 2;
    const total = builder.add("reduce_sum", [square ? builder.add("mul", [x, x]) : builder.add("abs", [x])], over);
    const norm = square ? builder.add("sqrt", [total]) : total;
    return builder.add("div", [x, builder.add("clip", [norm], { low: 2 ** -24 })]);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 5])], attributes: {} },
    { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axis: 1, order: 1 } },
    { operands: [sampleFloats(random, [2, 3], 0, 0)], attributes: { axis: 0 } },
  ],
});

/** MeanVarianceNormalization adds this to the deviation, by its definition. */
const deviationEpsilon = 1e-9;

function meanAxes(attributes: Attributes, type: TensorType): number[] {
  return numbersOf(attributes, "axes").map((axis) => normalizeAxis(axis, type.shape.length));
}

/** The shape with size 1 along axes. */
function reduced(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
}

const standardize = defineOperator({
  name: "standardize",
  summary: "(x − mean) ÷ (deviation + 1e-9), mean and deviation taken over axes.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axes: { form: "integers" } },
  onnx: [
    compositeForm("MeanVarianceNormalization", 9, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const usual = [0, 2, 3].filter((axis) => axis < builder.type(x).shape.length);
      return builder.add("standardize", [x], { axes: onnxIntegers(node, builder, "axes") ?? usual }, name);
    }),
  ],
  infer: (context) => {
    const type = inferUnary("standardize", context, "float");
    meanAxes(context.attributes, type);
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const shape = reduced(type.shape, meanAxes(attributes, type));
    const lines = broadcastOffsets(shape, type.shape) ?? values.map((_, index) => index);
    const count = values.length / product(shape);
    const [means, squares] = [new Float64Array(product(shape)), new Float64Array(product(shape))];
    for (let index = 0; index < values.length; index += 1) {
      const line = lines[index] as number;
      means[line] = (means[line] as number) + (values[index] as number) / count;
    }
    for (let index = 0; index < values.length; index += 1) {
      const line = lines[index] as number;
      squares[line] = (squares[line] as number) + ((values[index] as number) - (means[line] as number)) ** 2 / count;
    }
    const results = mapNumbers(values, (value, index) => {
      const line = lines[index] as number;
      return (value - (means[line] as number)) / (Math.sqrt(squares[line] as number) + deviationEpsilon);
    });
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const over = { axes: meanAxes(attributes, type), keepdims: true };
    const centred = builder.add("sub", [x, builder.add("reduce_mean", [x], over)]);
    const variance = builder.add("reduce_mean", [builder.add("mul", [centred, centred])], over);
    return builder.add("div", [centred, addEpsilon(builder.add("sqrt", [variance]), deviationEpsilon, builder)]);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 3, 2, 4])], attributes: { axes: [0, 2, 3] } },
    { operands: [sampleFloats(random, [2, 6])], attributes: { axes: [-1] } },
    { operands: [sampleFloats(random, [3, 4])], attributes: { axes: [0, 1] } },
  ],
});

/** Normalizations over axes that the node names. */
export const axesNormOperators: readonly Operator[] = [lpNorm, standardize];
