import type { Random } from "../../base/random.ts";

/** A price that may be fitted: how much energy hangs on it, and where it may lie. */
export interface Price {
  readonly path: string;
  /** Before any fit. */
  readonly prior: number;
  readonly range: readonly [number, number];
  /** Joules for each unit of the price, in what is fitted. */
  readonly joulesPerUnit: number;
}

/** Prices that give an energy: one for each path. */
export type Fit = ReadonlyMap<string, number>;

/** Half the width of a range, as a logarithm. */
const halfWidth = ({ range: [low, high] }: Price): number => Math.log(high / low) / 2;

/** A price at a distance of its prior in half widths, kept in its range. */
const priceAt = (price: Price, distance: number): number => {
  const [low, high] = price.range;
  return Math.min(high, Math.max(low, price.prior * Math.exp(distance * halfWidth(price))));
};

/** The energy that prices give. */
export function joulesOf(prices: readonly Price[], fit: Fit): number {
  return prices.reduce((total, { path, prior, joulesPerUnit }) => total + joulesPerUnit * (fit.get(path) ?? prior), 0);
}

/**
 * Prices that give an energy, from a start (a distance from the prior for each price, in half widths of its range; none: the
 * priors): all move the same way, each in proportion to the energy that hangs on it times the width of its range, none past an end. That
 * is the least change, to first order. Null when even all ends together do not give the energy.
 */
export function leastChange(prices: readonly Price[], joules: number, start: readonly number[] = []): Fit | null {
  const origin = prices.map((_, index) => start[index] ?? 0);
  const pull = prices.map(
    (price, index) => (price.joulesPerUnit * priceAt(price, origin[index] as number) * halfWidth(price)) / joules,
  );
  const at = (step: number): Fit =>
    new Map(
      prices.map((price, index) => [
        price.path,
        priceAt(price, (origin[index] as number) + step * (pull[index] as number)),
      ]),
    );
  const weakest = Math.min(...pull.filter((each) => each > 0));
  let [low, high] = [-4 / weakest, 4 / weakest];
  if (joulesOf(prices, at(low)) > joules || joulesOf(prices, at(high)) < joules) return null;
  for (let round = 0; round < 200; round += 1) {
    const middle = (low + high) / 2;
    if (joulesOf(prices, at(middle)) < joules) low = middle;
    else high = middle;
  }
  return at(high);
}

/** So many fits from starts drawn uniformly (as logarithms) from the ranges; fewer where the ranges do not reach the energy. */
export function ensemble(prices: readonly Price[], joules: number, count: number, random: Random): readonly Fit[] {
  return Array.from({ length: count }, () => prices.map(() => 2 * random.uniform() - 1)).flatMap(
    (start) => leastChange(prices, joules, start) ?? [],
  );
}
