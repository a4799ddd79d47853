import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { makeRandom } from "../../base/random.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import { loadChip } from "../../targets/load.ts";
import { load, node, value } from "../compiler/onnx/written-models.ts";
import { build, bytesOf, difference, preparedCase, randomSteps, runFunctional } from "./random-case.ts";

const mini = loadChip("mini-4x4");

const axis = fc.record({
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  positions: fc.integer({ min: 1, max: 6 }),
  pad: fc.integer({ min: 0, max: 1 }),
});

const drawn = fc.record({ axes: fc.tuple(axis, axis), channels: fc.integer({ min: 1, max: 5 }), seed: fc.nat() });

const seen = { cases: 0, comparisons: 0, reductions: 0 };

describe("the greatest of windows", () => {
  // Behind a convolution of 8 bits they are taken of stored integers, behind the input of halves.
  it.each(["x", "c"])("is that of the exact evaluation, whatever the window, of %s", (operand) => {
    fc.assert(
      fc.property(drawn, ({ axes, channels, seed }) => {
        const random = makeRandom(seed);
        const sizes = axes.map(({ kernel, stride, dilation, positions, pad }) =>
          Math.max(1, stride * (positions - 1) + dilation * (kernel - 1) + 1 - 2 * pad),
        ) as [number, number];
        const pads = axes.map(({ kernel, pad }) => (kernel > pad ? pad : 0));
        const results = axes.map(
          ({ kernel, stride, dilation }, index) =>
            Math.floor(((sizes[index] ?? 0) + 2 * (pads[index] ?? 0) - dilation * (kernel - 1) - 1) / stride) + 1,
        ) as [number, number];
        if (results.some((count) => count < 1)) return;
        const attributes = {
          kernel_shape: axes.map(({ kernel }) => kernel),
          strides: axes.map(({ stride }) => stride),
          dilations: axes.map(({ dilation }) => dilation),
          pads: [...pads, ...pads],
        };
        const weights = Array.from({ length: channels * channels }, () => random.normal());
        const written = {
          name: "windows",
          opset: 17,
          inputs: [value("x", 2, channels, ...sizes)],
          outputs: [value("y", 2, channels, ...results)],
          initializers: { w: f32Tensor([channels, channels, 1, 1], weights) },
          nodes: [
            ...(operand === "c" ? [node("Conv", "x w", "c", {})] : []),
            node("MaxPool", operand, operand === "c" ? "p" : "y", attributes),
            ...(operand === "c" ? [node("Conv", "p w", "y", {})] : []),
          ],
        };
        const each = preparedCase(random, load(writeModel(written)).graph, new Set(), "w8a8");
        for (const steps of [null, randomSteps(random, each.network, mini)]) {
          const built = build(each, mini, steps);
          if (built === null) continue;
          const expected = bytesOf(evaluate(each.prepared.chipGraph, each.inputs));
          const found = runFunctional(built, each.inputs, mini, { kernels: "wasm", checked: true });
          expect(difference(expected, found)).toBe("");
          const text = JSON.stringify(built.program.steps);
          seen.cases += 1;
          if (text.includes('"maximum"')) seen.comparisons += 1;
          if (text.includes('"reduce_maximum"')) seen.reductions += 1;
        }
      }),
      { numRuns: 12 },
    );
  });

  afterAll(() => {
    // Windows axis by axis, and those of one reduction.
    expect(
      Object.entries(seen).filter(([, times]) => times < 0.05 * seen.cases),
      JSON.stringify(seen),
    ).toEqual([]);
  });
});
