import type { Attributes } from "../graph.ts";
import { defineOperator, type Operator, type VectorIssue } from "../operator.ts";
import { tensorType } from "../type.ts";
import { booleanOf } from "./attributes.ts";
import { elementwiseIteration } from "./broadcast.ts";
import { inferUnary, mapUnary } from "./elementwise-support.ts";
import { compositeForm, directForm, onnxInput, onnxInteger } from "./onnx-node.ts";
import { sampleTensor } from "./samples.ts";
import { tensorOf } from "./values.ts";

const not = defineOperator({
  name: "not",
  summary: "Whether x is false; of integers all bits inverted.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {},
  onnx: [directForm("Not", "not", 1), directForm("BitwiseNot", "not", 1, 18)],
  infer: (context) => inferUnary("not", context, "integer"),
  evaluate: (context) => mapUnary(context, context.type.element === "bool" ? (x) => 1 - x : (x) => ~x, (x) => ~x),
  iteration: elementwiseIteration,
  vector: { kind: "elementwise", issue: () => ({ function: "not", parameters: {} }) },
  samples: (random) =>
    (["bool", "bool", "i8", "u16", "i64"] as const).map((element, index) => ({
      operands: [sampleTensor(random, tensorType(element, [[4], [], [2, 3]][index % 3] ?? []), -9, 9)],
      attributes: {},
    })),
});

/** Declares a test of a float that gives a truth value. */
function declareTest(
  name: string,
  summary: string,
  attributes: Operator["attributes"],
  onnx: Operator["onnx"],
  issue: (attributes: Attributes) => VectorIssue,
  test: (x: number, attributes: Attributes) => boolean,
): Operator {
  return defineOperator({
    name,
    summary,
    runsOn: "vector",
    operands: ["x"],
    attributes,
    onnx,
    infer: (context) => tensorType("bool", inferUnary(name, context, "float").shape),
    evaluate: (context) => mapUnary(context, (x) => (test(x, context.attributes) ? 1 : 0)),
    iteration: elementwiseIteration,
    vector: { kind: "elementwise", issue: (context) => issue(context.attributes) },
    samples: () =>
      (["f32", "f16", "f64"] as const).map((element) => ({
        operands: [
          tensorOf(tensorType(element, [4]), [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
        ],
        attributes: {},
      })),
  });
}

const isNan = declareTest(
  "is_nan",
  "Whether x is no number.",
  {},
  [directForm("IsNaN", "is_nan", 1, 9)],
  () => ({ function: "is_nan", parameters: {} }),
  Number.isNaN,
);

const isInfinite = declareTest(
  "is_infinite",
  "Whether x is infinite, of the signs that are asked for.",
  { positive: { form: "boolean", default: true }, negative: { form: "boolean", default: true } },
  [
    compositeForm("IsInf", 10, (node, builder, name) => {
      const positive = onnxInteger(node, builder, "detect_positive", 1) !== 0;
      const negative = onnxInteger(node, builder, "detect_negative", 1) !== 0;
      return builder.add("is_infinite", [onnxInput(node, builder, 0)], { positive, negative }, name);
    }),
  ],
  (attributes) => ({
    function: "is_infinite",
    parameters: {
      positive: booleanOf(attributes, "positive") ? 1 : 0,
      negative: booleanOf(attributes, "negative") ? 1 : 0,
    },
  }),
  (x, attributes) =>
    (booleanOf(attributes, "positive") && x === Number.POSITIVE_INFINITY) ||
    (booleanOf(attributes, "negative") && x === Number.NEGATIVE_INFINITY),
);

/** Operators of one operand on truth values and bits, and tests of floats. */
export const truthOperators: readonly Operator[] = [not, isNan, isInfinite];
