import { loopCounts, loopFourthStrides, loopStrides, loopTableBytes, maximumRank } from "./layout.ts";

/**
 * Writes a loop nest at word `at` of the scratch memory, in the form that layout.ts states: loops of one turn are left
 * out and adjacent loops merged where every operand allows it. The strides of the first operand start
 * at `firstFrom` of their list; operands whose strides are null do not move. Returns the
 * number of elements. Throws a RangeError when more than 8 loops remain or a list of strides is too short.
 */
export function writeLoops(
  words: Int32Array,
  at: number,
  counts: readonly number[],
  first: readonly number[],
  firstFrom: number,
  second: readonly number[] | null,
  third: readonly number[] | null,
  fourth: readonly number[] | null = null,
): number {
  const countsAt = at + loopCounts / 4;
  const firstAt = at + loopStrides / 4;
  const secondAt = firstAt + loopTableBytes / 4;
  const thirdAt = secondAt + loopTableBytes / 4;
  const fourthAt = at + loopFourthStrides / 4;
  let rank = 0;
  let total = 1;
  for (let axis = 0; axis < counts.length; axis += 1) {
    const count = counts[axis] as number;
    const a = first[firstFrom + axis];
    const b = second === null ? 0 : second[axis];
    const c = third === null ? 0 : third[axis];
    const d = fourth === null ? 0 : fourth[axis];
    if (a === undefined || b === undefined || c === undefined || d === undefined) {
      throw new RangeError(`an operand has fewer strides than the ${counts.length} counts`);
    }
    total *= count;
    if (count === 1) continue;
    const previous = rank - 1;
    if (
      rank > 0 &&
      words[firstAt + previous] === a * count &&
      words[secondAt + previous] === b * count &&
      words[thirdAt + previous] === c * count &&
      words[fourthAt + previous] === d * count
    ) {
      words[countsAt + previous] = (words[countsAt + previous] as number) * count;
    } else {
      if (rank === maximumRank) throw new RangeError(`more than ${maximumRank} loops remain after merging`);
      words[countsAt + rank] = count;
      rank += 1;
    }
    words[firstAt + rank - 1] = a;
    words[secondAt + rank - 1] = b;
    words[thirdAt + rank - 1] = c;
    words[fourthAt + rank - 1] = d;
  }
  if (rank === 0) {
    words[countsAt] = 1;
    words[firstAt] = 0;
    words[secondAt] = 0;
    words[thirdAt] = 0;
    words[fourthAt] = 0;
    rank = 1;
  }
  words[at] = rank;
  return total;
}
