import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import {
  type DecomposeContext,
  defineOperator,
  type EvaluateContext,
  type GraphBuilder,
  type NodeBuilder,
  type OnnxForm,
  type OnnxNode,
  type Operator,
} from "../operator.ts";
import { allocateData, makeTensor, type Tensor } from "../tensor.ts";
import { elementCount, integerRange, isFloat, type TensorType, tensorType } from "../type.ts";
import { booleanOf, numberOf } from "./attributes.ts";
import { normalizeAxis, stridedOffsets } from "./broadcast.ts";
import { requireDomain } from "./elementwise-support.ts";
import { bindExtra, compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxOutput } from "./onnx-node.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { isBig, operandAt, tensorBigs, tensorNumbers, tensorOf, typeAt } from "./values.ts";

/** Comparisons that the chip makes at most to rank the elements along an axis. */
const greatestComparisonCount = 2 ** 24;

interface Choice {
  readonly axis: number;
  readonly count: number;
  readonly largest: boolean;
}

function choiceOf(attributes: Attributes, rank: number): Choice {
  return {
    axis: normalizeAxis(numberOf(attributes, "axis"), rank),
    count: numberOf(attributes, "count"),
    largest: booleanOf(attributes, "largest"),
  };
}

/** For each run along the axis the places of its extreme elements, best first, the earlier of equals first. */
function topPlaces(
  x: Tensor,
  { axis, count, largest }: Choice,
): { readonly bases: Int32Array; readonly places: number[][] } {
  const values: ArrayLike<number | bigint> = isBig(x.type.element) ? tensorBigs(x) : tensorNumbers(x);
  const { shape } = x.type;
  const strides = rowMajorStrides(shape);
  const others = shape.map((_, index) => index).filter((index) => index !== axis);
  const bases = stridedOffsets(
    others.map((index) => at(shape, index)),
    others.map((index) => at(strides, index)),
  );
  const stride = at(strides, axis);
  const places = Array.from(bases, (base) => {
    const run = Array.from({ length: at(shape, axis) }, (_, place) => values[base + place * stride] as number | bigint);
    const ordered = run.map((_, place) => place);
    const before = (left: number | bigint, right: number | bigint): boolean => (largest ? left > right : left < right);
    ordered.sort((left, right) => {
      const [a, b] = [run[left] as number | bigint, run[right] as number | bigint];
      return before(a, b) ? -1 : before(b, a) ? 1 : left - right;
    });
    return ordered.slice(0, count);
  });
  return { bases, places };
}

function evaluateTop({ operands, attributes, type }: EvaluateContext, indexes: boolean): Tensor {
  const x = operandAt(operands, 0);
  const choice = choiceOf(attributes, x.type.shape.length);
  const { places } = topPlaces(x, choice);
  const stride = product(x.type.shape.slice(choice.axis + 1));
  const size = at(x.type.shape, choice.axis);
  const data = allocateData(type.element, elementCount(type));
  places.forEach((run, number) => {
    const [outer, inner] = [Math.floor(number / stride), number % stride];
    run.forEach((place, rank) => {
      const value = indexes ? BigInt(place) : x.data[(outer * size + place) * stride + inner];
      data[(outer * choice.count + rank) * stride + inner] = value as never;
    });
  });
  return makeTensor(type, data);
}

/** The shape with `sizes` in place of an axis. */
function withAxis(shape: readonly number[], axis: number, ...sizes: readonly number[]): number[] {
  return [...shape.slice(0, axis), ...sizes, ...shape.slice(axis + 1)];
}

/** A number that no element of the type lies below. */
function lowest({ element }: TensorType): number {
  return isFloat(element) ? Number.NEGATIVE_INFINITY : integerRange(element).low;
}

/**
 * Ranks elements by comparing each with all others, whatever they are: the rank is how many go before. Result p is then
 * the element, or the place, whose rank is p. Null where the comparisons are too many.
 */
function writeTop(node: DecomposeContext, builder: NodeBuilder, indexes: boolean): string | null {
  const x = node.operands[0] as string;
  const type = builder.type(x);
  const { shape } = type;
  const { axis, count, largest } = choiceOf(node.attributes, shape.length);
  const size = at(shape, axis);
  if (elementCount(type) * size > greatestComparisonCount) return null;
  const trailing = shape.slice(axis + 1).map(() => 1);
  const list = (element: "i16" | "i32" | "bool", sizes: readonly number[], numbers: ArrayLike<number>): string =>
    builder.addConstant(tensorOf(tensorType(element, [...sizes, ...trailing]), numbers));
  const each = builder.add("reshape", [x], { shape: withAxis(shape, axis, size, 1) });
  const others = builder.add("reshape", [x], { shape: withAxis(shape, axis, 1, size) });
  const earlier = Uint8Array.from({ length: size * size }, (_, index) =>
    index % size < Math.floor(index / size) ? 1 : 0,
  );
  const better = builder.add(largest ? "greater" : "less", [others, each]);
  const tied = builder.add("and", [builder.add("equal", [others, each]), list("bool", [size, size], earlier)]);
  const before = builder.add("cast", [builder.add("or", [better, tied])], { element: "i16" });
  const ranks = builder.add("reduce_sum", [before], { axes: [axis + 1], keepdims: false });
  const spread = builder.add("reshape", [ranks], { shape: withAxis(shape, axis, 1, size) });
  const wanted = list(
    "i16",
    [count, 1],
    Int16Array.from({ length: count }, (_, rank) => rank),
  );
  const chosen = builder.add("equal", [spread, wanted]);
  if (indexes) {
    const places = list(
      "i32",
      [1, size],
      Int32Array.from({ length: size }, (_, place) => place),
    );
    const none = builder.addConstant(tensorOf(tensorType("i32", []), [0]));
    const kept = builder.add("where", [chosen, places, none]);
    const sum = builder.add("reduce_sum", [kept], { axes: [axis + 1], keepdims: false });
    return builder.add("cast", [sum], { element: "i64" });
  }
  const none = builder.addConstant(tensorOf(tensorType(type.element, []), [lowest(type)]));
  const kept = builder.add("where", [chosen, others, none]);
  return builder.add("reduce_max", [kept], { axes: [axis + 1], keepdims: false });
}

