import { at } from "../../base/math.ts";
import type { Network } from "../network.ts";

/** A value that one layer makes and another reads. */
export interface Edge {
  readonly producer: number;
  readonly consumer: number;
  readonly write: number;
  readonly read: number;
}

/** The values that pass between layers; a value read twice in the same way by a layer is brought once. */
export function edgesOf(network: Network): Edge[] {
  const edges: Edge[] = [];
  network.layers.forEach((layer, consumer) => {
    const seen = new Set<string>();
    layer.reads.forEach((read, index) => {
      const producer = network.producer.get(read.value);
      const key = `${read.value} ${JSON.stringify(read.access)} ${read.access === null ? read.operand : ""}`;
      if (read.constant || producer === undefined || seen.has(key)) return;
      seen.add(key);
      const write = at(network.layers, producer).writes.findIndex(({ value }) => value === read.value);
      edges.push({ producer, consumer, write, read: index });
    });
  });
  return edges;
}

/** By layer: the edges that it consumes or produces, in their order. */
export function edgesByLayer(
  edges: readonly Edge[],
  network: Network,
  end: "producer" | "consumer",
): (readonly Edge[])[] {
  const byLayer = network.layers.map((): Edge[] => []);
  for (const edge of edges) byLayer[edge[end]]?.push(edge);
  return byLayer;
}
