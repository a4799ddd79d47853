import { problem } from "../base/errors.ts";
import { at, roundUp } from "../base/math.ts";
import { type Box, boxCount, footprint } from "../ir/iteration.ts";
import type { MappedStep, ValueLayout } from "../ir/mapping.ts";
import { type ElementType, elementBytes, type TensorType } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { planChain } from "./chain.ts";
import { concurrency, sharingSteps } from "./concurrency.ts";
import { forEachBox, isInside } from "./core-boxes.ts";
import { storageGroup } from "./core-group.ts";
import { type Geometry, largestBox } from "./geometry.ts";
import { inPlaceWrites } from "./in-place.ts";
import { type LaidStep, layStep } from "./laid-step.ts";
import type { Layer, LayerRead } from "./layers.ts";
import { boxStart, denseLayout, naturalOrder } from "./local-layout.ts";
import { isMadeInPlace, type Lodging, lodgingsOf } from "./lodgings.ts";
import { type Margin, marginsOf } from "./margins.ts";
import { gridOf, type Network } from "./network.ts";
import { shareConstants } from "./shared-constants.ts";
import { piecesOf, stepChunks, storedBytes } from "./step-chunks.ts";
import type { BufferNeed, NetworkPlan, ReadPlan, StepPlan, WritePlan } from "./step-plan.ts";
import { anchorElements, type ContractionRoles, chunkCapacityBytes, contractionRoles, tileCapacity } from "./tiling.ts";
import type { Spread } from "./transfers.ts";
import { type ContractionTile, contractionTiles } from "./weights.ts";

/** What is known of a step for the same layouts and target: how it lies on the grid, and its plans. */
interface KnownStep {
  readonly laid: LaidStep;
  /** With the network, where the values lay that the step reads, and the margins of those that it writes. */
  readonly plans: {
    readonly network: Network;
    readonly homes: readonly (WritePlan | undefined)[];
    readonly margins: string;
    readonly plan: StepPlan;
  }[];
}

/** Steps that were planned before. */
export type PlanMemory = Map<MappedStep, KnownStep>;

/**
 * Works out the decisions of a mapping: boxes that each core computes, needs and owns, layouts, tiles and the bytes of
 * every buffer. Steps that stand in `memory` with the same operands are taken from there. Throws B403 when a step does not
 * belong to the network.
 */
export function planNetwork(
  network: Network,
  steps: readonly MappedStep[],
  layouts: readonly ValueLayout[],
  target: ChipTarget,
  memory: PlanMemory = new Map(),
): NetworkPlan {
  if (steps.length !== network.layers.length) {
    throw problem("B403", `The mapping has ${steps.length} steps, the network has ${network.layers.length} layers.`);
  }
  const orders = new Map(layouts.map((layout) => [layout.value, layout.order]));
  const homes = new Map<string, WritePlan>();
  const known = steps.map((step, index) => {
    const layer = at(network.layers, index);
    if (step.name !== layer.name) {
      throw problem("B403", `Step ${index} is named "${step.name}", the layer is "${layer.name}".`, {
        layer: layer.name,
      });
    }
    const found = memory.get(step) ?? { laid: layStep(step, layer, gridOf(target)), plans: [] };
    memory.set(step, found);
    return found;
  });
  const margins = marginsOf(
    network,
    known.map(({ laid }) => laid),
  );
  const lodgings = takenLodgings(network, known);
  const sharing = sharingSteps(steps);
  const plans = steps.map((step, index) => {
    const { laid, plans: before } = at(known, index);
    const readHomes = laid.layer.reads.map((read) => homes.get(read.value));
    const joints = laid.layer.writes.map(({ value }): Joint | null => {
      const lodging = lodgings.get(value);
      if (lodging === undefined) return null;
      const joint = at(known, lodging.layer).laid;
      return { lodging, write: writePlan(joint, 0, margins, orders), step: at(steps, lodging.layer) };
    });
    const around = JSON.stringify([
      laid.layer.writes.map(({ value }) => margins.get(value) ?? null),
      joints.map((joint) => joint && [joint.step.split, joint.step.corner, margins.get(joint.write.buffer) ?? null]),
      sharing.has(step.name),
    ]);
    const same = before.find(
      (each) =>
        each.network === network &&
        each.margins === around &&
        each.homes.every((home, read) => home === readHomes[read]),
    );
    const plan =
      same?.plan ??
      planStep(index, step, sharing.has(step.name), laid, network, homes, margins, joints, orders, target);
    if (same === undefined) before.push({ network, homes: readHomes, margins: around, plan });
    for (const write of plan.writes) homes.set(write.write.value, write);
    return plan;
  });
  const shared = shareConstants(plans);
  return { network, target, steps: shared, homes, buffers: bufferNeeds(network, shared, target) };
}

