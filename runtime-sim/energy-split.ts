import type { Program } from "../ir/program.ts";
import type { ChipTarget } from "../targets/target.ts";
import { countsOf, emptyCounts } from "./counts.ts";
import { type EnergyComponent, energyOf } from "./energy.ts";
import { batchIntervalCycles } from "./metrics.ts";
import { coreOf, type Trace } from "./trace.ts";

/** What one core is charged for; column −1 stands for the io core of a row. */
export interface CoreEnergy {
  readonly row: number;
  readonly column: number;
  readonly byComponentJoules: Readonly<Record<EnergyComponent, number>>;
  readonly totalJoules: number;
}

/**
 * Energy of an inference by core, row-major, the io core of a row first: dynamic energy to the core that executes, bytes
 * that arrive to where they are written, clock and leakage to all cores alike, the interface to the io cores alike. The cores
 * add up to the energy of the run that the trace is of. Throws B901 for a trace of fewer than three batches.
 */
export function coreEnergies(trace: Trace, program: Program, target: ChipTarget): CoreEnergy[] {
  const { rows, columns } = target.grid;
  const counts = countsOf(trace, program, true).cores ?? [];
  const interval = batchIntervalCycles(trace);
  const flowing = energyOf(emptyCounts(), target, interval, program.batchCount).byComponentJoules;
  return counts.map((each, core) => {
    const { row, column } = coreOf(trace, core);
    const { byComponentJoules, dynamicJoules } = energyOf(each, target, 0, program.batchCount);
    const isIo = column < 0;
    const clock = isIo ? 0 : flowing.clock / (rows * columns);
    const leakage = isIo ? 0 : flowing.leakage / (rows * columns);
    const link = isIo ? flowing.interface / rows : 0;
    return {
      row,
      column,
      byComponentJoules: { ...byComponentJoules, clock, leakage, interface: link },
      totalJoules: dynamicJoules + clock + leakage + link,
    };
  });
}
