import { internalError } from "../../base/errors.ts";
import { type Kept, type PairTable, sidesOf, undominatedChoices } from "./dominance.ts";
import { type Bucket, eliminationOrder } from "./elimination-order.ts";
import { type Factor, Minimizer } from "./minimum-over.ts";
import { type Table, TablePool } from "./table-pool.ts";

/** A cost that depends on the choices of two variables: [left choice][right choice], row-major. */
export interface PairCost {
  readonly left: number;
  readonly right: number;
  readonly table: Float64Array;
}

/** The choices that cost least together. */
export interface Minimum {
  /** By variable: the index of its choice. */
  readonly choices: readonly number[];
  readonly cost: number;
  /** False when choices had to be left out to keep tables within the limit. */
  readonly exact: boolean;
  /** Elements of tables that were added or compared while eliminating: what the time is about proportional to. */
  readonly operationCount: number;
}

/** The costs of a problem, equal ones kept once, at most one for each pair of variables. */
interface Costs {
  readonly single: readonly Table[];
  readonly pairs: readonly PairTable[];
  readonly sides: ReturnType<typeof sidesOf>;
}

/**
 * The least Σ single[v][choice of v] + Σ pair costs over all choices, by variable elimination in min-fill order: exact,
 * unless a table would exceed `tableLimit` entries; then variables keep only their most promising choices. Choices that
 * another one beats whatever the neighbours do are left out first. Equal tables are eliminated once, so that the repeated
 * steps of a network cost little. The same costs always give the same choices.
 */
export function minimize(
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
  tableLimit: number,
  kernels?: WebAssembly.Module,
): Minimum {
  const found = minimum(single, pairs, tableLimit, true, kernels);
  if (found === null) throw internalError("a search that may leave out choices found none");
  return found;
}

/** The same where no choices have to be left out; null otherwise. */
export function exactMinimum(
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
  tableLimit: number,
  kernels?: WebAssembly.Module,
): Minimum | null {
  return minimum(single, pairs, tableLimit, false, kernels);
}

function minimum(
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
  tableLimit: number,
  mayLeaveOut: boolean,
  kernels: WebAssembly.Module | undefined,
): Minimum | null {
  const pool = new TablePool();
  const costs = costsOf(single, pairs, pool);
  let kept = undominatedChoices(costs.single, costs.sides, kernels);
  for (let exact = true; ; exact = false) {
    // A variable with one choice only shifts the costs of its neighbours.
    const sizes = kept.map((choices) => choices.length);
    const open = costs.pairs.filter(({ left, right }) => (sizes[left] as number) > 1 && (sizes[right] as number) > 1);
    const order = eliminationOrder(sizes, open);
    const fewer = pruned(order, kept, costs, tableLimit);
    if (fewer === null) {
      const minimizer = new Minimizer(pool);
      const choices = eliminate(order, kept, costs, pool, minimizer);
      return { choices, cost: totalCost(choices, single, pairs), exact, operationCount: minimizer.operationCount };
    }
    if (!mayLeaveOut) return null;
    kept = fewer;
  }
}

/** Adds up the pair costs of the same two variables, smaller one first, and those of a variable with itself to its own. */
function costsOf(single: readonly Float64Array[], pairs: readonly PairCost[], pool: TablePool): Costs {
  const own = single.map((costs) => costs);
  const merged = new Map<string, PairCost>();
  const turned = new Map<Float64Array, Float64Array>();
  for (const { left, right, table } of pairs) {
    if (left === right) {
      const width = (single[left] as Float64Array).length;
      own[left] = (own[left] as Float64Array).map((cost, choice) => cost + (table[choice * width + choice] as number));
      continue;
    }
    const isTurned = left > right;
    let costs = isTurned ? turned.get(table) : table;
    if (costs === undefined) {
      costs = transposed(table, (single[left] as Float64Array).length);
      turned.set(table, costs);
    }
    const pair = { left: Math.min(left, right), right: Math.max(left, right), table: costs };
    const key = `${pair.left} ${pair.right}`;
    const known = merged.get(key);
    const sum = known === undefined ? costs : known.table.map((cost, index) => cost + (pair.table[index] as number));
    merged.set(key, { ...pair, table: sum });
  }
  const tables = [...merged.values()].map((pair) => ({ ...pair, table: pool.intern(pair.table) }));
  return {
    single: own.map((costs) => pool.intern(costs)),
    pairs: tables,
    sides: sidesOf(single.length, tables),
  };
}

function transposed(table: Float64Array, height: number): Float64Array {
  const width = table.length / height;
  return table.map((_, index) => table[(index % height) * width + Math.floor(index / height)] as number);
}

function totalCost(choices: readonly number[], single: readonly Float64Array[], pairs: readonly PairCost[]): number {
  let cost = 0;
  single.forEach((costs, variable) => {
    cost += costs[choices[variable] as number] as number;
  });
  for (const { left, right, table } of pairs) {
    cost += table[
      (choices[left] as number) * (single[right] as Float64Array).length + (choices[right] as number)
    ] as number;
  }
  return cost;
}

