import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sidesOf, undominatedChoices } from "../../../compiler/mapper/dominance.ts";
import { minimize, type PairCost } from "../../../compiler/mapper/elimination.ts";
import { eliminationOrder } from "../../../compiler/mapper/elimination-order.ts";
import { type Table, TablePool } from "../../../compiler/mapper/table-pool.ts";
import { DominanceKernel } from "../../../kernels/dominance.ts";
import { plainRemaining } from "../../../kernels/plain/dominance.ts";
import { compileKernels } from "../../../kernels/wasm-module.ts";

const kernels = compileKernels();

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

/** Steps of two variables each, state and gate: a gate reads the state before it, a state its gate and the state before it. */
function recurrence(stepCount: number, choiceCount: number): Case {
  const costs = (count: number, seed: number): Float64Array =>
    Float64Array.from({ length: count }, (_, index) => (((index + 1) * (seed + 7919)) % 97) + ((index * seed) % 13));
  const single = [costs(choiceCount, 1)];
  const pairs: PairCost[] = [];
  const [before, through, own] = [2, 3, 4].map((seed) => costs(choiceCount ** 2, seed)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let step = 0; step < stepCount; step += 1) {
    const [state, gate, next] = [2 * step, 2 * step + 1, 2 * step + 2];
    single.push(costs(choiceCount, 5), costs(choiceCount, 6));
    pairs.push({ left: state, right: gate, table: before }, { left: gate, right: next, table: through });
    pairs.push({ left: state, right: next, table: own });
  }
  return { single, pairs };
}

/** The least cost of a recurrence, step by step: by choice of the state, the least cost so far. */
function alongSteps({ single, pairs }: Case, stepCount: number, choiceCount: number): number {
  const choices = Array.from({ length: choiceCount }, (_, choice) => choice);
  const tableAt = (index: number, left: number, right: number): number =>
    (pairs[index] as PairCost).table[left * choiceCount + right] as number;
  const costAt = (variable: number, choice: number): number => (single[variable] as Float64Array)[choice] as number;
  let costs = choices.map((choice) => costAt(0, choice));
  for (let step = 0; step < stepCount; step += 1) {
    costs = choices.map((next) =>
      Math.min(
        ...choices.flatMap((state) =>
          choices.map(
            (gate) =>
              (costs[state] as number) +
              tableAt(3 * step, state, gate) +
              tableAt(3 * step + 1, gate, next) +
              tableAt(3 * step + 2, state, next) +
              costAt(2 * step + 1, gate) +
              costAt(2 * step + 2, next),
          ),
        ),
      ),
    );
  }
  return Math.min(...costs);
}

/** The least cost over all choices, or over some. */
function bruteForce(problem: Case, kept?: readonly (readonly number[])[]): number {
  let least = Number.POSITIVE_INFINITY;
  const visit = (choices: readonly number[]): void => {
    if (choices.length === problem.single.length) {
      least = Math.min(least, total(problem, choices));
      return;
    }
    const count = (problem.single[choices.length] as Float64Array).length;
    const all = Array.from({ length: count }, (_, choice) => choice);
    for (const choice of kept?.[choices.length] ?? all) visit([...choices, choice]);
  };
  visit([]);
  return least;
}

