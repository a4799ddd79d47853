// Where things stand in what the placement kernels read and write: known to TypeScript and to AssemblyScript. Places are words of 4
// bytes from the start of the record that holds them.

/** A placement: sizes of the grid and of the lists, what the lists say in all, and the places of the lists. */
export const placementRows = 0;
export const placementColumns = 1;
export const placementRank = 2;
export const placementBoxes = 3;
/** Pairs of a box and a core that has it. */
export const placementGiven = 4;
export const placementRectangles = 5;
export const placementLastRow = 6;
export const placementLastColumn = 7;
export const placementFirstRows = 8;
/** [box][axis][start, end], clipped and with padding; [axis] greatest lengths. */
export const boundsPlace = 9;
export const reachPlace = 10;
export const boundExtentsPlace = 11;
export const reachExtentsPlace = 12;
/** [box] first core, cores; [core] first box, boxes. */
export const coreStartPlace = 13;
export const coresPlace = 14;
export const boxStartPlace = 15;
export const boxesPlace = 16;
/** [box][first row, last row, first column, last column]; [box] first rectangle; rectangles, alike, to the end of the record. */
export const extentPlace = 17;
export const rectangleStartPlace = 18;
export const rectanglesPlace = 19;
export const placementWords = 20;

/** An access of a step: the cores that take part, sizes of the lists, and their places. */
export const accessFirstRow = 0;
export const accessEndRow = 1;
export const accessFirstColumn = 2;
export const accessEndColumn = 3;
export const accessDimensions = 4;
export const accessSplits = 5;
export const accessBoxKeys = 6;
export const accessColumns = 7;
export const accessRank = 8;
/** [dimension] size; [split dimension], see below; [axis] place of its words, see below. */
export const sizesPlace = 9;
export const splitsPlace = 10;
export const axesPlace = 11;
/** What is found: how many boxes, and pairs of a box and a core that has it. */
export const foundBoxes = 12;
export const foundPairs = 13;
export const accessWords = 14;

/** Of a split dimension; the places are those of [row] and [column] what either adds to the number of a part. */
export const splitDimension = 0;
export const splitParts = 1;
export const splitChunk = 2;
export const splitIsTouched = 3;
export const splitIsChain = 4;
export const splitRowIndexPlace = 5;
export const splitColumnIndexPlace = 6;
export const splitWords = 7;

/** Of an axis; then, for each term, its dimension and stride. */
export const axisSize = 0;
export const axisOffset = 1;
export const axisTerms = 2;
export const axisWords = 3;
