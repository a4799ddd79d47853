import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { perTensor } from "../type.ts";
import { quantizationAttributesOf } from "./conversion-values.ts";
import {
  bindOnly,
  compositeForm,
  onnxConstantNumbers,
  onnxInput,
  onnxInteger,
  onnxNumber,
  onnxOptional,
} from "./onnx-node.ts";
import { storedSums } from "./quantized-contraction.ts";
import { castTo, quantizeDynamically, underQuantization } from "./quantized-linear.ts";

const domain = "com.microsoft";

/** The scale and zero point at two inputs, one for the whole tensor; refuses others (B110). */
function statedAt(node: OnnxNode, builder: GraphBuilder, index: number) {
  const [scale, ...more] = onnxConstantNumbers(node, builder, index) ?? [];
  const [zero = 0] = onnxConstantNumbers(node, builder, index + 1) ?? [];
  if (scale === undefined || more.length > 0 || !(scale > 0))
    return builder.refuse("B110", `Input ${index} of ${node.operator} must be one positive scale.`);
  return perTensor(scale, zero);
}

/** The real numbers of the stored value at an input, whose scale and zero point follow it. */
function realAt(node: OnnxNode, builder: GraphBuilder, index: number): string {
  const value = underQuantization(builder, onnxInput(node, builder, index), statedAt(node, builder, index + 1));
  return builder.add("dequantize", [value], { element: "f32" });
}

/** A form that computes in real numbers between stored ones; `scaleInput` is where the result's scale stands. */
function linearForm(
  operator: string,
  scaleInput: number,
  compute: (node: OnnxNode, builder: GraphBuilder) => string,
): OnnxForm {
  return {
    ...compositeForm(operator, 1, (node, builder, name) => {
      const result = compute(node, builder);
      const quantization = statedAt(node, builder, scaleInput);
      const zero = onnxOptional(node, scaleInput + 1);
      const source = zero ?? onnxInput(node, builder, scaleInput === 0 ? 2 : 0);
      const { element } = builder.type(source);
      return builder.add("quantize", [result], { element, ...quantizationAttributesOf(quantization) }, name);
    }),
    domain,
  };
}

const binary =
  (op: "add" | "mul") =>
  (node: OnnxNode, builder: GraphBuilder): string =>
    builder.add(op, [realAt(node, builder, 0), realAt(node, builder, 3)]);

/** DynamicQuantizeMatMul: x · B for a float x that is quantized at run time and stored B with scales and zero points. */
const dynamicMatMul: OnnxForm = {
  operator: "DynamicQuantizeMatMul",
  domain,
  since: 1,
  translate: (node, builder) => {
    const { value, scale, zero } = quantizeDynamically(builder, onnxInput(node, builder, 0));
    const stored = {
      x: value,
      xZero: zero,
      xScale: scale,
      w: onnxInput(node, builder, 1),
      wScale: onnxInput(node, builder, 2),
    };
    bindOnly(
      node,
      builder,
      scaledProduct(builder, { ...stored, wZero: onnxOptional(node, 3), bias: onnxOptional(node, 4) }),
    );
  },
};

/** MatMulIntegerToFloat: the product of stored matrices as real numbers. */
const integerToFloat: OnnxForm = {
  operator: "MatMulIntegerToFloat",
  domain,
  since: 1,
  translate: (node, builder) => {
    const stored = { x: onnxInput(node, builder, 0), w: onnxInput(node, builder, 1) };
    const scales = { xScale: onnxInput(node, builder, 2), wScale: onnxInput(node, builder, 3) };
    const zeros = { xZero: onnxOptional(node, 4), wZero: onnxOptional(node, 5) };
    bindOnly(node, builder, scaledProduct(builder, { ...stored, ...scales, ...zeros, bias: onnxOptional(node, 6) }));
  },
};

interface ScaledProduct {
  readonly x: string;
  readonly w: string;
  readonly xScale: string;
  readonly wScale: string;
  readonly xZero: string | null;
  readonly wZero: string | null;
  readonly bias: string | null;
}

function scaledProduct(builder: GraphBuilder, parts: ScaledProduct): string {
  const { x, w, xZero, wZero } = parts;
  const sums = storedSums({ op: "matmul", attributes: {}, x, w, xZero, wZero, bias: null }, builder, (value) =>
    builder.constant(value),
  );
  const factors = builder.add("mul", [parts.xScale, parts.wScale]);
  const real = builder.add("mul", [castTo(builder, sums, "f32"), factors]);
  return parts.bias === null ? real : builder.add("add", [real, parts.bias]);
}

/** The quantized operators of ONNX Runtime that compute in real numbers between stored ones. */
export const microsoftForms: readonly OnnxForm[] = [
  linearForm("QLinearAdd", 6, binary("add")),
  linearForm("QLinearMul", 6, binary("mul")),
  linearForm("QLinearSigmoid", 3, (node, builder) => builder.add("sigmoid", [realAt(node, builder, 0)])),
  linearForm("QLinearLeakyRelu", 3, (node, builder) =>
    builder.add("leaky_relu", [realAt(node, builder, 0)], { alpha: onnxNumber(node, builder, "alpha", 0.01) }),
  ),
  linearForm("QLinearGlobalAveragePool", 3, (node, builder) => {
    const x = realAt(node, builder, 0);
    if (onnxInteger(node, builder, "channels_last", 0) !== 0)
      builder.refuse("B104", "QLinearGlobalAveragePool with channels last is not supported.");
    const axes = builder
      .type(x)
      .shape.map((_, axis) => axis)
      .slice(2);
    return axes.length === 0 ? x : builder.add("reduce_mean", [x], { axes, keepdims: true });
  }),
  linearForm("QLinearConcat", 0, (node, builder) => {
    const count = Math.floor((node.inputs.length - 2) / 3);
    const parts = Array.from({ length: count }, (_, index) => realAt(node, builder, 2 + 3 * index));
    return builder.add("concat", parts, { axis: onnxInteger(node, builder, "axis") });
  }),
  dynamicMatMul,
  integerToFloat,
];
