import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldValue } from "../../../ir/instruction.ts";
import { boxCount, footprint, intersect, wholeBox } from "../../../ir/iteration.ts";

const range = (start: number, end: number) => ({ start, end });

describe("boxes", () => {
  it("of a tensor hold all its elements", () => {
    expect(wholeBox([2, 3])).toEqual([range(0, 2), range(0, 3)]);
    expect(boxCount(wholeBox([2, 3]))).toBe(6);
    expect(boxCount([])).toBe(1);
    expect(boxCount([range(3, 1), range(0, 4)])).toBe(0);
  });

  it("intersect in the points that both hold", () => {
    const ranges = fc.array(
      fc.tuple(fc.nat(9), fc.nat(9)).map(([a, b]) => range(Math.min(a, b), Math.max(a, b))),
      { minLength: 2, maxLength: 2 },
    );
    const inside = (box: readonly { start: number; end: number }[], point: readonly number[]): boolean =>
      box.every(({ start, end }, axis) => (point[axis] ?? 0) >= start && (point[axis] ?? 0) < end);
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const both = intersect(left, right);
        for (let x = 0; x < 10; x += 1) {
          for (let y = 0; y < 10; y += 1) {
            const expected = inside(left, [x, y]) && inside(right, [x, y]);
            expect(both !== null && inside(both, [x, y])).toBe(expected);
          }
        }
      }),
    );
  });
});

describe("footprints", () => {
  it("span the least and the greatest index that a box of iteration points touches", () => {
    const window = [
      {
        terms: [
          { dimension: 0, stride: 2 },
          { dimension: 1, stride: 3 },
        ],
        offset: -1,
      },
    ];
    expect(footprint(window, [range(1, 4), range(0, 3)])).toEqual([range(1, 12)]);
    expect(footprint([{ terms: [{ dimension: 0, stride: -2 }], offset: 9 }], [range(1, 4)])).toEqual([range(3, 8)]);
    expect(footprint([{ terms: [], offset: 4 }], [range(0, 2)])).toEqual([range(4, 5)]);
    expect(footprint(window, [range(1, 1), range(0, 3)])).toEqual([range(0, 0)]);
  });
});

describe("fields", () => {
  it("take their value from the core's place in the class and the turn", () => {
    expect(fieldValue(7, 1, 2, 3)).toBe(7);
    expect(fieldValue({ base: 100, row: 10, column: 1, turn: -20 }, 3, 4, 2)).toBe(94);
  });
});
