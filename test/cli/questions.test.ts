import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { differenceResultSchema } from "../../report/diff-schema.ts";
import { explanationResultSchema } from "../../report/explain-schema.ts";
import { runResultSchema, simulationResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, type Ended, folderOf } from "./command.ts";
import { bytesOf, convolution, perceptron, small } from "./models.ts";

const mini = ["--target", "mini-4x4"] as const;
const models = { "model.onnx": bytesOf(perceptron()), "conv.onnx": bytesOf(convolution()) };

/** Runs a command that is used wrongly: exit code 2, one line that says how. */
async function misused(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await boreal(folderOf(models), args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^error\[B601\]: [^\n]+\n$/);
  return stderr;
}

async function done(folder: string, ...args: string[]): Promise<Ended> {
  const ended = await boreal(folder, args);
  expect(ended.stderr).toBe("");
  expect(ended.code).toBe(0);
  return ended;
}

describe("one layer in place of a model", () => {
  it("runs with every option of run, its weights labelled random", async () => {
    const result = await borealJson(
      folderOf({}),
      ["run", "--gemm", "16,24,32", ...small, "--seed", "3"],
      runResultSchema,
    );
    expect(result.model).toMatchObject({ name: "gemm-16x24x32", weights: "random", macCount: 16 * 24 * 32 });
    expect(result.accuracy?.exactCheck?.equal).toBe(true);
    expect(result.warnings.map(({ code }) => code)).toContain("W102");
    const conv = ["run", "--conv", "2x4x9x9,8x3x3,stride=2,pad=1", ...small, "--timing-only", "--ideal", "network"];
    const timed = await borealJson(folderOf({}), conv, runResultSchema);
    expect(timed).toMatchObject({ model: { weights: "absent" }, choices: { batchCount: 2 }, accuracy: null });
    expect(timed.ideal?.resources).toEqual(["network"]);
  });

  it("is refused when it is not understood", async () => {
    expect(await misused("run", "--conv", "4x9x9,8x3x3,strid=2")).toContain('"strid=2" is none of stride=');
  });
});

describe("free resources", () => {
  it("are stated beside the figures of the real machine, in run and simulate", async () => {
    const folder = folderOf(models);
    const plain = await borealJson(folder, ["run", "conv.onnx", ...small, "--timing-only"], runResultSchema);
    const args = ["conv.onnx", ...small, "--timing-only", "--ideal", "network", "--ideal", "vector"];
    const ideal = await borealJson(folder, ["run", ...args], runResultSchema);
    expect(ideal.ideal?.real.latencyCycles).toBe(plain.timing.latencyCycles);
    expect(ideal.ideal?.real.energyPerInferenceJoules).toBe(plain.energy.energyPerInferenceJoules);
    expect(ideal.timing.latencyCycles).toBeLessThan(plain.timing.latencyCycles);
    expect(ideal.timing.cyclesByCause).toMatchObject({ network: 0, vector: 0 });
    expect(ideal.target.sha256).toBe(plain.target.sha256);
    expect(ideal.warnings.map(({ code }) => code)).toContain("W303");
    const { stdout } = await done(folder, "run", ...args, "--layers");
    expect(stdout).toMatch(/^cycles by cause/m);
    expect(stdout).toMatch(/^ideal +network, vector take no time; mapped for the real machine/m);
    expect(stdout).toMatch(/latency [\d,]+ → [\d,]+ cycles \(−\d/);
    await done(folder, "compile", "conv.onnx", ...mini, "--timing-only", "--out", "p");
    const simulated = await borealJson(
      folder,
      ["simulate", "p.basm", ...mini, "--ideal", "network", "--ideal", "vector"],
      simulationResultSchema,
    );
    expect(simulated.timing.latencyCycles).toBe(ideal.timing.latencyCycles);
    expect(simulated.ideal).toEqual(ideal.ideal);
  });

  it("are refused by other names", async () => {
    expect(await misused("run", "model.onnx", "--ideal", "matrix")).toContain("network, memory, host, vector");
  });
});

describe("boreal diff", () => {
  it("compares two results: text, JSON, CSV", async () => {
    const folder = folderOf(models);
    await done(folder, "run", "conv.onnx", ...small, "--timing-only", "--json", "a.json");
    await done(folder, "run", "conv.onnx", ...small, "--timing-only", "--precision", "w4a4", "--json", "b.json");
    const result = await borealJson(folder, ["diff", "a.json", "b.json"], differenceResultSchema);
    const [latency] = result.headline;
    const { stdout } = await done(folder, "diff", "a.json", "b.json");
    const cycles = latency?.difference ?? Number.NaN;
    expect(stdout).toContain(`all layers: ${cycles < 0 ? "−" : "+"}${Math.abs(cycles)} cycles`);
    await done(folder, "diff", "a.json", "b.json", "--csv", "layers.csv");
    expect(readFileSync(join(folder, "layers.csv"), "utf8").trimEnd().split("\n")).toHaveLength(
      result.layers.length + 1,
    );
  });

  it("refuses what is no result", async () => {
    const { code, stderr } = await boreal(folderOf({ "a.json": "{}", "b.json": "{}" }), ["diff", "a.json", "b.json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^a\.json: error\[B704\]: .*no result of Boreal/);
  });
});

describe("boreal explain", () => {
  it("summarises all layers as JSON, and shows one from near", async () => {
    const folder = folderOf(models);
    const all = await borealJson(folder, ["explain", "conv.onnx", ...mini], explanationResultSchema);
    expect(all.layer).toBeNull();
    const { stdout } = await done(folder, "explain", "--gemm", "16,24,32", "gemm", ...mini);
    expect(stdout).toMatch(/^layer +gemm: contraction/m);
  });

  it("refuses a layer that does not exist", async () => {
    expect(await misused("explain", "conv.onnx", "dens", ...mini)).toContain('did you mean "dense"?');
  });
});
