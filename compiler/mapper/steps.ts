import { at, sum } from "../../base/math.ts";
import type { MappedStep, TilePlan } from "../../ir/mapping.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { areDisjoint, coresOf, type LayerPair } from "../concurrency.ts";
import { coreCount, storageGroup } from "../core-group.ts";
import { layOut } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { contractionRoles, tilePlan } from "../tiling.ts";
import type { Candidate } from "./candidates.ts";
import { boundaryValue } from "./check.ts";
import type { EdgeCost } from "./edge-cost.ts";
import { edgesByLayer } from "./edges.ts";
import type { LayerCost } from "./layer-cost.ts";
import type { SearchSpace } from "./search.ts";
import { savedCycles } from "./shared-cores.ts";

/** The predicted cycles of one step by cause, for printing. */
export interface StepCost {
  readonly name: string;
  /** The step's work and its transfers; of the later of two that run at once, its work beyond that of the other one. */
  readonly cycles: number;
  readonly work: LayerCost;
  /** One entry for each value that is brought from another step. */
  readonly transfers: readonly { readonly value: string; readonly cost: EdgeCost }[];
}

/** Cycles in which values are transferred for a step. */
export function transferCycles({ transfers }: StepCost): number {
  return sum(transfers.map(({ cost }) => cost.cycles));
}

/** The step of a layer that is mapped so, and perhaps computes at once with another one on the same cores. */
export function stepOf(layer: Layer, candidate: Candidate, target: ChipTarget, sharesCores = false): MappedStep {
  const { split, corner, weights } = candidate;
  const { reduction } = layOut(layer.dimensions, split, target.grid, corner);
  return {
    name: layer.name,
    kind: layer.kind,
    nodes: layer.nodes.map((node) => node.name),
    value: boundaryValue(layer),
    split,
    ...(corner.row + corner.column === 0 ? {} : { corner }),
    weights,
    tile: tileOf(layer, candidate, target, sharesCores),
    reduction: reduction === null ? null : { axis: reduction.axis, parts: reduction.parts },
  };
}

/** The tile of a layer that is split so and perhaps computes at once with another one on the same cores; null without a contraction. */
export function tileOf(
  layer: Layer,
  { split, corner, weights }: Pick<MappedStep, "split" | "corner" | "weights">,
  target: ChipTarget,
  sharesCores: boolean,
): TilePlan | null {
  if (layer.kind !== "contraction") return null;
  const geometry = layOut(layer.dimensions, split, target.grid, corner);
  const roles = contractionRoles(layer);
  return tilePlan(layer, geometry, target, roles, coreCount(storageGroup(geometry, roles, weights)), sharesCores);
}

/** Two layers that run at once. */
export interface TakenPair extends LayerPair {
  readonly savedCycles: number;
  /** Whether they do so on the same cores. */
  readonly sharesCores: boolean;
}

/** The pairs of layers that run at once with the chosen candidates. */
export function takenPairs({ savings, network }: SearchSpace, chosen: readonly Candidate[]): TakenPair[] {
  return savings.flatMap(({ left, right, isStated }): TakenPair[] => {
    const [own, other] = [at(chosen, left), at(chosen, right)];
    const sharesCores = !areDisjoint(coresOf(own), coresOf(other));
    const saved = savedCycles(network, { left, right }, own, other);
    return sharesCores && saved <= 0 && !isStated ? [] : [{ left, right, savedCycles: saved, sharesCores }];
  });
}

/** The costs of the chosen candidates, by layer. */
export function stepCosts(space: SearchSpace, chosen: readonly Candidate[]): StepCost[] {
  const saved = new Map(takenPairs(space, chosen).map(({ right, savedCycles: cycles }) => [right, cycles]));
  const inward = edgesByLayer(space.edges, space.network, "consumer");
  return space.network.layers.map((layer, index) => {
    const transfers = at(inward, index).map((edge) => ({
      value: at(layer.reads, edge.read).value,
      cost: space.costOf(edge, at(chosen, edge.producer), at(chosen, index)),
    }));
    const work = at(chosen, index).cost;
    return {
      name: layer.name,
      cycles: transfers.reduce((total, { cost }) => total + cost.cycles, work.cycles - (saved.get(index) ?? 0)),
      work,
      transfers,
    };
  });
}

/** The costs of all steps in the order of a plan. */
export function inOrder(costs: readonly StepCost[], { steps }: NetworkPlan): StepCost[] {
  const byName = new Map(costs.map((cost) => [cost.name, cost]));
  return steps.flatMap(({ step }) => byName.get(step.name) ?? []);
}
