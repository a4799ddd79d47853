import { at } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import { signShift } from "../../ir/ops/quantized-weights.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { integerRange, isFloat, type TensorType } from "../../ir/type.ts";
import { roundAndClamp } from "../../kernels/fixed-point.ts";

/**
 * A tensor in the type in which it crosses the host link: quantized by the host (rne(x ÷ scale) + zero, clamped, in f64) where
 * the type says so, rounded where it is a float; the same numbers for integers, less 128 where u8 is stored as i8.
 */
export function storedTensor(tensor: Tensor, type: TensorType): Tensor {
  if (type.element === tensor.type.element) return { type, data: tensor.data };
  const numbers = tensorNumbers(tensor);
  const { quantization } = type;
  if (quantization === null) return tensorOf(type, numbers);
  if (!isFloat(tensor.type.element))
    return tensorOf(
      type,
      mapNumbers(numbers, (number) => number - signShift),
    );
  const [scale, zero] = [at(quantization.scales, 0), at(quantization.zeros, 0)];
  const { low, high } = integerRange(type.element);
  return tensorOf(
    type,
    mapNumbers(numbers, (number) => (Number.isNaN(number) ? zero : roundAndClamp(number, 1 / scale, zero, low, high))),
  );
}
