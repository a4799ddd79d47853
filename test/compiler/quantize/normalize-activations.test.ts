import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizationWarnings } from "../../../api/warnings.ts";
import { at } from "../../../base/math.ts";
import { makeRandom, type Random } from "../../../base/random.ts";
import { prepare } from "../../../compiler/compile.ts";
import { networkOf } from "../../../compiler/network.ts";
import { runPasses } from "../../../compiler/passes/pass.ts";
import { chipPipeline, floatPipeline } from "../../../compiler/passes/pipeline.ts";
import { sqnrDb } from "../../../compiler/quantize/accuracy.ts";
import { calibrate } from "../../../compiler/quantize/calibrate.ts";
import {
  chooseNormalizations,
  type Division,
  normalizableActivations,
  normalizeActivations,
} from "../../../compiler/quantize/normalize-activations.ts";
import { quantizeGraph } from "../../../compiler/quantize/quantize.ts";
import { plainQuantizer } from "../../../compiler/quantize/quantizer.ts";
import { storedTensor } from "../../../compiler/quantize/stored-tensor.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import type { ElementType } from "../../../ir/type.ts";
import { verifyGraph } from "../../../ir/verify.ts";
import { loadChip } from "../../../targets/load.ts";
import { build, bytesOf, difference, runFunctional } from "../../contracts/random-case.ts";
import { randomGraph, randomInputs } from "../../random-graph.ts";

type Frame = ReadonlyMap<string, Tensor>;

/** A layer whose activation is bound by one operator of the input. */
function layerAfter(op: string): Graph {
  return parseGraph(`graph @g(%x: f32[1,64]) {
    %a = ${op}(%x) : f32[1,64]
    %w = const() {seed=1} : f32[64,8]
    %b = const() {seed=2} : f32[8]
    %y = matmul(%a, %w, %b) : f32[1,8]
    return %y
  }`);
}

function frameOf(numbers: readonly number[]): Frame {
  return new Map([["x", f32Tensor([1, numbers.length], numbers)]]);
}

/** Normal numbers, of which some frames are many times greater than others. */
function spreadFrames(random: Random, count = 16): Frame[] {
  return Array.from({ length: count }, (_, index) => {
    const magnitude = 2 ** (index % 6);
    return frameOf(Array.from({ length: 64 }, () => magnitude * random.normal() ** 3));
  });
}

function allOf(graph: Graph, negativeShare: number): Division[] {
  return [...normalizableActivations(graph)].map(([activation, contractions]) => ({
    activation,
    contractions,
    negativeShare,
  }));
}

describe("the choice of activations that are normalized", () => {
  it("takes heavy tails that single frames do not have, with the share of negative numbers that they need", () => {
    const frames = spreadFrames(makeRandom(3));
    const chosen = (op: string) => {
      const graph = layerAfter(op);
      return chooseNormalizations(graph, calibrate(graph, frames));
    };
    expect(chosen("neg")).toMatchObject([{ activation: "a", contractions: ["y"] }]);
    expect(at(chosen("neg"), 0).negativeShare).toBeGreaterThanOrEqual(0.5);
    expect(at(chosen("neg"), 0).tailRatio).toBeGreaterThan(9);
    expect(at(chosen("neg"), 0).stepGain).toBeGreaterThan(1.5);
    expect(at(chosen("neg"), 0).errorGain).toBeGreaterThan(1);
    expect(at(chosen("relu"), 0).negativeShare).toBe(0);
  });

  it("leaves alone frames that are alike, and one frame, however heavy their tails are", () => {
    const graph = layerAfter("neg");
    const random = makeRandom(4);
    const spike = [40, ...Array.from({ length: 63 }, () => random.normal())];
    const alike = Array.from({ length: 16 }, () => frameOf(spike));
    expect(chooseNormalizations(graph, calibrate(graph, alike))).toEqual([]);
    expect(chooseNormalizations(graph, calibrate(graph, spreadFrames(random).slice(0, 1)))).toEqual([]);
  });

  it("leaves alone evenly spread numbers, and inputs, which the host quantizes", () => {
    const random = makeRandom(5);
    const even = Array.from({ length: 16 }, () => frameOf(Array.from({ length: 64 }, () => random.uniform())));
    const graph = layerAfter("neg");
    expect(chooseNormalizations(graph, calibrate(graph, even))).toEqual([]);
    const bare = parseGraph(`graph @g(%x: f32[1,64]) {
      %w = const() {seed=1} : f32[64,8]
      %y = matmul(%x, %w, _) : f32[1,8]
      return %y
    }`);
    expect(chooseNormalizations(bare, calibrate(bare, spreadFrames(random)))).toEqual([]);
  });

  it("leaves alone numbers that repeat in every frame, whose error bias correction takes off", () => {
    const frames = Array.from({ length: 16 }, (_, index) =>
      frameOf(Array.from({ length: 64 }, (_number, place) => (place === 0 ? 30 * 2 ** (index % 4) : 1.3 + place / 50))),
    );
    const graph = layerAfter("neg");
    const ranges = calibrate(graph, frames);
    expect(chooseNormalizations(graph, ranges)).toEqual([]);
  });
});

