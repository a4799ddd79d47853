import { type Bounds, finite, type PairCosts } from "../cost-bounds.ts";

/** A pair cost and what has been moved from it to the costs of its two variables, by choice. */
interface Pair {
  readonly left: number;
  readonly right: number;
  readonly table: Float64Array;
  readonly toLeft: Float64Array;
  readonly toRight: Float64Array;
}

/** What `CostBounds` works out, in the same steps. */
export class PlainCostBounds {
  readonly #own: readonly Float64Array[];
  readonly #pairs: readonly Pair[];
  readonly #pairsOf: readonly (readonly Pair[])[];
  readonly #parallel: readonly (readonly number[])[];

  constructor(single: readonly Float64Array[], pairs: readonly PairCosts[]) {
    this.#own = single.map((costs) => costs.map(finite));
    this.#pairs = pairs.map(({ left, right, table }) => ({
      left,
      right,
      table,
      toLeft: new Float64Array((single[left] as Float64Array).length),
      toRight: new Float64Array((single[right] as Float64Array).length),
    }));
    const pairsOf = single.map((): Pair[] => []);
    for (const pair of this.#pairs) {
      pairsOf[pair.left]?.push(pair);
      pairsOf[pair.right]?.push(pair);
    }
    this.#pairsOf = pairsOf;
    this.#parallel = parallelPairs(this.#pairs);
  }

  /** Moves costs along all variables forwards, then backwards. */
  sweep(): void {
    for (let variable = 0; variable < this.#own.length; variable += 1) this.#pass(variable, 1);
    for (let variable = this.#own.length - 1; variable >= 0; variable -= 1) this.#pass(variable, -1);
  }

  /** Gathers at a variable what its pairs cost at least, and hands it on to those that come later in a direction. */
  #pass(variable: number, direction: number): void {
    const own = this.#own[variable] as Float64Array;
    const pairs = this.#pairsOf[variable] as readonly Pair[];
    let later = 0;
    for (const pair of pairs) {
      gather(pair, variable, own);
      if ((otherOf(pair, variable) - variable) * direction > 0) later += 1;
    }
    if (later === 0) return;
    const parts = Math.max(later, pairs.length - later);
    const share = own.map((cost) => cost / parts);
    for (const pair of pairs) {
      if ((otherOf(pair, variable) - variable) * direction < 0) continue;
      const moved = pair.left === variable ? pair.toLeft : pair.toRight;
      for (let choice = 0; choice < own.length; choice += 1) {
        moved[choice] = (moved[choice] as number) - (share[choice] as number);
        own[choice] = (own[choice] as number) - (share[choice] as number);
      }
    }
  }

  /** Choices that cost little together: each the best beside those before it, and what those behind it cost at least. */
  goodChoices(): number[] {
    const choices: number[] = [];
    for (let variable = 0; variable < this.#own.length; variable += 1) {
      const costs = Float64Array.from(this.#own[variable] as Float64Array);
      for (const pair of this.#pairsOf[variable] as readonly Pair[]) {
        const chosen = choices[otherOf(pair, variable)];
        if (chosen === undefined)
          gather({ ...pair, toLeft: pair.toLeft.slice(), toRight: pair.toRight.slice() }, variable, costs);
        else addBeside(pair, variable, chosen, costs);
      }
      let best = 0;
      for (let choice = 1; choice < costs.length; choice += 1)
        if ((costs[choice] as number) < (costs[best] as number)) best = choice;
      choices.push(best);
    }
    return choices;
  }

  /** The bounds as costs lie now. */
  bounds(): Bounds {
    let total = 0;
    const excess = this.#own.map((own) => {
      const least = smallest(own);
      total += least;
      return own.map((cost) => cost - least);
    });
    const rests = this.#pairs.map((pair) => {
      const rest = restOf(pair);
      const least = smallest(rest);
      total += least;
      const [left, right] = [new Float64Array(pair.toLeft.length), new Float64Array(pair.toRight.length)];
      left.fill(Number.POSITIVE_INFINITY);
      right.fill(Number.POSITIVE_INFINITY);
      for (let entry = 0, a = 0; a < left.length; a += 1) {
        for (let b = 0; b < right.length; b += 1, entry += 1) {
          const cost = (rest[entry] as number) - least;
          rest[entry] = cost;
          if (cost < (left[a] as number)) left[a] = cost;
          if (cost < (right[b] as number)) right[b] = cost;
        }
      }
      return { rest, left, right };
    });
    // What a choice costs beyond the least, its own and of each of its pairs.
    this.#pairs.forEach((pair, index) => {
      const { left, right } = rests[index] as (typeof rests)[number];
      addTo(excess[pair.left] as Float64Array, left);
      addTo(excess[pair.right] as Float64Array, right);
    });
    const entries = this.#pairs.map((pair, index) => {
      const { rest, left, right } = rests[index] as (typeof rests)[number];
      const ofLeft = excess[pair.left] as Float64Array;
      // What another pair of the same two variables costs is counted on the left alone.
      const ofRight = (excess[pair.right] as Float64Array).slice();
      for (const other of this.#parallel[index] as readonly number[]) {
        const sides = rests[other] as (typeof rests)[number];
        takeFrom(ofRight, this.#pairs[other]?.right === pair.right ? sides.right : sides.left);
      }
      for (let entry = 0, a = 0; a < left.length; a += 1) {
        const beside = total + (ofLeft[a] as number) - (left[a] as number);
        for (let b = 0; b < right.length; b += 1, entry += 1) {
          rest[entry] = (rest[entry] as number) + beside + (ofRight[b] as number) - (right[b] as number);
        }
      }
      return rest;
    });
    return { total, choices: excess.map((costs) => costs.map((cost) => total + cost)), entries };
  }
}

