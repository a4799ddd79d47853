import { problem } from "../../base/errors.ts";
import { clamp } from "../../base/math.ts";
import type { Random } from "../../base/random.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { evaluateFunction } from "../../kernels/tables.ts";
import type { Attributes } from "../graph.ts";
import { defineOperator, type NodeBuilder, type Operator, type Sample } from "../operator.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import { elementCount, formatType, integerRange, isFloat, perTensor, type TensorType, tensorType } from "../type.ts";
import type { VectorFunction } from "../vector-function.ts";
import { numberOf, textOf } from "./attributes.ts";
import { elementwiseIteration } from "./broadcast.ts";
import { activationForms } from "./elementwise-activations.ts";
import { leaned, rectified } from "./elementwise-singles.ts";
import { type Domain, inferUnary, mapUnary } from "./elementwise-support.ts";
import { type UnaryEntry, unaryTable } from "./elementwise-tables.ts";
import { truthOperators } from "./elementwise-truth.ts";
import {
  bindExtra,
  compositeForm,
  directForm,
  onnxConstantNumbers,
  onnxInput,
  onnxNumber,
  onnxOptional,
  onnxOutput,
  onnxText,
  scalarLike,
} from "./onnx-node.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { isBig, operandAt, retyped, tensorNumbers, tensorOf, typeAt } from "./values.ts";

/** Samples of one operand in f32, f16 and, outside the float domain, i32, each with all given attributes. */
function unarySamples(
  range: readonly [number, number],
  domain: Domain,
  attributes: readonly Attributes[] = [{}],
): Operator["samples"] {
  return (random: Random) =>
    attributes.flatMap((each): Sample[] => [
      { operands: [sampleFloats(random, [2, 3, 4], ...range)], attributes: each },
      { operands: [sampleFloats(random, [], ...range)], attributes: each },
      { operands: [sampleTensor(random, tensorType("f16", [17]), ...range)], attributes: each },
      ...(domain === "float"
        ? []
        : [{ operands: [sampleTensor(random, tensorType("i32", [5]), -9, 9)], attributes: each }]),
    ]);
}

function issueOf(unit: VectorFunction): NonNullable<Operator["vector"]> {
  return { kind: "elementwise", issue: () => ({ function: unit, parameters: {} }) };
}

function declareUnary(entry: UnaryEntry): Operator {
  const { name, summary, domain } = entry;
  return defineOperator({
    name,
    summary,
    runsOn: "vector",
    operands: ["x"],
    attributes: {},
    onnx: entry.onnx === null ? [] : [directForm(entry.onnx[0], name, 1, entry.onnx[1])],
    infer: (context) => inferUnary(name, context, domain),
    evaluate: (context) => mapUnary(context, entry.compute, entry.computeBig),
    iteration: elementwiseIteration,
    vector: issueOf(entry.function),
    samples: unarySamples(entry.range, domain),
  });
}

/** The stored number of zero in a type that has one scale for the whole tensor. */
function storedZero(type: TensorType): number {
  return type.quantization?.zeros[0] ?? 0;
}

/** The operand's type; throws B202 for one that has a scale for each index of an axis. */
function inferStored(op: string, operands: readonly (TensorType | null)[]): TensorType {
  const type = typeAt(operands, 0);
  if (type.element === "bool" || (type.quantization !== null && type.quantization.axis !== null)) {
    throw problem(
      "B202",
      `"${op}" got ${formatType(type)}, expected a number with at most one scale for the whole tensor.`,
    );
  }
  return type;
}

const quantizedSample = (random: Random): Sample["operands"] => [
  sampleTensor(random, tensorType("u8", [3, 5], perTensor(0.1, 120)), 0, 255),
];

const relu = defineOperator({
  name: "relu",
  summary: "max(x, 0); quantized integers compare with their zero point.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {},
  onnx: [directForm("Relu", "relu", 1)],
  infer: ({ operands }) => inferStored("relu", operands),
  evaluate: (context) => {
    const zero = storedZero(context.type);
    const x = operandAt(context.operands, 0).data;
    if (x instanceof Float32Array && context.type.element === "f32") return makeTensor(context.type, rectified(x));
    return mapUnary(
      context,
      (x) => Math.max(x, zero),
      (x) => (x < 0n ? 0n : x),
    );
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ type }) =>
      isFloat(type.element)
        ? { function: "relu", parameters: {} }
        : { function: "clip", parameters: { low: storedZero(type), high: integerRange(type.element).high } },
  },
  samples: (random) => [
    ...unarySamples([-4, 4], "number")(random),
    { operands: quantizedSample(random), attributes: {} },
  ],
});

