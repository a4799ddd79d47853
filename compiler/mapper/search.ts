import { at } from "../../base/math.ts";
import type { MappedStep } from "../../ir/mapping.ts";
import { compileKernels } from "../../kernels/wasm-module.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Network } from "../network.ts";
import type { Candidate } from "./candidates.ts";
import type { EdgeCost } from "./edge-cost.ts";
import { EdgePricer } from "./edge-pricer.ts";
import type { EdgeTable } from "./edge-table.ts";
import { type Edge, edgesOf } from "./edges.ts";
import { exactMinimum, type Minimum, minimize, type PairCost } from "./elimination.ts";
import { type OpenPair, priceNeeded } from "./needed-prices.ts";
import { networkCandidates } from "./network-candidates.ts";
import { cyclesAlone, type Weighing } from "./objective.ts";
import { type PairSaving, sideBySide } from "./side-by-side.ts";
import { formatSplit } from "./splits.ts";
import type { VectorWork } from "./work.ts";

/** By name of a layer: splits, as `formatSplit` writes them, that are not to be chosen while there are others. */
export type AvoidedSplits = ReadonlyMap<string, ReadonlySet<string>>;

/** Entries of the largest table of the search; beyond, choices are left out and the result is not exact. */
const tableLimit = 2_000_000;

/** The choices of a network with all their costs: ready to be searched, also more than once with other prices. */
export interface SearchSpace {
  readonly network: Network;
  readonly target: ChipTarget;
  readonly kernels: WebAssembly.Module;
  /** By layer. */
  readonly candidates: readonly (readonly Candidate[])[];
  readonly edges: readonly Edge[];
  /** The cost of an edge between two candidates. */
  readonly costOf: (edge: Edge, producer: Candidate, consumer: Candidate) => EdgeCost;
  /** By edge: cycles, [producer candidate][consumer candidate]; a search works out those that it needs. */
  readonly tables: readonly EdgeTable[];
  /** By edge: dynamic picojoules, [producer candidate][consumer candidate]; null where no energy is asked for. */
  readonly energies: readonly Float64Array[] | null;
  /** Pairs of layers that must have the same split: 0 where it is, infinite elsewhere. */
  readonly ties: readonly PairCost[];
  /** Pairs of layers that run side by side where their cores are disjoint: the cycles that this saves, negative. */
  readonly savings: readonly PairSaving[];
}

/** What the search found. */
export interface SearchResult {
  /** By layer. */
  readonly chosen: readonly Candidate[];
  readonly predictedCycles: number;
  /** Dynamic picojoules; 0 where no energy is asked for. */
  readonly predictedPj: number;
  readonly exact: boolean;
}

/** A price, in cycles, of a candidate beyond its own and its edges' cycles; infinite to forbid it. */
export type Price = (layer: number, candidate: Candidate) => number;

/**
 * Works out candidates and costs; layers with a step in `pins` (by name) have that choice alone. No two layers without one run
 * side by side where `pairs` is false.
 */
export function searchSpace(
  network: Network,
  work: VectorWork,
  target: ChipTarget,
  pins: ReadonlyMap<string, MappedStep> = new Map(),
  countsEnergy = false,
  pairs = true,
  avoided: AvoidedSplits = new Map(),
): SearchSpace {
  const edges = edgesOf(network);
  const alone = networkCandidates(network, edges, work, target, pins, countsEnergy).map((list, index) =>
    otherThan(list, avoided.get(at(network.layers, index).name)),
  );
  const beside = sideBySide(network, alone, work, target, pins, countsEnergy, pairs);
  const { candidates, savings } = beside;
  const kernels = compileKernels();
  const pricer = new EdgePricer(network, target, kernels);
  const cached = new Map<string, EdgeTable>();
  const listNumbers = new Map<readonly Candidate[], number>();
  const numberOf = (list: readonly Candidate[]): number => {
    const known = listNumbers.get(list);
    if (known !== undefined) return known;
    listNumbers.set(list, listNumbers.size);
    return listNumbers.size - 1;
  };
  const tables = edges.map((edge) => {
    const [producers, consumers] = [at(candidates, edge.producer), at(candidates, edge.consumer)];
    const key = `${numberOf(producers)} ${numberOf(consumers)} ${edge.write} ${edge.read}`;
    const known = cached.get(key);
    if (known !== undefined) return known;
    const owned = producers.map((producer) => pricer.owned(edge, producer));
    const needed = consumers.map((consumer) => pricer.needed(edge, consumer));
    const table = pricer.table(edge, owned, needed);
    cached.set(key, table);
    return table;
  });
  const costOf: SearchSpace["costOf"] = (edge, producer, consumer) =>
    pricer.cost(edge, pricer.owned(edge, producer), pricer.needed(edge, consumer));
  const energies = countsEnergy ? energyTables(edges, candidates, pricer) : null;
  const ties = tiesOf(network, candidates);
  return { network, target, kernels, candidates, edges, costOf, tables, energies, ties, savings };
}

