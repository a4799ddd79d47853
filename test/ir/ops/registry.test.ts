import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { inferNode, inferType, isElementwise, onnxForms, operatorOf, operators } from "../../../ir/ops/index.ts";
import { elementCount, sameType } from "../../../ir/type.ts";
import { points, spaceOf, touched } from "./checks.ts";

/** Operators of ONNX's default domain that some form may name. */
const onnxNames = new Set(
  `Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil
  Celu CenterCropPad Clip Col2Im Compress Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum
  DepthToSpace DequantizeLinear Det Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather
  GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
  GroupNormalization HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LSTM
  LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool
  MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Multinomial Neg NonMaxSuppression NonZero Not OneHot
  Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2
  ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
  ReverseSequence RotaryEmbedding Round Scan ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Size Slice Softmax Softplus
  Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze
  Upsample Where Xor STFT MelWeightMatrix HannWindow HammingWindow DFT BlackmanWindow AffineGrid DynamicQuantizeLinear Attention Scatter`.split(
    /\s+/,
  ),
);

describe("the operator registry", () => {
  it("finds every operator under its own name", () => {
    for (const [name, operator] of operators) expect(operatorOf(name)).toBe(operator);
    expect(operators.size).toBeGreaterThan(55);
    expect([...operators.values()].every((operator) => operator.name === operator.name.toLowerCase())).toBe(true);
  });

  it("refuses a name that no operator has", () => {
    expect(() => operatorOf("matmull")).toThrow(/B202.*"matmull"/);
  });

  it("tells element-wise operators from others", () => {
    expect(["add", "relu", "quantize", "gelu", "where"].map(isElementwise)).toEqual(new Array(5).fill(true));
    expect(["matmul", "reduce_sum", "max_pool", "softmax", "transpose"].map(isElementwise)).toEqual(
      new Array(5).fill(false),
    );
  });

  it.each([...operators.values()])("declares $name completely", (operator) => {
    expect(operator.summary.endsWith(".")).toBe(true);
    expect(operator.samples(makeRandom(1)).length).toBeGreaterThanOrEqual(3);
    expect(operator.vector !== undefined).toBe(operator.runsOn === "vector");
    expect(operator.iteration !== undefined).toBe(operator.runsOn === "vector" || operator.runsOn === "matrix");
    expect(operator.movement !== undefined).toBe(operator.runsOn === "movement");
    if (operator.decompose !== undefined) expect(operator.runsOn).toBe("folded");
  });

  it("names only operators of ONNX, each opset of one translated once", () => {
    const seen = new Map<string, { since: number; until: number }[]>();
    for (const { form } of onnxForms()) {
      if (form.domain === undefined || form.domain === "") expect(onnxNames, form.operator).toContain(form.operator);
      const key = `${form.domain ?? ""} ${form.operator}`;
      const span = { since: form.since, until: form.until ?? Number.POSITIVE_INFINITY };
      for (const other of seen.get(key) ?? []) {
        expect(span.since > other.until || other.since > span.until, `${key} ${span.since}`).toBe(true);
      }
      seen.set(key, [...(seen.get(key) ?? []), span]);
    }
  });
});

describe("type inference", () => {
  it("fills in defaults and lists attributes in the declared order", () => {
    const f32 = { element: "f32", quantization: null, shape: [2, 3] } as const;
    expect(Object.entries(inferNode("clip", [f32], { high: 6 }).attributes)).toEqual([
      ["low", Number.NEGATIVE_INFINITY],
      ["high", 6],
    ]);
  });

  it("collects unknown, missing and malformed attributes", () => {
    const f32 = { element: "f32", quantization: null, shape: [1, 1, 4] } as const;
    const attributes = { kernel: [2], strides: [1.5], pad: [0, 0], dilations: [1] };
    expect(() => inferType("max_pool", [f32], attributes)).toThrow(
      /no attribute "pad".*\n.*"strides" is \[1.5\].*\n.*"pads" \(integers\) is missing/,
    );
  });

  it.each([
    ["integer", 1.5],
    ["number", "1"],
    ["number", Number.NaN],
    ["text", 1],
    ["boolean", 1],
    ["integers", [1, 0.5]],
    ["numbers", ["1"]],
  ] as const)("refuses an attribute that does not have the form %s", (form, value) => {
    const named = {
      integer: "axis",
      number: "alpha",
      text: "approximate",
      boolean: "keepdims",
      integers: "axes",
      numbers: "scales",
    };
    const op = {
      integer: "softmax",
      number: "leaky_relu",
      text: "gelu",
      boolean: "reduce_sum",
      integers: "reduce_sum",
      numbers: "quantize",
    };
    const f32 = { element: "f32", quantization: null, shape: [3] } as const;
    expect(() => inferType(op[form], [f32], { [named[form]]: value })).toThrow(
      new RegExp(`"${named[form]}" is .*expected the form ${form}`),
    );
  });

  it("refuses a wrong number of operands and an absent required one", () => {
    const f32 = { element: "f32", quantization: null, shape: [2, 2] } as const;
    expect(() => inferType("add", [f32], {})).toThrow(/B202.*got 1 operands, expected 2/);
    expect(() => inferType("matmul", [f32, f32], {})).toThrow(/got 2 operands, expected 3/);
    expect(() => inferType("matmul", [f32, null, null], {})).toThrow(/Operand 1 \(w\)/);
    expect(inferType("matmul", [f32, f32, null], {}).shape).toEqual([2, 2]);
  });
});

describe.each([...operators.values()])("$name", (operator) => {
  it("infers the type that it evaluates to, on every sample", () => {
    for (const sample of operator.samples(makeRandom(7))) {
      const { attributes, type } = inferNode(
        operator.name,
        sample.operands.map((operand) => operand?.type ?? null),
        sample.attributes,
      );
      const value = operator.evaluate({ operands: sample.operands, attributes, type });
      expect(sameType(value.type, type)).toBe(true);
      expect(value.data.length).toBe(elementCount(type));
    }
  });
});

describe.each([...operators.values()].filter((operator) => operator.iteration !== undefined))("$name", (operator) => {
  it("touches every result element, by parallel dimensions alone", () => {
    for (const sample of operator.samples(makeRandom(8))) {
      const space = spaceOf(operator.name, sample);
      const { type } = inferNode(
        operator.name,
        sample.operands.map((operand) => operand?.type ?? null),
        sample.attributes,
      );
      expect(new Set(space.dimensions.map((dimension) => dimension.name)).size).toBe(space.dimensions.length);
      expect(space.operands.length).toBe(sample.operands.length);
      const reductions = new Set(space.dimensions.flatMap((each, index) => (each.kind === "reduction" ? [index] : [])));
      expect(space.result.some(({ terms }) => terms.some((term) => reductions.has(term.dimension)))).toBe(false);
      const times = new Map<number, number>();
      let count = 0;
      for (const point of points(space)) {
        const element = touched(space.result, type.shape, point);
        times.set(element, (times.get(element) ?? 0) + 1);
        count += 1;
      }
      expect(times.size).toBe(elementCount(type));
      expect(times.has(-1)).toBe(false);
      expect(new Set(times.values())).toEqual(new Set([count / elementCount(type)]));
    }
  });
});
