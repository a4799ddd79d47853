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
export function undominatedChoices(single: readonly Table[], sides: readonly (readonly Side[])[]): Kept {
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
      rest = shared(remaining(own, single[variable] as Table, around, kept));
      known.set(key, rest);
    }
    if (rest.length === own.length) continue;
    kept[variable] = rest;
    for (const { other } of around) waiting.add(other);
  }
  return kept;
}

/** The choices of a variable that no other one beats, one after the other. */
function remaining(own: readonly number[], single: Table, sides: readonly Side[], kept: Kept): readonly number[] {
  if (own.length === 1) return own;
  const rows = sides.map(({ other, table, isLeft }) =>
    rowsOf(table.costs, own, kept[other] as readonly number[], isLeft, single.costs.length),
  );
  const worstColumns = new Int32Array(rows.length);
  const costs = single.costs;
  const remains = new Uint8Array(own.length).fill(1);
  for (let loser = own.length - 1; loser >= 0; loser -= 1) {
    for (let winner = 0; winner < own.length; winner += 1) {
      if (remains[winner] === 0 || winner === loser) continue;
      const gain = (costs[own[winner] as number] as number) - (costs[own[loser] as number] as number);
      const worst = worstDifference(rows, winner, loser, gain, worstColumns);
      if (worst < 0 || (worst === 0 && winner < loser)) {
        remains[loser] = 0;
        break;
      }
    }
  }
  return own.filter((_, position) => remains[position] === 1);
}

/** The costs of a pair, [own][other]. */
interface Rows {
  readonly costs: Float64Array;
  readonly width: number;
}

/** The rows of a pair cost for some choices of one side, over some of the other: [own][other]. */
function rowsOf(
  costs: Float64Array,
  own: readonly number[],
  other: readonly number[],
  isLeft: boolean,
  ownCount: number,
): Rows {
  const rows = new Float64Array(own.length * other.length);
  const otherCount = costs.length / ownCount;
  const [ownStep, otherStep] = isLeft ? [otherCount, 1] : [1, ownCount];
  let place = 0;
  for (let row = 0; row < own.length; row += 1) {
    const from = (own[row] as number) * ownStep;
    for (let column = 0; column < other.length; column += 1, place += 1) {
      rows[place] = costs[from + (other[column] as number) * otherStep] as number;
    }
  }
  return { costs: rows, width: other.length };
}

/**
 * The most that `winner` can cost more than `loser`: NaN never, infinite where only the winner is forbidden. Where it is above 0
 * already at the columns that were the worst of the rows before, which are kept in `worstColumns`, what it is there.
 */
function worstDifference(
  rows: readonly Rows[],
  winner: number,
  loser: number,
  single: number,
  worstColumns: Int32Array,
): number {
  // Both forbidden: nothing to gain or to lose.
  const start = Number.isNaN(single) ? 0 : single;
  let least = start;
  for (let row = 0; row < rows.length; row += 1) {
    const { costs, width } = rows[row] as Rows;
    const column = worstColumns[row] as number;
    const other = costs[loser * width + column] as number;
    if (other === Number.POSITIVE_INFINITY) least = Number.NEGATIVE_INFINITY;
    else least += (costs[winner * width + column] as number) - other;
  }
  if (least > 0) return least;
  let worst = start;
  for (let row = 0; row < rows.length; row += 1) {
    const { costs, width } = rows[row] as Rows;
    let most = Number.NEGATIVE_INFINITY;
    let at = loser * width;
    const ahead = winner * width - at;
    for (let column = 0; column < width; column += 1, at += 1) {
      const other = costs[at] as number;
      if (other === Number.POSITIVE_INFINITY) continue;
      const difference = (costs[at + ahead] as number) - other;
      if (difference > most) {
        most = difference;
        worstColumns[row] = column;
      }
    }
    if (most === Number.POSITIVE_INFINITY) return most;
    worst += most;
  }
  return worst;
}
