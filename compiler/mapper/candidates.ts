import { ceilDivide, productAt } from "../../base/math.ts";
import type { Access } from "../../ir/iteration.ts";
import type { CorePlace, Split } from "../../ir/mapping.ts";
import { elementBytes } from "../../ir/type.ts";
import { resident, streamed, type WeightPlan, weightPlanText } from "../../ir/weight-plan.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { copyCounts, coreCount, sharingCores, storageGroup } from "../core-group.ts";
import { firstCore, type Geometry, type Grid } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type ContractionRoles, contractionRoles } from "../tiling.ts";
import { pairedBytes } from "../weights.ts";
import { constantWeights, type LayerCost, layerCost } from "./layer-cost.ts";
import { layerEnergyPj } from "./layer-energy.ts";
import { outline } from "./outline.ts";
import { placementKey } from "./placement-key.ts";
import { weightsViolations } from "./rules.ts";
import { candidateSplits, formatSplit } from "./splits.ts";
import type { VectorPass } from "./work.ts";

/** One way to map a layer, with what it costs by itself. */
export interface Candidate {
  readonly split: Split;
  /** The north-west core of the split. */
  readonly corner: CorePlace;
  readonly weights: WeightPlan | null;
  readonly cost: LayerCost;
  /** Dynamic energy of the layer's own work on all cores; 0 where no energy is asked for. */
  readonly energyPj: number;
  /** Bytes of weights that a core keeps for the whole run. */
  readonly weightBytes: number;
  /** Bytes of a core's largest boxes of what it reads (weights and constants apart). */
  readonly operandBytes: number;
  /** Bytes of a core's largest boxes of what it leaves. */
  readonly valueBytes: number;
  /** By write: which placement its results have. */
  readonly ownerKeys: readonly string[];
  /** By read: which placement it needs; null for constants and movements' reads. */
  readonly needKeys: readonly (string | null)[];
}

/** Candidates that are kept for a layer. */
export const candidateLimit = 28;

/** Candidates that are kept for a layer of several samples: there are as many ways to spread them. */
export const batchCandidateLimit = 64;

/** Cores that take part in a read: all that are active for the anchor, those that end up with results for later nodes. */
export function ownersRead(layer: Layer, node: string | null): boolean {
  return layer.kind === "contraction" && node !== null && node !== layer.nodes[0]?.name;
}

/** What is the same for all choices of a layer. */
export interface LayerFacts {
  readonly layer: Layer;
  readonly passes: readonly VectorPass[];
  readonly roles: ContractionRoles | null;
  readonly hasWeights: boolean;
  /** Costs by what they depend on, as far as they were asked for. */
  readonly costs: Map<string, LayerCost>;
  /** Whether energies are worked out. */
  readonly countsEnergy: boolean;
  /** The reads that bring a value from elsewhere, each distinct access of a value once. */
  readonly operands: readonly { readonly access: Access; readonly elementBytes: number }[];
}

/** Collects what is the same for all choices of a layer. */
export function layerFacts(layer: Layer, passes: readonly VectorPass[], countsEnergy = false): LayerFacts {
  const operands = new Map<string, LayerFacts["operands"][number]>();
  for (const read of layer.reads) {
    if (read.constant || read.access === null || layer.kind === "output") continue;
    operands.set(`${read.value} ${JSON.stringify(read.access)}`, {
      access: read.access,
      elementBytes: elementBytes(read.type.element),
    });
  }
  return {
    layer,
    passes,
    roles: layer.kind === "contraction" ? contractionRoles(layer) : null,
    hasWeights: constantWeights(layer) !== null,
    costs: new Map(),
    countsEnergy,
    operands: [...operands.values()],
  };
}

/** A choice with its costs, its values' placements yet to be described. */
type Choice = Omit<Candidate, "ownerKeys" | "needKeys"> & { readonly geometry: Geometry };

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

function priceChoice(facts: LayerFacts, geometry: Geometry, weights: WeightPlan | null, target: ChipTarget): Choice {
  const { layer, passes } = facts;
  let operandBytes = 0;
  for (const operand of facts.operands) operandBytes += extentCount(operand.access, geometry) * operand.elementBytes;
  let valueBytes = 0;
  for (const write of layer.writes)
    valueBytes += extentCount(write.access, geometry) * elementBytes(write.type.element);
  return {
    split: geometry.split,
    corner: geometry.corner,
    weights,
    cost: costOf(facts, geometry, weights, target),
    energyPj: facts.countsEnergy ? layerEnergyPj(layer, geometry, weights, passes, target, facts.roles) : 0,
    weightBytes: storedWeightBytes(facts, geometry, weights),
    operandBytes,
    valueBytes,
    geometry,
  };
}

