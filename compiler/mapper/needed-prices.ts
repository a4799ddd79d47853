import { at } from "../../base/math.ts";
import { type Bounds, CostBounds } from "../../kernels/cost-bounds.ts";
import type { EdgeTable } from "./edge-table.ts";
import type { PairCost } from "./elimination.ts";

/** A pair cost of which not all entries are known. */
export interface OpenPair {
  readonly left: number;
  readonly right: number;
  readonly table: EdgeTable;
}

/** Looking at an entry in all sweeps takes about this share of the time of a price. */
const sweepShare = 1 / 300;

/** Sweeps after which all that may matter is priced at once. */
const turnLimit = 20;

/** How far from the bound to the best total prices are worked out in one turn, and of how many of the entries at most, about. */
const turnShare = 1 / 4;
const entryShare = 1 / 16;

/** Every which entry is looked at to tell how many there are below a bound. */
const sampleStride = 16;

/** What rounding may add to a bound, as a share of the total. */
const roundingShare = 1e-9;

/**
 * Works out prices until those that are left cannot be part of choices that cost least: choices with one of these cost more,
 * by a lower bound, than some choices all of whose prices are known. The least total, and all choices that have it, are then the
 * same as if all prices were known. Gives the costs of single choices, infinite where the same is true of a choice. Pairs are of
 * two different variables.
 */
export function priceNeeded(
  single: readonly Float64Array[],
  open: readonly OpenPair[],
  others: readonly PairCost[],
  kernels?: WebAssembly.Module,
): readonly Float64Array[] {
  const tables = [...new Set(open.map(({ table }) => table))];
  const entryCount = open.reduce((count, { table }) => count + table.least.length, 0);
  if (tables.reduce((count, { unknownCount }) => count + unknownCount, 0) < entryCount * sweepShare) {
    for (const table of tables) table.whole();
    return single;
  }
  const pairs = [...open.map(({ left, right, table }) => ({ left, right, table: table.least })), ...others];
  const costs = new CostBounds(single, pairs, kernels);
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; ; turn += 1) {
    costs.sweep();
    best = Math.min(best, knownTotal(costs.goodChoices(), single, open, others));
    if (best === Number.POSITIVE_INFINITY) {
      for (const table of tables) table.whole();
      return single;
    }
    const bounds = costs.bounds();
    const limit = best + 1 + Math.abs(best) * roundingShare;
    const near = Math.min(bounds.total + (best - bounds.total) * turnShare, lowest(entryShare, open, bounds));
    if (turn < turnLimit && priceUpTo(Math.min(Math.max(near, bounds.total + 1), limit), open, costs) > 0) continue;
    if (priceUpTo(limit, open, costs) > 0) continue;
    return single.map((own, variable) => {
      const least = at(bounds.choices, variable);
      return own.map((cost, choice) => ((least[choice] as number) > limit ? Number.POSITIVE_INFINITY : cost));
    });
  }
}

/** About that below which a share of the entries lies that are not known. */
function lowest(share: number, open: readonly OpenPair[], { entries }: Bounds): number {
  const sampled = (length: number): number => Math.ceil(length / sampleStride);
  const sample = new Float64Array(entries.reduce((count, { length }) => count + sampled(length), 0));
  let count = 0;
  for (let pair = 0; pair < open.length; pair += 1) {
    const { table } = at(open, pair);
    if (table.unknownCount === 0) continue;
    const least = at(entries, pair);
    for (let entry = 0; entry < least.length; entry += sampleStride) {
      if (table.isKnown(entry)) continue;
      sample[count] = least[entry] as number;
      count += 1;
    }
  }
  return sample.subarray(0, count).sort()[Math.floor(count * share)] ?? Number.POSITIVE_INFINITY;
}

/** Works out prices of entries with which totals may be as low as `limit`; gives how many. */
function priceUpTo(limit: number, open: readonly OpenPair[], costs: CostBounds): number {
  let count = 0;
  for (let pair = 0; pair < open.length; pair += 1) {
    const { table } = at(open, pair);
    if (table.unknownCount === 0) continue;
    const low = costs.entriesUpTo(pair, limit);
    for (let place = 0; place < low.length; place += 1) {
      const entry = low[place] as number;
      if (table.isKnown(entry)) continue;
      table.cycles(entry);
      count += 1;
    }
  }
  return count;
}

/** What choices cost, their prices being worked out. */
function knownTotal(
  choices: readonly number[],
  single: readonly Float64Array[],
  open: readonly OpenPair[],
  others: readonly PairCost[],
): number {
  const entryOf = ({ left, right }: { readonly left: number; readonly right: number }): number =>
    at(choices, left) * at(single, right).length + at(choices, right);
  let total = 0;
  single.forEach((costs, variable) => {
    total += costs[at(choices, variable)] as number;
  });
  for (const pair of open) total += pair.table.cycles(entryOf(pair));
  for (const pair of others) total += pair.table[entryOf(pair)] as number;
  return total;
}
