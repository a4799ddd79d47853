import { product } from "../../base/math.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import type { Tensor } from "../tensor.ts";
import { type ElementType, elementTypes, type Quantization, tensorType } from "../type.ts";
import { quantizationAttributesOf } from "./conversion-values.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxText, scalarLike } from "./onnx-node.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** The domains under which exporters write the QONNX dialect. */
const domains = ["onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"] as const;

/** Rounding modes that are operators of the IR. */
const roundingOperators: Readonly<Record<string, "round" | "floor" | "ceil">> = {
  ROUND: "round",
  HALF_EVEN: "round",
  FLOOR: "floor",
  CEIL: "ceil",
};

/** Adds x rounded by a mode of the dialect; refuses unknown ones (B111). */
function rounded(builder: GraphBuilder, x: string, mode: string): string {
  const direct = roundingOperators[mode];
  if (direct !== undefined) return builder.add(direct, [x]);
  const signed = (magnitude: (absolute: string) => string): string =>
    builder.add("mul", [builder.add("sign", [x]), magnitude(builder.add("abs", [x]))]);
  const half = scalarLike(builder, x, 0.5);
  switch (mode) {
    case "UP":
      return signed((absolute) => builder.add("ceil", [absolute]));
    case "DOWN":
    case "ROUND_TO_ZERO":
      return signed((absolute) => builder.add("floor", [absolute]));
    case "HALF_UP":
      return signed((absolute) => builder.add("floor", [builder.add("add", [absolute, half])]));
    case "HALF_DOWN":
      return signed((absolute) => builder.add("ceil", [builder.add("sub", [absolute, half])]));
    default:
      return builder.refuse(
        "B111",
        `Attribute "rounding_mode" is "${mode}", expected ROUND, CEIL, FLOOR, UP, DOWN, HALF_UP or HALF_DOWN.`,
      );
  }
}

/** The one number at an input that must be known; refuses others (B110). */
function single(node: OnnxNode, builder: GraphBuilder, index: number): number {
  const numbers = onnxConstantNumbers(node, builder, index) ?? [];
  const [number] = numbers;
  if (number === undefined || numbers.some((each) => each !== number))
    return builder.refuse("B110", `Input ${index} of ${node.operator} must be one number, found ${numbers.length}.`);
  return number;
}

/** The narrowest signed or unsigned type that quantize can store with so many bits. */
function storedElement(bits: number, signed: boolean): ElementType | null {
  if (bits <= 2) return signed ? "i2" : "u2";
  if (bits <= 4) return signed ? "i4" : "u4";
  if (bits <= 8) return signed ? "i8" : "u8";
  if (bits <= 16) return signed ? "i16" : "u16";
  return bits <= 32 && signed ? "i32" : null;
}

/** Scales and zero points that broadcast over a shape, as a quantization; null where no axis alone has them all. */
function quantizationOf(scale: Tensor, zero: Tensor, shape: readonly number[]): Quantization | null {
  const aligned = (tensor: Tensor): number[] => [
    ...new Array<number>(Math.max(0, shape.length - tensor.type.shape.length)).fill(1),
    ...tensor.type.shape,
  ];
  const sizes = [scale, zero].map(aligned);
  const axes = shape.map((_, axis) => axis).filter((axis) => sizes.some((each) => each[axis] !== 1));
  if (axes.length > 1 || sizes.some((each) => each.length !== shape.length)) return null;
  const [axis = null] = axes;
  const count = axis === null ? 1 : (shape[axis] ?? 0);
  const spread = (tensor: Tensor): number[] => {
    const numbers = Array.from(tensorNumbers(tensor));
    return numbers.length === count ? numbers : new Array<number>(count).fill(numbers[0] ?? 0);
  };
  if ([scale, zero].some((tensor) => product(tensor.type.shape) !== 1 && product(tensor.type.shape) !== count))
    return null;
  return { axis, scales: spread(scale), zeros: spread(zero) };
}

/**
 * Quant: clamp(round(x ÷ scale + zero), low, high) as the real numbers that it stands for. Where scale and zero are known,
 * the numbers are stored integers of the narrowest type, clamped further where the bit width asks for it; else floats.
 */