/** The cost of a choice, which is that of every choice that leaves cores as much to do and shares weights alike. */
function costOf(facts: LayerFacts, geometry: Geometry, weights: WeightPlan | null, target: ChipTarget): LayerCost {
  const { layer, passes, roles, costs } = facts;
  const share = roles === null ? null : storageGroup(geometry, roles, weights);
  const sharing = share === null ? "" : `${share.rows} ${share.columns}`;
  const columns = layer.kind === "input" ? geometry.usedColumns : "";
  const key = `${geometry.chunks.join()} ${geometry.reduction?.parts ?? ""} ${columns} ${sharing}`;
  const known = costs.get(key) ?? layerCost(layer, geometry, weights, passes, target, roles);
  costs.set(key, known);
  return known;
}

function candidateOf(layer: Layer, { geometry, ...choice }: Choice): Candidate {
  return {
    ...choice,
    ownerKeys: layer.writes.map((write) => placementKey(geometry, write.access, write.type.shape, true)),
    needKeys: layer.reads.map((read) =>
      read.constant || read.access === null || layer.kind === "output"
        ? null
        : placementKey(geometry, read.access, read.type.shape, ownersRead(layer, read.node)),
    ),
  };
}

/** Elements of the footprint of an access on the core that has the largest ranges. */
function extentCount(access: Access, { chunks }: Geometry): number {
  if (chunks.includes(0)) return access.length === 0 ? 1 : 0;
  let count = 1;
  for (const { terms } of access) {
    let extent = 1;
    for (const { dimension, stride } of terms) extent += Math.abs(stride) * ((chunks[dimension] as number) - 1);
    count *= extent;
  }
  return count;
}

function storedWeightBytes({ roles, hasWeights }: LayerFacts, geometry: Geometry, weights: WeightPlan | null): number {
  if (roles === null || !hasWeights) return 0;
  const size = (dimensions: readonly number[]): number => productAt(geometry.chunks, dimensions);
  const bytes = pairedBytes(size(roles.group), size(roles.inner), size(roles.column), roles.elements.weights);
  return ceilDivide(bytes, coreCount(storageGroup(geometry, roles, weights)));
}

/** Weights resident or, where the split allows it, streamed; streaming in a group of one core is residence and left out. */
function weightPlans({ layer, roles, hasWeights }: LayerFacts, geometry: Geometry): (WeightPlan | null)[] {
  if (roles === null || !hasWeights) return [null];
  const isShared = coreCount(sharingCores(geometry, roles)) > 1;
  return isShared && weightsViolations(layer, geometry, streamed, roles).length === 0
    ? [resident, streamed]
    : [resident];
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
  const choices = splits.flatMap((split) => {
    const geometry = outline(layer.dimensions, split, target.grid, corner);
    return weightPlans(facts, geometry).map((weights) => priceChoice(facts, geometry, weights, target));
  });
  const leading = leadingDimension(layer);
  const most = limit ?? (leading === null ? candidateLimit : batchCandidateLimit);
  return select(undominated(layer, choices), taken, most, leading)
    .flatMap((choice) => withCopies(facts, choice, target))
    .map((choice) => candidateOf(layer, choice));
}

/** The dimension that moves along the first axis of a result of several samples: that of the batch; null without one. */
function leadingDimension({ result, dimensions }: Layer): string | null {
  const [term] = result[0]?.terms ?? [];
  const dimension = term === undefined ? undefined : dimensions[term.dimension];
  return dimension !== undefined && dimension.size > 1 ? dimension.name : null;
}

function memoryBytes(choice: Choice): number {
  return choice.weightBytes + choice.operandBytes + choice.valueBytes;
}

