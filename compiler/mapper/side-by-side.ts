import { at } from "../../base/math.ts";
import type { CorePlace, MappedStep } from "../../ir/mapping.ts";
import { weightPlanText } from "../../ir/weight-plan.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { adjacentOrder, coresOf, independentPairs, type LayerPair } from "../concurrency.ts";
import { firstCore, type Grid } from "../geometry.ts";
import type { Network } from "../network.ts";
import { type Candidate, candidatesOf } from "./candidates.ts";
import type { PairCost } from "./elimination.ts";
import { mayRunBeside, statedPairs } from "./pair-rules.ts";
import { savedCycles, savingTable } from "./shared-cores.ts";
import { formatSplit } from "./splits.ts";
import type { VectorWork } from "./work.ts";

/** How many layers apart two may stand to be looked at as a pair. */
const reach = 12;

/** Choices that a layer gets for a part of the grid. */
const partLimit = 12;

/** A part of the grid: from a corner on, as many rows and columns. */
interface Part {
  readonly corner: CorePlace;
  readonly grid: Grid;
}

/** Two layers that may run at once, and the cycles that this saves, below 0: [left choice][right choice]. */
export interface PairSaving extends PairCost {
  /** Whether given steps say that they do, even if it saves nothing. */
  readonly isStated: boolean;
}

/** The pair costs of layers that may run at once. */
export function savingsOf(
  network: Network,
  pair: LayerPair,
  isStated: boolean,
  candidates: readonly (readonly Candidate[])[],
): PairSaving {
  const { left, right } = pair;
  const saved = savingTable(network, pair, at(candidates, left), at(candidates, right));
  return { left, right, isStated, table: saved.map((cycles) => -cycles) };
}

/** The two parts of each cut of the grid at a quarter, a half and three quarters of its columns, or of its rows where it has one column. */
function cutsOf({ rows, columns }: Grid): { readonly first: Part; readonly second: Part }[] {
  const size = columns > 1 ? columns : rows;
  const places = new Set([1, 2, 3].map((quarters) => Math.floor((size * quarters) / 4)).filter((place) => place > 0));
  return [...places].map((place) => ({
    first: { corner: firstCore, grid: columns > 1 ? { rows, columns: place } : { rows: place, columns } },
    second: {
      corner: columns > 1 ? { row: 0, column: place } : { row: place, column: 0 },
      grid: columns > 1 ? { rows, columns: columns - place } : { rows: rows - place, columns },
    },
  }));
}

/**
 * Adds to the candidates of a network those by which two layers can run side by side. Pairs are looked for among contractions,
 * vector and reduce layers that do not depend on each other and stand at most `reach` apart. What a pair may save is estimated by
 * the least cycles of both on all cores, one after the other, against both at once there, or against the longer of both on either
 * side of a cut of the grid; by falling estimates pairs are taken whose layers are in no other pair and that leave an order of all
 * layers. Where a cut is best, their layers get choices on their sides of it. Layers in `pins` are paired as their steps say, others
 * not where `looksForPairs` is false.
 */
