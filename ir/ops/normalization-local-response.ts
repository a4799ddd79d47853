import { defineOperator, type Operator } from "../operator.ts";
import { numberOf } from "./attributes.ts";
import { around } from "./normalization-softmax.ts";
import { compositeForm, onnxInput, onnxInteger, onnxNumber, scalarLike } from "./onnx-node.ts";
import { channelsBefore, inferChannelWindow } from "./pooling-channels.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** Division by a power of the sum of squares of neighbouring channels. */
export const localResponseNorm: Operator = defineOperator({
  name: "local_response_norm",
  summary: "x ÷ (bias + alpha/size · Σ x² over `size` neighbouring channels)^beta.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {
    size: { form: "integer" },
    alpha: { form: "number", default: 1e-4 },
    beta: { form: "number", default: 0.75 },
    bias: { form: "number", default: 1 },
  },
  onnx: [
    compositeForm("LRN", 1, (node, builder, name) =>
      builder.add(
        "local_response_norm",
        [onnxInput(node, builder, 0)],
        {
          size: onnxInteger(node, builder, "size"),
          alpha: onnxNumber(node, builder, "alpha", 1e-4),
          beta: onnxNumber(node, builder, "beta", 0.75),
          bias: onnxNumber(node, builder, "bias", 1),
        },
        name,
      ),
    ),
  ],
  infer: (context) => inferChannelWindow("local_response_norm", context),
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const { size: channels, inner } = around(type.shape, 1);
    const [size, alpha, beta, bias] = ["size", "alpha", "beta", "bias"].map((name) => numberOf(attributes, name)) as [
      number,
      number,
      number,
      number,
    ];
    const before = channelsBefore(size);
    const results = new Float64Array(values.length);
    for (let index = 0; index < results.length; index += 1) {
      const channel = Math.floor(index / inner) % channels;
      let squares = 0;
      const last = Math.min(channels - 1, channel - before + size - 1);
      for (let other = Math.max(0, channel - before); other <= last; other += 1) {
        squares += (values[index + (other - channel) * inner] as number) ** 2;
      }
      results[index] = (values[index] as number) / (bias + (alpha / size) * squares) ** beta;
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes }, builder) => {
    const x = operands[0] as string;
    const [size, alpha, beta, bias] = ["size", "alpha", "beta", "bias"].map((name) => numberOf(attributes, name)) as [
      number,
      number,
      number,
      number,
    ];
    const mean = builder.add("channel_mean_of_squares", [x], { size });
    const weighted = builder.add("mul", [mean, scalarLike(builder, x, alpha)]);
    const base = builder.add("add", [weighted, scalarLike(builder, x, bias)]);
    if (bias <= 0 || alpha < 0) return builder.add("mul", [x, builder.add("power", [base], { exponent: -beta })]);
    // A positive base: the activation unit takes logarithm and exponential behind the sum and the product before them.
    const exponent = builder.add("mul", [builder.add("log", [base]), scalarLike(builder, x, -beta)]);
    return builder.add("mul", [x, builder.add("exp", [exponent])]);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 5, 3, 3])], attributes: { size: 3, alpha: 0.5 } },
    { operands: [sampleFloats(random, [2, 4, 2, 2])], attributes: { size: 2, alpha: 1, beta: 0.5, bias: 2 } },
    { operands: [sampleFloats(random, [1, 6, 4])], attributes: { size: 5 } },
  ],
});