/**
 * Halves the choices of the variable with the most in each bucket with too large a table, keeping those with the least
 * optimistic cost, until it fits; null when all tables fit.
 */
function pruned(order: readonly Bucket[], kept: Kept, costs: Costs, limit: number): Kept | null {
  const result = [...kept];
  const sizeOf = (variable: number): number => (result[variable] as readonly number[]).length;
  const entriesOf = ({ variable, neighbours }: Bucket): number =>
    neighbours.reduce((entries, neighbour) => entries * sizeOf(neighbour), sizeOf(variable));
  let isWhole = true;
  for (const bucket of order) {
    if (entriesOf(bucket) <= limit) continue;
    const involved = [...bucket.neighbours, bucket.variable].sort((a, b) => a - b);
    while (entriesOf(bucket) > limit) {
      const largest = involved.reduce((most, variable) => (sizeOf(variable) > sizeOf(most) ? variable : most));
      const choices = result[largest] as readonly number[];
      if (choices.length === 1) break;
      const ranked = choices
        .map((choice) => ({ choice, cost: optimisticCost(largest, choice, costs) }))
        .sort((a, b) => a.cost - b.cost || a.choice - b.choice)
        .slice(0, Math.ceil(choices.length / 2));
      result[largest] = ranked.map(({ choice }) => choice).sort((a, b) => a - b);
      isWhole = false;
    }
  }
  return isWhole ? null : result;
}

/** The cost of a choice when all neighbours make the choice that suits it best. */
function optimisticCost(variable: number, choice: number, { single, sides }: Costs): number {
  const own = (single[variable] as Table).costs;
  let cost = own[choice] as number;
  for (const { table, isLeft } of sides[variable] ?? []) {
    const others = table.costs.length / own.length;
    let least = Number.POSITIVE_INFINITY;
    for (let other = 0; other < others; other += 1) {
      const entry = isLeft ? choice * others + other : other * own.length + choice;
      least = Math.min(least, table.costs[entry] as number);
    }
    cost += least;
  }
  return cost;
}

function eliminate(
  order: readonly Bucket[],
  kept: Kept,
  costs: Costs,
  pool: TablePool,
  minimizer: Minimizer,
): readonly number[] {
  const sizes = kept.map((choices) => choices.length);
  const factorsOf = kept.map((): Set<Factor> => new Set());
  for (const factor of factorsFor(kept, costs, pool)) {
    for (const variable of factor.variables) factorsOf[variable]?.add(factor);
  }
  const steps = order.map(({ variable, neighbours }) => {
    const factors = [...(factorsOf[variable] as Set<Factor>)];
    const { table, best } = minimizer.minimumOver(variable, neighbours, factors, sizes);
    for (const factor of factors) for (const other of factor.variables) factorsOf[other]?.delete(factor);
    const factor: Factor = { variables: neighbours, table };
    for (const neighbour of neighbours) factorsOf[neighbour]?.add(factor);
    return { variable, neighbours, best };
  });
  const positions = new Array<number>(kept.length).fill(0);
  for (const { variable, neighbours, best } of steps.reverse()) {
    let index = 0;
    for (const neighbour of neighbours) index = index * (sizes[neighbour] as number) + (positions[neighbour] as number);
    positions[variable] = best[index] as number;
  }
  return positions.map((position, variable) => (kept[variable] as readonly number[])[position] as number);
}

/** The costs over the kept choices: one factor a variable, with what its neighbours of one choice add, and one a pair. */
function factorsFor(kept: Kept, { single, pairs }: Costs, pool: TablePool): Factor[] {
  const lists = new Map<string, number>();
  const listNumbers = kept.map((choices) => {
    const key = choices.join();
    const number = lists.get(key) ?? lists.size;
    lists.set(key, number);
    return number;
  });
  const known = new Map<string, Table>();
  const own = kept.map((choices, variable) => {
    const { costs } = single[variable] as Table;
    return Float64Array.from(choices, (choice) => costs[choice] as number);
  });
  const factors: Factor[] = [];
  for (const { left, right, table } of pairs) {
    const [leftKept, rightKept] = [kept[left] as readonly number[], kept[right] as readonly number[]];
    const width = (single[right] as Table).costs.length;
    const costOf = (a: number, b: number): number => table.costs[a * width + b] as number;
    if (leftKept.length === 1) {
      const only = leftKept[0] as number;
      own[right] = (own[right] as Float64Array).map((cost, index) => cost + costOf(only, rightKept[index] as number));
    } else if (rightKept.length === 1) {
      const only = rightKept[0] as number;
      own[left] = (own[left] as Float64Array).map((cost, index) => cost + costOf(leftKept[index] as number, only));
    } else {
      const key = `${table.number} ${listNumbers[left]} ${listNumbers[right]}`;
      let part = known.get(key);
      if (part === undefined) {
        part = pool.intern(Float64Array.from(leftKept.flatMap((a) => rightKept.map((b) => costOf(a, b)))));
        known.set(key, part);
      }
      factors.push({ variables: [left, right], table: part });
    }
  }
  return [...own.map((costs, variable): Factor => ({ variables: [variable], table: pool.intern(costs) })), ...factors];
}
