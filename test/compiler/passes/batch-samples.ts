import { at, product } from "../../../base/math.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import type { TensorType } from "../../../ir/type.ts";

/** The axis along which a batched type holds more than that of one sample; −1 for none. */
export function batchAxis(single: TensorType, batched: TensorType): number {
  return single.shape.findIndex((size, axis) => size !== batched.shape[axis]);
}

/** Samples side by side along the axis that holds them. */
export function stacked(samples: readonly Tensor[], type: TensorType): Tensor {
  const first = at(samples, 0);
  const axis = batchAxis(first.type, type);
  const block = product(first.type.shape.slice(axis));
  const outer = product(first.type.shape.slice(0, axis));
  const numbers = Array.from({ length: outer }, (_, row) =>
    samples.flatMap((sample) => [...tensorNumbers(sample).subarray(row * block, (row + 1) * block)]),
  );
  return tensorOf(type, numbers.flat());
}
