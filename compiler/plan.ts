import { problem } from "../base/errors.ts";
import { at } from "../base/math.ts";
import { boxCount, footprint } from "../ir/iteration.ts";
import type { MappedStep, SplitPart, ValueLayout } from "../ir/mapping.ts";
import { elementBytes, type TensorType } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { bufferNeeds } from "./buffer-needs.ts";
import { type ChainPlan, planChain } from "./chain.ts";
import { sharingSteps } from "./concurrency.ts";
import { forEachBox } from "./core-boxes.ts";
import { coreCount, storageGroup } from "./core-group.ts";
import { firstCore, type Geometry, type Grid, largestBox } from "./geometry.ts";
import { inPlaceWrites } from "./in-place.ts";
import { type LaidStep, type LayingMemory, layingMemory, layStep } from "./laid-step.ts";
import type { Layer } from "./layers.ts";
import { denseLayout, naturalOrder } from "./local-layout.ts";
import { isMadeInPlace, type Lodging, lodgingsOf } from "./lodgings.ts";
import { type Margin, type MarginMemory, marginsOf } from "./margins.ts";
import { gridOf, type Network } from "./network.ts";
import { planRead } from "./read-plan.ts";
import { type ConstantKeys, shareConstants } from "./shared-constants.ts";
import { storedWeightBytes } from "./step-chunks.ts";
import type { NetworkPlan, ReadPlan, StepPlan, WritePlan } from "./step-plan.ts";
import { type ContractionRoles, chunkCapacityBytes, contractionRoles, tileCapacity } from "./tiling.ts";
import { type ContractionTile, contractionTiles } from "./weights.ts";

/** Where the operands and results of a step lie, and what that follows from. */
interface KnownPlaces {
  readonly network: Network;
  /** By read: where its value lies. */
  readonly homes: readonly (WritePlan | undefined)[];
  /** The margins of what is written, the results in which parts are made, the step beside. */
  readonly around: string;
  readonly reads: readonly ReadPlan[];
  readonly writes: readonly WritePlan[];
}

/** How a contraction's weights are stored and a step's nodes computed, and what that follows from. */
interface KnownWork extends Pick<StepPlan, "weights" | "chain" | "sharesCores"> {
  readonly step: MappedStep;
}

/** What is known of a layer on the same cores with the same parts. */
interface KnownLaying {
  readonly laid: LaidStep;
  readonly roles: ContractionRoles | null;
  readonly places: KnownPlaces[];
  readonly works: KnownWork[];
  /** By elements of the largest tile. */
  readonly chains: Map<number, ChainPlan>;
}

/** What was planned before for the same layouts and target: most of a mapping is as in the one before. */
export interface PlanMemory {
  readonly known: Map<Layer, KnownLaying[]>;
  readonly layings: LayingMemory;
  readonly margins: MarginMemory;
  /** By the parts that cores own, then by their margin: where their buffers begin. */
  readonly origins: Map<object, Map<string, readonly (readonly number[])[]>>;
  readonly constants: ConstantKeys;
}

/** Where nothing was planned before. */
export function planMemory(): PlanMemory {
  return { known: new Map(), layings: layingMemory(), margins: new Map(), origins: new Map(), constants: new Map() };
}

/**
 * Works out the decisions of a mapping: boxes that each core computes, needs and owns, layouts, tiles and the bytes of
 * every buffer. What stands in `memory` is taken from there. Throws B403 when a step does not belong to the network.
 */
export function planNetwork(
  network: Network,
  steps: readonly MappedStep[],
  layouts: readonly ValueLayout[],
  target: ChipTarget,
  memory: PlanMemory = planMemory(),
): NetworkPlan {
  if (steps.length !== network.layers.length) {
    throw problem("B403", `The mapping has ${steps.length} steps, the network has ${network.layers.length} layers.`);
  }
  const orders: Orders = new Map(layouts.map((layout) => [layout.value, layout.order]));
  const homes = new Map<string, WritePlan>();
  const known = steps.map((step, index) => {
    const layer = at(network.layers, index);
    if (step.name !== layer.name) {
      throw problem("B403", `Step ${index} is named "${step.name}", the layer is "${layer.name}".`, {
        layer: layer.name,
      });
    }
    return knownLaying(step, layer, gridOf(target), memory);
  });
  const laid = known.map((each) => each.laid);
  const margins = marginsOf(network, laid, memory.margins);
  const lodgings = takenLodgings(network, laid);
  const sharing = sharingSteps(steps);
  const plans = steps.map((step, index): StepPlan => {
    const laying = at(known, index);
    const { layer, geometry, parts } = laying.laid;
    const joints = layer.writes.map(({ value }): Joint | null => {
      const lodging = lodgings.get(value);
      if (lodging === undefined) return null;
      const joint = at(laid, lodging.layer);
      return { lodging, write: writePlan(joint, 0, margins, orders, memory), step: at(steps, lodging.layer) };
    });
    const { reads, writes } = placesOf(index, step, laying, network, homes, margins, joints, orders, memory);
    for (const write of writes) homes.set(write.write.value, write);
    const { weights, chain, sharesCores } = workOf(step, laying, reads, sharing.has(step.name), target);
    const { roles } = laying;
    return { index, step, layer, geometry, ...parts, reads, writes, roles, weights, chain, sharesCores };
  });
  const shared = shareConstants(plans, memory.constants);
  return { network, target, steps: shared, homes, buffers: bufferNeeds(network, shared) };
}