function planStep(
  index: number,
  step: MappedStep,
  sharesCores: boolean,
  laid: LaidStep,
  network: Network,
  homes: ReadonlyMap<string, WritePlan>,
  margins: ReadonlyMap<string, Margin>,
  joints: readonly (Joint | null)[],
  orders: ReadonlyMap<string, readonly number[]>,
  target: ChipTarget,
): StepPlan {
  const { layer, geometry } = laid;
  const { boxes, active, owns } = laid.parts;
  const roles = layer.kind === "contraction" ? contractionRoles(layer) : null;
  const orderOf = (value: string, type: TensorType): readonly number[] =>
    orders.get(value) ?? naturalOrder(type.shape.length);

  const writes = layer.writes.map((_, position) => {
    const own = writePlan(laid, position, margins, orders);
    const joint = joints[position] ?? null;
    return joint === null ? own : lodged(own, joint);
  });

  const anchor = layer.nodes[0]?.name ?? null;
  const seen = new Map<string, ReadPlan>();
  const reads = layer.reads.map((read, position): ReadPlan => {
    const key = `${read.value} ${JSON.stringify(read.access)}`;
    const known = seen.get(key);
    if (known !== undefined && known.mode !== "weights") return { ...known, read };
    const isAlone = ![...seen.values()].some(
      ({ read: other, mode }) => mode === "around" && other.value === read.value,
    );
    const plan = planRead(read, anchor, step, laid, laid.touched[position] ?? null, isAlone, homes, orderOf);
    seen.set(key, plan);
    return plan;
  });
  const weightsRead = reads.find((read) => read.mode === "weights");
  const weights: StepPlan["weights"] =
    weightsRead === undefined || roles === null
      ? null
      : {
          read: weightsRead.read,
          buffer: `${step.name}/weights`,
          group: storageGroup(geometry, roles, step.weights),
        };
  const chain = planChain(
    layer,
    geometry,
    roles,
    tileElements(layer, step, geometry, roles, piecesOf({ weights }), sharesCores, target),
    target,
  );
  const placed = inPlaceWrites(index, step, layer, network, homes, reads, writes);
  return {
    index,
    step,
    layer,
    geometry,
    boxes,
    active,
    owns,
    reads,
    writes: placed,
    roles,
    weights,
    chain,
    sharesCores,
  };
}

/** The result of a movement in which a part is made, and the movement's step. */
interface Joint {
  readonly lodging: Lodging;
  readonly write: WritePlan;
  readonly step: MappedStep;
}

