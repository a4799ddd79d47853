import { at, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type EvaluateContext, type OnnxForm, type Operator } from "../operator.ts";
import { f32Tensor, type Tensor } from "../tensor.ts";
import type { TensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import { inferUnary } from "./elementwise-support.ts";
import { compositeForm, onnxInput, onnxInteger } from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** Sizes of a tensor seen as [outer, axis, inner]. */
export function around(
  shape: readonly number[],
  axis: number,
): { readonly outer: number; readonly size: number; readonly inner: number } {
  return { outer: product(shape.slice(0, axis)), size: at(shape, axis), inner: product(shape.slice(axis + 1)) };
}

function softmaxAxis(attributes: Attributes, type: TensorType): number {
  return normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
}

/** e^(x − greatest) ÷ its sum along an axis, its logarithm, or zeros for a line that is −∞ throughout (NaN otherwise). */
function evaluateSoftmax(
  { operands, attributes, type }: EvaluateContext,
  kind: "plain" | "logarithm" | "masked",
): Tensor {
  const logarithm = kind === "logarithm";
  const values = tensorNumbers(operandAt(operands, 0));
  const { outer, size, inner } = around(type.shape, softmaxAxis(attributes, type));
  const results = new Float64Array(values.length);
  for (let line = 0; line < outer * inner; line += 1) {
    const start = Math.floor(line / inner) * size * inner + (line % inner);
    const end = start + size * inner;
    let greatest = Number.NEGATIVE_INFINITY;
    for (let index = start; index < end; index += inner) greatest = Math.max(greatest, values[index] as number);
    if (kind === "masked" && greatest === Number.NEGATIVE_INFINITY) continue;
    let total = 0;
    for (let index = start; index < end; index += inner) {
      const shifted = (values[index] as number) - greatest;
      results[index] = logarithm ? shifted : Math.exp(shifted);
      total += Math.exp(shifted);
    }
    const logTotal = Math.log(total);
    for (let index = start; index < end; index += inner) {
      const value = results[index] as number;
      results[index] = logarithm ? value - logTotal : value / total;
    }
  }
  return tensorOf(type, results);
}

/** Before opset 13 the value is flattened to two axes at `axis`, and the second one is normalized. */
function softmaxForm(operator: string, op: string): OnnxForm {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const { shape } = builder.type(x);
    if (node.opset >= 13) return builder.add(op, [x], { axis: onnxInteger(node, builder, "axis", -1) }, name);
    const given = onnxInteger(node, builder, "axis", 1);
    const axis = given < 0 ? given + shape.length : given;
    if (product(shape.slice(axis)) === shape[axis]) return builder.add(op, [x], { axis }, name);
    const flat = builder.add("reshape", [x], { shape: [product(shape.slice(0, axis)), product(shape.slice(axis))] });
    return builder.add("reshape", [builder.add(op, [flat], { axis: 1 })], { shape }, name);
  });
}

const softmaxSamples: Operator["samples"] = (random) => [
  { operands: [sampleFloats(random, [2, 5])], attributes: { axis: -1 } },
  { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axis: 1 } },
  { operands: [sampleFloats(random, [6], -30, 30)], attributes: { axis: 0 } },
];

const softmax = defineOperator({
  name: "softmax",
  summary: "e^x divided by its sum along an axis.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 } },
  onnx: [softmaxForm("Softmax", "softmax")],
  infer: (context) => {
    const type = inferUnary("softmax", context, "float");
    softmaxAxis(context.attributes, type);
    return type;
  },
  evaluate: (context) => evaluateSoftmax(context, "plain"),
  decompose: ({ operands, attributes, type }, builder) => {
    const axes = { axes: [softmaxAxis(attributes, type)], keepdims: true };
    const x = operands[0] as string;
    const powers = builder.add("exp", [builder.add("sub", [x, builder.add("reduce_max", [x], axes)])]);
    return builder.add("div", [powers, builder.add("reduce_sum", [powers], axes)]);
  },
  samples: softmaxSamples,
});

/** The lowest finite number of each float type. */
const lowest: Readonly<Record<string, number>> = {
  f16: -65504,
  bf16: -(2 - 2 ** -7) * 2 ** 127,
  f32: -(2 - 2 ** -23) * 2 ** 127,
  f64: -Number.MAX_VALUE,
};

/** A line's greatest number is held finite and its sum, which is at least 1 unless all is −∞, at least 1. */
const maskedSoftmax = defineOperator({
  name: "masked_softmax",
  summary: "Softmax along an axis; a line that is −∞ throughout gives zeros.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 } },
  onnx: [],
  infer: (context) => {
    const type = inferUnary("masked_softmax", context, "float");
    softmaxAxis(context.attributes, type);
    return type;
  },
  evaluate: (context) => evaluateSoftmax(context, "masked"),
  decompose: ({ operands, attributes, type }, builder) => {
    const axes = { axes: [softmaxAxis(attributes, type)], keepdims: true };
    const x = operands[0] as string;
    const greatest = builder.add("clip", [builder.add("reduce_max", [x], axes)], { low: lowest[type.element] ?? 0 });
    const powers = builder.add("exp", [builder.add("sub", [x, greatest])]);
    const total = builder.add("clip", [builder.add("reduce_sum", [powers], axes)], { low: 1 });
    return builder.add("div", [powers, total]);
  },
  samples: (random) => [
    ...softmaxSamples(random),
    {
      operands: [
        f32Tensor(
          [2, 3],
          [
            Number.NEGATIVE_INFINITY,
            Number.NEGATIVE_INFINITY,
            Number.NEGATIVE_INFINITY,
            1,
            Number.NEGATIVE_INFINITY,
            2,
          ],
        ),
      ],
      attributes: {},
    },
  ],
});

const logSoftmax = defineOperator({
  name: "log_softmax",
  summary: "The logarithm of softmax along an axis.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 } },
  onnx: [softmaxForm("LogSoftmax", "log_softmax")],
  infer: (context) => {
    const type = inferUnary("log_softmax", context, "float");
    softmaxAxis(context.attributes, type);
    return type;
  },
  evaluate: (context) => evaluateSoftmax(context, "logarithm"),
  decompose: ({ operands, attributes, type }, builder) => {
    const axes = { axes: [softmaxAxis(attributes, type)], keepdims: true };
    const x = operands[0] as string;
    const shifted = builder.add("sub", [x, builder.add("reduce_max", [x], axes)]);
    const total = builder.add("reduce_sum", [builder.add("exp", [shifted])], axes);
    return builder.add("sub", [shifted, builder.add("log", [total])]);
  },
  samples: softmaxSamples,
});

/** Softmax and its logarithm. */
export const softmaxOperators: readonly Operator[] = [softmax, maskedSoftmax, logSoftmax];
