import { describe, expect, it } from "vitest";
import { formatSteps, stepsNotBetter } from "../../api/forecast-scores.ts";
import { differences, type ExpectedFigures, formatFigures } from "../../examples/forecasting/figures.ts";
import { windowPlans } from "../../examples/forecasting/run.ts";
import { zapbenchSize } from "../../examples/zapbench-tsmixer/index.ts";
import { endFrame } from "../../recordings/forecast.ts";

const figures: ExpectedFigures = {
  parameterCount: 10,
  macCount: 20,
  latencyCycles: 1000,
  intervalCycles: 900,
  withHostLatencyCycles: 2000,
  withHostIntervalCycles: 1900,
  energyPerInferenceJoules: 1e-3,
  withHostEnergyPerInferenceJoules: 2e-3,
  sqnrDb: 40,
  mixingFraction: 0.25,
  featureMixingFraction: 0.125,
  horizonSteps: [1, 4],
  f32: [0.5, 0.75],
  chip: [0.5, 0.76],
  lastValue: [0.4, 0.8],
  contextMean: [0.6, 0.7],
};

describe("comparing figures", () => {
  it("takes what differs by less than a millionth for the same", () => {
    expect(differences(figures, { ...figures, sqnrDb: 40 + 3e-5, f32: [0.5 + 4e-7, 0.75] })).toEqual([]);
  });

  it("names every figure that moved", () => {
    expect(differences(figures, { ...figures, latencyCycles: 1001, chip: [0.5, 0.77] })).toEqual([
      "latencyCycles is 1001, expected 1000",
      "chip is 0.5, 0.77, expected 0.5, 0.76",
    ]);
  });

  it("names a list that is shorter and a figure that is no number", () => {
    expect(differences(figures, { ...figures, f32: [0.5], sqnrDb: Number.NaN })).toEqual([
      "sqnrDb is NaN, expected 40",
      "f32 is 0.5, expected 0.5, 0.75",
    ]);
  });
});

describe("figures as text", () => {
  it("are JSON with one figure a line", () => {
    const text = formatFigures(figures);
    expect(JSON.parse(text)).toEqual(figures);
    expect(text.split("\n")).toHaveLength(Object.keys(figures).length + 3);
    expect(text).toContain('  "f32": [0.5, 0.75],\n');
  });
});

describe("steps ahead", () => {
  it("are those where the error is not less than the baseline's", () => {
    expect(stepsNotBetter([1, 2, 3, 4], [2, 2, 1, 5])).toEqual([2, 3]);
  });

  it("are written as ranges", () => {
    expect(formatSteps([1, 2, 3, 7, 9, 10])).toBe("1-3, 7, 9-10");
    expect(formatSteps([])).toBe("");
  });
});

describe("windows", () => {
  it("that are held out share no frame with those of the training", () => {
    const plans = windowPlans({
      size: zapbenchSize,
      training: { windowCount: 3, strideFrames: 5 },
      heldOut: { windowCount: 2, strideFrames: 7 },
    });
    expect(endFrame(plans.training)).toBe(2 * 5 + 36);
    expect(plans.heldOut.firstFrame).toBe(endFrame(plans.training));
    expect(endFrame(plans.heldOut)).toBe(46 + 7 + 36);
  });
});
