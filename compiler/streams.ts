import { problem } from "../base/errors.ts";
import { at } from "../base/math.ts";
import type { Graph, Node } from "../ir/graph.ts";
import type { Layer } from "./layers.ts";
import { type Network, networkOfLayers } from "./network.ts";
import type { BufferNeed } from "./step-plan.ts";

/** A layer of a network in one of its streams. */
export interface StreamLayer {
  /** Index in the network of one stream. */
  readonly layer: number;
  readonly stream: number;
}

/** Batches of the same network that one run of a program computes in turns. */
export interface Streams {
  /** What stands behind the names of each stream's values and layers: nothing in the first. */
  readonly suffixes: readonly string[];
  /** All steps, in execution order. */
  readonly order: readonly StreamLayer[];
  /** The network of all streams, its layers in that order; all streams read the same constants. */
  readonly network: Network;
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
  const order = streamOrder(network, streamCount);
  const graphs = copies.map(({ graph }) => graph);
  const graph: Graph = {
    ...network.graph,
    inputs: graphs.flatMap(({ inputs }) => inputs),
    constants: [...new Map(graphs.flatMap(({ constants }) => constants).map((each) => [each.name, each])).values()],
    nodes: graphs.flatMap(({ nodes }) => nodes),
    outputs: graphs.flatMap(({ outputs }) => outputs),
  };
  const layers = order.map(({ layer, stream }) => at(at(copies, stream).layers, layer));
  return { suffixes, order, network: networkOfLayers(graph, layers, streamCount) };
}

/** The name of a layer in the network of one stream. */
export function nameInStream(suffixes: readonly string[], name: string): string {
  const suffix = suffixes.find((each) => each !== "" && name.endsWith(each)) ?? "";
  return name.slice(0, name.length - suffix.length);
}

/**
 * The order in which the layers of all streams are computed: each layer in one stream after the other; what a host operation
 * is sent and gives back stays together. What crosses the host link keeps the network's order within a stream.
 */
function streamOrder({ layers }: Network, streamCount: number): readonly StreamLayer[] {
  const units: number[][] = [];
  layers.forEach(({ host }, layer) => {
    const last = units.at(-1);
    const isNext = host !== null && last !== undefined && layers[last[0] ?? 0]?.host?.node === host.node;
    if (isNext) last.push(layer);
    else units.push([layer]);
  });
  const streams = Array.from({ length: streamCount }, (_, stream) => stream);
  return units.flatMap((unit) => streams.flatMap((stream) => unit.map((layer) => ({ layer, stream }))));
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
 * What all streams need in memory, where `layers` are those of one stream, which is planned to need `buffers`: weights,
 * constants and tables once, all else once for each stream, during its own steps.
 */
export function needsOfStreams(
  { order, suffixes }: Streams,
  layers: Network["layers"],
  buffers: readonly BufferNeed[],
): BufferNeed[] {
  const places = suffixes.map(() => new Array<number>(layers.length).fill(0));
  order.forEach(({ layer, stream }, place) => {
    at(places, stream)[layer] = place;
  });
  const indexOf = new Map(layers.map(({ name }, index) => [name, index]));
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
        firstStep: placeOf(firstStep),
        lastStep: placeOf(lastStep),
      };
      return [{ madeAt, need: own }];
    });
  });
  return needs.sort((a, b) => a.madeAt - b.madeAt).map(({ need }) => need);
}
