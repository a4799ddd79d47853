import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom, type Random } from "../../base/random.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { loadChip } from "../../targets/load.ts";
import { load, node, value } from "../compiler/onnx/written-models.ts";
import { compare } from "../runtime-sim/cycle/comparison.ts";
import {
  build,
  bytesOf,
  difference,
  preparedCase,
  type RandomCase,
  randomSteps,
  runFunctional,
} from "./random-case.ts";

const mini = loadChip("mini-4x4");

/** y = conv(normalized(relu(conv(x)))), with the given number of channels between and of neighbours. */
function normalizedCase(random: Random, channels: number, size: number): RandomCase {
  const weights = (outputs: number, inputs: number) =>
    f32Tensor(
      [outputs, inputs, 1, 1],
      Array.from({ length: outputs * inputs }, () => random.normal()),
    );
  const written = {
    name: "normalized",
    opset: 17,
    inputs: [value("x", 1, 3, 5, 5)],
    outputs: [value("y", 1, 2, 5, 5)],
    initializers: { v: weights(channels, 3), w: weights(2, channels) },
    nodes: [
      node("Conv", "x v", "c", {}, "first"),
      node("Relu", "c", "r", {}, "active"),
      node("LRN", "r", "n", { size, alpha: 2, beta: 0.75, bias: 1 }, "normalized"),
      node("Conv", "n w", "y", {}, "second"),
    ],
  };
  return preparedCase(random, load(writeModel(written)).graph, new Set(), "w8a8");
}

describe("local response normalization on the chip", () => {
  it("is that of the exact evaluation, however channels are divided", () => {
    let drawnSteps = 0;
    const drawn = fc.record({
      channels: fc.integer({ min: 1, max: 9 }),
      size: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(drawn, ({ channels, size, seed }) => {
        const random = makeRandom(seed);
        const each = normalizedCase(random, channels, size);
        const expected = bytesOf(evaluate(each.prepared.chipGraph, each.inputs));
        for (const steps of [null, randomSteps(random, each.network, mini)]) {
          const built = build(each, mini, steps);
          if (built === null) continue;
          if (steps !== null) drawnSteps += 1;
          const found = runFunctional(built, each.inputs, mini, { kernels: "wasm", checked: true });
          expect(difference(expected, found)).toBe("");
        }
      }),
      { numRuns: 10 },
    );
    expect(drawnSteps).toBeGreaterThan(0);
  });

  it("stores no squares: the reduction takes them of what the convolution leaves", () => {
    const built = build(normalizedCase(makeRandom(3), 8, 5), mini, null);
    const values = built?.plan.buffers.filter(({ role }) => role === "value");
    expect(values?.map(({ name, element }) => [name, element])).toEqual([
      ["x", "i8"],
      ["r", "f16"],
      ["n.i8", "i8"],
      ["y", "f16"],
    ]);
    expect(built?.plan.steps.map(({ step }) => step.name)).toEqual([
      "input x",
      "first",
      "normalized",
      "second",
      "output 0 y",
    ]);
    const reductions = JSON.stringify(built?.program.steps).match(/"kind":"reduce","function":"[a-z_]*"/g);
    expect([...new Set(reductions)]).toEqual(['"kind":"reduce","function":"mean_of_squares"']);
  });

  it("takes as long by events as by the cycle", () => {
    const built = build(normalizedCase(makeRandom(4), 6, 3), mini, null);
    if (built === null) throw new Error("the case does not fit");
    const { difference: found, firstDifference } = compare(built.program, mini, { host: false, batches: 2 });
    expect([found, firstDifference]).toEqual([0, ""]);
  });
});
