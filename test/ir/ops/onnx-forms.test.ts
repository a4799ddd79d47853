import { describe, expect, it } from "vitest";
import { i64Tensor } from "../../../ir/tensor.ts";
import { expectClose, numbersOf, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const line = (...numbers: number[]) => tensor("f32", [numbers.length], numbers);
const scalar = (number: number) => tensor("f32", [], [number]);

describe("MatMul", () => {
  const matrix = tensor("f32", [2, 2], [1, 2, 3, 4]);

  it("gives operands of one axis a second one, and takes it away again", () => {
    const cases = [
      [matrix, line(5, 6), [2], [17, 39]],
      [line(5, 6), matrix, [2], [23, 34]],
      [line(5, 6), line(1, 2), [], [17]],
      [matrix, matrix, [2, 2], [7, 10, 15, 22]],
    ] as const;
    for (const [x, w, shape, numbers] of cases) {
      const builder = translate({ operator: "MatMul", inputs: [x, w] });
      expect(outputTensor(builder).type.shape).toEqual(shape);
      expect(outputNumbers(builder)).toEqual(numbers);
    }
  });

  it("refuses operands without axes", () => {
    expect(() => translate({ operator: "MatMul", inputs: [scalar(1), matrix] })).toThrow(/B110.*at least one axis/);
  });
});

describe("Gemm", () => {
  const a = tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]);
  const b = tensor("f32", [3, 2], [1, 0, 0, 1, 1, 1]);
  const aTransposed = tensor("f32", [3, 2], [1, 4, 2, 5, 3, 6]);
  const bTransposed = tensor("f32", [2, 3], [1, 0, 1, 0, 1, 1]);
  const plain = [4, 5, 10, 11];

  it("transposes what transA and transB say", () => {
    expect(outputNumbers(translate({ operator: "Gemm", inputs: [a, b] }))).toEqual(plain);
    const builder = translate({
      operator: "Gemm",
      inputs: [aTransposed, bTransposed],
      attributes: { transA: 1, transB: 1 },
    });
    expect(outputNumbers(builder)).toEqual(plain);
    expect(addedOperators(builder)).toEqual(["transpose", "transpose", "matmul"]);
  });

  it("takes a constant C of one number a column as the bias", () => {
    for (const c of [line(10, 20), tensor("f32", [1, 2], [10, 20])]) {
      const builder = translate({ operator: "Gemm", inputs: [a, b, c], known: [1, 2] });
      expect(outputNumbers(builder)).toEqual([14, 25, 20, 31]);
      expect(builder.nodes.get("y")?.op).toBe("matmul");
      expect(builder.nodes.get("y")?.operands[2]).not.toBe(null);
    }
  });

  it("adds any other C", () => {
    for (const [c, known] of [
      [scalar(10), [1, 2]],
      [tensor("f32", [2, 1], [10, 20]), [1, 2]],
      [line(10, 20), [1]],
    ] as const) {
      const builder = translate({ operator: "Gemm", inputs: [a, b, c], known });
      expect(builder.nodes.get("y")?.op).toBe("add");
      const offsets =
        c.type.shape.length === 0 ? [10, 10, 10, 10] : c.type.shape.length === 2 ? [10, 10, 20, 20] : [10, 20, 10, 20];
      expect(outputNumbers(builder)).toEqual(plain.map((value, index) => value + (offsets[index] ?? 0)));
    }
  });

  it("multiplies by alpha and beta, alpha on constant weights", () => {
    const attributes = { alpha: 2, beta: 0.5 };
    const wanted = [2 * 4 + 5, 2 * 5 + 10, 2 * 10 + 5, 2 * 11 + 10];
    const constant = translate({ operator: "Gemm", inputs: [a, b, line(10, 20)], attributes, known: [1, 2] });
    expect(outputNumbers(constant)).toEqual(wanted);
    expect(addedOperators(constant)).toEqual(["mul", "mul", "matmul"]);
    const variable = translate({ operator: "Gemm", inputs: [a, b, line(10, 20)], attributes });
    expect(outputNumbers(variable)).toEqual(wanted);
    expect(addedOperators(variable)).toEqual(["mul", "matmul", "mul", "add"]);
    expect(outputNumbers(translate({ operator: "Gemm", inputs: [a, b], attributes }))).toEqual(
      plain.map((value) => 2 * value),
    );
  });

  it("rounds a half type once", () => {
    const half = (shape: readonly number[], numbers: readonly number[]) => tensor("f16", shape, numbers);
    // 0.5 · 2049 + 0.25 = 1024.75, to 1025; 2049 alone would be rounded to 2048, and 1024.25 to 1024.
    const builder = translate({
      operator: "Gemm",
      inputs: [half([1, 2], [2048, 1]), half([2, 1], [1, 1]), half([1], [1])],
      attributes: { alpha: 0.5, beta: 0.25 },
    });
    expect(outputTensor(builder).type.element).toBe("f16");
    expect(outputNumbers(builder)).toEqual([1025]);
    expect(builder.nodes.get("y")?.op).toBe("cast");
    const plain = translate({ operator: "Gemm", inputs: [half([1, 1], [2]), half([1, 1], [3])] });
    expect(addedOperators(plain)).toEqual(["matmul"]);
  });
});

