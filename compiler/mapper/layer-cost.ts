import { ceilDivide, product, productAt, sum } from "../../base/math.ts";
import type { IterationDimension } from "../../ir/iteration.ts";
import { type ElementType, elementBytes, elementCount, elementTypes } from "../../ir/type.ts";
import type { WeightPlan } from "../../ir/weight-plan.ts";
import {
  columnPasses,
  frameLinkCycles,
  hostCycles,
  hostOperationCycles,
  innerPasses,
  linkCycles,
  portCycles,
  streamCycles,
  vectorCycles,
  vectorFillCycles,
} from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreCount, storageGroup } from "../core-group.ts";
import type { Geometry } from "../geometry.ts";
import type { Layer, LayerRead } from "../layers.ts";
import { type ContractionRoles, chunkCapacityBytes, contractionRoles, tileCapacity, tilePlan } from "../tiling.ts";
import { pairedBytes } from "../weights.ts";
import { windowStages } from "../window-maximum.ts";
import type { VectorPass } from "./work.ts";

/** Predicted cycles of a step on its busiest core, by what takes them; `cycles` is the whole, the terms overlap. */
export interface LayerCost {
  readonly cycles: number;
  readonly matrixCycles: number;
  readonly vectorCycles: number;
  readonly portCycles: number;
  /** Weights over the model network. */
  readonly modelCycles: number;
  /** The chain of partial sums of a tile. */
  readonly partialCycles: number;
  /** From the framebuffer, for inputs. */
  readonly frameCycles: number;
  readonly synchronizationCycles: number;
}

const nothing: LayerCost = {
  cycles: 0,
  matrixCycles: 0,
  vectorCycles: 0,
  portCycles: 0,
  modelCycles: 0,
  partialCycles: 0,
  frameCycles: 0,
  synchronizationCycles: 0,
};

/** The read of a contraction's second operand when it is constant; null otherwise. */
export function constantWeights(layer: Layer): LayerRead | null {
  if (layer.kind !== "contraction") return null;
  const anchor = layer.nodes[0]?.name;
  return layer.reads.find((read) => read.node === anchor && read.operand === 1 && read.constant) ?? null;
}

/** By layer: how many layers read the same constant weights; 1 for layers without any. */
export function weightReaderCounts(layers: readonly Layer[]): number[] {
  const values = layers.map((layer) => constantWeights(layer)?.value ?? null);
  const counts = new Map<string | null, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return values.map((value) => (value === null ? 1 : (counts.get(value) ?? 1)));
}

/** How sizes are cut into tiles of at most `limit` points (inner dimensions whole first), and Σ of `passes` over the tiles. */
export function tiledPasses(
  sizes: readonly number[],
  limit: number,
  passes: (points: number) => number,
): { readonly count: number; readonly passes: number } {
  let room = Math.max(1, limit);
  let inner = 1;
  for (let index = sizes.length - 1; index >= 0; index -= 1) {
    const size = sizes[index] as number;
    const tile = Math.min(size, room);
    if (tile < size) {
      const outer = product(sizes.slice(0, index));
      const full = Math.floor(size / tile);
      const rest = size - full * tile;
      return {
        count: outer * ceilDivide(size, tile),
        passes: outer * (full * passes(tile * inner) + (rest > 0 ? passes(rest * inner) : 0)),
      };
    }
    inner *= tile;
    room = Math.floor(room / tile);
  }
  return { count: 1, passes: passes(inner) };
}

/** The cost of a layer laid out on the grid, transfers of its operands apart. */
export function layerCost(
  layer: Layer,
  geometry: Geometry,
  weights: WeightPlan | null,
  passes: readonly VectorPass[],
  target: ChipTarget,
  roles: ContractionRoles | null = layer.kind === "contraction" ? contractionRoles(layer) : null,
): LayerCost {
  const synchronizationCycles = target.synchronization.barrierCycles;
  switch (layer.kind) {
    case "state":
    case "output":
    case "movement":
      return { ...nothing, cycles: hostPartCycles(layer, target) + synchronizationCycles, synchronizationCycles };
    case "input": {
      const frameCycles = inputCycles(layer, geometry, target);
      const cycles = hostPartCycles(layer, target) + frameCycles + synchronizationCycles;
      return { ...nothing, cycles, frameCycles, synchronizationCycles };
    }
    case "vector":
    case "reduce": {
      const elements = pointsOf(geometry, "parallel");
      if (elements === 0) return { ...nothing, cycles: synchronizationCycles, synchronizationCycles };
      const tile = Math.floor(target.core.partialBufferBytes / 4);
      const unit = chainCycles(passes, elements, ceilDivide(elements, tile), geometry, target);
      return {
        ...nothing,
        cycles: unit.cycles + synchronizationCycles,
        vectorCycles: unit.vectorCycles,
        portCycles: unit.portCycles,
        synchronizationCycles,
      };
    }
    case "contraction":
      if (pointsOf(geometry, "parallel") === 0)
        return { ...nothing, cycles: synchronizationCycles, synchronizationCycles };
      return contractionCost(layer, roles ?? contractionRoles(layer), geometry, weights, passes, target);
  }
}

