import type { ChipTarget } from "../../targets/target.ts";

/** What a mapping can be chosen for; throughput is latency of a whole batch, for steps follow each other. */
export const objectives = ["latency", "throughput", "energy", "edp"] as const;

/** What a mapping is chosen for. */
export type Objective = (typeof objectives)[number];

/** Whether inputs and outputs pass while other batches than their own are computed: on their way they may hold those up, if little. */
export function overlapsFor(objective: Objective): boolean {
  return objective !== "latency";
}

/** What a cycle and a picojoule are worth to the search. */
export interface Weighing {
  readonly perCycle: number;
  readonly perPicojoule: number;
}

/** Cycles alone. */
export const cyclesAlone: Weighing = { perCycle: 1, perPicojoule: 0 };

/** Picojoules of the whole chip in a cycle, whatever runs. docs/energy.md. */
export function staticPjPerCycle({ grid, clockHz, energy }: ChipTarget): number {
  const watts = energy.leakageWatts + energy.interfaceWatts;
  return grid.rows * grid.columns * energy.clockPjPerCycle + (watts / clockHz) * 1e12;
}

/** How energy is weighed: the static power of a cycle counts beside what is done in it; in units of the cycle's energy. */
export function energyAlone(target: ChipTarget): Weighing {
  const perCycle = staticPjPerCycle(target);
  return perCycle > 0 ? { perCycle: 1, perPicojoule: 1 / perCycle } : { perCycle: 0, perPicojoule: 1 };
}

/** Where the product of time and energy falls fastest from a mapping: T·E′ + E·T′, in cycles. */
export function productNear(cycles: number, energyPj: number, target: ChipTarget): Weighing {
  // Energy is what is done plus static power: both grow with the cycles.
  const picojoules = cycles / energyPj;
  return { perCycle: 1 + picojoules * staticPjPerCycle(target), perPicojoule: picojoules };
}
