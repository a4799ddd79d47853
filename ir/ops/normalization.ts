import { problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type NodeBuilder, type Operator } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, formatType, sameNumbers, type TensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { broadcastOffsets, broadcastShapes, normalizeAxis } from "./broadcast.ts";
import { inferUnary, requireDomain } from "./elementwise-support.ts";
import { around, softmaxOperators } from "./normalization-softmax.ts";
import {
  bindExtra,
  compositeForm,
  onnxInput,
  onnxInteger,
  onnxNumber,
  onnxOptional,
  onnxOutput,
  scalarLike,
} from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf } from "./values.ts";

/** x − mean and √(variance + epsilon), mean and variance taken over axes. */
function writeDeviation(
  x: string,
  axes: readonly number[],
  epsilon: number,
  builder: NodeBuilder,
): { readonly centred: string; readonly deviation: string } {
  const over = { axes, keepdims: true };
  const centred = builder.add("sub", [x, builder.add("reduce_mean", [x], over)]);
  const variance = builder.add("reduce_mean", [builder.add("mul", [centred, centred])], over);
  return { centred, deviation: builder.add("sqrt", [builder.add("add", [variance, scalarLike(builder, x, epsilon)])]) };
}

function writeStandardized(x: string, axes: readonly number[], epsilon: number, builder: NodeBuilder): string {
  const { centred, deviation } = writeDeviation(x, axes, epsilon, builder);
  return builder.add("div", [centred, deviation]);
}

function writeScaled(
  x: string,
  scale: string | null,
  bias: string | null,
  builder: NodeBuilder,
  name?: string,
): string {
  const last = (isLast: boolean): readonly string[] => (isLast && name !== undefined ? [name] : []);
  const scaled = scale === null ? x : builder.add("mul", [x, scale], {}, ...last(bias === null));
  return bias === null ? scaled : builder.add("add", [scaled, bias], {}, ...last(true));
}

/** Standardizes lines of consecutive elements in f64; `change` is applied to each result with its index. */
function standardizeLines(values: ArrayLike<number>, length: number, epsilon: number): Float64Array {
  const results = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    let mean = 0;
    for (let index = start; index < start + length; index += 1) mean += (values[index] as number) / length;
    let variance = 0;
    for (let index = start; index < start + length; index += 1)
      variance += ((values[index] as number) - mean) ** 2 / length;
    const deviation = Math.sqrt(variance + epsilon);
    for (let index = start; index < start + length; index += 1)
      results[index] = ((values[index] as number) - mean) / deviation;
  }
  return results;
}

function normalizedAxes(attributes: Attributes, type: TensorType): number[] {
  const first = normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
  return type.shape.flatMap((_, axis) => (axis < first ? [] : [axis]));
}

const layerNorm = defineOperator({
  name: "layer_norm",
  summary: "(x − mean) ÷ √(variance + epsilon) over the axes from `axis` on, times scale, plus bias.",
  runsOn: "folded",
  operands: ["x", "scale", "bias?"],
  attributes: { axis: { form: "integer", default: -1 }, epsilon: { form: "number", default: 1e-5 } },
  onnx: [
    {
      operator: "LayerNormalization",
      since: 17,
      translate: (node, builder) => {
        const x = onnxInput(node, builder, 0);
        const attributes = {
          axis: onnxInteger(node, builder, "axis", -1),
          epsilon: onnxNumber(node, builder, "epsilon", 1e-5),
        };
        const operands = [x, onnxInput(node, builder, 1), onnxOptional(node, 2)];
        builder.bind(onnxOutput(node), builder.add("layer_norm", operands, attributes, onnxOutput(node)));
        const over = { axes: normalizedAxes(attributes, builder.type(x)), keepdims: true };
        bindExtra(node, builder, 1, (name) => builder.add("reduce_mean", [x], over, name));
        bindExtra(node, builder, 2, (name) => {
          const { deviation } = writeDeviation(x, over.axes, attributes.epsilon, builder);
          return builder.add("reciprocal", [deviation], {}, name);
        });
      },
    },
    compositeForm("InstanceNormalization", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const { shape } = builder.type(x);
      const axes = shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
      const standard = writeStandardized(x, axes, onnxNumber(node, builder, "epsilon", 1e-5), builder);
      const [scale, bias] = [1, 2].map((index) =>
        alongChannels(onnxInput(node, builder, index), shape.length, builder),
      );
      return writeScaled(standard, scale ?? null, bias ?? null, builder, name);
    }),
    compositeForm("GroupNormalization", 18, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const { shape } = builder.type(x);
      const groups = onnxInteger(node, builder, "num_groups");
      const [batch, channels] = [at(shape, 0), at(shape, 1)];
      const grouped = builder.add("reshape", [x], { shape: [batch, groups, product(shape.slice(1)) / groups] });
      const standard = writeStandardized(grouped, [2], onnxNumber(node, builder, "epsilon", 1e-5), builder);
      if (node.opset < 21) {
        const [scale, bias] = [1, 2].map((index) => alongChannels(onnxInput(node, builder, index), 3, builder));
        return builder.add("reshape", [writeScaled(standard, scale ?? null, bias ?? null, builder)], { shape }, name);
      }
      const flat = builder.add("reshape", [standard], { shape: [batch, channels, ...shape.slice(2)] });
      const [scale, bias] = [1, 2].map((index) =>
        alongChannels(onnxInput(node, builder, index), shape.length, builder),
      );
      return writeScaled(flat, scale ?? null, bias ?? null, builder, name);
    }),
  ],
  infer: (context) => {
    const type = inferUnary("layer_norm", context, "float");
    normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    for (const operand of context.operands.slice(1)) {
      if (operand === null) continue;
      const fits =
        operand.element === type.element && sameNumbers(broadcastShapes([type.shape, operand.shape]), type.shape);
      if (!fits) {
        throw problem(
          "B202",
          `"layer_norm" of ${formatType(type)} got ${formatType(operand)}, expected ${type.element} that broadcasts to its shape.`,
        );
      }
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const x = operandAt(operands, 0);
    const length = product(normalizedAxes(attributes, type).map((axis) => at(type.shape, axis)));
    const results = standardizeLines(tensorNumbers(x), length, numberOf(attributes, "epsilon"));
    const [scale, bias] = [1, 2].map((index) => spread(operands[index] ?? null, type.shape));
    for (let index = 0; index < results.length; index += 1) {
      results[index] = (results[index] as number) * (scale?.[index] ?? 1) + (bias?.[index] ?? 0);
    }
    return tensorOf(type, results);
  },
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
  return offsets === null ? values : Float64Array.from(offsets, (offset) => values[offset] as number);
}