function declareTop(name: string, summary: string, indexes: boolean, onnx: readonly OnnxForm[]): Operator {
  return defineOperator({
    name,
    summary,
    runsOn: "folded",
    operands: ["x"],
    attributes: {
      axis: { form: "integer" },
      count: { form: "integer" },
      largest: { form: "boolean", default: true },
    },
    onnx,
    infer: ({ operands, attributes }) => {
      const type = typeAt(operands, 0);
      requireDomain(name, type, "number");
      const { axis, count } = choiceOf(attributes, type.shape.length);
      if (count < 0 || count > at(type.shape, axis))
        throw problem("B202", `"${name}" got count ${count} for axis ${axis} of [${type.shape.join(",")}].`);
      return tensorType(indexes ? "i64" : type.element, withAxis(type.shape, axis, count));
    },
    evaluate: (context) => evaluateTop(context, indexes),
    decompose: (node, builder) => writeTop(node, builder, indexes),
    obstacle: `It sorts, which takes data-dependent control, and would take more than ${greatestComparisonCount} comparisons without.`,
    samples: (random) => [
      { operands: [sampleFloats(random, [3, 5])], attributes: { axis: 1, count: 2 } },
      {
        operands: [sampleTensor(random, tensorType("i64", [6, 2]), -3, 3)],
        attributes: { axis: 0, count: 4, largest: false },
      },
      { operands: [sampleTensor(random, tensorType("i32", [2, 4, 3]), -2, 2)], attributes: { axis: -2, count: 4 } },
    ],
  });
}

function topAttributes(node: OnnxNode, builder: GraphBuilder): Attributes {
  const x = onnxInput(node, builder, 0);
  if (node.opset >= 10) onnxInput(node, builder, 1);
  const count = node.opset < 10 ? onnxInteger(node, builder, "k") : onnxConstantNumbers(node, builder, 1)?.[0];
  return {
    axis: normalizeAxis(onnxInteger(node, builder, "axis", -1), builder.type(x).shape.length),
    count: count ?? 0,
    largest: onnxInteger(node, builder, "largest", 1) === 1,
  };
}

/** The results are sorted whether or not the node asks for it. */
const topK: OnnxForm = {
  operator: "TopK",
  since: 1,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const attributes = topAttributes(node, builder);
    if ((node.outputs[0] ?? "") !== "")
      builder.bind(onnxOutput(node), builder.add("top_values", [x], attributes, onnxOutput(node)));
    bindExtra(node, builder, 1, (name) => builder.add("top_indexes", [x], attributes, name));
  },
};

/** 1 at the first greatest element along an axis, 0 elsewhere; before opset 13 along all axes from the given one on. */
const hardmax = compositeForm("Hardmax", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const { shape, element } = builder.type(x);
  const flattens = node.opset < 13;
  const axis = normalizeAxis(onnxInteger(node, builder, "axis", flattens ? 1 : -1), shape.length);
  const sizes = flattens ? [product(shape.slice(0, axis)), product(shape.slice(axis))] : shape;
  const along = flattens ? 1 : axis;
  const rows = flattens ? builder.add("reshape", [x], { shape: sizes }) : x;
  const greatest = builder.add("arg_max", [rows], { axis: along, keepdims: true });
  const size = at(sizes, along);
  const places = builder.addConstant(
    tensorOf(
      tensorType("i64", [size, ...sizes.slice(along + 1).map(() => 1)]),
      Float64Array.from({ length: size }, (_, place) => place),
    ),
  );
  const hits = builder.add("equal", [greatest, places]);
  const result = builder.add("cast", [hits], { element }, ...(flattens ? [] : [name]));
  return flattens ? builder.add("reshape", [result], { shape }, name) : result;
});

/** Operators that put the extreme elements along an axis in order. */
export const topOperators: readonly Operator[] = [
  declareTop("top_values", "The greatest or least elements along an axis, best first.", false, [topK, hardmax]),
  declareTop("top_indexes", "Where the greatest or least elements along an axis stand, best first.", true, []),
];