describe("MatMul of integers of more than 8 bits", () => {
  it.each(["i32", "i64", "u32", "u64"] as const)("multiplies %s and adds up, broadcasting", (element) => {
    const x = tensor(element, [2, 1, 2], [1, 2, 3, 4]);
    const w = tensor(element, [2, 3], [1, 2, 3, 4, 5, 6]);
    const builder = translate({ operator: "MatMul", inputs: [x, w] });
    expect(outputTensor(builder).type).toEqual({ element, quantization: null, shape: [2, 1, 3] });
    expect(outputNumbers(builder)).toEqual([9, 12, 15, 19, 26, 33]);
    expect(addedOperators(builder)).not.toContain("matmul");
  });

  it("takes single rows and columns", () => {
    const builder = translate({ operator: "MatMul", inputs: [tensor("i32", [2], [1, 2]), tensor("i32", [2], [3, 4])] });
    expect(outputTensor(builder).type.shape).toEqual([]);
    expect(outputNumbers(builder)).toEqual([11]);
  });

  it("leaves products that are too many whole", () => {
    const many = tensor("i32", [200, 200], new Array<number>(40000).fill(1));
    expect(addedOperators(translate({ operator: "MatMul", inputs: [many, many] }))).toEqual(["matmul"]);
  });
});

describe("auto_pad", () => {
  const x = tensor("f32", [1, 1, 6], [1, 2, 3, 4, 5, 6]);
  const w = tensor("f32", [1, 1, 2], [1, 10]);
  const conv = (attributes: Record<string, string | number | readonly number[]>) =>
    outputNumbers(translate({ operator: "Conv", inputs: [x, w, null], attributes }));

  it("keeps the size, the odd pad at the end or at the beginning", () => {
    expect(conv({ auto_pad: "SAME_UPPER" })).toEqual([21, 32, 43, 54, 65, 6]);
    expect(conv({ auto_pad: "SAME_LOWER" })).toEqual([10, 21, 32, 43, 54, 65]);
    expect(conv({ auto_pad: "VALID", pads: [5, 5] })).toEqual([21, 32, 43, 54, 65]);
    expect(conv({ auto_pad: "NOTSET", pads: [0, 1] })).toEqual([21, 32, 43, 54, 65, 6]);
    expect(conv({})).toEqual([21, 32, 43, 54, 65]);
  });

  it("divides the size by the stride, and counts dilations", () => {
    expect(conv({ auto_pad: "SAME_UPPER", strides: [4] })).toEqual([21, 65]);
    expect(conv({ auto_pad: "SAME_UPPER", dilations: [2] })).toEqual([20, 31, 42, 53, 64, 5]);
  });

  it("refuses other values", () => {
    expect(() => conv({ auto_pad: "SAME" })).toThrow(/B111.*"SAME"/);
    expect(() => conv({ strides: 1 })).toThrow(/B111.*"strides" is 1, expected a list of integers/);
  });
});

