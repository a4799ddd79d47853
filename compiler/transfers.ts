import { type Box, boxCount, type Range } from "../ir/iteration.ts";
import type { LocalLayout } from "./local-layout.ts";
import { type AxisForm, type AxisPiece, indexBoxes, touchedRanges } from "./pieces.ts";

/** A tensor spread over places (cores by number, or the framebuffer): the box that each holds, null for none. */
export interface Spread {
  readonly boxes: readonly (Box | null)[];
  /** By place: the coordinate that stands at the start of its buffer. */
  readonly origins: readonly (readonly number[])[];
  readonly layout: LocalLayout;
}

/** One rectangular copy between the buffers of two places; offsets are from the start of the buffers, in bytes. */
export interface Copy {
  readonly source: number;
  readonly destination: number;
  readonly counts: readonly number[];
  readonly sourceOffset: number;
  readonly sourceStrides: readonly number[];
  readonly destinationOffset: number;
  readonly destinationStrides: readonly number[];
}

/**
 * All copies that fill what each destination needs (`wanted`, clipped boxes) from what the sources hold, computed from
 * intersections of boxes. Every wanted element that a piece makes is copied exactly once; a source at the same place as
 * the destination is preferred when several hold an element.
 */
export function copiesOf(pieces: readonly AxisPiece[], source: Spread, destination: Spread): Copy[] {
  const copies: Copy[] = [];
  for (const piece of pieces) {
    const whole: Box = piece.counts.map((count) => ({ start: 0, end: count }));
    destination.boxes.forEach((wanted, place) => {
      if (wanted === null) return;
      for (const box of indexBoxes(piece.destination, wanted, whole)) {
        const touched = touchedRanges(piece.source, box);
        for (let from = 0; from < source.boxes.length; from += 1) {
          const held = source.boxes[from];
          if (held === null || held === undefined || !overlaps(touched, held)) continue;
          for (const part of indexBoxes(piece.source, held, box)) {
            if (boxCount(part) > 0) copies.push(copyOf(piece, part, from, place, source, destination));
          }
        }
      }
    });
  }
  return copies;
}

function overlaps(left: Box, right: Box): boolean {
  for (let axis = 0; axis < left.length; axis += 1) {
    const [a, b] = [left[axis] as Range, right[axis] as Range];
    if (a.start >= b.end || b.start >= a.end) return false;
  }
  return true;
}

function copyOf(piece: AxisPiece, part: Box, from: number, to: number, source: Spread, destination: Spread): Copy {
  const counts = part.map((range) => range.end - range.start);
  const place = (forms: readonly AxisForm[], spread: Spread, at: number): { offset: number; strides: number[] } => {
    const strides = new Array<number>(counts.length).fill(0);
    let offset = 0;
    const origin = spread.origins[at] as readonly number[];
    forms.forEach((form, axis) => {
      const bytes = spread.layout.strideBytes[axis] as number;
      let coordinate = form.base;
      for (const { index, coefficient } of form.terms) {
        coordinate += coefficient * (part[index] as Range).start;
        strides[index] = (strides[index] as number) + coefficient * bytes;
      }
      offset += (coordinate - (origin[axis] as number)) * bytes;
    });
    return { offset, strides };
  };
  const read = place(piece.source, source, from);
  const write = place(piece.destination, destination, to);
  return simplified({
    source: from,
    destination: to,
    counts,
    sourceOffset: read.offset,
    sourceStrides: read.strides,
    destinationOffset: write.offset,
    destinationStrides: write.strides,
  });
}

/** Sorts indexes by the destination's stride, drops those of one turn, and merges those that continue each other. */
function simplified(copy: Copy): Copy {
  const indexes = copy.counts
    .map((count, index) => ({
      count,
      read: copy.sourceStrides[index] as number,
      write: copy.destinationStrides[index] as number,
    }))
    .filter(({ count }) => count > 1)
    .sort((left, right) => Math.abs(right.write) - Math.abs(left.write));
  const merged: { count: number; read: number; write: number }[] = [];
  for (const index of indexes) {
    const last = merged[merged.length - 1];
    if (last !== undefined && last.write === index.write * index.count && last.read === index.read * index.count) {
      merged[merged.length - 1] = { count: last.count * index.count, read: index.read, write: index.write };
    } else merged.push(index);
  }
  return {
    ...copy,
    counts: merged.map(({ count }) => count),
    sourceStrides: merged.map(({ read }) => read),
    destinationStrides: merged.map(({ write }) => write),
  };
}

/** Bytes that a copy carries. */
export function copyBytes(copy: Copy, elementBytes: number): number {
  let count = elementBytes;
  for (const factor of copy.counts) count *= factor;
  return count;
}
