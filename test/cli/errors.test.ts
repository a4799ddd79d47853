import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WrittenModel } from "../../compiler/onnx/write-model.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { boreal, type Ended, folderOf } from "./command.ts";
import { bytesOf, perceptron, small, twoPorts, weights } from "./models.ts";

/** Runs a command that is refused: nothing on standard output, lines with codes on standard error, no stack trace. */
async function refused(files: Readonly<Record<string, Uint8Array | string>>, args: readonly string[]): Promise<Ended> {
  const ended = await boreal(folderOf(files), args);
  expect(ended.stdout).toBe("");
  expect(ended.stderr).toMatch(/error\[B\d{3}\]: /);
  expect(ended.stderr).not.toMatch(/\n\s+at /);
  return ended;
}

const runModel = (bytes: Uint8Array | string, ...args: string[]): Promise<Ended> =>
  refused({ "model.onnx": bytes }, ["run", "model.onnx", ...small, ...args]);

const changed = (change: Partial<WrittenModel>): Uint8Array => bytesOf({ ...perceptron(), ...change });

describe("models that are refused", () => {
  const whole = bytesOf(perceptron());
  const noise = Uint8Array.from({ length: 4096 }, (_, index) => (index * 2654435761) >>> 24);

  it.each([
    [
      "truncated",
      whole.subarray(0, whole.length >> 1),
      /model\.onnx.*error\[B102\]: Decoding stopped at byte \d+ of \d+/,
    ],
    ["random", noise, /model\.onnx.*error\[B10[12]\]: /],
    ["empty", new Uint8Array(0), /error\[B101\]: The file is empty/],
    ["text", "this is no model\n", /error\[B101\]: Found text that begins with "this is no model/],
  ])("refuses a file that is %s", async (_, bytes, message) => {
    const { code, stderr } = await runModel(bytes);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it("refuses a file that does not exist, and a folder", async () => {
    expect(await refused({}, ["run", "nowhere.onnx"])).toMatchObject({ code: 1 });
    expect((await refused({}, ["run", "."])).stderr).toMatch(/error\[B103\]: Found a folder/);
  });

  it("refuses a cyclic graph and names its nodes", async () => {
    const { code, stderr } = await runModel(
      changed({
        nodes: [
          { operator: "Add", name: "one", inputs: ["x", "v"], outputs: ["u"] },
          { operator: "Relu", name: "two", inputs: ["u"], outputs: ["v"] },
          { operator: "MatMul", name: "out", inputs: ["v", "a"], outputs: ["y"] },
        ],
      }),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/error\[B107\]/);
    expect(stderr).toMatch(/one/);
  });

  it("refuses a graph that uses a tensor that nothing defines", async () => {
    const { b: _, ...rest } = perceptron().initializers ?? {};
    const { code, stderr } = await runModel(changed({ initializers: rest }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/error\[B106\].*"?b"?/);
  });

  it("lists all unknown operators at once, a line each", async () => {
    const { code, stderr } = await runModel(
      changed({
        nodes: [
          { operator: "Frobnicate", name: "n1", inputs: ["x"], outputs: ["u"] },
          { operator: "Quuxify", name: "n2", inputs: ["u"], outputs: ["v"] },
          { operator: "MatMul", name: "n3", inputs: ["v", "a"], outputs: ["y"] },
        ],
      }),
    );
    expect(code).toBe(1);
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/node Frobnicate: error\[B104\].*"n1"/);
    expect(lines[1]).toMatch(/node Quuxify: error\[B104\].*"n2"/);
  });

  it("refuses shapes that do not fit, with both", async () => {
    const { code, stderr } = await runModel(
      changed({ initializers: { ...perceptron().initializers, a: weights([15, 32], 1) } }),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/node "first" MatMul.*error\[B110\].*16.*15/);
  });

  it("refuses an open dimension and says how to bind it", async () => {
    const { code, stderr } = await runModel(bytesOf(perceptron("batch")));
    expect(code).toBe(1);
    expect(stderr).toMatch(/error\[B105\]: Dimension "batch" .* has no value\. Bind it with --dim batch=VALUE\./);
    expect((await runModel(bytesOf(perceptron("batch")), "--dim", "bath=1")).stderr).toMatch(/"bath"/);
  });

  it("refuses weights that are not finite, with the element", async () => {
    const values = new Float32Array(32);
    values[5] = Number.NaN;
    const { code, stderr } = await runModel(
      changed({ initializers: { ...perceptron().initializers, b: f32Tensor([32], values) } }),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/tensor "b": error\[B109\]: Element \[5\]/);
  });

  it("refuses a network that does not fit, with what adds up and what would help", async () => {
    const large = changed({
      inputs: [{ name: "x", element: "f32", shape: [1, 1024] }],
      outputs: [{ name: "y", element: "f32", shape: [1, 8] }],
      initializers: { a: weights([1024, 4096], 1), b: weights([4096], 2), c: weights([4096, 8], 3) },
    });
    const { code, stderr } = await runModel(large, "--timing-only");
    expect(code).toBe(1);
    expect(stderr).toMatch(/error\[B401\]: The core memory has .*, .* are needed: .* too many/);
    expect(stderr).toMatch(/adds up from/);
  });
});

describe("inputs that are refused", () => {
  const withInput = (tensor: Uint8Array | string, name = "x.npy"): Promise<Ended> =>
    refused({ "model.onnx": bytesOf(perceptron()), [name]: tensor }, ["run", "model.onnx", ...small, "--input", name]);

  it("refuses another shape and another type, with both", async () => {
    const shape = await withInput(formatNpy(weights([1, 15], 1)));
    expect(shape.code).toBe(1);
    expect(shape.stderr).toMatch(/x\.npy.*error\[B702\]: Input "x" is f32\[1,15\], expected f32\[1,16\]/);
    const doubles = { type: { ...weights([1, 16], 1).type, element: "f64" as const }, data: new Float64Array(16) };
    expect((await withInput(formatNpy(doubles))).stderr).toMatch(
      /error\[B702\].* is f64\[1,16\], expected f32\[1,16\]/,
    );
  });

  it("refuses NaN and infinity, with the element", async () => {
    const values = new Float32Array(16);
    values[3] = Number.NEGATIVE_INFINITY;
    const { code, stderr } = await withInput(formatNpy(f32Tensor([1, 16], values)));
    expect(code).toBe(1);
    expect(stderr).toMatch(/tensor "x": error\[B703\]: Element 3 is -Infinity/);
  });

  it("refuses files that are damaged, of another format, or absent", async () => {
    expect((await withInput("no array")).stderr).toMatch(/error\[B701\]: Found "no arr"/);
    expect((await withInput("1,2,x\n", "x.csv")).stderr).toMatch(/x\.csv:1:3: error\[B701\]: Found "x"/);
    expect((await withInput("abc", "x.txt")).stderr).toMatch(/error\[B701\]: Found "\.txt", expected .*\.npy/);
    const absent = await refused({ "model.onnx": bytesOf(perceptron()) }, ["run", "model.onnx", "--input", "x.npy"]);
    expect(absent.stderr).toMatch(/x\.npy: error\[B701\]: The file cannot be read \(ENOENT\)/);
  });

  it("refuses names that are no input's, and inputs without samples", async () => {
    const files = { "model.onnx": bytesOf(twoPorts()), "x.npy": formatNpy(weights([1, 8], 1)) };
    const named = await refused(files, ["run", "model.onnx", ...small, "--input", "q=x.npy"]);
    expect(named.stderr).toMatch(/error\[B702\]: Found "q" as the name of an input; the model's inputs are "x", "z"/);
    const missing = await refused(files, ["run", "model.onnx", ...small, "--input", "x=x.npy"]);
    expect(missing.stderr).toMatch(/tensor "z": error\[B702\]: Found 0 samples of input "z", expected 1/);
  });
});

describe("wrong use", () => {
  it.each([
    [["run"], /Give a model, or one layer by --gemm or --conv/],
    [["run", "m.onnx", "--targt", "x"], /Unknown option '--targt' \(Did you mean --target\?\)/],
    [["rnu", "m.onnx"], /Unknown command 'rnu' \(Did you mean run\?\)/],
    [["run", "m.onnx", "more.onnx"], /Too many arguments/],
    [["run", "m.onnx", "--seed", "x"], /--seed.*Expected a whole number of at least 0/],
    [["run", "m.onnx", "--executor", "oracle"], /--executor.*evaluate, exact, functional/],
    [["run", "m.onnx", "--set", "clock"], /Expected NAME=VALUE/],
    [["run", "m.onnx", "--json", "--csv"], /cannot both go to standard output/],
    [["run", "m.onnx", "--timing-only", "--outputs", "o"], /--timing-only computes no answers/],
    [["run", "m.onnx", "--executor", "exact", "--trace", "t"], /--executor exact evaluates .*excludes --trace/],
    [["run", "m.onnx", "--executor", "evaluate", "--time-passes"], /excludes --time-passes/],
    [["simulate", "p.basm", "--outputs", "o"], /--outputs needs --input/],
    [["examples", "nothing"], /There is no example "nothing"/],
    [["inspect", "model.xyz"], /expected \.onnx/],
  ])("exits 2 for boreal %s", async (args, message) => {
    const { code, stderr } = await refused({ "m.onnx": bytesOf(perceptron()), "model.xyz": "" }, args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/error\[B601\]: /);
    expect(stderr).toMatch(message);
  });

  it("shows help without a command, with exit code 2, and with --help, with exit code 0", async () => {
    const bare = await boreal(folderOf({}), []);
    expect(bare).toMatchObject({ code: 2, stdout: "" });
    expect(bare.stderr).toMatch(/Usage: boreal/);
    const asked = await boreal(folderOf({}), ["run", "--help"]);
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    expect(asked.stdout).toMatch(/--executor <name>/);
  });

  it("prints the version of the package", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect((await boreal(folderOf({}), ["--version"])).stdout).toBe(`${version}\n`);
  });

  it("suggests targets and paths of targets, and names precisions and passes", async () => {
    const run = (...args: string[]): Promise<Ended> =>
      refused({ "m.onnx": bytesOf(perceptron()) }, ["run", "m.onnx", ...args]);
    const target = await run("--target", "mini-4x5");
    expect(target.code).toBe(1);
    expect(target.stderr).toMatch(/error\[B303\]: There is no target "mini-4x5"; did you mean "mini-4x4"\?/);
    expect((await run("--set", "core.memry=1")).stderr).toMatch(/error\[B304\].*did you mean "core\.memory"\?/);
    expect((await run("--precision", "w3a5")).stderr).toMatch(/error\[B802\]: Precision "w3a5".*w8a8/);
    expect((await run("--precision", "none.yaml")).stderr).toMatch(
      /none\.yaml: error\[B802\]: The file cannot be read/,
    );
    const wrong = { "m.onnx": bytesOf(perceptron()), "p.yaml": "default: w4a8\nlayers: { head: w9a9 }\n" };
    expect((await refused(wrong, ["run", "m.onnx", "--precision", "p.yaml"])).stderr).toMatch(
      /p\.yaml:2:17: error\[B802\]: layers\.head: Precision "w9a9" is not supported/,
    );
    expect((await run("--print-after", "nopass")).stderr).toMatch(
      /error\[B601\]: There is no pass "nopass".*fuse-layers/,
    );
    expect((await run("--batch", "best", "--mapping", "m.yaml")).stderr).toMatch(
      /error\[B601\]: --batch best maps the network for several batches, so it excludes --mapping/,
    );
  });

  it("refuses to write where it cannot, and leaves nothing behind", async () => {
    const folder = folderOf({ "m.onnx": bytesOf(perceptron()), file: "" });
    const { code, stderr } = await boreal(folder, [
      "run",
      "m.onnx",
      ...small,
      "--timing-only",
      "--json",
      "file/x.json",
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/file\/x\.json: error\[B602\]: The file cannot be written/);
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("");
  });
});
