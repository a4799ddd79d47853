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
}

interface Factor {
  /** Ascending. */
  readonly variables: readonly number[];
  readonly table: Float64Array;
}

interface Elimination {
  readonly variable: number;
  readonly neighbours: readonly number[];
  /** By joint choice of the neighbours: the best choice of the variable. */
  readonly best: Uint16Array;
}

/**
 * The least Σ single[v][choice of v] + Σ pair costs over all choices, by variable elimination in min-fill order: exact,
 * unless a table would exceed `tableLimit` entries; then variables keep only their most promising choices. Of equal
 * minima, the one with the lowest choice of the variable eliminated last, and so on backwards, is taken.
 */
export function minimize(single: readonly Float64Array[], pairs: readonly PairCost[], tableLimit: number): Minimum {
  let kept: readonly (readonly number[])[] = single.map((costs) =>
    Array.from({ length: costs.length }, (_, index) => index),
  );
  let exact = true;
  for (;;) {
    const order = eliminationOrder(kept, pairs);
    const excess = firstExcess(order, kept, tableLimit);
    if (excess === null) {
      const result = eliminate(
        order.map(({ variable }) => variable),
        kept,
        single,
        pairs,
      );
      return { ...result, exact };
    }
    exact = false;
    kept = pruned(excess, kept, single, pairs, tableLimit);
  }
}

interface Bucket {
  readonly variable: number;
  readonly neighbours: readonly number[];
}

/** Eliminates the variable that adds the fewest new neighbours pairs first; of equals the one with the smallest table, then the lowest. */
function eliminationOrder(kept: readonly (readonly number[])[], pairs: readonly PairCost[]): Bucket[] {
  const neighbours = kept.map(() => new Set<number>());
  for (const { left, right } of pairs) {
    if (left === right) continue;
    neighbours[left]?.add(right);
    neighbours[right]?.add(left);
  }
  const remaining = new Set(kept.keys());
  const scores = new Map<number, readonly [number, number]>();
  const scoreOf = (variable: number): readonly [number, number] => {
    const around = [...(neighbours[variable] as Set<number>)];
    let fill = 0;
    let entries = (kept[variable] as readonly number[]).length;
    around.forEach((one, index) => {
      entries *= (kept[one] as readonly number[]).length;
      for (let other = index + 1; other < around.length; other += 1) {
        if (!(neighbours[one] as Set<number>).has(around[other] as number)) fill += 1;
      }
    });
    return [fill, entries];
  };
  for (const variable of remaining) scores.set(variable, scoreOf(variable));
  const order: Bucket[] = [];
  while (remaining.size > 0) {
    let chosen = -1;
    let least: readonly [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const variable of remaining) {
      const score = scores.get(variable) as readonly [number, number];
      if (score[0] < least[0] || (score[0] === least[0] && score[1] < least[1])) {
        chosen = variable;
        least = score;
      }
    }
    const around = [...(neighbours[chosen] as Set<number>)].sort((a, b) => a - b);
    order.push({ variable: chosen, neighbours: around });
    remaining.delete(chosen);
    const changed = new Set<number>(around);
    for (const one of around) {
      neighbours[one]?.delete(chosen);
      for (const other of around) if (one !== other) neighbours[one]?.add(other);
      for (const far of neighbours[one] as Set<number>) changed.add(far);
    }
    for (const variable of changed) scores.set(variable, scoreOf(variable));
  }
  return order;
}

function tableEntries(bucket: Bucket, kept: readonly (readonly number[])[]): number {
  let entries = (kept[bucket.variable] as readonly number[]).length;
  for (const neighbour of bucket.neighbours) entries *= (kept[neighbour] as readonly number[]).length;
  return entries;
}

function firstExcess(order: readonly Bucket[], kept: readonly (readonly number[])[], limit: number): Bucket | null {
  return order.find((bucket) => tableEntries(bucket, kept) > limit && tableEntries(bucket, kept) > 1) ?? null;
}

/** Halves the choices of the bucket's variable with the most, keeping those with the least optimistic cost, until its table fits. */
function pruned(
  bucket: Bucket,
  kept: readonly (readonly number[])[],
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
  limit: number,
): (readonly number[])[] {
  const result = [...kept];
  const involved = [...bucket.neighbours, bucket.variable].sort((a, b) => a - b);
  while (tableEntries(bucket, result) > limit) {
    let largest = involved[0] as number;
    for (const variable of involved) {
      if ((result[variable] as readonly number[]).length > (result[largest] as readonly number[]).length)
        largest = variable;
    }
    const choices = result[largest] as readonly number[];
    if (choices.length === 1) break;
    const ranked = choices
      .map((choice) => ({ choice, cost: optimisticCost(largest, choice, single, pairs) }))
      .sort((a, b) => a.cost - b.cost || a.choice - b.choice)
      .slice(0, Math.ceil(choices.length / 2));
    result[largest] = ranked.map(({ choice }) => choice).sort((a, b) => a - b);
  }
  return result;
}

function optimisticCost(
  variable: number,
  choice: number,
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
): number {
  let cost = (single[variable] as Float64Array)[choice] as number;
  for (const { left, right, table } of pairs) {
    if (left !== variable && right !== variable) continue;
    const rightCount = (single[right] as Float64Array).length;
    const leftCount = (single[left] as Float64Array).length;
    let least = Number.POSITIVE_INFINITY;
    if (left === variable) {
      for (let other = 0; other < rightCount; other += 1)
        least = Math.min(least, table[choice * rightCount + other] as number);
    } else {
      for (let other = 0; other < leftCount; other += 1)
        least = Math.min(least, table[other * rightCount + choice] as number);
    }
    cost += least;
  }
  return cost;
}

