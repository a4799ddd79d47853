import { describe, expect, it } from "vitest";
import { inferNode } from "../../../ir/ops/index.ts";
import { reducedCount } from "../../../ir/ops/reduction.ts";
import { makeTensor } from "../../../ir/tensor.ts";
import { formatType, perTensor, tensorType } from "../../../ir/type.ts";
import { apply, numbersOf, spaceOf, tensor } from "./checks.ts";

const cube = tensor("f32", [2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

describe("reductions", () => {
  it.each([
    ["reduce_sum", [9, 12, 27, 30]],
    ["reduce_mean", [3, 4, 9, 10]],
    ["reduce_max", [5, 6, 11, 12]],
    ["reduce_min", [1, 2, 7, 8]],
  ] as const)("%s reduces the middle axis", (op, wanted) => {
    expect(numbersOf(op, [cube], { axes: [1] })).toEqual(wanted);
    expect(apply(op, [cube], { axes: [1] }).type.shape).toEqual([2, 1, 2]);
    expect(apply(op, [cube], { axes: [-2], keepdims: false }).type.shape).toEqual([2, 2]);
  });

  it("reduce several axes and none", () => {
    expect(numbersOf("reduce_sum", [cube], { axes: [0, 2] })).toEqual([18, 26, 34]);
    expect(numbersOf("reduce_sum", [cube], { axes: [0, 1, 2], keepdims: false })).toEqual([78]);
    expect(numbersOf("reduce_max", [cube], { axes: [] })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it("let NaN win, and order −0 below 0", () => {
    const x = tensor("f32", [2, 2], [Number.NaN, 1, -0, 0]);
    expect(numbersOf("reduce_max", [x], { axes: [1], keepdims: false })).toEqual([Number.NaN, 0]);
    expect(numbersOf("reduce_min", [x], { axes: [1], keepdims: false })).toEqual([Number.NaN, -0]);
  });

  it("give the neutral element for nothing", () => {
    const empty = tensor("f32", [0, 1], []);
    expect(numbersOf("reduce_sum", [empty], { axes: [0] })).toEqual([0]);
    expect(numbersOf("reduce_max", [empty], { axes: [0] })).toEqual([Number.NEGATIVE_INFINITY]);
    expect(numbersOf("reduce_max", [tensor("i8", [0, 1], [])], { axes: [0] })).toEqual([-128]);
    expect(numbersOf("reduce_min", [tensor("u8", [0, 1], [])], { axes: [0] })).toEqual([255]);
    const none = makeTensor(tensorType("i64", [0, 1]), new BigInt64Array(0));
    expect(apply("reduce_max", [none], { axes: [0] }).data).toEqual(BigInt64Array.of(-(2n ** 63n)));
    expect(apply("reduce_mean", [none], { axes: [0] }).data).toEqual(BigInt64Array.of(0n));
  });

  it("are exact on 64-bit integers", () => {
    const x = makeTensor(tensorType("i64", [3]), BigInt64Array.of(2n ** 53n, 1n, 1n));
    expect(apply("reduce_sum", [x], { axes: [0] }).data).toEqual(BigInt64Array.of(2n ** 53n + 2n));
    expect(apply("reduce_mean", [x], { axes: [0] }).data).toEqual(BigInt64Array.of((2n ** 53n + 2n) / 3n));
    expect(apply("reduce_max", [x], { axes: [0] }).data).toEqual(BigInt64Array.of(2n ** 53n));
    expect(apply("reduce_min", [x], { axes: [0] }).data).toEqual(BigInt64Array.of(1n));
  });

  it("round means of narrow integers to even and truncate those of wide ones", () => {
    const stored = tensor("i8", [2, 2], [1, 2, -3, -2], perTensor(0.5, 7));
    expect(numbersOf("reduce_mean", [stored], { axes: [1], keepdims: false })).toEqual([2, -2]);
    expect(formatType(apply("reduce_mean", [stored], { axes: [1] }).type)).toBe("i8<scale=0.5, zero=7>[2,1]");
    expect(numbersOf("reduce_mean", [tensor("i32", [2, 2], [1, 2, -3, -2])], { axes: [1], keepdims: false })).toEqual([
      1, -2,
    ]);
  });

  it("refuse sums of quantized numbers, axes named twice and axes that do not exist", () => {
    const stored = tensorType("i8", [2, 2], perTensor(0.5));
    expect(() => inferNode("reduce_sum", [stored], { axes: [1] })).toThrow(/expected no quantization/);
    expect(() =>
      inferNode("reduce_max", [tensorType("i8", [2], { axis: 0, scales: [1, 2], zeros: [0, 0] })], { axes: [0] }),
    ).toThrow(/one scale/);
    expect(() => inferNode("reduce_sum", [cube.type], { axes: [1, -2] })).toThrow(/name an axis twice/);
    expect(() => inferNode("reduce_sum", [cube.type], { axes: [3] })).toThrow(/Axis 3 is outside a value of rank 3/);
    expect(() => inferNode("reduce_sum", [cube.type], { axes: [-4] })).toThrow(/Axis -4/);
  });

  it("have dimensions d of kept and r of reduced axes, numbered as the operand's", () => {
    const space = spaceOf("reduce_sum", { operands: [cube], attributes: { axes: [1] } });
    expect(space.dimensions).toEqual([
      { name: "d0", size: 2, kind: "parallel" },
      { name: "d2", size: 2, kind: "parallel" },
      { name: "r1", size: 3, kind: "reduction" },
    ]);
    const along = (dimension: number) => ({ terms: [{ dimension, stride: 1 }], offset: 0 });
    expect(space.operands).toEqual([[along(0), along(2), along(1)]]);
    expect(space.result).toEqual([along(0), { terms: [], offset: 0 }, along(1)]);
    expect(spaceOf("reduce_sum", { operands: [cube], attributes: { axes: [1], keepdims: false } }).result).toEqual([
      along(0),
      along(1),
    ]);
  });

  it("count what each mean is taken of", () => {
    expect(reducedCount({ operands: [cube.type], attributes: { axes: [0, -1], keepdims: true } })).toBe(4);
  });
});

describe("arg_max and arg_min", () => {
  const x = tensor("f32", [2, 4], [1, 5, 5, 0, 0, 0, 3, 3]);

  it("give the first of equals, or the last", () => {
    expect(numbersOf("arg_max", [x], { axis: 1, keepdims: false })).toEqual([1, 2]);
    expect(numbersOf("arg_max", [x], { axis: 1, selectLast: true })).toEqual([2, 3]);
    expect(numbersOf("arg_min", [x], { axis: -1 })).toEqual([3, 0]);
    expect(numbersOf("arg_min", [x], { axis: -1, selectLast: true })).toEqual([3, 1]);
    expect(numbersOf("arg_max", [x], { axis: 0 })).toEqual([0, 0, 0, 1]);
  });

  it("answer in i64", () => {
    expect(formatType(apply("arg_max", [x], { axis: 1 }).type)).toBe("i64[2,1]");
  });
});
