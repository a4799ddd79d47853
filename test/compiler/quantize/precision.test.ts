import { describe, expect, it } from "vitest";
import { BorealError, formatProblem } from "../../../base/errors.ts";
import { at } from "../../../base/math.ts";
import { calibrate } from "../../../compiler/quantize/calibrate.ts";
import { macCountByPrecision } from "../../../compiler/quantize/mac-count.ts";
import {
  parsePrecision,
  parsePrecisionFile,
  precisionOf,
  precisionRules,
} from "../../../compiler/quantize/precision.ts";
import { quantizationOfRange } from "../../../compiler/quantize/quantization-choice.ts";
import { quantizeGraph } from "../../../compiler/quantize/quantize.ts";
import { quantizeWeights } from "../../../compiler/quantize/weights.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { f32Tensor } from "../../../ir/tensor.ts";
import { integerRange, perTensor, tensorType } from "../../../ir/type.ts";

/** Two products that read one value. */
const fork: Graph = parseGraph(`graph @fork(%x: f32[1,2]) {
  %v = const() {values=[1,-0.5,0.25,2]} : f32[2,2]
  %w = const() {values=[3,-1]} : f32[2,1]
  %r = relu(%x) : f32[1,2] @ "act"
  %a = matmul(%r, %v, _) : f32[1,2] @ "left"
  %b = matmul(%r, %w, _) : f32[1,1] @ "right"
  return %a, %b
}
`);
const frame = new Map([["x", f32Tensor([1, 2], [1.5, 0.75])]]);

function problemsOf(make: () => unknown): string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(formatProblem);
  }
  return [];
}

describe("precision files", () => {
  it("give a rule, and others by name of a node or of the ONNX node that it comes from", () => {
    const plan = parsePrecisionFile("default: w4a8\nlayers:\n  left: w8a8\n  n7: w2a4\n", "p.yaml");
    expect([plan.name, plan.rule]).toEqual(["p.yaml", { weightBits: 4, activationBits: 8 }]);
    const of = (name: string, origin: string[]) => precisionOf(plan, { name, origin });
    expect(of("n3", ["left"])).toEqual({ weightBits: 8, activationBits: 8 });
    expect(of("n7", ["other"])).toEqual({ weightBits: 2, activationBits: 4 });
    expect(of("n8", ["other"])).toEqual(plan.rule);
  });

  it("are refused with line and column of everything that is wrong", () => {
    const found = problemsOf(() => parsePrecisionFile("default: w4a9\nlayers:\n  left: 8\nmore: 1\n", "p.yaml"));
    expect(found).toHaveLength(3);
    expect(found.map((text) => text.slice(0, 30))).toEqual([
      expect.stringMatching(/^p\.yaml:1:10: error\[B802\]/),
      expect.stringMatching(/^p\.yaml:3:9: error\[B802\]/),
      expect.stringMatching(/^p\.yaml:1:1: error\[B802\]/),
    ]);
    expect(problemsOf(() => parsePrecisionFile("default: [", "p.yaml"))[0]).toMatch(/^p\.yaml:\d+:\d+: error\[B802\]/);
    expect(problemsOf(() => parsePrecisionFile("layers: {}", "p.yaml"))[0]).toMatch(/default/);
  });

  it("may not name what is no contraction", () => {
    const precision = parsePrecisionFile("default: w8a8\nlayers: { act: w4a4, right: w4a4 }", "p.yaml");
    expect(problemsOf(() => quantizeGraph(fork, { ranges: null, precision }))).toEqual([
      expect.stringMatching(/^layer "act": error\[B802\]: "act" is no contraction.*"left", "right"/),
    ]);
  });
});

describe("rules", () => {
  it("name every pair of 8, 4 and 2 bits", () => {
    for (const rule of precisionRules) {
      const quantized = quantizeGraph(fork, { ranges: calibrate(fork, [frame]), precision: parsePrecision(rule) });
      expect(macCountByPrecision(quantized)).toEqual({ [rule]: 6 });
      for (const { name, type } of quantized.constants) {
        if (!name.startsWith("v.") && !name.startsWith("w.")) continue;
        const { low, high } = integerRange(type.element);
        expect(high).toBe(2 ** (Number(rule[1]) - 1) - 1);
        const { data } = quantized.constants.find(
          (constant) => constant.name === name,
        ) as (typeof quantized.constants)[0];
        expect(Array.from(data as Int8Array).every((number) => number > low && number <= high)).toBe(true);
      }
    }
  });

  it("differ by layer: a value that contractions of several precisions read is quantized to each", () => {
    const precision = { ...parsePrecision("w8a8"), layers: new Map([["right", parsePrecision("w2a4").rule]]) };
    const quantized = quantizeGraph(fork, { ranges: calibrate(fork, [frame]), precision });
    expect(macCountByPrecision(quantized)).toEqual({ w8a8: 4, w2a4: 2 });
    const conversions = quantized.nodes.filter(({ op }) => op === "quantize");
    expect(conversions.map(({ type }) => type.element).sort()).toEqual(["i4", "i8"]);
    expect(new Set(conversions.map(({ operands }) => operands[0])).size).toBe(1);
    const answer = evaluate(
      quantized,
      new Map([
        [
          "x",
          {
            ...f32Tensor([1, 2], [1.5, 0.75]),
            type: tensorType("f16", [1, 2]),
            data: new Uint16Array([0x3e00, 0x3a00]),
          },
        ],
      ]),
    );
    expect(answer.size).toBe(2);
  });
});

describe("scales of fewer bits", () => {
  it("take all 16 or 4 levels of activations, and store 0 exactly", () => {
    expect(quantizationOfRange({ low: 0, high: 3 }, false, "i4")).toEqual(perTensor(0.2, -8));
    expect(quantizationOfRange({ low: -1, high: 2 }, false, "i2")).toEqual(perTensor(1, -1));
    expect(quantizationOfRange({ low: -1, high: 3.5 }, true, "i4")).toEqual(perTensor(0.5, 0));
  });

  it("leave the least squared error of weights, which clips a lonely large one", () => {
    const numbers = [...Array.from({ length: 15 }, (_, index) => (index - 7) / 7), 1.6];
    const weights = {
      name: "w",
      type: tensorType("f32", [16, 1]),
      data: Float32Array.from(numbers),
      source: "model",
    } as const;
    for (const element of ["i4", "i2"] as const) {
      const { weights: stored } = quantizeWeights(weights as never, 1, null, perTensor(1), element);
      const scale = at(stored.type.quantization?.scales ?? [], 0);
      const { high } = integerRange(element);
      const errorAt = (tried: number): number =>
        numbers.reduce((sum, number) => {
          const integer = Math.max(-high, Math.min(high, Math.round(number / tried)));
          return sum + (number - tried * integer) ** 2;
        }, 0);
      expect(scale).toBeLessThan(1.6 / high);
      for (let tried = 0.4 / high; tried <= 1.6 / high; tried += 0.04 / high) {
        expect(errorAt(scale)).toBeLessThanOrEqual(errorAt(tried) * 1.05);
      }
    }
  });
});
