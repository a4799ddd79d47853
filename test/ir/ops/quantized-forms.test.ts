import { describe, expect, it } from "vitest";
import { formatType } from "../../../ir/type.ts";
import { expectClose, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const line = (...numbers: number[]) => tensor("f32", [numbers.length], numbers);
const scalar = (number: number) => tensor("f32", [], [number]);
const u8 = (shape: number[], ...numbers: number[]) => tensor("u8", shape, numbers);
const i8 = (shape: number[], ...numbers: number[]) => tensor("i8", shape, numbers);

describe("QuantizeLinear", () => {
  const x = tensor("f32", [2, 2], [0.6, -1, 2.5, 300]);

  it("makes a quantized type of known scales and element-wise operators of others, with the same numbers", () => {
    const scale = scalar(0.5);
    const zero = u8([], 3);
    const known = translate({ operator: "QuantizeLinear", inputs: [x, scale, zero], known: [1, 2] });
    expect(formatType(outputTensor(known).type)).toBe("u8<scale=0.5, zero=3>[2,2]");
    const open = translate({ operator: "QuantizeLinear", inputs: [x, scale, zero] });
    expect(addedOperators(open)).not.toContain("quantize");
    expect(outputTensor(open).type.element).toBe("u8");
    for (const builder of [known, open]) expect(outputNumbers(builder)).toEqual([4, 1, 8, 255]);
  });

  it("takes scales along an axis and in blocks, of which the last may be short", () => {
    const along = (known: number[]) =>
      translate({
        operator: "QuantizeLinear",
        inputs: [x, line(1, 2), i8([2], 0, -1)],
        attributes: { axis: -1 },
        known,
      });
    for (const known of [[], [1, 2]]) expect(outputNumbers(along(known))).toEqual([1, -1, 2, 127]);
    const blocked = translate({
      operator: "QuantizeLinear",
      opset: 21,
      inputs: [tensor("f32", [1, 3], [4, 8, 9]), tensor("f32", [1, 2], [4, 3]), null],
      attributes: { axis: 1, block_size: 2, output_dtype: 22 },
    });
    expect(formatType(outputTensor(blocked).type)).toBe("i4[1,3]");
    expect(outputNumbers(blocked)).toEqual([1, 2, 3]);
  });

  it("refuses scales that fit no axis", () => {
    const wrong = () => translate({ operator: "QuantizeLinear", inputs: [x, line(1, 2, 3)], known: [1] });
    expect(wrong).toThrow(/B110.*\[3\].*axis 1/);
    const element = tensor("f64", [], [0]);
    expect(() => translate({ operator: "QuantizeLinear", inputs: [x, scalar(1), element] })).toThrow(/B104.*f64/);
  });
});

describe("DequantizeLinear", () => {
  it("takes any scale, also zero and negative ones that no type can state", () => {
    const x = i8([2], 5, -3);
    const run = (scale: number) =>
      outputNumbers(translate({ operator: "DequantizeLinear", inputs: [x, scalar(scale), i8([], 1)], known: [1, 2] }));
    expect(run(0.5)).toEqual([2, -2]);
    expect(run(-0.5)).toEqual([-2, 2]);
    expect(run(0).map(Math.abs)).toEqual([0, 0]);
  });

  it("has the scale's type, or the one that output_dtype names", () => {
    const inputs = [u8([1], 9), tensor("f16", [], [0.5])];
    const type = (attributes: Record<string, number>) =>
      outputTensor(translate({ operator: "DequantizeLinear", opset: 23, inputs, attributes })).type.element;
    expect(type({})).toBe("f16");
    expect(type({ output_dtype: 1 })).toBe("f32");
  });

  it("repeats blocks of scales and zero points", () => {
    const blocked = translate({
      operator: "DequantizeLinear",
      opset: 21,
      inputs: [u8([4, 1], 1, 2, 3, 4), tensor("f32", [2, 1], [1, 10]), u8([2, 1], 0, 1)],
      attributes: { axis: 0, block_size: 2 },
    });
    expect(outputNumbers(blocked)).toEqual([1, 2, 20, 30]);
  });
});

it("DynamicQuantizeLinear finds the scale and zero point of its operand", () => {
  const builder = translate({
    operator: "DynamicQuantizeLinear",
    inputs: [line(0, 2, -3, -2.5, 1.34, 0.5)],
    outputs: ["y", "scale", "zero"],
  });
  expect(outputNumbers(builder)).toEqual([153, 255, 0, 26, 221, 179]);
  expectClose(Array.from(builder.value(builder.bound.get("scale") ?? "").data as Float32Array), [5 / 255]);
  expect(Array.from(builder.value(builder.bound.get("zero") ?? "").data as Uint8Array)).toEqual([153]);
});

describe("integer products", () => {
  const a = u8([2, 2], 1, 2, 3, 4);
  const b = i8([2, 1], 5, -6);

  it("MatMulInteger takes zero points away, known or not, of rows and columns", () => {
    const run = (azero: Parameters<typeof u8> | null, bzero: number | null, known: number[]) =>
      outputNumbers(
        translate({
          operator: "MatMulInteger",
          inputs: [a, b, azero === null ? null : u8(...azero), bzero === null ? null : i8([], bzero)],
          known,
        }),
      );
    expect(run(null, null, [])).toEqual([-7, -9]);
    for (const known of [[], [1, 3], [1, 2, 3]]) {
      expect(run([[], 2], 1, known)).toEqual([(1 - 2) * 4 + 0 * -7, 1 * 4 + 2 * -7]);
      expect(run([[2], 1, 3], null, known)).toEqual([0 * 5 + 1 * -6, 0 * 5 + 1 * -6]);
    }
  });

  it("MatMulInteger multiplies vectors", () => {
    const dot = translate({ operator: "MatMulInteger", inputs: [u8([2], 1, 2), i8([2], 3, -4)] });
    expect([outputNumbers(dot), outputTensor(dot).type.shape]).toEqual([[-5], []]);
  });

  it("ConvInteger's padding stands for the zero point, in groups too", () => {
    const x = u8([1, 2, 2], 10, 20, 30, 40);
    const w = u8([2, 1, 2], 1, 2, 3, 200);
    for (const known of [[], [1, 2, 3]]) {
      const builder = translate({
        operator: "ConvInteger",
        inputs: [x, w, u8([], 10), u8([2], 1, 2)],
        attributes: { pads: [1, 0], group: 2 },
        known,
      });
      // x − 10: 0 10 | 20 30, one 0 before each; w − zero: 0 1 | 1 198.
      expect(outputNumbers(builder)).toEqual([0, 10, 20 * 198, 20 + 30 * 198]);
    }
  });
});

describe("QLinear products", () => {
  const scales = (x: number, w: number[], y: number) => ({ x: scalar(x), w: line(...w), y: scalar(y) });

  it("QLinearMatMul scales the sums by a factor in f32 and rounds them to even", () => {
    const s = scales(0.5, [0.5, 1], 0.5);
    const builder = translate({
      operator: "QLinearMatMul",
      inputs: [u8([1, 2], 12, 9), s.x, u8([], 10), i8([2, 2], 1, 2, 3, 4), s.w, i8([2], 0, 1), s.y, u8([], 100)],
      known: [1, 2, 3, 4, 5, 6, 7],
    });
    // Sums: 2·1 − 1·3 = −1, 2·(2−1) − 1·(4−1) = −1; factors 0.5 and 1: −0.5 is rounded to 0.
    expect(outputNumbers(builder)).toEqual([100, 99]);
    expect(outputTensor(builder).type.element).toBe("u8");
  });

  it.each([
    ["known weights", [1, 2, 3, 4, 5, 6, 7, 8]],
    ["weights of run time", [1, 2, 4, 5, 6, 7]],
  ] as const)("QLinearConv with %s adds the bias to the sums", (_, known) => {
    const s = scales(1, [0.25], 1);
    const builder = translate({
      operator: "QLinearConv",
      inputs: [
        u8([1, 1, 3], 1, 2, 3),
        s.x,
        u8([], 1),
        u8([1, 1, 2], 250, 3),
        s.w,
        u8([], 2),
        s.y,
        i8([], -1),
        tensor("i32", [1], [8]),
      ],
      attributes: { pads: [0, 1] },
      known,
    });
    // (0, 1, 2, 0)·(248, 1) + 8 = 9, 258, 504; times 0.25 − 1, at most 127.
    expect(outputNumbers(builder)).toEqual([1, 63, 125]);
  });

  it("refuses scales that are not known, several scales of x, and scales of 0", () => {
    const inputs = (x: number[], y: number) => [
      u8([1, 2], 1, 2),
      line(...x),
      u8([], 0),
      i8([2, 1], 1, 2),
      scalar(1),
      i8([], 0),
      scalar(y),
      u8([], 0),
    ];
    const run = (x: number[], y: number, known: number[]) => () =>
      translate({ operator: "QLinearMatMul", inputs: inputs(x, y), known });
    expect(run([1], 1, [])).toThrow(/B112/);
    expect(run([1, 2], 1, [1, 2, 3, 4, 5, 6, 7])).toThrow(/B104.*2 numbers/);
    expect(run([0], 1, [1, 2, 3, 4, 5, 6, 7])).toThrow(/B110/);
  });
});

describe("MatMulNBits", () => {
  const domain = "com.microsoft";
  const run = (
    bits: number,
    bytes: number[],
    scale: number[],
    zero: number[] | null,
    attributes: Record<string, number>,
  ) =>
    outputNumbers(
      translate({
        operator: "MatMulNBits",
        domain,
        opset: 1,
        inputs: [
          tensor("f32", [1, 3], [1, 10, 100]),
          u8([bytes.length], ...bytes),
          line(...scale),
          zero === null ? null : u8([zero.length], ...zero),
        ],
        attributes: { bits, K: 3, ...attributes },
        known: [1, 2, 3],
      }),
    );

  it("unpacks low bits first, block by block, with a scale and zero point each", () => {
    // One column of blocks (9, 6) and (15, -): zero 8, then stated zeros 1 and 3.
    const bytes = [0x69, 0x0f];
    expect(run(4, bytes, [2, 0.5], null, { N: 1, block_size: 2 })).toEqual([2 * (1 - 20) + 0.5 * 700]);
    expect(run(4, bytes, [2, 0.5], [0x31], { N: 1, block_size: 2 })).toEqual([2 * (8 + 50) + 0.5 * 1200]);
  });

  it("keeps numbers beyond i8 as floats, and multiplies two columns of 2 bits", () => {
    expect(run(8, [255, 0, 0, 0], [1], [0], { N: 1, block_size: 4 })).toEqual([255]);
    expect(run(2, [0b00_11_10_01, 0b00_00_01_10], [1, 2], null, { N: 2, block_size: 4 })).toEqual([99, -420]);
  });

  it("refuses 3 bits and weights of another size", () => {
    expect(() => run(3, [0], [1], null, { N: 1, block_size: 4 })).toThrow(/B104.*3 bits/);
    expect(() => run(4, [0], [1], null, { N: 1, block_size: 4 })).toThrow(/B110/);
  });
});

describe("QONNX", () => {
  const domain = "qonnx.custom_op.general";
  const quant = (numbers: number[], scale: number, bits: number, attributes: Record<string, number | string> = {}) =>
    outputNumbers(
      translate({
        operator: "Quant",
        domain,
        opset: 1,
        inputs: [line(...numbers), scalar(scale), scalar(0), scalar(bits)],
        attributes,
        known: [1, 2, 3],
      }),
    );

  it("Quant rounds to multiples of the scale within the bit width, narrow or not", () => {
    expect(quant([-9, -0.9, 0.3, 9], 0.5, 2)).toEqual([-1, -1, 0.5, 0.5]);
    expect(quant([-9, -0.9, 0.3, 9], 0.5, 2, { narrow: 1 })).toEqual([-0.5, -0.5, 0.5, 0.5]);
    expect(quant([-9, 3, 99], 1, 4, { signed: 0 })).toEqual([0, 3, 15]);
    expect(quant([1.3, 40000], 0.5, 12)).toEqual([1.5, 1023.5]);
  });

  it.each([
    ["FLOOR", [1, -2, 2, -3]],
    ["CEIL", [2, -1, 3, -2]],
    ["UP", [2, -2, 3, -3]],
    ["DOWN", [1, -1, 2, -2]],
    ["HALF_UP", [1, -1, 3, -3]],
    ["HALF_DOWN", [1, -1, 2, -2]],
    ["ROUND", [1, -1, 2, -2]],
  ] as const)("Quant rounds by %s", (rounding_mode, wanted) => {
    expect(quant([1.25, -1.25, 2.5, -2.5], 1, 8, { rounding_mode })).toEqual(wanted);
  });

  it("Quant has scales along an axis", () => {
    const builder = translate({
      operator: "Quant",
      domain,
      opset: 1,
      inputs: [tensor("f32", [2, 1], [0.4, 5]), tensor("f32", [2, 1], [0.25, 2]), scalar(0), scalar(8)],
      known: [1, 2, 3],
    });
    expect(outputNumbers(builder)).toEqual([0.5, 4]);
    expect(addedOperators(builder)).toContain("dequantize");
  });

  it("BipolarQuant has two values and Trunc drops low bits", () => {
    for (const known of [[], [1]]) {
      const bipolar = translate({
        operator: "BipolarQuant",
        domain,
        opset: 1,
        inputs: [line(0, -2, 3), scalar(0.5)],
        known,
      });
      expect(outputNumbers(bipolar)).toEqual([0.5, -0.5, 0.5]);
    }
    const inputs = [line(7, -3), scalar(1), scalar(0), scalar(8), scalar(6)];
    expect(outputNumbers(translate({ operator: "Trunc", domain, opset: 1, inputs, known: [3, 4] }))).toEqual([1, -1]);
  });
});

describe("the quantized operators of ONNX Runtime", () => {
  const domain = "com.microsoft";
  const run = (
    operator: string,
    inputs: Parameters<typeof translate>[0]["inputs"],
    attributes: Record<string, number> = {},
  ) =>
    outputNumbers(
      translate({
        operator,
        domain,
        opset: 1,
        inputs,
        attributes,
        known: inputs.map((_, index) => index).slice(operator === "QLinearConcat" ? 0 : 1),
      }),
    );

  it("compute in real numbers between stored ones", () => {
    const x = [u8([2], 12, 10), scalar(0.5), u8([], 10)] as const;
    const y = [scalar(0.25), u8([], 1)] as const;
    expect(run("QLinearAdd", [...x, ...x, ...y])).toEqual([9, 1]);
    expect(run("QLinearMul", [...x, ...x, ...y])).toEqual([5, 1]);
    expect(run("QLinearSigmoid", [...x, ...y])).toEqual([4, 3]);
    expect(run("QLinearConcat", [...y, ...x, ...x], { axis: 0 })).toEqual([5, 1, 5, 1]);
    expect(run("QLinearLeakyRelu", [u8([1], 2), scalar(1), u8([], 10), ...y], { alpha: 0 })).toEqual([1]);
  });

  it("MatMulIntegerToFloat and DynamicQuantizeMatMul scale the sums", () => {
    const scales = [scalar(0.5), scalar(2)];
    expect(run("MatMulIntegerToFloat", [u8([1, 2], 3, 4), i8([2, 1], 5, -6), ...scales, u8([], 1)])).toEqual([-8]);
    const dynamic = run("DynamicQuantizeMatMul", [tensor("f32", [1, 2], [255, 0]), i8([2, 1], 3, 9), scalar(0.5)]);
    expectClose(dynamic, [255 * 1.5]);
  });
});