describe("pools", () => {
  const x = tensor("f32", [1, 1, 3], [1, 5, 3]);

  it("read kernel, pads and modes", () => {
    const attributes = { kernel_shape: [2], pads: [1, 0] };
    expect(outputNumbers(translate({ operator: "MaxPool", inputs: [x], attributes }))).toEqual([1, 5, 5]);
    expect(outputNumbers(translate({ operator: "AveragePool", inputs: [x], attributes }))).toEqual([1, 3, 4]);
    expect(
      outputNumbers(
        translate({ operator: "AveragePool", inputs: [x], attributes: { ...attributes, count_include_pad: 1 } }),
      ),
    ).toEqual([0.5, 3, 4]);
    expect(
      outputNumbers(
        translate({ operator: "MaxPool", inputs: [x], attributes: { kernel_shape: [2], strides: [2], ceil_mode: 1 } }),
      ),
    ).toEqual([5, 3]);
    expect(
      outputNumbers(
        translate({
          operator: "AveragePool",
          inputs: [x],
          attributes: { kernel_shape: [2], strides: [2], ceil_mode: 1 },
        }),
      ),
    ).toEqual([3, 3]);
  });

  it("refuse a missing kernel", () => {
    expect(() => translate({ operator: "MaxPool", inputs: [x] })).toThrow(/B111.*kernel_shape/);
    expect(() => translate({ operator: "AveragePool", inputs: [x] })).toThrow(/B111.*kernel_shape/);
  });

  it("of everything are reductions of the spatial axes", () => {
    const planes = tensor("f32", [1, 2, 2, 1], [1, 3, 5, 9]);
    const builder = translate({ operator: "GlobalAveragePool", inputs: [planes] });
    expect(outputNumbers(builder)).toEqual([2, 7]);
    expect(outputTensor(builder).type.shape).toEqual([1, 2, 1, 1]);
    expect(outputNumbers(translate({ operator: "GlobalMaxPool", inputs: [planes] }))).toEqual([3, 9]);
  });
});

describe("binary operators", () => {
  it("align the second operand as axis says before opset 7", () => {
    const x = tensor("f32", [2, 3], [0, 0, 0, 0, 0, 0]);
    const legacy = (axis: number) =>
      translate({ operator: "Add", opset: 6, inputs: [x, line(1, 2)], attributes: { broadcast: 1, axis } });
    expect(outputNumbers(legacy(0))).toEqual([1, 1, 1, 2, 2, 2]);
    expect(outputNumbers(legacy(-2))).toEqual([1, 1, 1, 2, 2, 2]);
    const last = translate({ operator: "Add", opset: 6, inputs: [x, line(1, 2, 3)], attributes: { broadcast: 1 } });
    expect(outputNumbers(last)).toEqual([1, 2, 3, 1, 2, 3]);
    expect(addedOperators(last)).toEqual(["add"]);
  });

  it("with many inputs become chains", () => {
    const inputs = [line(1, 8), line(2, 4), line(6, 0)];
    expect(outputNumbers(translate({ operator: "Sum", inputs }))).toEqual([9, 12]);
    expect(outputNumbers(translate({ operator: "Max", inputs }))).toEqual([6, 8]);
    expect(outputNumbers(translate({ operator: "Min", inputs }))).toEqual([1, 0]);
    expectClose(outputNumbers(translate({ operator: "Mean", inputs })), [3, 4]);
    expect(addedOperators(translate({ operator: "Sum", inputs: [line(1)] }))).toEqual(["identity"]);
    expect(translate({ operator: "Sum", inputs }).nodes.get("y")?.op).toBe("add");
  });

  it("take a constant exponent as an attribute, and convert exponents of another type", () => {
    const constant = translate({ operator: "Pow", inputs: [line(3, 4), scalar(2)], known: [1] });
    expect(addedOperators(constant)).toEqual(["power"]);
    expect(outputNumbers(constant)).toEqual([9, 16]);
    expect(
      addedOperators(translate({ operator: "Pow", inputs: [line(3), tensor("f32", [1, 1], [2])], known: [1] })),
    ).toEqual(["pow"]);
    expect(addedOperators(translate({ operator: "Pow", inputs: [line(3, 4), line(2, 3)], known: [1] }))).toEqual([
      "pow",
    ]);
    expect(outputNumbers(translate({ operator: "Pow", inputs: [line(3, 4), i64Tensor([2], [2, 3])] }))).toEqual([
      9, 64,
    ]);
    const integers = translate({ operator: "Pow", inputs: [i64Tensor([2], [4, 9]), scalar(0.5)] });
    expect(outputNumbers(integers)).toEqual([2, 3]);
    expect(outputTensor(integers).type.element).toBe("i64");
    expect(
      addedOperators(translate({ operator: "Pow", inputs: [i64Tensor([1], [4]), tensor("i32", [1], [2])] })),
    ).toEqual(["cast", "pow"]);
  });
});

