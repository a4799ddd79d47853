import { at, product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import type { GraphBuilder, NodeBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { makeTensor, type Tensor } from "../tensor.ts";
import { perTensor, type Quantization, tensorType } from "../type.ts";
import { quantizationAttributesOf } from "./conversion-values.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxOptional } from "./onnx-node.ts";
import { castTo, underQuantization } from "./quantized-linear.ts";
import { centredWeights, foldedBias, weightChannelAxis } from "./quantized-weights.ts";
import { tensorNumbers } from "./values.ts";
import { onnxGroup, onnxWindow } from "./window.ts";

/** A product of stored integers: a matmul or conv of (x − xZero) and (w − wZero). */
interface StoredProduct {
  readonly op: "matmul" | "conv";
  readonly attributes: Attributes;
  readonly x: string;
  readonly w: string;
  /** Zero points as values, scalar or in ONNX's shapes; null for 0. */
  readonly xZero: string | null;
  readonly wZero: string | null;
  /** i32, one for each output channel. */
  readonly bias: string | null;
}

/** Finds what is known of a value at compile time. */
type FindConstant = (value: string) => Tensor | null;

function isZero(value: string | null, find: FindConstant): boolean {
  if (value === null) return true;
  const known = find(value);
  return known !== null && Array.prototype.every.call(tensorNumbers(known), (number: number) => number === 0);
}

function ones(builder: NodeBuilder, shape: readonly number[]): string {
  return builder.addConstant(makeTensor(tensorType("i8", shape), new Int8Array(product(shape)).fill(1)));
}

/** Weights of ones that give, for each channel that `w` gives, the sums of what it reads: one for all where it may. */
function summingWeights(product: StoredProduct, builder: NodeBuilder): string {
  const { shape } = builder.type(product.w);
  const whole = product.op === "conv" && product.attributes.group !== 1;
  const axis = weightChannelAxis(product.op, shape.length);
  return ones(builder, whole ? shape : shape.map((size, index) => (index === axis ? 1 : size)));
}

/** A matrix of ones that gives the sums of the weights: at every position of an image, for padding leaves some out. */
function summingActivations(product: StoredProduct, builder: NodeBuilder): string {
  const { shape } = builder.type(product.x);
  if (product.op === "matmul") return ones(builder, [1, at(shape, shape.length - 1)]);
  return ones(builder, [1, ...shape.slice(1)]);
}

/** A zero point as i32 that broadcasts over the result: along rows for x, along output channels for w. */
function alignedZero(product: StoredProduct, side: "x" | "w", value: string, builder: NodeBuilder): string {
  const { shape } = builder.type(value);
  const aligned = castTo(builder, value, "i32");
  if (shape.length === 0) return aligned;
  if (shape.length === 1 && shape[0] === 1) return builder.add("reshape", [aligned], { shape: [] });
  if (product.op === "conv") {
    const spatial = builder.type(product.w).shape.length - 2;
    return builder.add("reshape", [aligned], { shape: [...shape, ...new Array<number>(spatial).fill(1)] });
  }
  return side === "x" && shape.length === 1 ? builder.add("reshape", [aligned], { shape: [...shape, 1] }) : aligned;
}

/**
 * Σ (x − xZero)·(w − wZero) + bias as i32, whatever is known: Σ xw − xZero·Σ w − wZero·(Σ x − xZero·Σ 1), where terms of
 * zero points that are 0 are left out and those of constants fold. Padding stands for the zero point.
 */
export function storedSums(product: StoredProduct, builder: NodeBuilder, find: FindConstant): string {
  const plain = {
    ...product,
    x: underQuantization(builder, product.x, null),
    w: underQuantization(builder, product.w, null),
  };
  const centred = centredOperand(plain, builder, find);
  const { op, attributes, x, w, bias } = centred;
  const contract = (left: string, right: string, added: string | null = null): string =>
    builder.add(op, [left, right, added], attributes);
  const xZero = isZero(centred.xZero, find) ? null : centred.xZero;
  const wZero = isZero(centred.wZero, find) ? null : centred.wZero;
  const less = (sums: string, zero: string, term: string): string =>
    builder.add("sub", [sums, builder.add("mul", [zero, term])]);
  let sums = contract(x, w, bias);
  const rows = xZero === null ? null : alignedZero(centred, "x", xZero, builder);
  if (rows !== null) sums = less(sums, rows, contract(summingActivations(centred, builder), w));
  if (wZero === null) return sums;
  const summing = summingWeights(centred, builder);
  let activations = contract(x, summing);
  if (rows !== null) activations = less(activations, rows, contract(summingActivations(centred, builder), summing));
  return less(sums, alignedZero(centred, "w", wZero, builder), activations);
}

/** The product with constant weights that have no zero point, where i8 holds them so. */
function centredOperand(product: StoredProduct, builder: NodeBuilder, find: FindConstant): StoredProduct {
  const weights = find(product.w);
  const zeros = product.wZero === null ? null : find(product.wZero);
  if (weights === null || zeros === null || isZero(product.wZero, find)) return product;
  const axis = weightChannelAxis(product.op, weights.type.shape.length);
  const centred = centredWeights(weights, axis, Array.from(tensorNumbers(zeros)));
  if (centred === null) return product;
  const w = builder.addConstant(makeTensor(tensorType("i8", weights.type.shape), centred.data));
  return { ...product, w, wZero: null };
}

/** A product whose zero points and weight scales are known. */
export interface KnownProduct {
  readonly op: "matmul" | "conv";
  readonly attributes: Attributes;
  readonly x: string;
  /** Scale and zero point of the whole of x. */
  readonly xScale: number;
  readonly xZero: number;
  readonly weights: Tensor;
  /** One, or one for each output channel. */
  readonly wScales: readonly number[];
  readonly wZeros: readonly number[];
  readonly bias: ArrayLike<number> | null;
}

/**
 * The layer that our own quantizer makes: i8 weights without zero point, the zero point of x in the i32 bias, a scale on
 * the sums. null where the weights do not fit i8 less their zero points, or one bias for each channel cannot hold x's.
 */
export function quantizedSums(known: KnownProduct, builder: NodeBuilder, name?: string): string | null {
  const { op, weights, xScale, xZero, wScales } = known;
  const { shape } = weights.type;
  const axis = weightChannelAxis(op, shape.length);
  if (xZero !== 0 && op === "matmul" && product(shape.slice(0, -2)) > 1) return null;
  const centred = centredWeights(weights, axis, known.wZeros);
  if (centred === null) return null;
  const quantization: Quantization = {
    axis: wScales.length === 1 ? null : axis,
    scales: wScales,
    zeros: wScales.map(() => 0),
  };
  const x = underQuantization(builder, known.x, perTensor(xScale, xZero));
  const w = builder.addConstant(
    makeTensor(tensorType("i8", shape, quantization), centred.data),
    `${name ?? op}.weights`,
  );
  const bias =
    known.bias === null && xZero === 0
      ? null
      : builder.addConstant(
          makeTensor(tensorType("i32", [at(shape, axis)]), foldedBias(known.bias, centred.sums, xZero)),
          `${name ?? op}.bias`,
        );
  return builder.add(op, [x, w, bias], known.attributes, name);
}

/** Adds a product of matrices, one of which may be a vector: that gets a second axis, which is taken out of the result. */
function ofMatrices(
  builder: NodeBuilder,
  a: string,
  b: string,
  name: string,
  make: (a: string, b: string, name: string | undefined) => string,
): string {
  const [aShape, bShape] = [builder.type(a).shape, builder.type(b).shape];
  const left = aShape.length === 1 ? builder.add("reshape", [a], { shape: [1, ...aShape] }) : a;
  const right = bShape.length === 1 ? builder.add("reshape", [b], { shape: [...bShape, 1] }) : b;
  if (left === a && right === b) return make(a, b, name);
  const result = make(left, right, undefined);
  const { shape } = builder.type(result);
  const kept = shape.filter(
    (_, axis) => !(axis === shape.length - 2 && left !== a) && !(axis === shape.length - 1 && right !== b),
  );
  return builder.add("reshape", [result], { shape: kept }, name);
}

/** MatMulInteger: i32 sums of stored integers less their zero points, which need not be known. */
export const matMulIntegerForm: OnnxForm = compositeForm("MatMulInteger", 10, (node, builder, name) => {
  const [a, b] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const [xZero, wZero] = [onnxOptional(node, 2), onnxOptional(node, 3)];
  return ofMatrices(builder, a, b, name, (x, w) =>
    storedSums({ op: "matmul", attributes: {}, x, w, xZero, wZero, bias: null }, builder, (value) =>
      builder.constant(value),
    ),
  );
});

function convAttributes(node: OnnxNode, builder: GraphBuilder, x: string, w: string): Attributes {
  const window = onnxWindow(node, builder, builder.type(x).shape.slice(2), builder.type(w).shape.slice(2));
  return { ...window, group: onnxGroup(node, builder) };
}

/** ConvInteger: as MatMulInteger; padding stands for x's zero point. */
export const convIntegerForm: OnnxForm = compositeForm("ConvInteger", 10, (node, builder) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const [xZero, wZero] = [onnxOptional(node, 2), onnxOptional(node, 3)];
  const attributes = convAttributes(node, builder, x, w);
  return storedSums({ op: "conv", attributes, x, w, xZero, wZero, bias: null }, builder, (value) =>
    builder.constant(value),
  );
});

/** The numbers at an input, which must be one or one for each of `count`; refuses others (B104). */
function grained(node: OnnxNode, builder: GraphBuilder, index: number, count: number): number[] {
  const numbers = onnxConstantNumbers(node, builder, index) ?? [0];
  if (numbers.length === 1 || numbers.length === count) return numbers;
  return builder.refuse(
    "B104",
    `Input ${index} of ${node.operator} has ${numbers.length} numbers, expected one for the tensor${count === 1 ? "" : ` or ${count} for its channels`}.`,
  );
}

/** A QLinear product: where its operands stand among the inputs of its ONNX node. */
interface LinearProduct {
  readonly op: "matmul" | "conv";
  readonly attributes: Attributes;
  readonly x: string;
  readonly w: string;
  /** i32 biases or null. */
  readonly bias: string | null;
}

/**
 * round(sums × factor) + zero, saturated, with factor = (x scale × w scale) ÷ y scale in f32: i32 sums that carry the
 * factors as scale become f32, which is quantized by scale 1. Inputs 1, 2, 4, 5, 6, 7 are scales and zero points of x, w, y.
 */
function linearProduct(node: OnnxNode, builder: GraphBuilder, linear: LinearProduct, name?: string): string {
  const { op, w } = linear;
  const wShape = builder.type(w).shape;
  const channels = at(wShape, weightChannelAxis(op, wShape.length));
  const single = (index: number): number => at(grained(node, builder, index, 1), 0);
  const [xScale, xZero, yScale, yZero] = [single(1), single(2), single(6), single(7)];
  const wScales = grained(node, builder, 4, channels);
  const wZeros = grained(node, builder, 5, channels);
  const factors = wScales.map((scale) => Math.fround(Math.fround(xScale * scale) / yScale));
  if (factors.some((factor) => !(factor > 0 && Number.isFinite(factor))))
    builder.refuse("B110", "Scales must be positive and finite.");
  const element = builder.type(onnxInput(node, builder, 7)).element;
  const bias = linear.bias === null ? null : builder.constant(linear.bias);
  const weights = linear.bias === null || bias !== null ? builder.constant(w) : null;
  const known =
    weights === null
      ? null
      : quantizedSums(
          {
            ...linear,
            xScale: 1,
            xZero,
            weights,
            wScales: factors,
            wZeros,
            bias: bias === null ? null : tensorNumbers(bias),
          },
          builder,
        );
  const sums = known ?? scaledSums(node, builder, linear, factors);
  const real = builder.add("dequantize", [sums], { element: "f32" });
  const attributes = { element, ...quantizationAttributesOf(perTensor(1, yZero)) };
  return builder.add("quantize", [real], attributes, name);
}

function scaledSums(node: OnnxNode, builder: GraphBuilder, linear: LinearProduct, factors: readonly number[]): string {
  const [xZero, wZero] = [onnxOptional(node, 2), onnxOptional(node, 5)];
  const sums = storedSums({ ...linear, xZero, wZero }, builder, (value) => builder.constant(value));
  const axis = linear.op === "matmul" ? builder.type(sums).shape.length - 1 : 1;
  const zeros = factors.map(() => 0);
  return underQuantization(builder, sums, { axis: factors.length === 1 ? null : axis, scales: factors, zeros });
}

/** QLinearMatMul: scales and zero points must be known, one for the tensor or, for b, one for each column. */
export const linearMatMulForm: OnnxForm = compositeForm("QLinearMatMul", 10, (node, builder, name) => {
  const [a, b] = [onnxInput(node, builder, 0), onnxInput(node, builder, 3)];
  return ofMatrices(builder, a, b, name, (x, w, result) =>
    linearProduct(node, builder, { op: "matmul", attributes: {}, x, w, bias: null }, result),
  );
});

/** QLinearConv: scales and zero points must be known, one for the tensor or, for w, one for each output channel. */
export const linearConvForm: OnnxForm = compositeForm("QLinearConv", 10, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 3)];
  const attributes = convAttributes(node, builder, x, w);
  return linearProduct(node, builder, { op: "conv", attributes, x, w, bias: onnxOptional(node, 8) }, name);
});
