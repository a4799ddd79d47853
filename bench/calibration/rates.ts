import type { Random } from "../../base/random.ts";
import { batchIntervalCycles } from "../../runtime-sim/metrics.ts";
import { simulatedBatches, simulateTiming } from "../../runtime-sim/timing/simulate.ts";
import { applyOverrides } from "../../targets/override.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Subject } from "./subject.ts";

/** An estimated rate or time of the chip: nothing that the program or the host depends on. */
export interface Rate {
  readonly path: string;
  readonly prior: number;
  readonly range: readonly [number, number];
  /** The end of the range at which nothing takes longer. */
  readonly fast: number;
}

/**
 * The estimated rates and times of a chip on device. Widths of links are held: together they are the wires that are published, and
 * the ends of their ranges are not.
 */
export function ratesOf(chip: ChipTarget): readonly Rate[] {
  return [...chip.provenance].flatMap(([path, { source, range, unit, value }]): Rate[] => {
    if (source !== "estimated" || range === null || /^host\.|\.link$/.test(path)) return [];
    if (unit === "cycles") return [{ path, prior: value, range, fast: range[0] }];
    return unit === "bytes/cycle" || unit === "lanes" ? [{ path, prior: value, range, fast: range[1] }] : [];
  });
}

/** Rates at a distance from the priors: 1 the fast ends, −1 the slow ends, 0 the priors; whole numbers, scaled between. */
export type Distances = ReadonlyMap<string, number>;

/** The value of a rate at a distance. */
export function rateAt({ prior, range, fast }: Rate, distance: number): number {
  const slow = fast === range[0] ? range[1] : range[0];
  const end = distance < 0 ? slow : fast;
  return Math.round(prior * (end / prior) ** Math.abs(distance));
}

/** A chip with its rates at given distances. */
export function chipWith(chip: ChipTarget, rates: readonly Rate[], distances: Distances): ChipTarget {
  return applyOverrides(
    chip,
    rates.flatMap((rate) => {
      const value = rateAt(rate, distances.get(rate.path) ?? 0);
      return value === rate.prior ? [] : [`${rate.path}=${value}`];
    }),
  );
}

/** Cycles of an inference of a program that stays, on a chip whose rates were changed. */
export function batchIntervalOn({ program, batchCount }: Subject, chip: ChipTarget): number {
  return (
    batchIntervalCycles(simulateTiming(program, chip, { host: false, batches: simulatedBatches(program) })) / batchCount
  );
}

/** The same distance for all rates, or so much of it as each weighs. */
export function along(rates: readonly Rate[], distance: number, weights: readonly number[] = []): Distances {
  return new Map(rates.map(({ path }, index) => [path, distance * (weights[index] ?? 1)]));
}

/**
 * Distances along a direction at which a program has an interval, by bisection between the slow and the fast ends, the
 * program unchanged; null when the interval lies beyond them, or whole numbers come no nearer than 2 %.
 */
export function distancesFor(
  subject: Subject,
  chip: ChipTarget,
  rates: readonly Rate[],
  intervalCycles: number,
  weights: readonly number[] = [],
): { readonly distances: Distances; readonly intervalCycles: number } | null {
  const at = (distance: number) => {
    const distances = along(rates, distance, weights);
    return { distances, intervalCycles: batchIntervalOn(subject, chipWith(chip, rates, distances)) };
  };
  let [slow, fast] = [-1, 1];
  if (at(slow).intervalCycles < intervalCycles || at(fast).intervalCycles > intervalCycles) return null;
  let best = at(0);
  const miss = (each: typeof best): number => Math.abs(each.intervalCycles / intervalCycles - 1);
  for (let round = 0; round < 8; round += 1) {
    const middle = at((slow + fast) / 2);
    if (miss(middle) < miss(best)) best = middle;
    if (middle.intervalCycles > intervalCycles) slow = (slow + fast) / 2;
    else fast = (slow + fast) / 2;
  }
  return miss(best) <= 0.02 ? best : null;
}

/** So many timing fits in directions drawn at random; fewer where a direction does not reach the interval. */
export function timingEnsemble(
  subject: Subject,
  chip: ChipTarget,
  rates: readonly Rate[],
  intervalCycles: number,
  count: number,
  random: Random,
): readonly Distances[] {
  return Array.from({ length: count }, () => rates.map(() => random.uniform())).flatMap((weights) => {
    const fit = distancesFor(subject, chip, rates, intervalCycles, weights);
    return fit === null ? [] : [fit.distances];
  });
}
