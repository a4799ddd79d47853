import { at, ceilDivide, productAt } from "../../base/math.ts";
import type { Access, IterationDimension } from "../../ir/iteration.ts";
import type { CorePlace, Split, SplitPart } from "../../ir/mapping.ts";
import { elementBytes } from "../../ir/type.ts";
import { resident, streamed, type WeightPlan } from "../../ir/weight-plan.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { type CoreGroup, coreCount, storageGroup } from "../core-group.ts";
import type { Geometry } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type ContractionRoles, contractionRoles } from "../tiling.ts";
import { pairedBytes } from "../weights.ts";
import { constantWeights, type LayerCost, layerCost, leastContractionCycles, leastResultCycles } from "./layer-cost.ts";
import { layerEnergyPj } from "./layer-energy.ts";
import { outline } from "./outline.ts";
import { placementKeys } from "./placement-key.ts";
import { sharesInnermost, sharesWithIdle } from "./rules.ts";
import type { VectorPass } from "./work.ts";

/** What is the same for all choices of a layer. */
export interface LayerFacts {
  readonly layer: Layer;
  readonly passes: readonly VectorPass[];
  readonly roles: ContractionRoles | null;
  readonly hasWeights: boolean;
  /** Costs by what they depend on, as far as they were asked for. */
  readonly costs: Map<string, LayerCost>;
  /** Whether energies are worked out. */
  readonly countsEnergy: boolean;
  /** The reads that bring a value from elsewhere, each distinct access of a value once, and the writes. */
  readonly operands: readonly Footprint[];
  readonly values: readonly Footprint[];
}

/** How elements of a value are touched, and the bytes of each. */
interface Footprint {
  readonly access: Access;
  readonly elementBytes: number;
}

/** Collects what is the same for all choices of a layer. */
export function layerFacts(layer: Layer, passes: readonly VectorPass[], countsEnergy = false): LayerFacts {
  const operands = new Map<string, Footprint>();
  for (const read of layer.reads) {
    if (read.constant || read.access === null || layer.kind === "output") continue;
    operands.set(`${read.value} ${JSON.stringify(read.access)}`, {
      access: read.access,
      elementBytes: elementBytes(read.type.element),
    });
  }
  return {
    layer,
    passes,
    roles: layer.kind === "contraction" ? contractionRoles(layer) : null,
    hasWeights: constantWeights(layer) !== null,
    costs: new Map(),
    countsEnergy,
    operands: [...operands.values()],
    values: layer.writes.map(({ access, type }) => ({ access, elementBytes: elementBytes(type.element) })),
  };
}

/** One way to map a layer, its values' placements yet to be described. */
export interface Choice {
  readonly split: Split;
  /** The north-west core of the split. */
  readonly corner: CorePlace;
  readonly weights: WeightPlan | null;
  /** What the layer costs by itself. */
  readonly cost: LayerCost;
  /** Dynamic energy of the layer's own work on all cores; 0 where no energy is asked for. */
  readonly energyPj: number;
  /** Bytes of weights that a core keeps for the whole run. */
  readonly weightBytes: number;
  /** Bytes of a core's largest boxes of what it reads (weights and constants apart). */
  readonly operandBytes: number;
  /** Bytes of a core's largest boxes of what it leaves. */
  readonly valueBytes: number;
  readonly geometry: Geometry;
}

/** Works out what a choice costs. */
export function priceChoice(
  facts: LayerFacts,
  geometry: Geometry,
  weights: WeightPlan | null,
  target: ChipTarget,
): Choice {
  const { layer, passes, roles } = facts;
  const { chunks } = geometry;
  const share = roles === null ? null : storageGroup(geometry, roles, weights);
  const pieces = share === null || !facts.hasWeights ? 1 : coreCount(share);
  return {
    split: geometry.split,
    corner: geometry.corner,
    weights,
    cost: costOf(facts, geometry, weights, share, target),
    energyPj: facts.countsEnergy ? layerEnergyPj(layer, geometry, weights, passes, target, roles) : 0,
    weightBytes: ceilDivide(wholeWeightBytes(facts, chunks), pieces),
    operandBytes: bytesOf(facts.operands, chunks),
    valueBytes: bytesOf(facts.values, chunks),
    geometry,
  };
}

