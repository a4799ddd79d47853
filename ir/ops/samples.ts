import type { Random } from "../../base/random.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, integerRange, isFloat, type TensorType, tensorType } from "../type.ts";
import { tensorOf } from "./values.ts";

/** A tensor of uniform random numbers in [low, high]; integers are drawn from the part of the range that the type holds. */
export function sampleTensor(random: Random, type: TensorType, low = -4, high = 4): Tensor {
  const numbers = new Float64Array(elementCount(type));
  if (isFloat(type.element)) {
    return tensorOf(
      type,
      numbers.map(() => low + (high - low) * random.uniform()),
    );
  }
  const range = type.element === "bool" ? { low: 0, high: 1 } : integerRange(type.element);
  const [least, greatest] = [Math.max(Math.ceil(low), range.low), Math.min(Math.floor(high), range.high)];
  return tensorOf(
    type,
    numbers.map(() => random.integer(least, greatest)),
  );
}

/** An f32 sample; see `sampleTensor`. */
export function sampleFloats(random: Random, shape: readonly number[], low = -4, high = 4): Tensor {
  return sampleTensor(random, tensorType("f32", shape), low, high);
}
