import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { EdgeTable } from "../../../compiler/mapper/edge-table.ts";
import { minimize, type PairCost } from "../../../compiler/mapper/elimination.ts";
import { type OpenPair, priceNeeded } from "../../../compiler/mapper/needed-prices.ts";
import { CostBounds } from "../../../kernels/cost-bounds.ts";
import { PlainCostBounds } from "../../../kernels/plain/cost-bounds.ts";
import { compileKernels } from "../../../kernels/wasm-module.ts";

/** Costs of a few variables with two to four choices each; prices are known from `bound` parts in eight of them up. */
interface Problem {
  readonly single: readonly Float64Array[];
  readonly pairs: readonly (PairCost & { readonly bounds: Float64Array })[];
  readonly others: readonly PairCost[];
}

const problemArbitrary = fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 2, maxLength: 5 }).chain((sizes) => {
  const costs = (length: number, most: number): fc.Arbitrary<number[]> =>
    fc.array(fc.nat(most), { minLength: length, maxLength: length });
  const last = sizes.length - 1;
  const ends = fc
    .tuple(fc.nat(last), fc.integer({ min: 1, max: last }))
    .map(([left, ahead]) => [left, (left + ahead) % sizes.length] as const);
  const pairs = fc.array(ends, { minLength: 1, maxLength: 7 }).chain((list) =>
    fc.tuple(
      ...list.map(([left, right]) => {
        const length = at(sizes, left) * at(sizes, right);
        return fc.tuple(costs(length, 40), costs(length, 8)).map(([table, eighths]) => ({
          left,
          right,
          table: Float64Array.from(table),
          bounds: Float64Array.from(table, (cost, entry) => (cost * at(eighths, entry)) / 8),
        }));
      }),
    ),
  );
  const saving = fc.tuple(ends, fc.boolean()).map(([[left, right], isTie]): PairCost[] => {
    const [height, width] = [at(sizes, left), at(sizes, right)];
    const table = Float64Array.from({ length: height * width }, (_, entry) => {
      const isSame = Math.floor(entry / width) === entry % width;
      if (isTie) return isSame ? 0 : Number.POSITIVE_INFINITY;
      return isSame ? -5 : 0;
    });
    return [{ left, right, table }];
  });
  return fc
    .record({ single: fc.tuple(...sizes.map((size) => costs(size, 20))), pairs, others: saving })
    .map(
      ({ single, pairs, others }): Problem => ({ single: single.map((own) => Float64Array.from(own)), pairs, others }),
    );
});

function totalOf(choices: readonly number[], single: Problem["single"], pairs: readonly PairCost[]): number {
  const own = single.reduce((sum, costs, variable) => sum + (costs[at(choices, variable)] as number), 0);
  return pairs.reduce(
    (sum, { left, right, table }) =>
      sum + (table[at(choices, left) * at(single, right).length + at(choices, right)] as number),
    own,
  );
}

/** All joint choices. */
function allChoices(single: Problem["single"]): number[][] {
  return single.reduce<number[][]>(
    (lists, { length }) => lists.flatMap((list) => Array.from({ length }, (_, choice) => list.concat(choice))),
    [[]],
  );
}

const kernels = compileKernels();

