import type { Graph } from "../ir/graph.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { Grid } from "./geometry.ts";
import { type Layer, layersOf } from "./layers.ts";
import type { State } from "./states.ts";

/** A fused graph as the mapper sees it: layers in execution order and who makes and reads each value. */
export interface Network {
  readonly graph: Graph;
  readonly layers: readonly Layer[];
  /** Index of the layer that makes a value; constants have none. */
  readonly producer: ReadonlyMap<string, number>;
  /** Indexes of the layers that read a value, ascending. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  /** The layer that holds a state and the one that makes its next value, which lies where the state does. */
  readonly ties: readonly { readonly state: number; readonly next: number }[];
  /** By layer: which of the batches that are computed in turns it belongs to. */
  readonly streams: readonly number[];
}

/** Derives the network of a fused graph; `states` are inputs that stay on the chip. */
export function networkOf(graph: Graph, states: readonly State[] = []): Network {
  return networkOfLayers(graph, layersOf(graph, states));
}

/** The network of a graph's layers in the order given, in which each comes after those that it depends on. */
export function networkOfLayers(graph: Graph, layers: readonly Layer[], streams?: readonly number[]): Network {
  const producer = new Map<string, number>();
  const readers = new Map<string, number[]>();
  layers.forEach((layer, index) => {
    // What makes the next value of a state writes where the state lies, after all that read it.
    for (const write of layer.writes) if (!producer.has(write.value)) producer.set(write.value, index);
    for (const value of new Set(layer.reads.map((read) => read.value))) {
      readers.set(value, [...(readers.get(value) ?? []), index]);
    }
  });
  const ties = layers.flatMap((layer, next) => {
    const state = layers.findIndex(
      ({ kind, writes }) => kind === "state" && writes[0]?.value === layer.writes[0]?.value,
    );
    return layer.kind === "state" || state < 0 ? [] : [{ state, next }];
  });
  return { graph, layers, producer, readers, ties, streams: streams ?? layers.map(() => 0) };
}

/** The grid of a chip. */
export function gridOf(target: ChipTarget): Grid {
  return { rows: target.grid.rows, columns: target.grid.columns };
}
