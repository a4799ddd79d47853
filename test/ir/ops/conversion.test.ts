import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { conversionFactors, conversionZeros, quantizationAttributesOf } from "../../../ir/ops/conversion-values.ts";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { elementsOf } from "../../../ir/ops/values.ts";
import { makeTensor } from "../../../ir/tensor.ts";
import { formatType, integerRange, perTensor, tensorType } from "../../../ir/type.ts";
import { fixedPoint } from "../../../kernels/fixed-point.ts";
import { apply, numbersOf, roundedToHalf, tensor } from "./checks.ts";

const clamped = (value: number, element: "i8" | "u8" | "i4"): number => {
  const { low, high } = integerRange(element);
  return Math.min(high, Math.max(low, value));
};
const even = (value: number): number => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

describe("quantize", () => {
  it("rounds x ÷ scale to even, adds the zero point and clamps, in f32", () => {
    const x = tensor("f32", [6], [0.25, 0.75, -0.25, 1000, -1000, Number.NaN]);
    expect(numbersOf("quantize", [x], { element: "i8", scales: [0.5], zeros: [3] })).toEqual([3, 5, 3, 127, -128, 3]);
    const result = apply("quantize", [x], { element: "u4", scales: [0.5], zeros: [8] });
    expect(formatType(result.type)).toBe("u4<scale=0.5, zero=8>[6]");
    expect(Array.from(result.data as Uint8Array)).toEqual([8, 10, 8, 15, 0, 8]);
  });

  it("divides in f32 before it rounds", () => {
    const scale = Math.fround(0.1);
    expect(numbersOf("quantize", [tensor("f32", [1], [0.25])], { element: "i8", scales: [scale], zeros: [0] })).toEqual(
      [2],
    );
  });

  it("multiplies f16 by the fixed-point inverse of the scale", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -300, max: 300, noNaN: true }),
        fc.double({ min: 0.01, max: 3, noNaN: true }),
        fc.integer({ min: -20, max: 20 }),
        (value, scale, zero) => {
          const x = roundedToHalf(value);
          const { multiplier, shift } = fixedPoint(1 / scale);
          const wanted = clamped(even(x * multiplier * 2 ** -shift) + zero, "i8");
          expect(
            numbersOf("quantize", [tensor("f16", [1], [x])], { element: "i8", scales: [scale], zeros: [zero] }),
          ).toEqual([wanted]);
        },
      ),
    );
  });

  it("gives every f16 what it gives alone, however many there are", () => {
    const bits = Uint16Array.from({ length: 65536 + 100 }, (_, index) => index);
    const attributes = { element: "i8", scales: [0.037], zeros: [-9] };
    const many = apply("quantize", [makeTensor(tensorType("f16", [bits.length]), bits)], attributes);
    const parts = [bits.slice(0, 40000), bits.slice(40000)].flatMap((part) =>
      Array.from(apply("quantize", [makeTensor(tensorType("f16", [part.length]), part)], attributes).data as Int8Array),
    );
    expect(Array.from(many.data as Int8Array)).toEqual(parts);
    // ∞, −∞ and NaN.
    expect([0x7c00, 0xfc00, 0x7e00].map((each) => many.data[each])).toEqual([127, -128, -9]);
  });

  it("takes one scale for each index of an axis", () => {
    const x = tensor("f32", [2, 2, 2], [1, 1, 2, 2, 3, 3, 4, 4]);
    expect(numbersOf("quantize", [x], { element: "i8", scales: [1, 0.5], zeros: [0, 1], axis: 1 })).toEqual([
      1, 1, 5, 5, 3, 3, 9, 9,
    ]);
  });

  it("refuses floats as a result, integers as an operand and wrong counts of scales", () => {
    const x = tensorType("f32", [2]);
    expect(() => inferNode("quantize", [x], { element: "f16", scales: [1], zeros: [0] })).toThrow(
      /"f16", expected an integer/,
    );
    expect(() => inferNode("quantize", [x], { element: "i64", scales: [1], zeros: [0] })).toThrow(/at most 32 bits/);
    expect(() => inferNode("quantize", [tensorType("i8", [2])], { element: "i8", scales: [1], zeros: [0] })).toThrow(
      /a float operand/,
    );
    expect(() => inferNode("quantize", [x], { element: "i8", scales: [1, 2], zeros: [0, 0] })).toThrow(
      /2 scales and 2 zeros .* expected 1 of each/,
    );
    expect(() => inferNode("quantize", [x], { element: "i8", scales: [1, 2], zeros: [0], axis: 0 })).toThrow(
      /expected 2 of each/,
    );
    expect(() => inferNode("quantize", [x], { element: "i8", scales: [0], zeros: [0] })).toThrow(/scales positive/);
  });
});