/** A value [C] as [C,1,...] so that it broadcasts along axis 1 of a value of the rank. */
function alongChannels(value: string, rank: number, builder: NodeBuilder): string {
  const { shape } = builder.type(value);
  return rank === 2
    ? value
    : builder.add("reshape", [value], { shape: [product(shape), ...new Array<number>(rank - 2).fill(1)] });
}

const batchNorm = defineOperator({
  name: "batch_norm",
  summary: "(x − mean) ÷ √(variance + epsilon) · scale + bias, with given mean and variance for each index of axis 1.",
  runsOn: "folded",
  operands: ["x", "scale", "bias", "mean", "variance"],
  attributes: { epsilon: { form: "number", default: 1e-5 } },
  onnx: [
    compositeForm("BatchNormalization", 1, (node, builder, name) => {
      if (node.opset >= 14 && onnxInteger(node, builder, "training_mode", 0) === 1) {
        builder.refuse("B104", "BatchNormalization in training mode is not supported.");
      }
      if (node.opset < 9 && onnxInteger(node, builder, "spatial", 1) === 0) {
        builder.refuse("B104", "BatchNormalization with spatial = 0 is not supported.");
      }
      const operands = [0, 1, 2, 3, 4].map((index) => onnxInput(node, builder, index));
      return builder.add("batch_norm", operands, { epsilon: onnxNumber(node, builder, "epsilon", 1e-5) }, name);
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

const localResponseNorm = defineOperator({
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
  infer: (context) => {
    const type = inferUnary("local_response_norm", context, "float");
    requireDomain("local_response_norm", type, "float");
    if (type.shape.length < 2 || numberOf(context.attributes, "size") < 1) {
      throw problem(
        "B202",
        `"local_response_norm" got ${formatType(type)} and size ${numberOf(context.attributes, "size")}, expected [N,C,...] and at least 1.`,
      );
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const { size: channels, inner } = around(type.shape, 1);
    const [size, alpha, beta, bias] = ["size", "alpha", "beta", "bias"].map((name) => numberOf(attributes, name)) as [
      number,
      number,
      number,
      number,
    ];
    const before = Math.floor((size - 1) / 2);
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
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0] as string;
    const size = numberOf(attributes, "size");
    const [batch, channels] = [at(type.shape, 0), at(type.shape, 1)];
    const planes = builder.add("reshape", [builder.add("mul", [x, x])], {
      shape: [batch, 1, channels, product(type.shape.slice(2))],
    });
    const before = Math.floor((size - 1) / 2);
    const means = builder.add("average_pool", [planes], {
      kernel: [size, 1],
      strides: [1, 1],
      pads: [before, 0, size - 1 - before, 0],
      dilations: [1, 1],
      countIncludePad: true,
    });
    const mean = builder.add("reshape", [means], { shape: type.shape });
    const weighted = builder.add("mul", [mean, scalarLike(builder, x, numberOf(attributes, "alpha"))]);
    const base = builder.add("add", [weighted, scalarLike(builder, x, numberOf(attributes, "bias"))]);
    return builder.add("div", [x, builder.add("power", [base], { exponent: numberOf(attributes, "beta") })]);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 5, 3, 3])], attributes: { size: 3, alpha: 0.5 } },
    { operands: [sampleFloats(random, [2, 4, 2, 2])], attributes: { size: 2, alpha: 1, beta: 0.5, bias: 2 } },
    { operands: [sampleFloats(random, [1, 6, 4])], attributes: { size: 5 } },
  ],
});

/** Composite operators that are rewritten into ones that the chip runs. */
export const normalizationOperators: readonly Operator[] = [
  ...softmaxOperators,
  layerNorm,
  batchNorm,
  localResponseNorm,
];
