import { at, product } from "../base/math.ts";
import type { Rectangle } from "../ir/instruction.ts";
import type { CorePlace, MappedStep, Split } from "../ir/mapping.ts";
import { firstCore } from "./geometry.ts";
import { type Network, networkOfLayers } from "./network.ts";

/** Two layers that may run at once, by index, the lower one first. */
export interface LayerPair {
  readonly left: number;
  readonly right: number;
}

/** By step: the first and the last step of those that run at once with it, itself where it runs alone. */
export function concurrency(steps: readonly MappedStep[]): {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
} {
  const begins = steps.map((_, index) => index);
  steps.forEach(({ beside }, index) => {
    if (beside !== undefined) begins[index] = at(begins, index - 1);
  });
  const lasts = new Map(begins.map((begin, index) => [begin, index]));
  return { begins, ends: begins.map((begin) => lasts.get(begin) ?? begin) };
}

/** The cores that a split is laid on, those without work included. */
export function coresOf({
  split,
  corner = firstCore,
}: {
  readonly split: Split;
  readonly corner?: CorePlace;
}): Rectangle {
  const [rows, columns] = [split.rows, split.columns].map((list) => product(list.map(({ parts }) => parts)));
  return { ...corner, rows: rows ?? 1, columns: columns ?? 1 };
}

/** Whether two rectangles of cores have none in common. */
export function areDisjoint(left: Rectangle, right: Rectangle): boolean {
  return (
    left.row + left.rows <= right.row ||
    right.row + right.rows <= left.row ||
    left.column + left.columns <= right.column ||
    right.column + right.columns <= left.column
  );
}

/** The names of steps that compute at once with another one on some of its cores. */
export function sharingSteps(steps: readonly MappedStep[]): ReadonlySet<string> {
  const byName = new Map(steps.map((step) => [step.name, step]));
  return new Set(
    steps.flatMap((step) => {
      const other = byName.get(step.beside ?? "");
      return other === undefined || areDisjoint(coresOf(step), coresOf(other)) ? [] : [step.name, other.name];
    }),
  );
}

/**
 * By layer: those that must come before it. Beside those whose values it reads, what crosses the host link keeps its order, and
 * with it what the host computes in between.
 */
export function predecessors({ layers, producer }: Network): readonly (readonly number[])[] {
  let boundary: readonly number[] = [];
  return layers.map(({ kind, reads }, index) => {
    const read = reads.flatMap(({ value }) => producer.get(value) ?? []).filter((other) => other < index);
    if (kind !== "input" && kind !== "output") return read;
    const before = [...read, ...boundary];
    boundary = [index];
    return before;
  });
}

/**
 * The layers in an order in which those of each pair follow each other, and that differs from the network's as little as that
 * allows; null when a layer of a pair depends on the other one, directly or by way of other pairs.
 */
export function adjacentOrder(network: Network, pairs: readonly LayerPair[]): readonly number[] | null {
  const before = predecessors(network);
  const partner = new Map(
    pairs.flatMap(({ left, right }) => [
      [left, right],
      [right, left],
    ]),
  );
  const order: number[] = [];
  const state = new Map<number, "open" | "placed">();
  const place = (layer: number): boolean => {
    const known = state.get(layer);
    if (known !== undefined) return known === "placed";
    const other = partner.get(layer);
    const members = other === undefined ? [layer] : [Math.min(layer, other), Math.max(layer, other)];
    for (const member of members) state.set(member, "open");
    const isClear = members.every((member) => at(before, member).every(place));
    if (!isClear) return false;
    for (const member of members) {
      state.set(member, "placed");
      order.push(member);
    }
    return true;
  };
  return network.layers.every((_, layer) => place(layer)) ? order : null;
}

/** The network with its layers in another order. */
export function reordered(network: Network, order: readonly number[]): Network {
  if (order.every((layer, index) => layer === index)) return network;
  return networkOfLayers(
    network.graph,
    order.map((layer) => at(network.layers, layer)),
    order.map((layer) => at(network.streams, layer)),
  );
}

/**
 * Pairs of layers that do not depend on each other, at most `reach` layers apart, by ascending index.
 */
export function independentPairs(network: Network, reach: number): LayerPair[] {
  const before = predecessors(network);
  const pairs: LayerPair[] = [];
  network.layers.forEach((_, left) => {
    const after = new Set([left]);
    for (let right = left + 1; right <= left + reach && right < network.layers.length; right += 1) {
      if (at(before, right).some((layer) => after.has(layer))) after.add(right);
      else pairs.push({ left, right });
    }
  });
  return pairs;
}
