import { describe, expect, it } from "vitest";
import { type ConvLayer, parseConv, parseGemm } from "../../api/layer-description.ts";
import { layerModel } from "../../api/layer-model.ts";
import { macCountOf } from "../../api/samples.ts";
import { chooseTarget, importModel, runModel } from "../../api.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { valueTypes } from "../../ir/graph.ts";
import { weights } from "../cli/models.ts";
import { problemsOf } from "../compiler/onnx/written-models.ts";

const target = chooseTarget("mini-4x4");

/** The message of the only problem. */
function messageOf(action: () => unknown): string {
  const [first, ...rest] = problemsOf(action);
  expect(rest).toEqual([]);
  expect(first?.code).toBe("B601");
  return first?.message ?? "";
}

function outputShape(layer: ConvLayer): readonly number[] {
  const { graph } = layerModel(layer, {});
  return valueTypes(graph).get(graph.outputs[0] ?? "")?.shape ?? [];
}

describe("a matrix product in place of a model", () => {
  it("reads rows, columns and inner size, in this order", () => {
    expect(parseGemm("64,512,256")).toEqual({ kind: "gemm", m: 64, n: 512, k: 256 });
    expect(parseGemm("1x2x3")).toEqual({ kind: "gemm", m: 1, n: 2, k: 3 });
  });

  it("has M·N·K MACs, N·K weights, and says that they are random or absent", () => {
    const model = layerModel(parseGemm("6,20,35"), { randomWeightsSeed: 3 });
    expect(macCountOf(model.graph)).toBe(6 * 20 * 35);
    expect(model).toMatchObject({ name: "gemm-6x20x35", weights: "random", parameterCount: 20 * 35 });
    expect(layerModel(parseGemm("6,20,35"), {}).weights).toBe("absent");
    expect(layerModel(parseGemm("6,20,35"), { randomWeightsSeed: 3 })).toEqual(model);
    const [other] = layerModel(parseGemm("6,20,35"), { randomWeightsSeed: 4 }).graph.constants;
    expect(other?.data).not.toEqual(model.graph.constants[0]?.data);
  });

  it("costs what the same product costs in an ONNX file, and has an accuracy", () => {
    const file = writeModel({
      name: "m",
      opset: 17,
      inputs: [{ name: "a", element: "f32", shape: [12, 40] }],
      outputs: [{ name: "b", element: "f32", shape: [12, 24] }],
      nodes: [{ operator: "MatMul", inputs: ["a", "c"], outputs: ["b"] }],
      initializers: { c: weights([40, 24], 1) },
    });
    const expected = runModel({ model: importModel({ bytes: file, name: "m" }), target, timingOnly: true }).result;
    const { result } = runModel({ model: layerModel(parseGemm("12,24,40"), { randomWeightsSeed: 0 }), target });
    expect(result.timing).toEqual(expected.timing);
    expect(result.energy).toEqual(expected.energy);
    expect(result.accuracy?.exactCheck?.equal).toBe(true);
    expect(result.accuracy?.sqnrDb).toBeGreaterThan(25);
    expect(result.warnings.map(({ code }) => code)).toContain("W102");
  });

  it.each([["64,512"], ["1,2,3,4"], ["a,2,3"], ["0,2,3"], ["1.5,2,3"], [""], ["-1,2,3"]])("refuses %j", (text) => {
    expect(messageOf(() => parseGemm(text))).toMatch(/^Option --gemm was given ".*three whole numbers.*Expected M,N,K/);
  });
});

describe("a convolution in place of a model", () => {
  it("reads shapes and settings", () => {
    expect(parseConv("2x64x56x55,32x3x5,stride=2x1,pad=1,dilation=2,groups=4")).toEqual({
      kind: "conv",
      count: 2,
      inputChannels: 64,
      sizes: [56, 55],
      outputChannels: 32,
      kernel: [3, 5],
      strides: [2, 1],
      pads: [1, 1, 1, 1],
      dilations: [2, 2],
      groups: 4,
    });
    expect(parseConv("3x8x8,4x3x3,pad=1x2").pads).toEqual([1, 2, 1, 2]);
    expect(parseConv("3x8x8,4x3x3,pad=0x1x2x3").pads).toEqual([0, 1, 2, 3]);
    expect(parseConv("3x8x8,4x3x3")).toMatchObject({ count: 1, strides: [1, 1], groups: 1 });
  });

  it("has the result's shape and the MACs of its definition, in one to three dimensions", () => {
    // ⌊(56 + 2 − 3) / 2⌋ + 1 = 28.
    const strided = parseConv("1x64x56x56,64x3x3,stride=2,pad=1");
    expect(outputShape(strided)).toEqual([1, 64, 28, 28]);
    expect(macCountOf(layerModel(strided, {}).graph)).toBe(64 * 28 * 28 * 64 * 9);
    expect(layerModel(strided, {}).name).toBe("conv-1x64x56x56-64x3x3-s2-p1");
    // A kernel of 3 with dilation 2 reaches 5: 20 − 5 + 1 = 16. Each group has 8 / 4 = 2 channels.
    const grouped = parseConv("8x20,12x3,dilation=2,groups=4");
    expect(outputShape(grouped)).toEqual([1, 12, 16]);
    expect(macCountOf(layerModel(grouped, {}).graph)).toBe(12 * 16 * 2 * 3);
    expect(outputShape(parseConv("2x5x6x7,3x1x2x3"))).toEqual([1, 3, 5, 5, 5]);
  });

  it("is answered by the chip bit for bit", () => {
    const model = layerModel(parseConv("3x9x8,6x3x3,stride=2x1,pad=1"), { randomWeightsSeed: 1 });
    expect(runModel({ model, target }).result.accuracy?.exactCheck?.equal).toBe(true);
  });

  it.each([
    ["64x56x56", /"" is no shape of a filter/],
    ["64x56xa,64x3x3", /"64x56xa" is no shape of an input/],
    ["64x56x56,64", /1 to 3 spatial axes, "64" has 0/],
    ["56,64x3x3", /"56" does not go with the 2 spatial axes of "64x3x3"/],
    ["64x56x56,64x3x3,padding=1", /"padding=1" is none of stride=, pad=, dilation=, groups=/],
    ["64x56x56,64x3x3,pad=1,pad=2", /pad stands twice/],
    ["64x56x56,64x3x3,stride=0", /stride=0 is no list of whole numbers of at least 1/],
    ["64x56x56,64x3x3,stride=1x2x3", /stride has 3 numbers, expected 1 or 2/],
    ["64x56x56,64x3x3,pad=1x2x3", /pad has 3 numbers, expected 1, 2 or 4/],
    ["64x56x56,64x3x3,groups=3", /3 groups do not divide the 64 input channels/],
    ["64x56x56,63x3x3,groups=2", /2 groups do not divide the 63 output channels/],
    ["64x56x56,64x3x3,groups=2x2", /groups has more than one number/],
    ["64x4x4,64x3x5", /reaches 5 is larger than the padded input of 4 on axis 1/],
  ])("refuses %j", (text, message) => {
    expect(messageOf(() => parseConv(text))).toMatch(message);
  });
});
