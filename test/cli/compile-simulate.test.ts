import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { parseMapping } from "../../compiler/mapper/mapping-file.ts";
import { parseGraph, printGraph } from "../../ir/graph-text.ts";
import { parseProgram } from "../../ir/program-text.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { compileResultSchema } from "../../report/listing-schemas.ts";
import { runResultSchema, simulationResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, perceptron, small, weights } from "./models.ts";

const calibration = ["--calibrate", "c.npy"] as const;

const bundle = join(import.meta.dirname, "../../dist/cli/command.cjs");

/** What V8 says of a function that was compiled. */
interface FunctionCoverage {
  readonly ranges: readonly { readonly startOffset: number; readonly count: number }[];
}

/** The modules that ran in a process, as paths from the project's root: in the bundle each stands behind a comment with its path. */
async function modulesRun(folder: string, args: readonly string[]): Promise<string[]> {
  const coverage = mkdtempSync(join(tmpdir(), "boreal-coverage-"));
  const { code, stderr } = await boreal(folder, args, { NODE_V8_COVERAGE: coverage });
  if (code !== 0) throw new Error(stderr);
  const starts = readdirSync(coverage).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(coverage, name), "utf8")) as {
      result: { url: string; functions: FunctionCoverage[] }[];
    };
    const functions = result.filter(({ url }) => url === pathToFileURL(bundle).href).flatMap((each) => each.functions);
    return functions.flatMap(({ ranges: [whole] }) =>
      whole !== undefined && whole.count > 0 ? [whole.startOffset] : [],
    );
  });
  rmSync(coverage, { recursive: true });
  const modules = [...readFileSync(bundle, "latin1").matchAll(/^\/\/ (\S+)$/gm)];
  return modules.flatMap(({ index, 1: path = "" }, place) => {
    const end = modules[place + 1]?.index ?? Number.POSITIVE_INFINITY;
    return starts.some((start) => start >= index && start < end) ? [path] : [];
  });
}

async function compiled(): Promise<string> {
  const folder = folderOf({
    "perceptron.onnx": bytesOf(perceptron()),
    "x.npy": formatNpy(weights([1, 16], 21)),
    "c.npy": formatNpy(weights([4, 16], 22)),
  });
  const args = ["compile", "perceptron.onnx", "--target", "mini-4x4", "--out", "made/p", ...calibration];
  const { code, stderr } = await boreal(folder, args);
  if (code !== 0) throw new Error(stderr);
  return folder;
}

const simulate = ["simulate", "made/p.basm", "--target", "mini-4x4"] as const;

describe("boreal compile", () => {
  it("writes a program, its weights, the mapping and the graph, each of which parses", async () => {
    const folder = await compiled();
    const made = join(folder, "made");
    expect(readdirSync(made).sort()).toEqual(["p.basm", "p.bir", "p.mapping.yaml", "p.weights"]);
    const text = (name: string): string => readFileSync(join(made, name), "utf8");
    const program = parseProgram(text("p.basm"));
    expect(program.name).toBe("perceptron");
    expect(program.sidecar?.bytes).toBe(readFileSync(join(made, "p.weights")).length);
    expect(parseMapping(text("p.mapping.yaml")).steps.map(({ name }) => name)).toContain("second");
    expect(printGraph(parseGraph(text("p.bir")))).toBe(text("p.bir"));
  });

  it("says what it compiled, and writes nothing without --out", async () => {
    const folder = await compiled();
    rmSync(join(folder, "made"), { recursive: true });
    const args = ["compile", "perceptron.onnx", "--target", "mini-4x4", "--timing-only"];
    const result = await borealJson(folder, args, compileResultSchema);
    expect(result).toMatchObject({ kind: "compilation", macCount: 768, sidecarBytes: null, files: [] });
    expect(readdirSync(folder).sort()).toEqual(["c.npy", "perceptron.onnx", "x.npy"]);
  });

  it("writes the same bytes twice", async () => {
    const [first, second] = [await compiled(), await compiled()];
    for (const name of ["p.basm", "p.weights", "p.mapping.yaml", "p.bir"]) {
      expect(readFileSync(join(first, "made", name)).equals(readFileSync(join(second, "made", name)))).toBe(true);
    }
  });

  it("takes an edited mapping back and keeps its choices", async () => {
    const folder = await compiled();
    const file = join(folder, "made/p.mapping.yaml");
    const mapping = parseMapping(readFileSync(file, "utf8"));
    const step = mapping.steps.find(({ name }) => name === "first");
    const dimension = [...(step?.split.rows ?? []), ...(step?.split.columns ?? [])][0]?.dimension ?? "";
    const text = readFileSync(file, "utf8")
      .replace(
        /( {2}- name: first\n[\s\S]*?)( {4}rows: .*\n)?( {4}columns: .*\n)( {4}weights)/,
        `$1    rows: {${dimension}: 2}\n$4`,
      )
      .replace(/buffers:[\s\S]*$/, "");
    writeFileSync(file, text);
    const args = ["run", "perceptron.onnx", ...small, ...calibration, "--mapping", "made/p.mapping.yaml"];
    const result = await borealJson(folder, args, runResultSchema);
    expect(result.choices.mapping).toBe("given");
    expect(result.layers.find(({ name }) => name === "first")?.split).toEqual({
      rows: [{ dimension, parts: 2 }],
      columns: [],
    });
    expect(result.accuracy?.exactCheck?.equal).toBe(true);
  });
});

