import { product } from "../../base/math.ts";
import { elementBytes, elementTypes } from "../../ir/type.ts";
import type { WeightPlan } from "../../ir/weight-plan.ts";
import { columnPasses, innerPasses, macWidth } from "../../targets/cost.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { coreCount, storageGroup } from "../core-group.ts";
import type { Geometry } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { anchorElements, type ContractionRoles, tilePlan } from "../tiling.ts";
import { pairedBytes } from "../weights.ts";
import { windowComparisons } from "../window-maximum.ts";
import { tiledPasses } from "./layer-cost.ts";
import type { VectorPass } from "./work.ts";

/**
 * Predicted dynamic picojoules of a layer's own work on all cores (its transfers apart): MACs, vector lanes, memory and
 * buffers, weights over the model network, partial sums. Instructions and programs are left out.
 */
export function layerEnergyPj(
  layer: Layer,
  geometry: Geometry,
  weights: WeightPlan | null,
  passes: readonly VectorPass[],
  target: ChipTarget,
  roles: ContractionRoles | null,
): number {
  if (layer.kind !== "contraction" && layer.kind !== "vector" && layer.kind !== "reduce") return 0;
  const { energy } = target;
  const sizeOf = (kind: string): number =>
    product(layer.dimensions.map((dimension) => (dimension.kind === kind ? dimension.size : 1)));
  const results = sizeOf("parallel");
  const reduced = layer.kind === "contraction" ? 1 : sizeOf("reduction");
  const comparisons = ({ windows }: VectorPass): number => {
    const positions = windows.map(({ position }) => geometry.chunks[position] as number);
    return windowComparisons(windows, positions) / product(positions);
  };
  let total = 0;
  for (const pass of passes) {
    const points = results * (pass.windows.length > 0 ? comparisons(pass) : pass.reduces ? reduced : 1);
    for (const { cost, lanes } of pass.stages) total += points * lanes * energy.vectorPj[cost];
    total += points * pass.sourceBytes * energy.memoryReadPjPerByte;
    total += results * pass.resultBytes * energy.memoryWritePjPerByte;
  }
  return roles === null ? total : total + contractionPj(layer, geometry, weights, target, roles);
}

function contractionPj(
  layer: Layer,
  geometry: Geometry,
  weights: WeightPlan | null,
  target: ChipTarget,
  roles: ContractionRoles,
): number {
  const { energy, networks } = target;
  const pieces = coreCount(storageGroup(geometry, roles, weights));
  const tile = tilePlan(layer, geometry, target, roles, pieces);
  const sizes = (dimensions: readonly number[]): number[] =>
    dimensions.map((dimension) => geometry.chunks[dimension] as number);
  const [rowSizes, columnSizes, innerSizes] = [sizes(roles.row), sizes(roles.column), sizes(roles.inner)];
  const [rows, columns, inner] = [product(rowSizes), product(columnSizes), product(innerSizes)];
  const groups = product(sizes(roles.group));
  const elements = anchorElements(layer);
  const { bits } = elementTypes[elements.wider];
  const blocks = tiledPasses(innerSizes, tile.inner, (count) => innerPasses(target, count)).passes;
  const columnBlocks = tiledPasses(columnSizes, tile.columns, (count) => columnPasses(target, count, bits)).passes;
  const rowTiles = tiledPasses(rowSizes, tile.rows, () => 1).count;
  const weightBytes = pairedBytes(groups, inner, columns, elements.weights);
  const passes = tile.outer === "columns" ? 1 : rowTiles;
  const cores = geometry.usedRows * geometry.usedColumns;
  const perCore =
    groups * rows * inner * columnBlocks * elementBytes(elements.activations) * energy.memoryReadPjPerByte +
    (passes * weightBytes * energy.memoryReadPjPerByte) / pieces +
    passes * weightBytes * (energy.weightBufferWritePjPerByte + energy.weightBufferReadPjPerByte) +
    groups * rows * columns * 4 * (2 * blocks * energy.accumulatorPjPerByte + 2 * energy.partialBufferPjPerByte);
  // A group's pieces reach each of its cores over a tree of as many links as there are other cores.
  const streamed = ((pieces - 1) * passes * weightBytes * networks.model.hopEnergyPjPerByte) / pieces;
  const parts = geometry.reduction?.parts ?? 1;
  const sums = (4 * groups * rows * columns * (parts - 1) * networks.partial.hopEnergyPjPerByte) / parts;
  return layer.macCount * energy.macPj[macWidth(bits)] + cores * (perCore + streamed + sums);
}
