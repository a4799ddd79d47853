// Which boxes of a value the cores of a grid have. ../placements.ts says what they are, ../plain/placements.ts how they come
// about, plainly; the records are described in ../placement-layout.ts.
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
  accessBoxKeys,
  accessColumns,
  accessDimensions,
  accessEndColumn,
  accessEndRow,
  accessFirstColumn,
  accessFirstRow,
  accessRank,
  accessSplits,
  axesPlace,
  axisOffset,
  axisSize,
  axisTerms,
  axisWords,
  boundExtentsPlace,
  boundsPlace,
  boxesPlace,
  boxStartPlace,
  coresPlace,
  coreStartPlace,
  extentPlace,
  foundBoxes,
  foundPairs,
  placementBoxes,
  placementColumns,
  placementFirstRows,
  placementGiven,
  placementLastColumn,
  placementLastRow,
  placementRank,
  placementRectangles,
  placementRows,
  reachExtentsPlace,
  reachPlace,
  rectanglesPlace,
  rectangleStartPlace,
  sizesPlace,
  splitChunk,
  splitColumnIndexPlace,
  splitDimension,
  splitIsChain,
  splitIsTouched,
  splitParts,
  splitRowIndexPlace,
  splitsPlace,
  splitWords,
} from "../placement-layout";
import { table, word } from "./record";

@inline
function put(base: usize, index: i32, value: i32): void {
  store<i32>(base + (<usize>index << 2), value);
}

/** Fills the ranges of a core; gives a number that tells apart different parts of the touched dimensions, −1 when idle. */
function coreParts(access: usize, row: i32, column: i32, starts: usize, ends: usize): i32 {
  const sizes = table(access, sizesPlace);
  let split = table(access, splitsPlace);
  let key = 0;
  for (let left = word(access, accessSplits); left > 0; left -= 1, split += splitWords << 2) {
    const dimension = word(split, splitDimension);
    const parts = word(split, splitParts);
    const chunk = word(split, splitChunk);
    const size = word(sizes, dimension);
    const part =
      word(access, word(split, splitRowIndexPlace) + row) + word(access, word(split, splitColumnIndexPlace) + column);
    const start = part * chunk;
    if (start >= size || (word(split, splitIsChain) == 1 && part != parts - 1)) return -1;
    put(starts, dimension, start);
    put(ends, dimension, min(size, start + chunk));
    if (word(split, splitIsTouched) == 1) key = key * parts + part;
  }
  return key;
}

/** Writes what an access touches, clipped to the shape and with padding; false when nothing of the value is touched. */
function writeBounds(access: usize, rank: i32, starts: usize, ends: usize, bounds: usize, reach: usize): bool {
  const axes = table(access, axesPlace);
  let isTouched = true;
  for (let axis = 0; axis < rank; axis += 1) {
    const own = access + (<usize>word(axes, axis) << 2);
    let start = word(own, axisOffset);
    let end = start + 1;
    const endTerm = axisWords + 2 * word(own, axisTerms);
    for (let term = axisWords; term < endTerm; term += 2) {
      const dimension = word(own, term);
      const stride = word(own, term + 1);
      const low = stride * word(starts, dimension);
      const high = stride * (word(ends, dimension) - 1);
      start += min(low, high);
      end += max(low, high);
    }
    const clippedStart = max(0, start);
    const clippedEnd = min(word(own, axisSize), end);
    put(reach, 2 * axis, start);
    put(reach, 2 * axis + 1, end);
    put(bounds, 2 * axis, clippedStart);
    put(bounds, 2 * axis + 1, clippedEnd);
    if (clippedEnd <= clippedStart) isTouched = false;
  }
  return isTouched;
}