/** The lodgings of values whose parts lie alike in their movement's result, which lodges nowhere itself. */
function takenLodgings(network: Network, steps: readonly KnownStep[]): Map<string, Lodging> {
  const possible = lodgingsOf(network);
  const taken = new Map<string, Lodging>();
  for (const [value, lodging] of possible) {
    const { laid } = at(steps, network.producer.get(value) ?? 0);
    const position = laid.layer.writes.findIndex((write) => write.value === value);
    const { type } = at(laid.layer.writes, position);
    if (isMadeInPlace(lodging, type.shape, at(laid.owned, position), at(steps, lodging.layer).laid)) {
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
  orders: ReadonlyMap<string, readonly number[]>,
): WritePlan {
  const write = at(layer.writes, position);
  const margin = margins.get(write.value) ?? null;
  const extents = footprint(write.access, largestBox(geometry)).map(
    ({ start, end }, axis) => end - start + (margin?.before[axis] ?? 0) + (margin?.behind[axis] ?? 0),
  );
  const order = orders.get(write.value) ?? naturalOrder(write.type.shape.length);
  const layout = denseLayout(order, extents, elementBytes(write.type.element));
  const boxes = at(owned, position);
  const origins = forEachBox(boxes, (box) => box.map(({ start }, axis) => start - (margin?.before[axis] ?? 0)), []);
  return { write, buffer: `${write.value}`, spread: { boxes, origins, layout } };
}

/** A result as a part of another value's buffer. */
function lodged({ write, spread: { boxes } }: WritePlan, { lodging: { base }, write: joint }: Joint): WritePlan {
  const origins = joint.spread.origins.map((origin, core) =>
    boxes[core] === null ? [] : origin.map((start, axis) => start - at(base, axis)),
  );
  return { write, buffer: joint.buffer, spread: { boxes, origins, layout: joint.spread.layout } };
}

function planRead(
  read: LayerRead,
  anchor: string | null,
  step: MappedStep,
  { layer, geometry, parts: { boxes: iterationBoxes, active } }: LaidStep,
  touched: readonly (Box | null)[] | null,
  mayWiden: boolean,
  homes: ReadonlyMap<string, WritePlan>,
  orderOf: (value: string, type: TensorType) => readonly number[],
): ReadPlan {
  const shape = read.type.shape;
  const rank = shape.length;
  const width = elementBytes(read.type.element);
  if (read.access === null && read.constant) {
    const layout = denseLayout(naturalOrder(rank), shape, width);
    const whole = iterationBoxes.map((_, core) =>
      active[core] ? shape.map((size) => ({ start: 0, end: size })) : null,
    );
    const buffer = `${step.name}/constant ${read.node}.${read.operand}`;
    const origins = whole.map((box) => (box === null ? [] : boxStart(box)));
    return { read, mode: "constant", buffer, layout, boxes: whole, origins, padded: false };
  }
  if (read.access === null || touched === null) {
    const none = iterationBoxes.map(() => null);
    const layout = denseLayout(naturalOrder(rank), shape, width);
    const isThere = layer.movement !== null && homes.get(read.value)?.buffer === layer.writes[0]?.value;
    return {
      read,
      mode: isThere ? "in-place" : "pieces",
      buffer: read.value,
      layout,
      boxes: none,
      origins: none.map(() => []),
      padded: false,
    };
  }
  const access = read.access;
  const isWeights = layer.kind === "contraction" && read.node === anchor && read.operand === 1;
  const clip = (box: Box): Box =>
    box.map((range, axis) => ({ start: Math.max(0, range.start), end: Math.min(shape[axis] as number, range.end) }));
  const clipped = forEachBox(touched, clip, null);
  const leaves = (box: Box): boolean =>
    box.some((range, axis) => range.start < 0 || range.end > (shape[axis] as number));
  const padded = forEachBox(touched, leaves, false).includes(true);
  const extents = footprint(access, largestBox(geometry)).map((range) => range.end - range.start);
  const origins = forEachBox(touched, boxStart, []);
  if (read.constant) {
    const layout = denseLayout(naturalOrder(rank), extents, width);
    const mode = isWeights ? "weights" : "constant";
    return {
      read,
      mode,
      buffer: `${step.name}/constant ${read.node}.${read.operand}`,
      layout,
      boxes: clipped,
      origins,
      padded,
    };
  }
  const home = homes.get(read.value);
  if (home === undefined) throw problem("B403", `No earlier step makes "${read.value}".`, { layer: layer.name });
  const { spread } = home;
  const local = clipped.every((box, core) => box === null || isInside(box, spread.boxes[core] ?? null));
  const inPlace = local && !padded;
  if (inPlace || (mayWiden && touched.every((box, core) => box === null || hasRoom(spread, core, box)))) {
    return {
      read,
      mode: inPlace ? "in-place" : "around",
      buffer: home.buffer,
      layout: spread.layout,
      boxes: clipped,
      origins: spread.origins,
      padded,
    };
  }
  const layout = denseLayout(orderOf(read.value, read.type), extents, width);
  const buffer = `${step.name}/operand ${read.node}.${read.operand}`;
  return { read, mode: "copied", buffer, layout, boxes: clipped, origins, padded };
}

/** Whether a box fits into the buffer in which a core owns a part of the value. */
function hasRoom({ boxes, origins, layout }: Spread, core: number, wanted: Box): boolean {
  if ((boxes[core] ?? null) === null) return false;
  return wanted.every(({ start, end }, axis) => {
    const origin = origins[core]?.[axis] as number;
    return start >= origin && end <= origin + (layout.extents[axis] as number);
  });
}

/** Elements of the largest tile of results that a core works on at a time. */
function tileElements(
  layer: Layer,
  step: MappedStep,
  geometry: Geometry,
  roles: ContractionRoles | null,
  pieces: number,
  sharesCores: boolean,
  target: ChipTarget,
): number {
  if (roles !== null && step.tile !== null) {
    const capacity = tileCapacity(geometry, target, sharesCores);
    const tiles = largestTiles(geometry, roles, step, pieces, capacity, target, anchorElements(layer).weights);
    return Math.min(capacity, Math.max(...tiles.map(tileSize)));
  }
  const parallel = layer.dimensions
    .map((dimension, index) => (dimension.kind === "parallel" ? (geometry.chunks[index] as number) : 1))
    .reduce((left, right) => left * right, 1);
  return Math.min(parallel, vectorTileElements(target));
}

/** Elements that a vector layer computes at a time: what the partial-sum buffer would hold. */
export function vectorTileElements(target: ChipTarget): number {
  return Math.floor(target.core.partialBufferBytes / 4);
}

function largestTiles(
  geometry: Geometry,
  roles: ContractionRoles,
  step: MappedStep,
  pieces: number,
  capacity: number,
  target: ChipTarget,
  weightElement: ElementType,
): readonly ContractionTile[] {
  return contractionTiles(
    largestBox(geometry),
    largestBox(geometry),
    roles,
    step,
    capacity,
    chunkCapacityBytes(target, pieces),
    weightElement,
  );
}

function tileSize(tile: ContractionTile): number {
  return boxCount(tile.groups) * boxCount(tile.rows) * boxCount(tile.columns);
}

function bufferNeeds(network: Network, plans: readonly StepPlan[], target: ChipTarget): BufferNeed[] {
  const last = plans.length - 1;
  const { begins, ends } = concurrency(plans.map(({ step }) => step));
  const nexts = new Set(network.ties.map(({ next }) => next));
  const needs: BufferNeed[] = [];
  /** Constant buffers, which steps may share. */
  const stored = new Set<string>();
  const isNew = (buffer: string): boolean => {
    const found = stored.has(buffer);
    stored.add(buffer);
    return !found;
  };
  for (const plan of plans) {
    const { step, index } = plan;
    const [begin, end] = [at(begins, index), at(ends, index)];
    for (const write of plan.writes) {
      if (nexts.has(index)) continue;
      const readers = (network.readers.get(write.write.value) ?? []).map((reader) => at(ends, reader));
      const stays = plan.layer.kind === "state";
      const taken = needs.findIndex((need) => need.name === write.buffer);
      if (taken >= 0) {
        needs[taken] = { ...(needs[taken] as BufferNeed), lastStep: Math.max(end, ...readers) };
        continue;
      }
      needs.push({
        name: write.buffer,
        role: "value",
        step: step.name,
        value: write.buffer,
        element: write.write.type.element,
        bytes: write.spread.layout.bytes,
        firstStep: stays ? 0 : begin,
        lastStep: stays ? last : Math.max(end, ...readers),
      });
    }
    const names = new Set<string>();
    for (const read of plan.reads) {
      if ((read.mode !== "copied" && read.mode !== "constant") || names.has(read.buffer)) continue;
      names.add(read.buffer);
      const copied = read.mode === "copied";
      if (!copied && !isNew(read.buffer)) continue;
      needs.push({
        name: read.buffer,
        role: copied ? "operand" : "constant",
        step: step.name,
        value: read.read.value,
        element: read.read.type.element,
        bytes: read.layout.bytes,
        firstStep: copied ? begin : 0,
        lastStep: copied ? end : last,
      });
    }
    if (plan.weights !== null && isNew(plan.weights.buffer)) {
      const chunks = stepChunks(plan, largestBox(plan.geometry), target);
      const pieces = piecesOf(plan);
      needs.push({
        name: plan.weights.buffer,
        role: "weights",
        step: step.name,
        value: plan.weights.read.value,
        element: plan.weights.read.type.element,
        bytes: chunks.reduce((bytes, chunk) => bytes + storedBytes(chunk, pieces), 0),
        firstStep: 0,
        lastStep: last,
      });
    }
    for (const table of plan.chain.tables) {
      if (!isNew(table.buffer)) continue;
      needs.push({
        name: table.buffer,
        role: "constant",
        step: step.name,
        value: null,
        element: null,
        bytes: table.bytes,
        firstStep: 0,
        lastStep: last,
      });
    }
    plan.chain.slotBytes.forEach((bytes, slot) => {
      needs.push({
        name: `${step.name}/scratch ${slot}`,
        role: "scratch",
        step: step.name,
        value: null,
        element: null,
        bytes,
        firstStep: begin,
        lastStep: end,
      });
    });
  }
  return needs.map((need) => ({ ...need, bytes: roundUp(need.bytes, 4) }));
}
