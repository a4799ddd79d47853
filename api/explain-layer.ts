import { type ForcedChoice, forcedChoices, forcedProgram } from "../compiler/alternatives.ts";
import type { MapResult } from "../compiler/mapper/mapper.ts";
import {
  cyclesAlone,
  energyAlone,
  type Objective,
  overlapsFor,
  productNear,
  staticPjPerCycle,
  type Weighing,
} from "../compiler/mapper/objective.ts";
import { searchSpace } from "../compiler/mapper/search.ts";
import { vectorWork } from "../compiler/mapper/work.ts";
import type { MappedStep } from "../ir/mapping.ts";
import { weightPlanText } from "../ir/weight-plan.ts";
import type { LayerExplanation } from "../report/explain-schema.ts";
import type { ChipTarget } from "../targets/target.ts";
import { choiceFigures } from "./choice-figures.ts";
import { effectOf, type LayerContext } from "./explain-context.ts";
import { leversOf } from "./explain-levers.ts";
import type { LayerStanding } from "./explain-reason.ts";

type Alternative = LayerExplanation["alternatives"][number];

/** Other choices that are mapped and simulated, and those that are listed with a prediction alone. */
const simulatedAlternatives = 3;
const listedAlternatives = 5;

/** A layer from near: prediction by resource, transfers, the next best choices, and levers, each of them tried. */
export function explainLayer(standing: LayerStanding, context: LayerContext): LayerExplanation {
  const { plan, cost, network } = standing;
  const { cycles: _, ...predicted } = cost.work;
  const { alternatives, consideredCount } = alternativesOf(standing, context);
  return {
    name: plan.layer.name,
    dimensions: plan.layer.dimensions.map(({ name, size, kind }) => ({ name, size, kind })),
    predicted,
    transfers: cost.transfers.map(({ value, cost: { cycles, remoteBytes } }) => ({
      value,
      from: network.steps.find(({ layer }) => layer.writes.some((write) => write.value === value))?.layer.name ?? "",
      cycles,
      remoteBytes,
    })),
    consideredCount,
    searchIsExact: context.compiled.map.exact,
    alternatives,
    levers: leversOf(standing, context),
  };
}

/** What cycles and energy weigh for an objective at the mapping that was chosen. */
function weighingOf(objective: Objective, { predictedCycles, predictedPj }: MapResult, chip: ChipTarget): Weighing {
  switch (objective) {
    case "latency":
    case "throughput":
      return cyclesAlone;
    case "energy":
      return energyAlone(chip);
    case "edp":
      return productNear(predictedCycles, (predictedPj ?? 0) + predictedCycles * staticPjPerCycle(chip), chip);
  }
}

function choiceKey({ split, corner, weights }: Pick<MappedStep, "split" | "corner" | "weights">): string {
  const text = weights && weightPlanText(weights);
  return JSON.stringify([split.rows, split.columns, corner?.row ?? 0, corner?.column ?? 0, text]);
}

function alternativesOf(
  standing: LayerStanding,
  { compiled, metrics: all, pinned, objective, onProgress }: LayerContext,
): { readonly alternatives: Alternative[]; readonly consideredCount: number } {
  const { plan, cost, metrics, chip } = standing;
  onProgress({ phase: "search other choices", fraction: null });
  const { network, mapping } = compiled;
  const pins = new Map(
    (pinned?.steps ?? [])
      .filter(({ name }) => name !== plan.layer.name)
      .map(({ beside, ...step }) => [
        step.name,
        beside === undefined || beside === plan.layer.name ? step : { ...step, beside },
      ]),
  );
  const weighing = weighingOf(objective, compiled.map, chip);
  const work = vectorWork(network.layers, chip);
  const space = searchSpace(network, work, chip, pins, weighing.perPicojoule > 0);
  const forced = forcedChoices(space, plan.index, weighing);
  const own = choiceKey(plan.step);
  const chosen: Alternative = {
    ...choiceFigures(plan.layer, plan.step, chip),
    isChosen: true,
    predictedLayerCycles: cost.cycles,
    predictedNetworkCycles: forced.find((each) => choiceKey(each.candidate) === own)?.networkCycles ?? null,
    placedNetworkCycles: compiled.map.predictedCycles,
    simulated: {
      layerCycles: metrics.latencyCycles,
      latencyCycles: all.onDevice.latencyCycles,
      energyJoules: all.onDevice.energyPerInferenceJoules,
    },
    fits: true,
  };
  const others = forced.filter(({ candidate }) => choiceKey(candidate) !== own).slice(0, listedAlternatives);
  const names = { graph: mapping.graph, batchCount: mapping.batchCount };
  const tried = others.map((choice, index): Alternative => {
    const listed = listedChoice(choice, standing);
    if (index >= simulatedAlternatives) return listed;
    onProgress({ phase: `try choice ${index + 2}`, fraction: index / simulatedAlternatives });
    const overlaps = overlapsFor(objective);
    const other = forcedProgram(space, plan.index, choice.candidate, mapping.layouts, names, weighing, overlaps);
    if (other === null) return { ...listed, fits: false };
    const simulated = effectOf(other.program, chip, plan.layer.name);
    return { ...listed, placedNetworkCycles: other.predictedCycles, fits: true, simulated };
  });
  return { alternatives: [chosen, ...tried], consideredCount: forced.length };
}

function listedChoice(
  { candidate, layerCycles, networkCycles }: ForcedChoice,
  { plan, chip }: LayerStanding,
): Alternative {
  return {
    ...choiceFigures(plan.layer, candidate, chip),
    isChosen: false,
    predictedLayerCycles: layerCycles,
    predictedNetworkCycles: networkCycles,
    placedNetworkCycles: null,
    simulated: null,
    fits: null,
  };
}
