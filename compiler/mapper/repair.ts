import { internalError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { MappedStep, ValueLayout } from "../../ir/mapping.ts";
import { adjacentOrder, type LayerPair, reordered } from "../concurrency.ts";
import type { Network } from "../network.ts";
import { type PlanMemory, planMemory, planNetwork } from "../plan.ts";
import type { BufferNeed, NetworkPlan } from "../step-plan.ts";
import { nameInStream, needsOfStreams, type Streams } from "../streams.ts";
import { type Allocation, allocate } from "./allocate.ts";
import type { Candidate } from "./candidates.ts";
import { weightReaderCounts } from "./layer-cost.ts";
import { cyclesAlone, type Weighing } from "./objective.ts";
import { type Price, type SearchResult, type SearchSpace, search } from "./search.ts";
import { stepOf, takenPairs } from "./steps.ts";
import type { StreamSpace, StreamTurns } from "./stream-pairs.ts";
import { turnsWithin } from "./stream-turns.ts";
import { budgetedWeights } from "./weight-budget.ts";

/** One complete set of choices with its buffers. */
export interface Attempt {
  readonly result: SearchResult;
  readonly steps: readonly MappedStep[];
  readonly plan: NetworkPlan;
  /** Those of all streams, in the steps of all. */
  readonly needs: readonly BufferNeed[];
  readonly allocation: Allocation;
  /** The layer during whose step most bytes are live. */
  readonly peakLayer: string;
  /** How the streams take turns; null where there is one. */
  readonly turns: StreamTurns | null;
}

/** What came of fitting a network into memory. */
export interface Fit {
  /** The quickest attempt that fits; null when none does. */
  readonly fitting: Attempt | null;
  /** The attempt that came closest to fitting. */
  readonly leanest: Attempt;
  readonly rounds: number;
  /** What the fitting attempt costs, as cycles and picojoules weigh; infinite when none fits. */
  readonly cost: number;
  /** What the best choices with no limit to memory cost, as they weigh; null where that search left choices out. */
  readonly leastCost: number | null;
  /**
   * By what share the fitting attempt costs more than the best choices with no limit to memory, which no choices that fit can
   * undercut; null where that search left choices out.
   */
  readonly gap: number | null;
}

/** Searches that are made before the network is said not to fit. */
const roundLimit = 14;

/** Searches that lower the prices again once an attempt fits. */
const refineLimit = 3;

/** The first price of a byte, in cycles: about what its way through a memory port of 128 bytes a cycle costs. */
const firstPrice = 1 / 128;

/** By how much a price rises when its bytes still do not fit. */
const raise = 8;

/** The share of a core's memory that is kept from copies of weights for each stream: programs need some. */
const programFraction = 1 / 64;

/** What earlier attempts made, to be used again: steps, orders of the network, and plans. */
interface Made {
  /** By layer, choice, and the layer that it runs beside, if any, or whether it shares its cores. */
  readonly steps: readonly Map<Candidate, Map<string, MappedStep>>[];
  /** By the pairs that run side by side. */
  readonly networks: Map<string, Network>;
  readonly plans: PlanMemory;
}

/** Prices of bytes: of weights, and by layer of the buffers that come and go. */
interface Prices {
  readonly weights: number;
  readonly transient: ReadonlyMap<number, number>;
}

/**
 * Finds choices whose buffers fit the cores' memories: as long as they do not, bytes are given prices, those of weights
 * (which stay for the whole run) and those of the layers whose buffers are live at the peak, and the search is repeated;
 * once they fit, prices are lowered again as far as they go. Each time the weights are stored anew in the memory that the
 * splits leave, which may be enough by itself. With `streams`, the buffers of all of them have to fit.
 */
export function fitMemory(
  space: SearchSpace,
  pins: ReadonlyMap<string, MappedStep>,
  layouts: readonly ValueLayout[],
  weighing: Weighing = cyclesAlone,
  streams: StreamSpace | null = null,
): Fit {
  const capacity = space.target.core.memoryBytes;
  const made: Made = { steps: space.network.layers.map(() => new Map()), networks: new Map(), plans: planMemory() };
  const streamCount = streams?.streams.layers.length ?? 1;
  const spared = programFraction * streamCount;
  const fits = (one: Attempt): boolean => one.allocation.peakBytes <= capacity;
  const worth = ({ result }: Attempt): number =>
    weighing.perCycle * result.predictedCycles + weighing.perPicojoule * result.predictedPj;
  const attempted = (result: SearchResult, turns: StreamTurns | null = null): Attempt => {
    const planned = plannedAttempt(space, pins, layouts, result, made);
    if (streams === null) return placedAlone(planned);
    return placedStreams(planned, streams.streams, turns ?? turnsWithin(space, planned, streams));
  };
  const searched = (prices: Prices): Attempt => attempted(search(space, priceOf(space, prices, weighing), weighing));
  /** What all streams take: their steps, less what runs at once. */
  const takenByAll = (one: Attempt): number =>
    worth(one) * streamCount - weighing.perCycle * (one.turns?.savedCycles ?? 0);
  const better = (one: Attempt, other: Attempt): Attempt => {
    if (fits(one) !== fits(other)) return fits(one) ? one : other;
    if (!fits(one)) return one.allocation.peakBytes <= other.allocation.peakBytes ? one : other;
    return takenByAll(one) <= takenByAll(other) ? one : other;
  };
  const withWeights = (one: Attempt, spareBytes: number, turns: StreamTurns | null): Attempt =>
    attempted(budgetedWeights(space, one.result, spareBytes, weighing), turns);
  const room = capacity * (1 - spared);
  /**
   * The attempt with its weights stored anew, or itself where that is not better. Turns of streams are chosen with as lean weights as can
   * be; copies have the memory that they leave.
   */
  const restored = (one: Attempt): Attempt => {
    if (streams === null) {
      const other = withWeights(one, room - one.allocation.peakBytes, null);
      return fits(other) || other.allocation.peakBytes < one.allocation.peakBytes ? other : one;
    }
    const lean = withWeights(one, Number.NEGATIVE_INFINITY, null);
    const other = fits(lean) ? withWeights(lean, room - lean.allocation.peakBytes, lean.turns) : lean;
    return better(better(other, lean), one);
  };
  let prices: Prices = { weights: 0, transient: new Map() };
  const relaxed = searched(prices);
  const leastCost = relaxed.result.exact ? worth(relaxed) : null;
  let rounds = 1;
  const fitWith = (fitting: Attempt): Fit => {
    const cost = worth(fitting);
    return { fitting, leanest: fitting, rounds, cost, leastCost, gap: gapOf(cost, leastCost) };
  };
  if (fits(relaxed) && streams === null) return fitWith(relaxed);
  let current = restored(relaxed);
  if (fits(current) && streams !== null) return fitWith(current);
  let leanest = current;
  let fitting = fits(current) ? current : null;
  let failed = prices;
  const hasChoice = space.candidates.some((list) => list.length > 1);
  while (hasChoice && rounds < roundLimit) {
    failed = prices;
    prices = raised(space, rounds === 1 ? relaxed : current, prices, streams?.streams ?? null);
    current = restored(searched(prices));
    rounds += 1;
    if (current.allocation.peakBytes < leanest.allocation.peakBytes) leanest = current;
    if (fitting !== null || fits(current)) break;
  }
  if (fits(current)) {
    let [low, high] = [failed, prices];
    for (let turn = 0; ; turn += 1) {
      if (fits(current)) {
        high = prices;
        if (fitting === null || takenByAll(current) < takenByAll(fitting)) fitting = current;
      } else low = prices;
      if (turn === refineLimit) break;
      prices = between(low, high);
      current = restored(searched(prices));
      rounds += 1;
    }
  }
  if (fitting !== null) return fitWith(fitting);
  return { fitting, leanest, rounds, cost: Number.POSITIVE_INFINITY, leastCost, gap: null };
}

/** By what share a cost lies above the least one; null where that is unknown or nothing. */
export function gapOf(cost: number, leastCost: number | null): number | null {
  return leastCost !== null && leastCost > 0 ? cost / leastCost - 1 : null;
}

/** Choices with their steps and plan, before memory is looked at. */
type Planned = Pick<Attempt, "result" | "steps" | "plan">;

function plannedAttempt(
  space: SearchSpace,
  pins: ReadonlyMap<string, MappedStep>,
  layouts: readonly ValueLayout[],
  result: SearchResult,
  made: Made,
): Planned {
  const { network, target } = space;
  const pairs = takenPairs(space, result.chosen);
  const partners = new Map(pairs.map(({ left, right }) => [right, left]));
  const sharing = new Set(pairs.flatMap(({ left, right, sharesCores }) => (sharesCores ? [left, right] : [])));
  const steps = network.layers.map((layer, index) => {
    const pin = pins.get(layer.name);
    if (pin !== undefined) return pin;
    const candidate = at(result.chosen, index);
    const partner = partners.get(index) ?? -1;
    const known = at(made.steps, index).get(candidate) ?? new Map<string, MappedStep>();
    at(made.steps, index).set(candidate, known);
    const beside = partner < 0 ? {} : { beside: at(network.layers, partner).name };
    const key = `${partner} ${sharing.has(index)}`;
    const step = known.get(key) ?? { ...stepOf(layer, candidate, target, sharing.has(index)), ...beside };
    known.set(key, step);
    return step;
  });
  const order = orderOf(network, pairs);
  const key = order.join();
  const ordered = made.networks.get(key) ?? reordered(network, order);
  made.networks.set(key, ordered);
  const plan = planNetwork(
    ordered,
    order.map((layer) => at(steps, layer)),
    layouts,
    target,
    made.plans,
  );
  return { result, steps: plan.steps.map(({ step }) => step), plan };
}

function placedAlone(planned: Planned): Attempt {
  const { buffers, network } = planned.plan;
  const allocation = allocate(buffers);
  return {
    ...planned,
    needs: buffers,
    allocation,
    peakLayer: at(network.layers, allocation.peakStep).name,
    turns: null,
  };
}

function placedStreams(planned: Planned, streams: Streams, turns: StreamTurns): Attempt {
  const { buffers, network } = planned.plan;
  const needs = needsOfStreams(streams, turns.order, turns.pairs, buffers);
  const allocation = allocate(needs);
  const peakLayer = at(network.layers, at(turns.order, allocation.peakStep).layer).name;
  return { ...planned, needs, allocation, peakLayer, turns };
}

function orderOf(network: Network, pairs: readonly LayerPair[]): readonly number[] {
  const order = adjacentOrder(network, pairs);
  if (order === null) throw internalError("layers that run side by side depend on each other");
  return order;
}

function priceOf(space: SearchSpace, prices: Prices, { perCycle }: Weighing): Price {
  // Prices are in cycles.
  const unit = perCycle > 0 ? perCycle : 1;
  const { layers } = space.network;
  const produced = layers.map((_, index) => prices.transient.get(index) ?? 0);
  // Layers that read the same weights store them once when they cut them alike: each pays its part.
  const weights = weightReaderCounts(layers).map((count) => prices.weights / count);
  return (layer, candidate) =>
    unit *
    (at(weights, layer) * candidate.weightBytes +
      at(produced, layer) * (candidate.operandBytes + candidate.valueBytes));
}

/** Raises the price of weights when they fill much of the memory or more than is lacking, and of the layers whose other buffers are live at the peak. */
function raised(space: SearchSpace, failedAttempt: Attempt, prices: Prices, streams: Streams | null): Prices {
  const capacity = space.target.core.memoryBytes;
  const { peakStep } = failedAttempt.allocation;
  const live = failedAttempt.needs.filter((need) => need.firstStep <= peakStep && need.lastStep >= peakStep);
  const passing = live.filter((need) => need.role === "value" || need.role === "operand" || need.role === "scratch");
  const passingBytes = passing.reduce((total, need) => total + need.bytes, 0);
  const weightBytes = live.reduce((total, need) => total + (need.role === "weights" ? need.bytes : 0), 0);
  const up = (price: number): number => (price === 0 ? firstPrice : price * raise);
  const transient = new Map(prices.transient);
  if (4 * passingBytes > capacity || weightBytes === 0) {
    const steps = new Map(space.network.layers.map((layer, index) => [layer.name, index]));
    const layerOf = (step: string): number | undefined =>
      steps.get(streams === null ? step : nameInStream(streams.suffixes, step));
    for (const layer of new Set(passing.map((need) => layerOf(need.step)))) {
      if (layer !== undefined) transient.set(layer, up(transient.get(layer) ?? 0));
    }
    const home = steps.get(failedAttempt.peakLayer);
    if (home !== undefined && !transient.has(home)) transient.set(home, firstPrice);
  }
  const lackingBytes = failedAttempt.allocation.peakBytes - capacity;
  const weighs = 4 * weightBytes > capacity || weightBytes > lackingBytes;
  return { weights: weighs ? up(prices.weights) : prices.weights, transient };
}

function between(low: Prices, high: Prices): Prices {
  const middle = (a: number, b: number): number => (a === 0 ? b / raise : Math.sqrt(a * b));
  const transient = new Map<number, number>();
  for (const [layer, price] of high.transient) transient.set(layer, middle(low.transient.get(layer) ?? 0, price));
  return { weights: middle(low.weights, high.weights), transient };
}
