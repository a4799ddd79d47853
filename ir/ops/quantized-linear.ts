import { product } from "../../base/math.ts";
import type { GraphBuilder, NodeBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { type ElementType, elementTypes, integerRange, isFloat, type Quantization, sameQuantization } from "../type.ts";
import { normalizeAxis } from "./broadcast.ts";
import { quantizationAttributesOf } from "./conversion-values.ts";
import { onnxElement } from "./onnx-elements.ts";
import { bindExtra, bindOnly, onnxInput, onnxInteger, onnxOptional, onnxOutput, scalarLike } from "./onnx-node.ts";
import { tensorNumbers } from "./values.ts";

/** Where the scales of a node stand: one for the tensor, one for each index of an axis, or one for each block along it. */
interface Grain {
  readonly axis: number;
  readonly block: number;
  /** Whether there is one scale for the whole tensor. */
  readonly whole: boolean;
}

function grainOf(node: OnnxNode, builder: GraphBuilder, shape: readonly number[]): Grain {
  const scale = builder.type(onnxInput(node, builder, 1)).shape;
  const block = onnxInteger(node, builder, "block_size", 0);
  if (block === 0 && scale.length <= 1 && product(scale) === 1) return { axis: 0, block: 0, whole: true };
  const given = onnxInteger(node, builder, "axis", 1);
  // A vector has no second axis: the default counts as its only one.
  const axis = shape.length === 1 && !node.attributes.has("axis") ? 0 : normalizeAxis(given, shape.length);
  const refuse = (): never =>
    builder.refuse("B110", `Scales of [${scale.join(",")}] do not fit axis ${axis} of [${shape.join(",")}].`);
  if (block === 0) return scale.length === 1 && scale[0] === shape[axis] ? { axis, block, whole: false } : refuse();
  const fits =
    block > 0 &&
    scale.length === shape.length &&
    scale.every((size, index) => size === (index === axis ? Math.ceil((shape[index] ?? 0) / block) : shape[index]));
  return fits ? { axis, block, whole: false } : refuse();
}

/** Scales and zero points that are known and make a quantized type; null otherwise. */
function statedQuantization(node: OnnxNode, builder: GraphBuilder, grain: Grain): Quantization | null {
  const zero = onnxOptional(node, 2);
  const scaleTensor = builder.constant(onnxInput(node, builder, 1));
  const zeroTensor = zero === null ? null : builder.constant(zero);
  if (grain.block > 0 || scaleTensor === null || (zero !== null && zeroTensor === null)) return null;
  const scales = Array.from(tensorNumbers(scaleTensor));
  const zeros = zeroTensor === null ? scales.map(() => 0) : Array.from(tensorNumbers(zeroTensor));
  if (zeros.length !== scales.length)
    builder.refuse("B110", `There are ${scales.length} scales and ${zeros.length} zero points.`);
  if (scales.some((scale) => !(scale > 0 && Number.isFinite(scale)))) return null;
  return { axis: grain.whole ? null : grain.axis, scales, zeros };
}

/** Scales or zero points in a shape that broadcasts over the tensor's. */
function spread(builder: NodeBuilder, value: string, shape: readonly number[], { axis, block, whole }: Grain): string {
  const found = builder.type(value).shape;
  if (whole) return found.length === 0 ? value : builder.add("reshape", [value], { shape: [] });
  if (block === 0)
    return builder.add("reshape", [value], {
      shape: [...found, ...new Array<number>(shape.length - axis - 1).fill(1)],
    });
  const parted = (size: number): number[] => [...found.slice(0, axis + 1), size, ...found.slice(axis + 1)];
  const blocks = builder.add("reshape", [value], { shape: parted(1) });
  const repeated = builder.add("expand", [blocks], { shape: parted(block) });
  const size = (found[axis] ?? 0) * block;
  const joined = builder.add("reshape", [repeated], {
    shape: found.map((each, index) => (index === axis ? size : each)),
  });
  const wanted = shape[axis] ?? 0;
  return size === wanted
    ? joined
    : builder.add("slice", [joined], { starts: [0], ends: [wanted], axes: [axis], steps: [1] });
}

/** The value in the element type. */
export function castTo(builder: NodeBuilder, value: string, element: ElementType, name?: string): string {
  return builder.type(value).element === element && name === undefined
    ? value
    : builder.add("cast", [value], { element }, name);
}

/** saturate(round(x ÷ scale) + zero) by element-wise operators, for scales that no type can state; they broadcast over x. */
function quantizeBy(
  builder: NodeBuilder,
  x: string,
  scale: string,
  zero: string | null,
  element: ElementType,
  name?: string,
): string {
  const float = builder.type(x).element;
  const steps = builder.add("round", [builder.add("div", [x, castTo(builder, scale, float)])]);
  const moved = zero === null ? steps : builder.add("add", [steps, castTo(builder, zero, float)]);
  return castTo(builder, builder.add("clip", [moved], integerRange(element)), element, name);
}

/** (x − zero) × scale by element-wise operators in f32, as a value of the element type. */
function dequantizeBy(
  builder: NodeBuilder,
  x: string,
  scale: string,
  zero: string | null,
  element: ElementType,
  name: string,
): string {
  const stored = castTo(builder, x, "f32");
  const moved = zero === null ? stored : builder.add("sub", [stored, castTo(builder, zero, "f32")]);
  const factors = castTo(builder, scale, "f32");
  return element === "f32"
    ? builder.add("mul", [moved, factors], {}, name)
    : castTo(builder, builder.add("mul", [moved, factors]), element, name);
}

/** The value under a quantization, or none; a value that has it already stays. */
export function underQuantization(builder: NodeBuilder, value: string, quantization: Quantization | null): string {
  const type = builder.type(value);
  if (sameQuantization(type, { ...type, quantization })) return value;
  const attributes = quantization === null ? { scales: [], zeros: [] } : quantizationAttributesOf(quantization);
  return builder.add("reinterpret", [value], attributes);
}

function requireInteger(builder: GraphBuilder, element: ElementType): void {
  if (elementTypes[element].kind !== "integer" || elementTypes[element].bits > 32)
    builder.refuse("B104", `Quantization to or from ${element} is not supported.`);
}

/** QuantizeLinear: a quantized type where scale and zero point are known, element-wise operators otherwise. */
const quantizeLinear: OnnxForm = {
  operator: "QuantizeLinear",
  since: 10,
  translate: (node, builder) => {
    const scale = onnxInput(node, builder, 1);
    const zero = onnxOptional(node, 2);
    const wanted = onnxInteger(node, builder, "output_dtype", 0);
    const element = zero === null ? (wanted === 0 ? "u8" : onnxElement(wanted, builder)) : builder.type(zero).element;
    requireInteger(builder, element);
    const given = onnxInput(node, builder, 0);
    const x = isFloat(builder.type(given).element) ? given : castTo(builder, given, "f32");
    const { shape } = builder.type(x);
    const grain = grainOf(node, builder, shape);
    const quantization = statedQuantization(node, builder, grain);
    if (quantization !== null) {
      const attributes = { element, ...quantizationAttributesOf(quantization) };
      bindOnly(node, builder, builder.add("quantize", [x], attributes, onnxOutput(node)));
      return;
    }
    const zeros = zero === null ? null : spread(builder, zero, shape, grain);
    const result = quantizeBy(builder, x, spread(builder, scale, shape, grain), zeros, element, onnxOutput(node));
    bindOnly(node, builder, result);
  },
};

/** DequantizeLinear: as `quantizeLinear`; the result has the scale's element type unless `output_dtype` says another. */
const dequantizeLinear: OnnxForm = {
  operator: "DequantizeLinear",
  since: 10,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const scale = onnxInput(node, builder, 1);
    const zero = onnxOptional(node, 2);
    const { element: stored, shape } = builder.type(x);
    requireInteger(builder, stored);
    const wanted = onnxInteger(node, builder, "output_dtype", 0);
    const element = wanted === 0 ? builder.type(scale).element : onnxElement(wanted, builder);
    const grain = grainOf(node, builder, shape);
    const quantization = statedQuantization(node, builder, grain);
    if (quantization !== null) {
      const value = underQuantization(builder, x, quantization);
      bindOnly(node, builder, builder.add("dequantize", [value], { element }, onnxOutput(node)));
      return;
    }
    const zeros = zero === null ? null : spread(builder, zero, shape, grain);
    const scales = spread(builder, scale, shape, grain);
    bindOnly(node, builder, dequantizeBy(builder, x, scales, zeros, element, onnxOutput(node)));
  },
};