/** By value: the order of its axes in memory. */
type Orders = ReadonlyMap<string, readonly number[]>;

function knownLaying(step: MappedStep, layer: Layer, grid: Grid, { known, layings }: PlanMemory): KnownLaying {
  const before = known.get(layer) ?? [];
  known.set(layer, before);
  const same = before.find(({ laid }) => isLaidSo(laid, step));
  if (same !== undefined) return same;
  const roles = layer.kind === "contraction" ? contractionRoles(layer) : null;
  const made = { laid: layStep(step, layer, grid, layings), roles, places: [], works: [], chains: new Map() };
  before.push(made);
  return made;
}

/** Whether a step divides its layer so, from the same corner on. */
function isLaidSo({ geometry }: LaidStep, { split, corner = firstCore }: MappedStep): boolean {
  return (
    geometry.corner.row === corner.row &&
    geometry.corner.column === corner.column &&
    areSameParts(geometry.split.rows, split.rows) &&
    areSameParts(geometry.split.columns, split.columns)
  );
}

function areSameParts(left: readonly SplitPart[], right: readonly SplitPart[]): boolean {
  return (
    left === right ||
    (left.length === right.length &&
      left.every(({ dimension, parts }, index) => {
        const other = at(right, index);
        return dimension === other.dimension && parts === other.parts;
      }))
  );
}

function placesOf(
  index: number,
  step: MappedStep,
  { laid, places }: KnownLaying,
  network: Network,
  homes: ReadonlyMap<string, WritePlan>,
  margins: ReadonlyMap<string, Margin>,
  joints: readonly (Joint | null)[],
  orders: Orders,
  memory: PlanMemory,
): Pick<StepPlan, "reads" | "writes"> {
  const { layer } = laid;
  const readHomes = layer.reads.map((read) => homes.get(read.value));
  const around = JSON.stringify([
    layer.writes.map(({ value }) => margins.get(value) ?? null),
    joints.map((joint) => joint && [joint.step.split, joint.step.corner, margins.get(joint.write.buffer) ?? null]),
    step.beside ?? null,
  ]);
  const same = places.find(
    (each) =>
      each.network === network && each.around === around && each.homes.every((home, read) => home === readHomes[read]),
  );
  if (same !== undefined) return same;
  const writes = layer.writes.map((_, position) => {
    const own = writePlan(laid, position, margins, orders, memory);
    const joint = joints[position] ?? null;
    return joint === null ? own : lodged(own, joint);
  });
  const reads = readPlans(laid, homes, orders);
  const placed = inPlaceWrites(index, step, layer, network, homes, reads, writes);
  const made: KnownPlaces = { network, homes: readHomes, around, reads, writes: placed };
  places.push(made);
  return made;
}

/** How a layer gets what it reads; values that are read alike are brought once. */
function readPlans(laid: LaidStep, homes: ReadonlyMap<string, WritePlan>, orders: Orders): ReadPlan[] {
  const orderOf = (value: string, type: TensorType): readonly number[] =>
    orders.get(value) ?? naturalOrder(type.shape.length);
  const seen = new Map<string, ReadPlan>();
  return laid.layer.reads.map((read, position): ReadPlan => {
    const key = `${read.value} ${JSON.stringify(read.access)}`;
    const known = seen.get(key);
    if (known !== undefined && known.mode !== "weights") return { ...known, read };
    const isAlone = ![...seen.values()].some(
      ({ read: other, mode }) => mode === "around" && other.value === read.value,
    );
    const plan = planRead(read, laid, laid.touched[position] ?? null, isAlone, homes, orderOf);
    seen.set(key, plan);
    return plan;
  });
}

