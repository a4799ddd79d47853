import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { makeWasmContractor } from "../../../ir/ops/contraction-kernels.ts";
import { inferType, operatorOf } from "../../../ir/ops/index.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";

function tensor(seed: number, shape: readonly number[]): Tensor {
  const random = makeRandom(seed);
  return f32Tensor(
    [...shape],
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  );
}

describe("convolution of f32 planes", () => {
  const contractor = makeWasmContractor();
  it("answers as the plain loops for all groups, strides, dilations and pads", () => {
    const small = fc.integer({ min: 1, max: 3 });
    const window = fc.record({ kernel: small, stride: small, dilation: small, begin: fc.nat(2), end: fc.nat(2) });
    const cases = fc.record({
      seed: fc.nat(),
      batch: fc.integer({ min: 1, max: 2 }),
      group: small,
      inputs: small,
      outputs: small,
      axes: fc.array(window, { minLength: 1, maxLength: 3 }),
      hasBias: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ seed, batch, group, inputs, outputs, axes, hasBias }) => {
        const spatial = axes.map(({ kernel, dilation }, axis) => dilation * (kernel - 1) + 1 + ((seed + axis) % 4));
        const x = tensor(seed, [batch, group * inputs, ...spatial]);
        const w = tensor(seed + 1, [group * outputs, inputs, ...axes.map(({ kernel }) => kernel)]);
        const bias = hasBias ? tensor(seed + 2, [group * outputs]) : null;
        const attributes = {
          strides: axes.map(({ stride }) => stride),
          dilations: axes.map(({ dilation }) => dilation),
          pads: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)],
          group,
        };
        const operands = [x, w, bias];
        const type = inferType("conv", [x.type, w.type, bias?.type ?? null], attributes);
        const { evaluate } = operatorOf("conv");
        const plain = evaluate({ operands, attributes, type }).data as Float32Array;
        const fast = evaluate({ operands, attributes, type, contractor }).data as Float32Array;
        expect(fast.length).toBe(plain.length);
        plain.forEach((value, index) => {
          expect(Math.abs((fast[index] as number) - value)).toBeLessThan(1e-4);
        });
      }),
      { numRuns: 200 },
    );
  });
});
