import { describe, expect, it } from "vitest";
import type { ImportedModel } from "../../../compiler/onnx/importer.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { f32Tensor, i64Tensor } from "../../../ir/tensor.ts";
import { constantOf, load, model, node, numbers, value } from "./written-models.ts";

describe("random weights", () => {
  const initializers = {
    shape: i64Tensor([2], [256, 64]),
    b: f32Tensor(
      [64],
      numbers(64, () => 0),
    ),
    scale: f32Tensor(
      [64],
      numbers(64, () => 1),
    ),
    shift: f32Tensor(
      [64],
      numbers(64, (index) => index),
    ),
    small: f32Tensor([4], [1, 1, 1, 1]),
  };
  const nodes = [
    node("ConstantOfShape", "shape", "w", { value: f32Tensor([1], [0.5]) }),
    node("Gemm", "x w b", "a"),
    node("BatchNormalization", "a scale shift shift scale", "y"),
  ];
  const bytes = model(nodes, { inputs: [value("x", 8, 256)], outputs: [value("y", 8, 64)], initializers });
  const data = (imported: ImportedModel, name: string): Float32Array => constantOf(imported, name).data as Float32Array;
  const deviation = (values: Float32Array): number =>
    Math.sqrt(values.reduce((sum, each) => sum + each * each, 0) / values.length);

  it("are only filled in when a seed is given; otherwise a note warns of equal weights", () => {
    const { weights, notes, graph } = load(bytes);
    expect(weights).toBe("trained");
    expect(graph.constants.every(({ source }) => source === "model")).toBe(true);
    expect(notes.map(({ message }) => message)).toContain(
      "The elements of 1 weight tensor are all equal: the model's answers mean nothing.",
    );
  });

  it("replace absent or equal weights with the scale that their role asks for", () => {
    const imported = load(bytes, { randomWeightsSeed: 1 });
    expect(imported.weights).toBe("random");
    const weights = data(imported, "w");
    expect(weights).toHaveLength(256 * 64);
    expect(deviation(weights)).toBeCloseTo(Math.sqrt(2 / 256), 2);
    expect(deviation(data(imported, "b"))).toBeGreaterThan(0.05);
    expect(deviation(data(imported, "b"))).toBeLessThan(0.2);
    const scale = data(imported, "scale");
    expect(Math.min(...scale)).toBeGreaterThanOrEqual(0.9);
    expect(Math.max(...scale)).toBeLessThanOrEqual(1.1);
    expect(Array.from(data(imported, "shift"))).toEqual(numbers(64, (index) => index));
  });

  it("depend on the seed and the tensor's name alone", () => {
    const first = data(load(bytes, { randomWeightsSeed: 1 }), "w");
    expect(data(load(bytes, { randomWeightsSeed: 1 }), "w")).toEqual(first);
    expect(data(load(bytes, { randomWeightsSeed: 2 }), "w")).not.toEqual(first);
    const alone = model(nodes.slice(0, 2), {
      inputs: [value("x", 8, 256)],
      outputs: [value("a", 8, 64)],
      initializers,
    });
    expect(data(load(alone, { randomWeightsSeed: 1 }), "w")).toEqual(first);
  });

  it("give answers of a sane size", () => {
    const { graph } = load(bytes, { randomWeightsSeed: 1 });
    const x = f32Tensor(
      [8, 256],
      numbers(2048, (index) => Math.sin(index)),
    );
    const y = [...evaluate(graph, new Map([["x", x]])).values()][0]?.data as Float32Array;
    expect(y.every((each) => Number.isFinite(each) && Math.abs(each) < 100)).toBe(true);
  });
});

describe("constants of one number", () => {
  it("share one array, also through movements", () => {
    const initializers = { s: i64Tensor([2], [40, 30]), t: i64Tensor([2], [30, 40]) };
    const nodes = [
      node("ConstantOfShape", "s", "a"),
      node("Transpose", "a", "b"),
      node("ConstantOfShape", "t", "c"),
      node("Add", "x b", "p"),
      node("Add", "p c", "y"),
    ];
    const { graph } = load(model(nodes, { inputs: [value("x", 30, 40)], outputs: [value("y", 30, 40)], initializers }));
    expect(graph.constants.map(({ name }) => name)).toEqual(["b", "c"]);
    expect(graph.constants[0]?.data?.buffer).toBe(graph.constants[1]?.data?.buffer);
  });
});
