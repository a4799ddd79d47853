// Placements as the owners and as the readers of a value, in the form in which ./link-loads.ts and ./edge-bounds.ts read them.
// ../plain/link-records.ts says the same plainly; the records are described in ../link-load-layout.ts.
import {
  cutAxis,
  cutSides,
  ownerAxes,
  ownerAxisWords,
  ownerCells,
  ownerColumnCut,
  ownerRowCount,
  ownerRowCut,
  ownerSources,
  readerAxisRanges,
  readerBounds,
  readerBoxes,
  readerColumns,
  readerCores,
  readerCoreStart,
  readerRangeOf,
  readerRank,
  readerRanges,
  readerRectangleStart,
  readerRectangles,
  readerRows,
  readerWayCounts,
  readerWayOf,
  readerWays,
  readerWords,
} from "../link-load-layout";
import {
  boundsPlace,
  coresPlace,
  coreStartPlace,
  extentPlace,
  placementBoxes,
  placementColumns,
  placementFirstRows,
  placementGiven,
  placementRank,
  placementRectangles,
  placementRows,
  rectanglesPlace,
  rectangleStartPlace,
} from "../placement-layout";
import { put, table, word } from "./record";

/** The number of a box's range among those of its axis, from one on; it is added behind them where it is new. */
function rangeNumber(ranges: usize, count: i32, near: i32, start: i32, end: i32): i32 {
  if (near < count && word(ranges, 2 * near) == start && word(ranges, 2 * near + 1) == end) return near;
  for (let range = 0; range < count; range += 1) {
    if (word(ranges, 2 * range) == start && word(ranges, 2 * range + 1) == end) return range;
  }
  put(ranges, 2 * count, start);
  put(ranges, 2 * count + 1, end);
  return count;
}

/** Whether the rectangles of two boxes have the same first and last columns. */
function sameWay(placement: usize, one: i32, other: i32): bool {
  const starts = table(placement, rectangleStartPlace);
  const count = word(starts, one + 1) - word(starts, one);
  if (word(starts, other + 1) - word(starts, other) != count) return false;
  const rectangles = table(placement, rectanglesPlace);
  let first = rectangles + (<usize>word(starts, one) << 4);
  let second = rectangles + (<usize>word(starts, other) << 4);
  for (let each = 0; each < count; each += 1, first += 16, second += 16) {
    if (load<i64>(first, 8) != load<i64>(second, 8)) return false;
  }
  return true;
}

/** Counts the rectangles of a box that reach beyond each column to the east, and beyond it to the west. */
function countWay(placement: usize, box: i32, counts: usize): void {
  const columns = word(placement, placementColumns);
  const starts = table(placement, rectangleStartPlace);
  const rectangles = table(placement, rectanglesPlace);
  memory.fill(counts, 0, <usize>columns << 3);
  for (let each = word(starts, box); each < word(starts, box + 1); each += 1) {
    const rectangle = rectangles + (<usize>each << 4);
    const left = word(rectangle, 2);
    const right = word(rectangle, 3);
    for (let column = 0; column < right; column += 1) put(counts, column, word(counts, column) + 1);
    for (let column = columns + left + 1; column < 2 * columns; column += 1) put(counts, column, word(counts, column) + 1);
  }
}

/** Copies words behind a record, and writes their place into its header; gives the place behind them. */
function copyTable(record: usize, place: i32, header: i32, from: usize, count: i32): i32 {
  put(record, header, place);
  memory.copy(record + (<usize>place << 2), from, <usize>count << 2);
  return place + count;
}

/** Writes a placement as the readers of a value, as `linkLoads` reads them; gives the words of the record. */
export function describeReaders(placement: usize, record: usize, scratch: usize): i32 {
  const columns = word(placement, placementColumns);
  const rank = word(placement, placementRank);
  const boxes = word(placement, placementBoxes);
  put(record, readerRows, word(placement, placementRows));
  put(record, readerColumns, columns);
  put(record, readerRank, rank);
  put(record, readerBoxes, boxes);
  let end = readerWords;
  end = copyTable(record, end, readerRectangleStart, table(placement, rectangleStartPlace), boxes + 1);
  end = copyTable(record, end, readerRectangles, table(placement, rectanglesPlace), 4 * word(placement, placementRectangles));
  end = copyTable(record, end, readerCoreStart, table(placement, coreStartPlace), boxes + 1);
  end = copyTable(record, end, readerCores, table(placement, coresPlace), word(placement, placementGiven));
  put(record, readerAxisRanges, end);
  put(record, readerRangeOf, end + rank + 1);
  put(record, readerWayOf, end + rank + 1 + boxes * rank);
  put(record, readerBounds, end + rank + 1 + boxes * rank + boxes);
  const axisRanges = table(record, readerAxisRanges);
  const rangeOf = table(record, readerRangeOf);
  const wayOf = table(record, readerWayOf);
  const ranges = table(record, readerBounds);
  const bounds = table(placement, boundsPlace);
  let before = 0;
  for (let axis = 0; axis < rank; axis += 1) {
    put(axisRanges, axis, before);
    const ofAxis = ranges + (<usize>before << 3);
    let count = 0;
    let range = 0;
    for (let box = 0; box < boxes; box += 1) {
      const place = box * rank + axis;
      range = rangeNumber(ofAxis, count, range, word(bounds, 2 * place), word(bounds, 2 * place + 1));
      count = max(count, range + 1);
      put(rangeOf, place, before + range);
    }
    before += count;
  }
  put(axisRanges, rank, before);
  put(record, readerRanges, before);
  end = word(record, readerBounds) + 2 * before;
  put(record, readerWayCounts, end);
  const starts = table(placement, rectangleStartPlace);
  // The first box of each way.
  let ways = 0;
  for (let box = 0; box < boxes; box += 1) {
    let way = -1;
    if (word(starts, box + 1) - word(starts, box) > 1) {
      way = 0;
      while (way < ways && !sameWay(placement, word(scratch, way), box)) way += 1;
      if (way == ways) {
        put(scratch, way, box);
        countWay(placement, box, record + (<usize>end << 2));
        end += 2 * columns;
        ways += 1;
      }
    }
    put(wayOf, box, way);
  }
  put(record, readerWays, ways);
  return end;
}

