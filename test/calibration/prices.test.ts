import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../base/random.ts";
import { ensemble, joulesOf, leastChange, type Price } from "../../bench/calibration/prices.ts";

const price = fc
  .record({
    prior: fc.double({ min: 0.1, max: 10, noNaN: true }),
    down: fc.double({ min: 1.05, max: 5, noNaN: true }),
    up: fc.double({ min: 1.05, max: 5, noNaN: true }),
    joulesPerUnit: fc.double({ min: 0, max: 3, noNaN: true }),
  })
  .map(({ prior, down, up, joulesPerUnit }) => ({
    prior,
    range: [prior / down, prior * up] as const,
    joulesPerUnit: joulesPerUnit < 1e-3 ? 0 : joulesPerUnit,
  }));

const priceList = fc
  .array(price, { minLength: 1, maxLength: 12 })
  .map((list): Price[] => list.map((each, index) => ({ ...each, path: `p${index}` })))
  .filter((list) => list.some(({ joulesPerUnit }) => joulesPerUnit > 0));

const atEnd = (prices: readonly Price[], end: 0 | 1): number =>
  joulesOf(prices, new Map(prices.map(({ path, range }) => [path, range[end]])));

describe("the fit of prices to an energy", () => {
  it("gives the energy, inside all ranges, and all prices move the same way", () => {
    fc.assert(
      fc.property(priceList, fc.double({ min: 0, max: 1, noNaN: true }), (prices, share) => {
        const wanted = atEnd(prices, 0) + share * (atEnd(prices, 1) - atEnd(prices, 0));
        const fit = leastChange(prices, wanted);
        expect(fit).not.toBeNull();
        if (fit === null) return;
        expect(joulesOf(prices, fit) / wanted).toBeCloseTo(1, 9);
        const before = joulesOf(prices, new Map());
        for (const { path, prior, range } of prices) {
          const value = fit.get(path) ?? Number.NaN;
          expect(value).toBeGreaterThanOrEqual(range[0]);
          expect(value).toBeLessThanOrEqual(range[1]);
          if (wanted > before * (1 + 1e-9)) expect(value).toBeGreaterThanOrEqual(prior * (1 - 1e-12));
          if (wanted < before * (1 - 1e-9)) expect(value).toBeLessThanOrEqual(prior * (1 + 1e-12));
        }
      }),
    );
  });

  it("moves nothing that no energy hangs on, and says when the ranges do not reach", () => {
    const prices: Price[] = [
      { path: "a", prior: 1, range: [0.5, 2], joulesPerUnit: 1 },
      { path: "b", prior: 1, range: [0.5, 2], joulesPerUnit: 0 },
    ];
    // 1 J at the prior; 1.5 J wanted: a alone moves, to 1.5.
    const fit = leastChange(prices, 1.5);
    expect(fit?.get("a")).toBeCloseTo(1.5, 12);
    expect(fit?.get("b")).toBe(1);
    expect(leastChange(prices, 2.01)).toBeNull();
    expect(leastChange(prices, 0.49)).toBeNull();
  });

  it("shares a change by the energy that hangs on a price times the width of its range", () => {
    const prices: Price[] = [
      { path: "a", prior: 1, range: [0.5, 2], joulesPerUnit: 2 },
      { path: "b", prior: 1, range: [0.5, 2], joulesPerUnit: 1 },
      { path: "c", prior: 1, range: [0.25, 4], joulesPerUnit: 1 },
    ];
    const fit = leastChange(prices, 4.01);
    const moved = (path: string): number => Math.log(fit?.get(path) ?? 1);
    expect(moved("a") / moved("b")).toBeCloseTo(2, 6);
    // Twice the width: twice the pull, and each step of it is twice as long.
    expect(moved("c") / moved("b")).toBeCloseTo(4, 6);
  });

  it("of an ensemble hits the energy each time, from other starts, the same for the same seed", () => {
    const prices: Price[] = [
      { path: "a", prior: 1, range: [0.5, 2], joulesPerUnit: 2 },
      { path: "b", prior: 1, range: [0.5, 2], joulesPerUnit: 1 },
    ];
    const fits = ensemble(prices, 3.3, 50, makeRandom(7));
    expect(fits.length).toBe(50);
    for (const fit of fits) expect(joulesOf(prices, fit)).toBeCloseTo(3.3, 9);
    expect(new Set(fits.map((fit) => fit.get("a"))).size).toBeGreaterThan(40);
    expect(ensemble(prices, 3.3, 50, makeRandom(7))).toEqual(fits);
  });
});
