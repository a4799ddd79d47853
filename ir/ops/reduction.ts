import { problem } from "../../base/errors.ts";
import { at, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import type { AxisAccess, IterationDimension, IterationSpace } from "../iteration.ts";
import {
  defineOperator,
  type GraphBuilder,
  type InferContext,
  type OnnxForm,
  type OnnxNode,
  type Operator,
} from "../operator.ts";
import { allocateData, makeTensor, type Tensor } from "../tensor.ts";
import { formatType, integerRange, isFloat, perTensor, type TensorType, tensorType } from "../type.ts";
import type { VectorFunction } from "../vector-function.ts";
import { booleanOf, numberOf, numbersOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxIntegers, scalarLike } from "./onnx-node.ts";
import {
  extremeIndexes,
  greatestOf,
  leastOf,
  multiplication,
  quotient,
  type Reducer,
  reduceAxes,
  reduceBigAxes,
  splitAxes,
  summation,
} from "./reduction-support.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { isBig, operandAt, typeAt } from "./values.ts";

type TypedContext = InferContext & { readonly type: TensorType };

/** The reduced axes, counted from the front; throws B202 for an axis that is named twice or does not exist. */
function axesOf(attributes: Attributes, rank: number): number[] {
  const axes = numbersOf(attributes, "axes").map((axis) => normalizeAxis(axis, rank));
  if (new Set(axes).size !== axes.length) throw problem("B202", `Axes [${axes.join(",")}] name an axis twice.`);
  return axes;
}

function reducedShape(shape: readonly number[], axes: readonly number[], keep: boolean): number[] {
  return shape.flatMap((size, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [size]));
}

/**
 * Parallel dimensions `d0`, `d1`, ... for the kept axes and reduction dimensions `r0`, ... for the reduced ones, each
 * numbered as the operand's axis.
 */
function reduceIteration({ operands, attributes }: TypedContext): IterationSpace {
  const { shape } = typeAt(operands, 0);
  const { kept, reduced } = splitAxes(shape.length, axesOf(attributes, shape.length));
  const order = [...kept, ...reduced];
  const dimensions = order.map(
    (axis): IterationDimension =>
      kept.includes(axis)
        ? { name: `d${axis}`, size: at(shape, axis), kind: "parallel" }
        : { name: `r${axis}`, size: at(shape, axis), kind: "reduction" },
  );
  const access = (axis: number): AxisAccess => ({ terms: [{ dimension: order.indexOf(axis), stride: 1 }], offset: 0 });
  const still: AxisAccess = { terms: [], offset: 0 };
  const keep = booleanOf(attributes, "keepdims");
  return {
    dimensions,
    operands: [shape.map((_, axis) => access(axis))],
    result: shape.flatMap((_, axis) => (kept.includes(axis) ? [access(axis)] : keep ? [still] : [])),
  };
}

/** The axes that an ONNX reduction names by attribute or input; null when it reduces nothing. */
function onnxAxes(node: OnnxNode, builder: GraphBuilder, inputSince: number): number[] | null {
  const { shape } = builder.type(onnxInput(node, builder, 0));
  const given = node.opset < inputSince ? onnxIntegers(node, builder, "axes") : onnxConstantNumbers(node, builder, 1);
  if (given !== null && given.length > 0) return given.map((axis) => (axis < 0 ? axis + shape.length : axis));
  if (onnxInteger(node, builder, "noop_with_empty_axes", 0) === 1) return null;
  return shape.map((_, axis) => axis);
}

/** What a reduction over no elements gives, which no data decides; null where there are elements or no results. */
function overNothing(op: string, x: TensorType, axes: readonly number[], keepdims: boolean): Tensor | null {
  const type = tensorType(x.element, reducedShape(x.shape, axes, keepdims));
  if (product(x.shape) > 0 || product(type.shape) === 0) return null;
  const operator = reductions.find((entry) => entry.name === op);
  return operator?.evaluate(makeTensor(x, allocateData(x.element, 0)), axes, type) ?? null;
}

/** A reduction of `before(x)`, then `after`. */
function reduceForm(
  operator: string,
  op: string,
  inputSince: number,
  before: (x: string, builder: GraphBuilder) => string = (x) => x,
  after: ((value: string, builder: GraphBuilder, name: string) => string) | null = null,
): OnnxForm {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = before(onnxInput(node, builder, 0), builder);
    const axes = onnxAxes(node, builder, inputSince);
    const keepdims = onnxInteger(node, builder, "keepdims", 1) === 1;
    if (axes === null) return after === null ? builder.add("identity", [x], {}, name) : after(x, builder, name);
    const nothing = overNothing(op, builder.type(x), axes, keepdims);
    if (nothing !== null) {
      const value = builder.addConstant(nothing);
      return after === null ? builder.add("identity", [value], {}, name) : after(value, builder, name);
    }
    const value = builder.add(op, [x], { axes, keepdims }, ...(after === null ? [name] : []));
    return after === null ? value : after(value, builder, name);
  });
}

