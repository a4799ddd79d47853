import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { i64Tensor } from "../../../ir/tensor.ts";
import { formatType, perTensor } from "../../../ir/type.ts";
import { expectClose, numbersOf, tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

const line = (...numbers: number[]) => tensor("f32", [numbers.length], numbers);
const scalar = (number: number) => tensor("f32", [], [number]);

describe("reductions", () => {
  const x = tensor("f32", [2, 2], [1, 2, 3, -4]);

  it("read axes from the attribute or the input, by opset", () => {
    const sum = (opset: number, attributes: Record<string, number | number[]>, axes: number[] | null) =>
      translate({
        operator: "ReduceSum",
        opset,
        inputs: [x, axes === null ? null : i64Tensor([axes.length], axes)],
        attributes,
        known: [1],
      });
    expect(outputNumbers(sum(12, { axes: [-1] }, null))).toEqual([3, -1]);
    expect(outputNumbers(sum(13, {}, [0]))).toEqual([4, -2]);
    expect(outputNumbers(sum(13, {}, null))).toEqual([2]);
    expect(outputTensor(sum(13, { keepdims: 0 }, null)).type.shape).toEqual([]);
    expect(outputNumbers(sum(13, { noop_with_empty_axes: 1 }, []))).toEqual([1, 2, 3, -4]);
    expect(outputNumbers(sum(13, {}, []))).toEqual([2]);
    expect(() => translate({ operator: "ReduceSum", inputs: [x, i64Tensor([1], [0])] })).toThrow(/B112/);
    expect(
      outputNumbers(translate({ operator: "ReduceMean", opset: 17, inputs: [x], attributes: { axes: [1] } })),
    ).toEqual([1.5, -0.5]);
    expect(
      outputNumbers(translate({ operator: "ReduceMax", opset: 18, inputs: [x, i64Tensor([1], [1])], known: [1] })),
    ).toEqual([2, 3]);
    expect(
      outputNumbers(translate({ operator: "ReduceMin", opset: 18, inputs: [x, i64Tensor([1], [1])], known: [1] })),
    ).toEqual([1, -4]);
  });

  it.each([
    ["ReduceL1", [3, 7]],
    ["ReduceL2", [Math.sqrt(5), 5]],
    ["ReduceSumSquare", [5, 25]],
    ["ReduceLogSumExp", [Math.log(Math.exp(1) + Math.exp(2)), Math.log(Math.exp(3) + Math.exp(-4))]],
  ] as const)("%s has the value of its definition", (operator, wanted) => {
    for (const keepdims of [0, 1]) {
      const builder = translate({ operator, opset: 13, inputs: [x], attributes: { axes: [1], keepdims } });
      expectClose(outputNumbers(builder), wanted);
      expect(outputTensor(builder).type.shape).toEqual(keepdims === 1 ? [2, 1] : [2]);
    }
  });

  it("do what comes after even where nothing is reduced", () => {
    const noop = (operator: string) =>
      outputNumbers(
        translate({ operator, opset: 18, inputs: [line(4, 9), null], attributes: { noop_with_empty_axes: 1 } }),
      );
    expect(noop("ReduceL2")).toEqual([4, 9]);
    expect(noop("ReduceLogSumExp")).toEqual([4, 9]);
    expectClose(noop("ReduceLogSum"), [Math.log(4), Math.log(9)]);
  });

  it("ArgMax and ArgMin read their attributes", () => {
    expect(outputNumbers(translate({ operator: "ArgMax", inputs: [x] }))).toEqual([1, 0]);
    expect(outputNumbers(translate({ operator: "ArgMin", inputs: [x], attributes: { axis: 1, keepdims: 0 } }))).toEqual(
      [0, 1],
    );
    expect(
      outputNumbers(translate({ operator: "ArgMax", inputs: [line(2, 2)], attributes: { select_last_index: 1 } })),
    ).toEqual([1]);
  });
});

describe("normalizations", () => {
  const x = sampleFloats(makeRandom(3), [2, 4, 3]);

  it("Softmax flattens to two axes before opset 13", () => {
    const flat = outputNumbers(translate({ operator: "Softmax", opset: 11, inputs: [x] }));
    expectClose(flat, numbersOf("softmax", [tensor("f32", [2, 12], Array.from(x.data as Float32Array))], { axis: 1 }));
    expect(
      addedOperators(translate({ operator: "Softmax", opset: 11, inputs: [x], attributes: { axis: -1 } })),
    ).toEqual(["softmax"]);
    expect(outputNumbers(translate({ operator: "Softmax", opset: 13, inputs: [x] }))).toEqual(
      numbersOf("softmax", [x], { axis: 2 }),
    );
    expect(
      outputNumbers(translate({ operator: "LogSoftmax", opset: 13, inputs: [x], attributes: { axis: 1 } })),
    ).toEqual(numbersOf("log_softmax", [x], { axis: 1 }));
  });

  it("LayerNormalization also gives mean and inverse deviation", () => {
    const line3 = line(1, 2, 3);
    const builder = translate({
      operator: "LayerNormalization",
      opset: 17,
      inputs: [line3, line(1, 1, 1), null],
      attributes: { epsilon: 1 / 3 },
      outputs: ["y", "mean", "inverse"],
    });
    expectClose(outputNumbers(builder), [-1, 0, 1]);
    expect(outputNumbers(builder, "mean")).toEqual([2]);
    expectClose(outputNumbers(builder, "inverse"), [1]);
  });

  it("InstanceNormalization and GroupNormalization standardize planes and groups of them", () => {
    const [scale, bias] = [line(1, 2, 3, 4), line(0, 1, 2, 3)];
    const ones = (count: number) => tensor("f32", [count], new Array<number>(count).fill(1));
    const reference = (
      rows: number,
      columns: number,
      factor: (row: number, column: number) => readonly [number, number],
    ) => {
      const standard = numbersOf("layer_norm", [
        tensor("f32", [rows, columns], Array.from(x.data as Float32Array)),
        ones(columns),
        null,
      ]);
      return standard.map((value, index) => {
        const [times, plus] = factor(Math.floor(index / columns), index % columns);
        return value * times + plus;
      });
    };
    const instance = translate({ operator: "InstanceNormalization", inputs: [x, scale, bias] });
    expectClose(
      outputNumbers(instance),
      reference(8, 3, (row) => [1 + (row % 4), row % 4]),
      1e-4,
      1e-5,
    );
    const group = (opset: number, a: typeof scale, b: typeof bias) =>
      outputNumbers(
        translate({ operator: "GroupNormalization", opset, inputs: [x, a, b], attributes: { num_groups: 2 } }),
      );
    expectClose(
      group(18, line(1, 2), line(5, 6)),
      reference(4, 6, (row) => [1 + (row % 2), 5 + (row % 2)]),
      1e-4,
      1e-5,
    );
    const perChannel = (row: number, column: number) => 2 * (row % 2) + Math.floor(column / 3);
    expectClose(
      group(21, scale, bias),
      reference(4, 6, (row, column) => [1 + perChannel(row, column), perChannel(row, column)]),
      1e-4,
      1e-5,
    );
  });

  it("BatchNormalization and LRN read their attributes; training is refused", () => {
    const four = (value: number) => tensor("f32", [4], [value, value, value, value]);
    const inputs = [x, four(2), four(1), four(0), four(3)];
    const batch = translate({ operator: "BatchNormalization", inputs, attributes: { epsilon: 1 } });
    expectClose(
      outputNumbers(batch),
      Array.from(x.data as Float32Array, (value) => value + 1),
    );
    expect(() =>
      translate({ operator: "BatchNormalization", opset: 15, inputs, attributes: { training_mode: 1 } }),
    ).toThrow(/B104/);
    expect(() => translate({ operator: "BatchNormalization", opset: 6, inputs })).toThrow(/B104/);
    const lrn = translate({ operator: "LRN", inputs: [x], attributes: { size: 3, alpha: 0.5, beta: 0.5, bias: 2 } });
    expect(outputNumbers(lrn)).toEqual(
      numbersOf("local_response_norm", [x], { size: 3, alpha: 0.5, beta: 0.5, bias: 2 }),
    );
    expect(() => translate({ operator: "LRN", inputs: [x] })).toThrow(/B111.*"size" is missing/);
  });
});

describe("conversions", () => {
  it("QuantizeLinear takes its type from the zero point, and otherwise u8", () => {
    const x = line(-1, 0, 1);
    const signed = translate({
      operator: "QuantizeLinear",
      inputs: [x, scalar(0.5), tensor("i8", [], [3])],
      known: [1, 2],
    });
    expect(formatType(outputTensor(signed).type)).toBe("i8<scale=0.5, zero=3>[3]");
    expect(outputNumbers(signed)).toEqual([1, 3, 5]);
    const plain = translate({ operator: "QuantizeLinear", inputs: [x, scalar(0.5)], known: [1] });
    expect(formatType(outputTensor(plain).type)).toBe("u8<scale=0.5, zero=0>[3]");
    const wanted = translate({
      operator: "QuantizeLinear",
      opset: 21,
      inputs: [x, scalar(0.5)],
      known: [1],
      attributes: { output_dtype: 22 },
    });
    expect(outputTensor(wanted).type.element).toBe("i4");
  });

  it("QuantizeLinear and DequantizeLinear take scales along an axis", () => {
    const x = tensor("f32", [2, 1], [1, 1]);
    const builder = translate({
      operator: "QuantizeLinear",
      inputs: [x, line(0.5, 0.25), tensor("i8", [2], [0, 0])],
      known: [1, 2],
      attributes: { axis: -2 },
    });
    expect(formatType(outputTensor(builder).type)).toBe("i8<axis=0, scale=[0.5,0.25], zero=0>[2,1]");
    expect(outputNumbers(builder)).toEqual([2, 4]);
    const stored = tensor("i8", [1, 2], [2, 4]);
    const back = translate({ operator: "DequantizeLinear", inputs: [stored, line(0.5, 0.25), null], known: [1] });
    expect(outputNumbers(back)).toEqual([1, 1]);
  });

  it("DequantizeLinear reads stored integers as they are, or gives them their scale first", () => {
    const quantized = tensor("u8", [2], [1, 2], perTensor(0.5, 1));
    const same = translate({
      operator: "DequantizeLinear",
      inputs: [quantized, scalar(0.5), tensor("u8", [], [1])],
      known: [1, 2],
    });
    expect(addedOperators(same)).toEqual(["dequantize"]);
    const other = translate({
      operator: "DequantizeLinear",
      inputs: [tensor("u8", [2], [1, 2]), scalar(0.5), tensor("u8", [], [1])],
      known: [1, 2],
    });
    expect(addedOperators(other)).toEqual(["reinterpret", "dequantize"]);
    expect(outputNumbers(other)).toEqual([0, 0.5]);
    expect(
      outputTensor(
        translate({
          operator: "DequantizeLinear",
          opset: 19,
          inputs: [quantized, tensor("f16", [], [0.5]), tensor("u8", [], [1])],
          known: [1, 2],
        }),
      ).type.element,
    ).toBe("f16");
  });

  it("refuse scales and zero points of a wrong count", () => {
    const x = line(1, 2, 3);
    const quantize = (scale: ReturnType<typeof line>, more: object = {}) =>
      translate({ operator: "QuantizeLinear", opset: 21, inputs: [x, scale], known: [1], ...more });
    expect(() => quantize(line(1, 2), { attributes: { axis: 0 } })).toThrow(/B110.*Scales of \[2\] do not fit axis 0/);
    expect(() => quantize(scalar(1), { inputs: [x, scalar(1), tensor("u8", [2], [0, 0])], known: [1, 2] })).toThrow(
      /B110.*1 scales and 2 zero points/,
    );
  });

  it("Cast reads ONNX's number of the type; CastLike the other input's", () => {
    expect(outputTensor(translate({ operator: "Cast", inputs: [line(1.5)], attributes: { to: 7 } })).type.element).toBe(
      "i64",
    );
    expect(
      outputTensor(translate({ operator: "Cast", inputs: [line(1.5)], attributes: { to: 10 } })).type.element,
    ).toBe("f16");
    expect(
      outputTensor(translate({ operator: "CastLike", opset: 15, inputs: [line(1.5), tensor("i8", [], [0])] })).type
        .element,
    ).toBe("i8");
    expect(() => translate({ operator: "Cast", inputs: [line(1)], attributes: { to: 8 } })).toThrow(/B104.*type 8/);
    expect(() => translate({ operator: "Cast", inputs: [line(1)] })).toThrow(/B111.*"to" is missing/);
  });
});
