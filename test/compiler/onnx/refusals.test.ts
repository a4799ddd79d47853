import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Problem } from "../../../base/errors.ts";
import { importOnnx } from "../../../compiler/onnx/importer.ts";
import { f32Tensor, i64Tensor, makeTensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { altered, load, model, node, numbers, problemsOf, refusals, value } from "./written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a model that is refused", () => {
  it("has all its unsupported operators listed at once, with their counts", () => {
    const bytes = model([
      node("Foo", "x", "a"),
      node("Foo", "a", "b"),
      { ...node("Bar", "b", "c"), domain: "my.ops" },
      node("Relu", "c", "y"),
    ]);
    expect(refusals(bytes)).toEqual([
      'B104 Operator Foo (opset 17) is not supported; 2 nodes use it: "Foo_0", "Foo_1".',
      'B104 Operator Bar of domain "my.ops" (opset 1) is not supported; 1 node uses it: "Bar_2".',
    ]);
  });

  it("has at most five nodes of an operator named", () => {
    const nodes = numbers(7, (index) => index).map((index) =>
      node("Foo", index === 0 ? "x" : `v${index - 1}`, index === 6 ? "y" : `v${index}`),
    );
    expect(refusals(model(nodes))[0]).toMatch(/7 nodes use it: "Foo_0", .*"Foo_4", and 2 more\./);
  });

  it("holds values that are no tensors", () => {
    expect(
      refusals(
        model([node("SequenceConstruct", "x", "s"), node("SequenceAt", "s i", "y")], {
          initializers: { i: i64Tensor([], [0]) },
        }),
      ),
    ).toEqual([
      'B104 Operator SequenceConstruct (opset 17) is not supported; 1 node uses it: "SequenceConstruct_0". Values that are sequences of tensors are not supported.',
      'B104 Operator SequenceAt (opset 17) is not supported; 1 node uses it: "SequenceAt_1". Values that are sequences of tensors are not supported.',
    ]);
    const declared = (type: object): string[] =>
      refusals(
        altered(model([node("Relu", "x", "y")]), (proto) => {
          const input = proto.graph?.input?.[0];
          if (input !== undefined) input.type = type;
        }),
      );
    const elemType = { tensorType: { elemType: 1 } };
    expect(declared({ sequenceType: { elemType } })).toEqual([
      "B110 The input is declared as a sequence; expected a tensor.",
    ]);
    expect(declared({ optionalType: { elemType } })).toEqual([
      "B110 The input is declared as optional; expected a tensor.",
    ]);
    expect(declared({})).toEqual(["B110 The input is declared without a type; expected a tensor."]);
  });

  it("reads values that nothing defines", () => {
    const problems = problemsOf(() =>
      load(model([node("Add", "x w", "y")], { outputs: [value("y", 2, 3), value("q", 1)] })),
    );
    expect(problems.map(({ code, at }) => [code, at.onnxNode, at.tensor])).toEqual([
      ["B106", "Add_0", "w"],
      ["B106", undefined, "q"],
    ]);
  });

  it("has no outputs, or lists one twice", () => {
    expect(refusals(model([node("Relu", "x", "y")], { outputs: [] }))).toEqual([
      "B106 The graph has no outputs; expected at least one.",
    ]);
    const twice = model([node("Relu", "x", "y")], { outputs: [value("y", 2, 3), value("y", 2, 3)] });
    expect(refusals(twice)).toEqual(["B113 It is listed twice among the graph's outputs."]);
  });

  it("defines names twice", () => {
    const initializers = { w: f32Tensor([3], [1, 2, 3]) };
    const bytes = model([node("Relu", "x", "y"), node("Neg", "x", "y"), node("Abs", "y", "w")], { initializers });
    expect(refusals(bytes)).toEqual([
      'B113 It is defined by node "Relu_0" and by node "Neg_1".',
      'B113 It is defined by an initializer and by node "Abs_2".',
    ]);
  });

  it("has a cycle, whose nodes are named in the order of the data", () => {
    const bytes = model([
      node("Add", "x c", "a", {}, "A"),
      node("Neg", "a", "b", {}, "B"),
      node("Abs", "b", "c", {}, "C"),
      node("Relu", "c", "y"),
    ]);
    expect(refusals(bytes)).toEqual(['B107 The nodes "A" -> "B" -> "C" -> "A" form a cycle.']);
  });

  it("has operands whose shapes do not fit, each named with its node; nodes that read them are passed over", () => {
    const initializers = {
      w: f32Tensor(
        [4, 5],
        numbers(20, () => 1),
      ),
      v: f32Tensor([4], [1, 2, 3, 4]),
    };
    const nodes = [
      node("MatMul", "x w", "a", {}, "bad"),
      node("Relu", "a", "b"),
      node("Add", "x v", "c", {}, "worse"),
      node("Sum", "b c", "y"),
    ];
    const problems = problemsOf(() => load(model(nodes, { initializers })));
    expect(problems.map(({ code, at }) => [code, at.onnxNode, at.operator])).toEqual([
      ["B110", "bad", "MatMul"],
      ["B110", "worse", "Add"],
    ]);
    expect(problems[0]?.message).toMatch(/\[2,3\].*\[4,5\]/);
  });

  it("has weights that are not finite", () => {
    const data = numbers(12, (index) => index);
    data[7] = Number.NaN;
    const weights = { w: f32Tensor([3, 4], data), c: f32Tensor([4], [0, 1, Number.NaN, 2]) };
    const nodes = [node("MatMul", "x w", "a"), node("Add", "a c", "y")];
    expect(
      problemsOf(() => load(model(nodes, { initializers: weights, outputs: [value("y", 2, 4)] }))).map(
        ({ code, message, at }) => [code, message, at.tensor],
      ),
    ).toEqual([
      ["B109", "Element [1,3] of f32[3,4] is NaN or infinite; expected finite numbers.", "w"],
      ["B109", "Element [2] of f32[4] is NaN or infinite; expected finite numbers.", "c"],
    ]);
  });

  it("has half-precision weights that are not finite", () => {
    const w = makeTensor(tensorType("f16", [3, 1]), Uint16Array.of(0x3c00, 0x7c00, 0));
    const bytes = model([node("MatMul", "x w", "y")], {
      initializers: { w },
      inputs: [{ name: "x", element: "f16", shape: [2, 3] }],
      outputs: [{ name: "y", element: "f16", shape: [2, 1] }],
    });
    expect(refusals(bytes)).toEqual(["B109 Element [1,0] of f16[3,1] is NaN or infinite; expected finite numbers."]);
  });

  it("may mask with infinity", () => {
    const initializers = { mask: f32Tensor([3], [0, Number.NEGATIVE_INFINITY, 0]) };
    expect(load(model([node("Add", "x mask", "y")], { initializers })).graph.nodes).toHaveLength(1);
  });

  it("has an opset or IR version outside the supported range", () => {
    expect(refusals(model([node("Relu", "x", "y")], { opset: 5 }))).toContain(
      "B114 The model has opset 5; supported are 6 to 25.",
    );
    expect(refusals(model([node("Relu", "x", "y")], { opset: 26 }))).toContain(
      "B114 The model has opset 26; supported are 6 to 25.",
    );
    const later = altered(model([node("Relu", "x", "y")]), (proto) => {
      proto.irVersion = 14;
    });
    expect(refusals(later)).toEqual(["B114 The model has IR version 14; supported are 1 to 13."]);
    const none = altered(model([node("Relu", "x", "y")]), (proto) => {
      proto.opsetImport = [];
    });
    expect(refusals(none)).toContain("B114 The model names no opset; supported are 6 to 25.");
  });

  it("has attributes of the wrong form", () => {
    expect(refusals(model([node("Transpose", "x", "y", { perm: "no" })]))[0]).toMatch(/^B111 .*"perm"/);
    expect(refusals(model([node("Concat", "x x", "y")]))[0]).toMatch(/^B111 .*"axis"/);
    expect(refusals(model([node("Transpose", "x", "y", { perm: [0, 2] })]))[0]).toMatch(/^B110 /);
  });

  it("asks for a constant or a result that is too large", () => {
    const big = (sizes: number[]): Uint8Array =>
      model([node("ConstantOfShape", "s", "c"), node("ReduceSum", "c", "r"), node("Add", "x r", "y")], {
        initializers: { s: i64Tensor([sizes.length], sizes) },
      });
    expect(refusals(big([65536, 65536]))[0]).toMatch(/^B117 /);
    expect(refusals(big([16384, 32768]))[0]).toMatch(/^B117 .*536870912/);
    expect(refusals(model([node("Relu", "x", "y")], { inputs: [value("x", 2 ** 20, 2 ** 20)] }))[0]).toMatch(/^B117 /);
  });
});

