import { internalError } from "../../base/errors.ts";
import { at, clamp, product } from "../../base/math.ts";
import { fixedPoint, fixedPointFactor, roundAndClamp, roundToEven } from "../../kernels/fixed-point.ts";
import type { Attributes } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount, integerRange, type Quantization, type TensorType } from "../type.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** The operators that change the number format by a scale. */
export type Conversion = "quantize" | "dequantize" | "requantize";

/**
 * The real factors of a conversion: one for the whole tensor (axis null), or one for each index of an axis.
 * quantize: 1/scale of the result; dequantize: scale of the operand; requantize: scale of the operand ÷ scale of the result.
 */
export function conversionFactors(
  op: Conversion,
  from: TensorType,
  to: TensorType,
): { readonly axis: number | null; readonly factors: readonly number[] } {
  const source = op === "quantize" ? null : quantizationOf(from);
  const target = op === "dequantize" ? null : quantizationOf(to);
  const axis = source?.axis ?? target?.axis ?? null;
  const count = Math.max(source?.scales.length ?? 1, target?.scales.length ?? 1);
  const factors = Array.from(
    { length: count },
    (_, index) =>
      (source === null ? 1 : entryAt(source.scales, index)) / (target === null ? 1 : entryAt(target.scales, index)),
  );
  return { axis, factors };
}

/** The zero points of a conversion: of the result where it stores integers with a zero point, else of the operand. */
export function conversionZeros(op: Conversion, from: TensorType, to: TensorType): readonly number[] {
  return quantizationOf(op === "dequantize" ? from : to).zeros;
}

/** The attributes that name a quantized type: what `quantize`, `requantize` and `reinterpret` (less `element`) take. */
export function quantizationAttributesOf(quantization: Quantization): Attributes {
  return { scales: quantization.scales, zeros: quantization.zeros, axis: quantization.axis ?? -1 };
}

function quantizationOf(type: TensorType): Quantization {
  if (type.quantization === null) throw internalError(`${type.element}[${type.shape.join(",")}] has no quantization`);
  return type.quantization;
}

/** The entry of a list that has one entry for all indexes or one each. */
function entryAt(list: readonly number[], index: number): number {
  return at(list, list.length === 1 ? 0 : index);
}

/** Calls `visit` for each run of elements that share an index of the axis: [start, end) and the index. */
function forEachRun(
  type: TensorType,
  axis: number | null,
  visit: (start: number, end: number, index: number) => void,
): void {
  const count = elementCount(type);
  if (axis === null) {
    visit(0, count, 0);
    return;
  }
  const run = product(type.shape.slice(axis + 1));
  const size = at(type.shape, axis);
  for (let start = 0, index = 0; start < count; start += run, index = (index + 1) % size)
    visit(start, start + run, index);
}

/**
 * Converts a tensor to a type. Where the float is f16, and for requantize, by the chip's fixed-point factors
 * (docs/numbers.md); otherwise as ONNX does, rne(x/scale) + zero, saturated, and (q − zero)·scale.
 */
export function convert(op: Conversion, x: Tensor, type: TensorType): Tensor {
  const { axis, factors } = conversionFactors(op, x.type, type);
  const zeros = conversionZeros(op, x.type, type);
  const exact = op === "requantize" || (op === "quantize" ? x.type.element : type.element) === "f16";
  const numbers = exact ? factors.map((factor) => fixedPointFactor(fixedPoint(factor))) : factors;
  const single = (op === "quantize" ? x.type.element : type.element) === "f32";
  const values = tensorNumbers(x);
  const results = new Float64Array(values.length);
  const { low, high } = op === "dequantize" ? { low: 0, high: 0 } : integerRange(type.element);
  forEachRun(type, axis, (start, end, index) => {
    const factor = entryAt(numbers, index);
    const zero = entryAt(zeros, index);
    const scale = op === "quantize" ? entryAt(type.quantization?.scales ?? [1], index) : 1;
    for (let position = start; position < end; position += 1) {
      const value = values[position] as number;
      if (op === "dequantize") results[position] = (value - zero) * factor;
      else if (Number.isNaN(value)) results[position] = zero;
      else if (exact) results[position] = roundAndClamp(value, factor, zero, low, high);
      else {
        const quotient = single ? Math.fround(value / scale) : value / scale;
        results[position] = clamp(roundToEven(quotient) + zero, low, high);
      }
    }
  });
  return tensorOf(type, results);
}
