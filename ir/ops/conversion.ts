import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import { integerFromFloat } from "../../kernels/arithmetic.ts";
import { storageOf } from "../../kernels/element.ts";
import type { Attributes } from "../graph.ts";
import {
  type AttributeForm,
  defineOperator,
  type InferContext,
  type OnnxForm,
  type Operator,
  type VectorIssue,
} from "../operator.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import {
  type ElementType,
  elementTypes,
  formatType,
  integerRange,
  isFloat,
  perTensor,
  type Quantization,
  type TensorType,
  tensorType,
} from "../type.ts";
import { numberOf, numbersOf, textOf } from "./attributes.ts";
import { elementwiseIteration, normalizeAxis } from "./broadcast.ts";
import { type Conversion, conversionZeros, convert } from "./conversion-values.ts";
import { onnxElement } from "./onnx-elements.ts";
import { bindOnly, onnxInput, onnxInteger, onnxOutput } from "./onnx-node.ts";
import { dequantizeForms, quantizeForms } from "./quantized-linear.ts";
import { microsoftForms } from "./quantized-microsoft.ts";
import { qonnxForms } from "./quantized-qonnx.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { elementsOf, isBig, operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";

type TypedContext = InferContext & { readonly type: TensorType };

/** Scales and zero points as attributes; axis −1 stands for one scale for the whole tensor. */
const quantizationAttributes: Readonly<Record<string, AttributeForm>> = {
  scales: { form: "numbers" },
  zeros: { form: "integers" },
  axis: { form: "integer", default: -1 },
};

/** The quantization that attributes describe for a value of the shape; throws B202 when the counts do not fit. */
function describedQuantization(op: string, attributes: Attributes, shape: readonly number[]): Quantization {
  const [scales, zeros, axis] = [
    numbersOf(attributes, "scales"),
    numbersOf(attributes, "zeros"),
    numberOf(attributes, "axis"),
  ];
  const count = axis === -1 ? 1 : at(shape, normalizeAxis(axis, shape.length));
  if (
    scales.length !== count ||
    zeros.length !== count ||
    scales.some((scale) => !(scale > 0 && Number.isFinite(scale)))
  ) {
    throw problem(
      "B202",
      `"${op}" got ${scales.length} scales and ${zeros.length} zeros for [${shape.join(",")}] and axis ${axis}, expected ${count} of each, scales positive.`,
    );
  }
  return { axis: axis === -1 ? null : axis, scales, zeros };
}

/** The element type that a text names; throws B202 for others. */
function elementNamed(
  op: string,
  name: string,
  fits: (element: ElementType) => boolean,
  expected: string,
): ElementType {
  if (Object.hasOwn(elementTypes, name) && fits(name as ElementType)) return name as ElementType;
  throw problem("B202", `"${op}" got element type "${name}", expected ${expected}.`);
}

const isStored = (element: ElementType): boolean =>
  elementTypes[element].kind === "integer" && elementTypes[element].bits <= 32;

function issueOf(op: Conversion, { operands, type }: TypedContext): VectorIssue {
  const zeros = conversionZeros(op, typeAt(operands, 0), type);
  const zero = at(zeros, 0);
  if (zeros.some((each) => each !== zero))
    throw problem("B404", `"${op}" to or from ${formatType(type)} has zero points that differ over an axis.`);
  if (op === "dequantize") return { function: op, parameters: { zero } };
  return { function: op, parameters: { zero, ...integerRange(type.element) } };
}

function declareConversion(
  op: Conversion,
  summary: string,
  attributes: Operator["attributes"],
  onnx: readonly OnnxForm[],
  infer: Operator["infer"],
  samples: Operator["samples"],
): Operator {
  return defineOperator({
    name: op,
    summary,
    runsOn: "vector",
    operands: ["x"],
    attributes,
    onnx,
    infer,
    evaluate: ({ operands, type }) => convert(op, operandAt(operands, 0), type),
    iteration: elementwiseIteration,
    vector: { kind: "elementwise", issue: (context) => issueOf(op, context) },
    samples,
  });
}

