import { at, rowMajorStrides } from "../../base/math.ts";
import type { Tensor } from "../tensor.ts";
import { elementCount } from "../type.ts";
import { tensorNumbers } from "./values.ts";

/** How far u8 lies above i8: what the stored numbers and zero points of u8 are less by where they are stored as i8. */
export const signShift = 128;

/** Weights as stored integers with zero point 0, and their sums over each index of the channel axis. */
export interface CentredWeights {
  readonly data: Int8Array;
  readonly sums: Float64Array;
}

/**
 * Stored weights less their zero points (one, or one for each index of `axis`), with which they are exact under zero
 * point 0; null when a difference is beyond i8.
 */
export function centredWeights(weights: Tensor, axis: number, zeros: readonly number[]): CentredWeights | null {
  const { shape } = weights.type;
  const channels = at(shape, axis);
  const stride = at(rowMajorStrides(shape), axis);
  const numbers = tensorNumbers(weights);
  const data = new Int8Array(elementCount(weights.type));
  const sums = new Float64Array(channels);
  for (let start = 0; start < data.length; ) {
    for (let channel = 0; channel < channels; channel += 1) {
      const zero = at(zeros, zeros.length === 1 ? 0 : channel);
      for (const end = start + stride; start < end; start += 1) {
        const value = (numbers[start] as number) - zero;
        if (value < -128 || value > 127) return null;
        data[start] = value;
        sums[channel] = (sums[channel] as number) + value;
      }
    }
  }
  return { data, sums };
}

/** The i32 bias of a contraction whose activations have a zero point: bias − zero · Σ weights, in wrap-around arithmetic. */
export function foldedBias(bias: ArrayLike<number> | null, sums: Float64Array, zero: number): Int32Array {
  return Int32Array.from(sums, (sum, channel) => ((bias?.[channel] ?? 0) - zero * sum) | 0);
}

/** The axis of a contraction's weights that its output channels stand on. */
export function weightChannelAxis(op: string, rank: number): number {
  return op === "matmul" ? rank - 1 : 0;
}