describe("operators that translate one to one", () => {
  it("give their inputs to the operator in order", () => {
    const condition = tensor("bool", [2], [1, 0]);
    expect(outputNumbers(translate({ operator: "Where", inputs: [condition, line(1, 2), line(3, 4)] }))).toEqual([
      1, 4,
    ]);
    expect(outputNumbers(translate({ operator: "Sub", inputs: [line(5, 5), line(1, 2)] }))).toEqual([4, 3]);
    expect(outputNumbers(translate({ operator: "Less", inputs: [line(1, 3), line(2, 2)] }))).toEqual([1, 0]);
    expect(outputNumbers(translate({ operator: "Not", inputs: [condition] }))).toEqual([0, 1]);
    expect(outputNumbers(translate({ operator: "Identity", inputs: [line(7)] }))).toEqual([7]);
    expect(outputNumbers(translate({ operator: "Sqrt", inputs: [line(9)] }))).toEqual([3]);
  });
});

describe("Clip", () => {
  const x = line(-3, 0, 9);

  it("reads attributes before opset 11 and inputs after", () => {
    expect(
      outputNumbers(translate({ operator: "Clip", opset: 6, inputs: [x], attributes: { min: -1, max: 6 } })),
    ).toEqual([-1, 0, 6]);
    expect(outputNumbers(translate({ operator: "Clip", opset: 10, inputs: [x], attributes: { max: 6 } }))).toEqual([
      -3, 0, 6,
    ]);
    const builder = translate({ operator: "Clip", inputs: [x, scalar(-1), scalar(6)], known: [1, 2] });
    expect(outputNumbers(builder)).toEqual([-1, 0, 6]);
    expect(builder.nodes.get("y")?.attributes).toEqual({ low: -1, high: 6 });
    expect(outputNumbers(translate({ operator: "Clip", inputs: [x, null, scalar(6)], known: [2] }))).toEqual([
      -3, 0, 6,
    ]);
    expect(outputNumbers(translate({ operator: "Clip", inputs: [x] }))).toEqual([-3, 0, 9]);
  });

  it("gives the upper bound where the bounds are crossed", () => {
    expect(outputNumbers(translate({ operator: "Clip", inputs: [x, scalar(5), scalar(2)], known: [1, 2] }))).toEqual([
      2, 2, 2,
    ]);
    expect(
      outputNumbers(translate({ operator: "Clip", opset: 6, inputs: [x], attributes: { min: 5, max: 2 } })),
    ).toEqual([2, 2, 2]);
  });

  it("compares with bounds that are computed", () => {
    expect(outputNumbers(translate({ operator: "Clip", inputs: [x, scalar(-1), scalar(6)] }))).toEqual([-1, 0, 6]);
    expect(addedOperators(translate({ operator: "Clip", inputs: [x, scalar(-1)] }))).toEqual(["max"]);
    expect(addedOperators(translate({ operator: "Clip", inputs: [x, null, scalar(6)] }))).toEqual(["min"]);
  });
});

