import { at } from "../base/math.ts";
import type { Box, Range } from "../ir/iteration.ts";
import { sameNumbers } from "../ir/type.ts";
import type { LaidStep } from "./laid-step.ts";
import type { Layer } from "./layers.ts";
import type { Network } from "./network.ts";
import { axisPieces } from "./pieces.ts";

/**
 * A value that may be written where a movement puts it (a concatenation, a padding): as a part of the movement's result, which then
 * takes no copy of it.
 */
export interface Lodging {
  /** Index of the movement's layer, and which of its reads the value is. */
  readonly layer: number;
  readonly read: number;
  /** By axis: where the value begins in the result. */
  readonly base: readonly number[];
}

/** Steps of its stream between making a part and joining it, up to which the whole result is held that long. */
const longestStay = 8;

/** By value: the movement that it may be written for; only values that nothing else reads. */
export function lodgingsOf(network: Network): Map<string, Lodging> {
  const kept = new Set(network.ties.flatMap(({ state, next }) => [state, next]));
  const found = new Map<string, Lodging>();
  const turns = turnsOf(network);
  network.layers.forEach((layer, index) => {
    if (layer.movement === null || kept.has(index)) return;
    layer.reads.forEach((read, position) => {
      const producer = network.producer.get(read.value);
      const maker = network.layers[producer ?? -1];
      if (
        read.constant ||
        producer === undefined ||
        maker === undefined ||
        at(turns, index) - at(turns, producer) > longestStay
      )
        return;
      const computes = maker.kind === "contraction" || maker.kind === "vector" || maker.kind === "reduce";
      if (!computes || kept.has(producer) || network.readers.get(read.value)?.length !== 1) return;
      if (layer.reads.some((other, place) => place !== position && other.value === read.value)) return;
      const base = baseOf(layer, position);
      if (base !== null) found.set(read.value, { layer: index, read: position, base });
    });
  });
  return found;
}

/** By layer: how many of its stream come before it. */
function turnsOf({ streams }: Network): number[] {
  const counts: number[] = [];
  return streams.map((stream) => {
    const turn = counts[stream] ?? 0;
    counts[stream] = turn + 1;
    return turn;
  });
}

/** Where a movement puts an operand that it moves as a whole, axis by axis; null when it does otherwise. */
function baseOf(layer: Layer, position: number): number[] | null {
  const read = layer.reads[position];
  const [anchor] = layer.nodes;
  if (read === undefined || anchor === undefined || read.type.element !== anchor.type.element) return null;
  const [piece, ...others] = (layer.movement?.pieces ?? [])
    .filter(({ operand }) => operand === read.operand)
    .flatMap((each) => axisPieces(each, read.type.shape, anchor.type.shape));
  const { shape } = read.type;
  if (piece === undefined || others.length > 0 || shape.length !== anchor.type.shape.length) return null;
  const base: number[] = [];
  const moved = shape.map(() => 1);
  for (const [axis, from] of piece.source.entries()) {
    const to = piece.destination[axis];
    if (to === undefined || from.base !== 0 || from.terms.length > 1 || to.terms.length !== from.terms.length)
      return null;
    const [term] = from.terms;
    if (term !== undefined) {
      const [other] = to.terms;
      if (term.coefficient !== 1 || other?.coefficient !== 1 || other.index !== term.index) return null;
      moved[axis] = piece.counts[term.index] as number;
    }
    base.push(to.base);
  }
  return sameNumbers(moved, shape) ? base : null;
}

/** Whether every core makes just the elements of a value that it holds in the movement's result. */
export function isMadeInPlace(
  { base }: Lodging,
  shape: readonly number[],
  made: readonly (Box | null)[],
  joint: LaidStep,
): boolean {
  const [held] = joint.owned;
  return made.every((box, core) => {
    const whole = held?.[core] ?? null;
    const part = whole === null ? null : partOf(whole, base, shape);
    if (part === null || box === null) return part === box;
    return box.every(({ start, end }, axis) => part[axis]?.start === start && part[axis]?.end === end);
  });
}

/** The part of a value that lies in a box of the result, in the value's own coordinates; null for none. */
function partOf(box: Box, base: readonly number[], shape: readonly number[]): Box | null {
  const part = box.map(({ start, end }, axis): Range => {
    const from = base[axis] as number;
    return { start: Math.max(0, start - from), end: Math.min(shape[axis] as number, end - from) };
  });
  return part.every(({ start, end }) => end > start) ? part : null;
}