/** The cost of a choice, which is that of every choice that leaves cores as much to do and shares weights alike. */
function costOf(
  facts: LayerFacts,
  geometry: Geometry,
  weights: WeightPlan | null,
  share: CoreGroup | null,
  target: ChipTarget,
): LayerCost {
  const { layer, passes, roles, costs } = facts;
  // Rows and columns of a group may change places.
  const sharing = share === null ? "" : `${Math.min(share.rows, share.columns)} ${Math.max(share.rows, share.columns)}`;
  const columns = layer.kind === "input" ? geometry.usedColumns : "";
  const key = `${geometry.chunks.join()} ${geometry.reduction?.parts ?? ""} ${columns} ${sharing}`;
  const known = costs.get(key) ?? layerCost(layer, geometry, weights, passes, target, roles);
  costs.set(key, known);
  return known;
}

/** Bytes of footprints on the core that has the largest ranges. */
function bytesOf(footprints: readonly Footprint[], chunks: readonly number[]): number {
  let bytes = 0;
  for (let index = 0; index < footprints.length; index += 1) {
    const { access, elementBytes } = footprints[index] as Footprint;
    bytes += extentCount(access, chunks) * elementBytes;
  }
  return bytes;
}

/** Elements of the footprint of an access on the core that has the largest ranges. */
function extentCount(access: Access, chunks: readonly number[]): number {
  if (chunks.includes(0)) return access.length === 0 ? 1 : 0;
  let count = 1;
  for (let axis = 0; axis < access.length; axis += 1) {
    const { terms } = access[axis] as Access[number];
    let extent = 1;
    for (let term = 0; term < terms.length; term += 1) {
      const { dimension, stride } = terms[term] as Access[number]["terms"][number];
      extent += Math.abs(stride) * ((chunks[dimension] as number) - 1);
    }
    count *= extent;
  }
  return count;
}

/** Bytes of a slice of constant weights; 0 for none. */
function wholeWeightBytes({ roles, hasWeights }: LayerFacts, chunks: readonly number[]): number {
  if (roles === null || !hasWeights) return 0;
  const { group, inner, column, elements } = roles;
  return pairedBytes(productAt(chunks, group), productAt(chunks, inner), productAt(chunks, column), elements.weights);
}

/** What a list of a split says of a layer; lists that are equal share it. */
interface ListFacts {
  readonly number: number;
  /** By dimension: the parts into which the list divides it. */
  readonly parts: readonly number[];
  /** Cores along the list's axis of the grid that use the same slice of weights. */
  readonly sharingCount: number;
  readonly sharesInnermost: boolean;
}

function listFacts({ layer, roles }: LayerFacts, list: readonly SplitPart[], number: number): ListFacts {
  const parts = layer.dimensions.map(({ name }) => list.find(({ dimension }) => dimension === name)?.parts ?? 1);
  return {
    number,
    parts,
    sharingCount: roles === null ? 1 : productAt(parts, roles.row),
    sharesInnermost: roles !== null && sharesInnermost(layer, list, roles),
  };
}

/** Bytes that a core holds of all that a layer touches, and cycles that the layer takes at least. */
interface Stored {
  readonly memoryBytes: number;
  readonly leastCycles: number;
}

/** What a split comes to when every core has its weights, and when those that use the same slice share it; null where they cannot. */
interface Measure {
  readonly whole: Stored;
  readonly shared: Stored | null;
}