const leakyRelu = defineOperator({
  name: "leaky_relu",
  summary: "x where x ≥ 0, alpha · x elsewhere.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { alpha: { form: "number", default: 0.01 } },
  onnx: [
    compositeForm("LeakyRelu", 1, (node, builder, name) =>
      builder.add(
        "leaky_relu",
        [onnxInput(node, builder, 0)],
        { alpha: onnxNumber(node, builder, "alpha", 0.01) },
        name,
      ),
    ),
  ],
  infer: (context) => inferUnary("leaky_relu", context, "float"),
  evaluate: (context) => {
    const alpha = numberOf(context.attributes, "alpha");
    const x = operandAt(context.operands, 0).data;
    const isLean = alpha >= 0 && alpha <= 1;
    if (isLean && x instanceof Float32Array && context.type.element === "f32")
      return makeTensor(context.type, leaned(x, alpha));
    return mapUnary(context, (x) => (x >= 0 ? x : alpha * x));
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes }) => ({ function: "leaky_relu", parameters: { alpha: numberOf(attributes, "alpha") } }),
  },
  samples: unarySamples([-4, 4], "float", [{ alpha: 0.125 }]),
});

/** The bounds of a clip as stored numbers of the type, rounded to even and clamped to what the type holds. */
export function storedBounds(
  type: TensorType,
  low: number,
  high: number,
): { readonly low: number; readonly high: number } {
  if (isFloat(type.element)) return { low, high };
  const scale = type.quantization?.scales[0] ?? 1;
  if (type.element === "i64" || type.element === "u64") return { low, high };
  const range = integerRange(type.element);
  const stored = (bound: number): number => clamp(roundToEven(bound / scale) + storedZero(type), range.low, range.high);
  return { low: stored(low), high: stored(high) };
}

/** Whether a bound is known at compile time and a number holds it exactly. */
function isExactBound(bound: Tensor | null): boolean {
  return (
    bound !== null && tensorNumbers(bound).every((value) => !isBig(bound.type.element) || Number.isSafeInteger(value))
  );
}

const clip = defineOperator({
  name: "clip",
  summary: "min(high, max(low, x)); the bounds are real numbers and may be infinite.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {
    low: { form: "number", default: Number.NEGATIVE_INFINITY },
    high: { form: "number", default: Number.POSITIVE_INFINITY },
  },
  onnx: [
    compositeForm(
      "Clip",
      1,
      (node, builder, name) => {
        const low = onnxNumber(node, builder, "min", Number.NEGATIVE_INFINITY);
        const high = onnxNumber(node, builder, "max", Number.POSITIVE_INFINITY);
        return builder.add("clip", [onnxInput(node, builder, 0)], { low: Math.min(low, high), high }, name);
      },
      10,
    ),
    compositeForm("Clip", 11, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const [least, greatest] = [onnxOptional(node, 1), onnxOptional(node, 2)];
      const known = [least, greatest].every((bound) => bound === null || isExactBound(builder.constant(bound)));
      if (!known) {
        const raised = least === null ? x : builder.add("max", [x, least], {}, ...(greatest === null ? [name] : []));
        return greatest === null ? raised : builder.add("min", [raised, greatest], {}, name);
      }
      const low = onnxConstantNumbers(node, builder, 1)?.[0] ?? Number.NEGATIVE_INFINITY;
      const high = onnxConstantNumbers(node, builder, 2)?.[0] ?? Number.POSITIVE_INFINITY;
      return builder.add("clip", [x], { low: Math.min(low, high), high }, name);
    }),
  ],
  infer: ({ operands, attributes }) => {
    const [low, high] = [numberOf(attributes, "low"), numberOf(attributes, "high")];
    if (low > high) throw problem("B202", `"clip" got low ${low} above high ${high}.`);
    return inferStored("clip", operands);
  },
  evaluate: (context) => {
    const { low, high } = storedBounds(
      context.type,
      numberOf(context.attributes, "low"),
      numberOf(context.attributes, "high"),
    );
    return mapUnary(
      context,
      (x) => Math.min(high, Math.max(low, x)),
      (x) => (x < low ? BigInt(Math.ceil(low)) : x > high ? BigInt(Math.floor(high)) : x),
    );
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes, type }) => ({
      function: "clip",
      parameters: storedBounds(type, numberOf(attributes, "low"), numberOf(attributes, "high")),
    }),
  },
  samples: (random) => [
    ...unarySamples([-9, 9], "number", [
      { low: 0, high: 6 },
      { low: -1.5, high: Number.POSITIVE_INFINITY },
    ])(random),
    { operands: quantizedSample(random), attributes: { low: -2.25, high: 6 } },
    { operands: [sampleTensor(random, tensorType("i64", [4]), -9, 9)], attributes: { low: -3, high: 3 } },
  ],
});

