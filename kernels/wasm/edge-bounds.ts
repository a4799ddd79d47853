// Cycles that moving a value costs at least, by what crosses the middle of the grid and what some cores take in from others.
// ../plain/edge-bounds.ts says the same plainly; the records are described in ../link-load-layout.ts.
import {
  cutAxis,
  cutSides,
  heldLooked,
  heldRecord,
  heldWords,
  lookedCores,
  ownerAxes,
  ownerAxisWords,
  ownerColumnCut,
  ownerRowCount,
  ownerRowCut,
  readerAxisRanges,
  readerBounds,
  readerBoxes,
  readerRangeOf,
  readerRank,
  readerRectangleStart,
  readerRectangles,
  sharedBytes,
} from "../link-load-layout";
import { firstAfter, table, word } from "./record";

/** Writes what each range of the readers shares with owners on either side of the cuts: elements, then pieces, before and behind. */
function shareSides(owners: usize, readers: usize, scratch: usize): void {
  const rank = word(readers, readerRank);
  const firstRange = table(readers, readerAxisRanges);
  const bounds = table(readers, readerBounds);
  const rowAxis = word(owners, ownerRowCut + cutAxis);
  const columnAxis = word(owners, ownerColumnCut + cutAxis);
  const rowSides = table(owners, ownerRowCut + cutSides);
  const columnSides = table(owners, ownerColumnCut + cutSides);
  for (let axis = 0; axis < rank; axis += 1) {
    const own = owners + (<usize>(ownerAxes + axis * ownerAxisWords) << 2);
    const count = word(own, 0);
    const starts = owners + (<usize>word(own, 1) << 2);
    const ends = owners + (<usize>word(own, 2) << 2);
    const endRange = word(firstRange, axis + 1);
    for (let range = word(firstRange, axis); range < endRange; range += 1) {
      const start = word(bounds, 2 * range);
      const end = word(bounds, 2 * range + 1);
      const last = firstAfter(starts, count, end - 1);
      // Elements and pieces.
      let whole = f64x2.splat(0);
      let behindRow = whole;
      let behindColumn = whole;
      for (let owner = firstAfter(ends, count, start); owner < last; owner += 1) {
        const shared = <f64>(min(end, word(ends, owner)) - max(start, word(starts, owner)));
        const piece = f64x2.replace_lane(f64x2.splat(1), 0, shared);
        whole = f64x2.add(whole, piece);
        if (axis == rowAxis && word(rowSides, owner) == 1) behindRow = f64x2.add(behindRow, piece);
        if (axis == columnAxis && word(columnSides, owner) == 1) behindColumn = f64x2.add(behindColumn, piece);
      }
      const entry = scratch + <usize>(range * sharedBytes);
      storeSides(entry, whole, behindRow, axis == rowAxis);
      storeSides(entry + 32, whole, behindColumn, axis == columnAxis);
    }
  }
}

/** Writes elements, then pieces, before and behind a cut: all of them on both sides where an axis does not tell these apart. */
@inline
function storeSides(entry: usize, whole: v128, behind: v128, isApart: bool): void {
  const first = isApart ? f64x2.sub(whole, behind) : whole;
  const second = isApart ? behind : whole;
  v128.store(entry, v128.shuffle<f64>(first, second, 0, 2));
  v128.store(entry, v128.shuffle<f64>(first, second, 1, 3), 16);
}

/** Cycles that elements in pieces hold a link at least, of two kinds at once. */
@inline
function leastCycles(elements: v128, pieces: v128, bytes: v128, linkBytes: v128): v128 {
  return f64x2.pmax(pieces, f64x2.div(f64x2.mul(elements, bytes), linkBytes));
}

/** Two numbers, each 0 unless its condition holds. */
@inline
function where(isFirst: bool, first: f64, isSecond: bool, second: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(isFirst ? first : 0), 1, isSecond ? second : 0);
}

/**
 * Cycles that the busiest link has at least: the mean over the links across a cut, of those that lead away from owners on either
 * side. −1 when there are more than `pieceLimit` pieces, of which `linkLoads` does not look at all. Every cell needs an owner.
 */
