import type { TargetSummary } from "../report/figures-schema.ts";
import { defaultChipName } from "../targets/defaults.ts";
import { estimatedNumberCount } from "../targets/figures.ts";
import { loadChip } from "../targets/load.ts";
import { applyOverrides } from "../targets/override.ts";
import { targetSha256 } from "../targets/print.ts";
import type { ChipTarget } from "../targets/target.ts";

/** A chip, and the overrides that were applied to it. */
export interface ChosenTarget {
  readonly chip: ChipTarget;
  /** `path=value`, as given. */
  readonly overrides: readonly string[];
}

/** Loads a chip by name or file and applies overrides `path=value`. Throws B301–B304. */
export function chooseTarget(nameOrPath: string = defaultChipName, overrides: readonly string[] = []): ChosenTarget {
  return { chip: applyOverrides(loadChip(nameOrPath), overrides), overrides };
}

/** What a result says of its target. */
export function summarizeTarget({ chip, overrides }: ChosenTarget): TargetSummary {
  return {
    name: chip.name,
    sha256: targetSha256(chip),
    numberCount: chip.provenance.size,
    estimatedNumberCount: estimatedNumberCount(chip),
    overrides: [...overrides],
    gridRows: chip.grid.rows,
    gridColumns: chip.grid.columns,
    clockHz: chip.clockHz,
    supplyVolts: chip.supplyVolts,
  };
}