const geluOperator = defineOperator({
  name: "gelu",
  summary: "x/2 · (1 + erf(x/√2)), or its tanh approximation.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { approximate: { form: "text", default: "none" } },
  onnx: [
    compositeForm("Gelu", 20, (node, builder, name) =>
      builder.add(
        "gelu",
        [onnxInput(node, builder, 0)],
        { approximate: onnxText(node, builder, "approximate", "none") },
        name,
      ),
    ),
  ],
  infer: (context) => {
    const approximate = textOf(context.attributes, "approximate");
    if (approximate !== "none" && approximate !== "tanh") {
      throw problem("B202", `"gelu" got approximate "${approximate}", expected none or tanh.`);
    }
    return inferUnary("gelu", context, "float");
  },
  evaluate: (context) => {
    const name = textOf(context.attributes, "approximate") === "tanh" ? "gelu_tanh" : "gelu";
    return mapUnary(context, (x) => evaluateFunction(name, x));
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes }) => ({
      function: textOf(attributes, "approximate") === "tanh" ? "gelu_tanh" : "gelu",
      parameters: {},
    }),
  },
  samples: unarySamples([-4, 4], "float", [{ approximate: "none" }, { approximate: "tanh" }]),
});

/** Powers up to this one are products. */
const largestProduct = 4;

/** x^exponent: small whole powers from products, a root or a reciprocal where it is one, otherwise `pow`, which rounds once. */
function writePower(x: string, exponent: number, builder: NodeBuilder): string {
  if (exponent === 0.5) return builder.add("sqrt", [x]);
  if (exponent === -1) return builder.add("reciprocal", [x]);
  if (exponent < 1 || exponent > largestProduct || !Number.isInteger(exponent))
    return builder.add("pow", [x, scalarLike(builder, x, exponent)]);
  if (exponent === 1) return x;
  const square = builder.add("mul", [x, x]);
  if (exponent === 2) return square;
  return builder.add("mul", [square, exponent === 3 ? x : square]);
}

const power = defineOperator({
  name: "power",
  summary: "x raised to a constant.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { exponent: { form: "number" } },
  onnx: [],
  infer: (context) => inferUnary("power", context, "float"),
  evaluate: (context) => {
    const exponent = numberOf(context.attributes, "exponent");
    return mapUnary(context, (x) => x ** exponent);
  },
  decompose: ({ operands, attributes }, builder) =>
    writePower(operands[0] as string, numberOf(attributes, "exponent"), builder),
  samples: (random) =>
    [2, 0.5, 3, -1, -0.5, 0.75, 1, 0, 1.3].map((exponent) => ({
      operands: [sampleFloats(random, [2, 3], 0.25, 3)],
      attributes: { exponent },
    })),
});

const identity = defineOperator({
  name: "identity",
  summary: "x itself.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {},
  onnx: [
    directForm("Identity", "identity", 1),
    {
      operator: "Dropout",
      since: 1,
      translate: (node, builder) => {
        const training = onnxConstantNumbers(node, builder, 2)?.[0] ?? 0;
        if (training !== 0) builder.refuse("B104", "Dropout in training mode is not supported.");
        const x = onnxInput(node, builder, 0);
        const type = builder.type(x);
        builder.bind(onnxOutput(node), builder.add("identity", [x], {}, onnxOutput(node)));
        const maskElement = node.opset < 10 ? type.element : "bool";
        const ones = new Uint8Array(elementCount(type)).fill(1);
        bindExtra(node, builder, 1, (name) =>
          builder.addConstant(tensorOf(tensorType(maskElement, type.shape), ones), name),
        );
      },
    },
  ],
  infer: ({ operands }) => typeAt(operands, 0),
  evaluate: (context) => retyped(operandAt(context.operands, 0), context.type),
  iteration: elementwiseIteration,
  vector: issueOf("copy"),
  samples: unarySamples([-4, 4], "number"),
});

/** Operators of one operand. */
export const unaryOperators: readonly Operator[] = [
  ...unaryTable
    .map(declareUnary)
    .map((operator) => ({ ...operator, onnx: [...operator.onnx, ...(activationForms[operator.name] ?? [])] })),
  { ...relu, onnx: [...relu.onnx, ...(activationForms.relu ?? [])] },
  leakyRelu,
  { ...clip, onnx: [...clip.onnx, ...(activationForms.clip ?? [])] },
  geluOperator,
  power,
  identity,
  ...truthOperators,
];
