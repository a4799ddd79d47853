// Which boxes of a value the cores of a grid have. ../placements.ts says what they are, ../plain/placements.ts how they come
// about, plainly; the records are described in ../placement-layout.ts.
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
import { put, table, word } from "./record";

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
