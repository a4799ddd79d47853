import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { AttributeValue } from "../../../ir/graph.ts";
import { operatorOf } from "../../../ir/ops/index.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { apply, expectClose, numbersOf, tensor } from "./checks.ts";
import { addedOperators, EagerBuilder, outputNumbers, translate } from "./eager-builder.ts";

const line = tensor("f32", [1, 1, 4], [1, 2, 4, 8]);
const places = (...coordinates: number[]): Tensor => f32Tensor([1, coordinates.length, 1], coordinates);

describe("grid_sample", () => {
  it("takes −1 and 1 for the outer edges, or for the outermost centres", () => {
    expectClose(numbersOf("grid_sample", [line, places(-0.75, 0, 0.75)], {}), [1, 3, 8]);
    expectClose(numbersOf("grid_sample", [line, places(-1, 0, 1)], { alignCorners: true }), [1, 3, 8]);
  });

  it.each([
    ["zeros", [0, 0.5, 4, 0]],
    ["border", [1, 1, 8, 8]],
    ["reflection", [2, 1, 8, 4]],
  ] as const)("reads %s outside", (padding, wanted) => {
    // In elements: −2, −0.5, 3.5 and 5.
    expectClose(numbersOf("grid_sample", [line, places(-1.75, -1, 1, 1.75)], { padding }), wanted);
  });

  it("takes the nearest element, halves to the even one", () => {
    const x = tensor("f32", [1, 1, 3], [1, 2, 4]);
    const found = numbersOf("grid_sample", [x, places(-0.5, 0.5, 0.4)], { mode: "nearest", alignCorners: true });
    expect(found).toEqual([1, 4, 2]);
  });

  it("weighs four elements by the cubic kernel", () => {
    // 1.5 elements in: −0.09375, 0.59375, 0.59375, −0.09375.
    const found = numbersOf("grid_sample", [line, places(0)], { mode: "cubic" });
    expectClose(found, [-0.09375 + 0.59375 * 6 - 0.09375 * 8]);
  });

  it("reads coordinates of the last axis first", () => {
    const x = tensor("f32", [1, 1, 2, 3], [1, 2, 3, 4, 5, 6]);
    const grid = tensor("f32", [1, 1, 2, 2], [1, -1, -1, 1]);
    expect(numbersOf("grid_sample", [x, grid], { mode: "nearest", alignCorners: true })).toEqual([3, 4]);
  });

  it("refuses what does not fit", () => {
    expect(() => apply("grid_sample", [line, f32Tensor([1, 1, 2], [0, 0])], {})).toThrow(/B202.*positions/);
    expect(() => apply("grid_sample", [line, places(0)], { mode: "area" })).toThrow(/B202.*"area"/);
    expect(() => apply("grid_sample", [line, places(0)], { padding: "wrap" })).toThrow(/B202.*"wrap"/);
  });

  it("stays whole where weighing every element for every sample would be too much", () => {
    const builder = new EagerBuilder({
      x: sampleFloats(makeRandom(1), [1, 1, 3000]),
      grid: sampleFloats(makeRandom(2), [1, 3000, 1]),
    });
    const node = { operands: ["x", "grid"], attributes: { mode: "linear", padding: "zeros", alignCorners: false } };
    const operator = operatorOf("grid_sample");
    expect(operator.decompose?.({ ...node, type: tensorType("f32", [1, 1, 3000]) }, builder)).toBe(null);
    expect(operator.obstacle).toMatch(/too large/);
  });
});

describe("GridSample", () => {
  it("gives the same with a grid that is known, without arithmetic on it", () => {
    const small = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.array(small, { minLength: 1, maxLength: 3 }),
        fc.constantFrom("nearest", "linear", "cubic"),
        fc.constantFrom("zeros", "border", "reflection"),
        fc.boolean(),
        fc.integer(),
        (spatial, mode, padding_mode, align, seed) => {
          const random = makeRandom(seed);
          const x = sampleFloats(random, [2, 3, ...spatial]);
          const grid = sampleFloats(random, [2, ...spatial.map(() => 2), spatial.length], -1.6, 1.6);
          const attributes = { mode, padding_mode, align_corners: align ? 1 : 0 };
          const example = { operator: "GridSample", opset: 20, inputs: [x, grid], attributes };
          const known = translate({ ...example, known: [1] });
          expect(addedOperators(known)).not.toContain("grid_sample");
          expectClose(outputNumbers(known), outputNumbers(translate(example)), 1e-5, 1e-5);
        },
      ),
    );
  });

  it("gives the same written as comparisons", () => {
    const small = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.array(small, { minLength: 1, maxLength: 3 }),
        fc.constantFrom("nearest", "linear", "cubic"),
        fc.constantFrom("zeros", "border", "reflection"),
        fc.boolean(),
        fc.integer(),
        (spatial, mode, padding, alignCorners, seed) => {
          const random = makeRandom(seed);
          const x = sampleFloats(random, [2, 2, ...spatial]);
          const grid = sampleFloats(random, [2, ...spatial.map(() => 2), spatial.length], -2.5, 2.5);
          const attributes = { mode, padding, alignCorners };
          const whole = apply("grid_sample", [x, grid], attributes);
          const builder = new EagerBuilder({ x, grid });
          const node = { operands: ["x", "grid"], attributes, type: whole.type };
          const value = operatorOf("grid_sample").decompose?.(node, builder) ?? "";
          expect(builder.type(value)).toEqual(whole.type);
          expectClose(builder.value(value).data as Float32Array, whole.data as Float32Array, 1e-4, 1e-4);
        },
      ),
    );
  });

  it("has other names for its modes up to opset 19", () => {
    const sampled = (opset: number, attributes: Record<string, AttributeValue>): number[] =>
      outputNumbers(
        translate({
          operator: "GridSample",
          opset,
          inputs: [tensor("f32", [1, 1, 1, 4], [1, 2, 4, 8]), tensor("f32", [1, 1, 1, 2], [0, 0])],
          attributes,
        }),
      );
    expect(sampled(16, { mode: "bicubic" })).toEqual(sampled(20, { mode: "cubic" }));
    expect(sampled(16, {})).toEqual(sampled(20, {}));
    expect(sampled(16, {})).toEqual([3]);
  });
});

describe("AffineGrid", () => {
  const grid = (theta: readonly number[], size: readonly number[], align: number): number[] =>
    outputNumbers(
      translate({
        operator: "AffineGrid",
        opset: 20,
        inputs: [f32Tensor([1, size.length - 2, size.length - 1], theta), i64Tensor([size.length], size)],
        known: [1],
        attributes: { align_corners: align },
      }),
    );

  it("moves the coordinates of every place, last axis first", () => {
    expectClose(grid([1, 0, 0, 0, 1, 0], [1, 1, 2, 2], 0), [-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
    expectClose(grid([2, 0, 1, 0, 3, 0], [1, 1, 2, 1], 1), [1, -3, 1, 3]);
    // x' = y, y' = x, z' = 5.
    const turned = [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5];
    expectClose(grid(turned, [1, 1, 1, 1, 3], 0), [0, -2 / 3, 5, 0, 0, 5, 0, 2 / 3, 5]);
  });

  it("refuses a theta of another rank", () => {
    const inputs = [f32Tensor([1, 2, 3], [1, 0, 0, 0, 1, 0]), i64Tensor([5], [1, 1, 2, 2, 2])];
    expect(() => translate({ operator: "AffineGrid", opset: 20, inputs, known: [1] })).toThrow(/B110.*theta/);
  });
});
