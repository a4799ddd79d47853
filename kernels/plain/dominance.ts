import type { DominanceSide } from "../dominance.ts";

/** What `DominanceKernel.remaining` works out, in the same steps. */
export function plainRemaining(
  costs: Float64Array,
  own: readonly number[],
  sides: readonly DominanceSide[],
): readonly number[] {
  const rows = sides.map((side) => rowsOf(side.costs, own, side.others, side.isLeft, costs.length));
  const worstColumns = new Int32Array(rows.length);
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
