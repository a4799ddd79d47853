import { internalError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { type Node, valueTypes } from "../../ir/graph.ts";
import type { ActivationStage, Operand, SimpleInstruction, View } from "../../ir/instruction.ts";
import type { Box } from "../../ir/iteration.ts";
import { elementBytes, type TensorType } from "../../ir/type.ts";
import { type TablePlan, tableBox } from "../chain.ts";
import type { ChainPass, ChainStage } from "../chain-pass.ts";
import { lanesOfNode } from "../lanes.ts";
import { boxStart } from "../local-layout.ts";
import type { NetworkPlan, StepPlan } from "../step-plan.ts";
import { windowAxes } from "../window-maximum.ts";
import type { MovingThreads } from "./moving-threads.ts";
import { SequenceIndex } from "./sequence-index.ts";
import { mergeNest, rangeSize, type TileDimension, type TileView, tensorView, tileView } from "./views.ts";
import { emitWindows, windowRoom } from "./window-step.ts";

/** What emission needs to know of a network: the plan and where each buffer is. */
export interface EmitContext {
  readonly plan: NetworkPlan;
  /** Address of each buffer by name. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, TensorType>;
  /** Numbers the shapes of instructions. */
  readonly shapes: SequenceIndex;
  /** By what they follow from but for addresses: the threads that move data. */
  readonly moving: Map<number, MovingThreads>;
  /** By what it follows from: by core, which compute alike. */
  readonly alikeCores: Map<number, readonly number[]>;
  /** Numbers what is remembered. */
  readonly keys: SequenceIndex;
}

/** Makes the context of a placed plan. */
export function emitContext(plan: NetworkPlan, addresses: ReadonlyMap<string, number>): EmitContext {
  return {
    plan,
    addresses,
    types: valueTypes(plan.network.graph),
    shapes: new SequenceIndex(),
    moving: new Map(),
    alikeCores: new Map(),
    keys: new SequenceIndex(),
  };
}

/** The address of a buffer; throws B901 when the mapping does not place it. */
export function addressOf(context: EmitContext, buffer: string): number {
  const address = context.addresses.get(buffer);
  if (address === undefined) throw internalError(`buffer "${buffer}" has no address`);
  return address;
}

/**
 * The vector instructions that compute a layer's nodes on a tile of one core. `partial` is where the tile's partial sums
 * stand in the partial-sum buffer, for contractions.
 */
export function emitChain(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  tile: readonly TileDimension[],
  partial: number,
): SimpleInstruction[] {
  return plan.chain.passes.flatMap((pass) =>
    pass.stages[0].kind === "reduce"
      ? emitReduce(context, plan, core, pass.stages[0], tile)
      : [emitPass(context, plan, core, pass, tile, partial)],
  );
}

function emitPass(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  { stages, results }: ChainPass,
  tile: readonly TileDimension[],
  partial: number,
): SimpleInstruction {
  const box = at(plan.boxes, core);
  const [head, ...activation] = stages;
  const tableOf = (node: Node): TileView | null => {
    const table = plan.chain.tables.find((candidate) => candidate.node === node.name);
    return table === undefined ? null : tableView(context, table, tile, box);
  };
  const sources = [
    ...head.node.operands.map((operand, index) =>
      operand === null ? null : operandView(context, plan, core, head.node, operand, index, tile, partial),
    ),
    tableOf(head.node),
  ].filter((view) => view !== null);
  const resultOf = (node: Node): TileView | null =>
    results.includes(node) ? resultView(context, plan, core, node, tile, partial) : null;
  const scales = activation.map(({ node }) => tableOf(node));
  const kept = activation.map((_, index) => resultOf(at(stages, index).node));
  const destination = resultView(context, plan, core, at(stages, activation.length).node, tile, partial);
  const views = [destination, ...sources, ...scales, ...kept].filter((view) => view !== null);
  const nest = mergeNest({
    counts: tile.map(({ range }) => rangeSize(range)),
    strides: views.map(({ strides }) => strides),
  });
  const operand = (view: TileView): Operand => operandOf(view, at(nest.strides, views.indexOf(view)));
  return {
    kind: "vector",
    function: head.function,
    counts: nest.counts,
    sources: sources.map(operand),
    destination: operand(destination),
    parameters: head.parameters,
    activation: activation.map((stage, index): ActivationStage => {
      const [scale, view] = [scales[index] ?? null, kept[index] ?? null];
      return {
        function: stage.function,
        element: at(stages, index).node.type.element,
        kept: view === null ? null : viewOf(operand(view)),
        scale: scale === null ? null : operand(scale),
        parameters: stage.parameters,
      };
    }),
  };
}

function viewOf({ space, address, strides }: Operand): View {
  return { space, address, strides };
}

function operandOf(view: TileView, strides: readonly number[]): Operand {
  return { space: view.space, address: view.address, strides, element: view.element };
}

/** The view of a value that a node of the layer reads. */
export function operandView(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  node: Node,
  operand: string,
  position: number,
  tile: readonly TileDimension[],
  partial: number,
): TileView {
  const maker = plan.layer.nodes.find((other) => other.name === operand);
  if (maker !== undefined) return resultView(context, plan, core, maker, tile, partial);
  const read = plan.reads.find((candidate) => candidate.read.node === node.name && candidate.read.operand === position);
  if (read === undefined || read.read.access === null) {
    throw internalError(`"${node.name}" reads "${operand}", which nobody brings`, { layer: plan.layer.name });
  }
  return tensorView(
    addressOf(context, read.buffer),
    read.layout,
    at(read.origins, core),
    read.read.access,
    read.read.type.element,
    tile,
    at(plan.boxes, core),
  );
}

function resultView(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  node: Node,
  tile: readonly TileDimension[],
  partial: number,
): TileView {
  const place = plan.chain.places.get(node.name);
  const element = node.type.element;
  if (place?.kind === "partial") return tileView("partial", partial, elementBytes(element), element, tile);
  if (place?.kind === "scratch") {
    const address = addressOf(context, `${plan.step.name}/scratch ${place.slot}`);
    return tileView("memory", address, elementBytes(element), element, tile);
  }
  const write = plan.writes.find((candidate) => candidate.write.value === node.name);
  if (write === undefined) throw internalError(`"${node.name}" has no buffer`, { layer: plan.layer.name });
  return tensorView(
    addressOf(context, write.buffer),
    write.spread.layout,
    at(write.spread.origins, core),
    write.write.access,
    element,
    tile,
    at(plan.boxes, core),
  );
}

function tableView(context: EmitContext, table: TablePlan, tile: readonly TileDimension[], box: Box): TileView {
  return tensorView(
    addressOf(context, table.buffer),
    table.layout,
    boxStart(tableBox(table, box)),
    table.access,
    table.kind === "scale" ? "scale" : "i32",
    tile,
    box,
  );
}

function emitReduce(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  { node, function: name, operands }: ChainStage,
  tile: readonly TileDimension[],
): SimpleInstruction[] {
  const box = at(plan.boxes, core);
  const destination = resultView(context, plan, core, node, tile, 0);
  const axes = windowAxes(plan.layer);
  if (axes.length > 0) {
    const places = axes.map(({ place }) => ({ dimension: place, range: at(box, place) }));
    const source = operandView(context, plan, core, node, at(node.operands, 0) as string, 0, [...tile, ...places], 0);
    const lanes = lanesOfNode(name, "reduce", operands, node.type);
    const windows = emitWindows(
      axes,
      { source, destination, element: node.type.element, lanes },
      tile,
      windowRoom(context.plan.target, plan.sharesCores),
      context.plan.target,
    );
    if (windows !== null) return windows;
  }
  const reduced = plan.layer.dimensions
    .map((dimension, index) => ({ dimension: index, range: at(box, index), kind: dimension.kind }))
    .filter(({ kind }) => kind === "reduction");
  const source = operandView(context, plan, core, node, at(node.operands, 0) as string, 0, [...tile, ...reduced], 0);
  const table = plan.chain.tables.find((candidate) => candidate.node === node.name);
  const divisor = table === undefined ? null : tableView(context, table, tile, box);
  const outer = mergeNest({
    counts: tile.map(({ range }) => rangeSize(range)),
    strides: [
      source.strides.slice(0, tile.length),
      destination.strides,
      ...(divisor === null ? [] : [divisor.strides]),
    ],
  });
  const inner = mergeNest({
    counts: reduced.map(({ range }) => rangeSize(range)),
    strides: [source.strides.slice(tile.length)],
  });
  const reduction: SimpleInstruction = {
    kind: "reduce",
    function: name,
    counts: outer.counts,
    inner: inner.counts,
    source: operandOf(source, [...at(outer.strides, 0), ...at(inner.strides, 0)]),
    divisor: divisor === null ? null : operandOf(divisor, at(outer.strides, 2)),
    destination: operandOf(destination, at(outer.strides, 1)),
  };
  return [reduction];
}
