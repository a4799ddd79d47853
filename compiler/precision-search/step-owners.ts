import { at } from "../../base/math.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import type { SearchedLayer } from "./searched-layer.ts";

/**
 * By layer of a network: the searched layer whose precision decides most of its cost; null for none. A contraction is its own; what
 * else runs belongs to the first contraction that depends on it, for that one says how wide the values are that it leaves.
 */
export function stepOwners(network: Network, layers: readonly SearchedLayer[]): (number | null)[] {
  const byNode = new Map<string, number>();
  const byOrigin = new Map<string, number>();
  layers.forEach(({ contractions }, index) => {
    for (const { node } of contractions) {
      byNode.set(node.name, index).set(`${node.name}.sum`, index);
      for (const name of node.origin) byOrigin.set(name, index);
    }
  });
  const ownOf = (layer: Layer): number | null => {
    for (const { name, op, origin } of layer.nodes) {
      if (operatorOf(op).runsOn !== "matrix") continue;
      const known = byNode.get(name) ?? origin.map((each) => byOrigin.get(each)).find((each) => each !== undefined);
      if (known !== undefined) return known;
    }
    return null;
  };
  const owners: (number | null)[] = network.layers.map(ownOf);
  for (let index = network.layers.length - 1; index >= 0; index -= 1) {
    if (owners[index] !== null) continue;
    const readers = at(network.layers, index).writes.flatMap(({ value }) => network.readers.get(value) ?? []);
    const later = readers.filter((reader) => reader > index).sort((a, b) => a - b);
    owners[index] = later.map((reader) => owners[reader] ?? null).find((owner) => owner !== null) ?? null;
  }
  return owners;
}