/** ln Σ e^x, with the greatest taken out first, unless it is infinite, so that no power overflows. */
const logSumExp = compositeForm("ReduceLogSumExp", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const axes = onnxAxes(node, builder, 18);
  if (axes === null) return builder.add("identity", [x], {}, name);
  const keepdims = onnxInteger(node, builder, "keepdims", 1) === 1;
  const { shape: sizes } = builder.type(x);
  if (product(sizes) === 0 && axes.some((axis) => sizes[axis] === 0)) {
    const empty = overNothing("reduce_sum", builder.type(x), axes, keepdims);
    return builder.add("log", [empty === null ? x : builder.addConstant(empty)], {}, name);
  }
  const extreme = builder.add("reduce_max", [x], { axes, keepdims: true });
  const greatest = builder.add("where", [
    builder.add("is_infinite", [extreme]),
    scalarLike(builder, extreme, 0),
    extreme,
  ]);
  const powers = builder.add("exp", [builder.add("sub", [x, greatest])]);
  const logarithm = builder.add("log", [builder.add("reduce_sum", [powers], { axes, keepdims: true })]);
  if (keepdims) return builder.add("add", [logarithm, greatest], {}, name);
  const shape = reducedShape(builder.type(x).shape, axes, false);
  return builder.add("reshape", [builder.add("add", [logarithm, greatest])], { shape }, name);
});

/** A global pool: the spatial axes are reduced and kept with size 1. */
function globalForm(operator: string, op: string): OnnxForm {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const axes = builder.type(x).shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
    return builder.add(op, [x], { axes, keepdims: true }, name);
  });
}

const squared = (x: string, builder: GraphBuilder): string => builder.add("mul", [x, x]);
const then =
  (op: string) =>
  (value: string, builder: GraphBuilder, name: string): string =>
    builder.add(op, [value], {}, name);

interface ReduceEntry {
  readonly name: string;
  readonly summary: string;
  readonly function: VectorFunction;
  readonly onnx: readonly OnnxForm[];
  /** Whether stored numbers of a quantized operand can be reduced as they are. */
  readonly quantized: boolean;
  readonly evaluate: (x: Tensor, axes: readonly number[], type: TensorType) => Tensor;
}

/** A reducer that gives the type's own extreme instead of an infinity for integers. */
function bounded(reducer: Reducer, type: TensorType, end: "low" | "high"): Reducer {
  if (isFloat(type.element)) return reducer;
  const empty = type.element === "bool" ? { low: 0, high: 1 } : integerRange(type.element);
  return (values, base, offsets, start, stop) =>
    start === stop ? empty[end] : reducer(values, base, offsets, start, stop);
}

/** The least or greatest 64-bit integer of the type's sign. */
function wideEnd({ element }: TensorType, end: "low" | "high"): bigint {
  if (element === "u64") return end === "low" ? 0n : 2n ** 64n - 1n;
  return end === "low" ? -(2n ** 63n) : 2n ** 63n - 1n;
}

