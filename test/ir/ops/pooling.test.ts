import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { inferNode } from "../../../ir/ops/index.ts";
import { averagePoolDivisors, paddingNumber } from "../../../ir/ops/pooling.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { elementCount, formatType, perTensor, tensorType } from "../../../ir/type.ts";
import { apply, expectClose, numbersOf, points, spaceOf, tensor, touched } from "./checks.ts";
import { outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const square = tensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
const window = { kernel: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] };

describe("pools", () => {
  it("take the greatest or the mean of each window", () => {
    expect(numbersOf("max_pool", [square], window)).toEqual([5, 6, 8, 9]);
    expect(numbersOf("average_pool", [square], window)).toEqual([3, 4, 6, 7]);
  });

  it("leave padding out, or count it as zeros", () => {
    const padded = { ...window, strides: [2, 2], pads: [1, 1, 0, 0] };
    expect(numbersOf("max_pool", [tensor("f32", [1, 1, 3, 3], [-1, -2, -3, -4, -5, -6, -7, -8, -9])], padded)).toEqual([
      -1, -2, -4, -5,
    ]);
    expect(numbersOf("average_pool", [square], padded)).toEqual([1, 2.5, 5.5, 7]);
    expect(numbersOf("average_pool", [square], { ...padded, countIncludePad: true })).toEqual([0.25, 1.25, 2.75, 7]);
  });

  it("let the last window leave the value when ceil is true, not counting what is beyond the padding", () => {
    const wide = { ...window, strides: [2, 2], ceil: true };
    expect(apply("max_pool", [square], { ...wide, ceil: false }).type.shape).toEqual([1, 1, 1, 1]);
    expect(numbersOf("max_pool", [square], wide)).toEqual([5, 6, 8, 9]);
    expect(numbersOf("average_pool", [square], wide)).toEqual([3, 4.5, 7.5, 9]);
    expect(numbersOf("average_pool", [square], { ...wide, countIncludePad: true })).toEqual([3, 4.5, 7.5, 9]);
  });

  it("do not start a window in the padding at the end", () => {
    const attributes = { kernel: [1], strides: [2], pads: [0, 1], dilations: [1], ceil: true };
    expect(apply("average_pool", [tensor("f32", [1, 1, 4], [1, 2, 3, 4])], attributes).type.shape).toEqual([1, 1, 2]);
  });

  it("spread the window by dilation", () => {
    expect(numbersOf("max_pool", [square], { ...window, dilations: [2, 1] })).toEqual([8, 9]);
  });

  it("pool stored integers as they are, padding being the zero point where it counts", () => {
    const stored = tensor("i8", [1, 1, 2], [3, 6], perTensor(0.5, -4));
    const line = { kernel: [2], strides: [1], pads: [1, 0], dilations: [1] };
    expect(numbersOf("max_pool", [stored], line)).toEqual([3, 6]);
    expect(numbersOf("average_pool", [stored], line)).toEqual([3, 4]);
    expect(numbersOf("average_pool", [stored], { ...line, countIncludePad: true })).toEqual([0, 4]);
    expect(formatType(apply("max_pool", [stored], line).type)).toBe("i8<scale=0.5, zero=-4>[1,1,2]");
  });

  it("tell where the first greatest element of each window lies in the flat operand", () => {
    const planes = tensor("f32", [1, 2, 2, 3], [5, 5, 1, 2, 0, 7, -1, -2, -3, -4, -5, -1]);
    expect(numbersOf("max_pool_indices", [planes], window)).toEqual([0, 5, 6, 11]);
    expect(numbersOf("max_pool_indices", [planes], { ...window, columnMajor: true })).toEqual([0, 5, 6, 11]);
    const turned = tensor("f32", [1, 1, 2, 3], [0, 9, 0, 0, 0, 8]);
    expect(numbersOf("max_pool_indices", [turned], { ...window, columnMajor: true })).toEqual([2, 2]);
    const padded = { ...window, strides: [2, 2], pads: [1, 1, 0, 0] };
    expect(numbersOf("max_pool_indices", [square], padded)).toEqual([0, 2, 6, 8]);
  });

  it("equal the loops of their iteration space", () => {
    const size = (low: number, high: number) => fc.integer({ min: low, max: high });
    fc.assert(
      fc.property(
        size(0, 9999),
        size(1, 3),
        size(1, 3),
        size(0, 2),
        size(0, 2),
        size(1, 2),
        fc.boolean(),
        (seed, kernel, stride, begin, end, dilation, ceil) => {
          const x = sampleFloats(makeRandom(seed), [2, 1, 6, 5]);
          const pads = [Math.min(begin, kernel - 1), 0, Math.min(end, kernel - 1), 0];
          const attributes = { kernel: [kernel, 2], strides: [stride, 2], pads, dilations: [dilation, 1], ceil };
          const space = spaceOf("max_pool", { operands: [x], attributes });
          const { type } = inferNode("max_pool", [x.type], attributes);
          const greatest = new Array<number>(elementCount(type)).fill(Number.NEGATIVE_INFINITY);
          const sums = new Array<number>(elementCount(type)).fill(0);
          const counts = new Array<number>(elementCount(type)).fill(0);
          for (const point of points(space)) {
            const element = touched(space.operands[0] ?? [], x.type.shape, point);
            if (element < 0) continue;
            const target = touched(space.result, type.shape, point);
            const value = at(tensorNumbers(x), element);
            greatest[target] = Math.max(at(greatest, target), value);
            sums[target] = at(sums, target) + value;
            counts[target] = at(counts, target) + 1;
          }
          expect(numbersOf("max_pool", [x], attributes)).toEqual(greatest);
          expectClose(
            numbersOf("average_pool", [x], attributes),
            sums.map((sum, index) => sum / Math.max(1, at(counts, index))),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("name their dimensions n, c, positions and places in the window", () => {
    const { dimensions } = spaceOf("average_pool", { operands: [square], attributes: window });
    expect(dimensions.map(({ name, size, kind }) => `${name}${size}${kind === "reduction" ? "*" : ""}`)).toEqual([
      "n1",
      "c1",
      "h2",
      "w2",
      "kh2*",
      "kw2*",
    ]);
  });

  it("refuse what is no plane, windows that do not fit and more than three spatial axes", () => {
    expect(() => inferNode("max_pool", [tensorType("f32", [1, 2])], window)).toThrow(/expected \[N,C,spatial...\]/);
    expect(() => inferNode("max_pool", [square.type], { ...window, kernel: [4, 1] })).toThrow(
      /reaches over 4 does not fit axis 2 of size 3/,
    );
    const four = tensor("f32", [1, 1, 1, 1, 1, 1], [1]);
    const attributes = {
      kernel: [1, 1, 1, 1],
      strides: [1, 1, 1, 1],
      dilations: [1, 1, 1, 1],
      pads: [0, 0, 0, 0, 0, 0, 0, 0],
    };
    expect(() => spaceOf("max_pool", { operands: [four], attributes })).toThrow(/4 spatial axes, expected 1 to 3/);
  });
});

describe("what an emitter asks of pools", () => {
  const context = (op: string, attributes: Record<string, unknown>, type = square.type) => {
    const inferred = inferNode(op, [type], attributes as never);
    return { operands: [type], attributes: inferred.attributes, type: inferred.type };
  };

  it("divisors count the elements of each window, or its padded places", () => {
    const padded = { ...window, strides: [2, 2], pads: [1, 1, 0, 0] };
    expect(averagePoolDivisors(context("average_pool", padded))).toEqual(Int32Array.of(1, 2, 2, 4));
    expect(averagePoolDivisors(context("average_pool", { ...padded, countIncludePad: true }))).toEqual(
      Int32Array.of(4, 4, 4, 4),
    );
  });

  it("padding is the least number for max, and zero or the zero point for means", () => {
    const stored = tensorType("i8", [1, 1, 3, 3], perTensor(1, 9));
    expect(paddingNumber("max_pool", context("max_pool", window))).toBe(Number.NEGATIVE_INFINITY);
    expect(paddingNumber("max_pool", context("max_pool", window, stored))).toBe(-128);
    expect(paddingNumber("average_pool", context("average_pool", window, stored))).toBe(0);
    expect(paddingNumber("average_pool", context("average_pool", { ...window, countIncludePad: true }, stored))).toBe(
      9,
    );
  });
});

describe("pools of ONNX", () => {
  it("give indices as a second output", () => {
    const attributes = { kernel_shape: [2, 2], strides: [1, 1], storage_order: 1 };
    const builder = translate({ operator: "MaxPool", inputs: [square], attributes, outputs: ["y", "indices"] });
    expect(outputNumbers(builder)).toEqual([5, 6, 8, 9]);
    expect(outputTensor(builder, "indices").type.element).toBe("i64");
    expect(outputNumbers(builder, "indices")).toEqual([4, 7, 5, 8]);
    const alone = translate({ operator: "MaxPool", inputs: [square], attributes, outputs: ["", "indices"] });
    expect(alone.bound.has("y")).toBe(false);
    expect(outputNumbers(alone, "indices")).toEqual([4, 7, 5, 8]);
  });

  it.each([1, 2, 3])("take the p-norm of each window for p = %i, padding counting as zeros", (p) => {
    const norm = (...numbers: number[]): number =>
      numbers.reduce((total, each) => total + Math.abs(each) ** p, 0) ** (1 / p);
    const line = tensor("f32", [1, 1, 4], [1, -2, 3, -4]);
    const pool = (attributes: Record<string, number | number[]>): number[] =>
      outputNumbers(translate({ operator: "LpPool", opset: 18, inputs: [line], attributes: { p, ...attributes } }));
    expectClose(pool({ kernel_shape: [2] }), [norm(1, 2), norm(2, 3), norm(3, 4)]);
    expectClose(pool({ kernel_shape: [2], pads: [1, 0], strides: [2] }), [1, norm(2, 3)]);
    expectClose(pool({ kernel_shape: [3], strides: [2], ceil_mode: 1 }), [norm(1, 2, 3), norm(3, 4)]);
    expectClose(pool({ kernel_shape: [2], dilations: [2] }), [norm(1, 3), norm(2, 4)]);
    expectClose(outputNumbers(translate({ operator: "GlobalLpPool", inputs: [line], attributes: { p } })), [
      norm(1, 2, 3, 4),
    ]);
  });

  it("need a kernel", () => {
    expect(() => translate({ operator: "LpPool", inputs: [square] })).toThrow(/B111.*"kernel_shape"/);
  });
});

describe("channel_mean_of_squares", () => {
  it("divides the squares by its size, zeros beyond the channels, fewer before than after", () => {
    const x = tensor("f32", [1, 3, 2], [1, 10, -2, -20, 6, 60]);
    // Channel 0 takes 0 and 1, the last one itself and a zero.
    expect(numbersOf("channel_mean_of_squares", [x], { size: 2 })).toEqual([2.5, 250, 20, 2000, 18, 1800]);
    expect(numbersOf("channel_mean_of_squares", [x], { size: 4 }).slice(0, 2)).toEqual([10.25, 1025]);
  });

  it("is rounded once in f16: the square of 2^−24 decides that (128² + 2² + 2²) ÷ 8 = 2049 is no tie", () => {
    const first = (last: number): number | undefined =>
      numbersOf("channel_mean_of_squares", [tensor("f16", [1, 4], [128, 2, -2, last])], { size: 8 })[0];
    expect(first(0)).toBe(2048);
    expect(first(2 ** -24)).toBe(2050);
  });

  it("has no number where a channel has none, and infinity where one has it, also in f16", () => {
    const x = tensor("f16", [1, 5], [1, Number.NaN, 1, 1, Number.NEGATIVE_INFINITY]);
    expect(numbersOf("channel_mean_of_squares", [x], { size: 2 })).toEqual([
      Number.NaN,
      Number.NaN,
      1,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it("refuses integers, values without channels and sizes below 1", () => {
    expect(() => inferNode("channel_mean_of_squares", [tensorType("f32", [2])], { size: 1 })).toThrow(/\[N,C,...\]/);
    expect(() => inferNode("channel_mean_of_squares", [tensorType("f32", [1, 2])], { size: 0 })).toThrow(/at least 1/);
    expect(() => inferNode("channel_mean_of_squares", [tensorType("i32", [1, 2])], { size: 1 })).toThrow(/float/);
  });
});