/** An f16 or f32 tensor and the attributes of narrow types that it is quantized to. */
const quantizeSamples: Operator["samples"] = (random) => [
  { operands: [sampleFloats(random, [2, 9])], attributes: { element: "i8", scales: [0.03], zeros: [0] } },
  { operands: [sampleFloats(random, [7])], attributes: { element: "u4", scales: [0.5], zeros: [8] } },
  {
    operands: [sampleFloats(random, [3, 4])],
    attributes: { element: "i8", scales: [0.1, 0.2, 0.3], zeros: [1, 1, 1], axis: 0 },
  },
  {
    operands: [sampleTensor(random, tensorType("f16", [2, 9]))],
    attributes: { element: "u8", scales: [0.03], zeros: [128] },
  },
];

const quantize = declareConversion(
  "quantize",
  "A float as stored integers of the named type, rounded to even and clamped.",
  { element: { form: "text" }, ...quantizationAttributes },
  [...quantizeForms, ...qonnxForms, ...microsoftForms],
  ({ operands, attributes }) => {
    const { element, shape } = typeAt(operands, 0);
    elementNamed("quantize", element, isFloat, "a float operand");
    const stored = elementNamed("quantize", textOf(attributes, "element"), isStored, "an integer of at most 32 bits");
    return tensorType(stored, shape, describedQuantization("quantize", attributes, shape));
  },
  quantizeSamples,
);

const dequantize = declareConversion(
  "dequantize",
  "Stored integers as the real numbers that they stand for.",
  { element: { form: "text" } },
  dequantizeForms,
  ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.quantization === null) throw problem("B202", `"dequantize" got ${formatType(x)}, expected a quantization.`);
    return tensorType(elementNamed("dequantize", textOf(attributes, "element"), isFloat, "a float"), x.shape);
  },
  (random) => [
    {
      operands: [sampleTensor(random, tensorType("i8", [2, 5], perTensor(0.05, -3)), -128, 127)],
      attributes: { element: "f32" },
    },
    {
      operands: [sampleTensor(random, tensorType("u8", [2, 5], perTensor(0.05, 130)), 0, 255)],
      attributes: { element: "f16" },
    },
    {
      operands: [
        sampleTensor(
          random,
          tensorType("i32", [2, 2], { axis: 1, scales: [1e-4, 3e-5], zeros: [0, 0] }),
          -90000,
          90000,
        ),
      ],
      attributes: { element: "f16" },
    },
  ],
);

const requantize = declareConversion(
  "requantize",
  "i32 sums as stored integers of a narrow type, by the chip's fixed-point factor.",
  { element: { form: "text" }, ...quantizationAttributes },
  [],
  ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.element !== "i32" || x.quantization === null)
      throw problem("B202", `"requantize" got ${formatType(x)}, expected i32 with a scale.`);
    const narrow = (element: ElementType): boolean => isStored(element) && elementTypes[element].bits <= 8;
    const element = elementNamed("requantize", textOf(attributes, "element"), narrow, "an integer of at most 8 bits");
    const quantization = describedQuantization("requantize", attributes, x.shape);
    const axes = [x.quantization.axis, quantization.axis].filter((axis) => axis !== null);
    if (new Set(axes).size > 1)
      throw problem("B202", `"requantize" got scales along axis ${axes[0]}, expected axis ${axes[1]}.`);
    return tensorType(element, x.shape, quantization);
  },
  (random) => [
    {
      operands: [sampleTensor(random, tensorType("i32", [3, 4], perTensor(1e-4)), -50000, 50000)],
      attributes: { element: "i8", scales: [0.04], zeros: [2] },
    },
    {
      operands: [
        sampleTensor(
          random,
          tensorType("i32", [2, 3], { axis: 1, scales: [1e-4, 2e-4, 3e-4], zeros: [0, 0, 0] }),
          -50000,
          50000,
        ),
      ],
      attributes: { element: "u8", scales: [0.04], zeros: [0] },
    },
    {
      operands: [sampleTensor(random, tensorType("i32", [5], perTensor(0.01)), -900, 900)],
      attributes: { element: "i4", scales: [0.5], zeros: [0] },
    },
  ],
);