/** Writes the boxes that an access touches, clipped and with padding, and pairs of a box and a core that has it. */
export function placeAccess(
  access: usize,
  bounds: usize,
  reach: usize,
  givenBoxes: usize,
  givenCores: usize,
  scratch: usize,
): void {
  const columns = word(access, accessColumns);
  const rank = word(access, accessRank);
  const boxWords = 2 * rank;
  const sizes = table(access, sizesPlace);
  const dimensions = word(access, accessDimensions);
  const starts = scratch;
  const ends = starts + (<usize>dimensions << 2);
  // Boxes by which part of each touched dimension they are of: their numbers and 1, −1 where they are empty.
  const known = ends + (<usize>dimensions << 2);
  memory.fill(starts, 0, <usize>dimensions << 2);
  memory.copy(ends, sizes, <usize>dimensions << 2);
  memory.fill(known, 0, <usize>word(access, accessBoxKeys) << 2);
  let boxes = 0;
  let given = 0;
  for (let row = word(access, accessFirstRow); row < word(access, accessEndRow); row += 1) {
    for (let column = word(access, accessFirstColumn); column < word(access, accessEndColumn); column += 1) {
      const key = coreParts(access, row, column, starts, ends);
      if (key < 0) continue;
      let box = word(known, key);
      if (box == 0) {
        const at = <usize>(boxes * boxWords) << 2;
        if (writeBounds(access, rank, starts, ends, bounds + at, reach + at)) {
          boxes += 1;
          box = boxes;
        } else box = -1;
        put(known, key, box);
      }
      if (box < 0) continue;
      put(givenBoxes, given, box - 1);
      put(givenCores, given, row * columns + column);
      given += 1;
    }
  }
  put(access, foundBoxes, boxes);
  put(access, foundPairs, given);
}

/** Groups values by key, in the order given: where each group starts, and the values. */
function group(keys: usize, values: usize, count: i32, starts: usize, keyCount: i32, grouped: usize): void {
  memory.fill(starts, 0, <usize>(keyCount + 1) << 2);
  for (let index = 0; index < count; index += 1) {
    const key = word(keys, index);
    put(starts, key, word(starts, key) + 1);
  }
  // Ends of the groups, which become their starts as they are filled from the back.
  let end = 0;
  for (let key = 0; key < keyCount; key += 1) {
    end += word(starts, key);
    put(starts, key, end);
  }
  put(starts, keyCount, end);
  for (let index = count - 1; index >= 0; index -= 1) {
    const key = word(keys, index);
    const place = word(starts, key) - 1;
    put(starts, key, place);
    put(grouped, place, word(values, index));
  }
}

/** Writes the first and last row and column of some cores; gives how many cores lie between them. */
function writeExtent(cores: usize, first: i32, end: i32, columns: i32, extent: usize): i32 {
  let top = 0;
  let bottom = -1;
  let left = 0;
  let right = -1;
  for (let index = first; index < end; index += 1) {
    const core = word(cores, index);
    const row = core / columns;
    const column = core - row * columns;
    if (bottom < 0) {
      top = row;
      left = column;
    }
    bottom = row;
    left = min(left, column);
    right = max(right, column);
  }
  put(extent, 0, top);
  put(extent, 1, bottom);
  put(extent, 2, left);
  put(extent, 3, right);
  return (bottom - top + 1) * (right - left + 1);
}

/**
 * Adds rectangles that cover ascending cores exactly when equal runs of consecutive rows are joined, each as first row, last row,
 * first column, last column; gives how many there are then.
 */
