import { internalError } from "../../base/errors.ts";
import { at, clamp, product } from "../../base/math.ts";
import { fixedPoint, fixedPointFactor, roundAndClamp, roundToEven } from "../../kernels/fixed-point.ts";
import { f16BitsFromF64 } from "../../kernels/float16.ts";
import type { Attributes } from "../graph.ts";
import { allocateData, makeTensor, type Tensor } from "../tensor.ts";
import { type ElementType, elementCount, integerRange, type Quantization, type TensorType } from "../type.ts";
import { everyHalf, halfCount, tensorNumbers, tensorOf } from "./values.ts";

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

/** Elements in runs that share a factor and a zero point: `length` elements each, indexes in turn. */
interface Runs {
  readonly length: number;
  readonly factors: Float64Array;
  readonly zeros: Float64Array;
}

/**
 * Converts a tensor to a type. Where the float is f16, and for requantize, by the chip's fixed-point factors
 * (docs/numbers.md); otherwise as ONNX does, rne(x/scale) + zero, saturated, and (q − zero)·scale.
 */
export function convert(op: Conversion, x: Tensor, type: TensorType): Tensor {
  const { axis, factors } = conversionFactors(op, x.type, type);
  const zeros = conversionZeros(op, x.type, type);
  const isExact = op === "requantize" || (op === "quantize" ? x.type.element : type.element) === "f16";
  const runs: Runs = {
    length: axis === null ? elementCount(type) : product(type.shape.slice(axis + 1)),
    factors: Float64Array.from(
      factors,
      isExact ? (factor) => fixedPointFactor(fixedPoint(factor)) : (factor) => factor,
    ),
    zeros: Float64Array.from(factors, (_, index) => entryAt(zeros, index)),
  };
  if (op === "dequantize") {
    const values = tensorNumbers(x);
    if (type.element === "f16") return makeTensor(type, dequantizedHalves(values, runs));
    return tensorOf(type, dequantized(values, runs));
  }
  const data = allocateData(type.element, elementCount(type)) as Int32Array;
  const bounds = integerRange(type.element);
  if (!isExact) divideAndRound(tensorNumbers(x), quantizationOf(type).scales, runs, bounds, x.type.element, data);
  else if (x.type.element === "f16" && axis === null && data.length > halfCount) {
    const stored = allocateData(type.element, halfCount) as Int32Array;
    roundScaled(tensorNumbers({ ...x, data: everyHalf() }), { ...runs, length: halfCount }, bounds, stored);
    const bits = x.data as Uint16Array;
    for (let index = 0; index < data.length; index += 1) data[index] = stored[bits[index] as number] as number;
  } else roundScaled(tensorNumbers(x), runs, bounds, data);
  return makeTensor(type, data);
}

/** (q − zero)·factor. */
function dequantized(values: ArrayLike<number>, { length, factors, zeros }: Runs): Float64Array {
  const results = new Float64Array(values.length);
  for (let start = 0, index = 0; start < results.length; start += length, index = (index + 1) % factors.length) {
    const [factor, zero] = [factors[index] as number, zeros[index] as number];
    const end = start + length;
    for (let position = start; position < end; position += 1)
      results[position] = ((values[position] as number) - zero) * factor;
  }
  return results;
}

/** The same, each rounded once to f16. */
function dequantizedHalves(values: ArrayLike<number>, { length, factors, zeros }: Runs): Uint16Array {
  const results = new Uint16Array(values.length);
  for (let start = 0, index = 0; start < results.length; start += length, index = (index + 1) % factors.length) {
    const [factor, zero] = [factors[index] as number, zeros[index] as number];
    const end = start + length;
    for (let position = start; position < end; position += 1)
      results[position] = f16BitsFromF64(((values[position] as number) - zero) * factor);
  }
  return results;
}

type Bounds = { readonly low: number; readonly high: number };

/** rne(x·factor) + zero, saturated; the zero point for NaN. */
function roundScaled(
  values: ArrayLike<number>,
  { length, factors, zeros }: Runs,
  { low, high }: Bounds,
  results: Int32Array,
): void {
  for (let start = 0, index = 0; start < results.length; start += length, index = (index + 1) % factors.length) {
    const [factor, zero] = [factors[index] as number, zeros[index] as number];
    const end = start + length;
    for (let position = start; position < end; position += 1) {
      const value = values[position] as number;
      results[position] = Number.isNaN(value) ? zero : roundAndClamp(value, factor, zero, low, high);
    }
  }
}

/** rne(x ÷ scale) + zero, saturated; quotients of f32 are f32. */
function divideAndRound(
  values: ArrayLike<number>,
  scales: readonly number[],
  { length, factors, zeros }: Runs,
  { low, high }: Bounds,
  element: ElementType,
  results: Int32Array,
): void {
  const isSingle = element === "f32";
  for (let start = 0, index = 0; start < results.length; start += length, index = (index + 1) % factors.length) {
    const [scale, zero] = [entryAt(scales, index), zeros[index] as number];
    const end = start + length;
    for (let position = start; position < end; position += 1) {
      const value = values[position] as number;
      const quotient = isSingle ? Math.fround(value / scale) : value / scale;
      results[position] = Number.isNaN(value) ? zero : clamp(roundToEven(quotient) + zero, low, high);
    }
  }
}
