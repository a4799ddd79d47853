import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { importCase, readCaseData } from "../../../api/conformance-case.ts";
import { importModel } from "../../../api.ts";
import { makeRandom } from "../../../base/random.ts";
import { prepare } from "../../../compiler/compile.ts";
import { writeModel } from "../../../compiler/onnx/write-model.ts";
import { realNumbers } from "../../../compiler/quantize/accuracy.ts";
import { parseQuantizer } from "../../../compiler/quantize/quantizer.ts";
import { storedTensor } from "../../../compiler/quantize/stored-tensor.ts";
import { quantizedModel } from "../../../compiler/quantize/write-quantized.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { elementCount } from "../../../ir/type.ts";
import { describeShared } from "../../shared.ts";

type Frame = ReadonlyMap<string, Tensor>;

/** What onnxruntime answers to the model that a quantized graph is written as, its graph optimization off. */
async function runtimeAnswer(graph: Graph, frame: Frame): Promise<Map<string, ArrayLike<number>>> {
  const runtime = await InferenceSession.create(writeModel(quantizedModel(graph)), {
    graphOptimizationLevel: "disabled",
  });
  const feeds = graph.inputs.map(({ name, type }) => {
    const numbers = Float32Array.from(tensorNumbers(frame.get(name) as Tensor));
    return [name, new OrtTensor("float32", numbers, type.shape)] as const;
  });
  const answers = await runtime.run(Object.fromEntries(feeds));
  return new Map(graph.outputs.map((output) => [output, answers[output]?.data as Float32Array]));
}

