import type { Table, TablePool } from "./table-pool.ts";

/** A cost that depends on the choices of several variables, row-major. */
export interface Factor {
  /** Ascending. */
  readonly variables: readonly number[];
  readonly table: Table;
}

/** What is left of the factors of a variable once it always makes its best choice. */
interface Elimination {
  /** By joint choice of the other variables: the least sum of the factors, less the least of all these sums. */
  readonly table: Table;
  /** By joint choice of the other variables: the best choice of the variable, the lowest of equals. */
  readonly best: Uint16Array;
}

/** A table over variables that are named by their places in a scope. */
interface Local {
  readonly places: readonly number[];
  readonly costs: Float64Array;
}

/** Minimizes over single variables; what was done once, for tables and places that are the same, is not done again. */
export class Minimizer {
  readonly #pool: TablePool;
  readonly #known = new Map<string, Elimination>();
  /** Elements that were added or compared: what the work is proportional to. */
  #operationCount = 0;

  constructor(pool: TablePool) {
    this.#pool = pool;
  }

  /** Elements that were added or compared so far. */
  get operationCount(): number {
    return this.#operationCount;
  }

  /** For each joint choice of the neighbours (ascending), the least sum of the factors over the variable's choices. */
  minimumOver(
    variable: number,
    neighbours: readonly number[],
    factors: readonly Factor[],
    sizes: readonly number[],
  ): Elimination {
    // The variable itself stands last.
    const scope = [...neighbours, variable];
    const places = factors.map((factor) => factor.variables.map((each) => scope.indexOf(each)));
    const scopeSizes = scope.map((each) => sizes[each] as number);
    const parts = factors.map(({ table }, index) => `${table.number}:${(places[index] as number[]).join()}`);
    const key = `${scopeSizes.join()} ${parts.sort().join(" ")}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const locals = factors.map(
      ({ table }, index): Local => ({ places: places[index] as number[], costs: table.costs }),
    );
    const made = this.#eliminated(locals, scopeSizes);
    this.#known.set(key, made);
    return made;
  }

  /** Minimizes over the last place of the scope. */
  #eliminated(locals: readonly Local[], sizes: readonly number[]): Elimination {
    const own = sizes.length - 1;
    const inner = innermost(locals, sizes);
    const outer = Array.from({ length: own }, (_, place) => place).filter((place) => place !== inner);
    const { costs, best } = this.#minimum(locals, sizes, outer, inner);
    const order = inner === null ? [] : [...outer, inner];
    const ascending = [...order].sort((a, b) => a - b);
    const table = arranged({ places: order, costs }, ascending, sizes, (length) => new Float64Array(length));
    return {
      table: this.#pool.intern(fromLeast(table)),
      best: arranged({ places: order, costs: best }, ascending, sizes, (length) => new Uint16Array(length)),
    };
  }

  /** The least sums over the own place, [outer places..., inner place]. */
  #minimum(
    locals: readonly Local[],
    sizes: readonly number[],
    outer: readonly number[],
    inner: number | null,
  ): { readonly costs: Float64Array; readonly best: Uint16Array } {
    const own = sizes.length - 1;
    const choices = sizes[own] as number;
    const width = inner === null ? 1 : (sizes[inner] as number);
    // The inner neighbour varies fastest and is gone through inside; the variable's choices come next, then the others.
    const [withInner, without] = [true, false].map((wanted) => {
      const block = wanted && inner !== null ? [own, inner] : [own];
      const members = locals.filter(({ places }) => (inner !== null && places.includes(inner)) === wanted);
      return this.#absorbed(members, sizes).map((local): Walk => {
        const places = outer.filter((place) => local.places.includes(place));
        const costs = arranged(local, [...places, ...block], sizes, (length) => new Float64Array(length));
        this.#operationCount += costs.length;
        return { costs, strides: stridesIn(outer, places, sizes, wanted ? choices * width : choices) };
      });
    }) as [Walk[], Walk[]];
    const entries = entriesOf(outer, sizes);
    const costs = new Float64Array(entries * width).fill(Number.POSITIVE_INFINITY);
    const best = new Uint16Array(entries * width);
    const base = new Float64Array(choices);
    const counter = new Int32Array(outer.length);
    const walks = [...without, ...withInner];
    const offsets = walks.map(() => 0);
    const moving = outer.map((_, digit) => withInner.some(({ strides }) => strides[digit] !== 0));
    const rows = new RowSums(
      withInner,
      choices,
      width,
      moving.every((moves) => moves),
    );
    for (let entry = 0; entry < entries; entry += 1) {
      base.fill(0);
      for (let index = 0; index < without.length; index += 1) {
        const from = (without[index] as Walk).costs;
        const offset = offsets[index] as number;
        for (let choice = 0; choice < choices; choice += 1)
          base[choice] = (base[choice] as number) + (from[offset + choice] as number);
      }
      this.#operationCount += choices * (1 + without.length);
      this.#operationCount += rows.minimum(base, offsets, without.length, costs, best, entry * width);
      advance(counter, outer, sizes, walks, offsets);
    }
    return { costs, best };
  }

  /** Adds tables to others that have all of their variables, but none to one over the whole scope: that is read once. */
  #absorbed(locals: readonly Local[], sizes: readonly number[]): Local[] {
    const result: { places: readonly number[]; costs: Float64Array }[] = [];
    for (const local of [...locals].sort((a, b) => b.places.length - a.places.length)) {
      const host = result.find(
        ({ places }) => places.length < sizes.length && local.places.every((place) => places.includes(place)),
      );
      if (host === undefined) {
        result.push({ ...local });
        continue;
      }
      const sum = Float64Array.from(host.costs);
      const added = arranged(local, host.places, sizes, (length) => new Float64Array(length));
      for (let index = 0; index < sum.length; index += 1)
        sum[index] = (sum[index] as number) + (added[index] as number);
      host.costs = sum;
      this.#operationCount += 2 * sum.length;
    }
    return result;
  }
}

/** The neighbour that the fewest tables have, of equals the one with the most choices; null without neighbours. */
function innermost(locals: readonly Local[], sizes: readonly number[]): number | null {
  let chosen: number | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (let place = sizes.length - 2; place >= 0; place -= 1) {
    const count = locals.filter(({ places }) => places.includes(place)).length;
    const isWider = chosen !== null && count === fewest && (sizes[place] as number) > (sizes[chosen] as number);
    if (count < fewest || isWider) [chosen, fewest] = [place, count];
  }
  return chosen;
}

function entriesOf(places: readonly number[], sizes: readonly number[]): number {
  return places.reduce((count, place) => count * (sizes[place] as number), 1);
}

/** A table and how far a step of each outer place moves in it. */
interface Walk {
  readonly costs: Float64Array;
  readonly strides: Int32Array;
}

/** Sums of the tables that have the innermost neighbour, [choice][neighbour], for one joint choice of the others. */
class RowSums {
  readonly #tables: readonly Float64Array[];
  readonly #choices: number;
  readonly #width: number;
  readonly #sums: Float64Array;
  /** Whether each joint choice of the others has sums of its own, so that a look ahead would not pay. */
  readonly #isReadOnce: boolean;
  /** By choice: least and greatest of its row. */
  readonly #least: Float64Array;
  readonly #greatest: Float64Array;
  /** The offsets of the tables that the sums are of. */
  readonly #offsets: Int32Array;

  constructor(walks: readonly Walk[], choices: number, width: number, isReadOnce: boolean) {
    this.#tables = walks.map(({ costs }) => costs);
    this.#isReadOnce = isReadOnce;
    this.#choices = choices;
    this.#width = width;
    this.#sums = new Float64Array(choices * width);
    this.#least = new Float64Array(choices);
    this.#greatest = new Float64Array(choices);
    this.#offsets = new Int32Array(walks.length).fill(-1);
  }

  /** Writes the least base + row over the choices to `costs` from `start` on; gives the elements that were looked at. */
  minimum(
    base: Float64Array,
    offsets: readonly number[],
    first: number,
    costs: Float64Array,
    best: Uint16Array,
    start: number,
  ): number {
    const [choices, width] = [this.#choices, this.#width];
    let operations = 2 * choices + this.#add(offsets, first);
    const sums = this.#tables.length === 1 ? (this.#tables[0] as Float64Array) : this.#sums;
    const offset = this.#tables.length === 1 ? (offsets[first] as number) : 0;
    // A choice that is worse than another one everywhere is not gone through.
    let bound = Number.POSITIVE_INFINITY;
    for (let choice = 0; choice < choices && !this.#isReadOnce; choice += 1) {
      const most = (base[choice] as number) + (this.#greatest[choice] as number);
      if (most < bound) bound = most;
    }
    for (let choice = 0; choice < choices; choice += 1) {
      const own = base[choice] as number;
      if (!this.#isReadOnce && own + (this.#least[choice] as number) > bound) continue;
      let from = offset + choice * width;
      for (let to = start; to < start + width; to += 1, from += 1) {
        const sum = own + (sums[from] as number);
        if (sum < (costs[to] as number)) {
          costs[to] = sum;
          best[to] = choice;
        }
      }
      operations += width;
    }
    return operations;
  }

  /** Brings sums, least and greatest up to date; gives the elements that were looked at. */
  #add(offsets: readonly number[], first: number): number {
    const [choices, width, tables] = [this.#choices, this.#width, this.#tables];
    let isSame = true;
    for (let index = 0; index < tables.length; index += 1) {
      const offset = offsets[first + index] as number;
      if (this.#offsets[index] !== offset) isSame = false;
      this.#offsets[index] = offset;
    }
    if (isSame) return 0;
    const single = tables.length === 1;
    const sums = single ? (tables[0] as Float64Array) : this.#sums;
    const offset = single ? (offsets[first] as number) : 0;
    if (!single) {
      sums.fill(0);
      for (let index = 0; index < tables.length; index += 1) {
        const costs = tables[index] as Float64Array;
        const start = offsets[first + index] as number;
        for (let entry = 0; entry < sums.length; entry += 1)
          sums[entry] = (sums[entry] as number) + (costs[start + entry] as number);
      }
    }
    if (this.#isReadOnce) return single ? 0 : sums.length * tables.length;
    for (let choice = 0; choice < choices; choice += 1) {
      let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const start = offset + choice * width;
      for (let entry = start; entry < start + width; entry += 1) {
        const cost = sums[entry] as number;
        if (cost < least) least = cost;
        if (cost > greatest) greatest = cost;
      }
      this.#least[choice] = least;
      this.#greatest[choice] = greatest;
    }
    return choices * width * (tables.length + 1);
  }
}

/** A table over the given places, in their order; places that it does not have repeat it. */
function arranged<Entries extends Float64Array | Uint16Array>(
  table: { readonly places: readonly number[]; readonly costs: Entries },
  places: readonly number[],
  sizes: readonly number[],
  make: (length: number) => Entries,
): Entries {
  if (table.places.length === places.length && table.places.every((place, index) => place === places[index])) {
    return table.costs;
  }
  const last = places.length - 1;
  const width = sizes[places[last] as number] as number;
  const rows = places.slice(0, last);
  const strides = stridesIn(places, table.places, sizes, 1);
  const step = strides[last] as number;
  const result = make(entriesOf(places, sizes));
  const walk = [{ strides }];
  const counter = new Int32Array(rows.length);
  const offsets = [0];
  for (let start = 0; start < result.length; start += width) {
    let from = offsets[0] as number;
    for (let to = start; to < start + width; to += 1, from += step) result[to] = table.costs[from] as number;
    advance(counter, rows, sizes, walk, offsets);
  }
  return result;
}

/** By place of `places`: how far one step moves in a row-major table over `own` of elements of `unit`; 0 where it does not have it. */
function stridesIn(
  places: readonly number[],
  own: readonly number[],
  sizes: readonly number[],
  unit: number,
): Int32Array {
  const strides = new Int32Array(places.length);
  let stride = unit;
  for (let index = own.length - 1; index >= 0; index -= 1) {
    const place = own[index] as number;
    const position = places.indexOf(place);
    if (position >= 0) strides[position] = stride;
    stride *= sizes[place] as number;
  }
  return strides;
}

/** Counts on, the last place fastest, and moves the offsets along. */
function advance(
  counter: Int32Array,
  places: readonly number[],
  sizes: readonly number[],
  walks: readonly Pick<Walk, "strides">[],
  offsets: number[],
): void {
  for (let digit = places.length - 1; digit >= 0; digit -= 1) {
    const next = (counter[digit] as number) + 1;
    const wraps = next === sizes[places[digit] as number];
    counter[digit] = wraps ? 0 : next;
    for (let index = 0; index < walks.length; index += 1) {
      const stride = (walks[index] as Walk).strides[digit] as number;
      offsets[index] = (offsets[index] as number) + (wraps ? -stride * (next - 1) : stride);
    }
    if (!wraps) return;
  }
}

/** The costs less their least, so that what grows from step to step of a repeated network comes out alike. */
function fromLeast(costs: Float64Array): Float64Array {
  let least = Number.POSITIVE_INFINITY;
  for (let index = 0; index < costs.length; index += 1)
    if ((costs[index] as number) < least) least = costs[index] as number;
  if (least === 0 || !Number.isFinite(least)) return costs;
  for (let index = 0; index < costs.length; index += 1) costs[index] = (costs[index] as number) - least;
  return costs;
}
