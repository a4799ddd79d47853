import { product } from "../base/math.ts";
import type { Box, Range } from "../ir/iteration.ts";
import { largestExtents } from "./geometry.ts";
import type { LaidStep } from "./laid-step.ts";
import type { Network } from "./network.ts";

/**
 * Room around every core's part of a value, in elements an axis: before it, and behind the largest part. There come to lie the
 * neighbours' elements and the padding that readers need beside the part, which then stays where it is.
 */
export interface Margin {
  readonly before: readonly number[];
  readonly behind: readonly number[];
}

/**
 * The margin that lets a reader find all it needs around the parts: `before` elements before a part's start, `reach` from its
 * start on, one number an axis. Null where that takes more memory than the parts and a copy for the reader.
 */
export function marginFor(
  partExtents: readonly number[],
  readExtents: readonly number[],
  before: readonly number[],
  reach: readonly number[],
): Margin | null {
  if (roomCount(partExtents, before, reach) > product(partExtents) + product(readExtents)) return null;
  return { before, behind: partExtents.map((extent, axis) => Math.max(0, (reach[axis] as number) - extent)) };
}

/** Elements of the largest part with the room around it that such a reader needs. */
export function roomCount(partExtents: readonly number[], before: readonly number[], reach: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < partExtents.length; axis += 1) {
    count *= (before[axis] as number) + Math.max(partExtents[axis] as number, reach[axis] as number);
  }
  return count;
}

/** Margins that were asked for before: by the reader's step, then its maker's, then the position of the read; null for none. */
export type MarginMemory = Map<LaidStep, Map<LaidStep, (Margin | null)[]>>;

/** By value: the margin that its readers share; values without are those whose parts need none. */
export function marginsOf(
  network: Network,
  steps: readonly LaidStep[],
  memory: MarginMemory = new Map(),
): Map<string, Margin> {
  const margins = new Map<string, Margin>();
  const kept = new Set(network.ties.flatMap(({ state, next }) => [state, next]));
  for (const reader of steps) {
    const known = memory.get(reader) ?? new Map<LaidStep, (Margin | null)[]>();
    memory.set(reader, known);
    reader.layer.reads.forEach((read, position) => {
      const maker = network.producer.get(read.value);
      if (read.constant || maker === undefined || kept.has(maker)) return;
      const producer = steps[maker] as LaidStep;
      const asked = known.get(producer) ?? [];
      known.set(producer, asked);
      const own = asked[position] === undefined ? marginOfRead(producer, reader, position) : asked[position];
      asked[position] = own;
      if (own === null) return;
      const other = margins.get(read.value);
      margins.set(read.value, other === undefined ? own : widest(own, other));
    });
  }
  return margins;
}

/** The margin that a read asks for around the parts of its value; null for none. */
function marginOfRead(producer: LaidStep, reader: LaidStep, position: number): Margin | null {
  const read = reader.layer.reads[position];
  const touched = reader.touched[position];
  const write = producer.layer.writes.findIndex(({ value }) => value === read?.value);
  const access = producer.layer.writes[write]?.access;
  const owned = producer.owned[write];
  if (touched == null || read === undefined || read.access === null || access === undefined || owned === undefined)
    return null;
  const reaches = reachOf(owned, touched);
  if (reaches === null) return null;
  const extents = largestExtents(producer.geometry, access);
  const own = marginFor(extents, largestExtents(reader.geometry, read.access), reaches.before, reaches.reach);
  return own === null || [...own.before, ...own.behind].every((count) => count === 0) ? null : own;
}

function widest(left: Margin, right: Margin): Margin {
  const most = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((count, axis) => Math.max(count, b[axis] as number));
  return { before: most(left.before, right.before), behind: most(left.behind, right.behind) };
}

/** How far what cores touch goes beyond the starts of what they own; null where one touches what it owns no part of. */
function reachOf(
  owned: readonly (Box | null)[],
  touched: readonly (Box | null)[],
): { readonly before: number[]; readonly reach: number[] } | null {
  const rank = touched.find((box) => box !== null)?.length ?? 0;
  const before = new Array<number>(rank).fill(0);
  const reach = new Array<number>(rank).fill(0);
  for (let core = 0; core < touched.length; core += 1) {
    const wanted = touched[core] as Box | null;
    if (wanted === null) continue;
    const own = owned[core] ?? null;
    if (own === null) return null;
    for (let axis = 0; axis < rank; axis += 1) {
      const { start } = own[axis] as Range;
      const range = wanted[axis] as Range;
      before[axis] = Math.max(before[axis] as number, start - range.start);
      reach[axis] = Math.max(reach[axis] as number, range.end - start);
    }
  }
  return { before, reach };
}
