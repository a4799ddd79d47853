import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainNumber } from "../../base/math.ts";

describe("a plain number", () => {
  it("is the number that it was made of, but for −0", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer()), (value) => {
        expect(plainNumber(value)).toBe(Object.is(value, -0) ? 0 : value);
      }),
    );
    const edges = [-0, 0.5, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, Number.NaN, Number.NEGATIVE_INFINITY];
    expect(edges.map(plainNumber)).toEqual([0, ...edges.slice(1)]);
  });
});