describe("normalized graphs", () => {
  it("answer as before in f32: rows of a matmul, images of a padded conv, zeros, and negative numbers alone", () => {
    const graph = parseGraph(`graph @g(%x: f32[2,3,4], %i: f32[2,2,5]) {
      %a = neg(%x) : f32[2,3,4]
      %w = const() {seed=1} : f32[4,5]
      %b = const() {seed=2} : f32[5]
      %y = matmul(%a, %w, %b) : f32[2,3,5]
      %z = matmul(%a, %w, _) : f32[2,3,5]
      %n = neg(%i) : f32[2,2,5]
      %v = const() {seed=3} : f32[3,2,3]
      %c = const() {seed=4} : f32[3]
      %o = conv(%n, %v, %c) {strides=[1], pads=[1,1], dilations=[1], group=1} : f32[2,3,5]
      return %y, %z, %o
    }`);
    const random = makeRandom(7);
    const image = Array.from({ length: 20 }, (_, index) => (index < 10 ? 0 : Math.abs(random.normal()) * 100));
    const frame = new Map([
      [
        "x",
        f32Tensor(
          [2, 3, 4],
          Array.from({ length: 24 }, () => random.normal() * 2 ** random.integer(-8, 8)),
        ),
      ],
      ["i", f32Tensor([2, 2, 5], image)],
    ]);
    for (const negativeShare of [2 ** -5, 1, 4]) {
      const normalized = normalizeActivations(graph, calibrate(graph, [frame]), allOf(graph, negativeShare));
      expect(verifyGraph(normalized.graph)).toEqual([]);
      expect(normalized.graph.nodes.filter(({ op }) => op === "div")).toHaveLength(2);
      expect([...at(normalized.records, 0).ruleCounts.keys()]).toEqual(['"a"', '"n"']);
      const [wanted, found] = [evaluate(graph, frame), evaluate(normalized.graph, frame)];
      for (const output of graph.outputs) {
        const [before, after] = [wanted, found].map((values) => tensorNumbers(values.get(output) as Tensor));
        expect(sqnrDb(before as ArrayLike<number>, after as ArrayLike<number>)).toBeGreaterThan(120);
      }
    }
  });

  it("divide an activation by row for a matmul and by image for a conv that both read it", () => {
    const graph = parseGraph(`graph @g(%x: f32[2,3,4]) {
      %a = neg(%x) : f32[2,3,4]
      %w = const() {seed=1} : f32[4,5]
      %y = matmul(%a, %w, _) : f32[2,3,5]
      %v = const() {seed=3} : f32[2,3,3]
      %o = conv(%a, %v, _) {strides=[1], pads=[1,1], dilations=[1], group=1} : f32[2,2,4]
      return %y, %o
    }`);
    const random = makeRandom(7);
    const numbers = Array.from({ length: 24 }, () => random.normal() * 2 ** random.integer(-8, 8));
    const frame = new Map([["x", f32Tensor([2, 3, 4], numbers)]]);
    const normalized = normalizeActivations(graph, calibrate(graph, [frame]), allOf(graph, 1));
    const quotients = normalized.graph.nodes.filter(({ op }) => op === "div").map(({ name }) => name);
    expect(quotients.map((name) => normalized.calibration.ranges.get(name))).toEqual([
      { low: -1, high: 1, hasNan: false },
      { low: -1, high: 1, hasNan: false },
    ]);
    const [wanted, found] = [evaluate(graph, frame), evaluate(normalized.graph, frame)];
    for (const output of graph.outputs) {
      const [before, after] = [wanted, found].map((values) => tensorNumbers(values.get(output) as Tensor));
      expect(sqnrDb(before as ArrayLike<number>, after as ArrayLike<number>)).toBeGreaterThan(120);
    }
  });

  it("store the quotient in all 256 levels of its known range, zero among them", () => {
    const graph = layerAfter("neg");
    const frames = spreadFrames(makeRandom(8));
    const { graph: normalized, calibration } = normalizeActivations(
      graph,
      calibrate(graph, frames),
      allOf(graph, 1 / 4),
    );
    const quantized = quantizeGraph(normalized, { ranges: calibration });
    const stored = quantized.nodes.find(({ op }) => op === "quantize");
    expect(stored?.type.quantization).toEqual({ axis: null, scales: [1.25 / 255], zeros: [-77] });
  });

  it("change nothing where nothing is chosen", () => {
    const graph = layerAfter("neg");
    const calibration = calibrate(graph, spreadFrames(makeRandom(9)));
    expect(normalizeActivations(graph, calibration, []).graph).toBe(graph);
  });

  it("are made when a graph is prepared, and reported", () => {
    const graph = layerAfter("neg");
    const prepared = prepare(graph, { precision: "w8a8", calibrationFrames: spreadFrames(makeRandom(3)) });
    expect(prepared.normalizations.map(({ activation }) => activation)).toEqual(["a"]);
    expect(prepared.chipGraph.nodes.map(({ op }) => op)).toContain("reduce_max");
    expect(prepared.floatGraph.nodes.map(({ op }) => op)).not.toContain("reduce_max");
    expect(normalizationWarnings(prepared.normalizations)).toMatchObject([
      {
        code: "W204",
        message: 'What "y" read varies much and is divided by its greatest magnitude in each inference.',
      },
    ]);
    expect(normalizationWarnings([])).toEqual([]);
  });

  it("execute to the bytes of their exact evaluation", () => {
    const chip = loadChip("mini-4x4");
    let normalizedCount = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
        const random = makeRandom(seed);
        const { graph, features } = randomGraph(random, { blockCount: 4 });
        const float = runPasses(graph, floatPipeline).graph;
        const ranges = calibrate(float, [randomInputs(random, float)]);
        const divisions = allOf(float, 2 ** random.integer(-4, 4));
        const normalized = normalizeActivations(float, ranges, divisions);
        normalizedCount += divisions.length;
        const quantized = quantizeGraph(normalized.graph, { ranges: normalized.calibration });
        const chipGraph = runPasses(quantized, chipPipeline).graph;
        const values = randomInputs(random, float);
        const inputs = new Map(
          chipGraph.inputs.map(({ name, type }) => [name, storedTensor(values.get(name) as Tensor, type)]),
        );
        const network = networkOf(chipGraph);
        const modelElements = new Map<string, ElementType>(
          [...graph.inputs, ...graph.nodes].map(({ name, type }) => [name, type.element]),
        );
        const prepared = {
          floatGraph: float,
          quantizedGraph: chipGraph,
          chipGraph,
          calibration: ranges,
          normalizations: [],
          roundings: [],
          quantizer: plainQuantizer,
          records: normalized.records,
        };
        const built = build({ prepared, network, features, modelElements, inputs }, chip, null);
        if (built === null) return;
        const exact = bytesOf(evaluate(chipGraph, inputs));
        expect(difference(exact, runFunctional(built, inputs, chip))).toBe("");
      }),
      { numRuns: 40 },
    );
    expect(normalizedCount).toBeGreaterThan(20);
  });
});
