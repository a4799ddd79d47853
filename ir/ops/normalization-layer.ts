import { problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import { defineOperator, type EvaluateContext, type InferContext, type Operator } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { formatType, sameNumbers, type TensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { broadcastOffsets, broadcastShapes, normalizeAxis } from "./broadcast.ts";
import { inferUnary } from "./elementwise-support.ts";
import { groupNormForm, instanceNormForm, layerNormForm, rootMeanSquareForms } from "./normalization-onnx.ts";
import { addEpsilon, normalizedAxes, writeScaled, writeStandardized } from "./normalization-support.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** Divides lines of consecutive elements by √(mean square + epsilon) in f64, less their mean first where `centres`. */
function scaleLines(values: ArrayLike<number>, length: number, epsilon: number, centres: boolean): Float64Array {
  const results = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    const end = start + length;
    let mean = 0;
    if (centres) for (let index = start; index < end; index += 1) mean += (values[index] as number) / length;
    let square = 0;
    for (let index = start; index < end; index += 1) square += ((values[index] as number) - mean) ** 2 / length;
    const divisor = Math.sqrt(square + epsilon);
    for (let index = start; index < end; index += 1) results[index] = ((values[index] as number) - mean) / divisor;
  }
  return results;
}

/** The type of x; scale and bias must broadcast to it. */
function inferNormalized(op: string, context: InferContext): TensorType {
  const type = inferUnary(op, context, "float");
  normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
  for (const operand of context.operands.slice(1)) {
    if (operand === null) continue;
    const fits =
      operand.element === type.element && sameNumbers(broadcastShapes([type.shape, operand.shape]), type.shape);
    if (!fits) {
      throw problem(
        "B202",
        `"${op}" of ${formatType(type)} got ${formatType(operand)}, expected ${type.element} that broadcasts to its shape.`,
      );
    }
  }
  return type;
}

function evaluateNormalized({ operands, attributes, type }: EvaluateContext, centres: boolean): Tensor {
  const length = product(normalizedAxes(attributes, type).map((axis) => at(type.shape, axis)));
  const values = tensorNumbers(operandAt(operands, 0));
  const results = scaleLines(values, length, numberOf(attributes, "epsilon"), centres);
  const [scale, bias] = [1, 2].map((index) => spread(operands[index] ?? null, type.shape));
  for (let index = 0; index < results.length; index += 1) {
    results[index] = (results[index] as number) * (scale?.[index] ?? 1) + (bias?.[index] ?? 0);
  }
  return tensorOf(type, results);
}

const layerNorm = defineOperator({
  name: "layer_norm",
  summary: "(x − mean) ÷ √(variance + epsilon) over the axes from `axis` on, times scale, plus bias.",
  runsOn: "folded",
  operands: ["x", "scale", "bias?"],
  attributes: { axis: { form: "integer", default: -1 }, epsilon: { form: "number", default: 1e-5 } },
  onnx: [layerNormForm, instanceNormForm, groupNormForm],
  infer: (context) => inferNormalized("layer_norm", context),
  evaluate: (context) => evaluateNormalized(context, true),
  decompose: ({ operands, attributes, type }, builder) => {
    const [x, scale, bias] = operands;
    const standard = writeStandardized(
      x as string,
      normalizedAxes(attributes, type),
      numberOf(attributes, "epsilon"),
      builder,
    );
    return writeScaled(standard, scale ?? null, bias ?? null, builder);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 6]), sampleFloats(random, [6]), sampleFloats(random, [6])], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 3, 4]), sampleFloats(random, [3, 4]), null],
      attributes: { axis: 1, epsilon: 0.01 },
    },
    {
      operands: [sampleFloats(random, [4, 5]), sampleFloats(random, [1]), sampleFloats(random, [5])],
      attributes: { axis: -1 },
    },
  ],
});

/** The numbers of an operand broadcast to a shape; null for none. */
function spread(operand: Tensor | null, shape: readonly number[]): ArrayLike<number> | null {
  if (operand === null) return null;
  const values = tensorNumbers(operand);
  const offsets = broadcastOffsets(operand.type.shape, shape);
  return offsets === null ? values : mapNumbers(offsets, (offset) => values[offset] as number);
}

const rootMeanSquareNorm = defineOperator({
  name: "rms_norm",
  summary: "x ÷ √(mean of x² + epsilon) over the axes from `axis` on, times scale.",
  runsOn: "folded",
  operands: ["x", "scale"],
  attributes: { axis: { form: "integer", default: -1 }, epsilon: { form: "number", default: 1e-5 } },
  onnx: rootMeanSquareForms,
  infer: (context) => inferNormalized("rms_norm", context),
  evaluate: (context) => evaluateNormalized(context, false),
  decompose: ({ operands, attributes, type }, builder) => {
    const [x, scale] = operands as readonly [string, string];
    const over = { axes: normalizedAxes(attributes, type), keepdims: true };
    const square = builder.add("reduce_mean", [builder.add("mul", [x, x])], over);
    const divisor = builder.add("sqrt", [addEpsilon(square, numberOf(attributes, "epsilon"), builder)]);
    return writeScaled(builder.add("div", [x, divisor]), scale, null, builder);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 6]), sampleFloats(random, [6])], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 3, 4]), sampleFloats(random, [3, 4])],
      attributes: { axis: 1, epsilon: 0.01 },
    },
    { operands: [sampleFloats(random, [4, 5]), sampleFloats(random, [1])], attributes: { axis: 0 } },
  ],
});

/** Normalizations over the last axes. */
export const layerNormOperators: readonly Operator[] = [layerNorm, rootMeanSquareNorm];
