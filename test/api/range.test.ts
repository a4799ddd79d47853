import { describe, expect, it } from "vitest";
import { heldRangeOf } from "../../api/range.ts";
import { chooseTarget, compileModel, importModel, simulateProgram } from "../../api.ts";
import { bytesOf, perceptron } from "../cli/models.ts";

const { chip } = chooseTarget("northpole-style");
const { program } = compileModel(importModel({ bytes: bytesOf(perceptron()), name: "perceptron" }), chip);

describe("the range of a result", () => {
  const { range, metrics } = simulateProgram(program, chip);

  it("is simulated again at both ends where a program has few events", () => {
    expect(range?.timing).toBe("simulated");
    expect(range?.movedNumbers).toContain("energy.clock");
    expect(range?.heldNumbers).toEqual(
      expect.arrayContaining(["supply.voltage", "matrix.inputs", "core.weightBuffer"]),
    );
  });

  it("of energy alone lies within that of everything, at the cycles of the one simulation", () => {
    const held = heldRangeOf(program, chip, metrics);
    expect([held.timing, held.latencySeconds, held.throughputPerSecond]).toEqual(["held", null, null]);
    const [low, high] = held.energyPerInferenceJoules;
    const [least = 0, most = 0] = range?.energyPerInferenceJoules ?? [];
    expect(least).toBeLessThan(low);
    expect(low).toBeLessThan(metrics.onDevice.energyPerInferenceJoules);
    expect(high).toBeGreaterThan(metrics.onDevice.energyPerInferenceJoules);
    expect(high).toBeLessThan(most);
    expect(held.powerWatts[1] / held.powerWatts[0]).toBeCloseTo(high / low, 12);
    expect([...held.movedNumbers, ...held.heldNumbers].toSorted()).toEqual(
      [...(range?.movedNumbers ?? []), ...(range?.heldNumbers ?? [])].toSorted(),
    );
    // The dear static powers alone: 256 cores × 150 pJ × 400 MHz + 20 W + 6 W.
    expect(held.powerWatts[1]).toBeGreaterThan(256 * 150e-12 * 400e6 + 26);
  });

  it("is left out on request", () => {
    expect(simulateProgram(program, chip, { range: false }).range).toBeNull();
  });
});
