import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";

/** The index counted from the front; throws B202 when it lies outside an axis of that size. */
export function normalizeIndex(index: number, size: number): number {
  const result = index < 0 ? index + size : index;
  if (result >= 0 && result < size) return result;
  throw problem("B202", `Index ${index} is outside an axis of size ${size}.`);
}

/** Σ coordinate·stride of every point of a box, in row-major order. */
export function boxPositions(shape: readonly number[], strides: readonly number[] = rowMajorStrides(shape)): number[] {
  return shape.reduce(
    (bases, size, axis) =>
      bases.flatMap((base) => Array.from({ length: size }, (_, index) => base + index * at(strides, axis))),
    [0],
  );
}

/**
 * The elements of a dense array of `shape` that an array of indices along `axis` names, one an index: the other
 * coordinates are those of the index itself (GatherElements, ScatterElements). Throws B202 for shapes that do not fit and
 * for an index outside the axis.
 */
export function elementPositions(
  shape: readonly number[],
  axis: number,
  indices: readonly number[],
  indexShape: readonly number[],
): number[] {
  const fits =
    indexShape.length === shape.length && indexShape.every((size, other) => other === axis || size <= at(shape, other));
  if (!fits)
    throw problem(
      "B202",
      `Indices of shape [${indexShape.join(",")}] do not fit shape [${shape.join(",")}] along axis ${axis}.`,
    );
  const strides = rowMajorStrides(shape);
  const others = strides.map((stride, other) => (other === axis ? 0 : stride));
  return boxPositions(indexShape, others).map(
    (base, position) => base + normalizeIndex(at(indices, position), at(shape, axis)) * at(strides, axis),
  );
}

/** What tuples of indices name: rows of `inner` elements each, counted over the axes that a tuple and its batch fix. */
export interface TupleRows {
  readonly rows: readonly number[];
  readonly inner: number;
}

/** Throws B202 when tuples of indices along the last axis do not fit a value of `shape` with that many batch axes. */
export function checkTuples(shape: readonly number[], batchCount: number, indexShape: readonly number[]): void {
  const fixed = batchCount + (indexShape.at(-1) ?? 0);
  const batch = indexShape.slice(0, batchCount);
  const fits =
    indexShape.length > batchCount && fixed <= shape.length && batch.every((size, axis) => size === shape[axis]);
  if (fits) return;
  throw problem(
    "B202",
    `Tuples of indices of shape [${indexShape.join(",")}] do not fit shape [${shape.join(",")}] with ${batchCount} batch axes.`,
  );
}

/**
 * The rows of a dense array of `shape` that tuples along the last axis of the indices name; the first `batchCount` axes of
 * both arrays go together (GatherND, ScatterND). Throws B202 for shapes that do not fit and for an index outside its axis.
 */
export function tupleRows(
  shape: readonly number[],
  batchCount: number,
  indices: readonly number[],
  indexShape: readonly number[],
): TupleRows {
  checkTuples(shape, batchCount, indexShape);
  const length = indexShape.at(-1) ?? 0;
  const fixed = batchCount + length;
  const strides = rowMajorStrides(shape.slice(0, fixed));
  const lead = indexShape.slice(0, -1);
  const batchStrides = lead.map((_, axis) => (axis < batchCount ? at(strides, axis) : 0));
  const rows = boxPositions(lead, batchStrides).map((base, position) => {
    let row = base;
    for (let entry = 0; entry < length; entry += 1) {
      const axis = batchCount + entry;
      row += normalizeIndex(at(indices, position * length + entry), at(shape, axis)) * at(strides, axis);
    }
    return row;
  });
  return { rows, inner: product(shape.slice(fixed)) };
}

/** Updates in rounds, none of which names a row twice: the first for each row, the second for each row, ... */
export function roundsOf(rows: readonly number[]): number[][] {
  const counts = new Map<number, number>();
  const rounds: number[][] = [];
  rows.forEach((row, update) => {
    const round = counts.get(row) ?? 0;
    counts.set(row, round + 1);
    const updates = rounds[round];
    if (updates === undefined) rounds.push([update]);
    else updates.push(update);
  });
  return rounds;
}
