import type { CorePlace, Split } from "../../ir/mapping.ts";
import { type WeightPlan, weightPlanText } from "../../ir/weight-plan.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { copyCounts, sharingCores } from "../core-group.ts";
import { firstCore, type Grid } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type Choice, LayerChoices, type LayerFacts, layerFacts, priceChoice } from "./layer-choices.ts";
import { outline } from "./outline.ts";
import { placementKeys } from "./placement-key.ts";
import { candidateSplits, formatSplit } from "./splits.ts";
import type { VectorPass } from "./work.ts";

/** One way to map a layer, with where its values are placed. */
export interface Candidate extends Omit<Choice, "geometry"> {
  /** By write: which placement its results have. */
  readonly ownerKeys: readonly string[];
  /** By read: which placement it needs; null for constants and movements' reads. */
  readonly needKeys: readonly (string | null)[];
}

/** Candidates that are kept for a layer. */
export const candidateLimit = 28;

/** Candidates that are kept for a layer of several samples: there are as many ways to spread them. */
export const batchCandidateLimit = 64;

/** Works out one choice for a layer. */
export function evaluateChoice(
  facts: LayerFacts,
  split: Split,
  weights: WeightPlan | null,
  target: ChipTarget,
  corner: CorePlace = firstCore,
): Candidate {
  const geometry = outline(facts.layer.dimensions, split, target.grid, corner);
  return candidateOf(facts.layer, priceChoice(facts, geometry, weights, target));
}

function candidateOf(layer: Layer, { geometry, ...choice }: Choice): Candidate {
  const { owned, needed } = placementKeys(layer, geometry);
  return { ...choice, ownerKeys: owned, needKeys: needed };
}

/** A choice and, where it streams weights and nothing takes longer, the same with as many copies as make that shorter. */
function withCopies(facts: LayerFacts, choice: Choice, target: ChipTarget): Choice[] {
  const { geometry } = choice;
  const choices = [choice];
  if (facts.roles === null || choice.weights?.copies !== 1 || !waitsForWeights(choice)) return choices;
  let last = choice;
  for (const copies of copyCounts(sharingCores(geometry, facts.roles)).slice(1)) {
    const next = priceChoice(facts, geometry, { copies }, target);
    if (next.cost.cycles >= last.cost.cycles) continue;
    choices.push(next);
    if (!waitsForWeights(next)) break;
    last = next;
  }
  return choices;
}

/** Whether the exchange of weights takes longer than all else that runs beside it. */
function waitsForWeights({ cost }: Choice): boolean {
  return cost.modelCycles > Math.max(cost.matrixCycles, cost.vectorCycles, cost.portCycles);
}

/**
 * The candidates of a layer: all legal useful splits and those given in `further`, weights resident and streamed, without those
 * that another one beats in cycles and in memory while its values lie the same; at most `limit`, the quickest and, for
 * variety, the quickest of each way to divide the dimensions and the leanest. Candidates of `further` are kept first. Those that
 * wait for streamed weights also stand there with more copies. All lie on the given part of the grid.
 */
export function candidatesOf(
  layer: Layer,
  passes: readonly VectorPass[],
  target: ChipTarget,
  further: readonly Split[] = [],
  limit?: number,
  countsEnergy = false,
  { corner, grid }: { readonly corner: CorePlace; readonly grid: Grid } = { corner: firstCore, grid: target.grid },
): Candidate[] {
  const facts = layerFacts(layer, passes, countsEnergy);
  const taken = new Map(further.map((split) => [formatSplit(split), split]));
  const others = candidateSplits(layer, grid);
  const splits =
    taken.size === 0 ? others : [...taken.values(), ...others.filter((split) => !taken.has(formatSplit(split)))];
  const leading = leadingDimension(layer);
  const most = limit ?? (leading === null ? candidateLimit : batchCandidateLimit);
  return select(new LayerChoices(facts, splits, corner, target), taken, most, leading)
    .flatMap((choice) => withCopies(facts, choice, target))
    .map((choice) => candidateOf(layer, choice));
}

/** The dimension that moves along the first axis of a result of several samples: that of the batch; null without one. */
function leadingDimension({ result, dimensions }: Layer): string | null {
  const [term] = result[0]?.terms ?? [];
  const dimension = term === undefined ? undefined : dimensions[term.dimension];
  return dimension !== undefined && dimension.size > 1 ? dimension.name : null;
}

/**
 * At most `limit` choices that no other beats: quick ones of `wanted`, the quickest, the quickest of each way, the leanest; in the
 * order given.
 */
function select(
  choices: LayerChoices,
  wanted: ReadonlyMap<string, Split>,
  limit: number,
  leading: string | null,
): readonly Choice[] {
  const chosen = new Set<number>();
  const takeQuick = (upTo: number, isWanted: (choice: Choice) => boolean): void => {
    for (let place = 0; chosen.size < upTo; place += 1) {
      const choice = choices.ranked(place);
      if (choice === undefined) return;
      if (!choices.isBeaten(choice) && isWanted(choices.priced(choice))) chosen.add(choice);
    }
  };
  if (wanted.size > 0) takeQuick(Math.floor(limit * 0.6), ({ split }) => wanted.has(formatSplit(split)));
  takeQuick(Math.max(chosen.size, Math.floor(limit * (leading === null ? 0.7 : 0.3))), () => true);
  const ways = new Set<string>();
  takeQuick(Math.floor(limit * 0.9), (choice) => {
    const way = dimensionWay(choice, leading);
    const isFirst = !ways.has(way);
    ways.add(way);
    return isFirst;
  });
  for (const choice of choices.byMemory()) {
    if (chosen.size >= limit) break;
    if (!chosen.has(choice) && !choices.isBeaten(choice)) chosen.add(choice);
  }
  return [...chosen].sort((a, b) => a - b).map((choice) => choices.priced(choice));
}

/** Which dimensions stand on which grid axis, without their parts but for those of the leading dimension (the batch). */
function dimensionWay({ split, weights }: Choice, leading: string | null): string {
  const names = (list: Split["rows"]): string =>
    list.map(({ dimension, parts }) => (dimension === leading ? `${dimension} ${parts}` : dimension)).join(",");
  return `${names(split.rows)}|${names(split.columns)}|${weights === null ? "" : weightPlanText(weights)}`;
}