function addRectangles(cores: usize, first: i32, last: i32, columns: i32, rectangles: usize, count: i32, scratch: usize): i32 {
  // The rectangles of the row before, and of this row.
  let open = scratch;
  let now = scratch + (<usize>columns << 2);
  let openCount = 0;
  let openRow = -2;
  for (let index = first; index < last; ) {
    const row = word(cores, index) / columns;
    const endOfRow = (row + 1) * columns;
    let nowCount = 0;
    while (index < last && word(cores, index) < endOfRow) {
      const start = word(cores, index);
      let end = start;
      index += 1;
      while (index < last && word(cores, index) == end + 1 && end + 1 < endOfRow) {
        end += 1;
        index += 1;
      }
      const left = start - row * columns;
      const right = end - row * columns;
      let same = -1;
      if (openRow == row - 1) {
        for (let each = 0; each < openCount; each += 1) {
          const rectangle = rectangles + (<usize>word(open, each) << 4);
          if (word(rectangle, 2) == left && word(rectangle, 3) == right) same = word(open, each);
        }
      }
      if (same < 0) {
        same = count;
        count += 1;
        const rectangle = rectangles + (<usize>same << 4);
        put(rectangle, 0, row);
        put(rectangle, 2, left);
        put(rectangle, 3, right);
      }
      put(rectangles + (<usize>same << 4), 1, row);
      put(now, nowCount, same);
      nowCount += 1;
    }
    const before = open;
    open = now;
    now = before;
    openCount = nowCount;
    openRow = row;
  }
  return count;
}

/** Writes the greatest length of any box along each axis. */
function writeGreatest(bounds: usize, boxes: i32, rank: i32, extents: usize): void {
  memory.fill(extents, 0, <usize>rank << 2);
  for (let box = 0; box < boxes; box += 1) {
    for (let axis = 0; axis < rank; axis += 1, bounds += 8) {
      put(extents, axis, max(word(extents, axis), word(bounds, 1) - word(bounds, 0)));
    }
  }
}

/** Writes all of a placement whose boxes stand there, from pairs of a box and a core; the cores of a box come in ascending order. */
export function placeBoxes(placement: usize, givenBoxes: usize, givenCores: usize, scratch: usize): void {
  const rows = word(placement, placementRows);
  const columns = word(placement, placementColumns);
  const rank = word(placement, placementRank);
  const boxes = word(placement, placementBoxes);
  const given = word(placement, placementGiven);
  const coreStart = table(placement, coreStartPlace);
  const cores = table(placement, coresPlace);
  group(givenBoxes, givenCores, given, coreStart, boxes, cores);
  group(givenCores, givenBoxes, given, table(placement, boxStartPlace), rows * columns, table(placement, boxesPlace));
  writeGreatest(table(placement, boundsPlace), boxes, rank, table(placement, boundExtentsPlace));
  writeGreatest(table(placement, reachPlace), boxes, rank, table(placement, reachExtentsPlace));
  const rectangleStart = table(placement, rectangleStartPlace);
  const rectangles = table(placement, rectanglesPlace);
  // By row: whether a box has its first core there.
  const isFirst = scratch + (<usize>columns << 3);
  memory.fill(isFirst, 0, <usize>rows << 2);
  let extent = table(placement, extentPlace);
  let rectangleCount = 0;
  let lastRow = -1;
  let lastColumn = -1;
  let firstRows = 0;
  put(rectangleStart, 0, 0);
  for (let box = 0; box < boxes; box += 1, extent += 16) {
    const first = word(coreStart, box);
    const end = word(coreStart, box + 1);
    const area = writeExtent(cores, first, end, columns, extent);
    if (end > first && end - first == area) {
      memory.copy(rectangles + (<usize>rectangleCount << 4), extent, 16);
      rectangleCount += 1;
    } else rectangleCount = addRectangles(cores, first, end, columns, rectangles, rectangleCount, scratch);
    put(rectangleStart, box + 1, rectangleCount);
    const top = word(extent, 0);
    if (word(isFirst, top) == 0) {
      put(isFirst, top, 1);
      firstRows += 1;
    }
    lastRow = max(lastRow, word(extent, 1));
    lastColumn = max(lastColumn, word(extent, 3));
  }
  put(placement, placementRectangles, rectangleCount);
  put(placement, placementLastRow, lastRow);
  put(placement, placementLastColumn, lastColumn);
  put(placement, placementFirstRows, firstRows);
}

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
