import { describe, expect, it } from "vitest";
import { chooseTarget, importModel, printRun, type RunResult, runModel, withForecast } from "../../api.ts";
import { bytesOf, perceptron } from "../cli/models.ts";

const { result } = runModel({
  model: importModel({ bytes: bytesOf(perceptron()), name: "perceptron" }),
  target: chooseTarget("mini-4x4"),
  range: true,
});

const forecast = {
  recording: "synthetic population",
  origin: "synthetic" as const,
  windowCount: 64,
  unit: "dF/F",
  meanAbsoluteErrors: {
    f32: [0.1, 0.2, 0.3, 0.4],
    chip: [0.11, 0.21, 0.31, 0.41],
    lastValue: [0.12, 0.24, 0.36, 0.48],
    contextMean: [0.13, 0.26, 0.39, 0.52],
    trainingMedian: [0.14, 0.28, 0.42, 0.56],
  },
};

const control = String.fromCharCode(27);

describe("the report of a run", () => {
  it("fits one screen, with forecast errors too", () => {
    const lines = printRun(withForecast(result, forecast)).trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(50);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it("shows forecast errors of the model and of forecasts without a model, by steps ahead", () => {
    const text = printRun(withForecast(result, forecast));
    expect(text).toMatch(/forecast error \(dF\/F\) +1 ahead +2 ahead +4 ahead\n/);
    expect(text).toMatch(/model, chip +0\.1100 +0\.2100 +0\.4100\n/);
    expect(text).toMatch(/last value +0\.1200/);
    expect(text).toContain("64 windows of synthetic population, synthetic data");
    const timed = { ...forecast, meanAbsoluteErrors: { ...forecast.meanAbsoluteErrors, chip: null } };
    expect(printRun(withForecast(result, timed))).not.toContain("model, chip");
  });

  it("compares like with like: the factors say how many times the chip does better", () => {
    const chip = { ...result, timing: { ...result.timing, latencySeconds: 1e-6, throughputPerSecond: 1e6 } };
    const gpu = {
      ...(result.baselines[0] as RunResult["baselines"][number]),
      latencySeconds: 4e-6,
      throughputPerSecond: 2e6,
    };
    const energyPerInferenceJoules = 3 * result.energy.energyPerInferenceJoules;
    const text = printRun({ ...chip, baselines: [{ ...gpu, name: "gpu", energyPerInferenceJoules }] });
    expect(text).toMatch(/gpu +4\.00 µs \w+ +4\.00× .* 0\.50× .* 3\.00×\n/);
    expect(printRun({ ...result, baselines: [] })).not.toContain("ahead)");
  });

  it("says it when the functional and the exact answer differ", () => {
    const accuracy = result.accuracy as NonNullable<RunResult["accuracy"]>;
    const wrong = { ...result, accuracy: { ...accuracy, exactCheck: { sampleCount: 4, equal: false } } };
    expect(printRun(wrong)).toContain("functional = exact: NO");
  });

  it("is coloured when asked and says the same", () => {
    const coloured = printRun(result, { colour: true });
    expect(coloured).toContain(control);
    expect(coloured.replaceAll(new RegExp(`${control}\\[\\d+m`, "g"), "")).toBe(printRun(result));
  });

  it("counts the warnings that it has no room for", () => {
    const [first] = result.warnings;
    const many = Array.from({ length: 9 }, () => first as RunResult["warnings"][number]);
    expect(printRun({ ...result, warnings: many })).toContain("and 4 more warnings");
  });
});
