import { ceilDivide, roundUp } from "../base/math.ts";
import type { Box } from "../ir/iteration.ts";
import type { ChipTarget } from "../targets/target.ts";
import { largestBox } from "./geometry.ts";
import type { StepPlan } from "./step-plan.ts";
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

/** Bytes of a chunk that each core of a group of `pieces` cores stores. */
export function storedBytes(chunk: WeightChunk, pieces: number): number {
  return roundUp(ceilDivide(chunk.bytes, pieces), 4);
}
