import { problem } from "../../base/errors.ts";
import { defineOperator, type InferContext, type Operator } from "../operator.ts";
import { formatType, type TensorType, tensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { inferUnary } from "./elementwise-support.ts";
import { around } from "./normalization-softmax.ts";
import { squareSummation } from "./reduction-support.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** The type of a unary operator over windows of `size` neighbouring channels, [N,C,...] of floats. Throws B202. */
export function inferChannelWindow(name: string, context: InferContext): TensorType {
  const type = inferUnary(name, context, "float");
  const size = numberOf(context.attributes, "size");
  if (type.shape.length < 2 || size < 1) {
    throw problem("B202", `"${name}" got ${formatType(type)} and size ${size}, expected [N,C,...] and at least 1.`);
  }
  return type;
}

/** Channels of a window that lie before the channel that it belongs to. */
export function channelsBefore(size: number): number {
  return Math.floor((size - 1) / 2);
}

/** A pool over neighbouring channels, which stay where they are: no reshape is needed to bring them beside each other. */
export const channelMeanOfSquares: Operator = defineOperator({
  name: "channel_mean_of_squares",
  summary: "The mean of the squares of `size` neighbouring channels, zeros beyond the first and the last.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { size: { form: "integer" } },
  onnx: [],
  infer: (context) => inferChannelWindow("channel_mean_of_squares", context),
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const { size: channels, inner } = around(type.shape, 1);
    const size = numberOf(attributes, "size");
    const before = channelsBefore(size);
    const sum = squareSummation(type.element);
    const offsets = Int32Array.from({ length: channels }, (_, channel) => channel * inner);
    const results = new Float64Array(values.length);
    for (let index = 0; index < results.length; index += 1) {
      const channel = Math.floor(index / inner) % channels;
      const start = Math.max(0, channel - before);
      const end = Math.min(channels, channel - before + size);
      results[index] = sum(values, index - channel * inner, offsets, start, end) / size;
    }
    return tensorOf(type, results);
  },
  iteration: ({ attributes, type }) => {
    const size = numberOf(attributes, "size");
    const rank = type.shape.length;
    const result = type.shape.map((_, axis) => ({ terms: [{ dimension: axis, stride: 1 }], offset: 0 }));
    const names = ["n", "c", ...["d", "h", "w"].slice(-Math.max(0, rank - 2))];
    return {
      dimensions: [
        ...type.shape.map((length, axis) => ({
          name: (rank <= 5 ? names[axis] : undefined) ?? `d${axis}`,
          size: length,
          kind: "parallel" as const,
        })),
        { name: "kc", size, kind: "reduction" },
      ],
      operands: [
        result.map((form, axis) =>
          axis === 1
            ? {
                terms: [
                  { dimension: 1, stride: 1 },
                  { dimension: rank, stride: 1 },
                ],
                offset: 0 - channelsBefore(size),
              }
            : form,
        ),
      ],
      result,
    };
  },
  vector: { kind: "reduce", issue: () => ({ function: "mean_of_squares", parameters: {} }) },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 5, 3, 3])], attributes: { size: 3 } },
    { operands: [sampleFloats(random, [2, 4])], attributes: { size: 2 } },
    { operands: [sampleTensor(random, tensorType("f16", [1, 6, 4]))], attributes: { size: 5 } },
  ],
});
