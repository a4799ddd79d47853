import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluateModel, importModel } from "../../api.ts";
import { decodeTensorProto, encodeTensorProto } from "../../compiler/onnx/codec.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { answerResultSchema, runResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, convolution, perceptron, ranking, small, twoPorts, weights } from "./models.ts";

const model = (): string => folderOf({ "perceptron.onnx": bytesOf(perceptron()) });

function readOutput(folder: string, index: number): Tensor {
  return decodeTensorProto(readFileSync(join(folder, `output_${index}.pb`)));
}

function largestDifference(left: Tensor, right: Tensor): number {
  const [a, b] = [tensorNumbers(left), tensorNumbers(right)];
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - (b[index] ?? Number.NaN))));
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

describe("boreal run", () => {
  it("prints one screen with every part of the report", async () => {
    const { code, stdout, stderr } = await boreal(model(), ["run", "perceptron.onnx", ...small]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(45);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const part of [
      /perceptron on mini-4x4 .*boreal \d+\.\d+\.\d+/,
      /parameters \(the model's weights\), 768 MACs a run, w8a8, batch 1/,
      /4 × 4 cores .* 0 of 84 numbers are estimates/,
      /latency +[\d,]+ cycles = /,
      /throughput /,
      /energy .* an inference/,
      /bound .*latency ≥ /,
      /utilization .* of the matrix units' peak/,
      /memory .* in a core/,
      /dB SQNR against f32; worst layer \w+ /,
      /samples +4 seeded random samples \(seed 0\)/,
      /functional = exact: yes \(4 of 4 samples compared bit for bit\)/,
      /h100 .*×/,
      /first +contraction/,
      /warning\[W201\]/,
      /model [0-9a-f]{16}, target [0-9a-f]{16} \(sha256\), seed 0/,
    ]) {
      expect(stdout).toMatch(part);
    }
  });

  it("gives a result that keeps the schema and whose parts add up", async () => {
    const result = await borealJson(model(), ["run", "perceptron.onnx", ...small], runResultSchema);
    expect(result.model).toMatchObject({ name: "perceptron", macCount: 768, parameterCount: 800, weights: "trained" });
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 4, equal: true });
    expect(result.accuracy?.sqnrDb).toBeGreaterThan(25);
    expect(result.accuracy?.macCountByPrecision).toEqual({ w8a8: 768 });
    expect(total(result.layers.map((layer) => layer.latencyCycles))).toBe(result.timing.latencyCycles);
    expect(total(result.layers.map((layer) => layer.macCount))).toBe(768);
    expect(total(Object.values(result.timing.cyclesByCause))).toBe(result.timing.latencyCycles);
    expect(total(Object.values(result.energy.byComponentJoules))).toBeCloseTo(
      result.energy.energyPerInferenceJoules,
      15,
    );
    expect(result.timing.latencyCycles).toBeGreaterThanOrEqual(result.timing.boundLatencyCycles ?? Number.NaN);
    expect(result.withHost.latencyCycles).toBeGreaterThan(result.timing.latencyCycles);
    expect(result.range).toMatchObject({
      timing: "simulated",
      latencySeconds: [result.timing.latencySeconds, result.timing.latencySeconds],
      movedNumbers: [],
    });
    expect(result.energySplit).toBeNull();
    expect(result.baselines.map(({ name, batchCount }) => [name, batchCount === 1])).toEqual([
      ["h100", true],
      ["h100", false],
    ]);
    expect(result.layers.filter(({ kind }) => kind === "contraction").map(({ weights: mode }) => mode)).toEqual([
      "resident",
      "resident",
    ]);
  });

  it("prints the same bytes twice", async () => {
    const folder = model();
    const args = ["run", "perceptron.onnx", ...small, "--json", "--range"];
    const [first, second] = [await boreal(folder, args), await boreal(folder, args)];
    expect(first.stdout.length).toBeGreaterThan(1000);
    expect(second.stdout).toBe(first.stdout);
  });

  it("draws other samples from another seed", async () => {
    const folder = model();
    const sqnr = async (seed: string): Promise<number | null | undefined> =>
      (await borealJson(folder, ["run", "perceptron.onnx", ...small, "--seed", seed], runResultSchema)).accuracy
        ?.sqnrDb;
    expect(await sqnr("1")).not.toBe(await sqnr("2"));
  });

  it("writes a row a layer as CSV, and JSON to a file beside it", async () => {
    const folder = model();
    const { stdout } = await boreal(folder, ["run", "perceptron.onnx", ...small, "--csv", "--json", "out.json"]);
    const result = runResultSchema.parse(JSON.parse(readFileSync(join(folder, "out.json"), "utf8")));
    const rows = stdout.trimEnd().split("\n");
    expect(rows[0]).toMatch(/^name,kind,onnxNodes,macCount,latencyCycles/);
    expect(rows.length).toBe(1 + result.layers.length);
    expect(rows.map((row) => row.split(",")[0]).slice(1)).toEqual(result.layers.map(({ name }) => name));
  });

  it("writes a trace that holds the events of every step", async () => {
    const folder = model();
    await boreal(folder, ["run", "perceptron.onnx", ...small, "--trace", "trace.json"]);
    const trace = JSON.parse(readFileSync(join(folder, "trace.json"), "utf8")) as {
      traceEvents: { name: string; ph: string; args: { step?: string } }[];
    };
    const steps = new Set(trace.traceEvents.flatMap(({ args }) => args.step ?? []));
    expect(steps).toContain("first");
    expect(trace.traceEvents.some(({ name, ph }) => name === "matmul" && ph === "X")).toBe(true);
  });

  it("puts estimates at both ends of their ranges with --range", async () => {
    const args = ["run", "perceptron.onnx", "--baseline", "h100", "--timing-only", "--range"];
    const { range, timing, energy } = await borealJson(model(), args, runResultSchema);
    const [fast = 0, slow = 0] = range?.latencySeconds ?? [];
    expect(fast).toBeLessThan(timing.latencySeconds);
    expect(slow).toBeGreaterThan(timing.latencySeconds);
    const [low = 0, high = 0] = range?.energyPerInferenceJoules ?? [];
    expect(low).toBeLessThan(energy.energyPerInferenceJoules);
    expect(high).toBeGreaterThan(energy.energyPerInferenceJoules);
    expect(range?.heldNumbers).toContain("matrix.inputs");
    expect(range?.movedNumbers).toContain("networks.activation.link");
  });

  it("gives ranges by default where that is quick, and none with --no-range", async () => {
    const folder = model();
    const args = ["run", "perceptron.onnx", "--baseline", "h100", "--timing-only"];
    const asked = await borealJson(folder, [...args, "--range"], runResultSchema);
    expect((await borealJson(folder, args, runResultSchema)).range).toEqual(asked.range);
    expect((await borealJson(folder, [...args, "--no-range"], runResultSchema)).range).toBeNull();
  });

  it("splits the energy by component, layer and core with --energy, in all three forms", async () => {
    const folder = model();
    const args = ["run", "perceptron.onnx", ...small, "--energy"];
    const { energy, energySplit, layers } = await borealJson(folder, [...args, "--json"], runResultSchema);
    const whole = energy.energyPerInferenceJoules;
    const joules = (parts: readonly { readonly totalJoules: number }[] = []): number =>
      total(parts.map(({ totalJoules }) => totalJoules));
    expect(joules(energySplit?.layers) / whole).toBeCloseTo(1, 12);
    expect(joules(energySplit?.cores) / whole).toBeCloseTo(1, 12);
    expect(energySplit?.cores.length).toBe(4 * 5);
    expect(energySplit?.layers.map(({ name }) => name)).toEqual(layers.map(({ name }) => name));
    const text = (await boreal(folder, args)).stdout;
    expect(text).toMatch(/energy by component +an inference +share +power\n/);
    expect(text).toMatch(/energy by core, .J {2}least .*first column: io cores\n +io +0 +1 +2 +3\n/);
    expect(
      text
        .trimEnd()
        .split("\n")
        .slice(-4)
        .map((line) => line.trim().split(/ +/).length),
    ).toEqual([5, 5, 5, 5]);
    const rows = (await boreal(folder, [...args, "--csv"])).stdout.trimEnd().split("\n");
    expect(rows.length).toBe(2 + layers.length + 4 * 5);
    expect(rows[0]).toMatch(/^scope,layer,row,column,matrixJoules,.*,totalJoules$/);
    const sums = ["total", "layer", "core"].map((scope) =>
      total(rows.filter((row) => row.startsWith(`${scope},`)).map((row) => Number(row.split(",").at(-1)))),
    );
    for (const sum of sums) expect(sum / whole).toBeCloseTo(1, 12);
  });

  it("lets the host run what the chip cannot with --host-ops, and refuses it without", async () => {
    const folder = folderOf({ "ranking.onnx": bytesOf(ranking()) });
    const refused = await boreal(folder, ["run", "ranking.onnx", ...small]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/B404.*--host-ops/s)]);
    const run = await boreal(folder, ["run", "ranking.onnx", ...small, "--host-ops", "--json", "result.json"]);
    expect([run.code, run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toMatch(/^on the host 1 operator, .* over the link, .* of work: top_values$/m);
    const result = runResultSchema.parse(JSON.parse(readFileSync(join(folder, "result.json"), "utf8")));
    expect(result.hostOperations.map(({ name }) => name)).toEqual(["y"]);
    const report = await boreal(folder, ["import", "ranking.onnx", "--report", "--host-ops", "--target", "mini-4x4"]);
    expect(report.stdout).toMatch(/moved to the host: 1\n {2}best \(TopK\)/);
    await boreal(folder, ["compile", "ranking.onnx", "--target", "mini-4x4", "--host-ops", "--out", "ranking"]);
    const simulated = await boreal(folder, ["simulate", "ranking.basm", "--target", "mini-4x4"]);
    expect(simulated.stdout).toMatch(/^on the host 1 operator/m);
    expect((await boreal(folder, ["inspect", "ranking.basm"])).stdout).toMatch(/on the host +top_values y/);
  });

  it("computes no answers with --timing-only and says so", async () => {
    const folder = model();
    const timed = await borealJson(folder, ["run", "perceptron.onnx", ...small, "--timing-only"], runResultSchema);
    const full = await borealJson(folder, ["run", "perceptron.onnx", ...small], runResultSchema);
    expect(timed.accuracy).toBeNull();
    expect(timed.inputs.sampleCount).toBe(0);
    expect(timed.timing).toEqual(full.timing);
    expect(timed.energy).toEqual(full.energy);
    expect((await boreal(folder, ["run", "perceptron.onnx", ...small, "--timing-only"])).stdout).toContain(
      "timing only",
    );
  });

  it("follows overrides of the target and warns of them", async () => {
    const folder = model();
    const run = (set: readonly string[]) =>
      borealJson(folder, ["run", "perceptron.onnx", ...small, "--timing-only", ...set], runResultSchema);
    const [plain, changed] = [await run([]), await run(["--set", "synchronization.barrier=1000"])];
    expect(changed.timing.latencyCycles).toBeGreaterThan(plain.timing.latencyCycles + 1000);
    expect(changed.target.overrides).toEqual(["synchronization.barrier=1000"]);
    expect(changed.target.sha256).not.toBe(plain.target.sha256);
    expect(changed.warnings.map(({ code }) => code)).toContain("W302");
  });

  it("binds open dimensions and divides by the batch that was asked for", async () => {
    const folder = folderOf({ "open.onnx": bytesOf(perceptron("batch")) });
    const run = (extra: readonly string[]) =>
      borealJson(
        folder,
        ["run", "open.onnx", ...small, "--timing-only", "--dim", "batch=4", ...extra],
        runResultSchema,
      );
    const [one, four] = [await run([]), await run(["--batch", "4"])];
    expect(four.choices.batchCount).toBe(4);
    expect(four.timing.latencyCycles).toBe(one.timing.latencyCycles);
    expect(four.timing.intervalCycles * 4).toBe(one.timing.intervalCycles);
    expect(four.baselines[0]?.batchCount).toBe(4);
    expect(four.baselines[0]?.energyPerInferenceJoules).toBeCloseTo(
      (one.baselines[0]?.energyPerInferenceJoules ?? Number.NaN) / 4,
      12,
    );
  });

  it("takes figures of GPUs that were measured", async () => {
    const folder = model();
    const gpus = (await borealJson(folder, ["run", "perceptron.onnx", ...small, "--timing-only"], runResultSchema))
      .baselines;
    const measured = gpus.map((gpu) => ({ ...gpu, name: "my gpu", source: "measured" as const }));
    const file = folderOf({ "perceptron.onnx": bytesOf(perceptron()), "gpu.json": JSON.stringify(measured) });
    const args = ["run", "perceptron.onnx", "--target", "mini-4x4", "--timing-only", "--baseline", "gpu.json"];
    expect((await borealJson(file, args, runResultSchema)).baselines).toEqual(measured);
  });

  it("prints graphs after passes and times passes on standard error", async () => {
    const args = ["run", "perceptron.onnx", ...small, "--timing-only", "--print-after", "fuse-layers", "--time-passes"];
    const { stderr, stdout } = await boreal(model(), args);
    expect(stderr).toContain("// after fuse-layers\ngraph @perceptron(");
    expect(stderr).toMatch(/pass +time +nodes +rules/);
    expect(stdout).not.toContain("graph @");
  });

  it("warns of weights that are random or all equal", async () => {
    const constant = {
      ...perceptron(),
      initializers: { ...perceptron().initializers, a: f32Tensor([16, 32], new Float32Array(512).fill(0.5)) },
    };
    const folder = folderOf({ "constant.onnx": bytesOf(constant) });
    const args = ["run", "constant.onnx", ...small];
    const plain = await borealJson(folder, args, runResultSchema);
    expect(plain.warnings.some(({ message }) => message.includes("answers mean nothing"))).toBe(true);
    const filled = await borealJson(folder, [...args, "--random-weights", "7"], runResultSchema);
    expect(filled.model.weights).toBe("random");
    expect(filled.warnings.map(({ code }) => code)).toContain("W102");
  });
});

