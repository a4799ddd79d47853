import { type Box, boxCount, type Range } from "../ir/iteration.ts";
import type { LocalLayout } from "./local-layout.ts";
import { type AxisForm, type AxisPiece, indexBoxes, isIdentity, touchedRanges } from "./pieces.ts";

/** A tensor spread over places (cores by number, or the framebuffer): the box that each holds, null for none. */
export interface Spread {
  readonly boxes: readonly (Box | null)[];
  /** By place: the coordinate that stands at the start of its buffer. */
  readonly origins: readonly (readonly number[])[];
  readonly layout: LocalLayout;
}

/** What copies of different places have in common. */
export interface CopyShape {
  readonly counts: readonly number[];
  readonly sourceStrides: readonly number[];
  readonly destinationStrides: readonly number[];
}

/** A rectangular copy from the buffer of a place to those of others, the same in each; offsets are from the start of the buffers, in bytes. */
export interface Transfer {
  readonly source: number;
  /** Ascending. */
  readonly destinations: readonly number[];
  /** Equal ones are the same value, in what `transfersOf` makes at a time. */
  readonly shape: CopyShape;
  readonly sourceOffset: number;
  readonly destinationOffset: number;
}

/**
 * All copies that fill what each destination needs (`wanted`, clipped boxes) from what the sources hold, computed from
 * intersections of boxes. Every wanted element that a piece makes is copied once from each source that holds it: sources
 * that hold a value do not overlap; of constants, which every core holds, the emitter takes the copies within a core.
 */
export function transfersOf(pieces: readonly AxisPiece[], source: Spread, destination: Spread): Transfer[] {
  const transfers: Transfer[] = [];
  const holders = holdersOf(source);
  const shapes = new Map<string, CopyShape>();
  const wanted = placesAlike(destination);
  for (const piece of pieces) {
    const transferOf = carrier(piece, source, destination, shapes);
    const whole: Box = piece.counts.map((count) => ({ start: 0, end: count }));
    const isDirect = isIdentity(piece);
    for (const { box, places } of wanted) {
      for (const points of indexBoxes(piece.destination, box, whole)) {
        const parts = isDirect ? heldParts(holders, points) : piecedParts(piece, points, holders, source);
        for (const { from, part } of parts) transfers.push(transferOf(part, from, places));
      }
    }
  }
  return transfers;
}

/** Index points of a piece that a place sends. */
interface SourcePart {
  readonly from: number;
  readonly part: Box;
}

/** Some index points of a piece, by the place that holds what they copy. */
function piecedParts({ source: forms }: AxisPiece, points: Box, holders: Holders, { boxes }: Spread): SourcePart[] {
  return heldParts(holders, touchedRanges(forms, points)).flatMap(({ from }) =>
    indexBoxes(forms, boxes[from] as Box, points)
      .filter((part) => boxCount(part) > 0)
      .map((part) => ({ from, part })),
  );
}

/** Places that need the same box at the same origin. */
interface AlikePlaces {
  readonly box: Box;
  readonly places: number[];
}

/** The places of a spread, those with the same values for box and origin together, by the first of each. */
function placesAlike({ boxes, origins }: Spread): AlikePlaces[] {
  const known = new Map<Box, { readonly origin: readonly number[]; readonly alike: AlikePlaces }[]>();
  const found: AlikePlaces[] = [];
  boxes.forEach((box, place) => {
    if (box === null) return;
    const origin = origins[place] as readonly number[];
    const sameBox = known.get(box) ?? [];
    known.set(box, sameBox);
    const same = sameBox.find((each) => each.origin === origin);
    if (same !== undefined) {
      same.alike.places.push(place);
      return;
    }
    const alike = { box, places: [place] };
    sameBox.push({ origin, alike });
    found.push(alike);
  });
  return found;
}

/** Places that hold parts of a tensor, by the ranges of their boxes on one axis after the other. */
interface Holders {
  /** Behind the last axis: the places, ascending. */
  readonly places: readonly number[];
  readonly branches: readonly (Range & { readonly inner: Holders })[];
}

/** The places that hold a part of a tensor. */
function holdersOf({ boxes }: Spread): Holders {
  const places = boxes.flatMap((box, place) => (box === null || boxCount(box) === 0 ? [] : [place]));
  return holdersFrom(0, boxes[places[0] ?? 0]?.length ?? 0, places, boxes);
}

/** What places hold of a box, by ascending place. */
function heldParts(holders: Holders, box: Box): SourcePart[] {
  const found: SourcePart[] = [];
  collectHeld(holders, box, [], found);
  return found.sort((left, right) => left.from - right.from);
}

/** Collects what places hold of a box, of which `part` is common to all of them along the axes so far. */
function collectHeld({ places, branches }: Holders, box: Box, part: Range[], found: SourcePart[]): void {
  for (const from of places) found.push({ from, part: part.slice() });
  const axis = part.length;
  for (const { start, end, inner } of branches) {
    const range = box[axis] as Range;
    const common = { start: Math.max(start, range.start), end: Math.min(end, range.end) };
    if (common.end <= common.start) continue;
    part.push(common);
    collectHeld(inner, box, part, found);
    part.pop();
  }
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

/** Makes the transfers of a piece: of the part of its index points that place `from` sends and the places `to` receive. */
function carrier(
  piece: AxisPiece,
  source: Spread,
  destination: Spread,
  shapes: Map<string, CopyShape>,
): (part: Box, from: number, to: readonly number[]) => Transfer {
  const read = stridesOf(piece.source, source, piece.counts.length);
  const write = stridesOf(piece.destination, destination, piece.counts.length);
  const known = new Map<number, CopyShape>();
  return (part, from, to) => {
    let key = 0;
    let sourceOffset = read.base - originOffset(source, from);
    let destinationOffset = write.base - originOffset(destination, to[0] as number);
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
    return { source: from, destinations: to, shape, sourceOffset, destinationOffset };
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
