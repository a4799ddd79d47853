// The loads of links and ports when the pieces of a value go from the cores that own them to those that read them.
// ../link-loads.ts says what they are; the records are described in ../link-load-layout.ts.
import {
  foundEject,
  foundInject,
  foundLinks,
  foundNumbers,
  foundPort,
  foundRemote,
  ownerAxes,
  ownerAxisWords,
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
} from "../link-load-layout";
import { firstAfter, table, word } from "./record";

/** Loads of a core, in pairs of cycles and elements: injected and at the memory port, ejected and taken from others. */
const coreBytes: usize = 32;
const ofPort: usize = 8;
const ofEject: usize = 16;

@inline
function add(address: usize, amount: f64): void {
  store<f64>(address, load<f64>(address) + amount);
}

@inline
function addPair(address: usize, amounts: v128): void {
  v128.store(address, f64x2.add(v128.load(address), amounts));
}

/**
 * By range of the readers, 16 bytes each: the first cell of its owners, their number, the address of how much each shares, and
 * how many cells the next owner is further. Returns the end of the shares.
 */
function overlapAxes(owners: usize, readers: usize, scratch: usize): usize {
  const rank = word(readers, readerRank);
  const firstRange = table(readers, readerAxisRanges);
  const bounds = table(readers, readerBounds);
  let shares = scratch + (<usize>word(readers, readerRanges) << 4);
  let stride = 1;
  for (let axis = rank - 1; axis >= 0; axis -= 1) {
    const own = owners + (<usize>(ownerAxes + axis * ownerAxisWords) << 2);
    const count = word(own, 0);
    const starts = owners + (<usize>word(own, 1) << 2);
    const ends = owners + (<usize>word(own, 2) << 2);
    const endRange = word(firstRange, axis + 1);
    for (let range = word(firstRange, axis); range < endRange; range += 1) {
      const start = word(bounds, 2 * range);
      const end = word(bounds, 2 * range + 1);
      const first = firstAfter(ends, count, start);
      const last = max(first, firstAfter(starts, count, end - 1));
      const entry = scratch + (<usize>range << 4);
      store<i32>(entry, first * stride);
      store<i32>(entry, last - first, 4);
      store<i32>(entry, <i32>shares, 8);
      store<i32>(entry, stride, 12);
      for (let owner = first; owner < last; owner += 1) {
        store<f64>(shares, <f64>(min(end, word(ends, owner)) - max(start, word(starts, owner))));
        shares += 8;
      }
    }
    stride *= count;
  }
  return shares;
}

/**
 * Writes the pieces of a box, 16 bytes each: elements, and the cell that they come from. From the front, what the axes so far
 * leave; each wide axis spreads it, from the back, so that entries are read before they are written over.
 */
function findPieces(ranges: usize, overlaps: usize, rank: i32, pieces: usize): i32 {
  let found = 1;
  let cell = 0;
  let count: f64 = 1;
  let isWide = false;
  for (let axis = 0; axis < rank; axis += 1) {
    const entry = overlaps + (<usize>word(ranges, axis) << 4);
    const width = load<i32>(entry, 4);
    if (width == 0) return 0;
    const shares = <usize>load<i32>(entry, 8);
    if (width == 1) {
      cell += load<i32>(entry);
      count *= load<f64>(shares);
    } else isWide = true;
  }
  store<f64>(pieces, count);
  store<i32>(pieces, cell, 8);
  if (isWide) {
    for (let axis = 0; axis < rank; axis += 1) {
      const entry = overlaps + (<usize>word(ranges, axis) << 4);
      const width = load<i32>(entry, 4);
      if (width == 1) continue;
      const first = load<i32>(entry);
      const shares = <usize>load<i32>(entry, 8);
      const stride = load<i32>(entry, 12);
      for (let from = found - 1; from >= 0; from -= 1) {
        const old = pieces + (<usize>from << 4);
        const whole = load<f64>(old);
        let at = load<i32>(old, 8) + first + (width - 1) * stride;
        let to = pieces + (<usize>(from * width + width - 1) << 4);
        let share = shares + (<usize>(width - 1) << 3);
        for (let owner = 0; owner < width; owner += 1) {
          store<f64>(to, whole * load<f64>(share));
          store<i32>(to, at, 8);
          at -= stride;
          to -= 16;
          share -= 8;
        }
      }
      found *= width;
    }
  }
  return found;
}

/** How many of some pieces have an owner. */
function ownedPieces(pieces: usize, found: i32, sources: usize): i32 {
  let count = 0;
  for (let entry = 0; entry < found; entry += 1) {
    if (word(sources, load<i32>(pieces + (<usize>entry << 4), 8)) >= 0) count += 1;
  }
  return count;
}

