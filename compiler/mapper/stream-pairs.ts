import { at, sum } from "../../base/math.ts";
import type { MappedStep } from "../../ir/mapping.ts";
import { adjacentOrder, independentPairs, type LayerPair, predecessors } from "../concurrency.ts";
import type { Network } from "../network.ts";
import { networkInOrder, type StreamOrder, type Streams } from "../streams.ts";
import { mayRunBeside } from "./pair-rules.ts";
import { mayShareCores, sharedCycles, splitsMayShare } from "./shared-cores.ts";
import { type StepCost, transferCycles } from "./steps.ts";

/** How many layers of one stream apart two may stand to be looked at as a pair. */
const reach = 20;

/** All steps of all streams in execution order, and which of them run at once. */
export interface StreamTurns {
  readonly order: StreamOrder;
  /** By place in that order, the right one after the left one. */
  readonly pairs: readonly LayerPair[];
  /** What the pairs are predicted to save. */
  readonly savedCycles: number;
}

/** An order of the layers of all streams, with the pairs of them that may compute at once on the same cores. */
export interface StreamPairing {
  readonly order: StreamOrder;
  readonly network: Network;
  /** By layer: those that must come before it. */
  readonly before: readonly (readonly number[])[];
  readonly possible: readonly LayerPair[];
}

/** Streams, and by order of theirs the pairs that may be made. */
export interface StreamSpace {
  readonly streams: Streams;
  readonly pairings: readonly StreamPairing[];
}

/** The orders and pairs of streams; no pairs unless `mayPair`, and none of layers of which a stream's step is given. */
export function streamSpace(streams: Streams, mayPair: boolean, given: ReadonlySet<string> = new Set()): StreamSpace {
  const isGiven = at(streams.layers, 0).map((_, layer) => streams.layers.some((own) => given.has(at(own, layer).name)));
  const pairings = streams.orders.map((order): StreamPairing => {
    const network = networkInOrder(streams, order);
    const isFree = network.layers.map(
      (_, index) => mayRunBeside(network, index) && isGiven[at(order, index).layer] !== true,
    );
    const possible = independentPairs(network, mayPair ? reach * streams.layers.length : 0).filter(
      (pair) => isFree[pair.left] && isFree[pair.right] && mayShareCores(network, pair),
    );
    return { order, network, before: predecessors(network), possible };
  });
  return { streams, pairings };
}

/**
 * Cycles that two steps save by running at once on the same cores, of which `first` is the contraction that begins: what the second is
 * brought comes while the first computes; then a vector or reduce step computes beside it, another contraction after it.
 */
function savedBy(first: StepCost, second: StepCost, isContraction: boolean): number {
  const transfers = transferCycles(second);
  if (isContraction) return Math.min(transfers, first.work.cycles);
  const { work } = second;
  const alone = first.work.cycles + work.cycles + transfers;
  return alone - Math.max(sharedCycles(first.work, work), work.cycles + transfers);
}

/** Layers in an order in which those of each taken pair follow each other. */
class Pairs {
  readonly #network: Network;
  readonly #before: readonly (readonly number[])[];
  readonly #partner = new Map<number, number>();
  readonly #taken: LayerPair[] = [];
  order: readonly number[];
  #places: readonly number[];

  constructor({ network, before }: StreamPairing) {
    this.#network = network;
    this.#before = before;
    this.order = network.layers.map((_, layer) => layer);
    this.#places = this.order;
  }

  /** Adds a pair of layers that are in none; false where one of them needs the other, directly or by way of other pairs. */
  take(pair: LayerPair): boolean {
    const [first, second] =
      this.placeOf(pair.left) < this.placeOf(pair.right) ? [pair.left, pair.right] : [pair.right, pair.left];
    if (this.#needs(second, first)) return false;
    const order = adjacentOrder(this.#network, [...this.#taken, pair]);
    if (order === null) return false;
    this.#taken.push(pair);
    this.#partner.set(pair.left, pair.right).set(pair.right, pair.left);
    this.order = order;
    const places = new Array<number>(order.length).fill(0);
    for (const [place, layer] of order.entries()) places[layer] = place;
    this.#places = places;
    return true;
  }

  isTaken(layer: number): boolean {
    return this.#partner.has(layer);
  }

  placeOf(layer: number): number {
    return at(this.#places, layer);
  }

  /** Whether a layer needs an earlier one, pairs being computed as one. */
  #needs(layer: number, earlier: number): boolean {
    const seen = new Set([layer]);
    for (const each of seen) {
      const partner = this.#partner.get(each);
      if (partner !== undefined) seen.add(partner);
      for (const other of at(this.#before, each)) {
        if (other === earlier) return true;
        if (this.placeOf(other) > this.placeOf(earlier)) seen.add(other);
      }
    }
    return false;
  }
}

/**
 * The steps of all streams in the order of a pairing, changed so that as many cycles as possible are saved by pairs that run at once, by
 * falling savings, each step in one pair at most, and none of the pairs that `isApart` names. `steps` and `costs` are those of one stream.
 */
export function pairedTurns(
  pairing: StreamPairing,
  steps: readonly MappedStep[],
  costs: readonly StepCost[],
  isApart: (pair: LayerPair) => boolean = () => false,
): StreamTurns {
  const { order, network, possible } = pairing;
  const layerOf = (index: number): number => at(order, index).layer;
  const isContraction = (index: number): boolean => at(network.layers, index).kind === "contraction";
  const offers = possible
    .flatMap((pair) => {
      const [first, second] = isContraction(pair.left) ? [pair.left, pair.right] : [pair.right, pair.left];
      const saved = savedBy(at(costs, layerOf(first)), at(costs, layerOf(second)), isContraction(second));
      return saved > 0 ? [{ pair, saved }] : [];
    })
    .sort((a, b) => b.saved - a.saved);
  const pairs = new Pairs(pairing);
  const taken: typeof offers = [];
  for (const offer of offers) {
    const { left, right } = offer.pair;
    if (pairs.isTaken(left) || pairs.isTaken(right) || isApart(offer.pair)) continue;
    const [own, other] = [at(steps, layerOf(left)), at(steps, layerOf(right))];
    if (splitsMayShare(network, offer.pair, own, other) && pairs.take(offer.pair)) taken.push(offer);
  }
  return {
    order: pairs.order.map((index) => at(order, index)),
    pairs: taken.map(({ pair }) => ({ left: pairs.placeOf(pair.left), right: pairs.placeOf(pair.right) })),
    savedCycles: sum(taken.map(({ saved }) => saved)),
  };
}