describe("activations that are written with others", () => {
  const x = [-3, -0.5, 0, 0.5, 4];
  const values = (
    operator: string,
    attributes: Record<string, number> = {},
    opset = 24,
    more: readonly number[] = [],
  ) =>
    outputNumbers(
      translate({ operator, opset, inputs: [line(...x), ...(more.length > 0 ? [line(...more)] : [])], attributes }),
    );
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

  it("have the values of their definitions", () => {
    expectClose(
      values("HardSigmoid"),
      x.map((v) => Math.min(1, Math.max(0, 0.2 * v + 0.5))),
    );
    expectClose(
      values("HardSigmoid", { alpha: 0.5, beta: 0.25 }),
      x.map((v) => Math.min(1, Math.max(0, 0.5 * v + 0.25))),
    );
    expectClose(
      values("HardSwish"),
      x.map((v) => v * Math.min(1, Math.max(0, v / 6 + 0.5))),
    );
    expectClose(
      values("Elu", { alpha: 2 }),
      x.map((v) => (v > 0 ? v : 2 * (Math.exp(v) - 1))),
    );
    expectClose(
      values("Selu"),
      x.map((v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * (Math.exp(v) - 1))),
    );
    expectClose(
      values("Swish"),
      x.map((v) => v * sigmoid(v)),
    );
    expectClose(
      values("Swish", { alpha: 2 }),
      x.map((v) => v * sigmoid(2 * v)),
    );
    expectClose(
      values("Softsign"),
      x.map((v) => v / (1 + Math.abs(v))),
    );
    expectClose(
      values("Mish"),
      x.map((v) => v * Math.tanh(Math.log1p(Math.exp(v)))),
    );
    expectClose(
      values("PRelu", {}, 13, [0.5]),
      x.map((v) => (v > 0 ? v : 0.5 * v)),
    );
    expectClose(
      values("LeakyRelu"),
      x.map((v) => (v > 0 ? v : 0.01 * v)),
    );
    expectClose(
      values("Gelu"),
      x.map((v) => numbersOf("gelu", [tensor("f64", [1], [v])])[0] ?? 0),
    );
    expectClose(
      values("Gelu", { approximate: "tanh" } as never),
      numbersOf("gelu", [tensor("f64", [5], x)], { approximate: "tanh" }),
    );
  });

  it("lay a slope of one axis along the channels before opset 7", () => {
    const planes = tensor("f32", [1, 2, 2], [-1, 1, -1, 1]);
    expect(outputNumbers(translate({ operator: "PRelu", opset: 6, inputs: [planes, line(2, 3)] }))).toEqual([
      -2, 1, -3, 1,
    ]);
  });
});

describe("Dropout", () => {
  const x = line(1, 2);

  it("passes its input, with a mask of ones where that is used", () => {
    expect(outputNumbers(translate({ operator: "Dropout", inputs: [x, null, null] }))).toEqual([1, 2]);
    const builder = translate({ operator: "Dropout", inputs: [x], outputs: ["y", "mask"] });
    expect(outputTensor(builder, "mask")).toEqual(tensor("bool", [2], [1, 1]));
    expect(
      outputTensor(translate({ operator: "Dropout", opset: 7, inputs: [x], outputs: ["y", "mask"] }), "mask").type
        .element,
    ).toBe("f32");
    expect(translate({ operator: "Dropout", inputs: [x], outputs: ["y", ""] }).bound.size).toBe(1);
  });

  it("refuses training and a mode that is computed", () => {
    const training = tensor("bool", [], [1]);
    expect(() => translate({ operator: "Dropout", inputs: [x, null, training], known: [2] })).toThrow(/B104.*training/);
    expect(() => translate({ operator: "Dropout", inputs: [x, null, training] })).toThrow(/B112/);
  });
});

describe("wrong ONNX nodes", () => {
  it("name the input that is missing and the attribute of the wrong form", () => {
    expect(() => translate({ operator: "Relu", inputs: [] })).toThrow(/B110.*Relu has 0 inputs; input 0 is required/);
    expect(() => translate({ operator: "Add", inputs: [line(1), null] })).toThrow(/input 1 is required/);
    expect(() => translate({ operator: "LeakyRelu", inputs: [line(1)], attributes: { alpha: "big" } })).toThrow(
      /B111.*"alpha" is "big", expected a number/,
    );
    expect(() => translate({ operator: "Gelu", opset: 20, inputs: [line(1)], attributes: { approximate: 1 } })).toThrow(
      /expected a text/,
    );
    expect(() => translate({ operator: "Softmax", inputs: [line(1)], attributes: { axis: 0.5 } })).toThrow(
      /expected an integer/,
    );
  });
});