describe("answers of boreal run", () => {
  it("writes the f32 answer with --executor evaluate, equal to the evaluator's", async () => {
    const x = weights([1, 16], 11);
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()), "x.npy": formatNpy(x) });
    const args = ["run", "perceptron.onnx", "--executor", "evaluate", "--input", "x.npy", "--outputs", "out"];
    const result = await borealJson(folder, args, answerResultSchema);
    const { graph } = importModel(join(folder, "perceptron.onnx"));
    const [expected = x] = evaluateModel(graph, new Map([["x", x]]), { contractor: makeWasmContractor() });
    const written = readOutput(join(folder, "out"), 0);
    expect(written).toEqual(expected);
    expect(result.outputs[0]?.least).toBe(Math.min(...(expected.data as Float32Array)));
    expect(result.accuracy).toBeNull();
  });

  it("writes the same bytes from the exact evaluation and from the chip, near the f32 answer", async () => {
    const x = weights([1, 3, 8, 8], 12);
    const calibration = formatNpy(weights([8, 3, 8, 8], 13));
    const filled = folderOf({
      "perceptron.onnx": bytesOf(convolution()),
      "x.pb": encodeTensorProto(x, "image"),
      "c.npy": calibration,
    });
    const run = (executor: string): Promise<unknown> =>
      boreal(filled, [
        "run",
        "perceptron.onnx",
        "--target",
        "mini-4x4",
        "--executor",
        executor,
        "--input",
        "x.pb",
        "--calibrate",
        "c.npy",
        "--outputs",
        executor,
      ]);
    for (const executor of ["evaluate", "exact", "functional"]) await run(executor);
    const [float, exact, chip] = ["evaluate", "exact", "functional"].map((name) => readOutput(join(filled, name), 0));
    expect(chip).toEqual(exact);
    expect(chip?.type).toEqual(float?.type);
    const size = Math.max(...Array.from(float?.data as Float32Array, Math.abs));
    expect(largestDifference(float as Tensor, chip as Tensor)).toBeLessThan(0.1 * size);
  });

  it("takes several samples of several inputs by name and stacks the outputs", async () => {
    const [x, z] = [weights([3, 8], 14), weights([3, 4], 15)];
    const folder = folderOf({ "perceptron.onnx": bytesOf(twoPorts()), "x.npy": formatNpy(x), "z.npy": formatNpy(z) });
    const args = ["run", "perceptron.onnx", ...small, "--input", "z=z.npy", "--input", "x=x.npy", "--outputs", "out"];
    const result = await borealJson(folder, args, runResultSchema);
    expect(result.inputs).toMatchObject({ origin: "given", sampleCount: 3, calibrationOrigin: "inputs" });
    expect(result.warnings.map(({ code }) => code)).toContain("W203");
    const [s, t] = [readOutput(join(folder, "out"), 0), readOutput(join(folder, "out"), 1)];
    expect(s.type.shape).toEqual([3, 1, 4]);
    const tanh = Float32Array.from(s.data as Float32Array, Math.tanh);
    expect(largestDifference(t, f32Tensor([3, 1, 4], tanh))).toBeLessThan(0.02);
  });

  it("reads a table with a sample in each row", async () => {
    const rows = [0, 1].map((row) => Array.from({ length: 16 }, (_, index) => (index + row) / 16).join(","));
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()), "x.csv": `${rows.join("\n")}\n` });
    const result = await borealJson(folder, ["run", "perceptron.onnx", ...small, "--input", "x.csv"], runResultSchema);
    expect(result.inputs.sampleCount).toBe(2);
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 2, equal: true });
  });
});
