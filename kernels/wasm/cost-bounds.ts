// Lower bounds of what choices of variables cost together. ../plain/cost-bounds.ts says the same plainly; the record is described in
// ../cost-bound-layout.ts.
import {
  choiceBoundsAddress,
  choiceCount,
  endSide,
  entryBoundsAddress,
  firstSide,
  leastLeftAddress,
  leastRightAddress,
  leftVariable,
  ownAddress,
  pairCount,
  pairsPlace,
  pairWords,
  rightVariable,
  roomAddress,
  sidesPlace,
  tableAddress,
  toLeftAddress,
  toRightAddress,
  totalAddress,
  variableCount,
  variablesPlace,
  variableWords,
} from "../cost-bound-layout";
import { numberAt, word } from "./record";

/** What stands for an infinite cost, so that differences of costs stay numbers: less, and so still a bound. */
const highest: f64 = 68719476736;

@inline
function address(base: usize, index: i32): usize {
  return <usize>word(base, index);
}

@inline
function put(list: usize, index: i32, value: f64): void {
  store<f64>(list + (<usize>index << 3), value);
}

@inline
function variableAt(record: usize, variable: i32): usize {
  return record + (<usize>(word(record, variablesPlace) + variable * variableWords) << 2);
}

@inline
function pairAt(record: usize, pair: i32): usize {
  return record + (<usize>(word(record, pairsPlace) + pair * pairWords) << 2);
}

/** The pair at one place of the list of sides. */
@inline
function sideAt(record: usize, side: i32): usize {
  return pairAt(record, word(record, word(record, sidesPlace) + side));
}

@inline
function choicesOf(record: usize, variable: i32): i32 {
  return word(variableAt(record, variable), choiceCount);
}

@inline
function otherOf(pair: usize, variable: i32): i32 {
  const left = word(pair, leftVariable);
  return left == variable ? word(pair, rightVariable) : left;
}

/** What has been moved from a pair to one of its variables. */
@inline
function movedTo(pair: usize, variable: i32): usize {
  return address(pair, word(pair, leftVariable) == variable ? toLeftAddress : toRightAddress);
}

/** Writes the least that is left of a pair's costs with each choice of a variable, what was moved to that itself put aside. */
function leastBeside(record: usize, pair: usize, variable: i32, least: usize): void {
  const left = word(pair, leftVariable);
  const height = choicesOf(record, left);
  const width = choicesOf(record, word(pair, rightVariable));
  const even = width & ~1;
  const toLeft = address(pair, toLeftAddress);
  const toRight = address(pair, toRightAddress);
  let row = address(pair, tableAddress);
  const most = f64x2.splat(highest);
  const rowBytes = <usize>width << 3;
  if (left == variable) {
    for (let choice = 0; choice < height; choice += 1, row += rowBytes) {
      let lanes = f64x2.splat(Infinity);
      for (let other = 0; other < even; other += 2) {
        const at = <usize>other << 3;
        lanes = f64x2.pmin(lanes, f64x2.sub(f64x2.pmin(v128.load(row + at), most), v128.load(toRight + at)));
      }
      let best = min(f64x2.extract_lane(lanes, 0), f64x2.extract_lane(lanes, 1));
      if (even < width) best = min(best, min(numberAt(row, even), highest) - numberAt(toRight, even));
      put(least, choice, best);
    }
    return;
  }
  for (let choice = 0; choice < width; choice += 1) put(least, choice, Infinity);
  for (let other = 0; other < height; other += 1, row += rowBytes) {
    const moved = numberAt(toLeft, other);
    const lanes = f64x2.splat(moved);
    for (let choice = 0; choice < even; choice += 2) {
      const at = <usize>choice << 3;
      const rest = f64x2.sub(f64x2.pmin(v128.load(row + at), most), lanes);
      v128.store(least + at, f64x2.pmin(v128.load(least + at), rest));
    }
    if (even < width) put(least, even, min(numberAt(least, even), min(numberAt(row, even), highest) - moved));
  }
}

/** Moves the least that a pair costs with each choice of a variable to the variable's own costs. */
function gather(record: usize, pair: usize, variable: i32, own: usize, least: usize): void {
  const choices = choicesOf(record, variable);
  const moved = movedTo(pair, variable);
  leastBeside(record, pair, variable, least);
  for (let choice = 0; choice < choices; choice += 1) {
    put(own, choice, numberAt(own, choice) + numberAt(least, choice) - numberAt(moved, choice));
    put(moved, choice, numberAt(least, choice));
  }
}

