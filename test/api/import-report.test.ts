import { describe, expect, it } from "vitest";
import { refusedImport, reportImport } from "../../api/import-report.ts";
import { chooseTarget } from "../../api/target.ts";
import { BorealError } from "../../base/errors.ts";
import type { WrittenGraph } from "../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, makeTensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import { importReportSchema } from "../../report/listing-schemas.ts";
import { printImportReport } from "../../report/listings.ts";
import { load, model, node, numbers, value } from "../compiler/onnx/written-models.ts";

const options = { chip: chooseTarget("mini-4x4").chip };
const weights = (...shape: number[]): ReturnType<typeof f32Tensor> =>
  f32Tensor(
    shape,
    numbers(
      shape.reduce((product, size) => product * size, 1),
      (index) => ((index * 7) % 11) / 8 - 0.5,
    ),
  );

describe("the report on an import", () => {
  const branch = (operator: string): { readonly graph: WrittenGraph } => ({
    graph: { name: "b", inputs: [], outputs: [value("h", 1, 8)], nodes: [node(operator, "a", "h", {}, "inner")] },
  });
  const nodes = [
    node("Shape", "x", "s", {}, "size"),
    node("Reshape", "x s", "r", {}, "same"),
    node("MatMul", "r w", "m", {}, "product"),
    node("Add", "m b", "d", {}, "sum"),
    node("Relu", "d", "a", {}, "act"),
    node("If", "c", "q", { then_branch: branch("Neg"), else_branch: branch("Abs") }, "choose"),
    node("Concat", "q a", "t", { axis: 0 }, "stack"),
    node("Mystery", "x", "unused"),
    node("Softmax", "t", "y", {}, "weigh"),
  ];
  const bytes = model(nodes, {
    inputs: [value("x", 1, 16)],
    outputs: [value("y", 2, 8)],
    initializers: { w: weights(16, 8), b: weights(8), c: makeTensor(tensorType("bool", []), Uint8Array.of(1)) },
  });
  const report = reportImport(load(bytes), options);

  it("says what was left out, folded and expanded", () => {
    expect(importReportSchema.parse(report)).toEqual(report);
    expect(report.unused).toBe(1);
    expect(report.folded).toContainEqual({ node: "size", operator: "Shape", by: "import" });
    expect(report.expanded).toEqual([{ node: "choose", operator: "If", as: "then branch", stepCount: null }]);
    expect(report.refused).toEqual([]);
  });

  it("says which nodes one step computes, and in which formats", () => {
    const fused = report.fused.flatMap(({ nodes: each }) => (each.includes("product") ? each : []));
    expect(fused).toEqual(expect.arrayContaining(["product", "sum", "act"]));
    expect(report.approximated).toContainEqual({
      node: "product",
      operator: "MatMul",
      from: "f32",
      to: expect.stringContaining("i8 × i8"),
    });
    expect(report.approximated.map(({ node: each }) => each)).toContain("weigh");
  });

  it("tells copies from moves that a layout absorbs", () => {
    const how = new Map(report.moved.map((each) => [each.node, each]));
    expect(how.get("stack")).toMatchObject({ operator: "Concat", how: "copied" });
    expect(how.get("stack")?.bytes).toBeGreaterThan(0);
    expect(how.get("same")).toEqual({ node: "same", operator: "Reshape", how: "absorbed", bytes: 0 });
  });

  it("counts the steps of a loop", () => {
    const body: { readonly graph: WrittenGraph } = {
      graph: {
        name: "b",
        inputs: [
          { name: "i", element: "i64", shape: [] },
          { name: "go", element: "bool", shape: [] },
          value("v", 2, 3),
        ],
        outputs: [{ name: "on", element: "bool", shape: [] }, value("u", 2, 3)],
        nodes: [node("Add", "v x", "u"), node("Identity", "go", "on")],
      },
    };
    const loop = model([node("Loop", "n - x", "y", { body }, "walk")], { initializers: { n: i64Tensor([], [4]) } });
    expect(reportImport(load(loop), options).expanded).toEqual([
      { node: "walk", operator: "Loop", as: "steps", stepCount: 4 },
    ]);
  });

  it("lists what import or the chip refuses", () => {
    try {
      load(model([node("Mystery", "x", "y")]));
      throw new Error("it was not refused");
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      expect(refusedImport("m", error, options).refused).toEqual([
        {
          by: "import",
          code: "B104",
          message: 'Operator Mystery (opset 17) is not supported; 1 node uses it: "Mystery_0".',
          node: null,
          operator: "Mystery",
        },
      ]);
    }
    const large = model([node("MatMul", "x w", "y")], {
      inputs: [value("x", 1, 2048)],
      outputs: [value("y", 1, 2048)],
      initializers: { w: weights(2048, 2048) },
    });
    expect(reportImport(load(large), options).refused).toMatchObject([{ by: "chip", code: "B401" }]);
  });

  it("is printed part by part, each with its count", () => {
    const text = printImportReport(report);
    expect(text).toMatch(/^m\.onnx on mini-4x4 at w8a8\n/);
    expect(text).toContain("\nunused, left out: 1\n");
    expect(text).toContain("\nexpanded: 1\n  choose (If) into then branch\n");
    expect(text).toMatch(/\nmoved by copies: 1\n {2}stack \(Concat\): \d+ B\n/);
    expect(text).not.toContain("refused");
  });
});
