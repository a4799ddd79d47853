import { DominanceKernel } from "../../kernels/dominance.ts";
import type { Table } from "./table-pool.ts";

/** A pair cost with its table kept once: [left choice][right choice], row-major over all choices. */
export interface PairTable {
  readonly left: number;
  readonly right: number;
  readonly table: Table;
}

/** By variable: the choices that are still looked at, ascending. */
export type Kept = readonly (readonly number[])[];

/** The pair costs of one variable, seen from its side. */
interface Side {
  readonly other: number;
  readonly table: Table;
  readonly isLeft: boolean;
}

/** By variable: its pair costs. */
export function sidesOf(variableCount: number, pairs: readonly PairTable[]): (readonly Side[])[] {
  const sides = Array.from({ length: variableCount }, (): Side[] => []);
  for (const { left, right, table } of pairs) {
    sides[left]?.push({ other: right, table, isLeft: true });
    sides[right]?.push({ other: left, table, isLeft: false });
  }
  return sides;
}

/**
 * Leaves out choices that another choice of the same variable beats whatever its neighbours choose: that costs no more
 * even where the difference of the pair costs is worst. The least cost stays; of equals the lower choice is kept.
 */
export function undominatedChoices(
  single: readonly Table[],
  sides: readonly (readonly Side[])[],
  kernels?: WebAssembly.Module,
): Kept {
  const dominance = new DominanceKernel(kernels);
  const lists = new Map<string, readonly number[]>();
  const shared = (list: readonly number[]): readonly number[] => {
    const key = list.join();
    const known = lists.get(key) ?? list;
    lists.set(key, known);
    return known;
  };
  const kept = single.map(({ costs }) => shared(Array.from(costs.keys())));
  const listNumbers = new Map<readonly number[], number>();
  const numberOf = (list: readonly number[]): number => {
    const number = listNumbers.get(list) ?? listNumbers.size;
    listNumbers.set(list, number);
    return number;
  };
  const known = new Map<string, readonly number[]>();
  const waiting = new Set(kept.keys());
  for (const variable of waiting) {
    waiting.delete(variable);
    const own = kept[variable] as readonly number[];
    const around = sides[variable] as readonly Side[];
    const parts = around.map(
      ({ other, table, isLeft }) => `${table.number}${isLeft ? "l" : "r"}${numberOf(kept[other] as readonly number[])}`,
    );
    const key = `${(single[variable] as Table).number} ${numberOf(own)} ${parts.join(" ")}`;
    let rest = known.get(key);
    if (rest === undefined) {
      const seen = around.map(({ other, table, isLeft }) => ({
        costs: table.costs,
        isLeft,
        others: kept[other] ?? [],
      }));
      rest = own.length === 1 ? own : shared(dominance.remaining((single[variable] as Table).costs, own, seen));
      known.set(key, rest);
    }
    if (rest.length === own.length) continue;
    kept[variable] = rest;
    for (const { other } of around) waiting.add(other);
  }
  return kept;
}