function otherOf({ left, right }: Pair, variable: number): number {
  return left === variable ? right : left;
}

function smallest(costs: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < costs.length; index += 1)
    if ((costs[index] as number) < least) least = costs[index] as number;
  return least;
}

function addTo(costs: Float64Array, more: Float64Array): void {
  for (let index = 0; index < costs.length; index += 1)
    costs[index] = (costs[index] as number) + (more[index] as number);
}

function takeFrom(costs: Float64Array, less: Float64Array): void {
  for (let index = 0; index < costs.length; index += 1)
    costs[index] = (costs[index] as number) - (less[index] as number);
}

/** By pair: the numbers of the others between the same two variables. */
function parallelPairs(pairs: readonly Pair[]): (readonly number[])[] {
  const groups = new Map<string, number[]>();
  const keys = pairs.map(({ left, right }) => `${Math.min(left, right)} ${Math.max(left, right)}`);
  keys.forEach((key, pair) => {
    const group = groups.get(key) ?? [];
    group.push(pair);
    groups.set(key, group);
  });
  return keys.map((key, pair) => (groups.get(key) ?? []).filter((other) => other !== pair));
}

/** The table less what has been moved from it. */
function restOf({ table, toLeft, toRight }: Pair): Float64Array {
  const rest = new Float64Array(table.length);
  for (let entry = 0, a = 0; a < toLeft.length; a += 1) {
    for (let b = 0; b < toRight.length; b += 1, entry += 1) {
      rest[entry] = finite(table[entry] as number) - (toLeft[a] as number) - (toRight[b] as number);
    }
  }
  return rest;
}

/** Moves the least that a pair costs with each choice of a variable to the variable's own costs. */
function gather({ left, table, toLeft, toRight }: Pair, variable: number, own: Float64Array): void {
  const isLeft = left === variable;
  const moved = isLeft ? toLeft : toRight;
  const least = new Float64Array(moved.length).fill(Number.POSITIVE_INFINITY);
  for (let entry = 0, a = 0; a < toLeft.length; a += 1) {
    const offset = isLeft ? 0 : (toLeft[a] as number);
    let best = Number.POSITIVE_INFINITY;
    for (let b = 0; b < toRight.length; b += 1, entry += 1) {
      const cost = finite(table[entry] as number);
      if (isLeft) {
        const rest = cost - (toRight[b] as number);
        if (rest < best) best = rest;
      } else if (cost - offset < (least[b] as number)) least[b] = cost - offset;
    }
    if (isLeft) least[a] = best;
  }
  for (let choice = 0; choice < own.length; choice += 1) {
    own[choice] = (own[choice] as number) + (least[choice] as number) - (moved[choice] as number);
    moved[choice] = least[choice] as number;
  }
}

/** Adds to a variable's costs what is left of a pair's beside a choice of the other. */
function addBeside(
  { left, table, toLeft, toRight }: Pair,
  variable: number,
  chosen: number,
  costs: Float64Array,
): void {
  const width = toRight.length;
  for (let choice = 0; choice < costs.length; choice += 1) {
    const [a, b] = left === variable ? [choice, chosen] : [chosen, choice];
    const rest = finite(table[a * width + b] as number) - (toLeft[a] as number) - (toRight[b] as number);
    costs[choice] = (costs[choice] as number) + rest;
  }
}
