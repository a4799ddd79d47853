import type { Graph } from "../ir/graph.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { Grid } from "./geometry.ts";
import { type Layer, layersOf } from "./layers.ts";

/** A fused graph as the mapper sees it: layers in execution order and who makes and reads each value. */
export interface Network {
  readonly graph: Graph;
  readonly layers: readonly Layer[];
  /** Index of the layer that makes a value; constants have none. */
  readonly producer: ReadonlyMap<string, number>;
  /** Indexes of the layers that read a value, ascending. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
}

/** Derives the network of a fused graph. */
export function networkOf(graph: Graph): Network {
  const layers = layersOf(graph);
  const producer = new Map<string, number>();
  const readers = new Map<string, number[]>();
  layers.forEach((layer, index) => {
    for (const write of layer.writes) producer.set(write.value, index);
    for (const value of new Set(layer.reads.map((read) => read.value))) {
      readers.set(value, [...(readers.get(value) ?? []), index]);
    }
  });
  return { graph, layers, producer, readers };
}

/** The grid of a chip. */
export function gridOf(target: ChipTarget): Grid {
  return { rows: target.grid.rows, columns: target.grid.columns };
}
