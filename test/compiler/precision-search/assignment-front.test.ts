import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Assignment, assignmentFront, type Choice } from "../../../compiler/precision-search/assignment-front.ts";

/** Every assignment, by plain enumeration. */
function everyAssignment(items: readonly (readonly Choice[])[]): Assignment[] {
  return items.reduce<Assignment[]>(
    (all, choices) =>
      all.flatMap(({ choices: chosen, cost, error }) =>
        choices.map((each, choice) => ({
          choices: [...chosen, choice],
          cost: cost + each.cost,
          error: error + each.error,
        })),
      ),
    [{ choices: [], cost: 0, error: 0 }],
  );
}

/** The cost and error of those that no other beats, by error. */
function plainFront(items: readonly (readonly Choice[])[]): { cost: number; error: number }[] {
  const all = everyAssignment(items);
  const isBeaten = (one: Assignment): boolean =>
    all.some(({ cost, error }) => cost <= one.cost && error <= one.error && (cost < one.cost || error < one.error));
  const kept = new Map(
    all.filter((one) => !isBeaten(one)).map(({ cost, error }) => [`${cost} ${error}`, { cost, error }]),
  );
  return [...kept.values()].sort((a, b) => a.error - b.error);
}

const choice = fc.record({ cost: fc.integer({ min: 0, max: 20 }), error: fc.integer({ min: 0, max: 20 }) });
const someItems = fc.array(fc.array(choice, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 });

describe("assignmentFront", () => {
  it("has what plain enumeration finds, and nothing else", () => {
    fc.assert(
      fc.property(someItems, (items) => {
        const { assignments, errorFactor } = assignmentFront(items);
        expect(assignments.map(({ cost, error }) => ({ cost, error }))).toEqual(plainFront(items));
        expect(errorFactor).toBe(1);
      }),
    );
  });

  it("gives choices that add up to its sums", () => {
    fc.assert(
      fc.property(someItems, (items) => {
        for (const { choices, cost, error } of assignmentFront(items).assignments) {
          const chosen = choices.map((index, item) => items[item]?.[index] as Choice);
          expect(chosen.reduce((sum, each) => sum + each.cost, 0)).toBe(cost);
          expect(chosen.reduce((sum, each) => sum + each.error, 0)).toBe(error);
        }
      }),
    );
  });

  it("stays within the factor that it states when it is thinned", () => {
    const twoWays = fc.array(fc.array(choice, { minLength: 2, maxLength: 4 }), { minLength: 5, maxLength: 6 });
    fc.assert(
      fc.property(twoWays, (items) => {
        const { assignments, errorFactor } = assignmentFront(items, 6);
        expect(assignments.length).toBeLessThanOrEqual(6);
        for (const { cost, error } of plainFront(items)) {
          const least = Math.min(...assignments.filter((one) => one.cost <= cost).map((one) => one.error));
          expect(least).toBeLessThanOrEqual(error * errorFactor + 1e-9);
        }
      }),
    );
  });

  it("refuses an item without choices", () => {
    expect(() => assignmentFront([[]])).toThrow(RangeError);
  });
});