/** Cycles of the host and its link for a layer in the middle of a run; 0 for others. */
function hostPartCycles({ host, reads, writes }: Layer, target: ChipTarget): number {
  const type = reads[0]?.type ?? writes[0]?.type;
  if (host === null || type === undefined) return 0;
  const transfer = hostCycles(target, elementCount(type) * elementBytes(type.element));
  return host.operand === null ? transfer + hostOperationCycles(target, host.elementCount) : transfer;
}

/** Points of a core along the dimensions of a kind. */
function pointsOf({ dimensions, chunks }: Geometry, kind: IterationDimension["kind"]): number {
  let points = 1;
  for (let index = 0; index < chunks.length; index += 1) {
    if (dimensions[index]?.kind === kind) points *= chunks[index] as number;
  }
  return points;
}

function inputCycles(layer: Layer, geometry: Geometry, target: ChipTarget): number {
  let cycles = 0;
  for (const write of layer.writes) {
    const bytes = product(geometry.chunks) * elementBytes(write.type.element);
    cycles += geometry.usedColumns * frameLinkCycles(target, bytes);
  }
  return cycles + target.networks.activation.hopCycles * geometry.usedColumns;
}

/** Passes one after the other over a core's elements; each takes the longer of the vector unit and the memory port. */
function chainCycles(
  passes: readonly VectorPass[],
  elements: number,
  tiles: number,
  geometry: Geometry,
  target: ChipTarget,
): { readonly cycles: number; readonly vectorCycles: number; readonly portCycles: number } {
  let cycles = 0;
  let unit = 0;
  let port = 0;
  const tile = ceilDivide(elements, tiles);
  const inner = pointsOf(geometry, "reduction");
  for (let index = 0; index < passes.length; index += 1) {
    const pass = passes[index] as VectorPass;
    const points = tile * (pass.reduces ? inner : 1);
    const stages = pass.stages.map(({ cost, lanes }) => ({ cost, elements: points * lanes }));
    const whole = tiles * (vectorCycles(target, stages) + target.synchronization.issueCycles);
    const windows = pass.windows.length === 0 ? whole : windowCycles(pass, elements, tiles, geometry, target);
    const unitCycles = Math.min(whole, windows);
    // Comparisons axis by axis read two elements at a time, and write theirs off the port.
    const read = unitCycles < whole ? 2 * tile : points;
    const bytes = read * pass.sourceBytes + tile * pass.resultBytes;
    const memoryCycles = tiles * portCycles(target, bytes);
    cycles += Math.max(unitCycles, memoryCycles);
    unit += unitCycles;
    port += memoryCycles;
  }
  return { cycles, vectorCycles: unit, portCycles: port };
}

/** Cycles of the vector unit for windows whose greatest are taken axis by axis (`emitWindows`). */
function windowCycles(
  { windows, stages: [head] }: VectorPass,
  elements: number,
  tiles: number,
  { chunks }: Geometry,
  target: ChipTarget,
): number {
  const positions = windows.map(({ position }) => chunks[position] as number);
  const others = elements / product(positions);
  const { issueCycles } = target.synchronization;
  const priceOf = (results: number): number =>
    vectorCycles(target, [{ cost: "compare", elements: others * results * (head?.lanes ?? 1) }]) + issueCycles;
  const instructions = sum(windows.map(({ places }) => places - 1));
  const fills = (tiles - 1) * instructions * (vectorFillCycles(target, 1) + issueCycles);
  return windowStages(windows, positions, priceOf).cost + fills;
}