/** Gives stored integers another quantization without touching them. */
const reinterpret = defineOperator({
  name: "reinterpret",
  summary: "The same stored integers under another scale and zero point, or under none where no scales are given.",
  runsOn: "vector",
  operands: ["x"],
  attributes: quantizationAttributes,
  onnx: [],
  infer: ({ operands, attributes }) => {
    const { element, shape } = typeAt(operands, 0);
    elementNamed("reinterpret", element, isStored, "an integer of at most 32 bits");
    const plain = numbersOf(attributes, "scales").length === 0 && numbersOf(attributes, "zeros").length === 0;
    return tensorType(element, shape, plain ? null : describedQuantization("reinterpret", attributes, shape));
  },
  evaluate: ({ operands, type }) => makeTensor(type, operandAt(operands, 0).data),
  iteration: elementwiseIteration,
  vector: { kind: "elementwise", issue: () => ({ function: "copy", parameters: {} }) },
  samples: (random) => [
    { operands: [sampleTensor(random, tensorType("u8", [4]), 0, 255)], attributes: { scales: [0.5], zeros: [7] } },
    {
      operands: [sampleTensor(random, tensorType("i8", [2, 3]), -9, 9)],
      attributes: { scales: [0.5, 0.25], zeros: [0, 0], axis: 0 },
    },
    {
      operands: [sampleTensor(random, tensorType("i32", [2, 2], perTensor(3)), -9, 9)],
      attributes: { scales: [0.125], zeros: [0] },
    },
    {
      operands: [sampleTensor(random, tensorType("i8", [3], perTensor(3)), -9, 9)],
      attributes: { scales: [], zeros: [] },
    },
  ],
});

function castData(x: Tensor, type: TensorType): Tensor {
  const big = isBig(x.type.element);
  if (big && isBig(type.element)) {
    const data = x.data as BigInt64Array;
    return makeTensor(type, type.element === "i64" ? BigInt64Array.from(data) : BigUint64Array.from(data));
  }
  if (big && elementTypes[type.element].kind === "integer") {
    const numbers = Array.from(x.data as BigInt64Array, (value) => Number(BigInt.asIntN(32, value)));
    return makeTensor(type, elementsOf(type.element, numbers));
  }
  const numbers = tensorNumbers(x);
  if (isFloat(x.type.element) && elementTypes[type.element].kind === "integer") {
    const storage = storageOf(type.element);
    return tensorOf(
      type,
      mapNumbers(numbers, (value) => integerFromFloat(storage, value)),
    );
  }
  return makeTensor(type, elementsOf(type.element, numbers));
}

const cast = defineOperator({
  name: "cast",
  summary:
    "The same numbers in another element type: floats are rounded, integers wrapped, floats truncated to integers.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { element: { form: "text" } },
  onnx: [
    {
      operator: "Cast",
      since: 6,
      translate: (node, builder) => {
        const element = onnxElement(onnxInteger(node, builder, "to"), builder);
        bindOnly(node, builder, builder.add("cast", [onnxInput(node, builder, 0)], { element }, onnxOutput(node)));
      },
    },
    {
      operator: "CastLike",
      since: 15,
      translate: (node, builder) => {
        const { element } = builder.type(onnxInput(node, builder, 1));
        bindOnly(node, builder, builder.add("cast", [onnxInput(node, builder, 0)], { element }, onnxOutput(node)));
      },
    },
  ],
  infer: ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.quantization !== null) throw problem("B202", `"cast" got ${formatType(x)}, expected no quantization.`);
    return tensorType(
      elementNamed("cast", textOf(attributes, "element"), () => true, "one of the IR"),
      x.shape,
    );
  },
  evaluate: ({ operands, type }) => castData(operandAt(operands, 0), type),
  iteration: elementwiseIteration,
  vector: { kind: "elementwise", issue: () => ({ function: "convert", parameters: {} }) },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 3])], attributes: { element: "i64" } },
    { operands: [sampleFloats(random, [5])], attributes: { element: "f16" } },
    { operands: [sampleTensor(random, tensorType("i64", [4]), -9, 9)], attributes: { element: "i32" } },
    { operands: [sampleTensor(random, tensorType("i32", [4]), -9, 9)], attributes: { element: "f32" } },
    { operands: [sampleTensor(random, tensorType("f16", [4]))], attributes: { element: "bool" } },
  ],
});

/** Operators that change how numbers are stored. */
export const conversionOperators: readonly Operator[] = [quantize, dequantize, requantize, reinterpret, cast];