describe("files that hold no model", () => {
  const write = (name: string, content: Uint8Array | string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const problemOf = (path: string): Problem | undefined => problemsOf(() => importOnnx({ path }))[0];

  it("are empty, text or other bytes", () => {
    expect(problemOf(write("empty.onnx", ""))).toMatchObject({
      code: "B101",
      message: "The file is empty; expected a serialized ONNX ModelProto.",
    });
    expect(problemOf(write("text.onnx", "Hello, this is text\n"))).toMatchObject({
      code: "B101",
      message: 'Found text that begins with "Hello, this is t"; expected a serialized ONNX ModelProto.',
      at: { byte: 0 },
    });
    expect(problemOf(write("png.onnx", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10)))).toMatchObject({
      code: "B101",
      message: "Found bytes 89 50 4e 47 0d 0a 1a 0a; expected a serialized ONNX ModelProto.",
    });
  });

  it("end too early: the byte is named", () => {
    const bytes = model([node("Relu", "x", "y")]);
    const found = problemOf(write("cut.onnx", bytes.subarray(0, bytes.length - 5)));
    expect(found?.code).toBe("B102");
    expect(found?.at.byte).toBeLessThanOrEqual(bytes.length - 5);
    expect(problemOf(write("short.onnx", bytes.subarray(0, 2)))).toMatchObject({ code: "B102", at: { byte: 2 } });
  });

  it("cannot be read", () => {
    expect(problemOf(join(folder, "absent.onnx"))).toMatchObject({
      code: "B103",
      message: "The file cannot be read (ENOENT).",
    });
    expect(problemOf(folder)).toMatchObject({ code: "B103", message: "Found a folder; expected an ONNX file." });
  });
});