function eliminate(
  order: readonly number[],
  kept: readonly (readonly number[])[],
  single: readonly Float64Array[],
  pairs: readonly PairCost[],
): { readonly choices: readonly number[]; readonly cost: number } {
  const sizes = kept.map((choices) => choices.length);
  const factorsOf = kept.map(() => new Set<Factor>());
  const add = (factor: Factor): void => {
    for (const variable of factor.variables) factorsOf[variable]?.add(factor);
  };
  kept.forEach((choices, variable) => {
    const costs = single[variable] as Float64Array;
    add({ variables: [variable], table: Float64Array.from(choices, (choice) => costs[choice] as number) });
  });
  for (const pair of pairs) add(pairFactor(pair, kept, single));
  let cost = 0;
  const steps: Elimination[] = [];
  for (const variable of order) {
    const factors = [...(factorsOf[variable] as Set<Factor>)];
    const neighbours = [...new Set(factors.flatMap((factor) => factor.variables))]
      .filter((other) => other !== variable)
      .sort((a, b) => a - b);
    const { table, best } = minimumOver(variable, neighbours, factors, sizes);
    for (const factor of factors) for (const other of factor.variables) factorsOf[other]?.delete(factor);
    steps.push({ variable, neighbours, best });
    if (neighbours.length === 0) cost += table[0] as number;
    else add({ variables: neighbours, table });
  }
  const positions = new Array<number>(kept.length).fill(0);
  for (const { variable, neighbours, best } of steps.reverse()) {
    let index = 0;
    for (const neighbour of neighbours) index = index * (sizes[neighbour] as number) + (positions[neighbour] as number);
    positions[variable] = best[index] as number;
  }
  return {
    choices: positions.map((position, variable) => (kept[variable] as readonly number[])[position] as number),
    cost,
  };
}

/** A pair cost over the kept choices, smaller variable first. */
function pairFactor(pair: PairCost, kept: readonly (readonly number[])[], single: readonly Float64Array[]): Factor {
  const width = (single[pair.right] as Float64Array).length;
  const [leftKept, rightKept] = [kept[pair.left] as readonly number[], kept[pair.right] as readonly number[]];
  if (pair.left === pair.right) {
    return {
      variables: [pair.left],
      table: Float64Array.from(leftKept, (choice) => pair.table[choice * width + choice] as number),
    };
  }
  const swap = pair.left > pair.right;
  const [outer, inner] = swap ? [rightKept, leftKept] : [leftKept, rightKept];
  const table = new Float64Array(outer.length * inner.length);
  let entry = 0;
  for (const a of outer) {
    for (const b of inner) {
      table[entry] = pair.table[swap ? b * width + a : a * width + b] as number;
      entry += 1;
    }
  }
  return { variables: swap ? [pair.right, pair.left] : [pair.left, pair.right], table };
}

/** For each joint choice of the neighbours, the least sum of the factors over the variable's choices. */
function minimumOver(
  variable: number,
  neighbours: readonly number[],
  factors: readonly Factor[],
  sizes: readonly number[],
): { readonly table: Float64Array; readonly best: Uint16Array } {
  const scope = [...neighbours, variable];
  const strides = factors.map((factor) => scopeStrides(factor, scope, sizes));
  const neighbourSizes = neighbours.map((neighbour) => sizes[neighbour] as number);
  const entries = neighbourSizes.reduce((count, size) => count * size, 1);
  const choices = sizes[variable] as number;
  const table = new Float64Array(entries);
  const best = new Uint16Array(entries);
  const offsets = new Int32Array(factors.length);
  const counter = new Int32Array(neighbours.length);
  const sums = new Float64Array(choices);
  for (let entry = 0; entry < entries; entry += 1) {
    sums.fill(0);
    for (let index = 0; index < factors.length; index += 1) {
      const values = (factors[index] as Factor).table;
      const stride = (strides[index] as Int32Array)[neighbours.length] as number;
      let at = offsets[index] as number;
      for (let choice = 0; choice < choices; choice += 1, at += stride) {
        sums[choice] = (sums[choice] as number) + (values[at] as number);
      }
    }
    let least = 0;
    for (let choice = 1; choice < choices; choice += 1) {
      if ((sums[choice] as number) < (sums[least] as number)) least = choice;
    }
    table[entry] = sums[least] as number;
    best[entry] = least;
    for (let digit = neighbours.length - 1; digit >= 0; digit -= 1) {
      const next = (counter[digit] as number) + 1;
      const wraps = next === neighbourSizes[digit];
      counter[digit] = wraps ? 0 : next;
      for (let index = 0; index < factors.length; index += 1) {
        const stride = (strides[index] as Int32Array)[digit] as number;
        offsets[index] = (offsets[index] as number) + (wraps ? -stride * (next - 1) : stride);
      }
      if (!wraps) break;
    }
  }
  return { table, best };
}

/** By variable of the scope: how far one step moves in the factor's table; 0 when the factor does not have it. */
function scopeStrides(factor: Factor, scope: readonly number[], sizes: readonly number[]): Int32Array {
  const strides = new Int32Array(scope.length);
  let stride = 1;
  for (let index = factor.variables.length - 1; index >= 0; index -= 1) {
    const variable = factor.variables[index] as number;
    strides[scope.indexOf(variable)] = stride;
    stride *= sizes[variable] as number;
  }
  return strides;
}
