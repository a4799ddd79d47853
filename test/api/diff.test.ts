import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareFiles } from "../../api/diff.ts";
import { chooseTarget, importModel, type RunResult, runModel } from "../../api.ts";
import type { WrittenModel } from "../../compiler/onnx/write-model.ts";
import { printDifference, printDifferenceCsv } from "../../report/diff.ts";
import { type DifferenceResult, differenceResultSchema } from "../../report/diff-schema.ts";
import { printJson } from "../../report/json.ts";
import { bytesOf, convolution, perceptron } from "../cli/models.ts";
import { problemsOf } from "../compiler/onnx/written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-diff-"));

function resultOf(model: WrittenModel, precision = "w8a8"): RunResult {
  const imported = importModel({ bytes: bytesOf(model), name: model.name });
  return runModel({ model: imported, target: chooseTarget("mini-4x4"), precision, timingOnly: true }).result;
}

function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const [wide, narrow, other] = [resultOf(convolution()), resultOf(convolution(), "w4a4"), resultOf(perceptron())];
const a = fileOf("a.json", printJson(wide));
const b = fileOf("b.json", printJson(narrow));
const c = fileOf("c.json", printJson(other));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const headline = ({ headline: figures }: DifferenceResult, figure: string) =>
  figures.find((each) => each.figure === figure);

