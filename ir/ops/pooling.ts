import { at, product } from "../../base/math.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import type { Access, IterationSpace } from "../iteration.ts";
import { defineOperator, type EvaluateContext, type InferContext, type Operator } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, integerRange, isFloat, type TensorType } from "../type.ts";
import { booleanOf, numbersOf } from "./attributes.ts";
import { channelMeanOfSquares } from "./pooling-channels.ts";
import { maxPoolIndices } from "./pooling-indices.ts";
import { averagePoolForm, maxPoolForm, normPoolForms } from "./pooling-onnx.ts";
import { inferPool, poolAttributes, poolSamples, poolWindow } from "./pooling-support.ts";
import { greatestOf, type Reducer, summation } from "./reduction-support.ts";
import { operandAt, tensorNumbers, tensorOf, typeAt } from "./values.ts";
import { windowAccess, windowDimensions, windowOf, windowTouches } from "./window.ts";

type TypedContext = InferContext & { readonly type: TensorType };

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

const maxPool = defineOperator({
  name: "max_pool",
  summary: "The greatest element of each window; padding never wins.",
  runsOn: "vector",
  operands: ["x"],
  attributes: poolAttributes,
  onnx: [maxPoolForm],
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
  onnx: [averagePoolForm, ...normPoolForms],
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

/** Operators that reduce windows sliding over [N,C,spatial...], or over channels. */
export const poolingOperators: readonly Operator[] = [maxPool, averagePool, maxPoolIndices, channelMeanOfSquares];
