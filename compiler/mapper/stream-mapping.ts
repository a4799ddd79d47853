import { at } from "../../base/math.ts";
import type { MappedStep, Mapping } from "../../ir/mapping.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Network } from "../network.ts";
import { nameInStream, networkInOrder, orderOfNames, type Streams, streamsOf } from "../streams.ts";
import { boundaryValue } from "./check.ts";
import { chooseForStreams, type MapOptions, type MapResult, mapNetwork } from "./mapper.ts";
import type { AvoidedSplits } from "./search.ts";

/** How a network is to be mapped, perhaps in streams. */
export interface StreamMapOptions extends MapOptions {
  /** Batches that are computed in turns; 1 by default. */
  readonly streamCount?: number;
}

/**
 * Maps the network of all streams of `network`, a network without states: every layer is split alike in all of them. Steps of
 * `options.mapping` stand as given, in the stream that they name; one that is given of the first stream alone stands in the others
 * too. Where all are given, they also say how the streams take turns. With one stream that is `mapNetwork`. Throws as that does.
 */
export function mapStreams(network: Network, target: ChipTarget, streamOptions: StreamMapOptions): MapResult {
  const { streamCount = 1, ...options } = streamOptions;
  if (streamCount === 1) return mapNetwork(network, target, options);
  const streams = streamsOf(network, streamCount);
  const given = options.mapping;
  const names = given?.steps.map(({ name }) => name) ?? [];
  const known = new Set(names);
  if (streams.layers.flat().every(({ name }) => known.has(name))) {
    const order = orderOfNames(streams, names) ?? at(streams.orders, 0);
    return mapNetwork(networkInOrder(streams, order), target, options);
  }
  const choice = chooseForStreams(network, streams, target, {
    ...options,
    ...(given === undefined ? {} : { mapping: ofFirstStream(given, network) }),
    ...(options.avoided === undefined ? {} : { avoided: avoidedInAny(options.avoided, streams) }),
  });
  const chosen = new Map(choice.steps.map((step) => [step.name, step]));
  const copies = choice.order.flatMap(({ layer, stream }): MappedStep[] => {
    const copy = at(at(streams.layers, stream), layer);
    const { name, nodes } = copy;
    const step = chosen.get(at(network.layers, layer).name);
    // Outputs have no choices, so what leaves of them early is still to be found.
    if (step === undefined || known.has(name) || copy.kind === "output") return [];
    return [{ ...step, name, nodes: nodes.map((node) => node.name), value: boundaryValue(copy) }];
  });
  const mapping: Mapping = {
    kind: "mapping",
    graph: network.graph.name,
    target: target.name,
    batchCount: 1,
    layouts: [],
    buffers: [],
    ...given,
    steps: [...(given?.steps ?? []), ...copies],
  };
  const { avoided: _, ...plain } = options;
  const map = mapNetwork(networkInOrder(streams, choice.order), target, { ...plain, mapping });
  return { ...map, exact: choice.exact, gap: choice.gap };
}

/** What a mapping says of the first stream, as of a network of its own. */
function ofFirstStream(mapping: Mapping, { layers, producer }: Network): Mapping {
  const names = new Set(layers.map(({ name }) => name));
  const steps = mapping.steps
    .filter(({ name }) => names.has(name))
    .map(({ beside: _beside, early: _early, ...step }) => step);
  return { ...mapping, steps, layouts: mapping.layouts.filter(({ value }) => producer.has(value)), buffers: [] };
}

/** Splits that no stream is to have, as steps of any of them name them. */
function avoidedInAny(avoided: AvoidedSplits, { suffixes }: Streams): AvoidedSplits {
  const all = new Map<string, ReadonlySet<string>>();
  for (const [step, splits] of avoided) {
    const name = nameInStream(suffixes, step);
    all.set(name, new Set([...(all.get(name) ?? []), ...splits]));
  }
  return all;
}
