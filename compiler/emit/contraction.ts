import { internalError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { MatmulInstruction, SimpleInstruction } from "../../ir/instruction.ts";
import { type Box, boxCount } from "../../ir/iteration.ts";
import { largestBox, reductionIndex } from "../geometry.ts";
import { firstGroup, piecesOf, stepChunks, storedBytes } from "../step-chunks.ts";
import type { ReadPlan, StepPlan } from "../step-plan.ts";
import { anchorElements, chunkCapacityBytes, tileCapacity, tilePartBytes, weightHalfBytes } from "../tiling.ts";
import { type ContractionTile, contractionTiles, feedCount, keepsWeights, pairedBytes } from "../weights.ts";
import { addressOf, type EmitContext, emitChain } from "./chain.ts";
import { signal, wait } from "./token-instructions.ts";
import { type Half, tokens } from "./tokens.ts";
import { mergeNest, rangeSize, type TileDimension, tensorView } from "./views.ts";

/** Instructions of some threads, with core coordinates relative to the issuing core. */
export interface ThreadLists {
  readonly weights: readonly SimpleInstruction[];
  readonly matrix: readonly SimpleInstruction[];
  readonly vector: readonly SimpleInstruction[];
  readonly psum: readonly SimpleInstruction[];
}

/**
 * What a core does in a contraction step. Tile by tile: the weights thread fills halves of the weight buffer, the matrix
 * thread accumulates into halves of the partial-sum buffer, partial sums travel down the chain of cores that share
 * results, and the vector thread of the last core computes the nodes after the contraction.
 */
export function emitContraction(context: EmitContext, plan: StepPlan, core: number): ThreadLists {
  const { target } = context.plan;
  const box = at(plan.boxes, core);
  const roles = plan.roles;
  if (roles === null) throw internalError("not a contraction", { layer: plan.layer.name });
  const tilesOf = (ranges: Box): ContractionTile[] =>
    contractionTiles(
      ranges,
      largestBox(plan.geometry),
      roles,
      plan.step,
      tileCapacity(plan.geometry, target, plan.sharesCores),
      chunkCapacityBytes(target, piecesOf(plan)),
      anchorElements(plan.layer).weights,
    );
  const tiles = tilesOf(box);
  const chain = chainPosition(plan, core);
  const partBytes = tilePartBytes(plan.geometry, target, plan.sharesCores);
  const accumulator = (half: Half): number => half * partBytes;
  const landing = (half: Half): number => (2 + half) * partBytes;

  const weights: SimpleInstruction[] = [];
  const matrix: SimpleInstruction[] = [wait(tokens.goMatrix)];
  const vector: SimpleInstruction[] = [];
  const psum: SimpleInstruction[] = [];
  // All cores of a group stream together: one with fewer rows takes part in the others' turns and drops what it gets.
  const streamed = piecesOf(plan) > 1 ? tilesOf(largestOfGroup(plan, box)) : tiles;
  const feed = weightFeed(context, plan, core, streamed);
  if (feed !== null) weights.push(wait(tokens.goWeights), ...feed);

  let use = 0;
  tiles.forEach((tile, index) => {
    const half = (index % 2) as Half;
    matrix.push(wait(tokens.tileFree[half]));
    tile.inner.forEach((inner, innerIndex) => {
      const next = tiles[index + 1];
      const isKept = next !== undefined && keepsWeights(next, tile);
      const chunkHalf = (use % 2) as Half;
      if (feed !== null && !keepsWeights(tile, tiles[index - 1])) matrix.push(wait(tokens.weightsFull[chunkHalf]));
      matrix.push(
        matmulOf(context, plan, core, tile, inner, {
          partial: accumulator(half),
          weights: feed === null ? null : chunkHalf * weightHalfBytes(target),
          start: innerIndex > 0 ? "accumulate" : chain.index === 0 ? "first" : "zero",
        }),
      );
      if (feed !== null && !isKept) matrix.push(signal(tokens.weightsFree[chunkHalf]));
      if (!isKept) use += 1;
    });
    const first = chain.index === 0 && !chain.last;
    matrix.push(signal((first ? tokens.sumsReady : tokens.tileReady)[half]));

    const count = boxCount(tile.groups) * boxCount(tile.rows) * boxCount(tile.columns);
    const sendOn = (): void => {
      psum.push(
        wait(tokens.landingFree[half]),
        {
          kind: "psum.send",
          count,
          address: accumulator(half),
          core: chain.step,
          destination: landing(half),
          token: tokens.sumsArrived[half],
        },
        signal(tokens.tileFree[half]),
      );
    };
    if (chain.index > 0) {
      vector.push(
        wait(tokens.tileReady[half]),
        wait(tokens.sumsArrived[half]),
        { kind: "psum.recv", count, source: landing(half), destination: accumulator(half) },
        signal(tokens.landingFree[half], { row: 0 - chain.step.row, column: 0 - chain.step.column }),
      );
    }
    if (chain.last) {
      if (chain.index === 0) vector.push(wait(tokens.tileReady[half]));
      vector.push(
        ...emitChain(context, plan, core, tileDimensions(plan, tile), accumulator(half)),
        signal(tokens.tileFree[half]),
      );
    } else if (chain.index > 0) {
      vector.push(signal(tokens.sumsReady[half]));
      psum.push(wait(tokens.sumsReady[half]));
      sendOn();
    } else {
      psum.push(wait(tokens.sumsReady[half]));
      sendOn();
    }
  });
  for (let turn = feed === null ? 0 : feedCount(streamed) - feedCount(tiles); turn > 0; turn -= 1) {
    const half = (use % 2) as Half;
    use += 1;
    matrix.push(wait(tokens.weightsFull[half]), signal(tokens.weightsFree[half]));
  }
  (chain.last ? vector : psum).push(signal(tokens.done));
  return { weights, matrix, vector, psum };
}

/** A core's box with the row ranges of the core that has the most rows; all start where this one's do. */
function largestOfGroup(plan: StepPlan, box: Box): Box {
  return box.map((range, dimension) =>
    plan.roles?.row.includes(dimension)
      ? { start: range.start, end: range.start + at(plan.geometry.chunks, dimension) }
      : range,
  );
}

/** The tile's dimensions in the order of the partial sums: groups, rows, columns. */
export function tileDimensions(plan: StepPlan, tile: ContractionTile): TileDimension[] {
  const roles = plan.roles;
  if (roles === null) return [];
  const join = (dimensions: readonly number[], box: Box): TileDimension[] =>
    dimensions.map((dimension, index) => ({ dimension, range: at(box, index) }));
  return [...join(roles.group, tile.groups), ...join(roles.row, tile.rows), ...join(roles.column, tile.columns)];
}

/** Where a core stands in its chain of partial sums, and the step to the next one. */
function chainPosition(plan: StepPlan, core: number) {
  const reduction = plan.geometry.reduction;
  const columns = plan.geometry.grid.columns;
  const index = reductionIndex(plan.geometry, Math.floor(core / columns), core % columns);
  return {
    index,
    last: reduction === null || index === reduction.parts - 1,
    step: reduction?.axis === "rows" ? { row: 1, column: 0 } : { row: 0, column: 1 },
  };
}

function weightFeed(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  tiles: readonly ContractionTile[],
): readonly SimpleInstruction[] | null {
  if (plan.weights === null) return null;
  const { target } = context.plan;
  const chunks = stepChunks(plan, at(plan.boxes, core), target);
  const pieces = piecesOf(plan);
  const group = firstGroup(plan.weights, plan.geometry);
  const base = addressOf(context, plan.weights.buffer);
  const offsets: number[] = [];
  let offset = 0;
  for (const chunk of chunks) {
    offsets.push(offset);
    offset += storedBytes(chunk, pieces);
  }
  const feedOf = (chunkIndex: number, half: Half): SimpleInstruction => {
    const chunk = at(chunks, chunkIndex);
    const destination = half * weightHalfBytes(target);
    const source = base + at(offsets, chunkIndex);
    return pieces === 1
      ? { kind: "weights.load", bytes: chunk.bytes, source, destination }
      : {
          kind: "weights.stream",
          bytes: storedBytes(chunk, pieces),
          source,
          destination,
          group,
        };
  };
  let use = 0;
  return tiles.flatMap((tile, index) =>
    (keepsWeights(tile, tiles[index - 1]) ? [] : tile.inner).flatMap((_, innerIndex) => {
      const half = (use % 2) as Half;
      use += 1;
      return [
        wait(tokens.weightsFree[half]),
        feedOf(tile.firstChunk + innerIndex, half),
        signal(tokens.weightsFull[half]),
      ];
    }),
  );
}

function matmulOf(
  context: EmitContext,
  plan: StepPlan,
  core: number,
  tile: ContractionTile,
  inner: Box,
  place: { partial: number; weights: number | null; start: "accumulate" | "first" | "zero" },
): MatmulInstruction {
  const roles = plan.roles;
  const anchor = plan.layer.nodes[0];
  if (roles === null || anchor === undefined) throw internalError("not a contraction", { layer: plan.layer.name });
  const box = at(plan.boxes, core);
  const dimensions = (list: readonly number[], ranges: Box): TileDimension[] =>
    list.map((dimension, index) => ({ dimension, range: at(ranges, index) }));
  const groupTile = dimensions(roles.group, tile.groups);
  const rowTile = dimensions(roles.row, tile.rows);
  const columnTile = dimensions(roles.column, tile.columns);
  const innerTile = dimensions(roles.inner, inner);
  const view = (operand: number, walk: readonly TileDimension[]) => {
    const read = readOf(plan, anchor.name, operand);
    return tensorView(
      addressOf(context, read.buffer),
      read.layout,
      at(read.origins, core),
      read.read.access ?? [],
      read.read.type.element,
      walk,
      box,
    );
  };
  const nest = (walk: readonly TileDimension[], strides: readonly (readonly number[])[]) =>
    mergeNest({ counts: walk.map(({ range }) => rangeSize(range)), strides });
  const activationGroup = view(0, [...groupTile, ...rowTile, ...innerTile]);
  const groupCount = groupTile.length;
  const rowStrides = activationGroup.strides.slice(groupCount, groupCount + rowTile.length);
  const innerStrides = activationGroup.strides.slice(groupCount + rowTile.length);
  const rows = nest(rowTile, [rowStrides]);
  const weightRead = readOf(plan, anchor.name, 1);
  const strided = place.weights === null;
  const weightView = strided ? view(1, [...groupTile, ...columnTile, ...innerTile]) : null;
  const weightInner = weightView?.strides.slice(groupCount + columnTile.length) ?? innerTile.map(() => 0);
  const mergedInner = strided ? nest(innerTile, [innerStrides, weightInner]) : nest(innerTile, [innerStrides]);
  const columnNest = nest(columnTile, [
    weightView?.strides.slice(groupCount, groupCount + columnTile.length) ?? columnTile.map(() => 0),
  ]);
  if (strided && columnNest.counts.length > 1) {
    throw internalError("columns of computed weights do not merge", { layer: plan.layer.name });
  }
  const columns = columnTile.reduce((count, { range }) => count * rangeSize(range), 1);
  const innerCount = boxCount(inner);
  const groups = groupTile.reduce((count, { range }) => count * rangeSize(range), 1);
  const last = groupCount - 1;
  const biasOperand = anchor.operands[2] ?? null;
  const bias = place.start === "first" && biasOperand !== null ? view(2, [...groupTile, ...columnTile]).address : 0;
  return {
    kind: "matmul",
    groups,
    rows: rows.counts,
    inner: mergedInner.counts,
    columns,
    activations: {
      space: "memory",
      address: activationGroup.address,
      element: activationGroup.element === "scale" ? "i8" : activationGroup.element,
      groupStride: groupCount === 0 ? 0 : at(activationGroup.strides, last),
      rowStrides: at(rows.strides, 0),
      innerStrides: at(mergedInner.strides, 0),
    },
    weights: {
      space: strided ? "memory" : "weights",
      address: weightView?.address ?? place.weights ?? 0,
      element: weightRead.read.type.element,
      layout: strided ? "strided" : "paired",
      groupStride: strided
        ? groupCount === 0 || weightView === null
          ? 0
          : at(weightView.strides, last)
        : pairedBytes(1, innerCount, columns, weightRead.read.type.element),
      innerStrides: strided ? at(mergedInner.strides, 1) : [],
      columnStride: strided ? at(at(columnNest.strides, 0), 0) : 0,
    },
    partial: place.partial,
    start:
      place.start === "accumulate" ? "accumulate" : place.start === "first" && biasOperand !== null ? "bias" : "zero",
    bias,
  };
}

function readOf(plan: StepPlan, node: string, operand: number): ReadPlan {
  const read = plan.reads.find((candidate) => candidate.read.node === node && candidate.read.operand === operand);
  if (read === undefined) throw internalError(`operand ${operand} of "${node}" is missing`, { layer: plan.layer.name });
  return read;
}