function workOf(
  step: MappedStep,
  { laid: { layer, geometry }, roles, works, chains }: KnownLaying,
  reads: readonly ReadPlan[],
  sharesCores: boolean,
  target: ChipTarget,
): KnownWork {
  const same = works.find((each) => each.step === step && each.sharesCores === sharesCores);
  if (same !== undefined) return same;
  const read = reads.find(({ mode }) => mode === "weights")?.read;
  const group = read === undefined || roles === null ? null : storageGroup(geometry, roles, step.weights);
  const pieces = group === null ? 1 : coreCount(group);
  const tiles = roles === null ? null : largestTiles(geometry, roles, step, pieces, sharesCores, target);
  const elements = tileElements(layer, geometry, tiles, target);
  const chain = chains.get(elements) ?? planChain(layer, geometry, roles, elements, target);
  chains.set(elements, chain);
  const weights =
    read === undefined || group === null
      ? null
      : {
          read,
          buffer: `${step.name}/weights`,
          group,
          bytes: storedWeightBytes(tiles ?? [], read.type.element, pieces),
        };
  const made: KnownWork = { step, sharesCores, weights, chain };
  works.push(made);
  return made;
}

/** The result of a movement in which a part is made, and the movement's step. */
interface Joint {
  readonly lodging: Lodging;
  readonly write: WritePlan;
  readonly step: MappedStep;
}

/** The lodgings of values whose parts lie alike in their movement's result, which lodges nowhere itself. */
function takenLodgings(network: Network, steps: readonly LaidStep[]): Map<string, Lodging> {
  const possible = lodgingsOf(network);
  const taken = new Map<string, Lodging>();
  for (const [value, lodging] of possible) {
    const maker = at(steps, network.producer.get(value) ?? 0);
    const position = maker.layer.writes.findIndex((write) => write.value === value);
    const { type } = at(maker.layer.writes, position);
    if (isMadeInPlace(lodging, type.shape, at(maker.owned, position), at(steps, lodging.layer))) {
      taken.set(value, lodging);
    }
  }
  return taken;
}

/** A result in its own buffer, with its margin around it. */
function writePlan(
  { layer, geometry, owned }: LaidStep,
  position: number,
  margins: ReadonlyMap<string, Margin>,
  orders: Orders,
  memory: PlanMemory,
): WritePlan {
  const write = at(layer.writes, position);
  const margin = margins.get(write.value) ?? null;
  const extents = footprint(write.access, largestBox(geometry)).map(
    ({ start, end }, axis) => end - start + (margin?.before[axis] ?? 0) + (margin?.behind[axis] ?? 0),
  );
  const order = orders.get(write.value) ?? naturalOrder(write.type.shape.length);
  const layout = denseLayout(order, extents, elementBytes(write.type.element));
  const boxes = at(owned, position);
  const known = memory.origins.get(boxes) ?? new Map<string, readonly (readonly number[])[]>();
  memory.origins.set(boxes, known);
  const room = margin?.before.join() ?? "";
  const origins =
    known.get(room) ??
    forEachBox(boxes, (box) => box.map(({ start }, axis) => start - (margin?.before[axis] ?? 0)), []);
  known.set(room, origins);
  return { write, buffer: `${write.value}`, spread: { boxes, origins, layout } };
}

/** A result as a part of another value's buffer. */
function lodged({ write, spread: { boxes } }: WritePlan, { lodging: { base }, write: joint }: Joint): WritePlan {
  const origins = joint.spread.origins.map((origin, core) =>
    boxes[core] === null ? [] : origin.map((start, axis) => start - at(base, axis)),
  );
  return { write, buffer: joint.buffer, spread: { boxes, origins, layout: joint.spread.layout } };
}

/** Elements of the largest tile of results that a core works on at a time, of a contraction those of its tiles. */
function tileElements(
  { dimensions }: Layer,
  geometry: Geometry,
  tiles: readonly ContractionTile[] | null,
  target: ChipTarget,
): number {
  if (tiles !== null) return Math.max(...tiles.map(tileSize));
  const parallel = dimensions
    .map((dimension, index) => (dimension.kind === "parallel" ? (geometry.chunks[index] as number) : 1))
    .reduce((left, right) => left * right, 1);
  return Math.min(parallel, vectorTileElements(target));
}

/** Elements that a vector layer computes at a time: what the partial-sum buffer would hold. */
export function vectorTileElements(target: ChipTarget): number {
  return Math.floor(target.core.partialBufferBytes / 4);
}

/** The tiles of the core that has the most. */
function largestTiles(
  geometry: Geometry,
  roles: ContractionRoles,
  step: MappedStep,
  pieces: number,
  sharesCores: boolean,
  target: ChipTarget,
): readonly ContractionTile[] {
  const box = largestBox(geometry);
  const capacity = tileCapacity(geometry, target, sharesCores);
  return contractionTiles(box, box, roles, step, capacity, chunkCapacityBytes(target, pieces), roles.elements.weights);
}

function tileSize(tile: ContractionTile): number {
  return boxCount(tile.groups) * boxCount(tile.rows) * boxCount(tile.columns);
}
