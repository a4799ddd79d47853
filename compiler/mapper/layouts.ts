import type { ValueLayout } from "../../ir/mapping.ts";
import type { Layer } from "../layers.ts";
import { naturalOrder } from "../local-layout.ts";
import type { Network } from "../network.ts";

/**
 * The axis order of every value that a layer leaves. Values that a window slides over (an axis that an output and a kernel
 * dimension share) or that such a layer makes are channels-last: axis 0, then the spatial axes, axis 1 innermost; the
 * order spreads through element-wise layers over values of the same shape. All others keep their own order.
 */
export function valueLayouts(network: Network): ValueLayout[] {
  const channelsLast = new Set<string>();
  const pending: string[] = [];
  const mark = (value: string, rank: number): void => {
    if (rank < 3 || channelsLast.has(value) || !network.producer.has(value)) return;
    channelsLast.add(value);
    pending.push(value);
  };
  for (const layer of network.layers) {
    const windowed = layer.reads.filter((read) => !read.constant && slides(layer, read.access ?? []));
    if (windowed.length === 0) continue;
    for (const read of windowed) mark(read.value, read.type.shape.length);
    for (const write of layer.writes) mark(write.value, write.type.shape.length);
    for (const read of layer.reads) if (sharesResult(layer, read.type.shape)) mark(read.value, read.type.shape.length);
  }
  while (pending.length > 0) {
    const value = pending.pop() as string;
    const around = [network.producer.get(value), ...(network.readers.get(value) ?? [])];
    for (const index of around) {
      const layer = index === undefined ? undefined : network.layers[index];
      if (layer === undefined || layer.kind !== "vector") continue;
      for (const { value: other, type } of [...layer.reads, ...layer.writes]) {
        if (sharesResult(layer, type.shape)) mark(other, type.shape.length);
      }
    }
  }
  const nexts = new Set(network.ties.map(({ next }) => next));
  return network.layers.flatMap((layer, index) =>
    (nexts.has(index) ? [] : layer.writes).map(({ value, type }) => {
      const rank = type.shape.length;
      const order = channelsLast.has(value) ? [0, ...naturalOrder(rank).slice(2), 1] : naturalOrder(rank);
      return { value, order };
    }),
  );
}

/** Whether some axis is touched by an output dimension and a dimension that is reduced over, as under a sliding window. */
function slides(layer: Layer, access: NonNullable<Layer["reads"][number]["access"]>): boolean {
  return access.some(({ terms }) => {
    const kinds = new Set(terms.map(({ dimension }) => layer.dimensions[dimension]?.kind));
    return kinds.has("parallel") && kinds.has("reduction");
  });
}

function sharesResult(layer: Layer, shape: readonly number[]): boolean {
  const result = layer.writes[0]?.type.shape;
  return result !== undefined && result.length === shape.length && result.every((size, axis) => size === shape[axis]);
}
