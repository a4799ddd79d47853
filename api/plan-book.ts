import { at } from "../base/math.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { BudgetSearch } from "../compiler/precision-search/budget-search.ts";
import { planOf, type SearchedLayer } from "../compiler/precision-search/searched-layer.ts";
import { type Precision, type PrecisionPlan, precisionName } from "../compiler/quantize/precision.ts";
import type { Graph } from "../ir/graph.ts";
import type { PrecisionPoint } from "../report/precision-search-schema.ts";
import type { AccuracyBudget } from "./error-metric.ts";
import { objectiveCost, type PlanCost } from "./plan-costs.ts";
import type { PlanAccuracy, PlanJudge } from "./plan-judge.ts";
import type { OnProgress } from "./progress.ts";

/** Judges choices of precisions as plans, and keeps what it was told of them. */
export class PlanBook {
  readonly #judge: PlanJudge;
  readonly #layers: readonly SearchedLayer[];
  readonly #stated: Graph;
  readonly #objective: Objective;
  readonly #onProgress: OnProgress;
  readonly #accuracies = new Map<string, PlanAccuracy>();
  readonly #costs = new Map<string, PlanCost>();

  constructor(
    judge: PlanJudge,
    layers: readonly SearchedLayer[],
    stated: Graph,
    objective: Objective,
    onProgress: OnProgress,
  ) {
    this.#judge = judge;
    this.#layers = layers;
    this.#stated = stated;
    this.#objective = objective;
    this.#onProgress = onProgress;
  }

  readonly errorOf = (choices: readonly number[]): number => this.accuracy(choices).error;

  readonly costOf = (choices: readonly number[]): number => objectiveCost(this.#objective, this.cost(choices));

  precisions(choices: readonly number[]): Precision[] {
    return this.#layers.map(({ precisions }, index) => at(precisions, at(choices, index)));
  }

  plan(choices: readonly number[]): PrecisionPlan {
    return planOf(this.#layers, this.precisions(choices));
  }

  accuracy(choices: readonly number[]): PlanAccuracy {
    return this.#remembered(this.#accuracies, choices, "evaluate plan", (plan) => this.#judge.accuracyOf(plan));
  }

  cost(choices: readonly number[]): PlanCost {
    return this.#remembered(this.#costs, choices, "map and simulate plan", (plan) =>
      this.#judge.costOf(plan, this.#layers, this.#stated),
    );
  }

  #remembered<Value>(
    known: Map<string, Value>,
    choices: readonly number[],
    phase: string,
    make: (plan: PrecisionPlan) => Value,
  ): Value {
    const key = choices.join();
    const value = known.get(key);
    if (value !== undefined) return value;
    this.#onProgress({ phase: `${phase} ${known.size + 1}`, fraction: null });
    const made = make(this.plan(choices));
    known.set(key, made);
    return made;
  }
}

/**
 * The plans that were judged with their cost, by cost; those that another beats in cost and error are not on the front. What no
 * layer brings, noise of the vector unit and the cost of steps that no layer owns, is added to predictions as it is with `first`.
 */
export function pointsOf(
  { judged }: BudgetSearch,
  plans: PlanBook,
  first: readonly number[],
  budget: AccuracyBudget,
): (PrecisionPoint & { readonly choices: readonly number[] })[] {
  const priced = judged
    .flatMap((record) => (record.cost === null ? [] : [{ ...record, cost: record.cost }]))
    .sort((a, b) => a.cost - b.cost || a.error - b.error);
  const own = judged.find(({ choices }) => choices.join() === first.join())?.predicted ?? { cost: 0, error: 0 };
  const baseCost = plans.costOf(first) - own.cost;
  const baseNoise = Math.max(0, 10 ** (-plans.accuracy(first).sqnrDb / 10) - own.error);
  let least = Number.POSITIVE_INFINITY;
  return priced.map(({ choices, predicted, error, cost }) => {
    const onFront = error < least;
    least = Math.min(least, error);
    const plan = plans.plan(choices);
    const { sqnrDb } = plans.accuracy(choices);
    const { predictedCycles, latencyCycles, intervalCycles, energyJoules } = plans.cost(choices);
    return {
      choices,
      name: plan.name,
      rule: precisionName(plan.rule),
      layers: Object.fromEntries([...plan.layers].map(([name, precision]) => [name, precisionName(precision)])),
      predicted: {
        cost: baseCost + predicted.cost,
        sqnrDb: finiteOrNull(-10 * Math.log10(baseNoise + predicted.error)),
        mappedCycles: predictedCycles,
      },
      verified: { error, sqnrDb: finiteOrNull(sqnrDb), cost, latencyCycles, intervalCycles, energyJoules },
      withinBudget: error <= budget.limit,
      onFront,
    };
  });
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
