import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { makeTensor } from "../../../ir/tensor.ts";
import { formatType, perTensor, tensorType } from "../../../ir/type.ts";
import { apply, expectClose, numbersOf, roundedToHalf, tensor } from "./checks.ts";

const unary = (op: string, numbers: readonly number[], attributes = {}): number[] =>
  numbersOf(op, [tensor("f64", [numbers.length], numbers)], attributes);
const binary = (
  op: string,
  element: "f32" | "f64" | "i32" | "u32" | "i8" | "bool",
  x: readonly number[],
  y: readonly number[],
): number[] => numbersOf(op, [tensor(element, [x.length], x), tensor(element, [y.length], y)]);

describe("functions of one operand", () => {
  it.each([
    ["sigmoid", [-800, -1, 0, 2], [0, 0.2689414213699951, 0.5, 0.8807970779778823]],
    ["tanh", [-1, 0.5], [-0.7615941559557649, 0.46211715726000974]],
    ["exp", [-1, 0, 2], [0.36787944117144233, 1, 7.38905609893065]],
    ["log", [1, 10, 0], [0, Math.LN10, Number.NEGATIVE_INFINITY]],
    ["sqrt", [0, 2.25, -1], [0, 1.5, Number.NaN]],
    ["erf", [-0.5, 0, 1, 3, 9], [-0.5204998778130465, 0, 0.8427007929497149, 0.9999779095030014, 1]],
    ["softplus", [-50, 0, 1, 800], [1.9287498479639178e-22, Math.LN2, 1.3132616875182228, 800]],
    ["reciprocal", [4, -0.5], [0.25, -2]],
    ["neg", [3, -2.5], [-3, 2.5]],
    ["abs", [3, -2.5], [3, 2.5]],
    ["floor", [1.5, -1.5], [1, -2]],
    ["ceil", [1.5, -1.5], [2, -1]],
    ["round", [0.5, 1.5, 2.5, -0.5, -1.5, 2.6], [0, 2, 2, -0, -2, 3]],
  ] as const)("%s has its textbook values", (op, x, y) => {
    expectClose(unary(op, x), y, 1e-12, 1e-30);
  });

  it("gelu and its tanh approximation differ as published", () => {
    expectClose(unary("gelu", [-1, 0.5, 2]), [-0.15865525393145707, 0.34573123063700656, 1.9544997361036416], 1e-12);
    expectClose(
      unary("gelu", [-1, 0.5, 2], { approximate: "tanh" }),
      [-0.15880800939172324, 0.34571400982514394, 1.9545976940877752],
      1e-12,
    );
    expect(() => unary("gelu", [1], { approximate: "fast" })).toThrow(/"fast", expected none or tanh/);
  });

  it("relu keeps NaN and gives no negative zero", () => {
    expect(unary("relu", [-2, -0, 0, 3, Number.NaN])).toEqual([0, 0, 0, 3, Number.NaN]);
  });

  it("leaky_relu multiplies only what is below zero", () => {
    expect(unary("leaky_relu", [-2, 0, 4], { alpha: 0.25 })).toEqual([-0.5, 0, 4]);
  });

  it("power takes its exponent from the attribute", () => {
    expect(unary("power", [2, 9], { exponent: 3 })).toEqual([8, 729]);
  });

  it("refuses integers where only floats make sense", () => {
    expect(() => numbersOf("exp", [tensor("i32", [1], [1])])).toThrow(/"exp" got i32\[1\], expected a float/);
    expect(() => numbersOf("neg", [tensor("i8", [1], [1], perTensor(1))])).toThrow(/without quantization/);
    expect(() => numbersOf("not", [tensor("f32", [1], [1])])).toThrow(
      /expected an integer without quantization, or bool/,
    );
  });

  it("negates and compares 64-bit integers exactly", () => {
    const large = makeTensor(tensorType("i64", [2]), BigInt64Array.of(2n ** 53n + 1n, -3n));
    expect(apply("neg", [large]).data).toEqual(BigInt64Array.of(-(2n ** 53n) - 1n, 3n));
    expect(apply("abs", [large]).data).toEqual(BigInt64Array.of(2n ** 53n + 1n, 3n));
    expect(apply("relu", [large]).data).toEqual(BigInt64Array.of(2n ** 53n + 1n, 0n));
    expect(apply("clip", [large], { low: -2, high: 5 }).data).toEqual(BigInt64Array.of(5n, -2n));
  });
});

