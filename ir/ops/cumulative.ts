import { at, product } from "../../base/math.ts";
import { defineOperator, type EvaluateContext, type NodeBuilder, type Operator } from "../operator.ts";
import { allocateData, makeTensor, type Tensor } from "../tensor.ts";
import { type TensorType, tensorType } from "../type.ts";
import { booleanOf, numberOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import { inferUnary } from "./elementwise-support.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger } from "./onnx-node.ts";
import { sampleFloats, sampleTensor } from "./samples.ts";
import { isBig, operandAt, tensorNumbers, tensorOf } from "./values.ts";

/**
 * Writes to each place along an axis what was added up before it, itself included unless exclusive; from the end when
 * reversed.
 */
function cumulate<T extends number | bigint>(
  type: TensorType,
  axis: number,
  { exclusive, reverse }: { readonly exclusive: boolean; readonly reverse: boolean },
  zero: T,
  add: (total: T, index: number) => T,
  write: (index: number, total: T) => void,
): void {
  const size = at(type.shape, axis);
  const stride = product(type.shape.slice(axis + 1));
  const runs = size === 0 ? 0 : product(type.shape) / size;
  for (let run = 0; run < runs; run += 1) {
    const start = Math.floor(run / stride) * stride * size + (run % stride);
    let total = zero;
    for (let position = 0; position < size; position += 1) {
      const index = start + (reverse ? size - 1 - position : position) * stride;
      const next = add(total, index);
      write(index, exclusive ? total : next);
      total = next;
    }
  }
}

function evaluate({ operands, attributes, type }: EvaluateContext): Tensor {
  const x = operandAt(operands, 0);
  const axis = normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
  const order = { exclusive: booleanOf(attributes, "exclusive"), reverse: booleanOf(attributes, "reverse") };
  if (isBig(type.element)) {
    const values = x.data as BigInt64Array;
    const data = allocateData(type.element, values.length) as BigInt64Array;
    const add = (total: bigint, index: number): bigint => total + (values[index] as bigint);
    cumulate(type, axis, order, 0n, add, (index, total) => {
      data[index] = total;
    });
    return makeTensor(type, data);
  }
  const values = tensorNumbers(x);
  const results = new Float64Array(values.length);
  const add = (total: number, index: number): number => total + (values[index] as number);
  cumulate(type, axis, order, 0, add, (index, total) => {
    results[index] = total;
  });
  return tensorOf(type, results);
}

/** The value moved `count` places along an axis, zeros coming in. */
function shifted(x: string, axis: number, count: number, builder: NodeBuilder): string {
  const rank = builder.type(x).shape.length;
  const pads = new Array<number>(2 * rank).fill(0);
  pads[axis] = count;
  pads[axis + rank] = -count;
  return builder.add("pad", [x], { pads, mode: "constant", value: 0 });
}

const cumulativeSum = defineOperator({
  name: "cumulative_sum",
  summary: "The sum of the elements along an axis up to each place; on the chip by doubling distances.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {
    axis: { form: "integer" },
    exclusive: { form: "boolean", default: false },
    reverse: { form: "boolean", default: false },
  },
  onnx: [
    compositeForm("CumSum", 11, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      onnxInput(node, builder, 1);
      const attributes = {
        axis: onnxConstantNumbers(node, builder, 1)?.[0] ?? 0,
        exclusive: onnxInteger(node, builder, "exclusive", 0) === 1,
        reverse: onnxInteger(node, builder, "reverse", 0) === 1,
      };
      return builder.add("cumulative_sum", [x], attributes, name);
    }),
  ],
  infer: (context) => {
    const type = inferUnary("cumulative_sum", context, "number");
    normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    return type;
  },
  evaluate,
  decompose: ({ operands, attributes, type }, builder) => {
    const axis = normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
    const direction = booleanOf(attributes, "reverse") ? -1 : 1;
    const size = at(type.shape, axis);
    let sums = operands[0] as string;
    if (booleanOf(attributes, "exclusive") && size > 0) sums = shifted(sums, axis, direction, builder);
    for (let distance = 1; distance < size; distance *= 2)
      sums = builder.add("add", [sums, shifted(sums, axis, direction * distance, builder)]);
    return sums;
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 5])], attributes: { axis: 1 } },
    { operands: [sampleFloats(random, [3, 2, 2])], attributes: { axis: -3, exclusive: true } },
    { operands: [sampleTensor(random, tensorType("i64", [7]))], attributes: { axis: 0, reverse: true } },
    {
      operands: [sampleTensor(random, tensorType("i32", [2, 4]))],
      attributes: { axis: 1, exclusive: true, reverse: true },
    },
  ],
});

/** Operators that accumulate along an axis. */
export const cumulativeOperators: readonly Operator[] = [cumulativeSum];