/** Gathers at a variable what its pairs cost at least, and hands it on to those that come later in a direction. */
function pass(record: usize, variable: i32, direction: i32): void {
  const header = variableAt(record, variable);
  const own = address(header, ownAddress);
  const choices = word(header, choiceCount);
  const first = word(header, firstSide);
  const end = word(header, endSide);
  const room = address(record, roomAddress);
  let later = 0;
  for (let side = first; side < end; side += 1) {
    const pair = sideAt(record, side);
    gather(record, pair, variable, own, room);
    if ((otherOf(pair, variable) - variable) * direction > 0) later += 1;
  }
  if (later == 0) return;
  const parts = <f64>max(later, end - first - later);
  for (let choice = 0; choice < choices; choice += 1) put(room, choice, numberAt(own, choice) / parts);
  for (let side = first; side < end; side += 1) {
    const pair = sideAt(record, side);
    if ((otherOf(pair, variable) - variable) * direction < 0) continue;
    const moved = movedTo(pair, variable);
    for (let choice = 0; choice < choices; choice += 1) {
      put(moved, choice, numberAt(moved, choice) - numberAt(room, choice));
      put(own, choice, numberAt(own, choice) - numberAt(room, choice));
    }
  }
}

/** Moves costs along all variables forwards, then backwards. */
export function sweepCosts(record: usize): void {
  const count = word(record, variableCount);
  for (let variable = 0; variable < count; variable += 1) pass(record, variable, 1);
  for (let variable = count - 1; variable >= 0; variable -= 1) pass(record, variable, -1);
}

/** Adds to a variable's costs what is left of a pair's beside a choice of the other. */
function addBeside(record: usize, pair: usize, variable: i32, chosen: i32, costs: usize): void {
  const isLeft = word(pair, leftVariable) == variable;
  const choices = choicesOf(record, variable);
  const width = choicesOf(record, word(pair, rightVariable));
  const table = address(pair, tableAddress);
  const toLeft = address(pair, toLeftAddress);
  const toRight = address(pair, toRightAddress);
  for (let choice = 0; choice < choices; choice += 1) {
    const left = isLeft ? choice : chosen;
    const right = isLeft ? chosen : choice;
    const rest = min(numberAt(table, left * width + right), highest) - numberAt(toLeft, left) - numberAt(toRight, right);
    put(costs, choice, numberAt(costs, choice) + rest);
  }
}

/** Writes choices that cost little together: each the best beside those before it, and what those behind it cost at least. */
export function goodChoices(record: usize, chosen: usize): void {
  const count = word(record, variableCount);
  const costs = address(record, roomAddress);
  for (let variable = 0; variable < count; variable += 1) {
    const header = variableAt(record, variable);
    const choices = word(header, choiceCount);
    const least = costs + (<usize>choices << 3);
    memory.copy(costs, address(header, ownAddress), <usize>choices << 3);
    for (let side = word(header, firstSide); side < word(header, endSide); side += 1) {
      const pair = sideAt(record, side);
      const other = otherOf(pair, variable);
      if (other < variable) addBeside(record, pair, variable, word(chosen, other), costs);
      else {
        const moved = movedTo(pair, variable);
        leastBeside(record, pair, variable, least);
        for (let choice = 0; choice < choices; choice += 1) {
          put(costs, choice, numberAt(costs, choice) + numberAt(least, choice) - numberAt(moved, choice));
        }
      }
    }
    let best = 0;
    for (let choice = 1; choice < choices; choice += 1) if (numberAt(costs, choice) < numberAt(costs, best)) best = choice;
    store<i32>(chosen + (<usize>variable << 2), best);
  }
}

/** Takes the least of some costs from all of them, and gives it. */
function takeLeast(costs: usize, count: i32): f64 {
  let least = Infinity;
  for (let index = 0; index < count; index += 1) least = min(least, numberAt(costs, index));
  for (let index = 0; index < count; index += 1) put(costs, index, numberAt(costs, index) - least);
  return least;
}

/** Writes what is left of a pair's costs beyond their least, and the least of that with each choice; gives the least. */
function leaveRest(record: usize, pair: usize): f64 {
  const height = choicesOf(record, word(pair, leftVariable));
  const width = choicesOf(record, word(pair, rightVariable));
  const table = address(pair, tableAddress);
  const toLeft = address(pair, toLeftAddress);
  const toRight = address(pair, toRightAddress);
  const leastLeft = address(pair, leastLeftAddress);
  const leastRight = address(pair, leastRightAddress);
  const rest = address(pair, entryBoundsAddress);
  for (let left = 0, entry = 0; left < height; left += 1) {
    for (let right = 0; right < width; right += 1, entry += 1) {
      put(rest, entry, min(numberAt(table, entry), highest) - numberAt(toLeft, left) - numberAt(toRight, right));
    }
  }
  const least = takeLeast(rest, height * width);
  for (let right = 0; right < width; right += 1) put(leastRight, right, Infinity);
  for (let left = 0, entry = 0; left < height; left += 1) {
    let best = Infinity;
    for (let right = 0; right < width; right += 1, entry += 1) {
      const cost = numberAt(rest, entry);
      best = min(best, cost);
      put(leastRight, right, min(numberAt(leastRight, right), cost));
    }
    put(leastLeft, left, best);
  }
  return least;
}

