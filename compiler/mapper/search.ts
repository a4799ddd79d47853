import { at } from "../../base/math.ts";
import type { MappedStep, Split } from "../../ir/mapping.ts";
import { elementBytes } from "../../ir/type.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Layer } from "../layers.ts";
import type { Network } from "../network.ts";
import type { AxisPiece } from "../pieces.ts";
import { type Candidate, candidateLimit, candidatesOf, evaluateChoice, ownersRead } from "./candidates.ts";
import { type EdgeCost, edgeCost, frameCost } from "./edge-cost.ts";
import { minimize, type PairCost } from "./elimination.ts";
import { movementPlacement, operandPieces } from "./movement-placement.ts";
import { type OwnerIndex, ownerIndex } from "./owner-index.ts";
import { type Placement, placementOf } from "./placement.ts";
import { formatSplit, translateSplit } from "./splits.ts";
import type { VectorPass, VectorWork } from "./work.ts";

/** Entries of the largest table of the search; beyond, choices are left out and the result is not exact. */
const tableLimit = 2_000_000;

/** Splits that a layer takes over from one neighbour. */
const takenOver = 16;

/** A value that one layer makes and another reads. */
export interface Edge {
  readonly producer: number;
  readonly consumer: number;
  readonly write: number;
  readonly read: number;
}

/** The choices of a network with all their costs: ready to be searched, also more than once with other prices. */
export interface SearchSpace {
  readonly network: Network;
  readonly target: ChipTarget;
  /** By layer. */
  readonly candidates: readonly (readonly Candidate[])[];
  readonly edges: readonly Edge[];
  /** The cost of an edge between two candidates. */
  readonly costOf: (edge: Edge, producer: Candidate, consumer: Candidate) => EdgeCost;
  /** By edge: cycles, [producer candidate][consumer candidate]. */
  readonly tables: readonly Float64Array[];
}

/** What the search found. */
export interface SearchResult {
  /** By layer. */
  readonly chosen: readonly Candidate[];
  readonly predictedCycles: number;
  readonly exact: boolean;
}

/** A price, in cycles, of a candidate beyond its own and its edges' cycles; infinite to forbid it. */
export type Price = (layer: number, candidate: Candidate) => number;

/** Works out candidates and costs; layers with a step in `pins` (by name) have that choice alone. */
export function searchSpace(
  network: Network,
  work: VectorWork,
  target: ChipTarget,
  pins: ReadonlyMap<string, MappedStep> = new Map(),
): SearchSpace {
  const edges = edgesOf(network);
  const candidates = networkCandidates(network, edges, work, target, pins);
  const costOf = edgeCosts(network, target);
  const cached = new Map<string, Float64Array>();
  const listNumbers = new Map<readonly Candidate[], number>();
  const numberOf = (list: readonly Candidate[]): number => {
    const known = listNumbers.get(list);
    if (known !== undefined) return known;
    listNumbers.set(list, listNumbers.size);
    return listNumbers.size - 1;
  };
  const tables = edges.map((edge) => {
    const [producers, consumers] = [at(candidates, edge.producer), at(candidates, edge.consumer)];
    const key = `${numberOf(producers)} ${numberOf(consumers)} ${edge.write} ${edge.read}`;
    const known = cached.get(key);
    if (known !== undefined) return known;
    const table = new Float64Array(producers.length * consumers.length);
    producers.forEach((producer, row) => {
      consumers.forEach((consumer, column) => {
        table[row * consumers.length + column] = costOf(edge, producer, consumer).cycles;
      });
    });
    cached.set(key, table);
    return table;
  });
  return { network, target, candidates, edges, costOf, tables };
}

/** The choices with the least Σ layer cycles + Σ edge cycles + Σ prices. */
export function search(space: SearchSpace, price: Price = () => 0): SearchResult {
  const single = space.candidates.map((list, layer) =>
    Float64Array.from(list, (candidate) => candidate.cost.cycles + price(layer, candidate)),
  );
  const pairs: PairCost[] = space.edges.map((edge, index) => ({
    left: edge.producer,
    right: edge.consumer,
    table: at(space.tables, index),
  }));
  const { choices, exact } = minimize(single, pairs, tableLimit);
  const chosen = choices.map((choice, layer) => at(at(space.candidates, layer), choice));
  let predictedCycles = 0;
  for (const candidate of chosen) predictedCycles += candidate.cost.cycles;
  space.edges.forEach((edge, index) => {
    const width = at(space.candidates, edge.consumer).length;
    predictedCycles += at(at(space.tables, index), at(choices, edge.producer) * width + at(choices, edge.consumer));
  });
  return { chosen, predictedCycles, exact };
}

/** The values that pass between layers; a value read twice in the same way by a layer is brought once. */
export function edgesOf(network: Network): Edge[] {
  const edges: Edge[] = [];
  network.layers.forEach((layer, consumer) => {
    const seen = new Set<string>();
    layer.reads.forEach((read, index) => {
      const producer = network.producer.get(read.value);
      const key = `${read.value} ${JSON.stringify(read.access)} ${read.access === null ? read.operand : ""}`;
      if (read.constant || producer === undefined || seen.has(key)) return;
      seen.add(key);
      const write = at(network.layers, producer).writes.findIndex(({ value }) => value === read.value);
      edges.push({ producer, consumer, write, read: index });
    });
  });
  return edges;
}

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
  return JSON.stringify([layer.kind, layer.dimensions, reads, writes, layer.result, layer.movement, passes]);
}

