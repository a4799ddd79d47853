/** Costs with a number of their own: equal costs have equal numbers. */
export interface Table {
  readonly number: number;
  readonly costs: Float64Array;
}

/** Keeps one table for all that have the same costs, so that work on equal tables can be recognized and done once. */
export class TablePool {
  readonly #byHash = new Map<number, Table[]>();
  readonly #byArray = new WeakMap<Float64Array, Table>();
  #count = 0;

  /** The one table with these costs; the array must not be changed afterwards. */
  intern(costs: Float64Array): Table {
    const seen = this.#byArray.get(costs);
    if (seen !== undefined) return seen;
    const hash = hashOf(costs);
    const alike = this.#byHash.get(hash) ?? [];
    let table = alike.find((each) => sameCosts(each.costs, costs));
    if (table === undefined) {
      table = { number: this.#count, costs };
      this.#count += 1;
      this.#byHash.set(hash, [...alike, table]);
    }
    this.#byArray.set(costs, table);
    return table;
  }
}

function sameCosts(a: Float64Array, b: Float64Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

/** FNV-1a over the words of the costs. */
function hashOf(costs: Float64Array): number {
  const words = new Uint32Array(costs.buffer, costs.byteOffset, 2 * costs.length);
  let hash = 0x811c9dc5 ^ costs.length;
  for (let index = 0; index < words.length; index += 1) hash = Math.imul(hash ^ (words[index] as number), 0x01000193);
  return hash;
}