/** Leaves out choices that an earlier or better one with the same placements beats in both cycles and memory. */
function undominated(layer: Layer, choices: readonly Choice[]): Choice[] {
  const dropped = new Set<Choice>();
  for (const alike of alikeOnGrid(layer, choices)) {
    const byInterface = new Map<string, Choice[]>();
    const isOneSplit = alike.every(({ split }) => split === alike[0]?.split);
    for (const choice of alike) {
      const key = isOneSplit ? "" : interfaceOf(candidateOf(layer, choice));
      const rivals = byInterface.get(key) ?? [];
      if (rivals.some((rival) => beats(rival, choice))) {
        dropped.add(choice);
        continue;
      }
      for (const rival of rivals) if (beats(choice, rival)) dropped.add(rival);
      byInterface.set(key, [...rivals.filter((rival) => !dropped.has(rival)), choice]);
    }
  }
  return choices.filter((choice) => !dropped.has(choice));
}

/** Equal when all values are placed alike. */
function interfaceOf({ ownerKeys, needKeys }: Candidate): string {
  return [...ownerKeys, ...needKeys].join("\n");
}

function beats(rival: Choice, choice: Choice): boolean {
  return (
    rival.cost.cycles <= choice.cost.cycles &&
    rival.energyPj <= choice.energyPj &&
    memoryBytes(rival) <= memoryBytes(choice)
  );
}

/** Groups of choices under which the dimensions of the layer's values lie alike on the grid; only they can place all values alike. */
function alikeOnGrid(layer: Layer, choices: readonly Choice[]): Choice[][] {
  const touched = new Map<string, number>();
  for (const { access } of [...layer.writes, ...layer.reads.filter((read) => !read.constant)]) {
    for (const { terms } of access ?? []) {
      for (const { dimension } of terms) touched.set(layer.dimensions[dimension]?.name ?? "", dimension + 1);
    }
  }
  // A number for where the parts of touched dimensions stand; chance equals do no harm.
  const keyOf = (list: Split["rows"], factor: number): number => {
    let key = 0;
    let inner = 1;
    for (let position = list.length - 1; position >= 0; position -= 1) {
      const { dimension, parts } = list[position] as Split["rows"][number];
      key += Math.imul((touched.get(dimension) ?? 0) * factor, parts * 8191 + inner);
      inner *= parts;
    }
    return key;
  };
  const groups = new Map<number, Choice[]>();
  for (const choice of choices) {
    const key = (keyOf(choice.split.rows, 69_069) + keyOf(choice.split.columns, 1_664_525)) | 0;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [choice]);
    else group.push(choice);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** At most `limit` choices: quick ones of `wanted`, the quickest, the quickest of each way, the leanest; in the order given. */
function select(
  choices: readonly Choice[],
  wanted: ReadonlyMap<string, Split>,
  limit: number,
  leading: string | null,
): readonly Choice[] {
  if (choices.length <= limit) return choices;
  const order = choices
    .map((choice, index) => ({ choice, index }))
    .sort((a, b) => a.choice.cost.cycles - b.choice.cost.cycles || a.index - b.index);
  const chosen = new Set<number>();
  const take = (upTo: number, entries: typeof order, isWanted: (choice: Choice) => boolean): void => {
    for (const { choice, index } of entries) {
      if (chosen.size >= upTo) return;
      if (isWanted(choice)) chosen.add(index);
    }
  };
  if (wanted.size > 0) take(Math.floor(limit * 0.6), order, ({ split }) => wanted.has(formatSplit(split)));
  take(Math.max(chosen.size, Math.floor(limit * (leading === null ? 0.7 : 0.3))), order, () => true);
  const ways = new Set<string>();
  take(Math.floor(limit * 0.9), order, (choice) => {
    const way = dimensionWay(choice, leading);
    const isFirst = !ways.has(way);
    ways.add(way);
    return isFirst;
  });
  const lean = [...order].sort((a, b) => memoryBytes(a.choice) - memoryBytes(b.choice) || a.index - b.index);
  take(limit, lean, () => true);
  return choices.filter((_, index) => chosen.has(index));
}

/** Which dimensions stand on which grid axis, without their parts but for those of the leading dimension (the batch). */
function dimensionWay({ split, weights }: Choice, leading: string | null): string {
  const names = (list: Split["rows"]): string =>
    list.map(({ dimension, parts }) => (dimension === leading ? `${dimension} ${parts}` : dimension)).join(",");
  return `${names(split.rows)}|${names(split.columns)}|${weights === null ? "" : weightPlanText(weights)}`;
}
