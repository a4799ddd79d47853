import { type Box, boxCount, type Range } from "../ir/iteration.ts";
import { isInside } from "./core-boxes.ts";
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
  const sourceStarts = bufferStarts(source);
  const wanted = placesAlike(destination);
  for (const piece of pieces) {
    const carrier = new Carrier(piece, source, destination, sourceStarts, shapes);
    const whole: Box = piece.counts.map((count) => ({ start: 0, end: count }));
    const isDirect = isIdentity(piece);
    for (const { box, places } of wanted) {
      carrier.to(places);
      const isPlain = isDirect && isInside(box, whole);
      const pointBoxes = isPlain ? [box] : indexBoxes(piece.destination, box, whole);
      for (const points of pointBoxes) {
        const first = transfers.length;
        if (isDirect) carrier.carryHeld(holders, points, transfers);
        else carryPieced(piece, points, holders, source, carrier, transfers);
        sortFrom(transfers, first);
      }
    }
  }
  return transfers;
}

/** Carries some index points of a piece from the places that hold what they copy. */
function carryPieced(
  { source: forms }: AxisPiece,
  points: Box,
  holders: Holders,
  { boxes }: Spread,
  carrier: Carrier,
  transfers: Transfer[],
): void {
  for (const from of holdingPlaces(holders, touchedRanges(forms, points), 0)) {
    for (const part of indexBoxes(forms, boxes[from] as Box, points)) {
      if (boxCount(part) > 0) transfers.push(carrier.carry(part, from));
    }
  }
}

/** Sorts what was found behind a place of the list by the core that sends; most often it is sorted. */
function sortFrom(transfers: Transfer[], first: number): void {
  for (let next = first + 1; next < transfers.length; next += 1) {
    if ((transfers[next] as Transfer).source >= (transfers[next - 1] as Transfer).source) continue;
    const sorted = transfers.slice(first).sort((left, right) => left.source - right.source);
    for (let place = 0; place < sorted.length; place += 1) transfers[first + place] = sorted[place] as Transfer;
    return;
  }
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
  /** By ascending start. */
  readonly branches: readonly (Range & { readonly inner: Holders })[];
}

/** More than any coordinate, so that the two ends of a range are one exact number. */
const rangeSpan = 2 ** 27;

/** The places that hold a part of a tensor. */
function holdersOf({ boxes }: Spread): Holders {
  const places = boxes.flatMap((box, place) => (box === null || boxCount(box) === 0 ? [] : [place]));
  return holdersFrom(0, boxes[places[0] ?? 0]?.length ?? 0, places, boxes);
}

/** The places that hold some of a box. */
function holdingPlaces({ places, branches }: Holders, box: Box, axis: number): number[] {
  const { start: from, end: to } = box[axis] ?? { start: 0, end: 0 };
  const inner = branches.flatMap(({ start, end, inner: behind }) =>
    Math.min(end, to) > Math.max(start, from) ? holdingPlaces(behind, box, axis + 1) : [],
  );
  return [...places, ...inner];
}

function holdersFrom(axis: number, rank: number, places: readonly number[], boxes: Spread["boxes"]): Holders {
  if (axis === rank) return { places, branches: [] };
  const groups = new Map<number, { readonly range: Range; readonly places: number[] }>();
  for (const place of places) {
    const range = (boxes[place] as Box)[axis] as Range;
    const key = range.start * rangeSpan + range.end;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { range, places: [place] });
    else group.places.push(place);
  }
  const branches = Array.from(groups.values(), (group) => ({
    start: group.range.start,
    end: group.range.end,
    inner: holdersFrom(axis + 1, rank, group.places, boxes),
  })).sort((left, right) => left.start - right.start);
  return { places: [], branches };
}

/** Makes the transfers of a piece, to places that want the same one after the other. */
class Carrier {
  readonly #counts: readonly number[];
  readonly #read: PieceStrides;
  readonly #write: PieceStrides;
  readonly #sourceStarts: readonly number[];
  readonly #destination: Spread;
  /** Shapes by what they are, and those of this piece by the counts of their parts. */
  readonly #shapes: Map<string, CopyShape>;
  readonly #known = new Map<number, CopyShape>();
  /** The part that is walked to: the ranges of its axes so far. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #to: readonly number[] = [];
  #destinationStart = 0;

  constructor(
    piece: AxisPiece,
    source: Spread,
    destination: Spread,
    sourceStarts: readonly number[],
    shapes: Map<string, CopyShape>,
  ) {
    this.#counts = piece.counts;
    this.#read = stridesOf(piece.source, source, piece.counts.length);
    this.#write = stridesOf(piece.destination, destination, piece.counts.length);
    this.#sourceStarts = sourceStarts;
    this.#destination = destination;
    this.#shapes = shapes;
  }

  /** What is carried from now on goes to these places. */
  to(places: readonly number[]): void {
    this.#to = places;
    this.#destinationStart = originOffset(this.#destination, places[0] as number);
  }

