import { ceilDivide, roundUp } from "../base/math.ts";
import type { Rectangle } from "../ir/instruction.ts";
import type { Box } from "../ir/iteration.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type Geometry, largestBox } from "./geometry.ts";
import type { StepPlan, WeightsPlan } from "./step-plan.ts";
import { anchorElements, chunkCapacityBytes, tileCapacity } from "./tiling.ts";
import { contractionTiles, type WeightChunk, weightChunks } from "./weights.ts";

/** The chunks of a step's weights for a core's box, in the order in which they are used. */
export function stepChunks(plan: StepPlan, box: Box, target: ChipTarget): WeightChunk[] {
  if (plan.roles === null) return [];
  const { weights } = anchorElements(plan.layer);
  return weightChunks(
    contractionTiles(
      box,
      largestBox(plan.geometry),
      plan.roles,
      plan.step,
      tileCapacity(plan.geometry, target),
      chunkCapacityBytes(target, piecesOf(plan)),
      weights,
    ),
    weights,
  );
}

/** Cores that store a piece each of a step's weights; 1 when they are resident or computed. */
export function piecesOf({ weights }: Pick<StepPlan, "weights">): number {
  return weights === null ? 1 : weights.group.rows * weights.group.columns;
}

/** The cores that share a slice of weights with a core, itself included. */
export function groupOf({ group }: WeightsPlan, { grid, corner }: Geometry, core: number): Rectangle {
  const first = (place: number, start: number, size: number): number => place - ((place - start) % size);
  return {
    row: first(Math.floor(core / grid.columns), corner.row, group.rows),
    column: first(core % grid.columns, corner.column, group.columns),
    rows: group.rows,
    columns: group.columns,
  };
}

/** Bytes of a chunk that each core of a group of `pieces` cores stores. */
export function storedBytes(chunk: WeightChunk, pieces: number): number {
  return roundUp(ceilDivide(chunk.bytes, pieces), 4);
}
