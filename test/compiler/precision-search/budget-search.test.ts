import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Choice } from "../../../compiler/precision-search/assignment-front.ts";
import { type BudgetLimits, searchUnderBudget } from "../../../compiler/precision-search/budget-search.ts";

const choice = fc.record({ cost: fc.integer({ min: 1, max: 30 }), error: fc.integer({ min: 1, max: 30 }) });
const someItems = fc.array(fc.array(choice, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });

const limitsOf = (error: number): BudgetLimits => ({
  error,
  judgementCount: 32,
  nearEnough: 1,
  pointCount: 4,
  uselessError: Number.POSITIVE_INFINITY,
});

function sums(items: readonly (readonly Choice[])[], choices: readonly number[]): { cost: number; error: number } {
  let [cost, error] = [0, 0];
  choices.forEach((index, item) => {
    cost += items[item]?.[index]?.cost ?? 0;
    error += items[item]?.[index]?.error ?? 0;
  });
  return { cost, error };
}

/** The least cost within a limit over all assignments, by plain enumeration. */
function leastCost(
  items: readonly (readonly Choice[])[],
  isGood: (choices: readonly number[]) => boolean,
  costOf: (choices: readonly number[]) => number,
): number {
  const all = items.reduce<number[][]>(
    (lists, own) => lists.flatMap((list) => own.map((_, index) => [...list, index])),
    [[]],
  );
  return Math.min(Number.POSITIVE_INFINITY, ...all.filter(isGood).map(costOf));
}

describe("searchUnderBudget", () => {
  it("finds the least cost of all assignments when predictions are true", () => {
    fc.assert(
      fc.property(someItems, fc.integer({ min: 4, max: 90 }), (items, limit) => {
        const judge = {
          errorOf: (choices: readonly number[]) => sums(items, choices).error,
          costOf: (choices: readonly number[]) => sums(items, choices).cost,
        };
        const { best } = searchUnderBudget(items, judge, limitsOf(limit));
        const least = leastCost(items, (choices) => judge.errorOf(choices) <= limit, judge.costOf);
        expect(best?.cost ?? Number.POSITIVE_INFINITY).toBe(least);
      }),
    );
  });

  it("finds it too when all errors are twice or half what was predicted", () => {
    fc.assert(
      fc.property(someItems, fc.integer({ min: 4, max: 90 }), fc.constantFrom(0.5, 2), (items, limit, factor) => {
        const judge = {
          errorOf: (choices: readonly number[]) => factor * sums(items, choices).error,
          costOf: (choices: readonly number[]) => sums(items, choices).cost,
        };
        const { best } = searchUnderBudget(items, judge, limitsOf(limit));
        const least = leastCost(items, (choices) => judge.errorOf(choices) <= limit, judge.costOf);
        expect(best?.cost ?? Number.POSITIVE_INFINITY).toBe(least);
      }),
    );
  });

  it("never gives what was judged beyond the budget, however wrong predictions are, and asks once for each", () => {
    fc.assert(
      fc.property(
        someItems,
        fc.integer({ min: 4, max: 60 }),
        fc.func(fc.integer({ min: 1, max: 60 })),
        (items, limit, wild) => {
          const asked: string[] = [];
          const judge = {
            errorOf: (choices: readonly number[]) => {
              asked.push(choices.join());
              return wild(choices.join());
            },
            costOf: (choices: readonly number[]) => sums(items, choices).cost,
          };
          const { best, judged } = searchUnderBudget(items, judge, limitsOf(limit));
          expect(new Set(asked).size).toBe(asked.length);
          expect(judged.length).toBe(asked.length);
          if (best === null) expect(judged.every(({ error }) => error > limit)).toBe(true);
          else expect(wild(best.choices.join())).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it("betters what it took from the front by changing one item, where judged errors allow it", () => {
    // As predicted only [0, 0] is within 10; as judged, [1, 0] and [0, 1] are too, and [0, 1] saves more.
    const items = [
      [
        { cost: 10, error: 5 },
        { cost: 8, error: 6 },
      ],
      [
        { cost: 10, error: 5 },
        { cost: 5, error: 7 },
      ],
    ];
    const judge = {
      errorOf: (choices: readonly number[]) => (choices.join() === "1,1" ? 12 : 10),
      costOf: (choices: readonly number[]) => sums(items, choices).cost,
    };
    const { best } = searchUnderBudget(items, judge, { ...limitsOf(10), pointCount: 0 });
    expect(best).toMatchObject({ choices: [0, 1], cost: 15, error: 10, predicted: { cost: 15, error: 12 } });
  });

  it("ends halving where an assignment is near enough to the budget", () => {
    // Errors are half of what is predicted. Halving meets 10 of 20 first, then 20, which is near enough; else it looks further.
    const items = [Array.from({ length: 100 }, (_, index) => ({ cost: 100 - index, error: 1 + index }))];
    const seenWith = (nearEnough: number): number[] => {
      const seen: number[] = [];
      const judge = {
        errorOf: ([index = 0]: readonly number[]) => {
          seen.push(index);
          return (1 + index) / 2;
        },
        costOf: ([index = 0]: readonly number[]) => 100 - index,
      };
      searchUnderBudget(items, judge, { ...limitsOf(20), judgementCount: 6, pointCount: 0, nearEnough });
      return seen;
    };
    expect(seenWith(1).slice(0, 3)).toEqual([19, 39, 70]);
    expect(seenWith(0.9).length).toBe(seenWith(1).length - 1);
  });

  it("begins halving by what was judged before", () => {
    // All errors are ten times what is predicted: the first of the front is judged, and tells where the budget of 30 lies.
    const items = [Array.from({ length: 100 }, (_, index) => ({ cost: 100 - index, error: 1 + index }))];
    const seen: number[] = [];
    const judge = {
      errorOf: ([index = 0]: readonly number[]) => {
        seen.push(index);
        return 10 * (1 + index);
      },
      costOf: ([index = 0]: readonly number[]) => 100 - index,
    };
    searchUnderBudget(items, judge, { ...limitsOf(30), judgementCount: 2, pointCount: 0 }, [[0]]);
    expect(seen.slice(0, 2)).toEqual([0, 2]);
  });

  it("judges assignments that are asked for, whatever they are predicted to be", () => {
    const items = [
      [
        { cost: 1, error: 1 },
        { cost: 9, error: 9 },
      ],
    ];
    const judge = { errorOf: () => 1, costOf: ([index = 0]: readonly number[]) => index };
    const { judged } = searchUnderBudget(items, judge, limitsOf(5), [[1]]);
    expect(judged.map(({ choices }) => choices)).toEqual([[0], [1]]);
  });
});
