/** One loop of an operator: a parallel dimension indexes the result; a reduction dimension is summed over. */
export interface IterationDimension {
  readonly name: string;
  readonly size: number;
  readonly kind: "parallel" | "reduction";
}

/** Index along one axis of a tensor = Σ stride × (index of dimension) + offset; may leave the tensor (padding). */
export interface AxisAccess {
  readonly terms: readonly { readonly dimension: number; readonly stride: number }[];
  readonly offset: number;
}

/** Which element of a tensor an iteration point touches: one entry an axis of the tensor. */
export type Access = readonly AxisAccess[];

/**
 * The loops of an operator and what each iteration point touches. MACs of a contraction = product of all dimension
 * sizes; the bytes of a tile = the footprint of its access; legal splits = parallel dimensions, and reduction
 * dimensions at the price of partial sums.
 */
export interface IterationSpace {
  readonly dimensions: readonly IterationDimension[];
  /** One entry an operand of the operator; null for an absent operand. */
  readonly operands: readonly (Access | null)[];
  readonly result: Access;
}

/** A half-open range of indexes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A product of ranges, one an axis. */
export type Box = readonly Range[];

/** The indexes of a tensor that a box of the iteration space touches, not clipped to the tensor. Empty boxes give empty boxes. */
export function footprint(access: Access, iterationBox: Box): Box {
  let isEmpty = false;
  for (let index = 0; index < iterationBox.length; index += 1) {
    const { start, end } = iterationBox[index] as Range;
    if (end <= start) isEmpty = true;
  }
  const box = new Array<Range>(access.length);
  for (let axis = 0; axis < access.length; axis += 1) {
    const { terms, offset } = access[axis] as Access[number];
    let start = offset;
    let end = offset + 1;
    for (let term = 0; term < terms.length; term += 1) {
      const { dimension, stride } = terms[term] as Access[number]["terms"][number];
      const range = iterationBox[dimension] as Range;
      start += stride * (stride >= 0 ? range.start : range.end - 1);
      end += stride * (stride >= 0 ? range.end - 1 : range.start);
    }
    box[axis] = isEmpty ? { start: 0, end: 0 } : { start, end };
  }
  return box;
}

/** The intersection of two boxes of the same rank; null when it is empty. */
export function intersect(left: Box, right: Box): Box | null {
  const result: Range[] = [];
  for (let axis = 0; axis < left.length; axis += 1) {
    const [a, b] = [left[axis] as Range, right[axis] as Range];
    const start = Math.max(a.start, b.start);
    const end = Math.min(a.end, b.end);
    if (end <= start) return null;
    result.push({ start, end });
  }
  return result;
}

/** How many points a box holds; 1 for rank 0. */
export function boxCount(box: Box): number {
  let count = 1;
  for (let axis = 0; axis < box.length; axis += 1) {
    const { start, end } = box[axis] as Range;
    count *= end > start ? end - start : 0;
  }
  return count;
}

/** The box of a whole tensor. */
export function wholeBox(shape: readonly number[]): Box {
  return shape.map((size) => ({ start: 0, end: size }));
}
