import { at } from "../base/math.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import type { SearchedLayer } from "../compiler/precision-search/searched-layer.ts";

/** What running a model costs, on device. */
export interface CostFigures {
  readonly latencyCycles: number;
  readonly intervalCycles: number;
  readonly energyJoules: number;
}

/** What a plan costs on the chip, mapped and simulated. */
export interface PlanCost extends CostFigures {
  readonly predictedCycles: number;
  /** By searched layer: its steps' cycles, as the mapper predicts them, and energy, as simulated. */
  readonly layers: readonly CostFigures[];
}

/** The figure that an objective makes small. */
export function objectiveCost(
  objective: Objective,
  { latencyCycles, intervalCycles, energyJoules }: CostFigures,
): number {
  switch (objective) {
    case "latency":
      return latencyCycles;
    case "throughput":
      return intervalCycles;
    case "energy":
      return energyJoules;
    case "edp":
      return latencyCycles * energyJoules;
  }
}

/** By how much an objective's figure rises with small changes of the figures, near some: additive over layers. */
function costRise(objective: Objective, near: CostFigures, rise: CostFigures): number {
  if (objective !== "edp") return objectiveCost(objective, rise);
  return rise.latencyCycles * near.energyJoules + rise.energyJoules * near.latencyCycles;
}

/** Layers × precisions up to which each is mapped and simulated by itself. */
const mostSingles = 36;

/**
 * By layer and precision: what it adds to the cost of the model. In small models that of giving it to one layer alone, all others having the
 * widest; in others that of the layer's steps while all layers have it. `costOf` maps and simulates an assignment, `widest` is the first.
 */
export function layerCosts(
  layers: readonly Pick<SearchedLayer, "precisions">[],
  uniform: readonly (readonly number[])[],
  objective: Objective,
  costOf: (choices: readonly number[]) => PlanCost,
): number[][] {
  const widest = at(uniform, 0);
  const base = costOf(widest);
  const singles = layers.reduce((count, { precisions }) => count + precisions.length - 1, 0);
  if (singles <= mostSingles) {
    return layers.map(({ precisions }, layer) =>
      precisions.map((_, choice) => {
        const own = costOf(widest.with(layer, choice));
        return costRise(objective, base, {
          latencyCycles: own.latencyCycles - base.latencyCycles,
          intervalCycles: own.intervalCycles - base.intervalCycles,
          energyJoules: own.energyJoules - base.energyJoules,
        });
      }),
    );
  }
  return layers.map(({ precisions }, layer) =>
    precisions.map((_, choice) => {
      const alike = uniform.find((choices) => choices[layer] === choice) ?? widest;
      return costRise(objective, base, at(costOf(alike).layers, layer));
    }),
  );
}
