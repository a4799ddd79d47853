import { at } from "../../base/math.ts";
import type { MappedStep, Mapping } from "../../ir/mapping.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import { nameInStream, networkInOrder, orderOfNames, type Streams, streamsOf } from "../streams.ts";
import { boundaryValue } from "./check.ts";
import { chooseForStreams, type MapOptions, type MapResult, mapNetwork, type StreamChoice } from "./mapper.ts";
import { MisfitError } from "./misfit.ts";
import type { AvoidedSplits } from "./search.ts";
import { tileOf } from "./steps.ts";
import { streamSpace } from "./stream-pairs.ts";

/** How a network is to be mapped, perhaps in streams. */
export interface StreamMapOptions extends MapOptions {
  /** Batches that are computed in turns; 1 by default. */
  readonly streamCount?: number;
}

/**
 * Maps the network of all streams of `network`, a network without states: every layer is split alike in all of them. Steps of
 * different streams may run at once on the same cores unless `sideBySide` is false. Steps of `options.mapping` stand as given, in
 * the stream that they name; one that is given of the first stream alone stands in the others too. Where all are given, they also
 * say how the streams take turns. With one stream that is `mapNetwork`. Throws as that does.
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
  const mayPair = options.sideBySide ?? true;
  const choice = chooseForStreams(network, streamSpace(streams, mayPair, known), target, {
    ...options,
    ...(given === undefined ? {} : { mapping: ofFirstStream(given, network) }),
    ...(options.avoided === undefined ? {} : { avoided: avoidedInAny(options.avoided, streams) }),
  });
  const copies = copiesOf(network, streams, choice, target).filter(({ name }) => !known.has(name));
  const mapping: Mapping = {
    kind: "mapping",
    graph: network.graph.name,
    target: target.name,
    batchCount: 1,
    layouts: [],
    ...given,
    buffers: [],
    steps: [...(given?.steps ?? []), ...copies],
  };
  const { avoided: _, ...plain } = options;
  try {
    const map = mapNetwork(networkInOrder(streams, choice.turns.order), target, { ...plain, mapping });
    return { ...map, exact: choice.exact, gap: choice.gap };
  } catch (error) {
    // Weights in other tiles may take a little more than was reckoned with.
    if (!(error instanceof MisfitError) || !mayPair) throw error;
    return mapStreams(network, target, { ...streamOptions, sideBySide: false });
  }
}

/**
 * The steps of all streams but outputs, which have no choices but what leaves of them early, which is still to be found. A layer that
 * shares its cores in any stream has the tiles for that in all, so that its weights lie alike and are stored once.
 */
function copiesOf({ layers }: Network, streams: Streams, choice: StreamChoice, target: ChipTarget): MappedStep[] {
  const { order, pairs } = choice.turns;
  const chosen = new Map(choice.steps.map((step) => [step.name, step]));
  const copyAt = (place: number): Layer => {
    const { layer, stream } = at(order, place);
    return at(at(streams.layers, stream), layer);
  };
  const firsts = new Map(pairs.map(({ left, right }) => [right, left]));
  const sharing = new Set(pairs.flatMap(({ left, right }) => [left, right]).map((place) => at(order, place).layer));
  return order.flatMap(({ layer }, place): MappedStep[] => {
    const copy = copyAt(place);
    const step = chosen.get(at(layers, layer).name);
    if (step === undefined || copy.kind === "output") return [];
    const first = firsts.get(place);
    return [
      {
        ...step,
        name: copy.name,
        nodes: copy.nodes.map(({ name }) => name),
        value: boundaryValue(copy),
        tile: sharing.has(layer) ? tileOf(at(layers, layer), step, target, true) : step.tile,
        ...(first === undefined ? {} : { beside: copyAt(first).name }),
      },
    ];
  });
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
