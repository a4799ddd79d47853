import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { minimize, type PairCost } from "../../../compiler/mapper/elimination.ts";

interface Case {
  readonly single: readonly Float64Array[];
  readonly pairs: readonly PairCost[];
}

const caseArbitrary: fc.Arbitrary<Case> = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 })
  .chain((sizes) => {
    const variable = fc.integer({ min: 0, max: sizes.length - 1 });
    const costs = (count: number): fc.Arbitrary<Float64Array> =>
      fc
        .array(fc.integer({ min: 0, max: 20 }), { minLength: count, maxLength: count })
        .map((list) => Float64Array.from(list));
    const pair = fc
      .tuple(variable, variable)
      .chain(([left, right]) =>
        costs((sizes[left] as number) * (sizes[right] as number)).map((table): PairCost => ({ left, right, table })),
      );
    return fc.record({ single: fc.tuple(...sizes.map(costs)), pairs: fc.array(pair, { maxLength: 9 }) });
  });

function total({ single, pairs }: Case, choices: readonly number[]): number {
  let cost = 0;
  single.forEach((costs, variable) => {
    cost += costs[choices[variable] as number] as number;
  });
  for (const { left, right, table } of pairs) {
    const width = (single[right] as Float64Array).length;
    cost += table[(choices[left] as number) * width + (choices[right] as number)] as number;
  }
  return cost;
}

function bruteForce(problem: Case): number {
  let least = Number.POSITIVE_INFINITY;
  const visit = (choices: readonly number[]): void => {
    if (choices.length === problem.single.length) {
      least = Math.min(least, total(problem, choices));
      return;
    }
    const count = (problem.single[choices.length] as Float64Array).length;
    for (let choice = 0; choice < count; choice += 1) visit([...choices, choice]);
  };
  visit([]);
  return least;
}

describe("variable elimination", () => {
  it("finds the minimum that brute force finds, on any graph of pair costs", () => {
    fc.assert(
      fc.property(caseArbitrary, (problem) => {
        const result = minimize(problem.single, problem.pairs, 1e6);
        expect(result.cost).toBe(bruteForce(problem));
        expect(total(problem, result.choices)).toBe(result.cost);
        expect(result.exact).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps tables within the limit, says that it is not exact, and still states the true cost of its choices", () => {
    fc.assert(
      fc.property(caseArbitrary, (problem) => {
        const result = minimize(problem.single, problem.pairs, 4);
        expect(total(problem, result.choices)).toBe(result.cost);
        const least = bruteForce(problem);
        if (result.exact) expect(result.cost).toBe(least);
        else expect(result.cost).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  it("prunes only when a table exceeds the limit", () => {
    const single = [0, 1, 2].map(() => Float64Array.of(3, 1, 2));
    const table = new Float64Array(9).fill(1);
    const pairs = [
      { left: 0, right: 1, table },
      { left: 1, right: 2, table },
      { left: 0, right: 2, table },
    ];
    expect(minimize(single, pairs, 27)).toEqual({ choices: [1, 1, 1], cost: 6, exact: true });
    expect(minimize(single, pairs, 26)).toEqual({ choices: [1, 1, 1], cost: 6, exact: false });
  });

  it("takes the lowest choice among equals", () => {
    const single = [Float64Array.of(5, 5, 5), Float64Array.of(2, 2)];
    expect(minimize(single, [], 100).choices).toEqual([0, 0]);
  });

  it("adds a pair cost of a variable with itself along its diagonal", () => {
    const table = Float64Array.of(9, 0, 0, 4);
    expect(minimize([Float64Array.of(0, 1)], [{ left: 0, right: 0, table }], 100)).toEqual({
      choices: [1],
      cost: 5,
      exact: true,
    });
  });

  it("solves a chain of a hundred variables", () => {
    const single = Array.from({ length: 100 }, (_, variable) => Float64Array.of(variable % 2, (variable + 1) % 2));
    const pairs = Array.from({ length: 99 }, (_, left) => ({
      left,
      right: left + 1,
      table: Float64Array.of(0, 3, 3, 0),
    }));
    expect(minimize(single, pairs, 16).cost).toBe(50);
  });
});
