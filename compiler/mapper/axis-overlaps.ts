import { firstAfter, type OwnerIndex } from "./owner-index.ts";
import type { Placement } from "./placement.ts";

/** The different ranges that the boxes of a placement have on each axis. */
export interface AxisRanges {
  /** By axis: where its ranges start and end. */
  readonly starts: readonly (readonly number[])[];
  readonly ends: readonly (readonly number[])[];
  /** [box][axis]: which of the ranges of the axis the box has. */
  readonly rangeOf: Int32Array;
}

/** Lists the different ranges of a placement's boxes. */
export function axisRanges({ rank, boxCount, bounds }: Placement): AxisRanges {
  const starts: number[][] = [];
  const ends: number[][] = [];
  const rangeOf = new Int32Array(boxCount * rank);
  for (let axis = 0; axis < rank; axis += 1) {
    // By start: the last range that began there.
    const numbers = new Map<number, number>();
    const ownStarts: number[] = [];
    const ownEnds: number[] = [];
    for (let box = 0; box < boxCount; box += 1) {
      const place = box * rank + axis;
      const start = bounds[2 * place] as number;
      const end = bounds[2 * place + 1] as number;
      let known = numbers.get(start) ?? -1;
      if (known < 0 || ownEnds[known] !== end) {
        known = ownStarts.findIndex((each, index) => each === start && ownEnds[index] === end);
        if (known < 0) {
          known = ownStarts.length;
          ownStarts.push(start);
          ownEnds.push(end);
        }
        numbers.set(start, known);
      }
      rangeOf[place] = known;
    }
    starts.push(ownStarts);
    ends.push(ownEnds);
  }
  return { starts, ends, rangeOf };
}

/**
 * Finds the boxes of an index that overlap those of a placement, the overlaps on single axes worked out once for all boxes
 * that have the same range there.
 */
export class AxisOverlaps {
  /** What the last `find` found: boxes of the index, and how many elements each shares. */
  boxes = new Int32Array(0);
  counts = new Float64Array(0);
  /** What is found on all wide axes but the last: cells of the index, and how many elements each shares. */
  #cells = new Int32Array(0);
  #wholes = new Float64Array(0);
  #index: OwnerIndex | null = null;
  #ranges: AxisRanges | null = null;
  #rank = 0;
  /** By axis: how far apart its neighbours lie in the index, and where its ranges begin in the lists by range. */
  readonly #strides: number[] = [];
  readonly #firstRange: number[] = [];
  /** By range: the first owner of a part, the number of owners, and where their shares begin in `#shares`. */
  readonly #first: number[] = [];
  readonly #width: number[] = [];
  readonly #firstShare: number[] = [];
  readonly #shares: number[] = [];
  /** Axes of which a box touches several ranges of owners. */
  readonly #wide: number[] = [];

  /** Works out the overlaps on each axis. */
  prepare(index: OwnerIndex, ranges: AxisRanges): void {
    this.#index = index;
    this.#ranges = ranges;
    this.#rank = ranges.starts.length;
    if (this.boxes.length < index.boxes.length) {
      this.boxes = new Int32Array(index.boxes.length);
      this.counts = new Float64Array(index.boxes.length);
      this.#cells = new Int32Array(index.boxes.length);
      this.#wholes = new Float64Array(index.boxes.length);
    }
    let stride = 1;
    for (let axis = this.#rank - 1; axis >= 0; axis -= 1) {
      this.#strides[axis] = stride;
      stride *= (index.starts[axis] as Int32Array).length;
    }
    let [range, share] = [0, 0];
    for (let axis = 0; axis < this.#rank; axis += 1) {
      const [starts, ends] = [index.starts[axis] as Int32Array, index.ends[axis] as Int32Array];
      const [ownStarts, ownEnds] = [ranges.starts[axis] as readonly number[], ranges.ends[axis] as readonly number[]];
      this.#firstRange[axis] = range;
      for (let own = 0; own < ownStarts.length; own += 1) {
        const [start, end] = [ownStarts[own] as number, ownEnds[own] as number];
        const first = firstAfter(ends, start);
        const last = Math.max(first, firstAfter(starts, end - 1));
        this.#first[range] = first;
        this.#width[range] = last - first;
        this.#firstShare[range] = share;
        range += 1;
        for (let owner = first; owner < last; owner += 1) {
          this.#shares[share] = Math.min(end, ends[owner] as number) - Math.max(start, starts[owner] as number);
          share += 1;
        }
      }
    }
  }

  /** Writes the boxes that overlap a box of the placement to `boxes` and `counts` and returns how many there are. */
  find(box: number): number {
    const { boxes, counts } = this;
    const owners = (this.#index as OwnerIndex).boxes;
    const { rangeOf } = this.#ranges as AxisRanges;
    const [rank, strides, wide, shares] = [this.#rank, this.#strides, this.#wide, this.#shares];
    let cell = 0;
    let count = 1;
    let wideCount = 0;
    for (let axis = 0; axis < rank; axis += 1) {
      const range = (this.#firstRange[axis] as number) + (rangeOf[box * rank + axis] as number);
      const width = this.#width[range] as number;
      if (width === 0) return 0;
      if (width === 1) {
        cell += (this.#first[range] as number) * (strides[axis] as number);
        count *= shares[this.#firstShare[range] as number] as number;
      } else {
        wide[2 * wideCount] = range;
        wide[2 * wideCount + 1] = strides[axis] as number;
        wideCount += 1;
      }
    }
    const [cells, wholes] = [this.#cells, this.#wholes];
    cells[0] = cell;
    wholes[0] = count;
    let found = 1;
    for (let at = 0; at < wideCount - 1; at += 1) {
      const range = wide[2 * at] as number;
      const stride = wide[2 * at + 1] as number;
      const first = this.#first[range] as number;
      const width = this.#width[range] as number;
      const share = this.#firstShare[range] as number;
      // From the back, so that entries are read before they are written over.
      for (let entry = found - 1; entry >= 0; entry -= 1) {
        const from = (cells[entry] as number) + first * stride;
        const whole = wholes[entry] as number;
        for (let owner = width - 1; owner >= 0; owner -= 1) {
          const place = entry * width + owner;
          cells[place] = from + owner * stride;
          wholes[place] = whole * (shares[share + owner] as number);
        }
      }
      found *= width;
    }
    const isWide = wideCount > 0;
    const last = isWide ? (wide[2 * wideCount - 2] as number) : 0;
    const stride = isWide ? (wide[2 * wideCount - 1] as number) : 0;
    const first = isWide ? (this.#first[last] as number) * stride : 0;
    const width = isWide ? (this.#width[last] as number) : 1;
    const share = this.#firstShare[last] as number;
    let kept = 0;
    for (let entry = 0; entry < found; entry += 1) {
      let at = (cells[entry] as number) + first;
      const whole = wholes[entry] as number;
      for (let owner = 0; owner < width; owner += 1, at += stride) {
        const box = owners[at] as number;
        if (box < 0) continue;
        boxes[kept] = box;
        counts[kept] = isWide ? whole * (shares[share + owner] as number) : whole;
        kept += 1;
      }
    }
    return kept;
  }
}
