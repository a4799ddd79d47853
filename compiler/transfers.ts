import { type Box, boxCount, type Range } from "../ir/iteration.ts";
import { forEachBox } from "./core-boxes.ts";
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
 * intersections of boxes. Every wanted element that a piece makes is copied once from each source that holds it: sources
 * that hold a value do not overlap; of constants, which every core holds, the emitter takes the copies within a core.
 */
export function copiesOf(pieces: readonly AxisPiece[], source: Spread, destination: Spread): Copy[] {
  const copies: Copy[] = [];
  const holders = holdersOf(source);
  const shapes = new Map<string, CopyShape>();
  for (const piece of pieces) {
    const copyOf = copier(piece, source, destination, shapes);
    const whole: Box = piece.counts.map((count) => ({ start: 0, end: count }));
    const partsOf = (wanted: Box): SourcePart[] =>
      indexBoxes(piece.destination, wanted, whole).flatMap((box) =>
        holders.touching(touchedRanges(piece.source, box)).flatMap((from) =>
          indexBoxes(piece.source, source.boxes[from] as Box, box)
            .filter((part) => boxCount(part) > 0)
            .map((part) => ({ from, part })),
        ),
      );
    const parts = forEachBox(destination.boxes, partsOf, []);
    for (let place = 0; place < parts.length; place += 1) {
      for (const { from, part } of parts[place] as SourcePart[]) copies.push(copyOf(part, from, place));
    }
  }
  return copies;
}

/** Index points of a piece that a place sends. */
interface SourcePart {
  readonly from: number;
  readonly part: Box;
}

/** Places that hold parts of a tensor, by the ranges of their boxes on one axis after the other. */
interface Holders {
  /** Behind the last axis: the places, ascending. */
  readonly places: readonly number[];
  readonly branches: readonly (Range & { readonly inner: Holders })[];
}

/** The places that hold a part of a tensor, for finding those that overlap a box. */
function holdersOf({ boxes }: Spread): { touching: (box: Box) => number[] } {
  const places = boxes.flatMap((box, place) => (box === null || boxCount(box) === 0 ? [] : [place]));
  const rank = boxes[places[0] ?? 0]?.length ?? 0;
  const holders = holdersFrom(0, rank, places, boxes);
  const collect = ({ places: found, branches }: Holders, axis: number, box: Box, into: number[]): void => {
    for (const place of found) into.push(place);
    for (const { start, end, inner } of branches) {
      const range = box[axis] as Range;
      if (range.start < end && start < range.end) collect(inner, axis + 1, box, into);
    }
  };
  const touching = (box: Box): number[] => {
    const found: number[] = [];
    collect(holders, 0, box, found);
    return found.sort((left, right) => left - right);
  };
  return { touching };
}

function holdersFrom(axis: number, rank: number, places: readonly number[], boxes: Spread["boxes"]): Holders {
  if (axis === rank) return { places, branches: [] };
  const groups = new Map<string, { readonly range: Range; readonly places: number[] }>();
  for (const place of places) {
    const range = (boxes[place] as Box)[axis] as Range;
    const key = `${range.start} ${range.end}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { range, places: [place] });
    else group.places.push(place);
  }
  const branches = Array.from(groups.values(), (group) => ({
    start: group.range.start,
    end: group.range.end,
    inner: holdersFrom(axis + 1, rank, group.places, boxes),
  }));
  return { places: [], branches };
}

/** What copies of different places have in common; equal ones are the same value. */
type CopyShape = Pick<Copy, "counts" | "sourceStrides" | "destinationStrides">;

/** Makes the copies of a piece: of the part of its index points that place `from` sends and place `to` receives. */
function copier(
  piece: AxisPiece,
  source: Spread,
  destination: Spread,
  shapes: Map<string, CopyShape>,
): (part: Box, from: number, to: number) => Copy {
  const read = stridesOf(piece.source, source, piece.counts.length);
  const write = stridesOf(piece.destination, destination, piece.counts.length);
  const known = new Map<number, CopyShape>();
  return (part, from, to) => {
    let key = 0;
    let sourceOffset = read.base - originOffset(source, from);
    let destinationOffset = write.base - originOffset(destination, to);
    for (let index = 0; index < part.length; index += 1) {
      const { start, end } = part[index] as Range;
      key = key * ((piece.counts[index] as number) + 1) + end - start;
      sourceOffset += (read.strides[index] as number) * start;
      destinationOffset += (write.strides[index] as number) * start;
    }
    let shape = known.get(key);
    if (shape === undefined) {
      const made = simplified(part, read.strides, write.strides);
      const text = `${made.counts};${made.sourceStrides};${made.destinationStrides}`;
      shape = shapes.get(text) ?? made;
      shapes.set(text, shape);
      known.set(key, shape);
    }
    const { counts, sourceStrides, destinationStrides } = shape;
    return {
      source: from,
      destination: to,
      counts,
      sourceOffset,
      sourceStrides,
      destinationOffset,
      destinationStrides,
    };
  };
}

/** Bytes that a step of each index moves within a spread's layout, and where index 0 stands in the whole tensor. */
function stridesOf(forms: readonly AxisForm[], { layout }: Spread, indexCount: number) {
  const strides = new Array<number>(indexCount).fill(0);
  let base = 0;
  forms.forEach((form, axis) => {
    const bytes = layout.strideBytes[axis] as number;
    base += form.base * bytes;
    for (const { index, coefficient } of form.terms) {
      strides[index] = (strides[index] as number) + coefficient * bytes;
    }
  });
  return { base, strides };
}

/** Where the start of a place's buffer stands in the whole tensor. */
function originOffset({ origins, layout }: Spread, place: number): number {
  const origin = origins[place] as readonly number[];
  let offset = 0;
  for (let axis = 0; axis < origin.length; axis += 1) {
    offset += (origin[axis] as number) * (layout.strideBytes[axis] as number);
  }
  return offset;
}

/** Sorts indexes by the destination's stride, drops those of one turn, and merges those that continue each other. */
function simplified(part: Box, sourceStrides: readonly number[], destinationStrides: readonly number[]): CopyShape {
  const indexes = part
    .map(({ start, end }, index) => ({
      count: end - start,
      read: sourceStrides[index] as number,
      write: destinationStrides[index] as number,
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
