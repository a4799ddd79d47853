import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { makeRandom, type Random } from "../../../base/random.ts";
import { runPasses } from "../../../compiler/passes/pass.ts";
import { chipPipeline, floatPipeline } from "../../../compiler/passes/pipeline.ts";
import { energiesOf, pooledSqnrDb, realNumbers } from "../../../compiler/quantize/accuracy.ts";
import { calibrate } from "../../../compiler/quantize/calibrate.ts";
import { contractionWork, macCountByPrecision } from "../../../compiler/quantize/mac-count.ts";
import { parsePrecision } from "../../../compiler/quantize/precision.ts";
import { quantizeGraph } from "../../../compiler/quantize/quantize.ts";
import { storedTensor } from "../../../compiler/quantize/stored-tensor.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { elementCount } from "../../../ir/type.ts";
import { verifyGraph } from "../../../ir/verify.ts";
import { randomGraph } from "../../random-graph.ts";

type Frame = ReadonlyMap<string, Tensor>;

function uniformFrame(random: Random, graph: Graph): Frame {
  return new Map(
    graph.inputs.map(({ name, type }) => [
      name,
      f32Tensor(
        type.shape,
        Array.from({ length: elementCount(type) }, () => 2 * random.uniform() - 1),
      ),
    ]),
  );
}

/** The answers of a graph whose inputs the host has put into the graph's formats. */
function answer(graph: Graph, frame: Frame): Tensor[] {
  const inputs = new Map(graph.inputs.map(({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)]));
  const outputs = evaluate(graph, inputs);
  return graph.outputs.map((output) => outputs.get(output) as Tensor);
}

function sqnrOf(float: Graph, quantized: Graph, frames: readonly Frame[]): number {
  return pooledSqnrDb(
    frames.flatMap((frame) => {
      const found = answer(quantized, frame);
      return answer(float, frame).map((wanted, index) =>
        energiesOf(tensorNumbers(wanted), realNumbers(found[index] as Tensor)),
      );
    }),
  );
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof BorealError) return `${error.problems[0]?.code} ${error.problems[0]?.message}`;
    throw error;
  }
  return "nothing";
}

const dense = parseGraph(`graph @g(%x: f32[1,2]) {
  %w = const() {values=[127,0,-100,0]} : f32[2,2]
  %b = const() {values=[10,5]} : f32[2]
  %m = matmul(%x, %w, %b) : f32[1,2]
  return %m
}`);

const frame = (...numbers: number[]): Frame => new Map([["x", f32Tensor([1, numbers.length], numbers)]]);

describe("quantizing random networks", () => {
  it("answers as f32 does: 30 dB in 95 of 100, valid, with the same layers as shapes alone give", () => {
    const count = 120;
    const ratios: number[] = [];
    for (let seed = 0; seed < count; seed += 1) {
      const random = makeRandom(seed);
      const float = runPasses(randomGraph(random, { blockCount: 5 }).graph, floatPipeline).graph;
      const frames = Array.from({ length: 32 }, () => uniformFrame(random, float));
      const quantized = quantizeGraph(float, { ranges: calibrate(float, frames.slice(0, 16)) });
      expect(verifyGraph(quantized), `seed ${seed}`).toEqual([]);
      const chip = runPasses(quantized, chipPipeline).graph;
      ratios.push(sqnrOf(float, chip, frames.slice(16)));
      const bare = runPasses(quantizeGraph(float, { ranges: null }), chipPipeline).graph;
      const shapes = (graph: Graph) => graph.nodes.map(({ op, type, layer }) => [op, type.element, type.shape, layer]);
      expect(shapes(bare), `seed ${seed}`).toEqual(shapes(chip));
    }
    ratios.sort((left, right) => left - right);
    expect(ratios[Math.floor(count * 0.05)], `${ratios.slice(0, 12).map((ratio) => ratio.toFixed(1))}`).toBeGreaterThan(
      30,
    );
    expect(ratios[count / 2]).toBeGreaterThan(40);
  });
});