/** The candidates that have none of some splits; all where no other is left. */
function otherThan(list: readonly Candidate[], avoided: ReadonlySet<string> | undefined): readonly Candidate[] {
  if (avoided === undefined) return list;
  const others = list.filter(({ split }) => !avoided.has(formatSplit(split)));
  return others.length > 0 ? others : list;
}

/** By edge: picojoules, [producer candidate][consumer candidate]; worked out once for equal lists of candidates. */
function energyTables(
  edges: readonly Edge[],
  candidates: SearchSpace["candidates"],
  pricer: EdgePricer,
): readonly Float64Array[] {
  const known: { edge: Edge; table: Float64Array }[] = [];
  return edges.map((edge) => {
    const [producers, consumers] = [at(candidates, edge.producer), at(candidates, edge.consumer)];
    const same = known.find(
      (other) =>
        at(candidates, other.edge.producer) === producers &&
        at(candidates, other.edge.consumer) === consumers &&
        other.edge.write === edge.write &&
        other.edge.read === edge.read,
    );
    if (same !== undefined) return same.table;
    const owned = producers.map((producer) => pricer.owned(edge, producer));
    const needed = consumers.map((consumer) => pricer.needed(edge, consumer));
    const table = Float64Array.from(owned.flatMap((from) => needed.map((to) => pricer.energyPj(edge, from, to))));
    known.push({ edge, table });
    return table;
  });
}

function tiesOf({ ties }: Network, candidates: SearchSpace["candidates"]): PairCost[] {
  return ties.map(({ state, next }) => {
    const [left, right] = [at(candidates, state), at(candidates, next)];
    const splits = right.map(({ split }) => formatSplit(split));
    const table = left.flatMap(({ split }) =>
      splits.map((other) => (other === formatSplit(split) ? 0 : Number.POSITIVE_INFINITY)),
    );
    return { left: state, right: next, table: Float64Array.from(table) };
  });
}

/** The choices that cost least, as far as prices are needed to find them; null where choices would have to be left out by their looks. */
function leastByNeededPrices(
  single: readonly Float64Array[],
  open: readonly OpenPair[],
  others: readonly PairCost[],
  kernels: WebAssembly.Module,
): Minimum | null {
  const needed = priceNeeded(single, open, others, kernels);
  const pairs = open.map(({ left, right, table }) => ({ left, right, table: table.least }));
  return exactMinimum(needed, [...pairs, ...others], tableLimit, kernels);
}

/** The choices with the least Σ layers + Σ edges + Σ prices, of cycles and picojoules by what they weigh. */
export function search(
  space: SearchSpace,
  price: Price = () => 0,
  { perCycle, perPicojoule }: Weighing = cyclesAlone,
): SearchResult {
  const isCycles = perCycle === 1 && perPicojoule === 0;
  const single = space.candidates.map((list, layer) =>
    Float64Array.from(
      list,
      (candidate) => perCycle * candidate.cost.cycles + perPicojoule * candidate.energyPj + price(layer, candidate),
    ),
  );
  const savings = space.savings.map((pair) => ({ ...pair, table: pair.table.map((cycles) => perCycle * cycles) }));
  const others = [...space.ties, ...savings];
  const open = space.edges.map((edge, index) => ({
    left: edge.producer,
    right: edge.consumer,
    table: at(space.tables, index),
  }));
  const wholeCost = ({ left, right, table }: OpenPair, index: number): PairCost => {
    const cycles = table.whole();
    const picojoules = space.energies === null ? null : at(space.energies, index);
    const weighed = (each: number, entry: number): number =>
      perCycle * each + perPicojoule * (picojoules?.[entry] ?? 0);
    return { left, right, table: isCycles ? cycles : cycles.map(weighed) };
  };
  const { choices, exact } =
    (isCycles ? leastByNeededPrices(single, open, others, space.kernels) : null) ??
    minimize(single, [...open.map(wholeCost), ...others], tableLimit, space.kernels);
  const chosen = choices.map((choice, layer) => at(at(space.candidates, layer), choice));
  let predictedCycles = 0;
  let predictedPj = 0;
  for (const candidate of chosen) {
    predictedCycles += candidate.cost.cycles;
    predictedPj += candidate.energyPj;
  }
  space.edges.forEach((edge, index) => {
    const width = at(space.candidates, edge.consumer).length;
    const entry = at(choices, edge.producer) * width + at(choices, edge.consumer);
    predictedCycles += at(space.tables, index).cycles(entry);
    if (space.energies !== null) predictedPj += at(at(space.energies, index), entry);
  });
  for (const { left, right, table } of space.savings) {
    predictedCycles += at(table, at(choices, left) * at(space.candidates, right).length + at(choices, right));
  }
  return { chosen, predictedCycles, predictedPj, exact };
}
