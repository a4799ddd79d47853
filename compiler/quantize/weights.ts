import { at, clamp, rowMajorStrides } from "../../base/math.ts";
import type { Constant } from "../../ir/graph.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { elementCount, integerRange, type Quantization, tensorType } from "../../ir/type.ts";
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
 * Quantizes constant weights to i8, symmetric, one scale for each index of `axis` (the output channels): greatest
 * magnitude ÷ 127, or more where the bias would not fit i32 otherwise; 1 for a channel of zeros without bias. The zero point of the
 * activations is folded into the bias. Absent weights or bias give absent ones; absent weights have scales of 1.
 */
export function quantizeWeights(
  weights: Constant,
  axis: number,
  bias: Constant | null,
  activation: Quantization,
): QuantizedWeights {
  const { shape } = weights.type;
  const channels = at(shape, axis);
  const numbers = weights.data === null ? null : tensorNumbers({ type: weights.type, data: weights.data });
  const biases = bias?.data == null ? null : tensorNumbers({ type: bias.type, data: bias.data });
  const stride = at(rowMajorStrides(shape), axis);
  const activationScale = at(activation.scales, 0);
  const scales = channelScales(numbers, biases, channels, stride, activationScale);
  const quantization: Quantization = { axis, scales, zeros: scales.map(() => 0) };
  const type = tensorType("i8", shape, quantization);
  const biasType = tensorType("i32", [channels]);
  if (numbers === null) {
    const absent = { data: null, source: "absent" } as const;
    return { weights: { type, ...absent }, bias: { type: biasType, ...absent } };
  }
  const { high } = integerRange("i8");
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

/**
 * The same for weights that the model states as i8 with zero point 0, under one scale or one for each index of `axis`:
 * they stay, and the bias is in their units.
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
  const kept = { type, data, source };
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

function channelScales(
  numbers: ArrayLike<number> | null,
  biases: ArrayLike<number> | null,
  channels: number,
  stride: number,
  activationScale: number,
): number[] {
  const { high } = integerRange("i8");
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
    const forBias = Math.abs(biases?.[channel] ?? 0) / (activationScale * biasShare);
    const scale = Math.max(magnitude / high, forBias);
    return scale > 1e-30 ? scale : 1;
  });
}
