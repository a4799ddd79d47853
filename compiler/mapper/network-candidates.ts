import { at } from "../../base/math.ts";
import type { MappedStep, Split } from "../../ir/mapping.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Layer, LayerRead } from "../layers.ts";
import type { Network } from "../network.ts";
import { type Candidate, candidatesOf, evaluateChoice } from "./candidates.ts";
import { type Edge, edgesByLayer } from "./edges.ts";
import { layerFacts } from "./layer-choices.ts";
import { carriedAccess } from "./movement-placement.ts";
import { formatSplit, translateSplit } from "./splits.ts";
import type { VectorPass, VectorWork } from "./work.ts";

/** Candidates that are kept for a movement. */
const movementLimit = 24;

/** Splits that a layer takes over from one neighbour. */
const takenOver = 16;

/** A text that is equal for layers that have the same candidates before neighbours are looked at. */
function signature(layer: Layer, passes: readonly VectorPass[]): string {
  const reads = layer.reads.map((read) => [
    read.access,
    read.type.shape,
    read.type.element,
    read.constant,
    read.operand,
    read.node === layer.nodes[0]?.name,
    layer.reads.findIndex((other) => other.value === read.value),
  ]);
  const writes = layer.writes.map((write) => [write.access, write.type.shape, write.type.element]);
  return JSON.stringify([
    layer.kind,
    layer.dimensions,
    reads,
    writes,
    layer.result,
    layer.movement,
    layer.host?.elementCount,
    passes,
  ]);
}

/**
 * Candidates by layer; layers that are alike share one list. Layers that do little by themselves (vector, reduce,
 * movement, input) also take over the splits of their neighbours, so that values can stay where they are: first of the
 * layers before them, then of those after. What makes the next value of a state has the splits of the state.
 */
export function networkCandidates(
  network: Network,
  edges: readonly Edge[],
  work: VectorWork,
  target: ChipTarget,
  pins: ReadonlyMap<string, MappedStep>,
  countsEnergy = false,
): (readonly Candidate[])[] {
  const lists = new Map<string, readonly Candidate[]>();
  const signatures = network.layers.map((layer) => signature(layer, work.get(layer.name) ?? []));
  const numbers = new Map<readonly Candidate[], number>();
  const make = (index: number, further: readonly Split[]): readonly Candidate[] => {
    const layer = at(network.layers, index);
    const passes = work.get(layer.name) ?? [];
    const pin = pins.get(layer.name);
    if (pin !== undefined)
      return [evaluateChoice(layerFacts(layer, passes, countsEnergy), pin.split, pin.weights, target, pin.corner)];
    const key = `${signatures[index]}\n${further.map(formatSplit).join("\n")}`;
    let list = lists.get(key);
    if (list === undefined) {
      list = candidatesOf(
        layer,
        passes,
        target,
        further,
        layer.kind === "movement" ? movementLimit : undefined,
        countsEnergy,
      );
      lists.set(key, list);
      numbers.set(list, numbers.size);
    }
    return list;
  };
  const inward = edgesByLayer(edges, network, "consumer");
  const outward = edgesByLayer(edges, network, "producer");
  const follows = (index: number): boolean => at(network.layers, index).kind !== "contraction";
  const result = network.layers.map((_, index) => (follows(index) ? [] : make(index, [])));
  const forward = network.layers.map((): readonly Split[] => []);
  network.layers.forEach((layer, index) => {
    if (!follows(index) || layer.kind === "output") return;
    forward[index] = distinct(
      at(inward, index).flatMap((edge) => {
        const producer = at(network.layers, edge.producer);
        const from = { layer: producer, at: at(producer.writes, edge.write) };
        const to = { layer, at: readAt(layer, edge.read) };
        return translations(at(result, edge.producer), from, to, target);
      }),
    );
    result[index] = make(index, at(forward, index));
  });
  for (let index = network.layers.length - 1; index >= 0; index -= 1) {
    const layer = at(network.layers, index);
    if (!follows(index) || layer.kind === "output") continue;
    const backward = at(outward, index).flatMap((edge) => {
      const consumer = at(network.layers, edge.consumer);
      const from = { layer: consumer, at: readAt(consumer, edge.read) };
      const to = { layer, at: at(layer.writes, edge.write) };
      return consumer.kind === "output" ? [] : translations(at(result, edge.consumer), from, to, target);
    });
    result[index] = make(index, distinct([...at(forward, index), ...backward]));
  }
  network.layers.forEach((layer, index) => {
    if (layer.kind === "output") result[index] = make(index, []);
  });
  for (const { state, next } of network.ties) {
    const layer = at(network.layers, next);
    if (pins.has(layer.name)) continue;
    const facts = layerFacts(layer, work.get(layer.name) ?? [], countsEnergy);
    result[next] = at(result, state).map(({ split }) => evaluateChoice(facts, split, null, target));
  }
  return result;
}

/** A read with what each axis becomes, for movements too, whose pieces say it. */
function readAt(layer: Layer, index: number): LayerRead {
  const read = at(layer.reads, index);
  return layer.movement === null ? read : { ...read, access: carriedAccess(layer, index) };
}

function translations(
  candidates: readonly Candidate[],
  from: Parameters<typeof translateSplit>[1],
  to: Parameters<typeof translateSplit>[2],
  target: ChipTarget,
): Split[] {
  const quickest = [...candidates].sort((a, b) => a.cost.cycles - b.cost.cycles);
  const found: Split[] = [];
  for (const { split } of quickest) {
    const translated = translateSplit(split, from, to, target.grid);
    if (translated !== null) found.push(translated);
    if (found.length >= takenOver) break;
  }
  return distinct(found);
}

function distinct(splits: readonly Split[]): Split[] {
  return [...new Map(splits.map((split) => [formatSplit(split), split])).values()];
}
