import { describe, expect, it } from "vitest";
import { makeRandom, type Random } from "../../../base/random.ts";
import { energiesOf, pooledSqnrDb } from "../../../compiler/quantize/accuracy.ts";
import { roundWeights } from "../../../compiler/quantize/round-weights.ts";
import type { RoundWeightsOptions } from "../../../compiler/quantize/weight-rounder.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { perTensor } from "../../../ir/type.ts";
import { verifyGraph } from "../../../ir/verify.ts";

type Frame = ReadonlyMap<string, Tensor>;

const graph = parseGraph(`graph @g(%x: f32[1,2,8,8]) {
  %w = const() {seed=1} : f32[6,2,3,3]
  %v = const() {seed=2} : f32[8,3,3,3]
  %b = const() {seed=3} : f32[6]
  %a = conv(%x, %w, %b) {strides=[1,1], pads=[1,1,1,1], dilations=[1,1], group=1} : f32[1,6,8,8]
  %r = relu(%a) : f32[1,6,8,8]
  %y = conv(%r, %v, _) {strides=[2,2], pads=[1,1,1,1], dilations=[1,1], group=2} : f32[1,8,4,4]
  return %y
}`);

/** Smooth images: neighbouring numbers agree, so that errors of weights can make up for one another. */
function smoothFrame(random: Random): Frame {
  const [phase, slope] = [6 * random.uniform(), 0.2 + 0.3 * random.uniform()];
  const numbers = Array.from({ length: 128 }, (_, index) => 1 + Math.sin(phase + slope * ((index % 8) + index / 8)));
  return new Map([["x", f32Tensor([1, 2, 8, 8], numbers)]]);
}

const random = makeRandom(7);
const frames = Array.from({ length: 8 }, () => smoothFrame(random));
const scoring = Array.from({ length: 8 }, () => smoothFrame(random));

function rounded(options: Partial<RoundWeightsOptions>, of: Graph = graph) {
  return roundWeights(of, {
    rounding: "compensated",
    weightElementOf: () => "i4",
    storageOf: () => null,
    perTensor: false,
    corrected: new Set(),
    frames,
    ...options,
  });
}

function sqnrDb(found: Graph): number {
  return pooledSqnrDb(
    scoring.map((frame) => {
      const [wanted, other] = [graph, found].map((each) => tensorNumbers(evaluate(each, frame).get("y") as Tensor));
      return energiesOf(wanted as ArrayLike<number>, other as ArrayLike<number>);
    }),
  );
}

const storedOf = ({ constants }: Graph) => constants.filter(({ type }) => ["i8", "i4", "i2"].includes(type.element));

describe("rounding the weights of a graph", () => {
  it.each([
    ["i8", 127],
    ["i4", 7],
    ["i2", 1],
  ] as const)("as %s stores integers up to %d with a scale for each channel, in a valid graph", (element, greatest) => {
    for (const rounding of ["nearest", "compensated"] as const) {
      const found = rounded({ rounding, weightElementOf: () => element }).graph;
      expect(verifyGraph(found)).toEqual([]);
      const stored = storedOf(found);
      expect(stored.map(({ type }) => type.quantization?.scales.length)).toEqual([6, 8]);
      for (const { data } of stored)
        expect(Math.max(...Array.from(data as Int8Array, Math.abs))).toBeLessThanOrEqual(greatest);
    }
  });

  it("with compensation answers nearer to f32 than to nearest, at 4 and at 2 bits", () => {
    for (const element of ["i4", "i2"] as const) {
      const at = (rounding: "nearest" | "compensated"): number =>
        sqnrDb(rounded({ rounding, weightElementOf: () => element }).graph);
      expect(at("compensated")).toBeGreaterThan(at("nearest") + 3);
    }
  });

  it("keeps rounding to nearest where nothing is better on frames that were held out", () => {
    for (const layer of rounded({}).layers) {
      expect(layer.errorEnergy).toBeLessThanOrEqual(layer.nearestErrorEnergy);
      expect(layer.signalEnergy).toBeGreaterThan(layer.errorEnergy);
    }
  });

  it("works with one frame, and with activations of 4 bits", () => {
    const storage = { quantization: perTensor(0.2, -8), element: "i4" } as const;
    const { graph: found, layers } = rounded({ frames: frames.slice(0, 1), storageOf: () => storage });
    expect(layers.map(({ contractions }) => contractions)).toEqual([["a"], ["y"]]);
    expect(sqnrDb(found)).toBeGreaterThan(5);
  });

  it("gives dead channels scale 1, whole layers one scale if asked, and biases room", () => {
    const dead = parseGraph(`graph @g(%x: f32[1,2]) {
      %w = const() {values=[0,7,0,-3]} : f32[2,2]
      %b = const() {values=[0,4294967296]} : f32[2]
      %y = matmul(%x, %w, %b) : f32[1,2]
      return %y
    }`);
    const nearest = { rounding: "nearest", frames: [] } as const;
    const scalesOf = (options: Partial<RoundWeightsOptions>) =>
      storedOf(rounded({ ...nearest, ...options }, dead).graph)[0]?.type.quantization?.scales;
    expect(scalesOf({})).toEqual([1, 1]);
    expect(scalesOf({ perTensor: true })).toEqual([1, 1]);
    expect(scalesOf({ storageOf: () => ({ quantization: perTensor(0.5), element: "i8" }) })).toEqual([1, 8]);
  });

  it("stores weights that several contractions read once", () => {
    const shared = parseGraph(`graph @g(%x: f32[2,4]) {
      %w = const() {seed=5} : f32[4,4]
      %a = matmul(%x, %w, _) : f32[2,4]
      %t = tanh(%a) : f32[2,4]
      %y = matmul(%t, %w, _) : f32[2,4]
      return %y
    }`);
    const given = Array.from({ length: 8 }, () => {
      const numbers = Array.from({ length: 8 }, () => random.uniform());
      return new Map([["x", f32Tensor([2, 4], numbers)]]);
    });
    const { graph: found, layers } = rounded({ frames: given }, shared);
    expect(layers.map(({ contractions }) => contractions)).toEqual([["a", "y"]]);
    expect(storedOf(found)).toHaveLength(1);
    expect(found.nodes.filter(({ op }) => op === "dequantize")).toHaveLength(1);
  });
});