describe("dequantize", () => {
  it("gives (q − zero) · scale in f32", () => {
    expect(numbersOf("dequantize", [tensor("u8", [2], [130, 0], perTensor(0.25, 128))], { element: "f32" })).toEqual([
      0.5, -32,
    ]);
    const columns = tensor("i32", [1, 2], [6, 6], { axis: 1, scales: [0.5, 2], zeros: [0, 0] });
    expect(numbersOf("dequantize", [columns], { element: "f32" })).toEqual([3, 12]);
  });

  it("rounds the exact fixed-point product once to f16", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.double({ min: 1e-9, max: 1e-3, noNaN: true }),
        (value, scale) => {
          const { multiplier, shift } = fixedPoint(scale);
          const wanted = roundedToHalf(value * multiplier * 2 ** -shift);
          expect(numbersOf("dequantize", [tensor("i32", [1], [value], perTensor(scale))], { element: "f16" })).toEqual([
            wanted,
          ]);
        },
      ),
    );
  });

  it("refuses what has no quantization and integers as a result", () => {
    expect(() => inferNode("dequantize", [tensorType("i8", [1])], { element: "f32" })).toThrow(
      /expected a quantization/,
    );
    expect(() => inferNode("dequantize", [tensorType("i8", [1], perTensor(1))], { element: "i8" })).toThrow(
      /expected a float/,
    );
    expect(() => inferNode("dequantize", [tensorType("i8", [1], perTensor(1))], { element: "f128" })).toThrow(/"f128"/);
  });
});

describe("requantize", () => {
  it("multiplies by the fixed-point ratio of the scales, ties to even", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.double({ min: 1e-9, max: 1e-3, noNaN: true }),
        fc.integer({ min: -9, max: 9 }),
        (value, scale, zero) => {
          const { multiplier, shift } = fixedPoint(scale / 0.05);
          const wanted = clamped(even(value * multiplier * 2 ** -shift) + zero, "i8");
          expect(
            numbersOf("requantize", [tensor("i32", [1], [value], perTensor(scale))], {
              element: "i8",
              scales: [0.05],
              zeros: [zero],
            }),
          ).toEqual([wanted]);
        },
      ),
    );
    const sums = tensor("i32", [5], [1, 3, 5, -1, -3], perTensor(1));
    expect(numbersOf("requantize", [sums], { element: "i4", scales: [2], zeros: [0] })).toEqual([0, 2, 2, 0, -2]);
  });

  it("takes the operand's scales along their axis", () => {
    const sums = tensor("i32", [2, 2], [10, 10, 20, 20], { axis: 1, scales: [1, 3], zeros: [0, 0] });
    expect(numbersOf("requantize", [sums], { element: "u8", scales: [2], zeros: [100] })).toEqual([105, 115, 110, 130]);
  });

  it("refuses other operands than i32 with a scale, wide results and axes that differ", () => {
    const sums = tensorType("i32", [2, 2], { axis: 1, scales: [1, 3], zeros: [0, 0] });
    expect(() =>
      inferNode("requantize", [tensorType("i8", [2], perTensor(1))], { element: "i8", scales: [1], zeros: [0] }),
    ).toThrow(/expected i32 with a scale/);
    expect(() => inferNode("requantize", [tensorType("i32", [2])], { element: "i8", scales: [1], zeros: [0] })).toThrow(
      /expected i32 with a scale/,
    );
    expect(() => inferNode("requantize", [sums], { element: "i16", scales: [1], zeros: [0] })).toThrow(
      /at most 8 bits/,
    );
    expect(() => inferNode("requantize", [sums], { element: "i8", scales: [1, 1], zeros: [0, 0], axis: 0 })).toThrow(
      /axis 1, expected axis 0/,
    );
  });
});

describe("what an emitter asks of conversions", () => {
  const sums = tensorType("i32", [2, 2], { axis: 1, scales: [1, 3], zeros: [0, 0] });
  const narrow = tensorType("i8", [2, 2], perTensor(2, 5));

  it("factors are scale ratios, along the axis that has scales", () => {
    expect(conversionFactors("requantize", sums, narrow)).toEqual({ axis: 1, factors: [0.5, 1.5] });
    expect(conversionFactors("quantize", tensorType("f16", [2, 2]), narrow)).toEqual({ axis: null, factors: [0.5] });
    expect(conversionFactors("dequantize", sums, tensorType("f16", [2, 2]))).toEqual({ axis: 1, factors: [1, 3] });
    expect(conversionZeros("requantize", sums, narrow)).toEqual([5]);
    expect(conversionZeros("dequantize", narrow, sums)).toEqual([5]);
  });

  it("immediates are the zero point and the range of the stored type", () => {
    const requantize = operatorOf("requantize").vector?.issue({ operands: [sums], attributes: {}, type: narrow });
    expect(requantize).toEqual({ function: "requantize", parameters: { zero: 5, low: -128, high: 127 } });
    const dequantize = operatorOf("dequantize").vector?.issue({
      operands: [narrow],
      attributes: {},
      type: tensorType("f16", [2, 2]),
    });
    expect(dequantize).toEqual({ function: "dequantize", parameters: { zero: 5 } });
  });

  it("zero points that differ over an axis cannot be issued", () => {
    const type = tensorType("i8", [2], { axis: 0, scales: [1, 1], zeros: [0, 1] });
    expect(() =>
      operatorOf("quantize").vector?.issue({ operands: [tensorType("f16", [2])], attributes: {}, type }),
    ).toThrow(/B404.*zero points that differ/);
  });

  it("attributes of a quantization name the same type again", () => {
    const quantization = { axis: 0, scales: [0.5, 0.25], zeros: [0, 1] };
    expect(quantizationAttributesOf(quantization)).toEqual({ scales: [0.5, 0.25], zeros: [0, 1], axis: 0 });
    expect(quantizationAttributesOf(perTensor(2, 1))).toEqual({ scales: [2], zeros: [1], axis: -1 });
    const attributes = { element: "i8", ...quantizationAttributesOf(quantization) };
    expect(inferNode("quantize", [tensorType("f32", [2])], attributes).type).toEqual(
      tensorType("i8", [2], quantization),
    );
  });
});