describe("relu and clip on stored integers", () => {
  const stored = tensor("u8", [4], [0, 99, 100, 255], perTensor(0.5, 100));

  it("relu compares with the zero point", () => {
    expect(numbersOf("relu", [stored])).toEqual([100, 100, 100, 255]);
    expect(operatorOf("relu").vector?.issue({ operands: [stored.type], attributes: {}, type: stored.type })).toEqual({
      function: "clip",
      parameters: { low: 100, high: 255 },
    });
  });

  it("clip rounds its bounds to stored numbers, ties to even, within what the type holds", () => {
    expect(numbersOf("clip", [stored], { low: -20.25, high: 30.75 })).toEqual([60, 99, 100, 162]);
    expect(numbersOf("clip", [stored], { low: -1e9, high: Number.POSITIVE_INFINITY })).toEqual([0, 99, 100, 255]);
    const issue = operatorOf("clip").vector?.issue({
      operands: [stored.type],
      attributes: { low: 0, high: 6 },
      type: stored.type,
    });
    expect(issue).toEqual({ function: "clip", parameters: { low: 100, high: 112 } });
  });

  it("keep the quantization, and refuse one along an axis", () => {
    expect(formatType(apply("clip", [stored], { low: 0 }).type)).toBe("u8<scale=0.5, zero=100>[4]");
    const alongAxis = tensorType("i8", [2], { axis: 0, scales: [1, 2], zeros: [0, 0] });
    expect(() => inferNode("relu", [alongAxis], {})).toThrow(/at most one scale/);
    expect(() => inferNode("clip", [stored.type], { low: 2, high: 1 })).toThrow(/low 2 above high 1/);
  });
});