function leastLinkCycles(
  owners: usize,
  readers: usize,
  scratch: usize,
  pieceLimit: i32,
  bytes: f64,
  linkBytes: f64,
): f64 {
  const rank = word(readers, readerRank);
  const boxes = word(readers, readerBoxes);
  const rectangleStart = table(readers, readerRectangleStart);
  const rectangles = table(readers, readerRectangles);
  const rowCut = word(owners, ownerRowCut);
  const columnCut = word(owners, ownerColumnCut);
  shareSides(owners, readers, scratch);
  const bytesOfBoth = f64x2.splat(bytes);
  const linkBytesOfBoth = f64x2.splat(linkBytes);
  // A piece holds a link for a cycle, unless the network is free.
  const pieceCycles = f64x2.splat(linkBytes == Infinity ? 0 : 1);
  let middle: f64 = <f64>boxes;
  // To the south and to the north; to the east and to the west.
  let alongColumns = f64x2.splat(0);
  let alongRows = f64x2.splat(0);
  let firstColumn = i32.MAX_VALUE;
  let lastColumn = 0;
  let range = table(readers, readerRangeOf);
  for (let box = 0; box < boxes; box += 1) {
    let rowElements = f64x2.splat(1);
    let rowPieces = rowElements;
    let columnElements = rowElements;
    let columnPieces = rowElements;
    for (let axis = 0; axis < rank; axis += 1, range += 4) {
      const entry = scratch + <usize>(load<i32>(range) * sharedBytes);
      rowElements = f64x2.mul(rowElements, v128.load(entry));
      rowPieces = f64x2.mul(rowPieces, v128.load(entry, 16));
      columnElements = f64x2.mul(columnElements, v128.load(entry, 32));
      columnPieces = f64x2.mul(columnPieces, v128.load(entry, 48));
    }
    if (box == boxes >> 1) middle *= f64x2.extract_lane(rowPieces, 0) + f64x2.extract_lane(rowPieces, 1);
    const fromRows = leastCycles(rowElements, f64x2.mul(rowPieces, pieceCycles), bytesOfBoth, linkBytesOfBoth);
    const fromColumns = leastCycles(columnElements, f64x2.mul(columnPieces, pieceCycles), bytesOfBoth, linkBytesOfBoth);
    const endRectangle = word(rectangleStart, box + 1);
    for (let each = word(rectangleStart, box); each < endRectangle; each += 1) {
      const rectangle = rectangles + (<usize>each << 4);
      const left = word(rectangle, 2);
      const right = word(rectangle, 3);
      const width = <f64>(right - left + 1);
      firstColumn = min(firstColumn, left);
      lastColumn = max(lastColumn, right);
      const below = where(word(rectangle, 1) >= rowCut, width, word(rectangle, 0) < rowCut, width);
      alongColumns = f64x2.add(alongColumns, f64x2.mul(fromRows, below));
      alongRows = f64x2.add(alongRows, f64x2.mul(fromColumns, where(right >= columnCut, 1, left < columnCut, 1)));
    }
  }
  if (middle > <f64>pieceLimit) return -1;
  if (boxes == 0) return 0;
  const columns = <f64>(lastColumn - firstColumn + 1);
  const columnCycles = max(f64x2.extract_lane(alongColumns, 0), f64x2.extract_lane(alongColumns, 1)) / columns;
  const rowCycles = max(f64x2.extract_lane(alongRows, 0), f64x2.extract_lane(alongRows, 1));
  return max(columnCycles, rowCycles / <f64>word(owners, ownerRowCount));
}

/** The most elements that a looked core takes in from others: all that its boxes hold, less what it owns itself. */
function mostTaken(owned: usize, needed: usize, rank: i32): f64 {
  const ownBounds = owned + (<usize>(lookedCores + 1) << 2);
  const bounds = needed + (<usize>(lookedCores + 1) << 2);
  const boxBytes = <usize>rank << 3;
  let most: f64 = 0;
  for (let core = 0; core < lookedCores; core += 1) {
    const ownBox = word(owned, core);
    const hasOwn = ownBox < word(owned, core + 1);
    const own = ownBounds + <usize>ownBox * boxBytes;
    let count: f64 = 0;
    for (let box = word(needed, core); box < word(needed, core + 1); box += 1) {
      const sides = bounds + <usize>box * boxBytes;
      let size: f64 = 1;
      let shared: f64 = hasOwn ? 1 : 0;
      for (let side = 0; side < 2 * rank; side += 2) {
        const start = word(sides, side);
        const end = word(sides, side + 1);
        size *= <f64>(end - start);
        if (hasOwn) shared *= <f64>max(0, min(end, word(own, side + 1)) - max(start, word(own, side)));
      }
      count += size - shared;
    }
    most = max(most, count);
  }
  return most;
}

/**
 * Writes what edges cost at least where NaN stands in a table, [owner][reader]; −1 where that is not known: of owners that leave cells
 * free, and of too many pieces. `wayCycles` is what a packet's way adds where one is sent.
 */
export function leastEdgeCycles(
  ownerList: usize,
  ownerCount: i32,
  readerList: usize,
  readerCount: i32,
  least: usize,
  scratch: usize,
  pieceLimit: i32,
  bytes: f64,
  linkBytes: f64,
  wayCycles: f64,
): void {
  for (let owner = 0; owner < ownerCount; owner += 1) {
    const owners = <usize>word(ownerList, owner * heldWords + heldRecord);
    const owned = <usize>word(ownerList, owner * heldWords + heldLooked);
    for (let reader = 0; reader < readerCount; reader += 1, least += 8) {
      const known = load<f64>(least);
      if (known == known) continue;
      const readers = <usize>word(readerList, reader * heldWords + heldRecord);
      const links = owned == 0 ? -1 : leastLinkCycles(owners, readers, scratch, pieceLimit, bytes, linkBytes);
      if (links < 0) {
        store<f64>(least, -1);
        continue;
      }
      const needed = <usize>word(readerList, reader * heldWords + heldLooked);
      const taken = mostTaken(owned, needed, word(readers, readerRank));
      const cycles = max(links, (taken * bytes) / linkBytes);
      store<f64>(least, cycles + (taken > 0 || links > 0 ? wayCycles : 0));
    }
  }
}
