import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import type { Access, IterationSpace } from "../iteration.ts";
import {
  type AttributeForm,
  defineOperator,
  type EvaluateContext,
  type InferContext,
  type Operator,
} from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, formatType, integerRange, isFloat, perTensor, type TensorType, tensorType } from "../type.ts";
import { booleanOf, numbersOf } from "./attributes.ts";
import { compositeForm, onnxInput, onnxInteger, onnxIntegers } from "./onnx-node.ts";
import { greatestOf, type Reducer, summation } from "./reduction-support.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";
import { onnxWindow, type Window, windowAccess, windowDimensions, windowOf, windowPositions } from "./window.ts";

type TypedContext = InferContext & { readonly type: TensorType };

const poolAttributes: Readonly<Record<string, AttributeForm>> = {
  kernel: { form: "integers" },
  strides: { form: "integers" },
  pads: { form: "integers" },
  dilations: { form: "integers" },
  ceil: { form: "boolean", default: false },
};

function poolWindow(op: string, { operands, attributes }: InferContext): Window {
  return windowOf(op, attributes, numbersOf(attributes, "kernel"), typeAt(operands, 0).shape.length - 2);
}

function inferPool(op: string, context: InferContext): TensorType {
  const x = typeAt(context.operands, 0);
  if (x.shape.length < 3 || x.element === "bool" || (x.quantization !== null && x.quantization.axis !== null)) {
    throw problem(
      "B202",
      `"${op}" got ${formatType(x)}, expected [N,C,spatial...] with at most one scale for the whole tensor.`,
    );
  }
  const positions = windowPositions(
    op,
    poolWindow(op, context),
    x.shape.slice(2),
    booleanOf(context.attributes, "ceil"),
  );
  return tensorType(x.element, [...x.shape.slice(0, 2), ...positions], x.quantization);
}

function poolIteration(op: string, context: TypedContext): IterationSpace {
  const window = poolWindow(op, context);
  const { shape } = context.type;
  const { outer, inner } = windowDimensions(op, window, shape.slice(2));
  const lead: Access = [0, 1].map((dimension) => ({ terms: [{ dimension, stride: 1 }], offset: 0 }));
  return {
    dimensions: [
      { name: "n", size: at(shape, 0), kind: "parallel" },
      { name: "c", size: at(shape, 1), kind: "parallel" },
      ...outer,
      ...inner,
    ],
    operands: [[...lead, ...windowAccess(window, 2, 2 + outer.length)]],
    result: [...lead, ...outer.map((_, axis) => ({ terms: [{ dimension: 2 + axis, stride: 1 }], offset: 0 }))],
  };
}

/** For each window position, the elements of a plane that it touches (offsets[starts[p]…starts[p+1]]) and how many padded places. */
interface WindowTouches {
  readonly starts: Int32Array;
  readonly offsets: Int32Array;
  /** Places of the window inside the padded plane, by position. */
  readonly places: Int32Array;
}

function windowTouches(window: Window, spatial: readonly number[], positions: readonly number[]): WindowTouches {
  const strides = rowMajorStrides(spatial);
  const count = product(positions);
  const starts = new Int32Array(count + 1);
  const places = new Int32Array(count);
  const offsets: number[] = [];
  const index = new Array<number>(positions.length).fill(0);
  for (let position = 0; position < count; position += 1) {
    let touched = [0];
    let inside = 1;
    for (let axis = 0; axis < positions.length; axis += 1) {
      const size = at(spatial, axis);
      const first = at(index, axis) * at(window.strides, axis) - at(window.begins, axis);
      const along: number[] = [];
      let insideAxis = 0;
      for (let place = 0; place < at(window.kernel, axis); place += 1) {
        const coordinate = first + place * at(window.dilations, axis);
        if (coordinate >= 0 && coordinate < size) along.push(coordinate * at(strides, axis));
        if (coordinate < size + at(window.ends, axis)) insideAxis += 1;
      }
      inside *= insideAxis;
      touched = touched.flatMap((base) => along.map((offset) => base + offset));
    }
    places[position] = inside;
    for (const offset of touched) offsets.push(offset);
    starts[position + 1] = offsets.length;
    for (let axis = positions.length - 1; axis >= 0; axis -= 1) {
      index[axis] = at(index, axis) + 1;
      if (at(index, axis) < at(positions, axis)) break;
      index[axis] = 0;
    }
  }
  return { starts, offsets: Int32Array.from(offsets), places };
}

/** Reduces every window of every plane; `finish` gets the reduced number, the elements and the padded places of the window. */
function poolPlanes(
  op: string,
  { operands, attributes, type }: EvaluateContext,
  reducer: Reducer,
  finish: (value: number, elements: number, places: number) => number,
): Tensor {
  const x = operandAt(operands, 0);
  const window = windowOf(op, attributes, numbersOf(attributes, "kernel"), x.type.shape.length - 2);
  const spatial = x.type.shape.slice(2);
  const { starts, offsets, places } = windowTouches(window, spatial, type.shape.slice(2));
  const values = tensorNumbers(x);
  const results = new Float64Array(elementCount(type));
  const planeSize = product(spatial);
  const positionCount = places.length;
  for (let plane = 0; plane * positionCount < results.length; plane += 1) {
    for (let position = 0; position < positionCount; position += 1) {
      const start = starts[position] as number;
      const end = starts[position + 1] as number;
      const value = reducer(values, plane * planeSize, offsets, start, end);
      results[plane * positionCount + position] = finish(value, end - start, places[position] as number);
    }
  }
  return tensorOf(type, results);
}

