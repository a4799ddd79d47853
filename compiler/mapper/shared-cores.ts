import { at } from "../../base/math.ts";
import type { MappedStep, Split } from "../../ir/mapping.ts";
import { areDisjoint, coresOf, type LayerPair } from "../concurrency.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import type { Candidate } from "./candidates.ts";
import type { LayerCost } from "./layer-cost.ts";

/** Whether a split divides a sum over cores. */
function hasChain({ dimensions }: Layer, { rows, columns }: Split): boolean {
  return [...rows, ...columns].some(({ dimension }) =>
    dimensions.some(({ name, kind }) => name === dimension && kind === "reduction"),
  );
}

/**
 * Whether two layers may compute at once on the same cores: one of them is a contraction, whose matrix unit leaves the vector unit to the
 * other one for most of the time, and they read no value in common, so that neither needs the room around it as the other does not.
 */
export function mayShareCores({ layers }: Network, { left, right }: LayerPair): boolean {
  const [one, other] = [at(layers, left), at(layers, right)];
  const read = new Set(one.reads.filter(({ constant }) => !constant).map(({ value }) => value));
  return (
    (one.kind === "contraction" || other.kind === "contraction") &&
    !other.reads.some(({ value, constant }) => !constant && read.has(value))
  );
}

/** Whether two steps may compute at once on the same cores with their splits: partial sums of cores take the room that the other needs. */
export function splitsMayShare(
  network: Network,
  pair: LayerPair,
  left: Pick<MappedStep, "split">,
  right: Pick<MappedStep, "split">,
): boolean {
  const { layers } = network;
  return (
    mayShareCores(network, pair) &&
    !hasChain(at(layers, pair.left), left.split) &&
    !hasChain(at(layers, pair.right), right.split)
  );
}

/** Cycles of a contraction and of a vector or reduce step that compute at once on the same cores: of the resource that both keep busy longest. */
export function sharedCycles(left: LayerCost, right: LayerCost): number {
  const { synchronizationCycles } = left;
  const both = Math.max(left.vectorCycles + right.vectorCycles, left.portCycles + right.portCycles);
  return Math.max(left.cycles, right.cycles, both + synchronizationCycles);
}

/**
 * Cycles that two layers save by running at once, [left choice][right choice]: on disjoint cores the shorter of both; on the same
 * cores what the units of one are free while the other works. Two contractions on the same cores take turns, and save nothing but
 * what is transferred meanwhile, which is not counted.
 */
export function savingTable(
  network: Network,
  pair: LayerPair,
  lefts: readonly Candidate[],
  rights: readonly Candidate[],
): Float64Array {
  const [left, right] = [at(network.layers, pair.left), at(network.layers, pair.right)];
  const bothContract = left.kind === "contraction" && right.kind === "contraction";
  const mayShare = !bothContract && mayShareCores(network, pair);
  const sidesOf = (layer: Layer, candidates: readonly Candidate[]) =>
    candidates.map(({ cost, split, corner }) => ({
      cost,
      cores: coresOf({ split, corner }),
      canShare: mayShare && !hasChain(layer, split),
    }));
  const others = sidesOf(right, rights);
  const table = new Float64Array(lefts.length * rights.length);
  let entry = 0;
  for (const own of sidesOf(left, lefts)) {
    for (const other of others) {
      if (areDisjoint(own.cores, other.cores)) table[entry] = Math.min(own.cost.cycles, other.cost.cycles);
      else if (own.canShare && other.canShare)
        table[entry] = own.cost.cycles + other.cost.cycles - sharedCycles(own.cost, other.cost);
      entry += 1;
    }
  }
  return table;
}

/** Cycles that two layers save by running at once with given choices (`savingTable`). */
export function savedCycles(network: Network, pair: LayerPair, left: Candidate, right: Candidate): number {
  return at(savingTable(network, pair, [left], [right]), 0);
}
