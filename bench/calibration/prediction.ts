import type { ChipTarget } from "../../targets/target.ts";
import { energyAt, pricesOf, wattsOf } from "./energy.ts";
import { type Fit, joulesOf } from "./prices.ts";
import { batchIntervalOn, chipWith, type Distances, type Rate } from "./rates.ts";
import { batchesOf, type Subject, type Workload } from "./subject.ts";

/** The least and the greatest of something over the fits. */
export type Span = readonly [low: number, high: number];

/** What the chip is predicted to do on a network that calibration has not seen. */
export interface Prediction {
  readonly subject: Subject;
  /** With the priors. */
  readonly priorJoules: number;
  /** With the fit of least change. */
  readonly fittedJoules: number;
  /** Over the fits that hit the measurement. */
  readonly intervalCycles: Span;
  readonly joules: Span;
  readonly watts: Span;
}

const span = (values: readonly number[]): Span => [Math.min(...values), Math.max(...values)];

/** Batches that a network is predicted at: the first, and the quickest. */
const triedBatches = [1, 8] as const;

/** The predictions of a network at batch 1 and at its best batch; none where it does not fit or cannot be batched. */
export function predict(
  workload: Workload,
  fits: {
    readonly prior: ChipTarget;
    readonly fitted: ChipTarget;
    readonly rates: readonly Rate[];
    readonly energyFits: readonly Fit[];
    readonly timingFits: readonly Distances[];
  },
): readonly Prediction[] {
  const { prior, fitted, rates, energyFits, timingFits } = fits;
  const batches = batchesOf(workload, fitted, triedBatches);
  const [best] = batches.toSorted((a, b) => a.intervalCycles - b.intervalCycles);
  const chosen = batches.filter((each) => each.batchCount === 1 || each === best);
  return chosen.map((subject) => {
    const intervals = [
      subject.intervalCycles,
      ...timingFits.map((distances) => batchIntervalOn(subject, chipWith(prior, rates, distances))),
    ];
    const cases = intervals.flatMap((intervalCycles) => {
      const prices = pricesOf(subject, prior, intervalCycles);
      return energyFits.map((fit) => {
        const joules = joulesOf(prices, fit);
        return { joules, watts: wattsOf(joules, prior, intervalCycles) };
      });
    });
    return {
      subject,
      priorJoules: energyAt(subject, prior, subject.intervalCycles).totalJoules,
      fittedJoules: energyAt(subject, fitted, subject.intervalCycles).totalJoules,
      intervalCycles: span(intervals),
      joules: span(cases.map(({ joules }) => joules)),
      watts: span(cases.map(({ watts }) => watts)),
    };
  });
}
