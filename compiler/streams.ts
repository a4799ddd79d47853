import { problem } from "../base/errors.ts";
import { at } from "../base/math.ts";
import type { Graph, Node } from "../ir/graph.ts";
import type { LayerPair } from "./concurrency.ts";
import type { Layer } from "./layers.ts";
import { type Network, networkOfLayers } from "./network.ts";
import type { BufferNeed } from "./step-plan.ts";

/** A layer of a network in one of its streams. */
export interface StreamLayer {
  /** Index in the network of one stream. */
  readonly layer: number;
  readonly stream: number;
}

/** All steps of all streams, in execution order. */
export type StreamOrder = readonly StreamLayer[];

/** Batches of the same network that one run of a program computes in turns. */
export interface Streams {
  /** What stands behind the names of each stream's values and layers: nothing in the first. */
  readonly suffixes: readonly string[];
  /** Of all streams, which read the same constants. */
  readonly graph: Graph;
  /** By stream: its layers, in the network's order. */
  readonly layers: readonly (readonly Layer[])[];
  /** Orders to choose from. */
  readonly orders: readonly StreamOrder[];
}

/** The most streams that a program computes. */
const streamLimit = 2;

/** Throws B604 for a number of streams that no program has, and for streams of a network with states. */
export function requireStreams(streamCount: number, stateCount: number): void {
  if (!Number.isInteger(streamCount) || streamCount < 1 || streamCount > streamLimit) {
    throw problem("B604", `${streamCount} streams were asked for, expected from 1 to ${streamLimit}.`);
  }
  if (streamCount > 1 && stateCount > 0) {
    throw problem(
      "B604",
      `The model keeps ${stateCount} state${stateCount === 1 ? "" : "s"} on the chip from run to run, which its ${streamCount} streams would share.`,
      {},
      "Leave out --streams, or --state none makes the states inputs and outputs.",
    );
  }
}

/** The streams of a network without states. */
export function streamsOf(network: Network, streamCount: number): Streams {
  const suffixes = suffixesOf(network, streamCount);
  const copies = suffixes.map((suffix) => copyOf(network, suffix));
  const graphs = copies.map(({ graph }) => graph);
  const graph: Graph = {
    ...network.graph,
    inputs: graphs.flatMap(({ inputs }) => inputs),
    constants: [...new Map(graphs.flatMap(({ constants }) => constants).map((each) => [each.name, each])).values()],
    nodes: graphs.flatMap(({ nodes }) => nodes),
    outputs: graphs.flatMap(({ outputs }) => outputs),
  };
  return { suffixes, graph, layers: copies.map(({ layers }) => layers), orders: streamOrders(network, streamCount) };
}

/** The network of all streams. */
export function networkInOrder({ graph, layers }: Streams, order: StreamOrder): Network {
  return networkOfLayers(
    graph,
    order.map(({ layer, stream }) => at(at(layers, stream), layer)),
    order.map(({ stream }) => stream),
  );
}

/** The name of a layer in the network of one stream. */
export function nameInStream(suffixes: readonly string[], name: string): string {
  const suffix = suffixes.find((each) => each !== "" && name.endsWith(each)) ?? "";
  return name.slice(0, name.length - suffix.length);
}

/**
 * Orders in which the layers of all streams can be computed. In the first, each layer comes in one stream after the other; in those
 * behind it, every stream is more and more layers behind the stream before it, so that they hold their largest values at different
 * times; in the last, the streams follow each other. What a host operation is sent and gives back stays together.
 */
function streamOrders(network: Network, streamCount: number): readonly StreamOrder[] {
  const units = unitsOf(network);
  const furthest = Math.max(0, units.length - 1);
  const lags: number[] = [];
  for (let lag = 0; lag < furthest; lag = Math.max(lag + 1, Math.floor(1.5 * lag))) lags.push(lag);
  return [...lags, furthest].map((lag) => {
    const turns = Array.from({ length: units.length + (streamCount - 1) * lag }, (_, turn) => turn);
    return turns.flatMap((turn) =>
      Array.from({ length: streamCount }, (_, stream) => stream).flatMap((stream) =>
        (units[turn - stream * lag] ?? []).map((layer) => ({ layer, stream })),
      ),
    );
  });
}

/** The layers of a network one by one, but all of a host operation together. */
function unitsOf({ layers }: Network): readonly (readonly number[])[] {
  const units: number[][] = [];
  layers.forEach(({ host }, layer) => {
    const last = units.at(-1);
    const isNext = host !== null && last !== undefined && layers[last[0] ?? 0]?.host?.node === host.node;
    if (isNext) last.push(layer);
    else units.push([layer]);
  });
  return units;
}

/**
 * The order in which layers are named; null unless all are, each behind those whose values it reads, and of each stream those that
 * cross the host link as the network has them.
 */
