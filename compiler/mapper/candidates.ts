import { ceilDivide, product } from "../../base/math.ts";
import { type Access, type Box, footprint } from "../../ir/iteration.ts";
import type { Split, WeightPlan } from "../../ir/mapping.ts";
import { elementBytes } from "../../ir/type.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type Geometry, largestBox } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type ContractionRoles, contractionRoles } from "../tiling.ts";
import { constantWeights, type LayerCost, layerCost } from "./layer-cost.ts";
import { outline } from "./outline.ts";
import { placementKey } from "./placement-key.ts";
import { groupSize, streamViolations } from "./rules.ts";
import { candidateSplits, formatSplit } from "./splits.ts";
import type { VectorPass } from "./work.ts";

/** One way to map a layer, with what it costs by itself. */
export interface Candidate {
  readonly split: Split;
  readonly weights: WeightPlan | null;
  readonly cost: LayerCost;
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
  /** The reads that bring a value from elsewhere, each distinct access of a value once. */
  readonly operands: readonly { readonly access: Access; readonly elementBytes: number }[];
}

/** Collects what is the same for all choices of a layer. */
export function layerFacts(layer: Layer, passes: readonly VectorPass[]): LayerFacts {
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
    operands: [...operands.values()],
  };
}

/** Works out one choice for a layer. */
export function evaluateChoice(
  facts: LayerFacts,
  split: Split,
  weights: WeightPlan | null,
  target: ChipTarget,
  geometry: Geometry = outline(facts.layer.dimensions, split, target.grid),
): Candidate {
  const { layer, passes } = facts;
  const largest = largestBox(geometry);
  let operandBytes = 0;
  for (const operand of facts.operands) operandBytes += extentBytes(operand.access, largest) * operand.elementBytes;
  let valueBytes = 0;
  for (const write of layer.writes) {
    valueBytes += extentBytes(write.access, largest) * elementBytes(write.type.element);
  }
  return {
    split,
    weights,
    cost: layerCost(layer, geometry, weights, passes, target, facts.roles),
    weightBytes: storedWeightBytes(facts, geometry, weights),
    operandBytes,
    valueBytes,
    ownerKeys: layer.writes.map((write) => placementKey(geometry, write.access, write.type.shape, true)),
    needKeys: layer.reads.map((read) =>
      read.constant || read.access === null || layer.kind === "output"
        ? null
        : placementKey(geometry, read.access, read.type.shape, ownersRead(layer, read.node)),
    ),
  };
}

function extentBytes(access: Access, box: Box): number {
  return product(footprint(access, box).map((range) => range.end - range.start));
}

function storedWeightBytes({ roles, hasWeights }: LayerFacts, geometry: Geometry, weights: WeightPlan | null): number {
  if (roles === null || !hasWeights) return 0;
  const size = (dimensions: readonly number[]): number =>
    product(dimensions.map((dimension) => geometry.chunks[dimension] as number));
  const bytes = size(roles.group) * size(roles.column) * 2 * ceilDivide(size(roles.inner), 2);
  if (weights?.mode !== "streamed") return bytes;
  const group = groupSize(geometry, roles);
  return ceilDivide(bytes, group.rows * group.columns);
}

/** The weights modes that a split allows; streaming in a group of one core is the same as residence and left out. */
export function weightModes({ layer, roles, hasWeights }: LayerFacts, geometry: Geometry): (WeightPlan | null)[] {
  if (roles === null || !hasWeights) return [null];
  const resident: WeightPlan = { mode: "resident" };
  const group = groupSize(geometry, roles);
  const streams = group.rows * group.columns > 1 && streamViolations(layer, geometry, roles).length === 0;
  return streams ? [resident, { mode: "streamed" }] : [resident];
}

/**
 * The candidates of a layer: all legal useful splits and those given in `further`, in both weights modes, without those
 * that another one beats in cycles and in memory while its values lie the same; at most `limit`, the quickest and, for
 * variety, the quickest of each way to divide the dimensions and the leanest. Candidates of `further` are kept first.
 */
export function candidatesOf(
  layer: Layer,
  passes: readonly VectorPass[],
  target: ChipTarget,
  further: readonly Split[] = [],
  limit: number = candidateLimit,
): Candidate[] {
  const facts = layerFacts(layer, passes);
  const evaluated: Candidate[] = [];
  const seen = new Set<string>();
  for (const split of [...further, ...candidateSplits(layer, target.grid)]) {
    const text = formatSplit(split);
    if (seen.has(text)) continue;
    seen.add(text);
    const geometry = outline(layer.dimensions, split, target.grid);
    for (const weights of weightModes(facts, geometry)) {
      evaluated.push(evaluateChoice(facts, split, weights, target, geometry));
    }
  }
  const wanted = new Set(further.map(formatSplit));
  return select(undominated(evaluated), wanted, limit);
}

function memoryBytes(candidate: Candidate): number {
  return candidate.weightBytes + candidate.operandBytes + candidate.valueBytes;
}

/** Leaves out candidates that an earlier or better one with the same placements beats in both cycles and memory. */
function undominated(candidates: readonly Candidate[]): Candidate[] {
  const byInterface = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const key = [...candidate.ownerKeys, ...candidate.needKeys].join("\n");
    const rivals = byInterface.get(key) ?? [];
    if (rivals.some((rival) => beats(rival, candidate))) continue;
    byInterface.set(key, [...rivals.filter((rival) => !beats(candidate, rival)), candidate]);
  }
  const kept = new Set([...byInterface.values()].flat());
  return candidates.filter((candidate) => kept.has(candidate));
}

function beats(rival: Candidate, candidate: Candidate): boolean {
  return rival.cost.cycles <= candidate.cost.cycles && memoryBytes(rival) <= memoryBytes(candidate);
}

function select(candidates: readonly Candidate[], wanted: ReadonlySet<string>, limit: number): Candidate[] {
  if (candidates.length <= limit) return [...candidates];
  const order = candidates
    .map((candidate, index) => ({ candidate, index }))
    .sort((a, b) => a.candidate.cost.cycles - b.candidate.cost.cycles || a.index - b.index);
  const chosen = new Set<number>();
  const take = (entries: readonly { readonly index: number }[], upTo: number): void => {
    for (const { index } of entries) {
      if (chosen.size >= upTo) return;
      chosen.add(index);
    }
  };
  take(
    order.filter(({ candidate }) => wanted.has(formatSplit(candidate.split))),
    Math.floor(limit * 0.6),
  );
  take(order, Math.max(chosen.size, Math.floor(limit * 0.7)));
  const ways = new Set<string>();
  const first = order.filter(({ candidate }) => {
    const way = dimensionWay(candidate);
    if (ways.has(way)) return false;
    ways.add(way);
    return true;
  });
  take(first, Math.floor(limit * 0.9));
  const lean = [...order].sort((a, b) => memoryBytes(a.candidate) - memoryBytes(b.candidate) || a.index - b.index);
  take(lean, limit);
  return candidates.filter((_, index) => chosen.has(index));
}

/** Which dimensions stand on which grid axis, without their parts. */
function dimensionWay(candidate: Candidate): string {
  const names = (list: Split["rows"]): string => list.map(({ dimension }) => dimension).join(",");
  return `${names(candidate.split.rows)}|${names(candidate.split.columns)}|${candidate.weights?.mode ?? ""}`;
}
