import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../base/math.ts";
import { networkOf } from "../../compiler/network.ts";
import {
  type WindowAxis,
  windowAxes,
  windowComparisons,
  windowSpan,
  windowStages,
  windowStep,
} from "../../compiler/window-maximum.ts";
import { TestGraph } from "./mapper/networks.ts";

const axis = (places: number, stride: number, dilation = 1): WindowAxis => ({
  position: 0,
  place: 1,
  stride,
  dilation,
  places,
});

describe("windows whose greatest are taken axis by axis", () => {
  it("are those of a maximum over more than one place", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.maxPool("pool", graph.input("x", [1, 4, 8, 8]), 3, 1)).network();
    const [input, pool] = network.layers;
    expect(windowAxes(pool as never)).toEqual([
      { position: 2, place: 4, stride: 1, dilation: 1, places: 3 },
      { position: 3, place: 5, stride: 1, dilation: 1, places: 3 },
    ]);
    expect(windowAxes(input as never)).toEqual([]);
    expect(networkOf(network.graph).layers).toHaveLength(3);
  });

  it("touch every element of an axis, or every second one where stride and dilation are even", () => {
    expect([axis(3, 2), axis(3, 2, 2), axis(3, 6, 4), axis(2, 3, 2)].map(windowStep)).toEqual([1, 2, 2, 1]);
    // Four windows of three, two apart: elements 0 to 8. Two places four apart, strides of two: 0, 2, ..., 10 every two.
    expect([windowSpan(axis(3, 2), 4), windowSpan(axis(2, 2, 4), 4)]).toEqual([9, 6]);
  });

  it("take along the axis first that leaves less for the other", () => {
    const window = [axis(3, 1), axis(3, 1)];
    // 4 × 10 windows: rows first 2 · 4 · 12, then 2 · 4 · 10; columns first 2 · 6 · 10 and as many.
    expect(windowStages(window, [4, 10], (results) => results)).toEqual({
      stages: [
        { axis: 0, extents: [4, 12] },
        { axis: 1, extents: [4, 10] },
      ],
      cost: 176,
    });
  });

  it("need four comparisons for each of many windows of nine and six at every second place", () => {
    // 100 × 100 windows touch 102 elements an axis, 201 at every second place, 200 where they do not overlap.
    const long = [100, 100];
    expect(windowComparisons([axis(3, 1), axis(3, 1)], long)).toBe(2 * 100 * 102 + 2 * 100 * 100);
    expect(windowComparisons([axis(3, 2), axis(3, 2)], long)).toBe(2 * 100 * 201 + 2 * 100 * 100);
    expect(windowComparisons([axis(2, 2), axis(2, 2)], long)).toBe(100 * 200 + 100 * 100);
    expect(windowComparisons([axis(2, 3), axis(2, 3)], long)).toBe(100 * 200 + 100 * 100);
  });

  it("cost no part of the positions less than their share of the least comparisons", () => {
    const anyAxis = fc.record({
      places: fc.integer({ min: 2, max: 5 }),
      stride: fc.integer({ min: 1, max: 4 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      counts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(anyAxis, { minLength: 1, maxLength: 3 }), (drawn) => {
        const axes = drawn.map((each) => ({ position: 0, place: 0, ...each }));
        const whole = drawn.map(({ counts }) => sum(counts));
        const least = windowComparisons(axes, whole);
        let total = 0;
        const visit = (chosen: readonly number[]): void => {
          const next = drawn[chosen.length];
          if (next === undefined) total += windowStages(axes, chosen, (results) => results).cost;
          else for (const count of next.counts) visit([...chosen, count]);
        };
        visit([]);
        expect(total).toBeGreaterThanOrEqual(least);
      }),
    );
  });
});