export function orderOfNames({ layers }: Streams, names: readonly string[]): StreamOrder | null {
  const places = new Map(
    layers.flatMap((own, stream) => own.map(({ name }, layer): [string, StreamLayer] => [name, { layer, stream }])),
  );
  const order = [...new Set(names)].flatMap((name) => places.get(name) ?? []);
  if (order.length < places.size) return null;
  const made = new Set<string>();
  const crossed = layers.map(() => -1);
  for (const { layer, stream } of order) {
    const { kind, reads, writes } = at(at(layers, stream), layer);
    if (reads.some(({ constant, value }) => !constant && !made.has(value))) return null;
    for (const { value } of writes) made.add(value);
    if (kind !== "input" && kind !== "output") continue;
    if (layer < at(crossed, stream)) return null;
    crossed[stream] = layer;
  }
  return order;
}

/** What stands behind the names of each stream's values and layers: nothing in the first, then what no name of the network ends in. */
export function suffixesOf({ graph, layers }: Network, streamCount: number): string[] {
  const names = [
    ...[...graph.inputs, ...graph.constants, ...graph.nodes, ...layers].map(({ name }) => name),
    ...graph.nodes.map(({ layer }) => layer ?? ""),
  ];
  return Array.from({ length: streamCount }, (_, stream) => {
    if (stream === 0) return "";
    let suffix = `@${stream + 1}`;
    while (names.some((name) => name.endsWith(suffix))) suffix = `@${suffix}`;
    return suffix;
  });
}

/** Graph and layers of one stream. Constants are shared, but for those that leave: each output has a port of its own name. */
function copyOf(
  { graph, layers }: Network,
  suffix: string,
): { readonly graph: Graph; readonly layers: readonly Layer[] } {
  if (suffix === "") return { graph, layers };
  const leaving = new Set(graph.outputs);
  const shared = new Set(graph.constants.flatMap(({ name }) => (leaving.has(name) ? [] : [name])));
  const named = (value: string): string => (shared.has(value) ? value : `${value}${suffix}`);
  const copyNode = (node: Node): Node => ({
    ...node,
    name: named(node.name),
    operands: node.operands.map((operand) => (operand === null ? null : named(operand))),
    layer: node.layer === null ? null : `${node.layer}${suffix}`,
  });
  const nodes = new Map(graph.nodes.map((node) => [node, copyNode(node)]));
  const nodeOf = (node: Node): Node => nodes.get(node) ?? copyNode(node);
  return {
    graph: {
      ...graph,
      inputs: graph.inputs.map((input) => ({ ...input, name: named(input.name) })),
      constants: graph.constants.map((constant) => ({ ...constant, name: named(constant.name) })),
      nodes: [...nodes.values()],
      outputs: graph.outputs.map(named),
    },
    layers: layers.map((layer) => ({
      ...layer,
      name: `${layer.name}${suffix}`,
      nodes: layer.nodes.map(nodeOf),
      reads: layer.reads.map((read) => ({
        ...read,
        node: read.node === null ? null : named(read.node),
        value: named(read.value),
      })),
      writes: layer.writes.map((write) => ({ ...write, value: named(write.value) })),
      host: layer.host === null ? null : { ...layer.host, node: nodeOf(layer.host.node) },
    })),
  };
}

/**
 * What all streams need in memory in an order, where the first stream alone needs `buffers`: weights, constants and tables once,
 * all else once for each stream, during its own steps.
 */
export function needsOfStreams(
  { suffixes, layers }: Streams,
  order: StreamOrder,
  pairs: readonly LayerPair[],
  buffers: readonly BufferNeed[],
): BufferNeed[] {
  const places = layers.map((own) => new Array<number>(own.length).fill(0));
  order.forEach(({ layer, stream }, place) => {
    at(places, stream)[layer] = place;
  });
  // What the steps of a pair use is live while either runs.
  const begins = new Map(pairs.map(({ left, right }) => [right, left]));
  const ends = new Map(pairs.map(({ left, right }) => [left, right]));
  const indexOf = new Map(at(layers, 0).map(({ name }, index) => [name, index]));
  const needs = suffixes.flatMap((suffix, stream) => {
    const placeOf = (layer: number): number => at(at(places, stream), layer);
    return buffers.flatMap((need) => {
      const madeAt = placeOf(indexOf.get(need.step) ?? 0);
      const { role, name, step, value, firstStep, lastStep } = need;
      if (role === "weights" || role === "constant") {
        return stream === 0 ? [{ madeAt, need: { ...need, lastStep: order.length - 1 } }] : [];
      }
      const own: BufferNeed = {
        ...need,
        name: `${name}${suffix}`,
        step: `${step}${suffix}`,
        value: value === null ? null : `${value}${suffix}`,
        firstStep: begins.get(placeOf(firstStep)) ?? placeOf(firstStep),
        lastStep: ends.get(placeOf(lastStep)) ?? placeOf(lastStep),
      };
      return [{ madeAt, need: own }];
    });
  });
  return needs.sort((a, b) => a.madeAt - b.madeAt).map(({ need }) => need);
}
