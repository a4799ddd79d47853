import { type Energy, energyOf } from "../../runtime-sim/energy.ts";
import { applyOverrides } from "../../targets/override.ts";
import type { ChipTarget } from "../../targets/target.ts";
import type { Price } from "./prices.ts";
import type { Subject } from "./subject.ts";

/** Energy of an inference when one comes every `intervalCycles`: the counts of the simulation, static power over that time. */
export function energyAt({ counts, batchCount }: Subject, chip: ChipTarget, intervalCycles: number): Energy {
  return energyOf(counts, chip, intervalCycles * batchCount, batchCount);
}

/** Watts of an energy that flows every `intervalCycles`. */
export function wattsOf(joules: number, chip: ChipTarget, intervalCycles: number): number {
  return (joules * chip.clockHz) / intervalCycles;
}

/**
 * The estimated prices and powers of a chip, with the energy that hangs on each when an inference comes every `intervalCycles`:
 * energy is linear in them, so that one simulation tells all.
 */
export function pricesOf(subject: Subject, chip: ChipTarget, intervalCycles: number): readonly Price[] {
  const base = energyAt(subject, chip, intervalCycles).totalJoules;
  return [...chip.provenance].flatMap(([path, { source, range, unit, value }]): Price[] => {
    if (source !== "estimated" || range === null || !/^(pJ|W)/.test(unit)) return [];
    const doubled = applyOverrides(chip, [`${path}=${2 * value}`]);
    const more = energyAt(subject, doubled, intervalCycles).totalJoules - base;
    return [{ path, prior: value, range, joulesPerUnit: more > 1e-9 * base ? more / value : 0 }];
  });
}
