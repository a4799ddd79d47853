import { describe, expect, it } from "vitest";
import { at, rowMajorStrides } from "../../../base/math.ts";
import { type AxisForm, axisPieces } from "../../../compiler/pieces.ts";
import type { MovementPiece } from "../../../ir/operator.ts";

/** The element that axis forms name at an index point. */
function elementOf(forms: readonly AxisForm[], shape: readonly number[], point: readonly number[]): number {
  const strides = rowMajorStrides(shape);
  return forms.reduce((total, { base, terms }, axis) => {
    const coordinate = terms.reduce((value, { index, coefficient }) => value + coefficient * at(point, index), base);
    expect(coordinate).toBeGreaterThanOrEqual(0);
    expect(coordinate).toBeLessThan(at(shape, axis));
    return total + coordinate * at(strides, axis);
  }, 0);
}

function points(counts: readonly number[]): number[][] {
  return counts.reduce<number[][]>(
    (lists, count) => lists.flatMap((list) => Array.from({ length: count }, (_, index) => [...list, index])),
    [[]],
  );
}

describe("pieces along axes", () => {
  it("copy the same elements where indexes of one axis overlap and leave it", () => {
    const piece: MovementPiece = {
      operand: 0,
      counts: [2, 3],
      sourceOffset: 0,
      sourceStrides: [2, 1],
      destinationOffset: 0,
      destinationStrides: [3, 1],
    };
    const copies = axisPieces(piece, [2, 4], [2, 3]).flatMap(({ counts, source, destination }) =>
      points(counts).map((point) => [elementOf(destination, [2, 3], point), elementOf(source, [2, 4], point)]),
    );
    const sorted = copies.sort(([left = 0], [right = 0]) => left - right);
    expect(sorted).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
      [5, 4],
    ]);
  });
});