/** Adds, or takes away, costs by choice. */
function addTo(costs: usize, more: usize, count: i32, sign: f64): void {
  for (let index = 0; index < count; index += 1) put(costs, index, numberAt(costs, index) + sign * numberAt(more, index));
}

/** Turns what is left of a pair's costs into bounds of totals with its entries. */
function boundEntries(record: usize, pair: usize, total: f64): void {
  const leftOf = word(pair, leftVariable);
  const rightOf = word(pair, rightVariable);
  const height = choicesOf(record, leftOf);
  const width = choicesOf(record, rightOf);
  const excess = address(variableAt(record, leftOf), choiceBoundsAddress);
  const leastLeft = address(pair, leastLeftAddress);
  const leastRight = address(pair, leastRightAddress);
  const rest = address(pair, entryBoundsAddress);
  // What another pair of the same two variables costs is counted on the left alone.
  const ofRight = address(record, roomAddress);
  const right = variableAt(record, rightOf);
  memory.copy(ofRight, address(right, choiceBoundsAddress), <usize>width << 3);
  for (let side = word(right, firstSide); side < word(right, endSide); side += 1) {
    const other = sideAt(record, side);
    if (other == pair || otherOf(other, rightOf) != leftOf) continue;
    addTo(ofRight, address(other, word(other, rightVariable) == rightOf ? leastRightAddress : leastLeftAddress), width, -1);
  }
  for (let a = 0, entry = 0; a < height; a += 1) {
    const beside = total + numberAt(excess, a) - numberAt(leastLeft, a);
    for (let b = 0; b < width; b += 1, entry += 1) {
      put(rest, entry, numberAt(rest, entry) + beside + numberAt(ofRight, b) - numberAt(leastRight, b));
    }
  }
}

/** Writes the bounds as costs lie now: of all totals, of those with each choice, and of those with each entry of a pair. */
export function boundCosts(record: usize): void {
  const variables = word(record, variableCount);
  const pairs = word(record, pairCount);
  let total: f64 = 0;
  for (let variable = 0; variable < variables; variable += 1) {
    const header = variableAt(record, variable);
    const choices = word(header, choiceCount);
    const excess = address(header, choiceBoundsAddress);
    memory.copy(excess, address(header, ownAddress), <usize>choices << 3);
    total += takeLeast(excess, choices);
  }
  for (let pair = 0; pair < pairs; pair += 1) total += leaveRest(record, pairAt(record, pair));
  // What a choice costs beyond the least, its own and of each of its pairs.
  for (let index = 0; index < pairs; index += 1) {
    const pair = pairAt(record, index);
    const left = variableAt(record, word(pair, leftVariable));
    const right = variableAt(record, word(pair, rightVariable));
    addTo(address(left, choiceBoundsAddress), address(pair, leastLeftAddress), word(left, choiceCount), 1);
    addTo(address(right, choiceBoundsAddress), address(pair, leastRightAddress), word(right, choiceCount), 1);
  }
  for (let pair = 0; pair < pairs; pair += 1) boundEntries(record, pairAt(record, pair), total);
  for (let variable = 0; variable < variables; variable += 1) {
    const header = variableAt(record, variable);
    const bounds = address(header, choiceBoundsAddress);
    for (let choice = 0; choice < word(header, choiceCount); choice += 1) put(bounds, choice, total + numberAt(bounds, choice));
  }
  store<f64>(address(record, totalAddress), total);
}

/** Writes the numbers of those costs that are at most a limit; gives how many. */
export function costsUpTo(costs: usize, count: i32, limit: f64, found: usize): i32 {
  const most = f64x2.splat(limit);
  const even = count & ~1;
  let end = found;
  for (let index = 0; index < even; index += 2) {
    const isLow = f64x2.le(v128.load(costs + (<usize>index << 3)), most);
    if (!v128.any_true(isLow)) continue;
    if (i64x2.extract_lane(isLow, 0) != 0) {
      store<i32>(end, index);
      end += 4;
    }
    if (i64x2.extract_lane(isLow, 1) != 0) {
      store<i32>(end, index + 1);
      end += 4;
    }
  }
  if (even < count && numberAt(costs, even) <= limit) {
    store<i32>(end, even);
    end += 4;
  }
  return <i32>((end - found) >> 2);
}
