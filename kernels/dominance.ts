import * as layout from "./dominance-layout.ts";
import { growTo } from "./grow-memory.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "./wasm-module.ts";

/** A pair cost as one of its variables sees it. */
export interface DominanceSide {
  /** [left choice][right choice], and whether the variable is the left one. */
  readonly costs: Float64Array;
  readonly isLeft: boolean;
  /** The choices of the other variable that are looked at. */
  readonly others: readonly number[];
}

/** Finds choices that others beat, in WASM and a memory of its own that keeps the tables, which must not change. */
export class DominanceKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels: KernelExports;
  readonly #tables = new Map<Float64Array, number>();
  /** Where no table stands yet. */
  #end = 0;

  constructor(module: WebAssembly.Module = compileKernels()) {
    this.#kernels = instantiateKernels(module, this.#memory);
  }

  #hold(costs: Float64Array): number {
    const known = this.#tables.get(costs);
    if (known !== undefined) return known;
    const address = this.#end;
    this.#end += costs.byteLength;
    growTo(this.#memory, this.#end);
    new Float64Array(this.#memory.buffer, address, costs.length).set(costs);
    this.#tables.set(costs, address);
    return address;
  }

  /** Of some choices of a variable those that no other one of them beats, whatever the other variables choose. */
  remaining(costs: Float64Array, choices: readonly number[], sides: readonly DominanceSide[]): readonly number[] {
    const count = choices.length;
    const own = this.#hold(costs);
    const tables = sides.map((side) => this.#hold(side.costs));
    const listWords = sides.reduce((sum, { others }) => sum + others.length, count);
    const record = this.#end;
    const lists = record + 4 * (layout.firstSide + layout.sideWords * sides.length);
    let rows = Math.ceil((lists + 4 * listWords) / 8) * 8;
    growTo(this.#memory, rows + 8 * count * (listWords - count));
    const words = new Int32Array(this.#memory.buffer);
    words.set([own, lists, count, sides.length], record / 4);
    words.set(choices, lists / 4);
    let list = lists + 4 * count;
    sides.forEach(({ costs: table, isLeft, others }, side) => {
      const steps = isLeft ? [table.length / costs.length, 1] : [1, costs.length];
      const place = record / 4 + layout.firstSide + layout.sideWords * side;
      words.set([tables[side] as number, ...steps, list, others.length, rows, 0], place);
      words.set(others, list / 4);
      list += 4 * others.length;
      rows += 8 * count * others.length;
    });
    const left = this.#kernels.remainingChoices(record);
    return Array.from(words.subarray(lists / 4, lists / 4 + left));
  }
}
