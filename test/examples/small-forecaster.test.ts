import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseTarget, noProgress, type RunResult } from "../../api.ts";
import type { ExampleOptions } from "../../examples/example.ts";
import { readExpected } from "../../examples/forecasting/example-folder.ts";
import { differences, type ExpectedFigures } from "../../examples/forecasting/figures.ts";
import { examples } from "../../examples/index.ts";
import { smallForecaster } from "../../examples/small-forecaster/index.ts";

interface Reported {
  readonly result: RunResult;
  readonly remarks: readonly string[];
}

async function runIn(folder: string, changes: Partial<ExampleOptions> = {}): Promise<Reported> {
  const reports: Reported[] = [];
  const options = {
    target: chooseTarget(),
    seed: 0,
    timingOnly: false,
    outputFolder: folder,
    range: false,
    onProgress: noProgress,
    ...changes,
  };
  await smallForecaster.run(options, (result, remarks) => {
    reports.push({ result, remarks });
  });
  expect(reports).toHaveLength(1);
  return reports[0] as Reported;
}

describe("the small forecaster", () => {
  const folder = mkdtempSync(join(tmpdir(), "boreal-test-"));
  let reported: Reported;
  beforeAll(async () => {
    reported = await runIn(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const found = (): ExpectedFigures =>
    JSON.parse(readFileSync(join(folder, "figures.json"), "utf8")) as ExpectedFigures;
  const codes = ({ result }: Reported): string[] => result.warnings.map(({ code }) => code);

  it("finds the figures of expected.json again", () => {
    const expected = readExpected("small-forecaster");
    expect(expected).not.toBeNull();
    expect(differences(expected as ExpectedFigures, found())).toEqual([]);
    expect(codes(reported)).not.toContain("W403");
  });

  it("computes on the chip what the exact evaluation computes, bit for bit, for all 64 windows", () => {
    expect(reported.result.accuracy?.exactCheck).toEqual({ sampleCount: 64, equal: true });
  });

  it("says what is synthetic, above the report and in the result", () => {
    const label = "Synthetic recording; head fitted in closed form, mixing layers seeded random.";
    expect(reported.remarks[0]).toBe(label);
    expect(reported.remarks[1]).toMatch(/^With the mixing layers zeroed the forecast moves by \d+\.\d % RMS/);
    expect(reported.result.warnings.find(({ code }) => code === "W401")?.message).toContain(label);
    expect(reported.result.forecast?.origin).toBe("synthetic");
    expect(reported.result.model.weights).toBe("random");
  });

  it("moves by a tenth and more without its mixing layers, and without those between neurons", () => {
    expect(found().mixingFraction).toBeGreaterThan(0.1);
    expect(found().featureMixingFraction).toBeGreaterThan(0.1);
  });

  it("has an error for each of 32 steps ahead, of model, chip and two baselines", () => {
    const errors = reported.result.forecast?.meanAbsoluteErrors;
    for (const list of [errors?.f32, errors?.chip, errors?.lastValue, errors?.contextMean])
      expect(list).toHaveLength(32);
  });

  it("beats the last value far ahead, and says where it does not", () => {
    const errors = reported.result.forecast?.meanAbsoluteErrors;
    expect(errors?.chip?.[31]).toBeLessThan(errors?.lastValue[31] ?? 0);
    expect((errors?.chip?.[0] ?? 0) < (errors?.lastValue[0] ?? 0)).toBe(false);
    const messages = reported.result.warnings.filter(({ code }) => code === "W402").map(({ message }) => message);
    expect(messages[0]).toMatch(/^The chip's forecast does not beat the last value at steps ahead 1\b/);
  });

  it("writes the same files when it runs again", async () => {
    const again = mkdtempSync(join(tmpdir(), "boreal-test-"));
    try {
      const second = await runIn(again);
      expect(second.result).toEqual(reported.result);
      for (const name of ["recording.npy", "tsmixer.onnx", "figures.json"]) {
        expect(readFileSync(join(again, name)).equals(readFileSync(join(folder, name)))).toBe(true);
      }
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  it("needs neither recording nor weights for timing alone, and takes as long", async () => {
    const shapes = mkdtempSync(join(tmpdir(), "boreal-test-"));
    try {
      const { result, remarks } = await runIn(shapes, { timingOnly: true });
      expect(remarks).toEqual(["Timing only: neither recording nor weights were made."]);
      expect(existsSync(join(shapes, "recording.npy"))).toBe(false);
      expect(result.accuracy).toBeNull();
      expect(result.model.weights).toBe("absent");
      expect(result.model.macCount).toBe(reported.result.model.macCount);
    } finally {
      rmSync(shapes, { recursive: true });
    }
  });

  it("does not compare with figures of another seed", async () => {
    const other = mkdtempSync(join(tmpdir(), "boreal-test-"));
    try {
      const second = await runIn(other, { seed: 1 });
      expect(second.result.forecast?.meanAbsoluteErrors).not.toEqual(reported.result.forecast?.meanAbsoluteErrors);
      expect(codes(second)).not.toContain("W403");
    } finally {
      rmSync(other, { recursive: true });
    }
  });
});

describe("the examples", () => {
  it("have names of their own, and expected figures", () => {
    expect(new Set(examples.map(({ name }) => name)).size).toBe(examples.length);
    for (const { name } of examples) expect(readExpected(name)?.latencyCycles).toBeGreaterThan(0);
  });
});
