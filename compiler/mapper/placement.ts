/**
 * Boxes of one value on the cores of a grid: what cores own of it, or what they need. Cores are numbered row-major.
 * Equal boxes of several cores are held once.
 */
export interface Placement {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly boxCount: number;
  /** [box][axis][start, end], clipped to the value. */
  readonly bounds: Int32Array;
  /** As `bounds`, padding included. */
  readonly reach: Int32Array;
  /** By axis: the greatest length of any box, clipped and with padding. */
  readonly boundExtents: readonly number[];
  readonly reachExtents: readonly number[];
  /** Cores by box: those of box b are cores[coreStart[b]] to cores[coreStart[b + 1] − 1], ascending. */
  readonly coreStart: Int32Array;
  readonly cores: Int32Array;
  /** Boxes by core: those of core c are boxes[boxStart[c]] to boxes[boxStart[c + 1] − 1]. */
  readonly boxStart: Int32Array;
  readonly boxes: Int32Array;
  /** [box][first row, last row, first column, last column] of the cores that have it. */
  readonly extent: Int32Array;
  /**
   * Rectangles that the cores of a box make up, each one multicast: those of box b are numbers rectangleStart[b] to
   * rectangleStart[b + 1] − 1 of [rectangle][first row, last row, first column, last column].
   */
  readonly rectangleStart: Int32Array;
  readonly rectangles: Int32Array;
  /** The last row and column of any core that has a box; −1 when none has. */
  readonly lastRow: number;
  readonly lastColumn: number;
  /** How many rows have a core that is the first of some box. */
  readonly firstRowCount: number;
}

/** How many elements box `left` of one placement and box `right` of another have in common. */
export function overlapCount(a: Placement, left: number, b: Placement, right: number): number {
  const width = a.rank * 2;
  let count = 1;
  let i = left * width;
  let j = right * width;
  for (const end = i + width; i < end; i += 2, j += 2) {
    const aStart = a.bounds[i] as number;
    const bStart = b.bounds[j] as number;
    const aEnd = a.bounds[i + 1] as number;
    const bEnd = b.bounds[j + 1] as number;
    const length = (aEnd < bEnd ? aEnd : bEnd) - (aStart > bStart ? aStart : bStart);
    if (length <= 0) return 0;
    count *= length;
  }
  return count;
}

/** Whether box `inner` of one placement, padding included, lies inside box `outer` of another. */
export function contains(a: Placement, outer: number, b: Placement, inner: number): boolean {
  const width = a.rank * 2;
  for (let axis = 0; axis < width; axis += 2) {
    if ((b.reach[inner * width + axis] as number) < (a.bounds[outer * width + axis] as number)) return false;
    if ((b.reach[inner * width + axis + 1] as number) > (a.bounds[outer * width + axis + 1] as number)) return false;
  }
  return true;
}

/** Elements of a box. */
export function boxSize(placement: Placement, box: number): number {
  const width = placement.rank * 2;
  let count = 1;
  for (let axis = 0; axis < width; axis += 2) {
    count *= (placement.bounds[box * width + axis + 1] as number) - (placement.bounds[box * width + axis] as number);
  }
  return count;
}
