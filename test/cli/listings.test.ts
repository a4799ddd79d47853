import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeTensorProto } from "../../compiler/onnx/codec.ts";
import { parseGraph, printGraph } from "../../ir/graph-text.ts";
import { operators } from "../../ir/ops/index.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { formatNpy } from "../../recordings/npy.ts";
import {
  exampleListingSchema,
  importResultSchema,
  inspectResultSchema,
  operatorListingSchema,
  targetListingSchema,
  targetNumbersSchema,
} from "../../report/listing-schemas.ts";
import { runResultSchema } from "../../report/schemas.ts";
import { listTargets, loadChip } from "../../targets/load.ts";
import { printTarget } from "../../targets/print.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, convolution, perceptron, small } from "./models.ts";

const empty = (): string => folderOf({});

describe("boreal import", () => {
  it("says what is in a model and writes its graph, which runs as the model does", async () => {
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()) });
    const args = ["import", "perceptron.onnx", "--out", "perceptron.bir"];
    const result = await borealJson(folder, args, importResultSchema);
    expect(result).toMatchObject({ opset: 17, irVersion: 8, producer: "boreal" });
    expect(result.inputs).toEqual([{ name: "x", element: "f32", shape: [1, 16] }]);
    expect(result.nodeCountByOperator).toEqual({ add: 1, matmul: 2, relu: 1 });
    const text = readFileSync(join(folder, "perceptron.bir"), "utf8");
    expect(printGraph(parseGraph(text))).toBe(text);
    const run = (file: string) => borealJson(folder, ["run", file, ...small], runResultSchema);
    const [model, graph] = [await run("perceptron.onnx"), await run("perceptron.bir")];
    expect(graph.timing).toEqual(model.timing);
    expect(graph.accuracy).toEqual(model.accuracy);
    expect((await boreal(folder, ["import", "perceptron.onnx"])).stdout).toMatch(/operators +add 1, matmul 2, relu 1/);
  });
});

describe("boreal inspect", () => {
  it.each([
    [
      "m.onnx",
      bytesOf(convolution()),
      "onnx model",
      ["operators", "Conv 1, Flatten 1, Gemm 1, GlobalAveragePool 1, Relu 1"],
    ],
    ["x.npy", formatNpy(f32Tensor([2, 2], [1, 2, 3, Number.NaN])), "tensor", ["NaN or infinite", 1]],
    ["x.csv", "a,b\n1,2\n", "tensor", ["type", "f32[1,2]"]],
    ["x.pb", encodeTensorProto(f32Tensor([3], [1, 2, 6])), "tensor", ["mean", 3]],
    ["t.yaml", printTarget(loadChip("mini-4x4")), "chip", ["name", "mini-4x4"]],
  ])("says what %s is", async (name, content, is, [factName, value]) => {
    const result = await borealJson(folderOf({ [name]: content }), ["inspect", name], inspectResultSchema);
    expect(result).toMatchObject({ file: name, is });
    expect(result.facts).toContainEqual({ name: factName, value });
  });

  it("says what compiled files are", async () => {
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()) });
    await boreal(folder, ["compile", "perceptron.onnx", "--target", "mini-4x4", "--out", "p"]);
    const inspect = (name: string) => borealJson(folder, ["inspect", name], inspectResultSchema);
    const program = await inspect("p.basm");
    expect(program.is).toBe("program");
    expect(program.facts).toContainEqual({ name: "MACs", value: 768 });
    expect((await inspect("p.mapping.yaml")).is).toBe("mapping");
    expect((await inspect("p.bir")).is).toBe("graph");
    expect((await boreal(folder, ["inspect", "p.basm"])).stdout).toMatch(/instructions +.*matmul \d/);
  });
});

describe("boreal targets", () => {
  it("lists every target that comes with Boreal", async () => {
    const { targets } = await borealJson(empty(), ["targets"], targetListingSchema);
    expect(targets.map(({ name, kind }) => ({ name, kind }))).toEqual(
      listTargets().map(({ name, kind }) => ({ name, kind })),
    );
    expect((await boreal(empty(), ["targets"])).stdout).toMatch(/mini-4x4 +chip +84 +0\n/);
  });

  it("lists the numbers of one, with overrides and what follows from them", async () => {
    const args = ["targets", "mini-4x4", "--set", "core.memory=4096"];
    const result = await borealJson(empty(), args, targetNumbersSchema);
    expect(result.numbers.find(({ path }) => path === "core.memory")).toMatchObject({ value: 4096, unit: "bytes" });
    expect(result.numbers).toHaveLength(loadChip("mini-4x4").provenance.size);
    expect((await boreal(empty(), ["targets", "h100"])).stdout).toMatch(
      /multiprocessors +132 +multiprocessors +published/,
    );
  });
});

describe("boreal ops", () => {
  it("lists every operator of the registry with its ONNX forms", async () => {
    const listing = await borealJson(empty(), ["ops"], operatorListingSchema);
    expect(listing.operators.map(({ name }) => name)).toEqual([...operators.keys()]);
    expect(listing.operators.find(({ name }) => name === "conv")?.onnx).toContainEqual({
      operator: "Conv",
      domain: "",
      since: 1,
      until: null,
    });
    expect((await boreal(empty(), ["ops"])).stdout).toMatch(/matmul +matrix +MatMul 1\+, Gemm 1\+/);
  });
});

describe("boreal examples", () => {
  it("lists the examples", async () => {
    const { examples } = await borealJson(empty(), ["examples"], exampleListingSchema);
    const { stdout } = await boreal(empty(), ["examples"]);
    for (const { name, summary } of examples) {
      expect(stdout).toContain(name);
      expect(summary).toMatch(/\.$/);
    }
  });
});