  /** The transfer of a part of the piece's index points that place `from` sends. */
  carry(part: Box, from: number): Transfer {
    let key = 0;
    let [sourceOffset, destinationOffset] = [this.#read.base, this.#write.base];
    for (let index = 0; index < part.length; index += 1) {
      const { start, end } = part[index] as Range;
      this.#starts[index] = start;
      this.#ends[index] = end;
      key = key * ((this.#counts[index] as number) + 1) + end - start;
      sourceOffset += (this.#read.strides[index] as number) * start;
      destinationOffset += (this.#write.strides[index] as number) * start;
    }
    return this.#transfer(from, this.#shapeOf(key), sourceOffset, destinationOffset);
  }

  /** Adds the transfers of what places hold of a box, where the piece's indexes are coordinates. */
  carryHeld(holders: Holders, box: Box, transfers: Transfer[]): void {
    this.#walk(holders, box, 0, 0, this.#read.base, this.#write.base, transfers);
  }

  /** Walks on from an axis to what holders have in common with a box; the numbers are of the axes before. */
  #walk(
    { places, branches }: Holders,
    box: Box,
    axis: number,
    key: number,
    sourceOffset: number,
    destinationOffset: number,
    transfers: Transfer[],
  ): void {
    if (axis === box.length) {
      const shape = places.length > 0 ? this.#shapeOf(key) : null;
      for (let index = 0; index < places.length; index += 1) {
        const from = places[index] as number;
        transfers.push(this.#transfer(from, shape as CopyShape, sourceOffset, destinationOffset));
      }
      return;
    }
    const range = box[axis] as Range;
    const longer = key * ((this.#counts[axis] as number) + 1);
    const read = this.#read.strides[axis] as number;
    const write = this.#write.strides[axis] as number;
    for (let branch = 0; branch < branches.length; branch += 1) {
      const { start: from, end: to, inner } = branches[branch] as Holders["branches"][number];
      if (from >= range.end) break;
      const start = from > range.start ? from : range.start;
      const end = to < range.end ? to : range.end;
      if (end <= start) continue;
      this.#starts[axis] = start;
      this.#ends[axis] = end;
      this.#walk(
        inner,
        box,
        axis + 1,
        longer + end - start,
        sourceOffset + read * start,
        destinationOffset + write * start,
        transfers,
      );
    }
  }

  #transfer(from: number, shape: CopyShape, sourceOffset: number, destinationOffset: number): Transfer {
    return {
      source: from,
      destinations: this.#to,
      shape,
      sourceOffset: sourceOffset - (this.#sourceStarts[from] as number),
      destinationOffset: destinationOffset - this.#destinationStart,
    };
  }

  /** The shape of the part that was walked to, by a number that its counts make. */
  #shapeOf(key: number): CopyShape {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const part = this.#counts.map((_, index) => (this.#ends[index] as number) - (this.#starts[index] as number));
    const made = simplified(part, this.#read.strides, this.#write.strides);
    const text = `${made.counts};${made.sourceStrides};${made.destinationStrides}`;
    const shape = this.#shapes.get(text) ?? made;
    this.#shapes.set(text, shape);
    this.#known.set(key, shape);
    return shape;
  }
}

/** Bytes that a step of each index of a piece moves, and where index 0 stands. */
interface PieceStrides {
  readonly base: number;
  readonly strides: readonly number[];
}

/** Bytes that a step of each index moves within a spread's layout, and where index 0 stands in the whole tensor. */
function stridesOf(forms: readonly AxisForm[], { layout }: Spread, indexCount: number): PieceStrides {
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

/** By place that holds something: where the start of its buffer stands in the whole tensor. */
function bufferStarts(spread: Spread): number[] {
  return spread.boxes.map((box, place) => (box === null ? 0 : originOffset(spread, place)));
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
function simplified(
  counts: readonly number[],
  sourceStrides: readonly number[],
  destinationStrides: readonly number[],
): CopyShape {
  const indexes = counts
    .map((count, index) => ({
      count,
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