describe("weights and biases", () => {
  it("are stored symmetric, one scale a column; the zero point is folded into the bias", () => {
    const quantized = quantizeGraph(dense, { ranges: calibrate(dense, [frame(0, 255 / 64)]) });
    const [weights, bias] = quantized.constants;
    expect(quantized.inputs[0]?.type.quantization).toEqual({ axis: null, scales: [1 / 64], zeros: [-128] });
    expect(weights?.data).toEqual(Int8Array.of(127, 0, -100, 0));
    expect(weights?.type.quantization?.scales[0]).toBe(1);
    expect(bias?.data?.[0]).toBe(10 * 64 + 128 * 27);
  });

  it("a channel of zeros keeps its bias", () => {
    const quantized = quantizeGraph(dense, { ranges: calibrate(dense, [frame(1, 2)]) });
    expect(Array.from(realNumbers(answer(quantized, frame(1, 1))[0] as Tensor))[1]).toBeCloseTo(5, 2);
  });

  it("means of output channels over the frames are those of f32", () => {
    const random = makeRandom(5);
    const graph = parseGraph(`graph @g(%x: f32[1,16]) {
      %w = const() {seed=1} : f32[16,8]
      %v = const() {seed=2} : f32[8,4]
      %a = matmul(%x, %w, _) : f32[1,8]
      %r = relu(%a) : f32[1,8]
      %y = matmul(%r, %v, _) : f32[1,4]
      return %y
    }`);
    const frames = Array.from({ length: 16 }, () => uniformFrame(random, graph));
    const quantized = quantizeGraph(graph, { ranges: calibrate(graph, frames) });
    const mean = (of: Graph, channel: number): number =>
      frames.reduce((total, each) => total + (realNumbers(answer(of, each)[0] as Tensor)[channel] as number), 0) / 16;
    for (let channel = 0; channel < 4; channel += 1) {
      expect(Math.abs(mean(quantized, channel) - mean(graph, channel))).toBeLessThan(0.002);
    }
  });

  it("a bias that is no constant is added behind the product", () => {
    const graph = parseGraph(`graph @g(%x: f32[1,1,3], %b: f32[2]) {
      %w = const() {values=[1,2]} : f32[2,1,1]
      %y = conv(%x, %w, %b) {dilations=[1], group=1, pads=[0,0], strides=[1]} : f32[1,2,3]
      return %y
    }`);
    const given: Frame = new Map([
      ["x", f32Tensor([1, 1, 3], [1, 2, 3])],
      ["b", f32Tensor([2], [10, 20])],
    ]);
    const quantized = quantizeGraph(graph, { ranges: calibrate(graph, [given]) });
    expect(verifyGraph(quantized)).toEqual([]);
    const found = Array.from(realNumbers(answer(quantized, given)[0] as Tensor));
    expect(found.map((value) => Math.round(value * 5) / 5)).toEqual([11, 12, 13, 22, 24, 26]);
  });

  it("batched constant weights take activations with zero point 0", () => {
    const graph = parseGraph(`graph @g(%x: f32[1,1,2]) {
      %w = const() {values=[1,2,3,4,5,6,7,8]} : f32[2,2,2]
      %y = matmul(%x, %w, _) : f32[2,1,2]
      return %y
    }`);
    const given: Frame = new Map([["x", f32Tensor([1, 1, 2], [1, 2])]]);
    const quantized = quantizeGraph(graph, { ranges: calibrate(graph, [given]) });
    expect(quantized.inputs[0]?.type.quantization?.zeros).toEqual([0]);
    const found = Array.from(realNumbers(answer(quantized, given)[0] as Tensor));
    expect(found.map((value) => Math.round(value))).toEqual([7, 10, 19, 22]);
  });

  it("batched constant weights have no integer bias; one that is given is added behind the product", () => {
    const graph = parseGraph(`graph @g(%x: f32[1,1,2]) {
      %w = const() {values=[1,2,3,4,5,6,7,8]} : f32[2,2,2]
      %b = const() {values=[10,20]} : f32[2]
      %y = matmul(%x, %w, %b) : f32[2,1,2]
      return %y
    }`);
    const given: Frame = new Map([["x", f32Tensor([1, 1, 2], [1, 2])]]);
    const quantized = quantizeGraph(graph, { ranges: calibrate(graph, [given]) });
    expect(quantized.nodes.find(({ op }) => op === "matmul")?.operands[2]).toBe(null);
    const found = Array.from(realNumbers(answer(quantized, given)[0] as Tensor));
    expect(found.map((value) => Math.round(value))).toEqual([17, 30, 29, 42]);
  });
});

describe("refusals", () => {
  it("names the precisions that are supported", () => {
    expect(parsePrecision("w4a8").rule).toEqual({ weightBits: 4, activationBits: 8 });
    expect(codeOf(() => parsePrecision("w3a5"))).toBe(
      'B802 Precision "w3a5" is not supported, expected one of w8a8, w8a4, w8a2, w4a8, w4a4, w4a2, w2a8, w2a4, w2a2.',
    );
  });

  it("values that were NaN or never seen have no range", () => {
    expect(codeOf(() => quantizeGraph(dense, { ranges: calibrate(dense, [frame(Number.NaN, 1)]) }))).toBe(
      'B801 "x" was NaN in 1 calibration frames, expected numbers.',
    );
    const other = { ...calibrate(dense, [frame(1, 1)]), ranges: new Map() };
    expect(codeOf(() => quantizeGraph(dense, { ranges: other }))).toBe('B801 Calibration has no range of "x".');
  });
});

describe("precisions", () => {
  it("counts multiply-accumulates by precision", () => {
    expect(macCountByPrecision(dense)).toEqual({ f32: 4 });
    expect(macCountByPrecision(quantizeGraph(dense, { ranges: null }))).toEqual({ w8a8: 4 });
  });

  it("tells products of two activations from layers with weights, which alone take the weights' width", () => {
    const both = parseGraph(`graph @g(%x: f32[2,3]) {
  %w = const() {values=[1,2,3,4,5,6]} : f32[3,2]
  %y = matmul(%x, %w, _) : f32[2,2]
  %z = matmul(%y, %x, _) : f32[2,3]
  return %z
}`);
    const quantized = quantizeGraph(both, { ranges: null, precision: parsePrecision("w4a8") });
    expect(
      contractionWork(quantized).map(({ precision, macCount, hasConstantWeights }) => ({
        precision,
        macCount,
        hasConstantWeights,
      })),
    ).toEqual([
      { precision: "w4a8", macCount: 12, hasConstantWeights: true },
      { precision: "w8a8", macCount: 12, hasConstantWeights: false },
    ]);
  });
});