/** DynamicQuantizeLinear: u8 over the range of x and 0, with the scale and zero point that it found. */
const dynamicQuantizeLinear: OnnxForm = {
  operator: "DynamicQuantizeLinear",
  since: 11,
  translate: (node, builder) => {
    const { value, scale, zero } = quantizeDynamically(builder, onnxInput(node, builder, 0), onnxOutput(node));
    builder.bind(onnxOutput(node), value);
    bindExtra(node, builder, 1, () => scale);
    bindExtra(node, builder, 2, () => zero);
  },
};

/** x as u8 over its range at run time, with 0 in it; scale and zero point are scalars. */
export function quantizeDynamically(
  builder: NodeBuilder,
  x: string,
  name?: string,
): { readonly value: string; readonly scale: string; readonly zero: string } {
  const { high: levels } = integerRange("u8");
  const axes = builder.type(x).shape.map((_, axis) => axis);
  const bound = (op: "reduce_max" | "reduce_min", with0: "max" | "min"): string => {
    const found = axes.length === 0 ? x : builder.add(op, [x], { axes, keepdims: false });
    return builder.add(with0, [found, scalarLike(builder, x, 0)]);
  };
  const [high, low] = [bound("reduce_max", "max"), bound("reduce_min", "min")];
  const scale = builder.add("div", [builder.add("sub", [high, low]), scalarLike(builder, x, levels)]);
  const first = builder.add("neg", [builder.add("div", [low, scale])]);
  const zeroFloat = builder.add("round", [builder.add("clip", [first], { low: 0, high: levels })]);
  const zero = castTo(builder, zeroFloat, "u8");
  return { value: quantizeBy(builder, x, scale, zero, "u8", name), scale, zero };
}

const microsoft = (form: OnnxForm): OnnxForm => ({ ...form, domain: "com.microsoft", since: 1 });

/** What becomes a quantize node where scales are known. */
export const quantizeForms: readonly OnnxForm[] = [quantizeLinear, microsoft(quantizeLinear), dynamicQuantizeLinear];

/** What becomes a dequantize node where scales are known. */
export const dequantizeForms: readonly OnnxForm[] = [dequantizeLinear, microsoft(dequantizeLinear)];