function contractionCost(
  layer: Layer,
  roles: ContractionRoles,
  geometry: Geometry,
  weights: WeightPlan | null,
  passes: readonly VectorPass[],
  target: ChipTarget,
): LayerCost {
  const share = storageGroup(geometry, roles, weights);
  const cores = coreCount(share);
  const tile = tilePlan(layer, geometry, target, roles, cores);
  const sizes = (dimensions: readonly number[]): number[] =>
    dimensions.map((dimension) => geometry.chunks[dimension] as number);
  const [rowSizes, columnSizes, innerSizes] = [sizes(roles.row), sizes(roles.column), sizes(roles.inner)];
  const groups = product(sizes(roles.group));
  const [rows, columnCount, inner] = [product(rowSizes), product(columnSizes), product(innerSizes)];
  const { elements } = roles;
  const { bits } = elementTypes[elements.wider];
  const rowTiles = tiledPasses(rowSizes, tile.rows, () => 1).count;
  const columnTiles = tiledPasses(columnSizes, tile.columns, (count) => columnPasses(target, count, bits));
  const innerTiles = tiledPasses(innerSizes, tile.inner, (count) => innerPasses(target, count));
  const groupTiles = ceilDivide(
    groups,
    groupLimit(tile, columnTiles.count, innerTiles.count, geometry, elements.weights, target, cores),
  );
  const resultTiles = rowTiles * columnTiles.count * groupTiles;
  const matmuls = resultTiles * innerTiles.count;
  const { issueCycles, barrierCycles } = target.synchronization;
  const matrixCycles =
    groups * rows * innerTiles.passes * columnTiles.passes + matmuls * (target.matrix.fillCycles + issueCycles);

  const weightBytes = pairedBytes(groups, inner, columnCount, elements.weights);
  const chunkPiece = ceilDivide(weightBytes, columnTiles.count * groupTiles * innerTiles.count * cores);
  // Weights pass once where a tile's only chunk stays: it is the only one, or columns are outermost.
  const chunks = columnTiles.count * groupTiles * innerTiles.count;
  const weightPasses = chunks === 1 || tile.outer === "columns" ? 1 : rowTiles;
  const modelCycles =
    cores === 1 ? 0 : weightPasses * chunks * streamCycles(target, share.rows, share.columns, chunkPiece);
  const activationBytes = groups * rows * inner * columnTiles.passes * elementBytes(elements.activations);
  const portBytes = activationBytes + weightPasses * ceilDivide(weightBytes, cores);

  const results = groups * rows * columnCount;
  const epilogue = chainCycles(passes, results, resultTiles, geometry, target);
  const parts = geometry.reduction?.parts ?? 1;
  const tileResults = ceilDivide(results, resultTiles);
  const addCycles = parts === 1 ? 0 : vectorCycles(target, [{ cost: "add", elements: tileResults }]) + issueCycles;
  const sendCycles =
    parts === 1 ? 0 : linkCycles(target.networks.partial, 4 * tileResults) + target.networks.partial.hopCycles;
  const partialCycles = (parts - 1) * (addCycles + sendCycles);
  const unit = epilogue.cycles + resultTiles * addCycles;
  const memory = portCycles(target, portBytes) + epilogue.portCycles;
  const steady = Math.max(matrixCycles, unit, memory, modelCycles);
  const tail = matrixCycles >= unit ? epilogue.cycles / resultTiles : matrixCycles / resultTiles;
  return {
    ...nothing,
    cycles: Math.ceil(steady + tail) + partialCycles + barrierCycles,
    matrixCycles,
    vectorCycles: epilogue.vectorCycles + resultTiles * addCycles,
    portCycles: memory,
    modelCycles,
    partialCycles,
    synchronizationCycles: barrierCycles,
  };
}

/** Cycles that a core's vector unit takes at least for each result: of its passes, and of adding it to a neighbour's partial sum. */
export function leastResultCycles(
  passes: readonly VectorPass[],
  { vector }: ChipTarget,
): { readonly passes: number; readonly add: number } {
  const slowest = passes.map(({ windows, stages }) =>
    windows.length > 0 ? 0 : Math.max(0, ...stages.map(({ cost, lanes }) => lanes * vector.cycles[cost])),
  );
  return { passes: sum(slowest) / vector.laneCount, add: vector.cycles.add / vector.laneCount };
}

/**
 * Cycles that a contraction takes at least on a core that has such ranges of its dimensions, whose vector unit takes so many for
 * each result, and which stores so many bytes of weights: those of full tiles, of all results, or of all bytes, and the barrier.
 */
export function leastContractionCycles(
  chunks: readonly number[],
  { group, row, column, inner, elements }: ContractionRoles,
  resultCycles: number,
  weightBytes: number,
  target: ChipTarget,
): number {
  const rows = productAt(chunks, group) * productAt(chunks, row);
  const columnCount = productAt(chunks, column);
  const innerCount = productAt(chunks, inner);
  if (rows * columnCount === 0) return target.synchronization.barrierCycles;
  const passes = columnPasses(target, columnCount, elementTypes[elements.wider].bits);
  const matrixCycles = rows * innerPasses(target, innerCount) * passes;
  const activationBytes = rows * innerCount * passes * elementBytes(elements.activations);
  const memoryCycles = portCycles(target, Math.floor(activationBytes + weightBytes));
  // Whole cycles, so that no rounding lifts them above what they bound.
  const vectorCycles = Math.floor(rows * columnCount * resultCycles);
  return Math.max(matrixCycles, vectorCycles, memoryCycles) + target.synchronization.barrierCycles;
}

/** Groups that one matmul takes: several only when neither columns nor inner elements are cut. */
function groupLimit(
  tile: { readonly rows: number; readonly columns: number; readonly inner: number },
  columnTiles: number,
  innerTiles: number,
  geometry: Geometry,
  weightElement: ElementType,
  target: ChipTarget,
  pieces: number,
): number {
  if (columnTiles > 1 || innerTiles > 1) return 1;
  const sums = Math.floor(tileCapacity(geometry, target) / (tile.rows * tile.columns));
  const weights = Math.floor(
    chunkCapacityBytes(target, pieces) / pairedBytes(1, tile.inner, tile.columns, weightElement),
  );
  return Math.max(1, Math.min(sums, weights));
}