describe("the bounds of a problem's costs", () => {
  it("are those that are worked out plainly, number for number", () => {
    fc.assert(
      fc.property(problemArbitrary, fc.nat(3), fc.nat(40), ({ single, pairs, others }, sweeps, above) => {
        const rising = pairs.map(({ left, right, bounds }) => ({ left, right, table: bounds.slice() }));
        const all = [...rising, ...others];
        const [quick, plain] = [new CostBounds(single, all, kernels), new PlainCostBounds(single, all)];
        for (let sweep = 0; sweep < sweeps; sweep += 1) {
          for (const costs of [quick, plain]) costs.sweep();
          expect(quick.goodChoices()).toEqual(plain.goodChoices());
          rising.forEach(({ table }, pair) => {
            if (pair % 2 === sweep % 2) table.set(at(pairs, pair).table);
          });
          const { entries, total, choices } = plain.bounds();
          expect(quick.bounds()).toEqual({ entries, total, choices });
          entries.forEach((bounds, pair) => {
            const limit = total + above;
            const low = [...bounds.keys()].filter((entry) => (bounds[entry] as number) <= limit);
            expect([...quick.entriesUpTo(pair, limit)]).toEqual(low);
          });
        }
      }),
    );
  });

  it("are exceeded by no choices, neither in all nor with any entry, and stay so when tables rise", () => {
    fc.assert(
      fc.property(problemArbitrary, fc.integer({ min: 0, max: 3 }), ({ single, pairs, others }, sweeps) => {
        const rising = pairs.map(({ left, right, bounds }) => ({ left, right, table: bounds.slice() }));
        const costs = new CostBounds(single, [...rising, ...others], kernels);
        for (let sweep = 0; sweep < sweeps; sweep += 1) costs.sweep();
        rising.forEach(({ table }, pair) => {
          if (pair % 2 === 0) table.set(at(pairs, pair).table);
        });
        const all = [...rising, ...others];
        const { total, choices: ofChoices, entries } = costs.bounds();
        for (const choices of allChoices(single)) {
          const cost = totalOf(choices, single, all);
          expect(total).toBeLessThanOrEqual(cost + 1e-3);
          choices.forEach((choice, variable) => {
            expect(at(ofChoices, variable)[choice]).toBeLessThanOrEqual(cost + 1e-3);
          });
          all.forEach(({ left, right }, pair) => {
            const entry = at(choices, left) * at(single, right).length + at(choices, right);
            expect(at(entries, pair)[entry]).toBeLessThanOrEqual(cost + 1e-3);
          });
        }
      }),
    );
  });

  it("are the least costs of a chain", () => {
    // Choice 1 of the first and choice 0 of the second: 1 + 2 + 0; with choice 0 of the first at least 4 + 0 + 0.
    const single = [Float64Array.of(4, 1), Float64Array.of(0, 3)];
    const costs = new CostBounds(single, [{ left: 0, right: 1, table: Float64Array.of(0, 9, 2, 0) }]);
    costs.sweep();
    const { total, entries } = costs.bounds();
    expect(total).toBeCloseTo(3, 9);
    expect([...at(entries, 0)].map((bound) => Math.round(bound * 1e6) / 1e6)).toEqual([4, 16, 3, 4]);
    expect(costs.goodChoices()).toEqual([1, 0]);
  });
});

describe("the prices that a search needs", () => {
  const opened = (pairs: Problem["pairs"], asked: Set<string>): OpenPair[] =>
    pairs.map(({ left, right, table, bounds }, pair) => ({
      left,
      right,
      table: new EdgeTable(bounds.slice(), new Uint8Array(bounds.length), (entry) => {
        asked.add(`${pair} ${entry}`);
        return table[entry] as number;
      }),
    }));

  it("leave the least total, and all choices that have it, as they are with all prices", () => {
    fc.assert(
      fc.property(problemArbitrary, ({ single, pairs, others }) => {
        const open = opened(pairs, new Set());
        const own = priceNeeded(single, open, others);
        const priced = open.map(({ left, right, table }) => ({ left, right, table: table.least }));
        const { cost: least } = minimize(single, [...pairs, ...others], 1e6, kernels);
        expect(minimize(own, [...priced, ...others], 1e6, kernels).cost).toBe(least);
        for (const choices of allChoices(single)) {
          const cost = totalOf(choices, single, [...pairs, ...others]);
          const known = totalOf(choices, own, [...priced, ...others]);
          if (cost === least && cost !== Number.POSITIVE_INFINITY) expect(known).toBe(cost);
          else expect(known).toBeGreaterThanOrEqual(least);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("are few where bounds are near to them", () => {
    const size = 20;
    const single = Array.from({ length: 6 }, () => new Float64Array(size));
    const pairs = Array.from({ length: 5 }, (_, left) => {
      const table = Float64Array.from({ length: size * size }, (_, entry) => 100 + ((entry * 7919 + left * 31) % 997));
      return { left, right: left + 1, table, bounds: table.map((cost) => 0.7 * cost) };
    });
    const asked = new Set<string>();
    priceNeeded(single, opened(pairs, asked), []);
    // Of 2,000.
    expect(asked.size).toBeLessThan(400);
    expect(asked.size).toBeGreaterThan(4);
  });
});

describe("an edge's table", () => {
  it("works out an entry once, when it is asked for, also through a part of it", () => {
    const asked: number[] = [];
    const table = new EdgeTable(Float64Array.of(1, 2, 3, 4), Uint8Array.of(0, 1, 0, 0), (entry) => {
      asked.push(entry);
      return 10 * entry;
    });
    expect([table.unknownCount, table.cycles(1), table.cycles(2), table.cycles(2)]).toEqual([3, 2, 20, 20]);
    expect([...table.least]).toEqual([1, 2, 20, 4]);
    const part = table.of([3, 2]);
    expect([part.unknownCount, part.isKnown(0), part.isKnown(1), part.cycles(0), part.cycles(1)]).toEqual([
      1,
      false,
      true,
      30,
      20,
    ]);
    expect([...table.whole()]).toEqual([0, 2, 20, 30]);
    expect([table.unknownCount, asked]).toEqual([0, [2, 3, 0]]);
  });
});
