import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { type WrittenModel, writeModel } from "../../../compiler/onnx/write-model.ts";
import { runPasses } from "../../../compiler/passes/pass.ts";
import { floatPipeline } from "../../../compiler/passes/pipeline.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { loadChip } from "../../../targets/load.ts";
import { build, bytesOf, difference, preparedCase, runFunctional } from "../../contracts/random-case.ts";
import { load, node, value } from "../onnx/written-models.ts";

function weights(...shape: number[]): Tensor {
  const random = makeRandom(shape.length);
  return f32Tensor(
    shape,
    Array.from({ length: shape.reduce((count, size) => count * size, 1) }, () => random.normal()),
  );
}

const swap = { perm: [0, 2, 1] };
const columns = (nodes: WrittenModel["nodes"], positions = 7): WrittenModel => ({
  name: "columns",
  opset: 17,
  inputs: [value("x", 2, 3, positions)],
  outputs: [value("y", 2, 4, positions)],
  initializers: { w: weights(3, 5), b: weights(5), v: weights(5, 4), c: weights(positions, 1) },
  nodes,
});

const mixed = columns([
  node("Transpose", "x", "t", swap),
  node("MatMul", "t w", "m"),
  node("Add", "m b", "a"),
  node("Relu", "a", "r"),
  node("MatMul", "r v", "n"),
  node("Tanh", "n", "h"),
  node("Transpose", "h", "y", swap),
]);

function simplified(model: WrittenModel): { readonly before: Graph; readonly after: Graph; readonly ops: string[] } {
  const before = load(writeModel(model)).graph;
  const after = runPasses(before, floatPipeline).graph;
  return { before, after, ops: after.nodes.map(({ op }) => op) };
}

describe("products between two transposes", () => {
  it("become convolutions of one position, with the nodes between them", () => {
    const { before, after, ops } = simplified(mixed);
    expect(ops).toEqual(["conv", "relu", "conv", "tanh"]);
    expect(after.constants.map(({ type }) => type.shape.join())).toEqual(["5", "5,3,1", "4,5,1"]);
    const inputs = new Map([["x", weights(2, 3, 7)]]);
    const [wanted, found] = [evaluate(before, inputs).get("y"), evaluate(after, inputs).get("y")];
    expect(found?.type).toEqual(wanted?.type);
    wanted?.data.forEach((number, index) => {
      expect(Number(found?.data[index])).toBeCloseTo(Number(number), 5);
    });
  });

  it("keep the names by which layers are called", () => {
    const { after } = simplified(mixed);
    const origins = after.nodes.filter(({ op }) => op === "conv").map(({ origin }) => origin);
    // Nodes without names are called by operator and place; the product and its bias were joined before.
    expect(origins).toEqual([["MatMul_1", "Add_2", "Transpose_0"], ["MatMul_4"]]);
    expect(after.nodes.at(-1)?.origin).toEqual(["Tanh_5", "Transpose_6"]);
  });

  it("stay when only one side is transposed, when others read them, and when something is added by position", () => {
    const half = [node("MatMul", "q w", "m"), node("MatMul", "m v", "n"), node("Transpose", "n", "y", swap)];
    expect(simplified({ ...columns(half), inputs: [value("q", 2, 7, 3)] }).ops).toContain("matmul");
    const read = columns([...mixed.nodes.slice(0, 6), node("Transpose", "h", "y", swap), node("Relu", "m", "z")]);
    expect(simplified({ ...read, outputs: [...read.outputs, value("z", 2, 7, 5)] }).ops).toContain("matmul");
    const byPosition = columns([
      node("Transpose", "x", "t", swap),
      node("MatMul", "t w", "m"),
      node("Add", "m c", "a"),
      node("MatMul", "a v", "n"),
      node("Transpose", "n", "y", swap),
    ]);
    expect(simplified(byPosition).ops).toContain("matmul");
  });

  it.each(["w8a8", "w4a4", "w2a2"])("answer on the chip at %s as the exact evaluation does", (precision) => {
    const mini = loadChip("mini-4x4");
    const each = preparedCase(makeRandom(3), load(writeModel(mixed)).graph, new Set(), precision);
    const built = build(each, mini, null);
    if (built === null) throw new Error("a small model does not fit");
    const expected = bytesOf(evaluate(each.prepared.chipGraph, each.inputs));
    const found = runFunctional(built, each.inputs, mini, { kernels: "wasm", checked: true });
    expect(difference(expected, found)).toBe("");
  });
});