const reductions: readonly ReduceEntry[] = [
  {
    name: "reduce_sum",
    summary: "The sum over axes.",
    function: "sum",
    onnx: [
      reduceForm("ReduceSum", "reduce_sum", 13),
      reduceForm("ReduceL1", "reduce_sum", 18, (x, builder) => builder.add("abs", [x])),
      reduceForm("ReduceL2", "reduce_sum", 18, squared, then("sqrt")),
      reduceForm("ReduceSumSquare", "reduce_sum", 18, squared),
      reduceForm("ReduceLogSum", "reduce_sum", 18, (x) => x, then("log")),
      logSumExp,
    ],
    quantized: false,
    evaluate: (x, axes, type) =>
      isBig(type.element)
        ? reduceBigAxes(x, axes, type, (left, right) => left + right, 0n)
        : reduceAxes(x, axes, type, summation(type.element)),
  },
  {
    name: "reduce_mean",
    summary: "The mean over axes.",
    function: "mean",
    onnx: [reduceForm("ReduceMean", "reduce_mean", 18), globalForm("GlobalAveragePool", "reduce_mean")],
    quantized: true,
    evaluate: (x, axes, type) =>
      isBig(type.element)
        ? reduceBigAxes(
            x,
            axes,
            type,
            (left, right) => left + right,
            0n,
            (total, count) => (count === 0n ? 0n : total / count),
          )
        : reduceAxes(x, axes, type, summation(type.element), (total, count) => quotient(type.element, total, count)),
  },
  {
    name: "reduce_prod",
    summary: "The product over axes, in order; integers wrap around.",
    function: "product",
    onnx: [reduceForm("ReduceProd", "reduce_prod", 18)],
    quantized: false,
    evaluate: (x, axes, type) =>
      isBig(type.element)
        ? reduceBigAxes(x, axes, type, (left, right) => BigInt.asIntN(64, left * right), 1n)
        : reduceAxes(x, axes, type, multiplication(type.element)),
  },
  {
    name: "reduce_max",
    summary: "The greatest over axes; NaN wins.",
    function: "reduce_maximum",
    onnx: [reduceForm("ReduceMax", "reduce_max", 18), globalForm("GlobalMaxPool", "reduce_max")],
    quantized: true,
    evaluate: (x, axes, type) =>
      isBig(type.element)
        ? reduceBigAxes(x, axes, type, (left, right) => (left > right ? left : right), wideEnd(type, "low"))
        : reduceAxes(x, axes, type, bounded(greatestOf, type, "low")),
  },
  {
    name: "reduce_min",
    summary: "The least over axes; NaN wins.",
    function: "reduce_minimum",
    onnx: [reduceForm("ReduceMin", "reduce_min", 18)],
    quantized: true,
    evaluate: (x, axes, type) =>
      isBig(type.element)
        ? reduceBigAxes(x, axes, type, (left, right) => (left < right ? left : right), wideEnd(type, "high"))
        : reduceAxes(x, axes, type, bounded(leastOf, type, "high")),
  },
];

function declareReduction(entry: ReduceEntry): Operator {
  return defineOperator({
    name: entry.name,
    summary: entry.summary,
    runsOn: "vector",
    operands: ["x"],
    attributes: { axes: { form: "integers" }, keepdims: { form: "boolean", default: true } },
    onnx: entry.onnx,
    infer: ({ operands, attributes }) => {
      const x = typeAt(operands, 0);
      const axes = axesOf(attributes, x.shape.length);
      if (x.quantization !== null && (!entry.quantized || x.quantization.axis !== null)) {
        throw problem(
          "B202",
          `"${entry.name}" got ${formatType(x)}, expected ${entry.quantized ? "one scale for the whole tensor" : "no quantization"}.`,
        );
      }
      return tensorType(x.element, reducedShape(x.shape, axes, booleanOf(attributes, "keepdims")), x.quantization);
    },
    evaluate: ({ operands, attributes, type }) => {
      const x = operandAt(operands, 0);
      return entry.evaluate(x, axesOf(attributes, x.type.shape.length), type);
    },
    iteration: reduceIteration,
    vector: { kind: "reduce", issue: () => ({ function: entry.function, parameters: {} }) },
    samples: (random) => [
      { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axes: [1], keepdims: true } },
      { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axes: [-1, 0], keepdims: false } },
      { operands: [sampleFloats(random, [5])], attributes: { axes: [0], keepdims: false } },
      { operands: [sampleTensor(random, tensorType("f16", [3, 7]))], attributes: { axes: [1], keepdims: true } },
      { operands: [sampleTensor(random, tensorType("i32", [3, 2]), -9, 9)], attributes: { axes: [0], keepdims: true } },
      {
        operands: [sampleTensor(random, tensorType("i64", [3, 2]), -9, 9)],
        attributes: { axes: [1], keepdims: false },
      },
      ...(entry.quantized
        ? [
            {
              operands: [sampleTensor(random, tensorType("i8", [2, 6], perTensor(0.1, 3)), -128, 127)],
              attributes: { axes: [1], keepdims: true },
            },
          ]
        : []),
    ],
  });
}

