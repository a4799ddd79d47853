import * as layout from "./cost-bound-layout.ts";
import { pageBytes } from "./grow-memory.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "./wasm-module.ts";

/** A cost that depends on the choices of two variables: [left choice][right choice], row-major. */
export interface PairCosts {
  readonly left: number;
  readonly right: number;
  readonly table: Float64Array;
}

/** By how much the total of a problem's costs is bounded from below: in all, for each choice, and for each entry of each pair cost. */
export interface Bounds {
  readonly total: number;
  /** By variable: totals with each of its choices are at least these. */
  readonly choices: readonly Float64Array[];
  /** By pair: totals of choices with that entry are at least these, [left choice][right choice]. */
  readonly entries: readonly Float64Array[];
}

/** Hands out the bytes of a memory one part after the other. */
class Layout {
  #end = 0;

  get byteCount(): number {
    return this.#end;
  }

  numbers(count: number): number {
    const address = this.#end;
    this.#end += 8 * count;
    return address;
  }

  words(count: number): number {
    return this.numbers(Math.ceil(count / 2));
  }
}

/**
 * Lower bounds of Σ single[v][choice of v] + Σ pair costs. Costs are moved between pairs and their variables, which leaves every
 * total as it is, so that the sum of all least costs, which no total is below, becomes large: sequential tree-reweighted message
 * passing (Kolmogorov, 2006), in WASM and a memory of its own. Tables may rise between calls. Pairs are of two different variables.
 */
export class CostBounds {
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #record: number;
  readonly #chosen: number;
  readonly #total: number;
  readonly #found: number;
  /** Tables and where they stand in the memory. */
  readonly #tables = new Map<Float64Array, number>();
  /** By variable and by pair: how many bounds, and where. */
  readonly #choiceBounds: readonly (readonly [number, number])[];
  readonly #entryBounds: readonly (readonly [number, number])[];

  constructor(
    single: readonly Float64Array[],
    pairs: readonly PairCosts[],
    module: WebAssembly.Module = compileKernels(),
  ) {
    const place = new Layout();
    const sizes = single.map((costs) => costs.length);
    const sizeOf = (variable: number): number => sizes[variable] as number;
    const variablesPlace = layout.recordWords;
    const pairsPlace = variablesPlace + layout.variableWords * sizes.length;
    const sidesPlace = pairsPlace + layout.pairWords * pairs.length;
    this.#record = place.words(sidesPlace + 2 * pairs.length);
    this.#chosen = place.words(sizes.length);
    this.#total = place.numbers(1);
    this.#found = place.words(pairs.reduce((most, { table }) => Math.max(most, table.length), 0));
    const room = place.numbers(2 * sizes.reduce((most, size) => Math.max(most, size), 0));
    const sides = single.map((): number[] => []);
    pairs.forEach(({ left, right }, pair) => {
      sides[left]?.push(pair);
      sides[right]?.push(pair);
    });
    const header = [sizes.length, pairs.length, variablesPlace, pairsPlace, sidesPlace, room, this.#total];
    let side = 0;
    const variables = sizes.map((size, variable) => {
      const first = side;
      side += (sides[variable] as number[]).length;
      return [size, place.numbers(size), place.numbers(size), first, side];
    });
    const words = pairs.map(({ left, right, table }) => {
      const known = this.#tables.get(table) ?? place.numbers(table.length);
      this.#tables.set(table, known);
      const lists = [left, right, left, right].map((variable) => place.numbers(sizeOf(variable)));
      return [left, right, known, ...lists, place.numbers(table.length)];
    });
    this.#choiceBounds = variables.map(
      (words) => [words[layout.choiceCount], words[layout.choiceBoundsAddress]] as [number, number],
    );
    this.#entryBounds = pairs.map(
      ({ table }, pair) => [table.length, words[pair]?.[layout.entryBoundsAddress]] as [number, number],
    );
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(place.byteCount / pageBytes) });
    this.#kernels = instantiateKernels(module, this.#memory);
    new Int32Array(this.#memory.buffer, this.#record).set([
      ...header,
      ...variables.flat(),
      ...words.flat(),
      ...sides.flat(),
    ]);
    single.forEach((costs, variable) => {
      this.#numbers(costs.length, variables[variable]?.[layout.ownAddress] as number).set(costs.map(finite));
    });
    this.#readTables();
  }

  #numbers(count: number, address: number): Float64Array {
    return new Float64Array(this.#memory.buffer, address, count);
  }

  #readTables(): void {
    for (const [table, address] of this.#tables) this.#numbers(table.length, address).set(table);
  }

  /** Moves costs along all variables forwards, then backwards. */
  sweep(): void {
    this.#readTables();
    this.#kernels.sweepCosts(this.#record);
  }

  /** Choices that cost little together: each the best beside those before it, and what those behind it cost at least. */
  goodChoices(): number[] {
    this.#kernels.goodChoices(this.#record, this.#chosen);
    return [...new Int32Array(this.#memory.buffer, this.#chosen, this.#choiceBounds.length)];
  }

  /** The bounds as costs lie now; they stand until the next ones are asked for. */
  bounds(): Bounds {
    this.#readTables();
    this.#kernels.boundCosts(this.#record);
    return {
      total: this.#numbers(1, this.#total)[0] as number,
      choices: this.#choiceBounds.map(([count, address]) => this.#numbers(count, address)),
      entries: this.#entryBounds.map(([count, address]) => this.#numbers(count, address)),
    };
  }

  /** The entries of a pair with which totals may be as low as `limit`, by the last bounds; they stand until the next ones are asked for. */
  entriesUpTo(pair: number, limit: number): Int32Array {
    const [count, address] = this.#entryBounds[pair] as readonly [number, number];
    const found = this.#kernels.costsUpTo(address, count, limit, this.#found);
    return new Int32Array(this.#memory.buffer, this.#found, found);
  }
}

/** What stands for an infinite cost, so that differences of costs stay numbers: less, and so still a bound. */
const highest = 2 ** 36;

/** A cost as bounds take it. */
export function finite(cost: number): number {
  return cost < highest ? cost : highest;
}
