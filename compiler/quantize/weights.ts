import { at, clamp, rowMajorStrides } from "../../base/math.ts";
import type { Constant } from "../../ir/graph.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { type ElementType, elementCount, integerRange, type Quantization, tensorType } from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";

/** Half of what i32 holds: the share that a bias may take, so that products have room. */
const biasShare = 2 ** 30;

/** Weights and bias of a contraction as integers. */
export interface QuantizedWeights {
  readonly weights: Omit<Constant, "name">;
  /** i32[channels]: round(bias ÷ (activation scale · weight scale)) − zero·Σ weights. */
  readonly bias: Omit<Constant, "name">;
}

/**
 * Quantizes constant weights to i8, i4 or i2, symmetric, one scale for each index of `axis` (the output channels). i8:
 * greatest magnitude ÷ 127; i4 (±7) and i2 (±1): what gives the least sum of squared errors. More where the bias would not fit
 * i32 otherwise; 1 for a channel of zeros without bias. The zero point of the activations is folded into the bias. Absent
 * weights or bias give absent ones; absent weights have scales of 1.
 */
export function quantizeWeights(
  weights: Constant,
  axis: number,
  bias: Constant | null,
  activation: Quantization,
  element: ElementType = "i8",
): QuantizedWeights {
  const { shape } = weights.type;
  const channels = at(shape, axis);
  const numbers = weights.data === null ? null : tensorNumbers({ type: weights.type, data: weights.data });
  const biases = bias?.data == null ? null : tensorNumbers({ type: bias.type, data: bias.data });
  const stride = at(rowMajorStrides(shape), axis);
  const activationScale = at(activation.scales, 0);
  const { high } = integerRange(element);
  const least = leastScales(biases, channels, activationScale);
  const scales =
    element === "i8"
      ? channelScales(numbers, least, { channels, stride, high })
      : bestScales(numbers, least, { channels, stride, high });
  const quantization: Quantization = { axis, scales, zeros: scales.map(() => 0) };
  const type = tensorType(element, shape, quantization);
  const biasType = tensorType("i32", [channels]);
  if (numbers === null) {
    const absent = { data: null, source: "absent" } as const;
    return { weights: { type, ...absent }, bias: { type: biasType, ...absent } };
  }
  const stored = new Int8Array(elementCount(type));
  const sums = new Float64Array(channels);
  for (let start = 0; start < stored.length; ) {
    for (let channel = 0; channel < channels; channel += 1) {
      const scale = scales[channel] as number;
      for (const end = start + stride; start < end; start += 1) {
        const value = clamp(roundToEven((numbers[start] as number) / scale), -high, high);
        stored[start] = value;
        sums[channel] = (sums[channel] as number) + value;
      }
    }
  }
  const kept = { type, data: stored, source: weights.source };
  return { weights: kept, bias: biasOf(kept, sums, bias, activation) };
}

/** The narrowest of i2, i4 and i8 that holds stored weights; what they have where they are not i8, or absent. */
export function narrowestElement({ type, data }: Pick<Constant, "type" | "data">): ElementType {
  if (!(data instanceof Int8Array) || type.element !== "i8") return type.element;
  const fits = (element: ElementType): boolean => {
    const { low, high } = integerRange(element);
    return data.every((number) => number >= low && number <= high);
  };
  return (["i2", "i4"] as const).find(fits) ?? "i8";
}

/**
 * The same for weights that the model states as i8 with zero point 0, under one scale or one for each index of `axis`:
 * they stay, in the narrowest type that holds them, and the bias is in their units.
 */
export function keepWeights(
  weights: Constant,
  axis: number,
  bias: Constant | null,
  activation: Quantization,
): QuantizedWeights {
  const { type, data, source } = weights;
  const channels = at(type.shape, axis);
  if (data === null) {
    const biasType = tensorType("i32", [channels]);
    return { weights: { type, data, source }, bias: { type: biasType, data: null, source: "absent" } };
  }
  const numbers = tensorNumbers({ type, data });
  const stride = at(rowMajorStrides(type.shape), axis);
  const sums = new Float64Array(channels);
  for (let index = 0; index < numbers.length; index += 1) {
    const channel = Math.floor(index / stride) % channels;
    sums[channel] = (sums[channel] as number) + (numbers[index] as number);
  }
  const kept = { type: { ...type, element: narrowestElement(weights) }, data, source };
  return { weights: kept, bias: biasOf(kept, sums, bias, activation) };
}

