import type { ReaderBoxes } from "../../kernels/link-loads.ts";
import type { Placement } from "../../kernels/placements.ts";

/** The different ranges that the boxes of a placement have on each axis, and which of them each box has. */
function axisRanges({ rank, boxCount, bounds }: Placement): Pick<ReaderBoxes, "axes" | "rangeOf"> {
  const rangeOf = new Int32Array(boxCount * rank);
  let before = 0;
  const axes = Array.from({ length: rank }, (_, axis) => {
    // By start: the last range that began there.
    const numbers = new Map<number, number>();
    const starts: number[] = [];
    const ends: number[] = [];
    for (let box = 0; box < boxCount; box += 1) {
      const place = box * rank + axis;
      const start = bounds[2 * place] as number;
      const end = bounds[2 * place + 1] as number;
      let known = numbers.get(start) ?? -1;
      if (known < 0 || ends[known] !== end) {
        known = starts.findIndex((each, index) => each === start && ends[index] === end);
        if (known < 0) {
          known = starts.length;
          starts.push(start);
          ends.push(end);
        }
        numbers.set(start, known);
      }
      rangeOf[place] = before + known;
    }
    before += starts.length;
    return { starts, ends };
  });
  return { axes, rangeOf };
}

/** The way of rectangles of which first and last columns are given. */
function wayThrough(sides: readonly number[], columns: number): ReaderBoxes["ways"][number] {
  const [eastward, westward] = [new Int32Array(columns), new Int32Array(columns)];
  for (let at = 0; at < sides.length; at += 2) {
    const left = sides[at] as number;
    const right = sides[at + 1] as number;
    for (let column = 0; column < right; column += 1) eastward[column] = (eastward[column] as number) + 1;
    for (let column = left + 1; column < columns; column += 1) westward[column] = (westward[column] as number) + 1;
  }
  return { eastward, westward };
}

/** The boxes of a placement and how the cores that have them lie on the grid. */
export function readerBoxes(placement: Placement): ReaderBoxes {
  const { rows, columns, boxCount, rectangleStart, rectangles, coreStart, cores } = placement;
  const wayNumbers = new Map<string, number>();
  const ways: ReaderBoxes["ways"][number][] = [];
  const wayOf = new Int32Array(boxCount).fill(-1);
  for (let box = 0; box < boxCount; box += 1) {
    const [first, end] = [rectangleStart[box] as number, rectangleStart[box + 1] as number];
    if (end - first <= 1) continue;
    const sides: number[] = [];
    for (let each = 4 * first; each < 4 * end; each += 4) {
      sides.push(rectangles[each + 2] as number, rectangles[each + 3] as number);
    }
    const key = sides.join();
    const way = wayNumbers.get(key) ?? wayNumbers.size;
    if (way === wayNumbers.size) ways.push(wayThrough(sides, columns));
    wayNumbers.set(key, way);
    wayOf[box] = way;
  }
  return { rows, columns, ...axisRanges(placement), rectangleStart, rectangles, coreStart, cores, wayOf, ways };
}
