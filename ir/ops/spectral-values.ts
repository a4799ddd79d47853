/** A discrete Fourier transform of one axis. */
export interface Transform {
  /** Length of the signal in time. */
  readonly length: number;
  readonly inverse: boolean;
  /** Forward: only the first half of the spectrum is made. Inverse: only it is read, and the result is real. */
  readonly onesided: boolean;
  /** Numbers of each entry that is read: 1 for real, 2 for real and imaginary part. */
  readonly parts: number;
}

/** How many entries a transform makes, and of how many numbers each is. */
export function transformResult({ length, inverse, onesided }: Transform): {
  readonly entries: number;
  readonly parts: number;
} {
  if (inverse && onesided) return { entries: length, parts: 1 };
  return { entries: onesided ? halfLength(length) : length, parts: 2 };
}

/** How many of the entries given to a transform it reads; the rest is cut off, and what is missing counts as zero. */
export function transformReads({ length, inverse, onesided }: Transform, given: number): number {
  return Math.min(given, inverse && onesided ? halfLength(length) : length);
}

function halfLength(length: number): number {
  return Math.floor(length / 2) + 1;
}

/** cos(2πn/length) for 0 ≤ n < length, exact where it is 0, 1 or −1. */
function cosines(length: number): Float64Array {
  return Float64Array.from({ length }, (_, index) => {
    if ((4 * index) % length === 0) return [1, 0, -1, 0][(4 * index) / length] as number;
    return Math.cos((2 * Math.PI * index) / length);
  });
}

function sines(length: number): Float64Array {
  return Float64Array.from({ length }, (_, index) => {
    if ((4 * index) % length === 0) return [0, 1, 0, -1][(4 * index) / length] as number;
    return Math.sin((2 * Math.PI * index) / length);
  });
}

/**
 * The factors of a transform, column by column: column e·parts + p (part p of result entry e) is the sum over `entries`
 * given entries n and their parts q of factor n·(parts given) + q times that number. With θ = 2πne/length:
 * forward y[e] = Σ x[n]·(cos θ − i sin θ); inverse the same with + and ÷ length. A half spectrum counts each entry twice but
 * the first and, for even lengths, the last, whose mirror images they are.
 */
export function transformColumns(transform: Transform, entries: number): (column: number) => Float64Array {
  const { length, inverse, onesided, parts } = transform;
  const [cosine, sine] = [cosines(length), sines(length)];
  const resultParts = transformResult(transform).parts;
  const sign = inverse ? 1 : -1;
  const scale = inverse ? 1 / length : 1;
  return (column) => {
    const [entry, part] = [Math.floor(column / resultParts), column % resultParts];
    const factors = new Float64Array(entries * parts);
    for (let n = 0; n < entries; n += 1) {
      const mirrored = inverse && onesided && n !== 0 && 2 * n !== length;
      const weight = mirrored ? 2 * scale : scale;
      const step = (n * entry) % length;
      const real = weight * (cosine[step] as number);
      const imaginary = sign * weight * (sine[step] as number);
      factors[n * parts] = part === 0 ? real : imaginary;
      if (parts === 2) factors[n * parts + 1] = part === 0 ? -imaginary : real;
    }
    return factors;
  };
}
