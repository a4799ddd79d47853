import { at, product, roundUp } from "../../base/math.ts";
import type { SimpleInstruction } from "../../ir/instruction.ts";
import { type ElementType, elementBytes } from "../../ir/type.ts";
import { vectorCycles } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type WindowAxis, windowStages, windowStep } from "../window-maximum.ts";
import { mergeNest, rangeSize, type TileDimension, type TileView, tileView } from "./views.ts";

/** What the windows of a tile are taken from and where their greatest go. */
export interface WindowViews {
  /** By dimension of the tile, then by place along each axis of the window. */
  readonly source: TileView;
  /** By dimension of the tile. */
  readonly destination: TileView;
  readonly element: ElementType;
  /** Lanes of an element. */
  readonly lanes: number;
}

/** A part of the partial-sum buffer. */
interface PartialRoom {
  readonly address: number;
  readonly bytes: number;
}

/** Where a step leaves what is in between of windows: in the whole partial-sum buffer, or behind the tiles of a contraction beside it. */
export function windowRoom({ core }: ChipTarget, sharesCores: boolean): PartialRoom {
  const address = sharesCores ? Math.floor(core.partialBufferBytes / 2) : 0;
  return { address, bytes: core.partialBufferBytes - address };
}

/**
 * The greatest of every window of a tile, axis by axis: comparisons of shifted views, whose results stand in a room of the partial-sum
 * buffer until the last axis. Null where one reduction over all places is quicker, or where the room is too small.
 */
export function emitWindows(
  axes: readonly WindowAxis[],
  { source, destination, element, lanes }: WindowViews,
  tile: readonly TileDimension[],
  room: PartialRoom,
  target: ChipTarget,
): SimpleInstruction[] | null {
  const counts = tile.map(({ range }) => rangeSize(range));
  const along = axes.map(({ position }) => tile.findIndex(({ dimension }) => dimension === position));
  const positions = along.map((dimension) => at(counts, dimension));
  const others = product(counts) / product(positions);
  const priceOf = (elements: number): number =>
    vectorCycles(target, [{ cost: "compare", elements: elements * lanes }]) + target.synchronization.issueCycles;
  const { stages, cost } = windowStages(axes, positions, (results) => priceOf(others * results));
  if (cost >= priceOf(product(counts) * product(axes.map(({ places }) => places)))) return null;

  const instructions: SimpleInstruction[] = [];
  let used = 0;
  let from = source;
  // By axis: bytes between the elements that windows touch of the operand, then between results of the stage before.
  let units = axes.map((axis, index) => (at(source.strides, counts.length + index) / axis.dilation) * windowStep(axis));
  for (const [turn, { axis, extents }] of stages.entries()) {
    const window = at(axes, axis);
    const step = windowStep(window);
    const shape = counts.map((count, dimension) => extents[along.indexOf(dimension)] ?? count);
    const isLast = turn === stages.length - 1;
    const dense = tile.map(({ dimension }, index) => ({ dimension, range: { start: 0, end: at(shape, index) } }));
    const to = isLast ? destination : tileView("partial", room.address + used, elementBytes(element), element, dense);
    if (!isLast) used += roundUp(product(shape) * elementBytes(element), 4);
    if (used > room.bytes) return null;
    const strides = counts.map((_, dimension) => {
      const index = along.indexOf(dimension);
      if (index < 0) return at(from.strides, dimension);
      return index === axis ? (at(units, axis) * window.stride) / step : at(units, index);
    });
    const shift = (at(units, axis) * window.dilation) / step;
    const places = Array.from({ length: window.places }, (_, place) => ({
      ...from,
      address: from.address + place * shift,
      strides,
    }));
    places.slice(1).forEach((view, index) => {
      instructions.push(maximumOf(shape, index === 0 ? at(places, 0) : to, view, to));
    });
    from = to;
    units = along.map((dimension) => at(to.strides, dimension));
  }
  return instructions;
}

/** The greater of the elements of two views, into a third; the strides of all cover counts. */
function maximumOf(counts: readonly number[], left: TileView, right: TileView, to: TileView): SimpleInstruction {
  const nest = mergeNest({ counts, strides: [left, right, to].map(({ strides }) => strides) });
  return {
    kind: "vector",
    function: "maximum",
    counts: nest.counts,
    sources: [left, right].map((view, index) => ({ ...view, strides: at(nest.strides, index) })),
    destination: { ...to, strides: at(nest.strides, 2) },
    parameters: {},
    activation: [],
  };
}