/** What each position of an average_pool divides by: i32 counts of shape [spatial...] of the result, row-major. */
export function averagePoolDivisors(context: TypedContext): Int32Array {
  const window = poolWindow("average_pool", context);
  const { starts, places } = windowTouches(
    window,
    typeAt(context.operands, 0).shape.slice(2),
    context.type.shape.slice(2),
  );
  if (booleanOf(context.attributes, "countIncludePad")) return places;
  return places.map((_, position) => Math.max(1, (starts[position + 1] as number) - (starts[position] as number)));
}

function poolSamples(extra: Readonly<Record<string, boolean>>): Operator["samples"] {
  return (random) => {
    const plain = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false, ...extra };
    const padded = { kernel: [3, 3], strides: [2, 1], pads: [1, 0, 1, 2], dilations: [1, 2], ceil: true, ...extra };
    return [
      { operands: [sampleFloats(random, [1, 2, 4, 6])], attributes: plain },
      { operands: [sampleFloats(random, [2, 1, 7, 6])], attributes: padded },
      {
        operands: [sampleFloats(random, [1, 3, 9])],
        attributes: { ...plain, kernel: [3], strides: [2], pads: [1, 1], dilations: [1] },
      },
      { operands: [sampleTensor(random, tensorType("f16", [1, 2, 5, 5]))], attributes: padded },
      {
        operands: [sampleTensor(random, tensorType("i8", [1, 2, 5, 5], perTensor(0.1, -7)), -128, 127)],
        attributes: padded,
      },
    ];
  };
}

const maxPool = defineOperator({
  name: "max_pool",
  summary: "The greatest element of each window; padding never wins.",
  runsOn: "vector",
  operands: ["x"],
  attributes: poolAttributes,
  onnx: [
    compositeForm("MaxPool", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const spatial = builder.type(x).shape.slice(2);
      const kernel =
        onnxIntegers(node, builder, "kernel_shape") ?? builder.refuse("B111", 'Attribute "kernel_shape" is missing.');
      const window = onnxWindow(node, builder, spatial, kernel);
      return builder.add(
        "max_pool",
        [x],
        { kernel, ...window, ceil: onnxInteger(node, builder, "ceil_mode", 0) === 1 },
        name,
      );
    }),
  ],
  infer: (context) => inferPool("max_pool", context),
  evaluate: (context) => {
    const { element } = context.type;
    const none = isFloat(element) ? Number.NEGATIVE_INFINITY : integerRange(element).low;
    return poolPlanes("max_pool", context, greatestOf, (value, elements) => (elements === 0 ? none : value));
  },
  iteration: (context) => poolIteration("max_pool", context),
  vector: { kind: "reduce", issue: () => ({ function: "reduce_maximum", parameters: {} }) },
  samples: poolSamples({}),
});

const averagePool = defineOperator({
  name: "average_pool",
  summary:
    "The mean of each window; padding counts as real zeros when countIncludePad is true, and not at all otherwise.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { ...poolAttributes, countIncludePad: { form: "boolean", default: false } },
  onnx: [
    compositeForm("AveragePool", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const spatial = builder.type(x).shape.slice(2);
      const kernel =
        onnxIntegers(node, builder, "kernel_shape") ?? builder.refuse("B111", 'Attribute "kernel_shape" is missing.');
      const window = onnxWindow(node, builder, spatial, kernel);
      const ceil = onnxInteger(node, builder, "ceil_mode", 0) === 1;
      const countIncludePad = onnxInteger(node, builder, "count_include_pad", 0) === 1;
      return builder.add("average_pool", [x], { kernel, ...window, ceil, countIncludePad }, name);
    }),
  ],
  infer: (context) => inferPool("average_pool", context),
  evaluate: (context) => {
    const { element, quantization } = context.type;
    const zero = quantization?.zeros[0] ?? 0;
    const padded = booleanOf(context.attributes, "countIncludePad");
    return poolPlanes("average_pool", context, summation(element), (total, elements, places) => {
      const mean = padded ? (total + zero * (places - elements)) / places : total / Math.max(1, elements);
      return isFloat(element) ? mean : roundToEven(mean);
    });
  },
  iteration: (context) => poolIteration("average_pool", context),
  vector: { kind: "reduce", issue: () => ({ function: "mean", parameters: {} }) },
  samples: (random) => [
    ...poolSamples({ countIncludePad: false })(random),
    ...poolSamples({ countIncludePad: true })(random),
  ],
});

/** The stored number that a reduction reads where its window leaves the operand. */
export function paddingNumber(op: string, context: TypedContext): number {
  const x = typeAt(context.operands, 0);
  if (op === "max_pool") return isFloat(x.element) ? Number.NEGATIVE_INFINITY : integerRange(x.element).low;
  const counted = op === "average_pool" && booleanOf(context.attributes, "countIncludePad");
  return counted ? (x.quantization?.zeros[0] ?? 0) : 0;
}

/** Operators that reduce windows sliding over [N,C,spatial...]. */
export const poolingOperators: readonly Operator[] = [maxPool, averagePool];
