import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachRun, makeRegion, regionAddress } from "../../../runtime-sim/functional/region.ts";
import { affine } from "./programs.ts";

/** The bytes that a view reaches, by plain loops. */
function plainBytes(counts: readonly number[], strides: readonly number[], elementBytes: number): number[] {
  let starts = [0];
  counts.forEach((count, axis) => {
    const stride = strides[axis] as number;
    starts = starts.flatMap((start) => Array.from({ length: count }, (_, index) => start + index * stride));
  });
  const bytes = new Set(starts.flatMap((start) => Array.from({ length: elementBytes }, (_, byte) => start + byte)));
  return [...bytes].sort((left, right) => left - right);
}

function regionBytes(counts: readonly number[], strides: readonly number[], elementBytes: number): number[] {
  const bytes = new Set<number>();
  forEachRun(makeRegion("r", "read", "memory", 0, counts, strides, elementBytes), 0, (start, length) => {
    for (let byte = 0; byte < length; byte += 1) bytes.add(start + byte);
  });
  return [...bytes].sort((left, right) => left - right);
}

const loops = fc.array(fc.record({ count: fc.integer({ min: 1, max: 4 }), stride: fc.integer({ min: -9, max: 24 }) }), {
  maxLength: 4,
});

describe("regions", () => {
  it("reach the bytes that plain loops reach, and say where they begin and end", () => {
    fc.assert(
      fc.property(loops, fc.integer({ min: 1, max: 6 }), (axes, elementBytes) => {
        const counts = axes.map((axis) => axis.count);
        const strides = axes.map((axis) => axis.stride);
        const expected = plainBytes(counts, strides, elementBytes);
        expect(regionBytes(counts, strides, elementBytes)).toEqual(expected);
        const { low, high } = makeRegion("r", "read", "memory", 0, counts, strides, elementBytes);
        expect([low, high - 1]).toEqual([expected[0], expected.at(-1)]);
      }),
      { numRuns: 2000 },
    );
  });

  it("merge the windows of a convolution into rows", () => {
    // 5 × 7 positions, 3 × 3 × 8 inputs of a padded image of pitch 96.
    const region = makeRegion("r", "read", "memory", 0, [5, 7, 3, 3, 8], [96, 8, 96, 8, 1], 1);
    expect(region).toMatchObject({ counts: [7], strides: [96], runBytes: 72, low: 0, high: 6 * 96 + 72 });
  });

  it("merge elements of less than a byte as those of bytes", () => {
    const region = makeRegion("r", "read", "memory", 0, [3, 8], [10, 0.5], 0.5);
    expect(region).toMatchObject({ counts: [3], strides: [10], runBytes: 4, low: 0, high: 24 });
    const runs: number[][] = [];
    forEachRun(makeRegion("r", "write", "memory", 0, [2, 3], [1.5, 1], 0.25), 0.25, (...run) => runs.push(run));
    expect(runs).toEqual([0.25, 1.25, 2.25, 1.75, 2.75, 3.75].map((start) => [start, 0.25]));
  });

  it("are empty when a count or the element is", () => {
    for (const region of [
      makeRegion("r", "read", "memory", 0, [3, 0], [4, 1], 1),
      makeRegion("r", "read", "memory", 0, [3], [4], 0),
    ]) {
      expect([region.low, region.high]).toEqual([0, 0]);
      forEachRun(region, 0, () => expect.unreachable());
    }
  });

  it("stand at addresses that are affine in row, column and turn", () => {
    const region = makeRegion("r", "read", "memory", affine(1000, 100, 10, 1), [], [], 4);
    expect(regionAddress(region, 2, 3, 4)).toBe(1234);
    expect(regionAddress(makeRegion("r", "read", "memory", 7, [], [], 4), 2, 3, 4)).toBe(7);
  });
});