/**
 * Candidates by layer; layers that are alike share one list. Layers that do little by themselves (vector, reduce,
 * movement, input) also take over the splits of their neighbours, so that values can stay where they are: first of the
 * layers before them, then of those after.
 */
function networkCandidates(
  network: Network,
  edges: readonly Edge[],
  work: VectorWork,
  target: ChipTarget,
  pins: ReadonlyMap<string, MappedStep>,
): (readonly Candidate[])[] {
  const lists = new Map<string, readonly Candidate[]>();
  const signatures = network.layers.map((layer) => signature(layer, work.get(layer.name) ?? []));
  const numbers = new Map<readonly Candidate[], number>();
  const make = (index: number, further: readonly Split[]): readonly Candidate[] => {
    const layer = at(network.layers, index);
    const passes = work.get(layer.name) ?? [];
    const pin = pins.get(layer.name);
    if (pin !== undefined) return [evaluateChoice(layer, pin.split, pin.weights, passes, target)];
    const key = `${signatures[index]}\n${further.map(formatSplit).join("\n")}`;
    let list = lists.get(key);
    if (list === undefined) {
      list = candidatesOf(layer, passes, target, further, layer.kind === "movement" ? 16 : candidateLimit);
      lists.set(key, list);
      numbers.set(list, numbers.size);
    }
    return list;
  };
  const inward = network.layers.map((_, consumer) => edges.filter((edge) => edge.consumer === consumer));
  const outward = network.layers.map((_, producer) => edges.filter((edge) => edge.producer === producer));
  const follows = (index: number): boolean => at(network.layers, index).kind !== "contraction";
  const result = network.layers.map((_, index) => (follows(index) ? [] : make(index, [])));
  const forward = network.layers.map((): readonly Split[] => []);
  network.layers.forEach((layer, index) => {
    if (!follows(index) || layer.kind === "output") return;
    forward[index] = distinct(
      at(inward, index).flatMap((edge) => {
        const producer = at(network.layers, edge.producer);
        const from = { layer: producer, at: at(producer.writes, edge.write) };
        const to = { layer, at: at(layer.reads, edge.read) };
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
      const from = { layer: consumer, at: at(consumer.reads, edge.read) };
      const to = { layer, at: at(layer.writes, edge.write) };
      return consumer.kind === "output" ? [] : translations(at(result, edge.consumer), from, to, target);
    });
    result[index] = make(index, distinct([...at(forward, index), ...backward]));
  }
  network.layers.forEach((layer, index) => {
    if (layer.kind === "output") result[index] = make(index, []);
  });
  return result;
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

/** The costs of edges, remembered by the placements of their ends. */
function edgeCosts(network: Network, target: ChipTarget): SearchSpace["costOf"] {
  const placements = new Map<string, { readonly number: number; readonly placement: Placement }>();
  const indexes = new Map<number, OwnerIndex>();
  const costs = new Map<string, EdgeCost>();
  const pieces = new Map<string, readonly AxisPiece[]>();
  const place = (key: string, make: () => Placement): { readonly number: number; readonly placement: Placement } => {
    const known = placements.get(key);
    if (known !== undefined) return known;
    const made = { number: placements.size, placement: make() };
    placements.set(key, made);
    return made;
  };
  return (edge, producer, consumer) => {
    const from = at(network.layers, edge.producer);
    const to = at(network.layers, edge.consumer);
    const [write, read] = [at(from.writes, edge.write), at(to.reads, edge.read)];
    const { type } = write;
    const owned = place(at(producer.ownerKeys, edge.write), () =>
      placementOf(producer.geometry, write.access, type.shape, true),
    );
    const bytes = elementBytes(type.element);
    const needed =
      to.kind === "output"
        ? null
        : read.access !== null
          ? place(at(consumer.needKeys, edge.read) ?? "", () =>
              placementOf(consumer.geometry, read.access ?? [], type.shape, ownersRead(to, read.node)),
            )
          : place(`${to.name} ${edge.read} ${consumer.ownerKeys.join()}`, () => {
              const key = `${to.name} ${edge.read}`;
              const list = pieces.get(key) ?? operandPieces(to, edge.read);
              pieces.set(key, list);
              return movementPlacement(consumer.geometry, list, type.shape.length);
            });
    const key = `${owned.number} ${needed === null ? "frame" : needed.number} ${bytes} ${read.access === null}`;
    const known = costs.get(key);
    if (known !== undefined) return known;
    let index = indexes.get(owned.number);
    if (index === undefined) {
      index = ownerIndex(owned.placement);
      indexes.set(owned.number, index);
    }
    const cost =
      needed === null
        ? frameCost(owned.placement, bytes, target)
        : edgeCost(index, needed.placement, bytes, read.access !== null, target);
    costs.set(key, cost);
    return cost;
  };
}
