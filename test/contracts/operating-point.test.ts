import { describe, expect, it } from "vitest";
import { chooseTarget, compileModel, importModel, simulateProgram } from "../../api.ts";
import { energyComponents } from "../../runtime-sim/energy.ts";
import { bytesOf, perceptron } from "../cli/models.ts";

const model = importModel({ bytes: bytesOf(perceptron()), name: "perceptron" });

/** The figures on device of a model that is compiled for a chip with numbers replaced. */
function figures(...overrides: string[]) {
  const { chip } = chooseTarget("northpole-style", overrides);
  const { program } = compileModel(model, chip);
  return simulateProgram(program, chip, { range: false }).metrics.onDevice;
}

describe("another operating point", () => {
  const nominal = figures();
  // Stillmaker and Baas, 14 nm: E(V) = 0.2363 V² − 0.09675 V + 0.02239.
  const energyAt = (volts: number): number => 0.2363 * volts ** 2 - 0.09675 * volts + 0.02239;
  const factor = energyAt(0.7) / energyAt(0.8);

  it("leaves all cycles as they are", () => {
    for (const point of [["clock=200e6"], ["supply.voltage=0.7", "clock=350e6"], ["supply.voltage=0.9"]]) {
      const { latencyCycles, intervalCycles, stack } = figures(...point);
      expect([latencyCycles, intervalCycles]).toEqual([nominal.latencyCycles, nominal.intervalCycles]);
      expect(stack).toEqual(nominal.stack);
    }
  });

  it("at half the clock takes the same dynamic and clock energy, and twice the leakage and interface energy", () => {
    const slow = figures("clock=200e6");
    expect(slow.latencySeconds).toBe(2 * nominal.latencySeconds);
    for (const component of energyComponents) {
      const times = component === "leakage" || component === "interface" ? 2 : 1;
      expect(slow.energy.byComponentJoules[component], component).toBe(
        times * nominal.energy.byComponentJoules[component],
      );
    }
  });

  it("at 0.7 V scales dynamic and clock energy by the curve, leakage by the square, the interface not", () => {
    const low = figures("supply.voltage=0.7", "clock=350e6");
    // The same cycles take 400/350 of the time.
    const longer = 400 / 350;
    for (const component of energyComponents) {
      const before = nominal.energy.byComponentJoules[component];
      const wanted = component === "interface" ? longer : component === "leakage" ? longer * (0.7 / 0.8) ** 2 : factor;
      if (before === 0) expect(low.energy.byComponentJoules[component]).toBe(0);
      else expect(low.energy.byComponentJoules[component] / before, component).toBeCloseTo(wanted, 12);
    }
  });
});
