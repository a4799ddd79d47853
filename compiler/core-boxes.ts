import { type Access, type Box, boxCount, footprint, type Range } from "../ir/iteration.ts";
import { type Geometry, isUsed, partOn, reductionIndex } from "./geometry.ts";

/** The parts of the iteration space on all cores, and which of them have work and end up with results. */
export interface CoreParts {
  /** By core, as `iterationBox`. */
  readonly boxes: readonly Box[];
  readonly active: readonly boolean[];
  readonly owns: readonly boolean[];
}

/** Works out the parts of all cores, row by row. */
export function coreParts(geometry: Geometry): CoreParts {
  const { grid, reduction } = geometry;
  const ranges = geometry.dimensions.map(({ size }, index) => {
    const chunk = geometry.chunks[index] as number;
    return Array.from({ length: geometry.parts[index] as number }, (_, part) => ({
      start: Math.min(size, part * chunk),
      end: Math.min(size, (part + 1) * chunk),
    }));
  });
  const [boxes, active, owns]: [Box[], boolean[], boolean[]] = [[], [], []];
  for (let row = 0; row < grid.rows; row += 1) {
    for (let column = 0; column < grid.columns; column += 1) {
      const box: Range[] = [];
      let isBusy = isUsed(geometry, row, column);
      for (let index = 0; index < ranges.length; index += 1) {
        const range = (ranges[index] as Range[])[partOn(geometry, index, row, column)] as Range;
        if (range.end <= range.start) isBusy = false;
        box.push(range);
      }
      boxes.push(box);
      active.push(isBusy);
      owns.push(isBusy && (reduction === null || reductionIndex(geometry, row, column) === reduction.parts - 1));
    }
  }
  return { boxes, active, owns };
}

/** By core: the footprint of its part, null for cores that take no part; equal ones are the same value. */
export function footprints(
  access: Access,
  geometry: Geometry,
  boxes: readonly Box[],
  takesPart: readonly boolean[],
): (Box | null)[] {
  const dimensions = [...new Set(access.flatMap(({ terms }) => terms.map(({ dimension }) => dimension)))];
  const known = new Map<number, Box>();
  const found = new Array<Box | null>(boxes.length).fill(null);
  for (let core = 0; core < boxes.length; core += 1) {
    if (!takesPart[core]) continue;
    const box = boxes[core] as Box;
    let key = 0;
    for (let index = 0; index < dimensions.length; index += 1) {
      const dimension = dimensions[index] as number;
      const chunk = geometry.chunks[dimension] as number;
      key = key * (geometry.parts[dimension] as number) + (box[dimension] as Range).start / chunk;
    }
    let touched = known.get(key);
    if (touched === undefined) {
      touched = footprint(access, box);
      known.set(key, touched);
    }
    found[core] = touched;
  }
  return found;
}

/** What follows from each core's box, worked out once for cores with the same one; `none` for cores without. */
export function forEachBox<T>(boxes: readonly (Box | null)[], make: (box: Box) => T, none: T): T[] {
  const known = new Map<Box, T>();
  return boxes.map((box) => {
    if (box === null) return none;
    const value = known.get(box) ?? make(box);
    known.set(box, value);
    return value;
  });
}

/** Whether a box lies in the one that a core holds, null for none; an empty box always does. */
export function isInside(box: Box, holder: Box | null): boolean {
  if (boxCount(box) === 0) return true;
  if (holder === null) return false;
  for (let axis = 0; axis < box.length; axis += 1) {
    const range = box[axis] as Range;
    const outer = holder[axis] as Range;
    if (range.start < outer.start || range.end > outer.end) return false;
  }
  return true;
}
