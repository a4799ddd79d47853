import { rowMajorStrides } from "../base/math.ts";
import type { Box, Range } from "../ir/iteration.ts";
import type { MovementPiece } from "../ir/operator.ts";

/** The coordinate along one axis: base + Σ coefficient·index, largest coefficient first. */
export interface AxisForm {
  readonly base: number;
  readonly terms: readonly { readonly index: number; readonly coefficient: number }[];
}

/**
 * A copy of a box of index points between two tensors: each index moves along at most one axis of either tensor, and
 * the indexes of an axis nest like digits (a larger coefficient is at least the span of the smaller ones).
 */
export interface AxisPiece {
  readonly counts: readonly number[];
  readonly source: readonly AxisForm[];
  readonly destination: readonly AxisForm[];
}

/** The piece that copies a whole tensor to itself. */
export function identityPiece(shape: readonly number[]): AxisPiece {
  const forms = shape.map((_, axis) => ({ base: 0, terms: [{ index: axis, coefficient: 1 }] }));
  return { counts: shape, source: forms, destination: forms };
}

/** Whether every index of a piece is the coordinate along its axis, in both tensors. */
export function isIdentity({ source, destination }: AxisPiece): boolean {
  const isPlain = ({ base, terms }: AxisForm, axis: number): boolean =>
    base === 0 && terms.length === 1 && terms[0]?.index === axis && terms[0].coefficient === 1;
  return source.every(isPlain) && destination.every(isPlain);
}

interface LinearPiece {
  readonly counts: readonly number[];
  readonly sourceOffset: number;
  readonly sourceStrides: readonly number[];
  readonly destinationOffset: number;
  readonly destinationStrides: readonly number[];
}

/** Rewrites a movement's piece from linear element indexes to axes, cutting it where an index would cross an axis. */
export function axisPieces(
  piece: MovementPiece,
  sourceShape: readonly number[],
  destinationShape: readonly number[],
): AxisPiece[] {
  const result: AxisPiece[] = [];
  const pending: LinearPiece[] = [piece];
  while (pending.length > 0) {
    const current = pending.pop() as LinearPiece;
    const cut = findCut(current, sourceShape, "source") ?? findCut(current, destinationShape, "destination");
    if (cut === null) {
      result.push({
        counts: current.counts,
        source: axisForms(current.sourceOffset, current.sourceStrides, current.counts, sourceShape),
        destination: axisForms(current.destinationOffset, current.destinationStrides, current.counts, destinationShape),
      });
    } else pending.push(...cut);
  }
  return result.reverse();
}

/** Where an index of the piece leaves its axis: the piece with that index divided in two, or cut in parts; null if none does. */
function findCut(piece: LinearPiece, shape: readonly number[], side: "source" | "destination"): LinearPiece[] | null {
  const strides = side === "source" ? piece.sourceStrides : piece.destinationStrides;
  const offset = side === "source" ? piece.sourceOffset : piece.destinationOffset;
  const coordinates = coordinatesOf(offset, shape);
  const rowStrides = rowMajorStrides(shape);
  for (let index = 0; index < piece.counts.length; index += 1) {
    const count = piece.counts[index] as number;
    const stride = strides[index] as number;
    if (count === 1 || stride === 0) continue;
    const axis = axisOf(stride, rowStrides, shape);
    const coefficient = Math.abs(stride) / (rowStrides[axis] as number);
    const start = coordinates[axis] as number;
    const size = shape[axis] as number;
    // Other indexes on the same axis come into play through their own span.
    const span = spanOnAxis(piece, strides, index, axis, rowStrides, shape);
    const room = stride > 0 ? size - 1 - start - span : start - span;
    const reach = Math.floor(room / coefficient) + 1;
    if (Number.isInteger(coefficient) && reach >= count) continue;
    const turns = Number.isInteger(size / coefficient) ? size / coefficient : 0;
    if (
      turns > 1 &&
      Number.isInteger(coefficient) &&
      start < coefficient &&
      stride > 0 &&
      count > turns &&
      count % turns === 0
    ) {
      return [divide(piece, index, turns)];
    }
    const head = Math.max(1, Math.min(count - 1, reach));
    return [cutAt(piece, index, head, true), cutAt(piece, index, head, false)];
  }
  return null;
}

function spanOnAxis(
  piece: LinearPiece,
  strides: readonly number[],
  except: number,
  axis: number,
  rowStrides: readonly number[],
  shape: readonly number[],
): number {
  let span = 0;
  piece.counts.forEach((count, index) => {
    const stride = strides[index] as number;
    if (index === except || count === 1 || stride === 0) return;
    if (axisOf(stride, rowStrides, shape) !== axis) return;
    const smaller = Math.abs(stride) < Math.abs(strides[except] as number);
    if (smaller) span += (Math.abs(stride) / (rowStrides[axis] as number)) * (count - 1);
  });
  return span;
}

/** The innermost axis whose stride divides into the given one without reaching the next axis outwards. */
function axisOf(stride: number, rowStrides: readonly number[], shape: readonly number[]): number {
  const size = Math.abs(stride);
  for (let axis = rowStrides.length - 1; axis >= 0; axis -= 1) {
    const step = rowStrides[axis] as number;
    if (size < step * (shape[axis] as number) || axis === 0) return axis;
  }
  return 0;
}

function coordinatesOf(offset: number, shape: readonly number[]): number[] {
  let rest = offset;
  return rowMajorStrides(shape).map((stride) => {
    const coordinate = Math.floor(rest / stride);
    rest -= coordinate * stride;
    return coordinate;
  });
}