describe("the difference of two results", () => {
  it.each([
    ["of one model at two precisions", b, narrow],
    ["of two models", c, other],
  ])("adds up %s: layers, causes and components to that of the whole", (_, file, right) => {
    const result = differenceResultSchema.parse(compareFiles(a, file));
    const latency = right.timing.latencyCycles - wide.timing.latencyCycles;
    expect(headline(result, "latencyCycles")?.difference).toBe(latency);
    expect(sum(result.cyclesByCause.map(({ difference }) => difference))).toBe(latency);
    expect(sum(result.layers.map(({ latencyCycles }) => latencyCycles.difference))).toBe(latency);
    for (const { latencyCycles, cyclesByCause } of result.layers) {
      expect(sum(Object.values(cyclesByCause))).toBe(latencyCycles.difference);
    }
    const energy = right.energy.energyPerInferenceJoules - wide.energy.energyPerInferenceJoules;
    expect(headline(result, "energyPerInferenceJoules")?.difference).toBe(energy);
    for (const parts of [
      result.energyByComponent.map(({ difference }) => difference),
      result.layers.map(({ energyJoules }) => energyJoules.difference),
    ]) {
      expect(Math.abs(sum(parts) - energy)).toBeLessThan(1e-9 * wide.energy.energyPerInferenceJoules);
    }
  });

  it("puts the largest effect first and says what was changed", () => {
    const { layers, cyclesByCause, changed } = compareFiles(a, b);
    for (const effects of [
      layers.map(({ latencyCycles }) => Math.abs(latencyCycles.difference)),
      cyclesByCause.map(({ difference }) => Math.abs(difference)),
    ]) {
      expect(effects).toEqual([...effects].sort((left, right) => right - left));
    }
    expect(changed).toEqual([{ path: "choices.precision", a: '"w8a8"', b: '"w4a4"' }]);
    expect(layers.every((layer) => layer.in === "both")).toBe(true);
  });

  it("lists layers that stand in one result alone, compared with nothing", () => {
    const { layers } = compareFiles(a, c);
    const conv = wide.layers.find(({ name }) => name === "conv");
    expect(layers.find(({ name }) => name === "conv")).toMatchObject({
      in: "a",
      latencyCycles: { a: conv?.latencyCycles, b: 0, difference: -(conv?.latencyCycles ?? 0) },
      mapping: null,
    });
    expect(layers.find(({ name }) => name === "second")).toMatchObject({ in: "b", latencyCycles: { a: 0 } });
    const text = printDifference(compareFiles(a, c));
    expect(text).toMatch(/^conv +[\d,]+ +– +−[\d,]+ .*only in A$/m);
  });

  it("aligns layers of the same name in their order", () => {
    const twice = { ...wide, layers: [...wide.layers, ...wide.layers] };
    const { layers } = compareFiles(fileOf("twice.json", printJson(twice)), a);
    expect(layers.filter((layer) => layer.in === "both")).toHaveLength(wide.layers.length);
    expect(layers.filter((layer) => layer.in === "a")).toHaveLength(wide.layers.length);
  });

  it("finds nothing between a result and itself", () => {
    const result = compareFiles(a, a);
    expect(result.changed).toEqual([]);
    expect([...result.headline, ...result.cyclesByCause].every(({ difference }) => difference === 0)).toBe(true);
    expect(printDifference(result)).toContain("no layer differs");
  });

  it("has the energy of layers by component where both results have it", () => {
    const split = (precision: string): string => {
      const imported = importModel({ bytes: bytesOf(convolution()), name: "convolution" });
      const options = { model: imported, target: chooseTarget("mini-4x4"), timingOnly: true, energySplit: true };
      return fileOf(`split-${precision}.json`, printJson(runModel({ ...options, precision }).result));
    };
    const { layers, energyByComponent } = compareFiles(split("w8a8"), split("w4a4"));
    const whole = wide.energy.energyPerInferenceJoules;
    for (const { energyByComponentJoules, energyJoules } of layers) {
      const parts = Object.values(energyByComponentJoules ?? { none: Number.NaN });
      expect(Math.abs(sum(parts) - energyJoules.difference)).toBeLessThan(1e-9 * whole);
    }
    for (const { component, difference } of energyByComponent) {
      const parts = layers.map((layer) => layer.energyByComponentJoules?.[component] ?? Number.NaN);
      expect(Math.abs(sum(parts) - difference)).toBeLessThan(1e-9 * whole);
    }
    expect(compareFiles(a, b).layers[0]?.energyByComponentJoules).toBeNull();
  });

  it("is the opposite the other way round", () => {
    const [there, back] = [compareFiles(a, b), compareFiles(b, a)];
    expect(headline(back, "latencyCycles")?.difference).toBe(-(headline(there, "latencyCycles")?.difference ?? 0));
    expect(back.layers.map(({ name }) => name)).toEqual(there.layers.map(({ name }) => name));
  });

  it("prints within the screen, and as CSV with a row a layer", () => {
    const result = compareFiles(a, c);
    const lines = printDifference(result).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    const [header = "", ...rows] = printDifferenceCsv(result).trimEnd().split("\n");
    expect(rows).toHaveLength(result.layers.length);
    for (const row of rows) expect(row.split(",")).toHaveLength(header.split(",").length);
  });

  it.each([
    ["no JSON", "latency 12", /The file is no JSON\./],
    ["nothing", "", /The file is empty\./],
    ["no result", "{}", /no schemaVersion and kind/],
    ["a list", "[1]", /no schemaVersion and kind/],
    ["another version", JSON.stringify({ ...wide, schemaVersion: 99 }), /schema version 99, expected 2/],
    ["another kind", JSON.stringify({ ...wide, kind: "answers" }), /kind "answers", expected "run" or "simulation"/],
    ["a damaged result", JSON.stringify({ ...wide, timing: {} }), /damaged at timing\.latencyCycles/],
  ])("refuses a file that holds %s", (name, content, message) => {
    const path = fileOf(`${name.replaceAll(" ", "-")}.json`, content);
    const [found] = problemsOf(() => compareFiles(a, path));
    expect(found).toMatchObject({ code: "B704", at: { file: path } });
    expect(found?.message).toMatch(message);
    expect(found?.hint).toContain("--json");
  });

  it("refuses a file that does not exist", () => {
    expect(problemsOf(() => compareFiles(join(folder, "nowhere.json"), a))[0]?.message).toMatch(/cannot be read/);
  });
});