/** The greatest running sums of differences, two by two: [place][lane], `lanes` even, from two tables at once; at least 0. */
function largestSums(one: usize, other: usize, places: i32, lanes: i32): f64 {
  const step = <usize>lanes << 3;
  let most = f64x2.splat(0);
  for (let lane = 0; lane < lanes; lane += 2) {
    let at = <usize>lane << 3;
    let first = f64x2.splat(0);
    let second = f64x2.splat(0);
    for (let place = 0; place < places; place += 1) {
      first = f64x2.add(first, v128.load(one + at));
      second = f64x2.add(second, v128.load(other + at));
      most = f64x2.pmax(most, f64x2.pmax(first, second));
      at += step;
    }
  }
  return max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
}

/** Running sums over the lanes of differences, in place: [place][lane], of two tables at once. */
function sumUp(one: usize, other: usize, places: i32, lanes: i32): void {
  for (let place = 0; place < places; place += 1) {
    let first: f64 = 0;
    let second: f64 = 0;
    for (let lane = 0; lane < lanes; lane += 1) {
      first += load<f64>(one);
      second += load<f64>(other);
      store<f64>(one, first);
      store<f64>(other, second);
      one += 8;
      other += 8;
    }
  }
}

/** Adds what comes from the rows `firstRow` to `lastRow`, `rowCycles` each, to the links of a rectangle's columns. */
function addColumns(
  rectangle: usize,
  firstRow: i32,
  lastRow: i32,
  rowCycles: usize,
  line: usize,
  south: usize,
  north: usize,
): void {
  const top = word(rectangle, 0);
  const bottom = word(rectangle, 1);
  const left = <usize>word(rectangle, 2) << 3;
  const behind = <usize>(word(rectangle, 3) + 1) << 3;
  const endSouth = min(bottom, lastRow + 1);
  let sum: f64 = 0;
  for (let row = firstRow; row < endSouth; row += 1) {
    const cycles = load<f64>(rowCycles + (<usize>row << 3));
    if (cycles == 0) continue;
    sum += cycles;
    const at = south + <usize>row * line;
    add(at + left, cycles);
    add(at + behind, -cycles);
  }
  if (sum != 0) {
    const at = south + <usize>bottom * line;
    add(at + left, -sum);
    add(at + behind, sum);
  }
  sum = 0;
  for (let row = max(top + 1, firstRow); row <= lastRow; row += 1) {
    const cycles = load<f64>(rowCycles + (<usize>row << 3));
    if (cycles == 0) continue;
    sum += cycles;
    const at = north + <usize>row * line;
    add(at + left, -cycles);
    add(at + behind, cycles);
  }
  if (sum != 0) {
    const at = north + <usize>top * line;
    add(at + left, sum);
    add(at + behind, -sum);
  }
}

/** Adds what the cores of a row send a way, by column, to the links of the row, and leaves zeros. */
function addWay(counts: usize, sent: usize, columns: i32, east: usize, west: usize, line: usize): void {
  let sum: f64 = 0;
  for (let column = 0; column < columns - 1; column += 1) {
    const at = east + <usize>column * line;
    sum += load<f64>(sent + (<usize>column << 3));
    const cycles = sum * <f64>word(counts, column);
    add(at, cycles);
    add(at + line, -cycles);
  }
  sum = 0;
  for (let column = columns - 1; column > 0; column -= 1) {
    const at = west + <usize>column * line;
    sum += load<f64>(sent + (<usize>column << 3));
    const cycles = sum * <f64>word(counts, columns + column);
    add(at - line, cycles);
    add(at, -cycles);
  }
  memory.fill(sent, 0, <usize>(columns + 1) << 3);
}

/** Adds what the pieces of a row brought: for the columns, and at the ends of the row's links, where packets turn off. */
@inline
function endRow(row: i32, cycles: f64, eastward: f64, westward: f64, rowCycles: usize, east: usize, west: usize): void {
  const at = <usize>row << 3;
  add(rowCycles + at, cycles);
  add(east + at, -eastward);
  add(west + at, westward);
}

// Cycles of links as differences from one to the next, the lines of links side by side in an even number of lanes. Links of
// rows, to the east and to the west: [column][row]. Of columns, to the south and to the north: [row][column]; while pieces are
// gone through these are differences from column to column too, which takes one lane more.

@inline
function lanesOfRows(rows: i32): i32 {
  return (rows + 1) & ~1;
}

@inline
function lanesOfColumns(columns: i32): i32 {
  return (columns + 2) & ~1;
}

@inline
function firstLinks(board: usize, coreCount: i32): usize {
  return board + (<usize>foundNumbers << 3) + <usize>coreCount * coreBytes;
}

