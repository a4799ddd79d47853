import { internalError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { SimpleInstruction } from "../../ir/instruction.ts";
import { type Box, footprint, type Range, wholeBox } from "../../ir/iteration.ts";
import { paddingNumber } from "../../ir/ops/pooling.ts";
import { elementBytes, type TensorType } from "../../ir/type.ts";
import { boxStart, denseLayout, type LocalLayout, localOffset, naturalOrder } from "../local-layout.ts";
import { type AxisPiece, axisPieces, identityPiece, touchedRanges } from "../pieces.ts";
import type { ReadPlan, StepPlan } from "../step-plan.ts";
import type { Copy, Spread } from "../transfers.ts";
import { addressOf, type EmitContext } from "./chain.ts";
import { type CopyBatch, copyViews } from "./copy-batch.ts";
import { type Packet, packetsOf } from "./packets.ts";
import { mergeNest, rangeSize } from "./views.ts";

/** The copies and fills of a step, sorted by the core that does them. */
export interface StepMovement {
  /** By core: packets that it sends. */
  readonly sends: readonly (readonly SimpleInstruction[])[];
  /** By row: packets that the io core of the row sends from the framebuffer. */
  readonly frameSends: readonly (readonly SimpleInstruction[])[];
  /** By core: local copies and fills. */
  readonly gathers: readonly (readonly SimpleInstruction[])[];
  /** By core: packets that arrive. */
  readonly arrivals: readonly number[];
  /** By row: packets that arrive at the io core of the row. */
  readonly frameArrivals: readonly number[];
}

/** What a step that moves a tensor between framebuffer and cores is told. */
export interface FrameFacts {
  readonly frameAddress: number;
  /** The token that packets raise at their arrival. */
  readonly arrivalToken: number;
  /** Whether the cores' packets leave while the next batch is computed: from a thread of their own, which no step waits for. */
  readonly isBehind: boolean;
  /** The columns of the grid whose cores send what they hold of an output. */
  readonly columns: Range;
}

/** Works out everything that moves in a step: operands that are not where they are needed, and what movement layers make. */
export function stepMovement(context: EmitContext, plan: StepPlan, frame: FrameFacts): StepMovement {
  const { rows, columns } = plan.geometry.grid;
  const lists = (count: number): SimpleInstruction[][] => Array.from({ length: count }, () => []);
  const sends = lists(rows * columns);
  const frameSends = lists(rows);
  const gathers = lists(rows * columns);
  const arrivals = new Array<number>(rows * columns).fill(0);
  const frameArrivals = new Array<number>(rows).fill(0);
  emitFills(context, plan, gathers);
  for (const batch of copyBatches(context, plan, frame.frameAddress)) {
    const onChip = batch.sourceSpace === "memory" && batch.destinationSpace === "memory";
    for (const copy of batch.copies) {
      if (onChip && copy.source === copy.destination) at(gathers, copy.source).push(gatherOf(copy, batch));
    }
    for (const packet of packetsOf(batch, context.transfers, rows, columns, frame.arrivalToken)) {
      if (packet.toFrameRow !== null && !sendsFrom(packet, frame.columns, columns)) continue;
      record(packet, sends, frameSends, arrivals, frameArrivals);
    }
  }
  return { sends, frameSends, gathers, arrivals, frameArrivals };
}

/** Whether the core that sends a packet stands in some columns of the grid. */
function sendsFrom({ from }: Packet, { start, end }: Range, columns: number): boolean {
  if (from.kind === "frame") return false;
  const column = from.core % columns;
  return start <= column && column < end;
}

function record(
  packet: Packet,
  sends: SimpleInstruction[][],
  frameSends: SimpleInstruction[][],
  arrivals: number[],
  frameArrivals: number[],
): void {
  (packet.from.kind === "core" ? at(sends, packet.from.core) : at(frameSends, packet.from.row)).push(
    packet.instruction,
  );
  for (const core of packet.toCores) arrivals[core] = at(arrivals, core) + 1;
  if (packet.toFrameRow !== null) frameArrivals[packet.toFrameRow] = at(frameArrivals, packet.toFrameRow) + 1;
}

/** A copy within a core's memory. */
function gatherOf(copy: Copy, batch: CopyBatch): SimpleInstruction {
  const { counts, source, destination } = copyViews(copy, batch);
  return { kind: "gather", counts, elementBytes: batch.elementBytes, source, destination };
}

function copyBatches(context: EmitContext, plan: StepPlan, frameAddress: number): CopyBatch[] {
  const { layer } = plan;
  const batches: CopyBatch[] = [];
  const onChip = { sourceSpace: "memory", destinationSpace: "memory" } as const;
  if (layer.kind === "input") {
    const write = at(plan.writes, 0);
    const type = write.write.type;
    batches.push({
      copies: context.transfers.copies([identityPiece(type.shape)], frameSpread(type), write.spread),
      elementBytes: elementBytes(type.element),
      sourceSpace: "frame",
      sourceAddress: frameAddress,
      destinationSpace: "memory",
      destinationAddress: addressOf(context, write.buffer),
    });
    return batches;
  }
  if (layer.kind === "output") {
    const read = at(plan.reads, 0).read;
    const home = homeOf(context, plan, read.value);
    batches.push({
      copies: context.transfers.copies([identityPiece(read.type.shape)], home.spread, frameSpread(read.type)),
      elementBytes: elementBytes(read.type.element),
      sourceSpace: "memory",
      sourceAddress: addressOf(context, home.buffer),
      destinationSpace: "frame",
      destinationAddress: frameAddress,
    });
    return batches;
  }
  if (layer.movement !== null) {
    const write = at(plan.writes, 0);
    const destinationAddress = addressOf(context, write.buffer);
    plan.reads.forEach((read) => {
      // Made where it is to be.
      if (read.mode === "in-place") return;
      const pieces = axisPiecesOf(plan, read);
      const bytes = elementBytes(read.read.type.element);
      if (read.mode === "constant") {
        const spread: Spread = { boxes: read.boxes, origins: read.origins, layout: read.layout };
        const copies = context.transfers
          .copies(pieces, spread, write.spread)
          .filter((copy) => copy.source === copy.destination);
        batches.push({
          copies,
          elementBytes: bytes,
          ...onChip,
          sourceAddress: addressOf(context, read.buffer),
          destinationAddress,
        });
        return;
      }
      const home = homeOf(context, plan, read.read.value);
      const copies = context.transfers.copies(pieces, home.spread, write.spread);
      batches.push({
        copies,
        elementBytes: bytes,
        ...onChip,
        sourceAddress: addressOf(context, home.buffer),
        destinationAddress,
      });
    });
    return batches;
  }
  const done = new Set<string>();
  for (const read of plan.reads) {
    if (!isBrought(read) || done.has(readKey(read))) continue;
    done.add(readKey(read));
    const home = homeOf(context, plan, read.read.value);
    const wanted: Spread = { boxes: read.boxes, origins: read.origins, layout: read.layout };
    const copies = context.transfers.copies([identityPiece(read.read.type.shape)], home.spread, wanted);
    batches.push({
      copies: read.mode === "around" ? copies.filter(({ source, destination }) => source !== destination) : copies,
      elementBytes: elementBytes(read.read.type.element),
      ...onChip,
      sourceAddress: addressOf(context, home.buffer),
      destinationAddress: addressOf(context, read.buffer),
    });
  }
  return batches;
}

/** Whether elements of a read are brought before the layer computes. */
function isBrought({ mode }: ReadPlan): boolean {
  return mode === "copied" || mode === "around";
}

/** Equal for reads of a layer that are brought once for all of them. */
function readKey({ buffer, read }: ReadPlan): string {
  return `${buffer} ${JSON.stringify(read.access)}`;
}

function homeOf(context: EmitContext, plan: StepPlan, value: string) {
  const home = context.plan.homes.get(value);
  if (home === undefined) throw internalError(`"${value}" has no home`, { layer: plan.layer.name });
  return home;
}

/** The framebuffer as the holder of a whole tensor, row-major. */
function frameSpread(type: TensorType): Spread {
  const layout = denseLayout(naturalOrder(type.shape.length), type.shape, elementBytes(type.element));
  return { boxes: [wholeBox(type.shape)], origins: [type.shape.map(() => 0)], layout };
}

function axisPiecesOf(plan: StepPlan, read: ReadPlan): AxisPiece[] {
  const anchor = at(plan.layer.nodes, 0);
  return (plan.layer.movement?.pieces ?? [])
    .filter((piece) => piece.operand === read.read.operand)
    .flatMap((piece) => axisPieces(piece, read.read.type.shape, anchor.type.shape));
}

/** The stored number of padding: the zero point for contractions, what changes nothing for pools. */
function paddingOf(context: EmitContext, plan: StepPlan, type: TensorType): number {
  const anchor = at(plan.layer.nodes, 0);
  if (plan.roles !== null) return type.quantization?.zeros[0] ?? 0;
  const operands = anchor.operands.map((operand) => (operand === null ? null : (context.types.get(operand) ?? null)));
  return paddingNumber(anchor.op, { operands, attributes: anchor.attributes, type: anchor.type });
}

/** Fills what padding leaves around operands, and what the pieces of a movement leave of its result. */
function emitFills(context: EmitContext, plan: StepPlan, gathers: SimpleInstruction[][]): void {
  const { layer } = plan;
  if (layer.movement !== null) {
    const value = layer.movement.fill;
    if (value === null) return;
    const write = at(plan.writes, 0);
    const covered = plan.reads.flatMap((read) =>
      axisPiecesOf(plan, read).map((piece) =>
        touchedRanges(
          piece.destination,
          piece.counts.map((count) => ({ start: 0, end: count })),
        ),
      ),
    );
    write.spread.boxes.forEach((owned, core) => {
      if (owned === null) return;
      for (const hole of subtract(owned, covered)) {
        const { layout, origins } = write.spread;
        at(gathers, core).push(
          fillOf(hole, layout, at(origins, core), addressOf(context, write.buffer), write.write.type, value),
        );
      }
    });
    return;
  }
  const done = new Set<string>();
  for (const read of plan.reads) {
    if (!isBrought(read) || !read.padded || done.has(readKey(read)) || read.read.access === null) continue;
    done.add(readKey(read));
    const access = read.read.access;
    const value = paddingOf(context, plan, read.read.type);
    read.boxes.forEach((clipped, core) => {
      if (clipped === null) return;
      for (const hole of subtract(footprint(access, at(plan.boxes, core)), [clipped])) {
        at(gathers, core).push(
          fillOf(hole, read.layout, at(read.origins, core), addressOf(context, read.buffer), read.read.type, value),
        );
      }
    });
  }
}

function fillOf(
  hole: Box,
  layout: LocalLayout,
  origin: readonly number[],
  address: number,
  type: TensorType,
  value: number,
): SimpleInstruction {
  const byStride = hole
    .map((range, axis) => ({ count: rangeSize(range), stride: at(layout.strideBytes, axis) }))
    .sort((left, right) => right.stride - left.stride);
  const nest = mergeNest({
    counts: byStride.map(({ count }) => count),
    strides: [byStride.map(({ stride }) => stride)],
  });
  return {
    kind: "vector",
    function: "fill",
    counts: nest.counts,
    sources: [],
    destination: {
      space: "memory",
      address: address + localOffset(layout, origin, boxStart(hole)),
      strides: at(nest.strides, 0),
      element: type.element,
    },
    activation: [],
    parameters: { value },
  };
}

/** What is left of a box when others are taken out, as disjoint boxes. */
export function subtract(box: Box, holes: readonly Box[]): Box[] {
  let rest: Box[] = [box];
  for (const hole of holes) rest = rest.flatMap((part) => subtractOne(part, hole));
  return rest;
}

function subtractOne(box: Box, hole: Box): Box[] {
  const parts: Box[] = [];
  let core = box;
  for (let axis = 0; axis < box.length; axis += 1) {
    const range = at(core, axis);
    const cut = at(hole, axis);
    const start = Math.max(range.start, cut.start);
    const end = Math.min(range.end, cut.end);
    if (end <= start) return [box];
    const withRange = (part: Range): Box => core.map((value, index) => (index === axis ? part : value));
    if (range.start < start) parts.push(withRange({ start: range.start, end: start }));
    if (end < range.end) parts.push(withRange({ start: end, end: range.end }));
    core = withRange({ start, end });
  }
  return parts;
}