/** The place of a number among ascending ones: the first that is not below it. */
function placeOf(numbers: usize, count: i32, number: i32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (word(numbers, middle) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Writes the ranges of each axis of a placement whose boxes are a grid as those of the owners of a value; gives the number of cells. */
export function describeOwnerAxes(placement: usize, record: usize): i32 {
  const rank = word(placement, placementRank);
  const boxes = word(placement, placementBoxes);
  const bounds = table(placement, boundsPlace);
  let place = ownerAxes + ownerAxisWords * rank;
  let cells = 1;
  for (let axis = 0; axis < rank; axis += 1) {
    const own = record + (<usize>(ownerAxes + ownerAxisWords * axis) << 2);
    const starts = record + (<usize>place << 2);
    const ends = starts + (<usize>boxes << 2);
    let count = 0;
    for (let box = 0; box < boxes; box += 1) {
      const side = 2 * (box * rank + axis);
      const start = word(bounds, side);
      const at = placeOf(starts, count, start);
      if (at == count || word(starts, at) != start) {
        const left = <usize>(count - at) << 2;
        const from = <usize>at << 2;
        memory.copy(starts + from + 4, starts + from, left);
        memory.copy(ends + from + 4, ends + from, left);
        put(starts, at, start);
        count += 1;
      }
      put(ends, at, word(bounds, side + 1));
    }
    // The ends follow the starts.
    memory.copy(starts + (<usize>count << 2), ends, <usize>count << 2);
    put(own, 0, count);
    put(own, 1, place);
    put(own, 2, place + count);
    place += 2 * count;
    cells *= count;
  }
  put(record, ownerCells, cells);
  put(record, ownerSources, place);
  return cells;
}

/** Writes on which side of the cut before a row (shift 16) or column (0) the owners of each range of an axis lie; false where that does not tell. */
function tellSides(record: usize, rank: i32, axis: i32, shift: i32, place: i32, sides: usize): bool {
  const sources = table(record, ownerSources);
  const cells = word(record, ownerCells);
  const ranges = word(record, ownerAxes + ownerAxisWords * axis);
  let stride = 1;
  for (let inner = axis + 1; inner < rank; inner += 1) stride *= word(record, ownerAxes + ownerAxisWords * inner);
  for (let range = 0; range < ranges; range += 1) put(sides, range, -1);
  let range = 0;
  let left = stride;
  for (let cell = 0; cell < cells; cell += 1) {
    const source = word(sources, cell);
    if (source >= 0) {
      const side = ((source >> shift) & 0xffff) < place ? 0 : 1;
      if (word(sides, range) == -1) put(sides, range, side);
      else if (word(sides, range) != side) return false;
    }
    left -= 1;
    if (left > 0) continue;
    left = stride;
    range += 1;
    if (range == ranges) range = 0;
  }
  return true;
}

/**
 * Writes the cut nearest to the middle of so many rows or columns on both sides of which owners have whole ranges of an axis; gives the
 * place behind its sides. Behind all owners any axis tells.
 */
function writeCut(record: usize, rank: i32, header: i32, shift: i32, count: i32, end: i32): i32 {
  const sides = record + (<usize>end << 2);
  const middle = count >> 1;
  put(record, header, count);
  put(record, header + cutAxis, 0);
  put(record, header + cutSides, end);
  for (let away = 0; away <= count; away += 1) {
    for (let turn = 0; turn < 2; turn += 1) {
      const place = turn == 0 ? middle + away : middle - away;
      if (place < 1) continue;
      for (let axis = 0; axis < rank; axis += 1) {
        if (!tellSides(record, rank, axis, shift, place, sides)) continue;
        put(record, header, place);
        put(record, header + cutAxis, axis);
        return end + word(record, ownerAxes + ownerAxisWords * axis);
      }
    }
  }
  return end;
}

/** Completes what `describeOwnerAxes` began; gives the words of the record. */
export function describeOwnerCells(placement: usize, record: usize): i32 {
  const rank = word(placement, placementRank);
  const boxes = word(placement, placementBoxes);
  const bounds = table(placement, boundsPlace);
  const extent = table(placement, extentPlace);
  const cells = word(record, ownerCells);
  const sources = table(record, ownerSources);
  memory.fill(sources, 0xff, <usize>cells << 2);
  for (let box = 0; box < boxes; box += 1) {
    let cell = 0;
    for (let axis = 0; axis < rank; axis += 1) {
      const own = record + (<usize>(ownerAxes + ownerAxisWords * axis) << 2);
      const count = word(own, 0);
      cell = cell * count + placeOf(record + (<usize>word(own, 1) << 2), count, word(bounds, 2 * (box * rank + axis)));
    }
    put(sources, cell, (word(extent, 4 * box) << 16) + word(extent, 4 * box + 2));
  }
  put(record, ownerRowCount, word(placement, placementFirstRows));
  const end = writeCut(record, rank, ownerRowCut, 16, word(placement, placementRows), word(record, ownerSources) + cells);
  return writeCut(record, rank, ownerColumnCut, 0, word(placement, placementColumns), end);
}