/** How far onnxruntime's answer is from the exact one, in 255ths of the range of each output. */
async function stepsApart(graph: Graph, frame: Frame): Promise<number> {
  const inputs = graph.inputs.map(({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const);
  const exact = evaluate(graph, new Map(inputs));
  const found = await runtimeAnswer(graph, frame);
  let most = 0;
  for (const output of graph.outputs) {
    const wanted = Array.from(realNumbers(exact.get(output) as Tensor));
    const step = (Math.max(0, ...wanted) - Math.min(0, ...wanted)) / 255;
    const numbers = found.get(output) as ArrayLike<number>;
    expect(numbers.length).toBe(wanted.length);
    wanted.forEach((each, index) => {
      most = Math.max(most, Math.abs(each - (numbers[index] as number)) / step);
    });
  }
  return most;
}

/** Integers, scales and biases of the contractions of a quantized graph. */
function layersOf(graph: Graph): unknown[] {
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  return graph.nodes
    .filter(({ op }) => op === "matmul" || op === "conv")
    .map(({ op, type, operands }) => {
      const [weights, bias] = [constants.get(operands[1] ?? ""), constants.get(operands[2] ?? "")];
      return [
        op,
        type.element,
        type.shape,
        weights?.data,
        bias?.data,
        (type.quantization?.scales ?? []).map((scale) => scale.toPrecision(6)),
      ];
    });
}

const network = parseGraph(`graph @g(%x: f32[1,3,8,8]) {
  %w = const() {seed=1} : f32[8,3,3,3]
  %b = const() {seed=2} : f32[8]
  %v = const() {seed=3} : f32[8,4,3,3]
  %u = const() {seed=4} : f32[128,5]
  %c = const() {seed=5} : f32[5]
  %a = conv(%x, %w, %b) {strides=[1,1], pads=[1,1,1,1], dilations=[1,1], group=1} : f32[1,8,8,8]
  %r = relu(%a) : f32[1,8,8,8]
  %p = max_pool(%r) {kernel=[2,2], strides=[2,2], pads=[0,0,0,0], dilations=[1,1], ceil=false} : f32[1,8,4,4]
  %d = conv(%p, %v, _) {strides=[1,1], pads=[1,1,1,1], dilations=[1,1], group=2} : f32[1,8,4,4]
  %s = relu(%d) : f32[1,8,4,4]
  %g = reshape(%s) {shape=[1,128]} : f32[1,128]
  %m = matmul(%g, %u, %c) : f32[1,5]
  %y = relu(%m) : f32[1,5]
  return %y, %m
}`);

function randomFrames(graph: Graph, count: number): Frame[] {
  const random = makeRandom(11);
  return Array.from({ length: count }, () => {
    const draw = (length: number): number[] => Array.from({ length }, () => 2 * random.uniform() - 1);
    return new Map(graph.inputs.map(({ name, type }) => [name, f32Tensor(type.shape, draw(elementCount(type)))]));
  });
}

const frames = randomFrames(network, 8);

describe("a quantized graph as ONNX", () => {
  it.each(["none", "compensate,correct-biases", "symmetric,per-tensor"])(
    "answers in onnxruntime to within one step (quantizer: %s), and comes back as the same layers",
    async (quantizer) => {
      const { quantizedGraph } = prepare(network, {
        precision: "w8a8",
        calibrationFrames: frames,
        quantizer: parseQuantizer(quantizer),
      });
      for (const frame of randomFrames(network, 4)) expect(await stepsApart(quantizedGraph, frame)).toBeLessThan(1);
      const bytes = writeModel(quantizedModel(quantizedGraph));
      const back = prepare(importModel({ bytes, name: "back" }).graph, { precision: "w8a8", calibrationFrames: null });
      expect(layersOf(back.quantizedGraph)).toEqual(layersOf(quantizedGraph));
    },
  );

  it("keeps names of inputs and outputs, and writes scales of channels with int8 weights and int32 biases", () => {
    const { quantizedGraph } = prepare(network, { precision: "w8a8", calibrationFrames: frames });
    const model = quantizedModel(quantizedGraph);
    expect(model.inputs).toEqual([{ name: "x", element: "f32", shape: [1, 3, 8, 8] }]);
    expect(model.outputs.map(({ name }) => name)).toEqual(["y", "m"]);
    const initializers = Object.values(model.initializers ?? {});
    expect(initializers.filter(({ type }) => type.element === "i8" && type.shape.length > 1)).toHaveLength(3);
    expect(initializers.filter(({ type }) => type.element === "i32")).toHaveLength(3);
  });

  it.each([
    ["i4", "[7,-8,3,-1]", 21],
    ["i2", "[1,-2,0,-1]", 21],
  ] as const)("writes %s weights in 4 bits, and onnxruntime reads them", async (element, values, opset) => {
    const narrow = parseGraph(`graph @g(%x: i8<scale=0.5, zero=-3>[1,2]) {
      %w = const() {values=${values}} : ${element}<axis=1, scale=[0.25,2], zero=0>[2,2]
      %b = const() {values=[40,-8]} : i32[2]
      %s = matmul(%x, %w, %b) : i32<axis=1, scale=[0.125,1], zero=0>[1,2]
      %y = dequantize(%s) {element="f16"} : f16[1,2]
      return %y
    }`);
    const model = quantizedModel(narrow);
    expect(model.opset).toBe(opset);
    expect(Object.values(model.initializers ?? {}).filter(({ type }) => type.element === "i4")).toHaveLength(2);
    expect(await stepsApart(narrow, new Map([["x", f32Tensor([1, 2], [1.2, -7])]]))).toBeLessThan(0.01);
  });

  it.each([
    ["w4a8", 21],
    ["w4a4", 21],
    ["w2a8", 21],
    ["w2a2", 25],
  ])("answers at %s in onnxruntime to within one step, in opset %d", async (precision, opset) => {
    const { quantizedGraph } = prepare(network, { precision, calibrationFrames: frames });
    expect(quantizedModel(quantizedGraph).opset).toBe(opset);
    for (const frame of randomFrames(network, 4)) expect(await stepsApart(quantizedGraph, frame)).toBeLessThan(1);
  });

  it("names what ONNX has no operator for", () => {
    const odd = parseGraph("graph @g(%x: f16[2,2]) {\n  %y = masked_softmax(%x) {axis=-1} : f16[2,2]\n  return %y\n}");
    expect(() => quantizedModel(odd)).toThrow(/error\[B805\]: .*masked_softmax/);
  });
});

describeShared("shared models, quantized and written as ONNX", (folder) => {
  it.each(["micro-kws-fp32", "onnx-mlir-mnist", "quant-attention", "burn-mnist-cnn"])(
    "%s answers in onnxruntime to within one step of its outputs",
    async (name) => {
      const path = join(folder, "models", name);
      const data = readCaseData(path)[0];
      if (data === undefined) throw new Error(`${path} has no data set`);
      const { graph } = importCase(path, data).model;
      const random = makeRandom(1);
      const near = Array.from({ length: 4 }, () => {
        const entries = [...data.inputs].map(([input, tensor]) => {
          const numbers = Float64Array.from(tensorNumbers(tensor), (each) => each * (0.9 + 0.2 * random.uniform()));
          return [input, tensorOf(tensor.type, numbers)] as const;
        });
        return new Map(entries);
      });
      const { quantizedGraph } = prepare(graph, { precision: "w8a8", calibrationFrames: near });
      expect(await stepsApart(quantizedGraph, data.inputs)).toBeLessThan(1);
    },
  );
});
