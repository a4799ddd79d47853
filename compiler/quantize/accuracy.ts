import { rowMajorStrides } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";

/** The real numbers that a tensor stands for: scale × (stored − zero) where it is quantized, else what it holds. */
export function realNumbers(tensor: Tensor): ArrayLike<number> {
  const stored = tensorNumbers(tensor);
  const { quantization, shape } = tensor.type;
  if (quantization === null) return stored;
  const { axis, scales, zeros } = quantization;
  const stride = axis === null ? 1 : (rowMajorStrides(shape)[axis] ?? 1);
  const size = axis === null ? 1 : (shape[axis] ?? 1);
  return mapNumbers(stored, (value, index) => {
    const channel = axis === null ? 0 : Math.floor(index / stride) % size;
    return (scales[channel] ?? 1) * (value - (zeros[channel] ?? 0));
  });
}

/** Energies of a signal and of the error of another version of it. */
export interface Energies {
  readonly signal: number;
  readonly error: number;
}

/** Σ reference² and Σ (reference − other)²; equal infinities are no error, other non-finite differences an infinite one. */
export function energiesOf(reference: ArrayLike<number>, other: ArrayLike<number>): Energies {
  if (reference.length !== other.length) {
    throw new RangeError(`${reference.length} numbers cannot be compared with ${other.length}`);
  }
  let signal = 0;
  let error = 0;
  for (let index = 0; index < reference.length; index += 1) {
    const expected = reference[index] as number;
    const found = other[index] as number;
    const difference = expected - found;
    if (Number.isFinite(expected)) signal += expected * expected;
    if (Number.isFinite(difference)) error += difference * difference;
    else if (!Object.is(expected, found)) error = Number.POSITIVE_INFINITY;
  }
  return { signal, error };
}

/**
 * Signal to quantization noise, 10·log10(Σ reference² / Σ (reference − other)²), in dB; infinite when nothing differs.
 * Pooled over several pairs: see `pooledSqnrDb`.
 */
export function sqnrDb(reference: ArrayLike<number>, other: ArrayLike<number>): number {
  return pooledSqnrDb([energiesOf(reference, other)]);
}

/** The ratio of the summed signal energy to the summed error energy, in dB. */
export function pooledSqnrDb(energies: readonly Energies[]): number {
  let signal = 0;
  let error = 0;
  for (const each of energies) {
    signal += each.signal;
    error += each.error;
  }
  return error === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / error);
}
