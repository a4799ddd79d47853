import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, ceilDivide, product } from "../../../base/math.ts";
import {
  isActive,
  iterationBox,
  largestBox,
  largestExtents,
  layOut,
  ownsResult,
  rangeOn,
  reductionIndex,
  touchedBox,
} from "../../../compiler/geometry.ts";
import { boxStart, coordinateOf, denseLayout, dimensionStride, localOffset } from "../../../compiler/local-layout.ts";
import type { IterationDimension } from "../../../ir/iteration.ts";

const dimension = (name: string, size: number, kind: IterationDimension["kind"] = "parallel"): IterationDimension => ({
  name,
  size,
  kind,
});
const range = (start: number, end: number) => ({ start, end });

describe("the geometry of a split", () => {
  it("divides every dimension into ranges that do not overlap and leave nothing out", () => {
    const parts = fc.integer({ min: 1, max: 4 });
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(sizes, parts, parts, parts, parts, (lengths, a, b, c, d) => {
        const dimensions = lengths.map((size, index) => dimension(`d${index}`, size));
        const split = {
          rows: [
            { dimension: "d0", parts: a },
            { dimension: "d1", parts: b },
          ],
          columns: [
            { dimension: "d1", parts: c },
            { dimension: "d2", parts: d },
          ],
        };
        const grid = { rows: a * b + 1, columns: c * d + 1 };
        const geometry = layOut(dimensions, split, grid);
        expect([geometry.usedRows, geometry.usedColumns]).toEqual([a * b, c * d]);
        expect(geometry.parts).toEqual([a, b * c, d]);
        let points = 0;
        const seen = new Set<string>();
        for (let row = 0; row < grid.rows; row += 1) {
          for (let column = 0; column < grid.columns; column += 1) {
            if (!isActive(geometry, row, column)) continue;
            const box = iterationBox(geometry, row, column);
            const key = JSON.stringify(box);
            expect(seen.has(key)).toBe(false);
            seen.add(key);
            points += product(box.map(({ start, end }) => end - start));
            box.forEach(({ start, end }, index) => {
              expect(start % at(geometry.chunks, index)).toBe(0);
              expect(end === at(lengths, index) || end - start === at(geometry.chunks, index)).toBe(true);
            });
          }
        }
        expect(points).toBe(product(lengths));
        expect(geometry.chunks).toEqual([
          ceilDivide(at(lengths, 0), a),
          ceilDivide(at(lengths, 1), b * c),
          ceilDivide(at(lengths, 2), d),
        ]);
      }),
    );
  });

  it("numbers parts with the first entry of a list outermost, and grid rows before columns", () => {
    const geometry = layOut(
      [dimension("h", 8), dimension("o", 6)],
      {
        rows: [
          { dimension: "o", parts: 2 },
          { dimension: "h", parts: 2 },
        ],
        columns: [{ dimension: "h", parts: 2 }],
      },
      { rows: 4, columns: 4 },
    );
    expect(geometry.chunks).toEqual([2, 3]);
    expect(iterationBox(geometry, 0, 0)).toEqual([range(0, 2), range(0, 3)]);
    expect(iterationBox(geometry, 0, 1)).toEqual([range(2, 4), range(0, 3)]);
    expect(iterationBox(geometry, 1, 0)).toEqual([range(4, 6), range(0, 3)]);
    expect(iterationBox(geometry, 3, 1)).toEqual([range(6, 8), range(3, 6)]);
    expect(isActive(geometry, 3, 1)).toBe(true);
    expect(isActive(geometry, 3, 2)).toBe(false);
    expect(largestBox(geometry)).toEqual([range(0, 2), range(0, 3)]);
  });

  it("leaves cores idle whose part lies beyond the end of a dimension", () => {
    const geometry = layOut(
      [dimension("h", 5)],
      { rows: [{ dimension: "h", parts: 4 }], columns: [] },
      { rows: 4, columns: 1 },
    );
    expect([0, 1, 2, 3].map((row) => rangeOn(geometry, 0, row, 0))).toEqual([
      range(0, 2),
      range(2, 4),
      range(4, 5),
      range(5, 5),
    ]);
    expect([0, 1, 2, 3].map((row) => isActive(geometry, row, 0))).toEqual([true, true, true, false]);
  });

  it("makes the last core of a chain of partial sums own the result, along rows or along columns", () => {
    const dimensions = [dimension("m", 4), dimension("k", 9, "reduction")];
    const down = layOut(
      dimensions,
      {
        rows: [
          { dimension: "m", parts: 2 },
          { dimension: "k", parts: 2 },
        ],
        columns: [],
      },
      { rows: 4, columns: 2 },
    );
    expect(down.reduction).toEqual({ dimension: 1, axis: "rows", parts: 2 });
    expect([0, 1, 2, 3].map((row) => reductionIndex(down, row, 0))).toEqual([0, 1, 0, 1]);
    expect([0, 1, 2, 3].map((row) => ownsResult(down, row, 0))).toEqual([false, true, false, true]);
    expect(ownsResult(down, 1, 1)).toBe(false);
    const across = layOut(dimensions, { rows: [], columns: [{ dimension: "k", parts: 3 }] }, { rows: 1, columns: 4 });
    expect(across.reduction).toEqual({ dimension: 1, axis: "columns", parts: 3 });
    expect([0, 1, 2, 3].map((column) => ownsResult(across, 0, column))).toEqual([false, false, true, false]);
    expect(iterationBox(across, 0, 2)).toEqual([range(0, 4), range(6, 9)]);
  });

  it("has no chain when no reduction dimension is split", () => {
    const geometry = layOut(
      [dimension("m", 4), dimension("k", 9, "reduction")],
      { rows: [{ dimension: "m", parts: 2 }], columns: [] },
      { rows: 2, columns: 1 },
    );
    expect(geometry.reduction).toBeNull();
    expect(reductionIndex(geometry, 1, 0)).toBe(0);
    expect(ownsResult(geometry, 1, 0)).toBe(true);
  });

  it("clips what a core touches to the tensor, and gives extents with the padding", () => {
    const geometry = layOut(
      [dimension("h", 4), dimension("kh", 3, "reduction")],
      { rows: [{ dimension: "h", parts: 2 }], columns: [] },
      { rows: 2, columns: 2 },
    );
    const access = [
      {
        terms: [
          { dimension: 0, stride: 2 },
          { dimension: 1, stride: 1 },
        ],
        offset: -1,
      },
    ];
    expect(touchedBox(geometry, access, [8], 0, 0)).toEqual([range(0, 4)]);
    expect(touchedBox(geometry, access, [8], 1, 0)).toEqual([range(3, 8)]);
    expect(touchedBox(geometry, access, [3], 1, 0)).toBeNull();
    expect(touchedBox(geometry, access, [8], 0, 1)).toBeNull();
    expect(largestExtents(geometry, access)).toEqual([5]);
  });
});

describe("a dense layout", () => {
  it("puts the last axis of the order innermost", () => {
    expect(denseLayout([0, 2, 1], [2, 3, 4], 2)).toEqual({
      order: [0, 2, 1],
      extents: [2, 3, 4],
      strideBytes: [24, 2, 6],
      bytes: 48,
    });
  });

  it("gives offsets of coordinates and strides of dimensions", () => {
    const layout = denseLayout([1, 0], [5, 3], 4);
    expect(localOffset(layout, [1, 2], [3, 4])).toBe(2 * 4 + 2 * 20);
    const access = [
      {
        terms: [
          { dimension: 0, stride: 2 },
          { dimension: 2, stride: 1 },
        ],
        offset: -1,
      },
      { terms: [{ dimension: 2, stride: 3 }], offset: 0 },
    ];
    expect([0, 1, 2].map((index) => dimensionStride(layout, access, index))).toEqual([8, 0, 4 + 60]);
    expect(coordinateOf(access, [3, 9, 2])).toEqual([7, 6]);
    expect(boxStart([range(3, 5), range(1, 2)])).toEqual([3, 1]);
  });
});