function measureOf(
  facts: LayerFacts,
  rows: ListFacts,
  columns: ListFacts,
  resultCycles: ReturnType<typeof leastResultCycles>,
  target: ChipTarget,
): Measure {
  const { layer, roles, hasWeights, operands, values } = facts;
  const parts: number[] = [];
  const chunks: number[] = [];
  for (let index = 0; index < layer.dimensions.length; index += 1) {
    const count = (rows.parts[index] as number) * (columns.parts[index] as number);
    parts.push(count);
    chunks.push(ceilDivide((layer.dimensions[index] as IterationDimension).size, count));
  }
  const passingBytes = bytesOf(operands, chunks) + bytesOf(values, chunks);
  const weightBytes = wholeWeightBytes(facts, chunks);
  const addsSums = roles !== null && productAt(parts, roles.inner) > 1;
  const cyclesOfResult = resultCycles.passes + (addsSums ? resultCycles.add : 0);
  const stored = (bytes: number): Stored => ({
    memoryBytes: bytes + passingBytes,
    leastCycles: roles === null ? 0 : leastContractionCycles(chunks, roles, cyclesOfResult, bytes, target),
  });
  const sharing = rows.sharingCount * columns.sharingCount;
  const mayShare =
    roles !== null &&
    hasWeights &&
    sharing > 1 &&
    rows.sharesInnermost &&
    columns.sharesInnermost &&
    !sharesWithIdle(layer, parts, chunks, roles);
  return { whole: stored(weightBytes), shared: mayShare ? stored(ceilDivide(weightBytes, sharing)) : null };
}

/**
 * The choices of a layer: each of some legal splits with weights resident and, where it allows that, streamed (in a group of one
 * core that is residence, and left out). Their bytes are known, and cycles that they take at least; they are priced when that is
 * asked for.
 */
export class LayerChoices {
  readonly #facts: LayerFacts;
  readonly #splits: readonly Split[];
  readonly #corner: CorePlace;
  readonly #target: ChipTarget;
  /** The outline that was asked for last, and of which split. */
  #outlined: { readonly split: number; readonly geometry: Geometry } | null = null;
  /** By choice: its split, and where its weights are. */
  readonly #splitOf: number[] = [];
  readonly #weightsOf: (WeightPlan | null)[] = [];
  readonly #memoryBytes: number[] = [];
  readonly #leastCycles: number[] = [];
  readonly #priced: (Choice | undefined)[];
  /** Choices by the least cycles that they may take, how many of them have been priced, and those of these that are not ranked yet, the quickest last. */
  readonly #byLeast: readonly number[];
  #pricedCount = 0;
  readonly #ready: number[] = [];
  readonly #ranking: number[] = [];
  /** By choice: those with which all values lie alike; null where these are the choices of its split. */
  readonly #alike: readonly (readonly number[])[] | null;

  constructor(facts: LayerFacts, splits: readonly Split[], corner: CorePlace, target: ChipTarget) {
    this.#facts = facts;
    this.#splits = splits;
    this.#corner = corner;
    this.#target = target;
    this.#measure();
    this.#priced = new Array<Choice | undefined>(this.#splitOf.length);
    this.#byLeast = this.#sorted(this.#leastCycles);
    this.#alike = tellsSplitsApart(facts.layer) ? null : this.#byPlacements();
  }