/** The sum of all running sums of differences: [place][lane]. */
function totalOfSums(differences: usize, places: i32, lanes: i32): f64 {
  let total: f64 = 0;
  for (let place = 0; place < places; place += 1) {
    // A difference counts in its own place and all behind it.
    const times = <f64>(places - place);
    for (let lane = 0; lane < lanes; lane += 1) {
      total += times * load<f64>(differences);
      differences += 8;
    }
  }
  return total;
}

/** Cycles of all links together, after `linkLoads` on that board; 0 where that looked at nothing. */
export function linkCycleSum(board: usize, rows: i32, columns: i32): f64 {
  const east = firstLinks(board, rows * columns);
  const rowLinks = <usize>(columns * lanesOfRows(rows)) << 3;
  const south = east + 2 * rowLinks;
  const columnLinks = <usize>(rows * lanesOfColumns(columns)) << 3;
  return (
    totalOfSums(east, columns, lanesOfRows(rows)) +
    totalOfSums(east + rowLinks, columns, lanesOfRows(rows)) +
    totalOfSums(south, rows, lanesOfColumns(columns)) +
    totalOfSums(south + columnLinks, rows, lanesOfColumns(columns))
  );
}

/** The loads, written to the start of the board; 0 when there are more than `pieceLimit` pieces, which are not looked at. */
export function linkLoads(
  owners: usize,
  readers: usize,
  board: usize,
  ways: usize,
  scratch: usize,
  pieceLimit: i32,
  bytes: f64,
  linkBytes: f64,
  issue: f64,
  stays: i32,
): i32 {
  const rows = word(readers, readerRows);
  const columns = word(readers, readerColumns);
  const rank = word(readers, readerRank);
  const boxes = word(readers, readerBoxes);
  const rangeOf = table(readers, readerRangeOf);
  const rectangleStart = table(readers, readerRectangleStart);
  const rectangles = table(readers, readerRectangles);
  const coreStart = table(readers, readerCoreStart);
  const cores = table(readers, readerCores);
  const wayOf = table(readers, readerWayOf);
  const sources = table(owners, ownerSources);
  const coreCount = rows * columns;
  const rowLanes = lanesOfRows(rows);
  const columnLanes = lanesOfColumns(columns);
  const eastLine = <usize>rowLanes << 3;
  const southLine = <usize>columnLanes << 3;
  // [way][row][column], then whether the row sends anything that way; zeros between calls.
  const wayLine = <usize>(columns + 1) << 3;
  const loads = board + (<usize>foundNumbers << 3);
  const east = firstLinks(board, coreCount);
  const west = east + <usize>columns * eastLine;
  const south = west + <usize>columns * eastLine;
  const north = south + <usize>rows * southLine;
  const rowCycles = north + <usize>rows * southLine;
  const reads = rowCycles + (<usize>rows << 3);
  const alone = reads + (<usize>coreCount << 2);
  const bytesOr1 = f64x2.replace_lane(f64x2.splat(1), 0, bytes);
  const linkBytesOr1 = f64x2.replace_lane(f64x2.splat(1), 0, linkBytes);
  const issueOr0 = f64x2.replace_lane(f64x2.splat(0), 0, issue);
  memory.fill(loads, 0, alone + (<usize>coreCount << 2) - loads);
  const pieces = overlapAxes(owners, readers, scratch);
  const rangeBytes = <usize>rank << 2;
  const middle = findPieces(rangeOf + <usize>(boxes >> 1) * rangeBytes, scratch, rank, pieces);
  if (boxes * ownedPieces(pieces, middle, sources) > pieceLimit) return 0;
  for (let box = 0; box < boxes; box += 1) {
    const stamp = box + 1;
    const found = findPieces(rangeOf + <usize>box * rangeBytes, scratch, rank, pieces);
    const firstRectangle = word(rectangleStart, box);
    const endRectangle = word(rectangleStart, box + 1);
    const packets = <f64>(endRectangle - firstRectangle);
    const firstReader = word(coreStart, box);
    const endReader = word(coreStart, box + 1);
    for (let reader = firstReader; reader < endReader; reader += 1) {
      store<i32>(reads + (<usize>word(cores, reader) << 2), stamp);
    }
    for (let each = firstRectangle; each < endRectangle; each += 1) {
      const rectangle = rectangles + (<usize>each << 4);
      const top = word(rectangle, 0);
      const left = word(rectangle, 2);
      if (top == word(rectangle, 1) && left == word(rectangle, 3)) {
        store<i32>(alone + (<usize>(top * columns + left) << 2), stamp);
      }
    }
    const left = word(rectangles + (<usize>firstRectangle << 4), 2);
    const right = word(rectangles + (<usize>firstRectangle << 4), 3);
    const way = word(wayOf, box);
    const wayRows = ways + <usize>(way * rows) * wayLine;
    const eastEnd = east + <usize>right * eastLine;
    const westEnd = west + <usize>left * eastLine;
    let totals = f64x2.splat(0);
    let firstRow = rows;
    let lastRow = -1;
    // What the pieces of one row add to its links is added up before it is written.
    let row = -1;
    let ofRow: f64 = 0;
    let eastward: f64 = 0;
    let westward: f64 = 0;
    for (let entry = 0; entry < found; entry += 1) {
      const piece = pieces + (<usize>entry << 4);
      const source = word(sources, load<i32>(piece, 8));
      if (source < 0) continue;
      const column = source & 0xffff;
      if (source >> 16 != row) {
        if (row >= 0) endRow(row, ofRow, eastward, westward, rowCycles, eastEnd, westEnd);
        row = source >> 16;
        ofRow = 0;
        eastward = 0;
        westward = 0;
        if (row < firstRow) firstRow = row;
        if (row > lastRow) lastRow = row;
      }
      const core = row * columns + column;
      // Cycles on a link, and elements, which are whole already.
      const amounts = f64x2.ceil(f64x2.div(f64x2.mul(v128.load64_splat(piece), bytesOr1), linkBytesOr1));
      const cycles = f64x2.extract_lane(amounts, 0);
      totals = f64x2.add(totals, amounts);
      ofRow += cycles;
      const own = loads + <usize>core * coreBytes;
      let sent = packets;
      if (word(reads, core) == stamp) {
        addPair(own + ofEject, f64x2.neg(amounts));
        const count = f64x2.extract_lane(amounts, 1);
        add(own + ofPort, stays ? -count : count);
        if (word(alone, core) == stamp) sent -= 1;
      }
      addPair(own, f64x2.mul(f64x2.splat(sent), f64x2.add(amounts, issueOr0)));
      if (way >= 0) {
        const sentInRow = wayRows + <usize>row * wayLine;
        add(sentInRow + (<usize>column << 3), cycles);
        store<f64>(sentInRow + (<usize>columns << 3), 1);
        continue;
      }
      const at = <usize>column * eastLine + (<usize>row << 3);
      if (right > column) {
        add(east + at, cycles);
        eastward += cycles;
      }
      if (left < column) {
        add(west + at, -cycles);
        westward += cycles;
      }
    }
    if (row >= 0) endRow(row, ofRow, eastward, westward, rowCycles, eastEnd, westEnd);
    for (let reader = firstReader; reader < endReader; reader += 1) {
      const own = loads + <usize>word(cores, reader) * coreBytes;
      addPair(own + ofEject, totals);
      add(own + ofPort, f64x2.extract_lane(totals, 1));
    }
    for (let each = firstRectangle; each < endRectangle; each += 1) {
      addColumns(rectangles + (<usize>each << 4), firstRow, lastRow, rowCycles, southLine, south, north);
    }
    for (let row = firstRow; row <= lastRow; row += 1) store<f64>(rowCycles + (<usize>row << 3), 0);
  }
  const wayCounts = table(readers, readerWayCounts);
  const wayCount = word(readers, readerWays);
  for (let way = 0; way < wayCount; way += 1) {
    const counts = wayCounts + (<usize>(2 * way * columns) << 2);
    for (let row = 0; row < rows; row += 1) {
      const sent = ways + <usize>(way * rows + row) * wayLine;
      if (load<f64>(sent + (<usize>columns << 3)) == 0) continue;
      const at = <usize>row << 3;
      addWay(counts, sent, columns, east + at, west + at, eastLine);
    }
  }
  sumUp(south, north, rows, columnLanes);
  const ofRows = largestSums(east, west, columns, rowLanes);
  store<f64>(board + (<usize>foundLinks << 3), max(ofRows, largestSums(south, north, rows, columnLanes)));
  let sent = f64x2.splat(0);
  let taken = f64x2.splat(0);
  for (let at = loads; at < east; at += coreBytes) {
    sent = f64x2.pmax(sent, v128.load(at));
    taken = f64x2.pmax(taken, v128.load(at + ofEject));
  }
  store<f64>(board + (<usize>foundInject << 3), f64x2.extract_lane(sent, 0));
  store<f64>(board + (<usize>foundPort << 3), f64x2.extract_lane(sent, 1));
  store<f64>(board + (<usize>foundEject << 3), f64x2.extract_lane(taken, 0));
  store<f64>(board + (<usize>foundRemote << 3), f64x2.extract_lane(taken, 1));
  return 1;
}
