/** Calls `visit` with the byte offsets of up to three operands for every index of the counts, in row-major order. */
export function walk(
  counts: readonly number[],
  strides: readonly (readonly number[] | null)[],
  visit: (first: number, second: number, third: number) => void,
): void {
  const [a, b, c] = strides.map((list) => offsets(counts, list ?? counts.map(() => 0))) as [
    number[],
    number[]?,
    number[]?,
  ];
  for (let index = 0; index < a.length; index += 1) visit(a[index] as number, b?.[index] ?? 0, c?.[index] ?? 0);
}

/** The byte offset of every index of the counts, in row-major order. */
export function offsets(counts: readonly number[], strides: readonly number[]): number[] {
  let result = [0];
  counts.forEach((count, axis) => {
    const stride = strides[axis];
    if (stride === undefined) throw new RangeError(`an operand has fewer strides than the ${counts.length} counts`);
    result = result.flatMap((start) => Array.from({ length: count }, (_, index) => start + index * stride));
  });
  return result;
}