describe("boreal simulate", () => {
  it("gives the figures that run gives", async () => {
    const folder = await compiled();
    const run = await borealJson(folder, ["run", "perceptron.onnx", ...small, ...calibration], runResultSchema);
    const alone = await borealJson(folder, simulate, simulationResultSchema);
    const { timing, energy, withHost, memory, layers } = run;
    expect(alone.timing.latencyCycles).toBe(timing.latencyCycles);
    expect(alone.timing.intervalCycles).toBe(timing.intervalCycles);
    expect(alone.timing.cyclesByCause).toEqual(timing.cyclesByCause);
    expect(alone.timing.boundLatencyCycles).toBeNull();
    expect(alone.energy).toEqual(energy);
    expect(alone.withHost).toEqual(withHost);
    expect(alone.memory).toEqual(memory);
    expect(alone.layers.map(({ latencyCycles }) => latencyCycles)).toEqual(
      layers.map(({ latencyCycles }) => latencyCycles),
    );
  });

  it("gives the answer that run gives", async () => {
    const folder = await compiled();
    const files = ["--input", "x.npy", "--outputs"];
    await boreal(folder, ["run", "perceptron.onnx", ...small, ...calibration, ...files, "by-run"]);
    const result = await borealJson(folder, [...simulate, ...files, "alone"], simulationResultSchema);
    const output = (name: string): Buffer => readFileSync(join(folder, name, "output_0.pb"));
    expect(output("alone").equals(output("by-run"))).toBe(true);
    expect(result.executedSampleCount).toBe(1);
  });

  it("sees an edited program: more products take more cycles, MACs and energy", async () => {
    const folder = await compiled();
    const before = await borealJson(folder, simulate, simulationResultSchema);
    const file = join(folder, "made/p.basm");
    const listing = readFileSync(file, "utf8");
    const [product] = /^ *matmul .*\n/m.exec(listing) ?? [];
    writeFileSync(file, listing.replace(product ?? "", `${product}${product}${product}`));
    const after = await borealJson(folder, simulate, simulationResultSchema);
    expect(after.timing.latencyCycles).toBeGreaterThan(before.timing.latencyCycles);
    expect(after.energy.byComponentJoules.matrix).toBeGreaterThan(before.energy.byComponentJoules.matrix);
    expect(after.program.sha256).not.toBe(before.program.sha256);
  });

  it("runs no module of the compiler", async () => {
    const folder = await compiled();
    const compilerModules = async (args: readonly string[]): Promise<string[]> =>
      (await modulesRun(folder, args)).filter((path) => path.startsWith("compiler/"));
    expect(await compilerModules([...simulate, "--input", "x.npy"])).toEqual([]);
    expect((await compilerModules(["run", "perceptron.onnx", ...small])).length).toBeGreaterThan(100);
    // TensorProto files need the codec, and nothing else.
    const codec = await compilerModules([...simulate, "--input", "x.npy", "--outputs", "out"]);
    expect(codec).toContain("compiler/onnx/codec.ts");
    expect(
      codec.every((path) =>
        /^compiler\/onnx\/(byte-source|codec|limits|proto-types|skeleton|tensor-proto)\.ts$/.test(path),
      ),
      codec.join(),
    ).toBe(true);
  });

  it("simulates without weights and says so, and refuses to execute then", async () => {
    const folder = await compiled();
    rmSync(join(folder, "made/p.weights"));
    const result = await borealJson(folder, simulate, simulationResultSchema);
    expect(result.warnings.map(({ code }) => code)).toContain("W501");
    const refused = await boreal(folder, [...simulate, "--input", "x.npy"]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/error\[B506\]/);
  });

  it("refuses weights that were changed, a damaged listing and another machine", async () => {
    const folder = await compiled();
    const sidecar = join(folder, "made/p.weights");
    const bytes = readFileSync(sidecar);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(sidecar, bytes);
    expect((await boreal(folder, [...simulate, "--input", "x.npy"])).stderr).toMatch(/error\[B506\].*checksum/);
    const other = await boreal(folder, ["simulate", "made/p.basm"]);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/error\[B509\]: The program is for 4 × 4 cores/);
    const listing = join(folder, "made/p.basm");
    writeFileSync(listing, readFileSync(listing, "utf8").replace("matmul", "matmull"));
    expect((await boreal(folder, simulate)).stderr).toMatch(/p\.basm:\d+(:\d+)?: error\[B501\]/);
  });
});
