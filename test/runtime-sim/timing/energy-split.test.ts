import { describe, expect, it } from "vitest";
import { sum } from "../../../base/math.ts";
import { energyComponents } from "../../../runtime-sim/energy.ts";
import { coreEnergies } from "../../../runtime-sim/energy-split.ts";
import { metricsOf } from "../../../runtime-sim/metrics.ts";
import { cores, miniTarget, move, onCores, oneStep, run } from "./machine.ts";
import { richProgram } from "./rich-program.ts";

describe("energy by core", () => {
  const rich = richProgram();
  const onDevice = run(rich, { batches: 3 });
  const withHost = run(rich, { batches: 3, host: true });
  const metrics = metricsOf({ onDevice, withHost }, rich, miniTarget);

  it("adds up to the energy of the run, component by component, on device and with host", () => {
    for (const [trace, figures] of [
      [onDevice, metrics.onDevice],
      [withHost, metrics.withHost],
    ] as const) {
      const split = coreEnergies(trace, rich, miniTarget);
      for (const component of energyComponents) {
        const joules = figures.energy.byComponentJoules[component];
        const added = sum(split.map(({ byComponentJoules }) => byComponentJoules[component]));
        expect(Math.abs(added - joules), component).toBeLessThanOrEqual(1e-12 * joules);
      }
      expect(sum(split.map(({ totalJoules }) => totalJoules)) / figures.energy.totalJoules).toBeCloseTo(1, 12);
    }
  });

  it("charges a packet's way and reads to its sender, its writes to the core where it arrives", () => {
    // 40 bytes from (0,0) over 3 + 1 links to (1,3): 40 × 1 pJ read, 160 × 0.125 pJ of hops; 40 × 2 pJ written.
    const one = oneStep([onCores(cores(0, 0), { send: [move(40, 1, 3, 1)] })]);
    const split = coreEnergies(run(one, { batches: 3 }), one, miniTarget);
    const dynamicPj = (row: number, column: number): number[] => {
      const parts = split.find((core) => core.row === row && core.column === column)?.byComponentJoules;
      return (["memory", "activationNetwork", "instructions"] as const).map((name) => (parts?.[name] ?? 0) * 1e12);
    };
    expect(dynamicPj(0, 0).map(Math.round)).toEqual([40, 20, 16]);
    expect(dynamicPj(1, 3).map(Math.round)).toEqual([80, 0, 0]);
    expect(dynamicPj(1, 2)).toEqual([0, 0, 0]);
  });

  it("shares clock and leakage among the cores of the grid, the interface among the io cores", () => {
    const split = coreEnergies(onDevice, rich, miniTarget);
    expect(split.length).toBe(4 * 5);
    for (const { column, byComponentJoules } of split) {
      const { clock, leakage, interface: link } = byComponentJoules;
      expect([clock > 0, leakage > 0, link > 0]).toEqual(column < 0 ? [false, false, true] : [true, true, false]);
    }
  });
});
