// Choices of a variable that no other one beats whatever its neighbours choose. ../plain/dominance.ts says the same plainly; the record
// is described in ../dominance-layout.ts.
import {
  choiceCount,
  choicesAddress,
  costsAddress,
  firstSide,
  otherCount,
  othersAddress,
  otherStep,
  ownStep,
  rowsAddress,
  sideCount,
  sideTable,
  sideWords,
  worstColumn,
} from "../dominance-layout";
import { numberAt, word } from "./record";

@inline
function sideAt(record: usize, side: i32): usize {
  return record + (<usize>(firstSide + side * sideWords) << 2);
}

/** Copies the costs of the choices that are looked at, [choice][other's choice]. */
function gatherRows(side: usize, choices: usize, count: i32): void {
  const costs = <usize>word(side, sideTable);
  const others = <usize>word(side, othersAddress);
  const width = word(side, otherCount);
  const step = word(side, otherStep);
  let to = <usize>word(side, rowsAddress);
  for (let row = 0; row < count; row += 1) {
    const from = word(choices, row) * word(side, ownStep);
    for (let column = 0; column < width; column += 1, to += 8) {
      store<f64>(to, numberAt(costs, from + word(others, column) * step));
    }
  }
}

/**
 * The most that `winner` can cost more than `loser`: NaN never, infinite where only the winner is forbidden. Where it is above 0
 * already at the columns that were the worst before, what it is there.
 */
function worstDifference(record: usize, winner: i32, loser: i32, single: f64): f64 {
  const sides = word(record, sideCount);
  // Both forbidden: nothing to gain or to lose.
  const start: f64 = isNaN(single) ? 0 : single;
  let least = start;
  for (let index = 0; index < sides; index += 1) {
    const side = sideAt(record, index);
    const rows = <usize>word(side, rowsAddress);
    const width = word(side, otherCount);
    const column = word(side, worstColumn);
    const other = numberAt(rows, loser * width + column);
    if (other == Infinity) least = -Infinity;
    else least += numberAt(rows, winner * width + column) - other;
  }
  if (least > 0) return least;
  let worst = start;
  for (let index = 0; index < sides; index += 1) {
    const side = sideAt(record, index);
    const width = word(side, otherCount);
    const winning = <usize>word(side, rowsAddress) + (<usize>(winner * width) << 3);
    const losing = <usize>word(side, rowsAddress) + (<usize>(loser * width) << 3);
    let most = -Infinity;
    for (let column = 0; column < width; column += 1) {
      const other = numberAt(losing, column);
      if (other == Infinity) continue;
      const difference = numberAt(winning, column) - other;
      if (difference > most) {
        most = difference;
        store<i32>(side + (<usize>worstColumn << 2), column);
      }
    }
    if (most == Infinity) return most;
    worst += most;
  }
  return worst;
}

/** Leaves in the list of choices those that no other one beats, one after the other; gives how many. */
export function remainingChoices(record: usize): i32 {
  const costs = <usize>word(record, costsAddress);
  const choices = <usize>word(record, choicesAddress);
  const count = word(record, choiceCount);
  for (let side = 0; side < word(record, sideCount); side += 1) gatherRows(sideAt(record, side), choices, count);
  for (let loser = count - 1; loser >= 0; loser -= 1) {
    const cost = numberAt(costs, word(choices, loser));
    for (let winner = 0; winner < count; winner += 1) {
      const choice = word(choices, winner);
      if (winner == loser || choice < 0) continue;
      const worst = worstDifference(record, winner, loser, numberAt(costs, choice) - cost);
      if (worst < 0 || (worst == 0 && winner < loser)) {
        store<i32>(choices + (<usize>loser << 2), -1);
        break;
      }
    }
  }
  let left = 0;
  for (let place = 0; place < count; place += 1) {
    const choice = word(choices, place);
    if (choice < 0) continue;
    store<i32>(choices + (<usize>left << 2), choice);
    left += 1;
  }
  return left;
}
