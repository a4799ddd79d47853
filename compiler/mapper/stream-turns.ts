import { at } from "../../base/math.ts";
import type { MappedStep } from "../../ir/mapping.ts";
import type { LayerPair } from "../concurrency.ts";
import type { NetworkPlan } from "../step-plan.ts";
import { needsOfStreams, type StreamLayer } from "../streams.ts";
import { allocate, livePeak } from "./allocate.ts";
import type { SearchResult, SearchSpace } from "./search.ts";
import { stepCosts } from "./steps.ts";
import { pairedTurns, type StreamPairing, type StreamSpace, type StreamTurns } from "./stream-pairs.ts";

/** Orders of which pairs are left out, where none fits with all. */
const thinnedLimit = 4;

/** Turns and the bytes that they keep live at most, during a step of theirs. */
interface LiveTurns extends StreamTurns {
  readonly liveBytes: number;
  readonly peakStep: number;
}

/** Two layers of streams, as a text. */
function keyOf(left: StreamLayer, right: StreamLayer): string {
  return [left.layer, left.stream, right.layer, right.stream].join();
}

/** The pair that is nearest to a step. */
function nearestPair(pairs: readonly LayerPair[], step: number): LayerPair | null {
  const distance = ({ left, right }: LayerPair): number => Math.max(left - step, step - right, 0);
  return pairs.reduce<LayerPair | null>(
    (best, pair) => (best === null || distance(pair) < distance(best) ? pair : best),
    null,
  );
}

/**
 * How the streams of planned choices take turns: of the orders and pairs whose buffers fit the cores' memories those that save
 * most. Where no order fits with all pairs, those nearest to the step that needs most are left out one by one of the most promising
 * orders; where nothing fits, it is what needs least.
 */
export function turnsWithin(
  space: SearchSpace,
  planned: { readonly result: SearchResult; readonly steps: readonly MappedStep[]; readonly plan: NetworkPlan },
  { streams, pairings }: StreamSpace,
): StreamTurns {
  const { steps, plan } = planned;
  const capacity = space.target.core.memoryBytes;
  const costs = stepCosts(space, planned.result.chosen);
  const needsOf = ({ order, pairs }: StreamTurns) => needsOfStreams(streams, order, pairs, plan.buffers);
  const turnsOf = (pairing: StreamPairing, apart: ReadonlySet<string>): LiveTurns => {
    const turns = pairedTurns(pairing, steps, costs, ({ left, right }) =>
      apart.has(keyOf(at(pairing.order, left), at(pairing.order, right))),
    );
    return { ...turns, ...livePeak(needsOf(turns)) };
  };
  const bestOf = (list: readonly LiveTurns[]): StreamTurns | null =>
    list
      .filter(({ liveBytes }) => liveBytes <= capacity)
      .sort((a, b) => b.savedCycles - a.savedCycles)
      .find((turns) => allocate(needsOf(turns)).peakBytes <= capacity) ?? null;
  const whole = pairings.map((pairing) => turnsOf(pairing, new Set()));
  const best = bestOf(whole);
  if (best !== null) return best;
  const unpaired = pairings.map(({ order }): LiveTurns => {
    const turns: StreamTurns = { order, pairs: [], savedCycles: 0 };
    return { ...turns, ...livePeak(needsOf(turns)) };
  });
  const promising = [...whole.keys()]
    .filter((index) => at(unpaired, index).liveBytes <= capacity)
    .sort((a, b) => at(whole, b).savedCycles - at(whole, a).savedCycles)
    .slice(0, thinnedLimit);
  const fewer = promising.map((index) => {
    const pairing = at(pairings, index);
    const apart = new Set<string>();
    let turns = at(whole, index);
    while (turns.liveBytes > capacity) {
      const pair = nearestPair(turns.pairs, turns.peakStep);
      if (pair === null) break;
      apart.add(keyOf(at(turns.order, pair.left), at(turns.order, pair.right)));
      turns = turnsOf(pairing, apart);
    }
    return turns;
  });
  const found = bestOf([...fewer, ...unpaired]);
  if (found !== null) return found;
  return unpaired.reduce((least, turns) => (turns.liveBytes < least.liveBytes ? turns : least));
}
