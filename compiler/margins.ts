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

/** Margins that were asked for before, null for none: by the parts that cores own, then by those that they touch. */
export type MarginMemory = Map<object, Map<object, Margin | null>>;

/** By value: the margin that its readers share; values without are those whose parts need none. */
export function marginsOf(
  network: Network,
  steps: readonly LaidStep[],
  memory: MarginMemory = new Map(),
): Map<string, Margin> {
  const margins = new Map<string, Margin>();
  const kept = new Set(network.ties.flatMap(({ state, next }) => [state, next]));
  for (const reader of steps) {
    reader.layer.reads.forEach(({ access, constant, value }, position) => {
      const maker = network.producer.get(value);
      const touched = reader.touched[position];
      if (constant || maker === undefined || kept.has(maker) || touched == null || access === null) return;
      const producer = steps[maker] as LaidStep;
      const write = producer.layer.writes.findIndex((each) => each.value === value);
      const owned = producer.owned[write];
      const written = producer.layer.writes[write]?.access;
      if (owned === undefined || written === undefined) return;
      const known = memory.get(owned) ?? new Map<object, Margin | null>();
      memory.set(owned, known);
      let own = known.get(touched);
      if (own === undefined) {
        const extents = largestExtents(producer.geometry, written);
        own = marginBetween(owned, extents, touched.boxes, largestExtents(reader.geometry, access));
        known.set(touched, own);
      }
      if (own === null) return;
      const other = margins.get(value);
      margins.set(value, other === undefined ? own : widest(own, other));
    });
  }
  return margins;
}

/** The margin that a reader asks for around the parts of a value; null for none. */
function marginBetween(
  owned: readonly (Box | null)[],
  partExtents: readonly number[],
  touched: readonly (Box | null)[],
  readExtents: readonly number[],
): Margin | null {
  const reaches = reachOf(owned, touched);
  const own = reaches && marginFor(partExtents, readExtents, reaches.before, reaches.reach);
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