describe("functions of two operands", () => {
  it.each([
    ["add", [5, -1], [2, 3], [7, 2]],
    ["sub", [5, -1], [2, 3], [3, -4]],
    ["mul", [5, -1], [2, 3], [10, -3]],
    ["div", [5, -1], [2, 4], [2.5, -0.25]],
    ["max", [5, -0], [2, 0], [5, 0]],
    ["min", [5, -0], [2, 0], [2, -0]],
    ["pow", [5, 4], [2, 0.5], [25, 2]],
    ["equal", [5, 1], [5, 2], [1, 0]],
    ["greater", [5, 1], [5, 0], [0, 1]],
    ["greater_or_equal", [5, 1], [5, 2], [1, 0]],
    ["less", [5, 1], [5, 2], [0, 1]],
    ["less_or_equal", [5, 3], [5, 2], [1, 0]],
  ] as const)("%s computes floats", (op, x, y, z) => {
    expect(binary(op, "f64", x, y)).toEqual(z);
  });

  it.each([
    ["add", [2 ** 31 - 1, 4], [1, 5], [-(2 ** 31), 9]],
    ["mul", [65537, -3], [65537, 4], [131073, -12]],
    ["div", [7, -7, 7, 5], [2, 2, -2, 0], [3, -3, -3, 0]],
    ["pow", [3, -2, 2], [4, 3, -1], [81, -8, 0]],
  ] as const)("%s wraps and truncates 32-bit integers", (op, x, y, z) => {
    expect(binary(op, "i32", x, y)).toEqual(z);
  });

  it("divides unsigned integers as such", () => {
    expect(binary("div", "u32", [4294967295], [2])).toEqual([2147483647]);
    expect(binary("mul", "u32", [4294967295], [2])).toEqual([4294967294]);
  });

  it("is exact on 64-bit integers", () => {
    const big = (...values: bigint[]) => makeTensor(tensorType("i64", [values.length]), BigInt64Array.from(values));
    const x = big(2n ** 53n + 1n, -7n, 3n, 1n, -1n);
    const y = big(2n, 2n, 0n, -1n, -3n);
    expect(apply("add", [x, y]).data).toEqual(BigInt64Array.of(2n ** 53n + 3n, -5n, 3n, 0n, -4n));
    expect(apply("div", [x, y]).data).toEqual(BigInt64Array.of(2n ** 52n, -3n, 0n, -1n, 0n));
    expect(apply("pow", [big(3n, 2n, 1n, -1n, -1n), big(4n, -1n, -5n, -3n, -2n)]).data).toEqual(
      BigInt64Array.of(81n, 0n, 1n, -1n, 1n),
    );
    expect(apply("max", [x, y]).data).toEqual(BigInt64Array.of(2n ** 53n + 1n, 2n, 3n, 1n, -1n));
    expect(apply("min", [x, y]).data).toEqual(BigInt64Array.of(2n, -7n, 0n, -1n, -3n));
    expect(Array.from(apply("greater", [x, y]).data as Uint8Array)).toEqual([1, 0, 1, 1, 1]);
    expect(Array.from(apply("equal", [x, x]).data as Uint8Array)).toEqual([1, 1, 1, 1, 1]);
    expect(Array.from(apply("less", [x, y]).data as Uint8Array)).toEqual([0, 1, 0, 0, 0]);
    expect(Array.from(apply("less_or_equal", [x, y]).data as Uint8Array)).toEqual([0, 1, 0, 0, 0]);
    expect(Array.from(apply("greater_or_equal", [x, y]).data as Uint8Array)).toEqual([1, 0, 1, 1, 1]);
  });

  it("combines truth values", () => {
    const [x, y] = [
      [0, 0, 1, 1],
      [0, 1, 0, 1],
    ];
    expect(binary("and", "bool", x, y)).toEqual([0, 0, 0, 1]);
    expect(binary("or", "bool", x, y)).toEqual([0, 1, 1, 1]);
    expect(binary("xor", "bool", x, y)).toEqual([0, 1, 1, 0]);
    expect(numbersOf("not", [tensor("bool", [2], [0, 1])])).toEqual([1, 0]);
  });

  it("broadcasts from the last axis on", () => {
    const x = tensor("f32", [2, 1, 2], [1, 2, 3, 4]);
    const y = tensor("f32", [3, 1], [10, 20, 30]);
    expect(numbersOf("add", [x, y])).toEqual([11, 12, 21, 22, 31, 32, 13, 14, 23, 24, 33, 34]);
    expect(numbersOf("sub", [tensor("f32", [], [1]), x])).toEqual([0, -1, -2, -3]);
    expect(apply("mul", [tensor("f32", [0], []), tensor("f32", [1], [1])]).type.shape).toEqual([0]);
  });

  it("refuses shapes that do not broadcast, element types that differ and quantized arithmetic", () => {
    expect(() => binary("add", "f32", [1, 2], [1, 2, 3])).toThrow(/B202.*\[2\] and \[3\] do not broadcast/);
    expect(() => numbersOf("add", [tensor("f32", [1], [1]), tensor("f64", [1], [1])])).toThrow(/one element type/);
    const stored = tensor("i8", [1], [1], perTensor(1));
    expect(() => numbersOf("add", [stored, stored])).toThrow(/without quantization/);
    expect(numbersOf("max", [stored, stored])).toEqual([1]);
    expect(() => numbersOf("max", [stored, tensor("i8", [1], [1], perTensor(2))])).toThrow(/one scale/);
    expect(() => binary("and", "f32", [1], [1])).toThrow(/expected an integer without quantization, or bool/);
  });

  it("where copies the chosen elements, broadcasting all three", () => {
    const condition = tensor("bool", [2, 1], [1, 0]);
    const x = tensor("f32", [3], [1, 2, 3]);
    expect(numbersOf("where", [condition, x, tensor("f32", [], [9])])).toEqual([1, 2, 3, 9, 9, 9]);
    const big = (value: bigint) => makeTensor(tensorType("i64", []), BigInt64Array.of(value));
    expect(apply("where", [condition, big(2n ** 60n + 1n), big(5n)]).data).toEqual(
      BigInt64Array.of(2n ** 60n + 1n, 5n),
    );
  });
});

