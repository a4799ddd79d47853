import { problem } from "../../base/errors.ts";
import { at, clamp } from "../../base/math.ts";
import {
  type AttributeForm,
  defineOperator,
  type GraphBuilder,
  type OnnxForm,
  type OnnxNode,
  type Operator,
} from "../operator.ts";
import { allocateData, f32Tensor, i64Tensor, makeTensor, type Tensor } from "../tensor.ts";
import { type ElementType, elementCount, elementTypes, tensorType } from "../type.ts";
import { numberOf, numbersOf, textOf } from "./attributes.ts";
import { knownValueForms } from "./known-values-onnx.ts";
import { bindOnly, onnxConstantNumbers, onnxInput, onnxInteger, onnxOutput } from "./onnx-node.ts";
import { sampleFloats } from "./samples.ts";
import { elementsOf, operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";
import { windowFunctionForms } from "./window-functions.ts";

function elementOf(name: string): ElementType {
  if (Object.hasOwn(elementTypes, name)) return name as ElementType;
  throw problem("B202", `"${name}" is not an element type; expected one of ${Object.keys(elementTypes).join(", ")}.`);
}

/** The sizes that Shape gives: those of axes from `start` to before `end`, both clamped to the rank. */
function shownSizes(shape: readonly number[], start: number, end: number): readonly number[] {
  const resolve = (position: number): number =>
    clamp(position < 0 ? position + shape.length : position, 0, shape.length);
  return shape.slice(resolve(start), Math.max(resolve(start), resolve(end)));
}

const wholeEnd = 2 ** 31 - 1;

const shape = defineOperator({
  name: "shape",
  summary: "The sizes of the axes from start to before end.",
  runsOn: "folded",
  operands: ["data"],
  attributes: { start: { form: "integer", default: 0 }, end: { form: "integer", default: wholeEnd } },
  onnx: [
    {
      operator: "Shape",
      since: 1,
      translate: (node, builder) => {
        const start = node.opset < 15 ? 0 : onnxInteger(node, builder, "start", 0);
        const end = node.opset < 15 ? wholeEnd : onnxInteger(node, builder, "end", wholeEnd);
        const sizes = shownSizes(builder.type(onnxInput(node, builder, 0)).shape, start, end);
        bindOnly(node, builder, builder.addConstant(i64Tensor([sizes.length], sizes), onnxOutput(node)));
      },
    },
    {
      operator: "Size",
      since: 1,
      translate: (node, builder) => {
        const count = elementCount(builder.type(onnxInput(node, builder, 0)));
        bindOnly(node, builder, builder.addConstant(i64Tensor([], [count]), onnxOutput(node)));
      },
    },
  ],
  infer: ({ operands, attributes }) => {
    const sizes = shownSizes(typeAt(operands, 0).shape, numberOf(attributes, "start"), numberOf(attributes, "end"));
    return tensorType("i64", [sizes.length]);
  },
  evaluate: ({ operands, attributes, type }) => {
    const sizes = shownSizes(
      operandAt(operands, 0).type.shape,
      numberOf(attributes, "start"),
      numberOf(attributes, "end"),
    );
    return tensorOf(type, sizes);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 3])], attributes: {} },
    { operands: [sampleFloats(random, [2, 3, 4])], attributes: { start: -2 } },
    { operands: [sampleFloats(random, [2, 3, 4])], attributes: { start: 1, end: 2 } },
  ],
});

/** The tensor that an ONNX Constant node holds in one of its attributes. */
function constantTensor(node: OnnxNode, builder: GraphBuilder): Tensor {
  const given = ["value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints"].filter((name) =>
    node.attributes.has(name),
  );
  const name = given[0];
  const value = name === undefined ? undefined : node.attributes.get(name);
  if (given.length !== 1 || value === undefined) {
    return builder.refuse(
      "B111",
      `Constant needs one numeric value attribute; found [${[...node.attributes.keys()].join(", ")}].`,
    );
  }
  if (typeof value === "object" && "type" in value) return value;
  const numbers = typeof value === "number" ? [value] : value;
  const isNumbers = (list: unknown): list is readonly number[] =>
    Array.isArray(list) && list.every((each) => typeof each === "number");
  if (!isNumbers(numbers)) return builder.refuse("B111", `Attribute "${name}" is not numeric.`);
  const dimensions = typeof value === "number" ? [] : [numbers.length];
  return name?.startsWith("value_int") ? i64Tensor(dimensions, numbers) : f32Tensor(dimensions, numbers);
}