/** Elements of a reduce_mean that each result element is the mean of. */
export function reducedCount(context: InferContext): number {
  const { shape } = typeAt(context.operands, 0);
  return product(axesOf(context.attributes, shape.length).map((axis) => at(shape, axis)));
}

function declareArgument(name: string, operator: string, summary: string, extreme: "maximum" | "minimum"): Operator {
  const better =
    extreme === "maximum"
      ? (value: number | bigint, best: number | bigint) => value > best
      : (value: number | bigint, best: number | bigint) => value < best;
  return defineOperator({
    name,
    summary,
    runsOn: "vector",
    operands: ["x"],
    attributes: {
      axis: { form: "integer" },
      keepdims: { form: "boolean", default: true },
      selectLast: { form: "boolean", default: false },
    },
    onnx: [
      compositeForm(operator, 1, (node, builder, wanted) =>
        builder.add(
          name,
          [onnxInput(node, builder, 0)],
          {
            axis: onnxInteger(node, builder, "axis", 0),
            keepdims: onnxInteger(node, builder, "keepdims", 1) === 1,
            selectLast: onnxInteger(node, builder, "select_last_index", 0) === 1,
          },
          wanted,
        ),
      ),
    ],
    infer: ({ operands, attributes }) => {
      const { shape } = typeAt(operands, 0);
      const axis = normalizeAxis(numberOf(attributes, "axis"), shape.length);
      return tensorType("i64", reducedShape(shape, [axis], booleanOf(attributes, "keepdims")));
    },
    evaluate: ({ operands, attributes, type }) => {
      const x = operandAt(operands, 0);
      const axis = normalizeAxis(numberOf(attributes, "axis"), x.type.shape.length);
      return extremeIndexes(x, axis, type, better, booleanOf(attributes, "selectLast"));
    },
    iteration: ({ attributes, ...context }) =>
      reduceIteration({
        ...context,
        attributes: { axes: [numberOf(attributes, "axis")], keepdims: booleanOf(attributes, "keepdims") },
      }),
    vector: {
      kind: "reduce",
      issue: ({ attributes }) => ({
        function: `${booleanOf(attributes, "selectLast") ? "last" : "first"}_${extreme}_index`,
        parameters: {},
      }),
    },
    samples: (random) => [
      { operands: [sampleFloats(random, [2, 5])], attributes: { axis: 1 } },
      {
        operands: [sampleTensor(random, tensorType("i32", [4, 3]), -2, 2)],
        attributes: { axis: 0, keepdims: false, selectLast: true },
      },
      { operands: [sampleFloats(random, [3, 2, 2])], attributes: { axis: -1 } },
    ],
  });
}

/** Operators that combine the elements along axes. */
export const reductionOperators: readonly Operator[] = [
  ...reductions.map(declareReduction),
  declareArgument(
    "arg_max",
    "ArgMax",
    "The index of the greatest element along an axis, the first or the last of equals.",
    "maximum",
  ),
  declareArgument(
    "arg_min",
    "ArgMin",
    "The index of the least element along an axis, the first or the last of equals.",
    "minimum",
  ),
];
