import { internalError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { SimpleInstruction } from "../../ir/instruction.ts";
import { type Box, type Range, wholeBox } from "../../ir/iteration.ts";
import { paddingNumber } from "../../ir/ops/pooling.ts";
import { elementBytes, type TensorType } from "../../ir/type.ts";
import { boxStart, denseLayout, type LocalLayout, localOffset, naturalOrder } from "../local-layout.ts";
import { type AxisPiece, axisPieces, identityPiece, touchedRanges } from "../pieces.ts";
import type { ReadPlan, StepPlan } from "../step-plan.ts";
import type { Spread, Transfer } from "../transfers.ts";
import { type Bundle, bundlesOf } from "./bundles.ts";
import { addressOf, type EmitContext } from "./chain.ts";
import { type CopyBatch, copiesBetween } from "./copy-batch.ts";
import { CopyInstructions } from "./copy-instructions.ts";
import type { SequencePart } from "./sequence-index.ts";
import { type Described, described } from "./skeleton.ts";
import { mergeNest, rangeSize } from "./views.ts";

/** Everything that moves in a step: operands that are not where they are needed, and what movement layers make. */
export interface StepMovement {
  readonly batches: readonly CopyBatch[];
  readonly fills: readonly Fill[];
}

/** A number that is put where no copy reaches: around operands, or between the pieces of a movement. */
export interface Fill {
  /** By core: the box around which or in which holes are filled, null for none. */
  readonly boxes: readonly (Box | null)[];
  /** The boxes that are filled on a core that has a box: the same for the same box. */
  readonly holes: (core: number) => readonly Box[];
  readonly layout: LocalLayout;
  readonly origins: readonly (readonly number[])[];
  readonly address: number;
  readonly type: TensorType;
  readonly value: number;
  /** What the holes follow from. */
  readonly key: readonly SequencePart[];
}

/** The copies and fills of a step, sorted by the core that does them. */
export interface MoveLists {
  /** By core: packets that it sends. */
  readonly sends: readonly (readonly Described[])[];
  /** By row: packets that the io core of the row sends from the framebuffer. */
  readonly frameSends: readonly (readonly Described[])[];
  /** By core: local copies and fills. */
  readonly gathers: readonly (readonly Described[])[];
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

/** Works out everything that moves in a step. */
export function stepMovement(context: EmitContext, plan: StepPlan, frameAddress: number): StepMovement {
  return { batches: copyBatches(context, plan, frameAddress), fills: fillsOf(context, plan) };
}

/** Writes what moves in a step as instructions. */
export function moveLists(
  { plan: { target }, shapes }: EmitContext,
  { batches, fills }: StepMovement,
  frame: FrameFacts,
): MoveLists {
  const { rows, columns } = target.grid;
  const lists = (count: number): Described[][] => Array.from({ length: count }, () => []);
  const sends = lists(rows * columns);
  const frameSends = lists(rows);
  const gathers = lists(rows * columns);
  const arrivals = new Array<number>(rows * columns).fill(0);
  const frameArrivals = new Array<number>(rows).fill(0);
  for (const fill of fills) {
    // By the box and the origin that cores have in common.
    const known = new Map<Box, Map<readonly number[], Described[]>>();
    gathers.forEach((list, core) => {
      const box = fill.boxes[core] ?? null;
      if (box === null) return;
      const byOrigin = known.get(box) ?? new Map<readonly number[], Described[]>();
      known.set(box, byOrigin);
      const origin = at(fill.origins, core);
      const made =
        byOrigin.get(origin) ?? fill.holes(core).map((hole) => described(fillOf(hole, fill, origin), shapes));
      byOrigin.set(origin, made);
      list.push(...made);
    });
  }
  for (const batch of batches) {
    const instructions = new CopyInstructions(batch, frame.arrivalToken, columns, shapes);
    const transfers = batch.copies.transfers();
    if (batch.destinationSpace === "frame") {
      for (const transfer of transfers) {
        const column = transfer.source % columns;
        if (column < frame.columns.start || column >= frame.columns.end) continue;
        const row = Math.floor(transfer.source / columns);
        at(sends, transfer.source).push(instructions.frameMove(transfer, row));
        frameArrivals[row] = at(frameArrivals, row) + 1;
      }
      continue;
    }
    const fromFrame = batch.sourceSpace === "frame";
    if (!fromFrame) {
      for (let index = 0; index < transfers.length; index += 1) {
        const transfer = transfers[index] as Transfer;
        if (transfer.destinations.includes(transfer.source))
          at(gathers, transfer.source).push(instructions.gather(transfer));
      }
    }
    const bundles = bundlesOf(transfers, fromFrame, rows, columns);
    for (let index = 0; index < bundles.length; index += 1) {
      const bundle = bundles[index] as Bundle;
      const { source } = bundle.transfer;
      (fromFrame ? at(frameSends, bundle.cores.row) : at(sends, source)).push(instructions.packet(bundle));
      countArrivals(arrivals, bundle, fromFrame ? -1 : source, columns);
    }
  }
  return { sends, frameSends, gathers, arrivals, frameArrivals };
}

/** Counts the packet of a bundle at every core that gets it. */
function countArrivals(arrivals: number[], { cores }: Bundle, sender: number, columns: number): void {
  for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
    for (let core = row * columns + cores.column, end = core + cores.columns; core < end; core += 1) {
      if (core !== sender) arrivals[core] = (arrivals[core] as number) + 1;
    }
  }
}

function copyBatches(context: EmitContext, plan: StepPlan, frameAddress: number): CopyBatch[] {
  const { layer } = plan;
  const batches: CopyBatch[] = [];
  const onChip = { sourceSpace: "memory", destinationSpace: "memory" } as const;
  if (layer.kind === "input") {
    const write = at(plan.writes, 0);
    const type = write.write.type;
    batches.push({
      copies: copiesBetween([identityPiece(type.shape)], frameSpread(type), write.spread, context.keys),
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
      copies: copiesBetween([identityPiece(read.type.shape)], home.spread, frameSpread(read.type), context.keys),
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
        const copies = copiesBetween(pieces, spread, write.spread, context.keys, "within");
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
      const copies = copiesBetween(pieces, home.spread, write.spread, context.keys);
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
    const pieces = [identityPiece(read.read.type.shape)];
    batches.push({
      copies: copiesBetween(pieces, home.spread, wanted, context.keys, read.mode === "around" ? "between" : "all"),
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

/** What padding leaves around operands, and what the pieces of a movement leave of its result. */
function fillsOf(context: EmitContext, plan: StepPlan): Fill[] {
  const { layer } = plan;
  if (layer.movement !== null) {
    const value = layer.movement.fill;
    if (value === null) return [];
    const { write, buffer, spread } = at(plan.writes, 0);
    const { boxes, origins, layout } = spread;
    const covered = plan.reads.flatMap((read) =>
      axisPiecesOf(plan, read).map((piece) => touchedRanges(piece.destination, wholeBox(piece.counts))),
    );
    const holes = (core: number): Box[] => subtract(boxes[core] as Box, covered);
    const key = [boxes, JSON.stringify(covered)];
    return [{ boxes, holes, layout, origins, address: addressOf(context, buffer), type: write.type, value, key }];
  }
  const done = new Set<string>();
  return plan.reads.flatMap((read): Fill[] => {
    const { type } = read.read;
    if (!isBrought(read) || !read.padded || done.has(readKey(read))) return [];
    done.add(readKey(read));
    const { boxes, touched, layout, origins } = read;
    const holes = (core: number): Box[] => subtract(touched[core] as Box, [boxes[core] as Box]);
    const address = addressOf(context, read.buffer);
    const key = [touched, boxes];
    return [{ boxes, holes, layout, origins, address, type, value: paddingOf(context, plan, type), key }];
  });
}

function fillOf(hole: Box, { layout, address, type, value }: Fill, origin: readonly number[]): SimpleInstruction {
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
    if (start !== range.start || end !== range.end) core = withRange({ start, end });
  }
  return parts;
}