const constantForms: readonly OnnxForm[] = [
  {
    operator: "Constant",
    since: 1,
    translate: (node, builder) => {
      bindOnly(node, builder, builder.addConstant(constantTensor(node, builder), onnxOutput(node)));
    },
  },
  {
    operator: "ConstantOfShape",
    since: 9,
    translate: (node, builder) => {
      const sizes = onnxConstantNumbers(node, builder, 0) ?? builder.refuse("B110", "ConstantOfShape needs a shape.");
      const value = node.attributes.get("value");
      const filler = typeof value === "object" && "type" in value ? value : f32Tensor([1], [0]);
      const number = tensorNumbers(filler)[0];
      if (number === undefined) return builder.refuse("B111", "The value of ConstantOfShape has no element.");
      const attributes = { shape: sizes, value: number, element: filler.type.element };
      bindOnly(node, builder, builder.add("fill", [], attributes, onnxOutput(node)));
    },
  },
];

const element: AttributeForm = { form: "text", default: "f32" };

const fill = defineOperator({
  name: "fill",
  summary: "A value of one number.",
  runsOn: "folded",
  operands: [],
  attributes: { shape: { form: "integers" }, value: { form: "number", default: 0 }, element },
  onnx: [...constantForms, ...knownValueForms, ...windowFunctionForms],
  infer: ({ attributes }) => {
    const sizes = numbersOf(attributes, "shape");
    if (sizes.some((size) => size < 0)) throw problem("B202", `Shape [${sizes.join(",")}] has a negative size.`);
    return tensorType(elementOf(textOf(attributes, "element")), sizes);
  },
  evaluate: ({ attributes, type }) => {
    const data = allocateData(type.element, elementCount(type)) as Float64Array;
    data.fill(at(elementsOf(type.element, [numberOf(attributes, "value")]) as Float64Array, 0));
    return makeTensor(type, data);
  },
  samples: () => [
    { operands: [], attributes: { shape: [2, 3], value: 1.5 } },
    { operands: [], attributes: { shape: [], value: -2, element: "i64" } },
    { operands: [], attributes: { shape: [4], element: "f16" } },
  ],
});

function rangeCount(start: number, limit: number, delta: number): number {
  if (delta === 0 || !Number.isFinite(delta)) throw problem("B202", `A range cannot have step ${delta}.`);
  return Math.max(0, Math.ceil((limit - start) / delta));
}

const range = defineOperator({
  name: "range",
  summary: "start, start + delta, ... up to before limit.",
  runsOn: "folded",
  operands: [],
  attributes: { start: { form: "number" }, limit: { form: "number" }, delta: { form: "number", default: 1 }, element },
  onnx: [
    {
      operator: "Range",
      since: 11,
      translate: (node, builder) => {
        const [start, limit, delta] = [0, 1, 2].map(
          (index) =>
            onnxConstantNumbers(node, builder, index)?.[0] ?? builder.refuse("B110", `Range needs input ${index}.`),
        ) as [number, number, number];
        const attributes = { start, limit, delta, element: builder.type(onnxInput(node, builder, 0)).element };
        bindOnly(node, builder, builder.add("range", [], attributes, onnxOutput(node)));
      },
    },
  ],
  infer: ({ attributes }) => {
    const [start, limit, delta] = ["start", "limit", "delta"].map((name) => numberOf(attributes, name)) as [
      number,
      number,
      number,
    ];
    return tensorType(elementOf(textOf(attributes, "element")), [rangeCount(start, limit, delta)]);
  },
  evaluate: ({ attributes, type }) => {
    const [start, delta] = [numberOf(attributes, "start"), numberOf(attributes, "delta")];
    return tensorOf(
      type,
      Float64Array.from({ length: elementCount(type) }, (_, index) => start + index * delta),
    );
  },
  samples: () => [
    { operands: [], attributes: { start: 0, limit: 5, element: "i64" } },
    { operands: [], attributes: { start: 1, limit: 2, delta: 0.25 } },
    { operands: [], attributes: { start: 6, limit: 0, delta: -2, element: "i32" } },
  ],
});

/** Operators on shapes and other values that are known at compile time; none of them is left for a chip. */
export const shapeOperators: readonly Operator[] = [shape, fill, range];
