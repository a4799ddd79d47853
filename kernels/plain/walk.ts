/** Calls `visit` with the byte offsets of up to four operands for every index of the counts, in row-major order. */
export function walk(
  counts: readonly number[],
  strides: readonly (readonly number[] | null)[],
  visit: (first: number, second: number, third: number, fourth: number) => void,
): void {
  const rank = counts.length;
  for (const list of strides) if (list !== null && list.length < rank) tooFewStrides(rank);
  if (counts.some((count) => count === 0)) return;
  const stride = (operand: number, axis: number): number => strides[operand]?.[axis] ?? 0;
  const inner = rank - 1;
  const size = counts[inner] ?? 1;
  const [sa, sb, sc, sd] = [stride(0, inner), stride(1, inner), stride(2, inner), stride(3, inner)];
  const counters = new Array<number>(Math.max(0, inner)).fill(0);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (;;) {
    for (let index = 0; index < size; index += 1) visit(a + index * sa, b + index * sb, c + index * sc, d + index * sd);
    let axis = inner - 1;
    for (; axis >= 0; axis -= 1) {
      const next = (counters[axis] as number) + 1;
      const back = next === counts[axis] ? -(next - 1) : 1;
      counters[axis] = back === 1 ? next : 0;
      a += back * stride(0, axis);
      b += back * stride(1, axis);
      c += back * stride(2, axis);
      d += back * stride(3, axis);
      if (back === 1) break;
    }
    if (axis < 0) return;
  }
}

/** The byte offset of every index of the counts, in row-major order. */
export function offsets(counts: readonly number[], strides: readonly number[]): number[] {
  const result: number[] = [];
  walk(counts, [strides], (offset) => result.push(offset));
  return result;
}

function tooFewStrides(rank: number): never {
  throw new RangeError(`an operand has fewer strides than the ${rank} counts`);
}
