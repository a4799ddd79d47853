import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sensitivityResultSchema } from "../../report/sensitivity-schema.ts";
import { boreal, folderOf } from "./command.ts";
import { bytesOf, perceptron } from "./models.ts";

describe("boreal sensitivity", () => {
  it("prints the estimates that matter, and writes JSON, CSV and a plot", async () => {
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()) });
    const files = ["--json", "s.json", "--csv", "s.csv", "--svg", "s.svg"];
    const { code, stdout, stderr } = await boreal(folder, ["sensitivity", "perceptron.onnx", ...files]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^energy\.leakage +[\d.]+ +W +[\d.]+, [\d.]+ +– +– +−\d/m);
    const read = (name: string): string => readFileSync(join(folder, name), "utf8");
    const { rows } = sensitivityResultSchema.parse(JSON.parse(read("s.json")));
    expect(read("s.csv").trimEnd().split("\n").length).toBe(1 + rows.length);
    expect(read("s.svg")).toMatch(/^<svg .*<\/svg>\s*$/s);
  });

  it("has nothing to move on a chip without estimates", async () => {
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()) });
    const args = ["sensitivity", "perceptron.onnx", "--target", "mini-4x4", "--json"];
    const { stdout } = await boreal(folder, args);
    expect(sensitivityResultSchema.parse(JSON.parse(stdout)).rows).toEqual([]);
  });
});
