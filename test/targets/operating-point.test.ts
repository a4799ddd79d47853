import { describe, expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { loadChip } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import type { ChipTarget } from "../../targets/target.ts";

const chip = loadChip("northpole-style");
const mini = loadChip("mini-4x4");

function refusal(target: ChipTarget, ...overrides: string[]): string[] {
  try {
    applyOverrides(target, overrides);
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(({ code, message }) => `${code} ${message}`);
    throw error;
  }
  return [];
}

describe("a supply voltage", () => {
  it("other than the reference multiplies the dynamic energies by one factor, leakage by another, the links by none", () => {
    // The mini chip's energy goes with V squared, its leakage too: (1/2)² = 1/4.
    const low = applyOverrides(mini, ["supply.voltage=0.5"]);
    expect(low.supplyVolts).toBe(0.5);
    const { energy: before } = mini;
    const { energy: after } = low;
    for (const key of Object.keys(before) as (keyof typeof before)[]) {
      const same = key === "hostPjPerByte" || key === "interfaceWatts";
      const [old, now] = [before[key], after[key]];
      if (typeof old === "number") expect(now, key).toBe(same ? old : old / 4);
      else expect(Object.values(now), key).toEqual(Object.values(old).map((value) => value / 4));
    }
    for (const name of ["model", "partial", "activation", "instruction"] as const) {
      expect(low.networks[name]).toEqual({
        ...mini.networks[name],
        hopEnergyPjPerByte: mini.networks[name].hopEnergyPjPerByte / 4,
      });
    }
    expect(applyOverrides(low, ["supply.voltage=1"]).energy).toEqual(before);
  });

  it("scales energy as Stillmaker and Baas' 14 nm curve does: 0.51 at 0.6 V, 0.73 at 0.7, 1.32 at 0.9, relative to 0.8", () => {
    const factor = (volts: number): number =>
      applyOverrides(chip, [`supply.voltage=${volts}`, "clock=100e6"]).energy.macPj["8"] / chip.energy.macPj["8"];
    expect([0.6, 0.65, 0.7, 0.75, 0.85, 0.9].map((volts) => Number(factor(volts).toFixed(2)))).toEqual([
      0.51, 0.62, 0.73, 0.86, 1.15, 1.32,
    ]);
    expect(factor(0.8)).toBe(1);
  });

  it("limits the clock as gates are slower: by 1.35 at 0.6 V, and never above the chip's greatest", () => {
    const limit = (volts: number): number => {
      const [message] = refusal(chip, `supply.voltage=${volts}`, "clock=900e6");
      return Number(/to ([\d.]+) MHz/.exec(message ?? "")?.[1]);
    };
    // The delays of the curve relative to 0.8 V: 1.35, 1.12 and 1.05; above 0.8 V the clock's own limit holds.
    expect(limit(0.6)).toBeCloseTo(425 / 1.35, -0.5);
    expect(limit(0.7)).toBeCloseTo(425 / 1.12, -0.5);
    expect(limit(0.8)).toBe(425);
    expect(limit(0.9)).toBe(425);
    expect(refusal(chip, "supply.voltage=0.6", "clock=310e6")).toEqual([]);
  });

  it("or a clock out of range is refused with the range", () => {
    expect(refusal(chip, "clock=426e6")).toEqual([
      "B305 clock: 426 MHz is not within 25 MHz to 425 MHz, what the chip reaches at 0.8 V.",
    ]);
    expect(refusal(chip, "clock=24e6")).toHaveLength(1);
    expect(refusal(chip, "clock=25e6")).toEqual([]);
    expect(refusal(chip, "supply.voltage=0.59")).toEqual(["B305 supply.voltage: 0.59 V is not within 0.6 to 0.9 V."]);
    expect(refusal(chip, "supply.voltage=0.91")).toHaveLength(1);
    expect(refusal(mini, "supply.voltage=0.5", "supply.energyCurve.constant=-0.5")).toEqual([
      "B305 supply: the curves give an energy of -0.5 and a delay of 1.25 at 0.5 V, relative to 1 V; both must be positive.",
    ]);
    expect(refusal(mini, "supply.energyCurve.square=0")[0]).toMatch(/both must be positive/);
  });
});