describe("f16 results", () => {
  it("are the f64 result rounded once, ties to even", () => {
    const number = fc.double({ min: -70000, max: 70000, noNaN: true }).map(roundedToHalf);
    const near = fc.oneof(number, fc.double({ min: -2, max: 2, noNaN: true }).map(roundedToHalf));
    const operations: Readonly<Record<string, (x: number, y: number) => number>> = {
      add: (x, y) => x + y,
      sub: (x, y) => x - y,
      mul: (x, y) => x * y,
      div: (x, y) => x / y,
    };
    fc.assert(
      fc.property(near, near, (x, y) => {
        for (const [op, compute] of Object.entries(operations)) {
          const found = numbersOf(op, [tensor("f16", [1], [x]), tensor("f16", [1], [y])]);
          expect(found).toEqual([roundedToHalf(compute(x, y))]);
        }
        expect(numbersOf("exp", [tensor("f16", [1], [y])])).toEqual([roundedToHalf(Math.exp(y))]);
        expect(numbersOf("tanh", [tensor("f16", [1], [y])])).toEqual([roundedToHalf(Math.tanh(y))]);
        expect(numbersOf("leaky_relu", [tensor("f16", [1], [x])], { alpha: 0.1 })).toEqual([
          roundedToHalf(x >= 0 ? x : 0.1 * x),
        ]);
      }),
      { numRuns: 300 },
    );
  });

  it("keep subnormal numbers and overflow to infinity", () => {
    const half = (numbers: readonly number[]) => tensor("f16", [numbers.length], numbers);
    expect(numbersOf("mul", [half([2 ** -14, 2 ** -24]), half([0.5, 0.5])])).toEqual([2 ** -15, 0]);
    expect(numbersOf("add", [half([65504, 65504]), half([15, 16])])).toEqual([65504, Number.POSITIVE_INFINITY]);
  });

  it("are the same for long tensors as for short ones", () => {
    const every = Uint16Array.from({ length: 65537 }, (_, index) => index);
    const long = makeTensor(tensorType("f16", [65537]), every);
    for (const [op, attributes] of [
      ["exp", {}],
      ["relu", {}],
      ["clip", { low: -1, high: 2.5 }],
    ] as const) {
      const parts = [every.subarray(0, 40000), every.subarray(40000)].map((bits) =>
        apply(op, [makeTensor(tensorType("f16", [bits.length]), bits.slice())], attributes),
      );
      const joined = new Uint16Array(65537);
      joined.set(parts[0]?.data as Uint16Array);
      joined.set(parts[1]?.data as Uint16Array, 40000);
      expect(apply(op, [long], attributes).data).toEqual(joined);
    }
    const doubled = apply("add", [long, long]).data;
    const half = every.slice(0, 30000);
    const short = makeTensor(tensorType("f16", [30000]), half);
    expect(doubled.subarray(0, 30000)).toEqual(apply("add", [short, short]).data);
  });

  it("bf16 rounds to eight significant bits", () => {
    expect(numbersOf("add", [tensor("bf16", [3], [256, 258, 1]), tensor("bf16", [3], [1, 1, Number.NaN])])).toEqual([
      256,
      260,
      Number.NaN,
    ]);
  });
});
