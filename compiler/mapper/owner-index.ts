import type { Placement } from "../../kernels/placements.ts";

/**
 * Finds the boxes of a placement that overlap a box. The placement's boxes must be a grid: on each axis a list of disjoint
 * ranges, every box a choice of one range an axis (as the results of a split are).
 */
export interface OwnerIndex {
  readonly placement: Placement;
  /** By axis: the starts and ends of its ranges, ascending. */
  readonly starts: readonly Int32Array[];
  readonly ends: readonly Int32Array[];
  /** [range of axis 0][range of axis 1]...: the box there, −1 for none. */
  readonly boxes: Int32Array;
}

/** Indexes the boxes of a placement. */
export function ownerIndex(placement: Placement): OwnerIndex {
  const { rank, boxCount, bounds } = placement;
  const starts: Int32Array[] = [];
  const ends: Int32Array[] = [];
  const positions: Map<number, number>[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const ranges = new Map<number, number>();
    for (let box = 0; box < boxCount; box += 1) {
      const at = (box * rank + axis) * 2;
      ranges.set(bounds[at] as number, bounds[at + 1] as number);
    }
    const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
    starts.push(Int32Array.from(sorted, ([start]) => start));
    ends.push(Int32Array.from(sorted, ([, end]) => end));
    positions.push(new Map(sorted.map(([start], index) => [start, index])));
  }
  const boxes = new Int32Array(starts.reduce((count, list) => count * list.length, 1)).fill(-1);
  for (let box = 0; box < boxCount; box += 1) {
    let cell = 0;
    for (let axis = 0; axis < rank; axis += 1) {
      const start = bounds[(box * rank + axis) * 2] as number;
      cell = cell * (starts[axis] as Int32Array).length + ((positions[axis] as Map<number, number>).get(start) ?? 0);
    }
    boxes[cell] = box;
  }
  return { placement, starts, ends, boxes };
}

/** Where overlaps are written: the boxes and how many elements each shares. Both are at least as long as the index has cells. */
export interface Overlaps {
  readonly boxes: Int32Array;
  readonly counts: Float64Array;
}

/** The given room when it is large enough for the index, otherwise a new one. */
export function overlapRoom(index: OwnerIndex, given: Overlaps | null = null): Overlaps {
  const cells = index.boxes.length;
  if (given !== null && given.boxes.length >= cells) return given;
  return { boxes: new Int32Array(cells), counts: new Float64Array(cells) };
}

/** Writes the boxes of the index that overlap box `wanted` of `needed` to `overlaps` and returns how many there are. */
export function findOverlaps(index: OwnerIndex, needed: Placement, wanted: number, overlaps: Overlaps): number {
  const { boxes, counts } = overlaps;
  boxes[0] = 0;
  counts[0] = 1;
  let found = 1;
  for (let axis = 0; axis < needed.rank; axis += 1) {
    const starts = index.starts[axis] as Int32Array;
    const ends = index.ends[axis] as Int32Array;
    const at = (wanted * needed.rank + axis) * 2;
    const start = needed.bounds[at] as number;
    const end = needed.bounds[at + 1] as number;
    const first = firstAfter(ends, start);
    const last = firstAfter(starts, end - 1);
    const width = last - first;
    if (width <= 0) return 0;
    // From the back, so that entries are read before they are written over.
    for (let entry = found - 1; entry >= 0; entry -= 1) {
      const cell = (boxes[entry] as number) * starts.length;
      const count = counts[entry] as number;
      for (let range = last - 1; range >= first; range -= 1) {
        const from = starts[range] as number;
        const to = ends[range] as number;
        const place = entry * width + range - first;
        boxes[place] = cell + range;
        counts[place] = count * ((to < end ? to : end) - (from > start ? from : start));
      }
    }
    found *= width;
  }
  let kept = 0;
  for (let entry = 0; entry < found; entry += 1) {
    const box = index.boxes[boxes[entry] as number] as number;
    if (box < 0) continue;
    boxes[kept] = box;
    counts[kept] = counts[entry] as number;
    kept += 1;
  }
  return kept;
}

/** The first position whose number exceeds `limit`, in ascending numbers. */
export function firstAfter(numbers: Int32Array, limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
