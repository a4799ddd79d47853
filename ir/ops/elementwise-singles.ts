/** Sums, differences and products of f32 arrays of one length: loops of their own, which engines compile well. */
export const singleLoops: Readonly<Record<string, (x: Float32Array, y: Float32Array) => Float32Array>> = {
  add: (x, y) => {
    const results = new Float32Array(x.length);
    for (let index = 0; index < results.length; index += 1)
      results[index] = (x[index] as number) + (y[index] as number);
    return results;
  },
  sub: (x, y) => {
    const results = new Float32Array(x.length);
    for (let index = 0; index < results.length; index += 1)
      results[index] = (x[index] as number) - (y[index] as number);
    return results;
  },
  mul: (x, y) => {
    const results = new Float32Array(x.length);
    for (let index = 0; index < results.length; index += 1)
      results[index] = (x[index] as number) * (y[index] as number);
    return results;
  },
};

/** x where x ≥ 0 and slope · x elsewhere, of f32 numbers; 0 ≤ slope ≤ 1, so that it is the greater of the two. */
export function leaned(x: Float32Array, slope: number): Float32Array {
  const results = new Float32Array(x.length);
  for (let index = 0; index < results.length; index += 1) {
    const value = x[index] as number;
    results[index] = Math.max(value, slope * value);
  }
  return results;
}

/** max(x, 0) of f32 numbers; NaN stays. */
export function rectified(x: Float32Array): Float32Array {
  const results = new Float32Array(x.length);
  for (let index = 0; index < results.length; index += 1) {
    results[index] = Math.max(x[index] as number, 0);
  }
  return results;
}
