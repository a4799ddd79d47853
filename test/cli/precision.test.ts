import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { f32Tensor } from "../../ir/tensor.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { precisionSearchResultSchema } from "../../report/precision-search-schema.ts";
import { runResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, perceptron } from "./models.ts";

const folderWithModel = (): string => folderOf({ "m.onnx": bytesOf(perceptron()) });
const search = ["m.onnx", "--target", "mini-4x4", "--candidates", "w8a8,w4a8,w4a4"];

describe("boreal precision", () => {
  it("writes the plan, its front and its plot, and run gives the figures that were verified", async () => {
    const folder = folderWithModel();
    const args = ["precision", ...search, "--accuracy-budget", "sqnr=15", "--objective", "energy", "--out", "plan"];
    const result = await borealJson(folder, args, precisionSearchResultSchema);
    expect(result.files).toEqual(["plan.yaml", "plan.csv", "plan.svg", "plan.json"]);
    const chosen = result.points[result.chosen];
    expect(chosen?.withinBudget).toBe(true);
    expect(result.budget).toEqual({ metric: "sqnr", limit: expect.closeTo(10 ** -1.5, 12), text: "15.0 dB" });
    const lines = readFileSync(join(folder, "plan.csv"), "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(1 + result.points.length);
    expect(lines[0]).toMatch(/^name,chosen,onFront,withinBudget,cost,predictedCost,error,sqnrDb/);
    expect(lines.filter((line) => /^[^,]*,true,/.test(line))).toHaveLength(1);
    const svg = readFileSync(join(folder, "plan.svg"), "utf8");
    expect(svg).toMatch(/^<svg[\s\S]*energy of an inference on device, µJ[\s\S]*<\/svg>$/);
    expect(svg).toContain("budget 15.0 dB");
    const same = ["--quantizer", result.quantizer, "--objective", "energy", "--target", "mini-4x4"];
    const run = await borealJson(folder, ["run", "m.onnx", "--precision", "plan.yaml", ...same], runResultSchema);
    expect(run.accuracy?.sqnrDb).toBeCloseTo(chosen?.verified.sqnrDb ?? Number.NaN, 9);
    expect(run.energy.energyPerInferenceJoules).toBe(chosen?.verified.energyJoules);
    expect(run.timing.latencyCycles).toBe(chosen?.verified.latencyCycles);
  });

  it("shows the points by cost on one screen", async () => {
    const { code, stdout } = await boreal(folderWithModel(), ["precision", ...search, "--accuracy-budget", "sqnr=12"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^m: precision of each layer for latency/);
    expect(stdout).toMatch(/^budget {6}sqnr: 12\.0 dB$/m);
    expect(stdout).toMatch(/^chosen .* cycles, .* of w8a8; SQNR \d+\.\d dB$/m);
    expect(stdout).toMatch(/^→ .* within$/m);
  });

  it("holds a forecast to what really followed", async () => {
    const folder = folderWithModel();
    const { writeFileSync } = await import("node:fs");
    const numbers = (count: number, step: number) =>
      Float32Array.from({ length: count }, (_, index) => Math.sin(step * index));
    writeFileSync(join(folder, "x.npy"), formatNpy(f32Tensor([6, 1, 16], numbers(96, 1.3))));
    writeFileSync(join(folder, "y.npy"), formatNpy(f32Tensor([6, 1, 8], numbers(48, 0.7))));
    const args = ["precision", ...search, "--accuracy-budget", "mae=3%", "--input", "x.npy", "--truth", "y.npy"];
    const result = await borealJson(folder, args, precisionSearchResultSchema);
    expect(result.samples.verifiedCount).toBe(6);
    expect(result.points[result.chosen]?.verified.error).toBeLessThanOrEqual(0.03);
  });

  it.each([
    [["precision", ...search], 2, "B601", "--accuracy-budget"],
    [["precision", ...search, "--accuracy-budget", "sqnr=high"], 1, "B806", "sqnr=DB"],
    [["precision", ...search, "--accuracy-budget", "sqnr=99"], 1, "B807", "the best of the"],
    [["precision", ...search, "--accuracy-budget", "sqnr=20", "--truth", "y.npy"], 2, "B601", "--input"],
    [["run", "m.onnx", "--accuracy-budget", "sqnr=20", "--precision", "w8a8"], 2, "B601", "--precision"],
    [["run", "m.onnx", "--candidates", "w8a8"], 2, "B601", "--accuracy-budget"],
  ] as const)("refuses %j", async (args, code, error, text) => {
    const ended = await boreal(folderWithModel(), args);
    expect(ended.stderr).toContain(error);
    expect(ended.stderr).toContain(text);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe("");
  });

  it("lets run search and report on what it found", async () => {
    const args = ["run", ...search, "--accuracy-budget", "sqnr=12", "--objective", "energy"];
    const run = await borealJson(folderWithModel(), args, runResultSchema);
    expect(run.accuracy?.sqnrDb).toBeGreaterThanOrEqual(12);
    expect(run.choices.precision).not.toBe("w8a8");
  });
});
