// Where things stand in the records of link loads: read by TypeScript and by AssemblyScript. Places are words of 4 bytes from
// the start of a record; a record that holds a place of a table holds it as words from its own start.

/**
 * Owners: the number of cells, the place of the table of sources, and how many rows have owners; of a cut between two rows and
 * one between two columns the first row or column behind it, the axis of which the ranges tell on which side an owner lies, and
 * the place of the table of sides, [range] 0 or 1; then, for each axis, the number of its ranges and the places of their starts
 * and ends.
 */
export const ownerCells = 0;
export const ownerSources = 1;
export const ownerRowCount = 2;
export const ownerRowCut = 3;
export const ownerColumnCut = 6;
export const cutAxis = 1;
export const cutSides = 2;
export const ownerAxes = 9;
export const ownerAxisWords = 3;

/** Readers: sizes of the grid and of the lists. */
export const readerRows = 0;
export const readerColumns = 1;
export const readerRank = 2;
export const readerBoxes = 3;
export const readerRanges = 4;
export const readerWays = 5;
/** Places of the tables: [axis] first range, [range][start, end], [box][axis] range. */
export const readerAxisRanges = 6;
export const readerBounds = 7;
export const readerRangeOf = 8;
/** [box] first rectangle, [rectangle][first row, last row, first column, last column], [box] first core, cores. */
export const readerRectangleStart = 9;
export const readerRectangles = 10;
export const readerCoreStart = 11;
export const readerCores = 12;
/** [box] way, [way][to the east, to the west][column]. */
export const readerWayOf = 13;
export const readerWayCounts = 14;
export const readerWords = 15;

/** What the kernel finds, f64 each, at the start of the board. */
export const foundInject = 0;
export const foundEject = 1;
export const foundLinks = 2;
export const foundPort = 3;
export const foundRemote = 4;
export const foundNumbers = 6;

/**
 * The boxes of some cores, spread over the grid, that bounds look at: [core] first box, and one number more; [box][axis][start, end].
 */
export const lookedCores = 8;

/** Bytes of what a range of the readers shares with owners before and behind the row cut, and before and behind the column cut: elements and pieces each. */
export const sharedBytes = 64;

/** By placement of a list: the addresses of its record and of the boxes of looked cores, 0 for owners that leave cells free. */
export const heldRecord = 0;
export const heldLooked = 1;
export const heldWords = 2;
