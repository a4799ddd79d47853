import { describe, expect, it } from "vitest";
import type { AttributeValue } from "../../../ir/graph.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { tensor } from "./checks.ts";
import { outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const floats = (shape: readonly number[], ...numbers: number[]): Tensor => tensor("f32", shape, numbers);
const integers = (...numbers: number[]): Tensor => tensor("i64", [numbers.length], numbers);

/** The numbers and the shape of what a node gives. */
function run(
  operator: string,
  inputs: readonly (Tensor | null)[],
  known: readonly number[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  opset = 18,
): { shape: readonly number[]; numbers: number[] } {
  const builder = translate({ operator, inputs, known, attributes, opset });
  return { shape: outputTensor(builder).type.shape, numbers: outputNumbers(builder) };
}

describe("operators whose result is known", () => {
  it("NonZero lists coordinates, one row an axis", () => {
    const x = tensor("bool", [2, 2], [1, 0, 1, 1]);
    expect(run("NonZero", [x], [0])).toEqual({ shape: [2, 3], numbers: [0, 1, 1, 0, 0, 1] });
    expect(run("NonZero", [floats([], 3)], [0])).toEqual({ shape: [0, 1], numbers: [] });
    expect(() => run("NonZero", [x], [])).toThrow(/B112.*depends on the numbers/);
  });

  it("EyeLike puts ones on a diagonal, of the asked type", () => {
    const x = floats([2, 3], 0, 0, 0, 0, 0, 0);
    expect(run("EyeLike", [x], []).numbers).toEqual([1, 0, 0, 0, 1, 0]);
    expect(run("EyeLike", [x], [], { k: -1 }).numbers).toEqual([0, 0, 0, 1, 0, 0]);
    expect(run("EyeLike", [x], [], { k: 7 }).numbers).toEqual([0, 0, 0, 0, 0, 0]);
    const builder = translate({ operator: "EyeLike", inputs: [x], attributes: { dtype: 7 } });
    expect(outputTensor(builder).type.element).toBe("i64");
    expect(() => run("EyeLike", [floats([1], 0)], [])).toThrow(/B110.*takes a matrix/);
  });

  it("Compress keeps what a known condition marks, along an axis or of all elements", () => {
    const x = floats([3, 2], 1, 2, 3, 4, 5, 6);
    const condition = tensor("bool", [3], [0, 1, 1]);
    expect(run("Compress", [x, condition], [1], { axis: 0 })).toEqual({ shape: [2, 2], numbers: [3, 4, 5, 6] });
    expect(run("Compress", [x, tensor("bool", [5], [0, 1, 0, 0, 1])], [1])).toEqual({ shape: [2], numbers: [2, 5] });
    expect(run("Compress", [x, tensor("bool", [1], [0])], [1])).toEqual({ shape: [0], numbers: [] });
    expect(() => run("Compress", [x, condition], [1], { axis: 1 })).toThrow(/B110.*the axis has 2/);
    expect(() => run("Compress", [x, condition], [], { axis: 0 })).toThrow(/B112/);
  });

  it("Unique gives distinct elements, where they stand first, which each is, and counts", () => {
    const outputs = ["y", "first", "inverse", "count"];
    const numbersOf = (x: Tensor, attributes: Readonly<Record<string, AttributeValue>>): number[][] => {
      const builder = translate({ operator: "Unique", inputs: [x], known: [0], attributes, outputs });
      return outputs.map((output) => outputNumbers(builder, output));
    };
    const x = floats([6], 2, 1, 1, 3, 4, 3);
    expect(numbersOf(x, {})).toEqual([
      [1, 2, 3, 4],
      [1, 0, 3, 4],
      [1, 0, 0, 2, 3, 2],
      [2, 1, 2, 1],
    ]);
    expect(numbersOf(x, { sorted: 0 })).toEqual([
      [2, 1, 3, 4],
      [0, 1, 3, 4],
      [0, 1, 1, 2, 3, 2],
      [1, 2, 2, 1],
    ]);
    const rows = floats([3, 2], 4, 1, 0, 9, 4, 1);
    expect(numbersOf(rows, { axis: 0 })).toEqual([
      [0, 9, 4, 1],
      [1, 0],
      [1, 0, 1],
      [1, 2],
    ]);
    const columns = floats([2, 3], 1, 0, 1, 2, 5, 2);
    expect(numbersOf(columns, { axis: -1 })[0]).toEqual([0, 1, 5, 2]);
    expect(numbersOf(floats([4], Number.NaN, 1, Number.NaN, 0), {})[0]).toEqual([0, 1, Number.NaN]);
    expect(() => translate({ operator: "Unique", inputs: [x] })).toThrow(/B112/);
  });

  it("Unique tells 64-bit integers apart that are the same number", () => {
    const x = { type: integers(0, 0).type, data: BigInt64Array.of(2n ** 53n + 1n, 2n ** 53n) };
    const builder = translate({ operator: "Unique", inputs: [x], known: [0] });
    expect([...outputTensor(builder).data]).toEqual([2n ** 53n, 2n ** 53n + 1n]);
  });
});

describe("operators that choose by a mask", () => {
  const x = floats([2, 3], 1, 2, 3, 4, 5, 6);

  it("Trilu keeps a triangle of each matrix", () => {
    expect(run("Trilu", [x, null], []).numbers).toEqual([1, 2, 3, 0, 5, 6]);
    expect(run("Trilu", [x, integers(1)], [1]).numbers).toEqual([0, 2, 3, 0, 0, 6]);
    expect(run("Trilu", [x, integers(0)], [], { upper: 0 }).numbers).toEqual([1, 0, 0, 4, 5, 0]);
    expect(run("Trilu", [x, integers(-9)], [1], { upper: 0 }).numbers).toEqual([0, 0, 0, 0, 0, 0]);
    const batch = floats([2, 1, 2], Number.POSITIVE_INFINITY, 2, 3, Number.NaN);
    expect(run("Trilu", [batch, null], [], { upper: 0 }).numbers).toEqual([Number.POSITIVE_INFINITY, 0, 3, 0]);
    expect(() => run("Trilu", [floats([1], 1), null], [])).toThrow(/B110.*matrices/);
  });

  it("OneHot marks the index along a new axis, counted from the end where it is below zero", () => {
    const values = floats([2], 5, 7);
    const depth = tensor("f32", [], [3]);
    expect(run("OneHot", [integers(1, -1), depth, values], [1])).toEqual({
      shape: [2, 3],
      numbers: [5, 7, 5, 5, 5, 7],
    });
    expect(run("OneHot", [integers(1, -1), depth, values], [1], { axis: 0 })).toEqual({
      shape: [3, 2],
      numbers: [5, 5, 7, 5, 5, 7],
    });
    expect(run("OneHot", [integers(-1, 3), depth, values], [1], {}, 9).numbers).toEqual([5, 5, 5, 5, 5, 5]);
    expect(run("OneHot", [floats([1], 2), depth, values], [1]).numbers).toEqual([5, 5, 7]);
    const wide = run("OneHot", [tensor("i8", [1], [-128]), tensor("i64", [], [200]), values], [1]).numbers;
    expect(wide.flatMap((value, index) => (value === 7 ? [index] : []))).toEqual([72]);
    expect(() => run("OneHot", [integers(1), depth, values], [])).toThrow(/B112/);
    expect(() => run("OneHot", [integers(1), tensor("i64", [], [0]), values], [1])).toThrow(/B110.*depth/);
  });
});

describe("CenterCropPad", () => {
  const x = floats([2, 5], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

  it("takes the middle of long axes and puts zeros around short ones", () => {
    expect(run("CenterCropPad", [x, integers(4, 2)], [1])).toEqual({
      shape: [4, 2],
      numbers: [0, 0, 2, 3, 7, 8, 0, 0],
    });
    expect(run("CenterCropPad", [x, integers(3)], [1], { axes: [0] }).numbers.slice(10)).toEqual([0, 0, 0, 0, 0]);
    expect(run("CenterCropPad", [x, integers(3)], [1], { axes: [-1] }).numbers).toEqual([2, 3, 4, 7, 8, 9]);
    expect(() => run("CenterCropPad", [x, integers(3)], [1])).toThrow(/B110.*do not fit 2 axes/);
  });
});