  /** Fills the arrays by choice. */
  #measure(): void {
    const known = new Map<readonly SplitPart[], ListFacts>();
    const byText = new Map<string, ListFacts>();
    const factsOf = (list: readonly SplitPart[]): ListFacts => {
      const found = known.get(list);
      if (found !== undefined) return found;
      const text = list.map(({ dimension, parts }) => `${dimension} ${parts}`).join();
      const facts = byText.get(text) ?? listFacts(this.#facts, list, byText.size);
      byText.set(text, facts);
      known.set(list, facts);
      return facts;
    };
    const listCount = 2 * this.#splits.length;
    const resultCycles = leastResultCycles(this.#facts.passes, this.#target);
    // Lists that change places divide a layer alike.
    const measures = new Map<number, Measure>();
    for (let index = 0; index < this.#splits.length; index += 1) {
      const split = at(this.#splits, index);
      const rows = factsOf(split.rows);
      const columns = factsOf(split.columns);
      const key = Math.min(rows.number, columns.number) * listCount + Math.max(rows.number, columns.number);
      let measure = measures.get(key);
      if (measure === undefined) {
        measure = measureOf(this.#facts, rows, columns, resultCycles, this.#target);
        measures.set(key, measure);
      }
      this.#add(index, this.#facts.hasWeights ? resident : null, measure.whole);
      if (measure.shared !== null) this.#add(index, streamed, measure.shared);
    }
  }

  #add(split: number, weights: WeightPlan | null, { memoryBytes, leastCycles }: Stored): void {
    this.#splitOf.push(split);
    this.#weightsOf.push(weights);
    this.#memoryBytes.push(memoryBytes);
    this.#leastCycles.push(leastCycles);
  }

  /** Choices by ascending figures, of equals the lower first. */
  #sorted(figures: readonly number[]): number[] {
    return figures.map((_, choice) => choice).sort((a, b) => (figures[a] as number) - (figures[b] as number) || a - b);
  }

  #outline(choice: number): Geometry {
    const split = at(this.#splitOf, choice);
    // Choices of one split are asked for one after the other.
    if (this.#outlined?.split === split) return this.#outlined.geometry;
    const { dimensions } = this.#facts.layer;
    const geometry = outline(dimensions, at(this.#splits, split), this.#target.grid, this.#corner);
    this.#outlined = { split, geometry };
    return geometry;
  }

  #byPlacements(): (readonly number[])[] {
    const groups = new Map<string, number[]>();
    return this.#splitOf.map((_, choice) => {
      const { owned, needed } = placementKeys(this.#facts.layer, this.#outline(choice));
      const key = [...owned, ...needed].join("\n");
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      group.push(choice);
      return group;
    });
  }

  /** A choice with what it costs. */
  priced(choice: number): Choice {
    const known =
      this.#priced[choice] ??
      priceChoice(this.#facts, this.#outline(choice), at(this.#weightsOf, choice), this.#target);
    this.#priced[choice] = known;
    return known;
  }

  /** All choices by the bytes that they take, of equals the lower first. */
  byMemory(): readonly number[] {
    return this.#sorted(this.#memoryBytes);
  }

  /** The choice that comes so many places behind the quickest, of equals the lower first; undefined where there are no more. */
  ranked(place: number): number | undefined {
    while (this.#ranking.length <= place) {
      const next = this.#nextRanked();
      if (next === undefined) return undefined;
      this.#ranking.push(next);
    }
    return this.#ranking[place];
  }

  #nextRanked(): number | undefined {
    const ready = this.#ready;
    for (; this.#pricedCount < this.#byLeast.length; this.#pricedCount += 1) {
      const choice = at(this.#byLeast, this.#pricedCount);
      const quickest = ready[ready.length - 1];
      if (quickest !== undefined && at(this.#leastCycles, choice) > this.#cyclesOf(quickest)) break;
      this.#makeReady(choice);
    }
    return ready.pop();
  }

  #cyclesOf(choice: number): number {
    return this.priced(choice).cost.cycles;
  }

  /** Puts a choice among those that are ready, in its place. */
  #makeReady(choice: number): void {
    const cycles = this.#cyclesOf(choice);
    let [low, high] = [0, this.#ready.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = at(this.#ready, middle);
      const isSlower = this.#cyclesOf(other) - cycles || other - choice;
      if (isSlower > 0) low = middle + 1;
      else high = middle;
    }
    this.#ready.splice(low, 0, choice);
  }

  /** Whether another choice with which all values lie alike is better in cycles, energy and memory, or as good and lower. */
  isBeaten(choice: number): boolean {
    return this.#rivalsOf(choice).some(
      (rival) => rival !== choice && this.#beats(rival, choice) && (rival < choice || !this.#beats(choice, rival)),
    );
  }

  #rivalsOf(choice: number): readonly number[] {
    if (this.#alike !== null) return at(this.#alike, choice);
    return [choice - 1, choice + 1].filter((other) => this.#splitOf[other] === this.#splitOf[choice]);
  }

  #beats(rival: number, choice: number): boolean {
    if (at(this.#memoryBytes, rival) > at(this.#memoryBytes, choice)) return false;
    const [better, worse] = [this.priced(rival), this.priced(choice)];
    return better.cost.cycles <= worse.cost.cycles && better.energyPj <= worse.energyPj;
  }
}

/** Whether splits of a layer that differ place some value differently: they do when all that is divided moves along values. */
function tellsSplitsApart({ dimensions, reads, writes }: Layer): boolean {
  const touched = new Set<number>();
  for (const { access } of [...writes, ...reads.filter((read) => !read.constant)]) {
    for (const { terms } of access ?? []) for (const { dimension } of terms) touched.add(dimension);
  }
  return dimensions.every(({ size }, dimension) => size === 1 || touched.has(dimension));
}
