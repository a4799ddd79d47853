import type { Placement } from "../../kernels/placements.ts";

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
