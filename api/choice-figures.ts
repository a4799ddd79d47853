import { copyCount } from "../compiler/core-group.ts";
import type { Layer } from "../compiler/layers.ts";
import { outline } from "../compiler/mapper/outline.ts";
import { contractionRoles } from "../compiler/tiling.ts";
import type { MappedStep, SplitPart } from "../ir/mapping.ts";
import { weightPlanWord } from "../ir/weight-plan.ts";
import type { LayerResult } from "../report/figures-schema.ts";
import type { ChipTarget } from "../targets/target.ts";

/** What a report says of how a layer is mapped: its split, and how often its constant weights are stored. */
export function choiceFigures(
  layer: Layer,
  { split, weights }: Pick<MappedStep, "split" | "weights">,
  { grid }: ChipTarget,
): Pick<LayerResult, "split" | "weights" | "weightCopyCount"> & { split: NonNullable<LayerResult["split"]> } {
  const partsOf = (list: readonly SplitPart[]): SplitPart[] => list.map((part) => ({ ...part }));
  return {
    split: { rows: partsOf(split.rows), columns: partsOf(split.columns) },
    weights: weights && weightPlanWord(weights),
    weightCopyCount: weights && copyCount(outline(layer.dimensions, split, grid), contractionRoles(layer), weights),
  };
}