export function sideBySide(
  network: Network,
  candidates: readonly (readonly Candidate[])[],
  work: VectorWork,
  target: ChipTarget,
  pins: ReadonlyMap<string, MappedStep>,
  countsEnergy: boolean,
  looksForPairs: boolean,
): { readonly savings: readonly PairSaving[]; readonly candidates: readonly (readonly Candidate[])[] } {
  const pinned = statedPairs(network, pins);
  const cuts = cutsOf(target.grid);
  const savings = (pairs: readonly LayerPair[], lists: readonly (readonly Candidate[])[]): PairSaving[] =>
    pairs.map((pair, index) => savingsOf(network, pair, index < pinned.length, lists));
  if (!looksForPairs) return { savings: savings(pinned, candidates), candidates };
  const isFree = network.layers.map(({ name }, index) => !pins.has(name) && mayRunBeside(network, index));
  const quickestOf = candidates.map(quickest);
  const partLists = new PartLists(network, candidates, work, target, countsEnergy);
  const offers = independentPairs(network, reach)
    .filter(({ left, right }) => isFree[left] && isFree[right])
    .map(({ left, right }) => {
      const [own, other] = [at(quickestOf, left), at(quickestOf, right)];
      const cycles = cuts.map(({ first, second }) =>
        Math.max(cyclesOf(quickest(partLists.of(left, first))), cyclesOf(quickest(partLists.of(right, second)))),
      );
      const apart = cyclesOf(own) + cyclesOf(other) - Math.min(...cycles);
      const shared = own === null || other === null ? 0 : savedCycles(network, { left, right }, own, other);
      const cut = shared >= apart ? null : at(cuts, cycles.indexOf(Math.min(...cycles)));
      return { left, right, saved: Math.max(shared, apart), cut };
    })
    .filter(({ saved }) => saved > 0)
    .sort((a, b) => b.saved - a.saved);
  const result = [...candidates];
  const paired = new Set<number>();
  const pairs: LayerPair[] = [...pinned];
  for (const { left, right, cut } of offers) {
    if (paired.has(left) || paired.has(right) || adjacentOrder(network, [...pairs, { left, right }]) === null) continue;
    pairs.push({ left, right });
    paired.add(left).add(right);
    if (cut === null) continue;
    result[left] = partLists.joined(left, cut.first);
    result[right] = partLists.joined(right, cut.second);
  }
  return { savings: savings(pairs, result), candidates: result };
}

/** The choice of the least cycles, the first of equals; null of none. */
function quickest(candidates: readonly Candidate[]): Candidate | null {
  return candidates.reduce<Candidate | null>(
    (best, candidate) => (candidate.cost.cycles < cyclesOf(best) ? candidate : best),
    null,
  );
}

function cyclesOf(candidate: Candidate | null): number {
  return candidate?.cost.cycles ?? Number.POSITIVE_INFINITY;
}

/** The choices of layers on parts of the grid; layers with equal choices on the whole grid share them. */
class PartLists {
  readonly #network: Network;
  readonly #candidates: readonly (readonly Candidate[])[];
  readonly #work: VectorWork;
  readonly #target: ChipTarget;
  readonly #countsEnergy: boolean;
  readonly #lists = new Map<readonly Candidate[], Map<string, readonly Candidate[]>>();

  constructor(
    network: Network,
    candidates: readonly (readonly Candidate[])[],
    work: VectorWork,
    target: ChipTarget,
    countsEnergy: boolean,
  ) {
    this.#network = network;
    this.#candidates = candidates;
    this.#work = work;
    this.#target = target;
    this.#countsEnergy = countsEnergy;
  }

  #known(
    layer: number,
    key: string,
    make: (whole: readonly Candidate[]) => readonly Candidate[],
  ): readonly Candidate[] {
    const whole = at(this.#candidates, layer);
    const lists = this.#lists.get(whole) ?? new Map<string, readonly Candidate[]>();
    this.#lists.set(whole, lists);
    const known = lists.get(key) ?? make(whole);
    lists.set(key, known);
    return known;
  }

  /** The choices of a layer on a part of the grid. */
  of(layer: number, part: Part): readonly Candidate[] {
    return this.#known(layer, JSON.stringify(part), (whole) => {
      const { rows, columns } = part.grid;
      const fitting = whole.map(coresOf).map((cores) => cores.rows <= rows && cores.columns <= columns);
      const { name } = at(this.#network.layers, layer);
      return candidatesOf(
        at(this.#network.layers, layer),
        this.#work.get(name) ?? [],
        this.#target,
        whole.flatMap(({ split }, index) => (fitting[index] ? [split] : [])),
        partLimit,
        this.#countsEnergy,
        part,
      );
    });
  }

  /** The choices of a layer on the whole grid and on a part of it, each once. */
  joined(layer: number, part: Part): readonly Candidate[] {
    return this.#known(layer, `joined ${JSON.stringify(part)}`, (whole) => {
      const all = [...whole, ...this.of(layer, part)];
      const keyOf = ({ split, corner, weights }: Candidate): string =>
        `${formatSplit(split)} ${corner.row},${corner.column} ${weights && weightPlanText(weights)}`;
      return [...new Map(all.map((candidate): [string, Candidate] => [keyOf(candidate), candidate])).values()];
    });
  }
}
