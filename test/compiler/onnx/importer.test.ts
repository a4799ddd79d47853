import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { importOnnx } from "../../../compiler/onnx/importer.ts";
import type { WrittenNode } from "../../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, makeTensor, type Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { altered, constantOf, load, model, node, numbers, problemsOf, refusals, value } from "./written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("importing a model", () => {
  it("keeps names, types, the order of outputs and where nodes came from", () => {
    const bytes = model([node("Relu", "x", "r", {}, "first"), node("Neg", "r", "y")], {
      outputs: [value("y", 2, 3), value("r", 2, 3)],
    });
    const { graph, outputNames, opset, irVersion, producer, weights, parameterCount } = load(bytes);
    expect(graph.inputs).toEqual([{ name: "x", type: tensorType("f32", [2, 3]) }]);
    expect(graph.nodes.map(({ name, origin, operands, layer }) => [name, origin, operands, layer])).toEqual([
      ["r", ["first"], ["x"], null],
      ["y", ["Neg_1"], ["r"], null],
    ]);
    expect(graph.outputs).toEqual(["y", "r"]);
    expect({ outputNames, opset, irVersion, producer, weights, parameterCount }).toEqual({
      outputNames: ["y", "r"],
      opset: 17,
      irVersion: 8,
      producer: "boreal",
      weights: "trained",
      parameterCount: 0,
    });
  });

  it("names a nameless node by its operator and place", () => {
    const bytes = altered(model([node("Relu", "x", "r"), node("Neg", "r", "y")]), (proto) => {
      for (const each of proto.graph?.node ?? []) each.name = "";
    });
    expect(load(bytes).graph.nodes.map(({ origin }) => origin)).toEqual([["Relu_0"], ["Neg_1"]]);
  });

  it("gives the checksum of the file, and a name from the path", () => {
    const bytes = model([node("Relu", "x", "y")]);
    mkdirSync(join(folder, "small-net"), { recursive: true });
    for (const path of ["small-net/model.onnx", "other.onnx"]) writeFileSync(join(folder, path), bytes);
    const named = importOnnx({ path: join(folder, "small-net", "model.onnx") });
    expect(named.name).toBe("small-net");
    expect(named.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(importOnnx({ path: join(folder, "other.onnx") })).toMatchObject({ name: "other", sha256: named.sha256 });
  });

  it("sorts nodes that stand in any order", () => {
    const bytes = model([node("Neg", "b", "y"), node("Relu", "a", "b"), node("Abs", "x", "a")]);
    expect(load(bytes).graph.nodes.map(({ name }) => name)).toEqual(["a", "b", "y"]);
  });

  it("leaves out what no output depends on, and says so", () => {
    const bytes = model([node("Relu", "x", "y"), node("Mystery", "x", "z"), node("Neg", "z", "w")], {
      inputs: [value("x", 2, 3), value("u", 1)],
    });
    const { graph, notes } = load(bytes);
    expect(graph.nodes.map(({ name }) => name)).toEqual(["y"]);
    expect(notes.map(({ message }) => message)).toEqual([
      "2 nodes that no output depends on were left out.",
      'No output depends on the input "u".',
    ]);
  });

  it("takes an input that has an initializer for a constant", () => {
    const initializers = { w: f32Tensor([3], [1, 2, 3]) };
    const bytes = model([node("Add", "x w", "y")], { inputs: [value("x", 2, 3), value("w", 3)], initializers });
    const { graph, parameterCount } = load(bytes);
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(constantOf(load(bytes), "w")).toMatchObject({ source: "model", type: { shape: [3] } });
    expect(parameterCount).toBe(3);
  });

  it("computes shape arithmetic at import", () => {
    const initializers = { zero: i64Tensor([], [0]), rest: i64Tensor([1], [-1]), first: i64Tensor([1], [0]) };
    const nodes = [
      node("Shape", "x", "s"),
      node("Gather", "s zero", "b", { axis: 0 }),
      node("Unsqueeze", "b first", "b1"),
      node("Concat", "b1 rest", "shape", { axis: 0 }),
      node("Reshape", "x shape", "y"),
    ];
    const { graph, notes } = load(
      model(nodes, { inputs: [value("x", 2, 3, 4)], outputs: [value("y", 2, 12)], initializers }),
    );
    expect(graph.nodes.map(({ op, attributes }) => [op, attributes])).toEqual([["reshape", { shape: [2, 12] }]]);
    expect(graph.constants).toEqual([]);
    expect(notes.map(({ message }) => message)).toEqual(["3 operations on known values were computed at import."]);
  });

  it("passes an output through that is an input or a constant", () => {
    const initializers = { c: f32Tensor([2], [1, 2]) };
    const bytes = model([], { initializers, outputs: [value("x", 2, 3), value("c", 2)] });
    const { graph } = load(bytes);
    expect(graph.outputs).toEqual(["x", "c"]);
    expect(graph.nodes).toEqual([]);
  });

  it("splits, squeezes, pads and flattens as attributes and as inputs say", () => {
    const run = (opset: number, nodes: WrittenNode[], initializers: Record<string, Tensor> = {}): unknown => {
      const { graph } = load(
        model(nodes, { opset, initializers, inputs: [value("x", 1, 2, 4)], outputs: [value("y", null)] }),
      );
      return [...(graph.nodes.at(-1)?.type.shape ?? [])];
    };
    expect(run(11, [node("Split", "x", "a y", { axis: 2, split: [1, 3] })])).toEqual([1, 2, 3]);
    expect(run(13, [node("Split", "x s", "a y", { axis: -1 })], { s: i64Tensor([2], [3, 1]) })).toEqual([1, 2, 1]);
    expect(run(18, [node("Split", "x", "a b y", { axis: 2, num_outputs: 3 })])).toEqual([1, 2, 0]);
    expect(run(11, [node("Squeeze", "x", "y", { axes: [0] })])).toEqual([2, 4]);
    expect(run(13, [node("Squeeze", "x", "y")])).toEqual([2, 4]);
    expect(run(13, [node("Unsqueeze", "x a", "y")], { a: i64Tensor([2], [0, -1]) })).toEqual([1, 1, 2, 4, 1]);
    expect(run(10, [node("Pad", "x", "y", { pads: [0, 1, 0, 0, 0, 2], value: { float: 1 } })])).toEqual([1, 3, 6]);
    expect(run(18, [node("Pad", "x p - a", "y")], { p: i64Tensor([2], [1, 2]), a: i64Tensor([1], [-2]) })).toEqual([
      1, 5, 4,
    ]);
    expect(run(13, [node("Flatten", "x", "y", { axis: 2 })])).toEqual([2, 4]);
    expect(run(13, [node("Reshape", "x s", "y")], { s: i64Tensor([2], [0, -1]) })).toEqual([1, 8]);
    expect(run(9, [node("Slice", "x", "y", { starts: [1], ends: [9], axes: [2] })])).toEqual([1, 2, 3]);
    expect(
      run(13, [node("Slice", "x s e a t", "y")], {
        s: i64Tensor([1], [-1]),
        e: i64Tensor([1], [-(2n ** 63n)]),
        a: i64Tensor([1], [2]),
        t: i64Tensor([1], [-2]),
      }),
    ).toEqual([1, 2, 2]);
    expect(
      run(13, [node("DepthToSpace", "q", "y", { blocksize: 2 }), node("Reshape", "x s", "q")], {
        s: i64Tensor([4], [1, 8, 1, 1]),
      }),
    ).toEqual([1, 2, 2, 2]);
  });

  it("densifies sparse initializers", () => {
    const sparse = (indices: Tensor): Uint8Array =>
      altered(model([node("Add", "x w", "y")]), (proto) => {
        const values = { name: "w", dims: [2], dataType: 1, floatData: [5, 7] };
        const data = Array.from(indices.data as BigInt64Array, Number);
        proto.graph = {
          ...proto.graph,
          sparseInitializer: [
            { values, dims: [2, 3], indices: { dims: [...indices.type.shape], dataType: 7, int64Data: data } },
          ],
        };
      });
    const expected = [0, 5, 0, 0, 0, 7];
    expect(Array.from(constantOf(load(sparse(i64Tensor([2], [1, 5]))), "w").data as Float32Array)).toEqual(expected);
    expect(Array.from(constantOf(load(sparse(i64Tensor([2, 2], [0, 1, 1, 2]))), "w").data as Float32Array)).toEqual(
      expected,
    );
    expect(refusals(sparse(i64Tensor([2], [1, 6])))).toEqual(["B115 Index [6] of value 1 lies outside shape [2,3]."]);
  });

  it("takes known inputs for constants", () => {
    const bytes = model([node("Reshape", "x s", "y")], {
      inputs: [value("x", 2, 3), { name: "s", element: "i64", shape: [1] }],
      outputs: [value("y", 6)],
    });
    expect(refusals(bytes)[0]).toMatch(/^B112 .*must be known at compile time/);
    const { graph } = load(bytes, { knownInputs: new Map([["s", i64Tensor([1], [6])]]) });
    expect(graph.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(graph.nodes[0]?.type.shape).toEqual([6]);
    expect(refusals(bytes, { knownInputs: new Map([["s", f32Tensor([1], [6])]]) })[0]).toMatch(/^B110 /);
    expect(refusals(bytes, { knownInputs: new Map([["t", f32Tensor([1], [6])]]) }).join()).toMatch(
      /B106 A value was given for it/,
    );
  });

  it("notes an output whose declared shape is not the one that it has", () => {
    const { notes } = load(model([node("Relu", "x", "y")], { outputs: [value("y", 2, 4)] }));
    expect(notes).toEqual([{ message: 'Output "y" is declared as [2,4] and has shape [2,3].' }]);
  });
});

describe("open dimensions", () => {
  const bytes = model([node("Relu", "x", "y")], {
    inputs: [value("x", "batch", null, 3, "batch")],
    outputs: [value("y", "batch", null, 3, "batch")],
  });

  it("are all named when they are not bound", () => {
    expect(problemsOf(() => load(bytes)).map(({ code, message, hint }) => [code, message, hint])).toEqual([
      ["B105", 'Dimension "batch" (axis 0 of the input) has no value.', "Bind it with --dim batch=VALUE."],
      ["B105", "Axis 1 of the input has no size and no name.", "Bind it with --dim x:1=VALUE."],
    ]);
  });

  it("are bound by name and by place, the place first", () => {
    const shape = (...entries: [string, number][]): unknown =>
      load(bytes, { dimensions: new Map(entries) }).graph.inputs[0]?.type.shape;
    expect(shape(["batch", 4], ["x:1", 5])).toEqual([4, 5, 3, 4]);
    expect(shape(["batch", 4], ["x:1", 5], ["x:3", 6])).toEqual([4, 5, 3, 6]);
  });

  it("are refused under names that the model does not have, and with sizes that are none", () => {
    const dimensions = new Map([
      ["batch", 1.5],
      ["x:1", 2],
      ["sequence", 3],
    ]);
    expect(refusals(bytes, { dimensions })).toEqual([
      'B105 Dimension "batch" is bound to 1.5; expected a whole number of at least 0.',
      'B105 "sequence" was given a value, but the model has no such open dimension; it has "batch", "x:1".',
    ]);
  });
});

describe("quantized weights", () => {
  it("stay as the model stores them, through movements too", () => {
    const q = makeTensor(tensorType("i8", [4, 3]), Int8Array.from(numbers(12, (index) => index - 6)));
    const initializers = { q, s: f32Tensor([], [0.5]), z: makeTensor(tensorType("i8", []), Int8Array.of(1)) };
    const nodes = [node("DequantizeLinear", "q s z", "w"), node("Transpose", "w", "t"), node("MatMul", "x t", "y")];
    const { graph } = load(model(nodes, { initializers, outputs: [value("y", 2, 4)] }));
    expect(graph.constants.map(({ type }) => type.element)).toEqual(["i8"]);
    expect(graph.nodes.map(({ name, type }) => [name, type.element])).toEqual([
      ["w", "f32"],
      ["t", "f32"],
      ["y", "f32"],
    ]);
  });
});