const quantForm = compositeForm("Quant", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const bits = single(node, builder, 3);
  const signed = onnxInteger(node, builder, "signed", 1) === 1;
  const narrow = onnxInteger(node, builder, "narrow", 0) === 1;
  const mode = onnxText(node, builder, "rounding_mode", "ROUND").toUpperCase();
  const low = signed ? -(2 ** (bits - 1)) + (narrow ? 1 : 0) : 0;
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - (narrow ? 1 : 0);
  const { shape, element } = builder.type(x);
  const [scale, zero] = [builder.constant(onnxInput(node, builder, 1)), builder.constant(onnxInput(node, builder, 2))];
  const quantization = scale === null || zero === null ? null : quantizationOf(scale, zero, shape);
  const stored = storedElement(bits, signed);
  // Then the type's own range is all the clamping that is asked for.
  const fillsType = !narrow && stored !== null && elementTypes[stored].bits === bits;
  const usable =
    quantization !== null &&
    stored !== null &&
    mode === "ROUND" &&
    quantization.scales.every((each) => each > 0 && Number.isFinite(each)) &&
    quantization.zeros.every((each) => each >= low && each <= high && each === roundToEven(each)) &&
    (quantization.axis === null || fillsType);
  if (!usable) {
    const [scales, zeros] = [onnxInput(node, builder, 1), onnxInput(node, builder, 2)];
    const steps = builder.add("add", [builder.add("div", [x, scales]), zeros]);
    const clamped = builder.add("clip", [rounded(builder, steps, mode)], { low, high });
    return builder.add("mul", [builder.add("sub", [clamped, zeros]), scales], {}, name);
  }
  const attributes = { element: stored, ...quantizationAttributesOf(quantization) };
  const integers = builder.add("quantize", [x], attributes);
  const [step = 1] = quantization.scales;
  const [origin = 0] = quantization.zeros;
  const bounded = fillsType
    ? integers
    : builder.add("clip", [integers], { low: (low - origin) * step, high: (high - origin) * step });
  return builder.add("dequantize", [bounded], { element }, name);
});

/** BipolarQuant: scale where x ≥ 0, else −scale. */
const bipolarForm = compositeForm("BipolarQuant", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const { shape, element } = builder.type(x);
  const scale = onnxInput(node, builder, 1);
  const positive = builder.add("greater_or_equal", [x, scalarLike(builder, x, 0)]);
  const signs = builder.add("where", [positive, scalarLike(builder, x, 1), scalarLike(builder, x, -1)]);
  const known = builder.constant(scale);
  const none = tensorOf(tensorType("f32", []), [0]);
  const quantization = known === null ? null : quantizationOf(known, none, shape);
  if (quantization === null || !quantization.scales.every((each) => each > 0 && Number.isFinite(each)))
    return builder.add("mul", [signs, scale], {}, name);
  const unit = { element: "i2", scales: [1], zeros: [0] };
  const integers = builder.add("quantize", [signs], unit);
  const stored = builder.add("reinterpret", [integers], quantizationAttributesOf(quantization));
  return builder.add("dequantize", [stored], { element }, name);
});

/** Trunc: drops the low bits of x ÷ scale + zero, and gives the rest back in the same scale and zero. */
const truncForm = compositeForm("Trunc", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const [scale, zero] = [onnxInput(node, builder, 1), onnxInput(node, builder, 2)];
  const dropped = 2 ** (single(node, builder, 3) - single(node, builder, 4));
  const mode = onnxText(node, builder, "rounding_mode", "FLOOR").toUpperCase();
  const whole = builder.add("round", [builder.add("add", [builder.add("div", [x, scale]), zero])]);
  const kept = rounded(builder, builder.add("mul", [whole, scalarLike(builder, x, 1 / dropped)]), mode);
  return builder.add("mul", [builder.add("sub", [kept, zero]), scale], {}, name);
});

/** The QONNX dialect, under each of its domains. */
export const qonnxForms: readonly OnnxForm[] = domains.flatMap((domain) =>
  [quantForm, bipolarForm, truncForm].map((form) => ({ ...form, domain })),
);
