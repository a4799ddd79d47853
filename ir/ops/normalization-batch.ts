import { problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import { defineOperator, type GraphBuilder, type OnnxNode, type Operator } from "../operator.ts";
import { elementCount, formatType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { inferUnary } from "./elementwise-support.ts";
import { around } from "./normalization-softmax.ts";
import { alongChannels, writeScaled } from "./normalization-support.ts";
import { compositeForm, onnxInput, onnxInteger, onnxNumber, scalarLike } from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** Whether a node takes the statistics of its batch: by `is_test` before opset 7, by `training_mode` since 14. */
function isTraining(node: OnnxNode, builder: GraphBuilder): boolean {
  if (node.opset < 7) return onnxInteger(node, builder, "is_test", 0) === 0;
  return node.opset >= 14 && onnxInteger(node, builder, "training_mode", 0) === 1;
}

/** Normalization by given statistics of each channel. */
export const batchNorm: Operator = defineOperator({
  name: "batch_norm",
  summary: "(x − mean) ÷ √(variance + epsilon) · scale + bias, with given mean and variance for each index of axis 1.",
  runsOn: "folded",
  operands: ["x", "scale", "bias", "mean", "variance"],
  attributes: { epsilon: { form: "number", default: 1e-5 } },
  onnx: [
    compositeForm("BatchNormalization", 1, (node, builder, name) => {
      if (isTraining(node, builder)) builder.refuse("B104", "BatchNormalization in training mode is not supported.");
      const x = onnxInput(node, builder, 0);
      const { shape, element } = builder.type(x);
      const spatial = node.opset >= 9 || onnxInteger(node, builder, "spatial", 1) !== 0;
      const channels = spatial ? (shape[1] ?? 1) : product(shape.slice(1));
      const statistics = [1, 2, 3, 4].map((index) => {
        const value = onnxInput(node, builder, index);
        const typed = builder.type(value).element === element ? value : builder.add("cast", [value], { element });
        return spatial ? typed : builder.add("reshape", [typed], { shape: [channels] });
      });
      const attributes = { epsilon: onnxNumber(node, builder, "epsilon", 1e-5) };
      if (spatial && shape.length > 1) return builder.add("batch_norm", [x, ...statistics], attributes, name);
      const flat = builder.add("reshape", [x], { shape: [at(shape, 0), channels] });
      return builder.add("reshape", [builder.add("batch_norm", [flat, ...statistics], attributes)], { shape }, name);
    }),
  ],
  infer: (context) => {
    const type = inferUnary("batch_norm", context, "float");
    const channels = type.shape[1];
    for (const operand of context.operands.slice(1)) {
      if (
        channels === undefined ||
        operand === null ||
        operand.shape.length !== 1 ||
        operand.shape[0] !== channels ||
        operand.element !== type.element
      ) {
        throw problem(
          "B202",
          `"batch_norm" of ${formatType(type)} got ${operand === null ? "nothing" : formatType(operand)}, expected ${type.element}[${channels ?? "axis 1"}].`,
        );
      }
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => tensorNumbers(operandAt(operands, index)));
    const { size, inner } = around(type.shape, 1);
    const epsilon = numberOf(attributes, "epsilon");
    const results = new Float64Array(elementCount(type));
    for (let plane = 0; plane * inner < results.length; plane += 1) {
      const channel = plane % size;
      const factor = (scale?.[channel] as number) / Math.sqrt((variance?.[channel] as number) + epsilon);
      const shift = (bias?.[channel] as number) - (mean?.[channel] as number) * factor;
      for (let index = plane * inner; index < (plane + 1) * inner; index += 1) {
        results[index] = (values[index] as number) * factor + shift;
      }
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const [x, scale, bias, mean, variance] = operands as readonly string[] as readonly [
      string,
      string,
      string,
      string,
      string,
    ];
    const deviation = builder.add("sqrt", [
      builder.add("add", [variance, scalarLike(builder, variance, numberOf(attributes, "epsilon"))]),
    ]);
    const factor = builder.add("div", [scale, deviation]);
    const shift = builder.add("sub", [bias, builder.add("mul", [mean, factor])]);
    const rank = type.shape.length;
    return writeScaled(x, alongChannels(factor, rank, builder), alongChannels(shift, rank, builder), builder);
  },
  samples: (random) =>
    (
      [
        [2, 3],
        [1, 4, 5],
        [2, 2, 3, 3],
      ] as const
    ).map((shape) => ({
      operands: [
        sampleFloats(random, shape),
        ...[0, 1, 2].map(() => sampleFloats(random, [shape[1]])),
        sampleFloats(random, [shape[1]], 0.1, 3),
      ],
      attributes: { epsilon: 1e-3 },
    })),
});