/** i32[channels]: round(bias ÷ (activation scale · weight scale)) − zero·Σ weights, at most what i32 holds. */
function biasOf(
  { type, source }: Omit<Constant, "name">,
  sums: Float64Array,
  bias: Constant | null,
  activation: Quantization,
): Omit<Constant, "name"> {
  const biasType = tensorType("i32", [sums.length]);
  if (bias !== null && bias.data === null) return { type: biasType, data: null, source: "absent" };
  const biases = bias?.data == null ? null : tensorNumbers({ type: bias.type, data: bias.data });
  const scales = type.quantization?.scales ?? [1];
  const [activationScale, zero] = [at(activation.scales, 0), at(activation.zeros, 0)];
  const { low: least, high: greatest } = integerRange("i32");
  const storedBias = Int32Array.from(sums, (sum, channel) => {
    const own = (biases?.[channel] ?? 0) / (activationScale * at(scales, scales.length === 1 ? 0 : channel));
    return clamp(roundToEven(own) - zero * sum, least, greatest);
  });
  return { type: biasType, data: storedBias, source: source === "random" ? "random" : (bias?.source ?? source) };
}

/** By channel: the least scale under which the bias fits. */
function leastScales(biases: ArrayLike<number> | null, channels: number, activationScale: number): number[] {
  return Array.from({ length: channels }, (_, channel) => {
    return Math.abs(biases?.[channel] ?? 0) / (activationScale * biasShare);
  });
}

/** How channels lie among weights, row-major, and the greatest integer of their type. */
interface ChannelGrid {
  readonly channels: number;
  /** Weights from one channel to the next. */
  readonly stride: number;
  readonly high: number;
}

/** How many scales are tried between the greatest magnitude's and a part of it. */
const triedScales = 24;
const leastTriedPart = 0.25;

/** By channel: the scale under which the squared errors of rounding and clamping add up to least, of those tried. */
function bestScales(
  numbers: ArrayLike<number> | null,
  least: readonly number[],
  { channels, stride, high }: ChannelGrid,
): number[] {
  const largest = channelScales(numbers, least, { channels, stride, high });
  if (numbers === null) return largest;
  const own = new Float64Array(numbers.length / channels);
  return largest.map((start, channel) => {
    let count = 0;
    for (let block = channel * stride; block < numbers.length; block += channels * stride) {
      for (let index = block; index < block + stride; index += 1) own[count++] = numbers[index] as number;
    }
    let best = { scale: start, error: Number.POSITIVE_INFINITY };
    for (let step = 0; step < triedScales; step += 1) {
      const tried = start * (1 - (step * (1 - leastTriedPart)) / (triedScales - 1));
      // The scale that fits the integers best that the tried one gives.
      const { fitted } = scaleError(own, tried, high);
      for (const scale of [tried, fitted]) {
        if (scale < (least[channel] as number) || scale <= 1e-30) continue;
        const { error } = scaleError(own, scale, high);
        if (error < best.error) best = { scale, error };
      }
    }
    return best.scale;
  });
}

/** Σ (number − scale · integer)² over the integers nearest to number ÷ scale, and the scale that fits those best. */
function scaleError(numbers: Float64Array, scale: number, high: number): { error: number; fitted: number } {
  let [error, along, squares] = [0, 0, 0];
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index] as number;
    const integer = Math.max(-high, Math.min(high, Math.round(number / scale)));
    error += (number - scale * integer) ** 2;
    along += number * integer;
    squares += integer * integer;
  }
  return { error, fitted: squares === 0 ? 0 : along / squares };
}

/** By channel: the scale under which the greatest magnitude is the greatest integer. */
function channelScales(
  numbers: ArrayLike<number> | null,
  least: readonly number[],
  { channels, stride, high }: ChannelGrid,
): number[] {
  const greatest = new Float64Array(channels);
  const count = numbers?.length ?? 0;
  for (let start = 0; start < count; ) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (const end = start + stride; start < end; start += 1) {
        const magnitude = Math.abs(numbers?.[start] as number);
        if (magnitude > (greatest[channel] as number)) greatest[channel] = magnitude;
      }
    }
  }
  return Array.from(greatest, (magnitude, channel) => {
    const scale = Math.max(magnitude / high, least[channel] as number);
    return scale > 1e-30 ? scale : 1;
  });
}