/** Divides one index into an outer one and an inner one of `turns` steps. */
function divide(piece: LinearPiece, index: number, turns: number): LinearPiece {
  const split = (
    values: readonly number[],
    outer: (value: number) => number,
    inner: (value: number) => number,
  ): number[] => values.flatMap((value, position) => (position === index ? [outer(value), inner(value)] : [value]));
  return {
    ...piece,
    counts: split(
      piece.counts,
      (count) => count / turns,
      () => turns,
    ),
    sourceStrides: split(
      piece.sourceStrides,
      (stride) => stride * turns,
      (stride) => stride,
    ),
    destinationStrides: split(
      piece.destinationStrides,
      (stride) => stride * turns,
      (stride) => stride,
    ),
  };
}

/** The first `head` turns of an index, or the rest. */
function cutAt(piece: LinearPiece, index: number, head: number, first: boolean): LinearPiece {
  const count = piece.counts[index] as number;
  return {
    ...piece,
    counts: piece.counts.map((value, position) => (position === index ? (first ? head : count - head) : value)),
    sourceOffset: piece.sourceOffset + (first ? 0 : head * (piece.sourceStrides[index] as number)),
    destinationOffset: piece.destinationOffset + (first ? 0 : head * (piece.destinationStrides[index] as number)),
  };
}

function axisForms(
  offset: number,
  strides: readonly number[],
  counts: readonly number[],
  shape: readonly number[],
): AxisForm[] {
  const rowStrides = rowMajorStrides(shape);
  const terms = shape.map(() => [] as { index: number; coefficient: number }[]);
  strides.forEach((stride, index) => {
    if (stride === 0 || counts[index] === 1) return;
    const axis = axisOf(stride, rowStrides, shape);
    terms[axis]?.push({ index, coefficient: stride / (rowStrides[axis] as number) });
  });
  return coordinatesOf(offset, shape).map((base, axis) => ({
    base,
    terms: (terms[axis] ?? []).sort((left, right) => Math.abs(right.coefficient) - Math.abs(left.coefficient)),
  }));
}

/** The boxes of index points whose coordinates lie in `ranges` (one an axis), within `within`. */
export function indexBoxes(forms: readonly AxisForm[], ranges: Box, within: Box): Box[] {
  let boxes: Box[] = [within];
  for (let axis = 0; axis < forms.length; axis += 1) {
    const form = forms[axis] as AxisForm;
    const range = ranges[axis] as Range;
    const solve = (box: Box): Box[] => solveAxis(form, 0, range.start - form.base, range.end - form.base, box);
    boxes = boxes.length === 1 ? solve(boxes[0] as Box) : boxes.flatMap(solve);
  }
  return boxes;
}

/** Boxes with low ≤ Σ coefficient·index < high over the form's terms from `position` on. */
function solveAxis(form: AxisForm, position: number, low: number, high: number, box: Box): Box[] {
  if (position >= form.terms.length) return low <= 0 && 0 < high ? [box] : [];
  const { index, coefficient } = form.terms[position] as AxisForm["terms"][number];
  const range = box[index] as Range;
  if (coefficient === 1 && position === form.terms.length - 1) {
    const start = Math.max(range.start, low);
    const end = Math.min(range.end, high);
    if (end <= start) return [];
    if (start === range.start && end === range.end) return [box];
    const narrowed = box.slice();
    narrowed[index] = { start, end };
    return [narrowed];
  }
  let innerLow = 0;
  let innerHigh = 0;
  for (const term of form.terms.slice(position + 1)) {
    const inner = box[term.index] as Range;
    const ends = [term.coefficient * inner.start, term.coefficient * (inner.end - 1)];
    innerLow += Math.min(...ends);
    innerHigh += Math.max(...ends);
  }
  const replace = (start: number, end: number): Box =>
    box.map((value, position_) => (position_ === index ? { start, end } : value));
  // Turns for which every inner value is in range form one box; turns at either end are solved one by one.
  const turnsWith = (least: number, greatest: number): Range => {
    const from = coefficient > 0 ? Math.ceil(least / coefficient) : Math.ceil(greatest / coefficient);
    const to = coefficient > 0 ? Math.floor(greatest / coefficient) : Math.floor(least / coefficient);
    return { start: Math.max(range.start, from), end: Math.min(range.end, to + 1) };
  };
  const whole = turnsWith(low - innerLow, high - 1 - innerHigh);
  const some = turnsWith(low - innerHigh, high - 1 - innerLow);
  if (some.end <= some.start) return [];
  const result: Box[] = [];
  const single = (turn: number): void => {
    result.push(
      ...solveAxis(form, position + 1, low - coefficient * turn, high - coefficient * turn, replace(turn, turn + 1)),
    );
  };
  const hasWhole = whole.end > whole.start;
  for (let turn = some.start; turn < (hasWhole ? whole.start : some.end); turn += 1) single(turn);
  if (hasWhole) {
    result.push(replace(whole.start, whole.end));
    for (let turn = whole.end; turn < some.end; turn += 1) single(turn);
  }
  return result;
}

/** The coordinate ranges that a box of index points touches, one an axis. */
export function touchedRanges(forms: readonly AxisForm[], box: Box): Box {
  return forms.map(({ base, terms }) => {
    let start = base;
    let end = base;
    for (const { index, coefficient } of terms) {
      const range = box[index] as Range;
      start += coefficient * (coefficient > 0 ? range.start : range.end - 1);
      end += coefficient * (coefficient > 0 ? range.end - 1 : range.start);
    }
    return { start, end: end + 1 };
  });
}