describe("reinterpret", () => {
  it("keeps the stored integers", () => {
    const result = apply("reinterpret", [tensor("u8", [2, 1], [7, 9])], { scales: [0.5], zeros: [3] });
    expect(formatType(result.type)).toBe("u8<scale=0.5, zero=3>[2,1]");
    expect(result.data).toEqual(Uint8Array.of(7, 9));
    expect(() => inferNode("reinterpret", [tensorType("f32", [1])], { scales: [1], zeros: [0] })).toThrow(
      /at most 32 bits/,
    );
  });

  it("takes scales away where none are given, and is a copy on the vector unit", () => {
    const stored = tensor("u8", [2], [7, 9]);
    const scaled = apply("reinterpret", [stored], { scales: [0.5], zeros: [3] });
    expect(formatType(apply("reinterpret", [scaled], { scales: [], zeros: [] }).type)).toBe("u8[2]");
    const { vector } = operatorOf("reinterpret");
    const issue = vector?.issue({ operands: [stored.type], attributes: {}, type: scaled.type });
    expect(issue).toEqual({ function: "copy", parameters: {} });
  });
});

describe("cast", () => {
  it("truncates floats toward zero, wraps integers and makes truth values of what is not zero", () => {
    const floats = tensor("f32", [4], [1.9, -1.9, 0, 300]);
    expect(numbersOf("cast", [floats], { element: "i32" })).toEqual([1, -1, 0, 300]);
    expect(numbersOf("cast", [floats], { element: "u8" })).toEqual([1, 255, 0, 44]);
    expect(numbersOf("cast", [floats], { element: "bool" })).toEqual([1, 1, 0, 1]);
    expect(numbersOf("cast", [tensor("i8", [3], [9, -9, 16])], { element: "i4" })).toEqual([-7, 7, 0]);
    expect(numbersOf("cast", [tensor("i8", [3], [9, -9, 16])], { element: "u4" })).toEqual([9, 7, 0]);
    expect(numbersOf("cast", [tensor("i8", [2], [2, 5])], { element: "i2" })).toEqual([-2, 1]);
    expect(numbersOf("cast", [tensor("i8", [2], [2, 5])], { element: "u2" })).toEqual([2, 1]);
  });

  it("keeps 64-bit integers exact among themselves and wraps them to narrower ones", () => {
    const big = makeTensor(tensorType("i64", [2]), BigInt64Array.of(2n ** 53n + 1n, -1n));
    expect(apply("cast", [big], { element: "u64" }).data).toEqual(BigUint64Array.of(2n ** 53n + 1n, 2n ** 64n - 1n));
    expect(numbersOf("cast", [big], { element: "i32" })).toEqual([1, -1]);
    expect(apply("cast", [tensor("f32", [2], [-2.5, Number.POSITIVE_INFINITY])], { element: "i64" }).data).toEqual(
      BigInt64Array.of(-2n, -(2n ** 63n)),
    );
    expect(numbersOf("cast", [big], { element: "f64" })).toEqual([2 ** 53, -1]);
  });

  it("rounds to f16 once and refuses quantized operands and unknown types", () => {
    expect(numbersOf("cast", [tensor("f64", [1], [1 + 2 ** -11 + 2 ** -40])], { element: "f16" })).toEqual([
      1 + 2 ** -10,
    ]);
    expect(() => inferNode("cast", [tensorType("i8", [1], perTensor(1))], { element: "f32" })).toThrow(
      /no quantization/,
    );
    expect(() => inferNode("cast", [tensorType("i8", [1])], { element: "string" })).toThrow(/"string"/);
  });
});

describe("storing numbers", () => {
  it("gives every element type its array", () => {
    expect(elementsOf("u16", [65537, -1])).toEqual(Uint16Array.of(1, 65535));
    expect(elementsOf("f16", [1, -2])).toEqual(Uint16Array.of(0x3c00, 0xc000));
    expect(elementsOf("bf16", [1, Number.NaN])).toEqual(Uint16Array.of(0x3f80, 0x7fc0));
    expect(elementsOf("u64", [3.7])).toEqual(BigUint64Array.of(3n));
    expect(elementsOf("f64", [0.1])).toEqual(Float64Array.of(0.1));
  });
});
