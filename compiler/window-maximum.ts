import { greatestCommonDivisor, product, productAt } from "../base/math.ts";
import { operatorOf } from "../ir/ops/index.ts";
import type { Layer } from "./layers.ts";

/** A window along one axis: the dimension of its positions and that of its places, and how far apart each of them are. */
export interface WindowAxis {
  readonly position: number;
  readonly place: number;
  readonly stride: number;
  readonly dilation: number;
  readonly places: number;
}

/** A window's places along one axis taken together. */
export interface WindowStage {
  readonly axis: number;
  /** [axis]: results along each axis of the window: positions where it is done, else all that later stages read. */
  readonly extents: readonly number[];
}

/**
 * The axes with more than one place of a layer that takes the greatest of windows; none for other layers. The greatest of a
 * window is the greatest along one axis of the greatest along the other: no number is rounded, so any order gives the same.
 */
export function windowAxes(layer: Layer): readonly WindowAxis[] {
  const [anchor] = layer.nodes;
  const [read] = layer.reads;
  if (layer.kind !== "reduce" || anchor === undefined || read == null || read.access === null) return [];
  const { vector } = operatorOf(anchor.op);
  const types = { operands: [read.type], attributes: anchor.attributes, type: anchor.type };
  if (vector?.issue(types).function !== "reduce_maximum") return [];
  const axes: WindowAxis[] = [];
  for (const [place, { kind, size }] of layer.dimensions.entries()) {
    if (kind !== "reduction" || size === 1) continue;
    const terms = read.access.find((axis) => axis.terms.some((term) => term.dimension === place))?.terms ?? [];
    const own = terms.find((term) => term.dimension === place);
    const other = terms.find((term) => term.dimension !== place);
    if (own === undefined || other === undefined || terms.length > 2) return [];
    axes.push({ position: other.dimension, place, stride: other.stride, dilation: own.stride, places: size });
  }
  return axes;
}

/** Steps between the elements along an axis that windows touch: no window touches those between. */
export function windowStep({ stride, dilation }: WindowAxis): number {
  return greatestCommonDivisor(stride, dilation);
}

/** Elements, `windowStep` apart, from the first that `positions` windows touch along an axis to the last. */
export function windowSpan(axis: WindowAxis, positions: number): number {
  const reach = axis.stride * (positions - 1) + axis.dilation * (axis.places - 1);
  return reach / windowStep(axis) + 1;
}

/**
 * The stages, in the order that costs least, of windows at the given positions along each axis; a stage makes
 * (places − 1) instructions, whose cost `priceOf` says by the results along the axes.
 */
export function windowStages(
  axes: readonly WindowAxis[],
  positions: readonly number[],
  priceOf: (results: number) => number,
): { readonly stages: readonly WindowStage[]; readonly cost: number } {
  let best: { stages: readonly WindowStage[]; cost: number } | null = null;
  for (const order of ordersOf(axes.map((_, axis) => axis))) {
    const stages = order.map((axis, turn): WindowStage => {
      const done = new Set(order.slice(0, turn + 1));
      const extents = axes.map((each, index) => {
        const count = positions[index] as number;
        return done.has(index) ? count : windowSpan(each, count);
      });
      return { axis, extents };
    });
    const cost = stages.reduce(
      (total, { axis, extents }) => total + ((axes[axis] as WindowAxis).places - 1) * priceOf(product(extents)),
      0,
    );
    if (best === null || cost < best.cost) best = { stages, cost };
  }
  return best ?? { stages: [], cost: 0 };
}

/**
 * The least comparisons for windows at all positions, however these are shared out among cores: with fewer positions on a core
 * the elements between the first and the last are no fewer for each of them.
 */
export function windowComparisons(axes: readonly WindowAxis[], positions: readonly number[]): number {
  const touched = axes.map((axis, index) => {
    const count = positions[index] as number;
    return Math.min(axis.places * count, windowSpan(axis, count));
  });
  const costs = ordersOf(axes.map((_, axis) => axis)).map((order) =>
    order.reduce((total, axis, turn) => {
      const done = productAt(positions, order.slice(0, turn + 1));
      return total + ((axes[axis] as WindowAxis).places - 1) * done * productAt(touched, order.slice(turn + 1));
    }, 0),
  );
  return Math.min(product(positions) * product(axes.map(({ places }) => places)), ...costs);
}

function ordersOf(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first) => ordersOf(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}
