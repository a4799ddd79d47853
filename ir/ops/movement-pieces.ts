import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { MovementPiece } from "../operator.ts";

/** A range of indexes along a result axis that reads the operand's axis with one step: source + i·step, 0 ≤ i < count. */
export interface AxisRun {
  readonly destination: number;
  readonly source: number;
  readonly step: number;
  readonly count: number;
}

/** One run over the whole axis. */
export function wholeRun(count: number): readonly AxisRun[] {
  return [{ destination: 0, source: 0, step: 1, count }];
}

/**
 * Cuts a list of source indexes, one a result index, into the longest arithmetic progressions from the front; a result
 * index whose source is negative is left out (nothing writes it).
 */
export function axisRuns(sources: readonly number[]): AxisRun[] {
  const runs: AxisRun[] = [];
  let start = 0;
  while (start < sources.length) {
    const source = at(sources, start);
    let end = start + 1;
    if (source >= 0) {
      const step = end < sources.length && at(sources, end) >= 0 ? at(sources, end) - source : 0;
      while (end < sources.length && at(sources, end) >= 0 && at(sources, end) - at(sources, end - 1) === step)
        end += 1;
      runs.push({ destination: start, source, step: end - start === 1 ? 1 : step, count: end - start });
    }
    start = end;
  }
  return runs;
}

/**
 * The pieces of a copy that maps each axis by itself: the product of the runs of all axes. Axis i of both shapes is
 * dimension i of each piece; dimensions of one index are left out, those of different axes are never merged.
 */
export function axisPieces(
  runs: readonly (readonly AxisRun[])[],
  operandShape: readonly number[],
  resultShape: readonly number[],
  operand = 0,
): MovementPiece[] {
  const sourceStrides = rowMajorStrides(operandShape);
  const destinationStrides = rowMajorStrides(resultShape);
  let pieces: MovementPiece[] = [
    { operand, counts: [], sourceOffset: 0, sourceStrides: [], destinationOffset: 0, destinationStrides: [] },
  ];
  runs.forEach((axisRunList, axis) => {
    const source = at(sourceStrides, axis);
    const destination = at(destinationStrides, axis);
    pieces = pieces.flatMap((piece) =>
      axisRunList
        .filter((run) => run.count > 0)
        .map((run) => ({
          operand,
          counts: [...piece.counts, run.count],
          sourceOffset: piece.sourceOffset + run.source * source,
          sourceStrides: [...piece.sourceStrides, run.step * source],
          destinationOffset: piece.destinationOffset + run.destination * destination,
          destinationStrides: [...piece.destinationStrides, destination],
        })),
    );
  });
  return pieces.map(withoutUnitDimensions);
}

/** The piece without its dimensions of one index; at least one dimension stays. */
export function withoutUnitDimensions(piece: MovementPiece): MovementPiece {
  const kept = piece.counts.flatMap((count, dimension) => (count === 1 ? [] : [dimension]));
  if (kept.length === 0) return { ...piece, counts: [1], sourceStrides: [1], destinationStrides: [1] };
  return {
    ...piece,
    counts: kept.map((dimension) => at(piece.counts, dimension)),
    sourceStrides: kept.map((dimension) => at(piece.sourceStrides, dimension)),
    destinationStrides: kept.map((dimension) => at(piece.destinationStrides, dimension)),
  };
}

/**
 * The pieces that copy all elements of a dense array, in order, to a dense array of another shape, refined so that no
 * dimension of a piece runs over more than one axis of either shape: one piece where the axes nest ([6,4] to [3,8] has
 * counts [3,2,4]), several where they do not ([2,3] to [3,2]).
 */
export function reshapePieces(operandShape: readonly number[], resultShape: readonly number[]): MovementPiece[] {
  const total = product(resultShape);
  if (total === 0) return [];
  const boundaries = [...new Set([...spans(operandShape), ...spans(resultShape), 1, total])].sort((a, b) => a - b);
  const common = boundaries.filter((boundary) =>
    boundaries.every((other) => other % boundary === 0 || boundary % other === 0),
  );
  let pieces: { readonly counts: number[]; readonly strides: number[]; readonly offset: number }[] = [
    { counts: [], strides: [], offset: 0 },
  ];
  for (let level = common.length - 2; level >= 0; level -= 1) {
    const [stride, size] = [at(common, level), at(common, level + 1)];
    const cuts = [0];
    for (const boundary of boundaries.filter((each) => each > stride && each < size)) {
      for (let offset = boundary; offset < size; offset += boundary) cuts.push(offset);
    }
    const starts = [...new Set(cuts)].sort((a, b) => a - b);
    pieces = pieces.flatMap((piece) =>
      starts.map((start, index) => ({
        counts: [...piece.counts, ((starts[index + 1] ?? size) - start) / stride],
        strides: [...piece.strides, stride],
        offset: piece.offset + start,
      })),
    );
  }
  return pieces.map(({ counts, strides, offset }) =>
    withoutUnitDimensions({
      operand: 0,
      counts,
      sourceOffset: offset,
      sourceStrides: strides,
      destinationOffset: offset,
      destinationStrides: strides,
    }),
  );
}

/** Elements in one index of each axis of a dense array and of all axes within it: its strides and its size. */
function spans(shape: readonly number[]): number[] {
  return [...rowMajorStrides(shape), product(shape)];
}
