import { ceilDivide, roundUp, sum } from "../base/math.ts";
import type { Rectangle } from "../ir/instruction.ts";
import type { Box } from "../ir/iteration.ts";
import type { ElementType } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { coreCount } from "./core-group.ts";
import { type Geometry, largestBox } from "./geometry.ts";
import type { StepPlan, WeightsPlan } from "./step-plan.ts";
import { anchorElements, chunkCapacityBytes, tileCapacity } from "./tiling.ts";
import { type ContractionTile, contractionTiles, type WeightChunk, weightChunks } from "./weights.ts";

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
      tileCapacity(plan.geometry, target, plan.sharesCores),
      chunkCapacityBytes(target, piecesOf(plan)),
      weights,
    ),
    weights,
  );
}

/** Cores that store a piece each of a copy of a step's weights; 1 when they are resident or computed. */
export function piecesOf({ weights }: Pick<StepPlan, "weights">): number {
  return weights === null ? 1 : coreCount(weights.group);
}

/** The cores that store the first copy of the first slice of a step's weights; those of the others lie beside them. */
export function firstGroup({ group }: WeightsPlan, { corner }: Geometry): Rectangle {
  return { ...corner, ...group };
}

/** Bytes of a chunk that each core of a group of `pieces` cores stores. */
export function storedBytes(chunk: WeightChunk, pieces: number): number {
  return roundUp(ceilDivide(chunk.bytes, pieces), 4);
}

/** Bytes of weights that each core of a group of `pieces` cores stores for its tiles. */
export function storedWeightBytes(tiles: readonly ContractionTile[], element: ElementType, pieces: number): number {
  return sum(weightChunks(tiles, element).map((chunk) => storedBytes(chunk, pieces)));
}