describe("variable elimination", () => {
  it("finds the minimum that brute force finds, on any graph of pair costs", () => {
    fc.assert(
      fc.property(caseArbitrary, (problem) => {
        const result = minimize(problem.single, problem.pairs, 1e6, kernels);
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
        const result = minimize(problem.single, problem.pairs, 4, kernels);
        expect(total(problem, result.choices)).toBe(result.cost);
        const least = bruteForce(problem);
        if (result.exact) expect(result.cost).toBe(least);
        else expect(result.cost).toBeGreaterThanOrEqual(least);
      }),
    );
  });

  it("prunes only when a table exceeds the limit", () => {
    const single = [0, 1, 2].map(() => Float64Array.of(3, 1, 2));
    // Each choice is best against another one, so that none can be left out beforehand.
    const table = Float64Array.of(1, 9, 9, 9, 1, 9, 9, 9, 1);
    const pairs = [
      { left: 0, right: 1, table },
      { left: 1, right: 2, table },
      { left: 0, right: 2, table },
    ];
    expect(minimize(single, pairs, 27, kernels)).toMatchObject({ choices: [1, 1, 1], cost: 6, exact: true });
    expect(minimize(single, pairs, 26, kernels)).toMatchObject({ choices: [1, 1, 1], cost: 6, exact: false });
  });

  it("takes the lowest choice among equals", () => {
    const single = [Float64Array.of(5, 5, 5), Float64Array.of(2, 2)];
    expect(minimize(single, [], 100, kernels).choices).toEqual([0, 0]);
  });

  it("adds a pair cost of a variable with itself along its diagonal", () => {
    const table = Float64Array.of(9, 0, 0, 4);
    expect(minimize([Float64Array.of(0, 1)], [{ left: 0, right: 0, table }], 100, kernels)).toMatchObject({
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
    expect(minimize(single, pairs, 16, kernels).cost).toBe(50);
  });

  it("leaves out choices that another one beats whatever the neighbours choose, and never a choice that is best somewhere", () => {
    fc.assert(
      fc.property(caseArbitrary, (problem) => {
        const pool = new TablePool();
        const pairs = problem.pairs
          .filter(({ left, right }) => left !== right)
          .map((pair) => ({ ...pair, table: pool.intern(pair.table) }));
        const own = problem.single.map((costs) => pool.intern(costs));
        const kept = undominatedChoices(own, sidesOf(own.length, pairs), kernels);
        const simple: Case = {
          single: problem.single,
          pairs: problem.pairs.filter(({ left, right }) => left !== right),
        };
        expect(kept.every((choices) => choices.length > 0)).toBe(true);
        expect(bruteForce(simple, kept)).toBe(bruteForce(simple));
      }),
      { numRuns: 300 },
    );
  });

  it("finds the choices that are left as they are found plainly, also forbidden ones and after other variables", () => {
    const cost = fc.oneof({ weight: 5, arbitrary: fc.nat(9) }, fc.constant(Number.POSITIVE_INFINITY));
    const costs = (length: number): fc.Arbitrary<Float64Array> =>
      fc.array(cost, { minLength: length, maxLength: length }).map((list) => Float64Array.from(list));
    const side = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean()).chain(([width, isLeft]) =>
      fc.record({
        costs: costs(5 * width),
        isLeft: fc.constant(isLeft),
        others: fc.subarray([0, 1, 2, 3].slice(0, width), { minLength: 1 }),
      }),
    );
    const kernel = new DominanceKernel(kernels);
    fc.assert(
      fc.property(
        costs(5),
        fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }),
        fc.array(side, { maxLength: 3 }),
        (own, choices, sides) => {
          expect(kernel.remaining(own, choices, sides)).toEqual(plainRemaining(own, choices, sides));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("leaves out what is forbidden, and what costs as much as a lower choice", () => {
    const pool = new TablePool();
    const own = [Float64Array.of(3, 1, 1, Number.POSITIVE_INFINITY), Float64Array.of(0, 0)].map((each) =>
      pool.intern(each),
    );
    const table = pool.intern(Float64Array.of(0, 0, 2, 3, 2, 3, 0, 0));
    // Choice 0 costs 3 in all, choice 1 at least 3, choice 2 the same as choice 1.
    expect(undominatedChoices(own, sidesOf(2, [{ left: 0, right: 1, table }]), kernels)).toEqual([[0], [0]]);
    const close = pool.intern(Float64Array.of(0, 0, 1, 3, 1, 3, 0, 0));
    expect(undominatedChoices(own, sidesOf(2, [{ left: 0, right: 1, table: close }]), kernels)).toEqual([[1], [0]]);
    // With choice 1 left alone, the neighbour's choice 1 (½ + 0) beats its choice 0 (0 + 1).
    const open = pool.intern(Float64Array.of(0, 0, 1, 0, 1, 0, 0, 0));
    const other = pool.intern(Float64Array.of(0, 0.5));
    const sides = sidesOf(2, [{ left: 0, right: 1, table: open }]);
    expect(undominatedChoices([own[0] as Table, other], sides, kernels)).toEqual([[1], [1]]);
  });

  it("eliminates every variable once, with the neighbours that it has by then", () => {
    fc.assert(
      fc.property(caseArbitrary, (problem) => {
        const sizes = problem.single.map((costs) => costs.length);
        const order = eliminationOrder(sizes, problem.pairs);
        expect(order.map(({ variable }) => variable).sort((a, b) => a - b)).toEqual([...sizes.keys()]);
        const neighbours = sizes.map(() => new Set<number>());
        const connect = (left: number, right: number): void => {
          if (left === right) return;
          neighbours[left]?.add(right);
          neighbours[right]?.add(left);
        };
        for (const { left, right } of problem.pairs) connect(left, right);
        const fillOf = (variable: number): number => {
          const around = [...(neighbours[variable] as Set<number>)];
          return around.flatMap((a) => around.filter((b) => a < b && !neighbours[a]?.has(b))).length;
        };
        const left = new Set(sizes.keys());
        for (const bucket of order) {
          expect(bucket.neighbours).toEqual([...(neighbours[bucket.variable] as Set<number>)].sort((a, b) => a - b));
          expect(fillOf(bucket.variable)).toBe(Math.min(...[...left].map(fillOf)));
          left.delete(bucket.variable);
          for (const one of bucket.neighbours) neighbours[one]?.delete(bucket.variable);
          for (const one of bucket.neighbours) for (const other of bucket.neighbours) connect(one, other);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("works about as long for a thousand equal steps as for a hundred", () => {
    const operations = (stepCount: number): number => {
      const { single, pairs } = recurrence(stepCount, 6);
      return minimize(single, pairs, 1e6, kernels).operationCount;
    };
    expect(operations(1000)).toBeLessThan(1.5 * operations(100));
  });

  it("finds along a recurrence what dynamic programming finds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 4 }), (stepCount, choiceCount) => {
        const problem = recurrence(stepCount, choiceCount);
        const result = minimize(problem.single, problem.pairs, 1e6, kernels);
        expect(result.exact).toBe(true);
        expect(total(problem, result.choices)).toBe(result.cost);
        expect(result.cost).toBe(alongSteps(problem, stepCount, choiceCount));
      }),
    );
  });
});
