import { at } from "../../base/math.ts";
import { mapNumbers } from "../../base/typed-arrays.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { convert, quantizationAttributesOf } from "../../ir/ops/conversion-values.ts";
import { type KnownProduct, quantizedSums, storedSums } from "../../ir/ops/quantized-contraction.ts";
import { underQuantization } from "../../ir/ops/quantized-linear.ts";
import { centredWeights, weightChannelAxis } from "../../ir/ops/quantized-weights.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import { makeTensor, type Tensor } from "../../ir/tensor.ts";
import { elementTypes, isFloat, perTensor, type Quantization, type TensorType, tensorType } from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";
import { joinBiases } from "./join-biases.ts";
import { narrowWeights } from "./narrow-weights.ts";
import { signStored } from "./sign-stored.ts";
import { splitZeros } from "./split-zeros.ts";
import { storedInputs } from "./stored-inputs.ts";

/** The greatest magnitude of a bias in units of the sums: half of what i32 holds, and what correcting it adds. */
const greatestBias = 2 ** 30 + 2 ** 24;

/**
 * Forms the layers that a quantized model states: a contraction of dequantized operands multiplies their stored integers,
 * and a quantize of its result requantizes the sums. Scales and zero points stay the model's. What the model leaves in
 * floats is left, as are inputs in `keptInputs`, but for weights that stand in stored integers: those keep zero point 0 or become floats.
 *
 *     %a = dequantize(%x) : f32[1,4]                %y.sum = matmul(%x, %w, %b) : i32<axis=1, ...>[1,2]
 *     %y = matmul(%a, %v, %c) : f32[1,2]       ->   %q = requantize(%y.sum) {...} : i8<...>[1,2]
 *     %q = quantize(%y) {...} : i8<...>[1,2]
 */
export function formIntegerLayers(graph: Graph, keptInputs: readonly string[] = []): Graph {
  const inputs = joinBiases(storedInputs(graph, keptInputs));
  const products = removeDead(
    rewriteGraph(inputs, (node, rewriter) => formProduct(node, rewriter) ?? scaleSums(node, rewriter)),
  );
  const layers = removeDead(rewriteGraph(products, formRequantize));
  return splitZeros(narrowWeights(signStored(layers)));
}

/** What a dequantize of integers of at most 8 bits reads; null for other values. */
function storedOperand(value: string | null | undefined, rewriter: Rewriter): string | null {
  const producer = value == null ? null : rewriter.producer(value);
  const stored = producer?.op === "dequantize" ? (producer.operands[0] ?? null) : null;
  return stored !== null && elementTypes[rewriter.type(stored).element].bits <= 8 ? stored : null;
}

function tensorAt(rewriter: Rewriter, value: string): Tensor | null {
  const constant = rewriter.constant(value);
  return constant?.data == null ? null : { type: constant.type, data: constant.data };
}

function quantizationAt(rewriter: Rewriter, value: string): Quantization {
  return rewriter.type(value).quantization ?? perTensor(1);
}

function formProduct(node: Node, rewriter: Rewriter): string | null {
  if ((node.op !== "matmul" && node.op !== "conv") || !isFloat(node.type.element)) return null;
  const x = storedOperand(node.operands[0], rewriter);
  const w = storedOperand(node.operands[1], rewriter);
  if (w === null) return null;
  const weights = tensorAt(rewriter, w);
  if (x === null || quantizationAt(rewriter, x).axis !== null)
    return weights === null ? null : statedWeights(node, w, weights, rewriter);
  return weights === null ? formActivations(node, x, w, rewriter) : formLayer(node, x, weights, rewriter);
}

/** The sums as the real numbers that the node gives. */
function asReal(node: Node, sums: string, rewriter: Rewriter, bias: string | null): string {
  const { element } = node.type;
  if (bias === null) return rewriter.add("dequantize", [sums], { element }, node.name);
  const real = rewriter.add("dequantize", [sums], { element });
  const trailing = node.op === "matmul" ? 0 : node.type.shape.length - 2;
  const aligned =
    trailing === 0
      ? bias
      : rewriter.add("reshape", [bias], { shape: [at(node.type.shape, 1), ...new Array<number>(trailing).fill(1)] });
  return rewriter.add("add", [real, aligned], {}, node.name);
}

function formLayer(node: Node, x: string, weights: Tensor, rewriter: Rewriter): string | null {
  const op = node.op as KnownProduct["op"];
  const { quantization, shape } = weights.type;
  const axis = weightChannelAxis(op, shape.length);
  const { scales: wScales, zeros: wZeros, axis: wAxis } = quantization ?? perTensor(1);
  if (wAxis !== null && wAxis !== axis) return null;
  const { scales, zeros } = quantizationAt(rewriter, x);
  const [xScale, xZero] = [at(scales, 0), at(zeros, 0)];
  const bias = node.operands[2] ?? null;
  const unit = (channel: number): number => xScale * at(wScales, wScales.length === 1 ? 0 : channel);
  const numbers = bias === null ? null : storedBias(bias, unit, rewriter);
  const known = { op, attributes: node.attributes, x, xScale, xZero, weights, wScales, wZeros, bias: numbers };
  const added = numbers === null ? bias : null;
  const sums = quantizedSums(known, rewriter, `${node.name}.sum`);
  if (sums !== null) return asReal(node, sums, rewriter, added);
  const w = rewriter.addConstant(makeTensor(tensorType(weights.type.element, shape), weights.data));
  const zeroOf = (list: readonly number[]): string =>
    rewriter.addConstant(makeTensor(tensorType("i32", list.length === 1 ? [] : [list.length]), Int32Array.from(list)));
  const biasValue =
    numbers === null ? null : rewriter.addConstant(makeTensor(tensorType("i32", [numbers.length]), numbers));
  const stored = {
    op,
    attributes: node.attributes,
    x,
    w,
    xZero: zeroOf(zeros),
    wZero: zeroOf(wZeros),
    bias: biasValue,
  };
  const plain = storedSums(stored, rewriter, (value) => tensorAt(rewriter, value));
  const axisOfResult = op === "matmul" ? node.type.shape.length - 1 : 1;
  const scaled = underQuantization(rewriter, plain, {
    axis: wScales.length === 1 ? null : axisOfResult,
    scales: wScales.map((scale) => scale * xScale),
    zeros: wScales.map(() => 0),
  });
  return asReal(node, scaled, rewriter, added);
}

/** A product of two activations; sums of their zero points are computed where they are not 0. */
function formActivations(node: Node, x: string, w: string, rewriter: Rewriter): string | null {
  const op = node.op as KnownProduct["op"];
  const [left, right] = [quantizationAt(rewriter, x), quantizationAt(rewriter, w)];
  if (right.axis !== null) return null;
  const [xZero, wZero] = [at(left.zeros, 0), at(right.zeros, 0)];
  const bias = node.operands[2] ?? null;
  if (xZero === 0 && wZero === 0) {
    return asReal(node, rewriter.add(node.op, [x, w, null], node.attributes, `${node.name}.sum`), rewriter, bias);
  }
  const zeroOf = (zero: number): string => rewriter.addConstant(makeTensor(tensorType("i32", []), Int32Array.of(zero)));
  const stored = { op, attributes: node.attributes, x, w, xZero: zeroOf(xZero), wZero: zeroOf(wZero), bias: null };
  const plain = storedSums(stored, rewriter, (value) => tensorAt(rewriter, value));
  const scale = perTensor(at(left.scales, 0) * at(right.scales, 0));
  return asReal(node, underQuantization(rewriter, plain, scale), rewriter, bias);
}

/** The bias of each channel in units of the sums, if it is known and i32 holds it. */
function storedBias(bias: string, unit: (channel: number) => number, rewriter: Rewriter): Int32Array | null {
  const producer = rewriter.producer(bias);
  const stored = producer?.op === "dequantize" ? (producer.operands[0] ?? null) : null;
  const tensor = tensorAt(rewriter, stored ?? bias);
  if (tensor === null) return null;
  const { axis, scales, zeros } = tensor.type.quantization ?? perTensor(1);
  const one = (list: readonly number[], channel: number): number => at(list, axis === null ? 0 : channel);
  const numbers = Array.from(tensorNumbers(tensor), (number, channel) =>
    roundToEven(((number - one(zeros, channel)) * one(scales, channel)) / unit(channel)),
  );
  return numbers.every((number) => Math.abs(number) <= greatestBias) ? Int32Array.from(numbers) : null;
}

/** Stored weights of a contraction of floats: with zero point 0, or as the floats that they stand for. */
function statedWeights(node: Node, w: string, weights: Tensor, rewriter: Rewriter): string | null {
  const { quantization, shape, element } = weights.type;
  const { axis, scales, zeros } = quantization ?? perTensor(1);
  const channelAxis = weightChannelAxis(node.op, shape.length);
  const [x, , bias] = node.operands;
  const fits = axis === null || axis === channelAxis ? centredWeights(weights, channelAxis, zeros) : null;
  if (fits !== null && element === "i8" && zeros.every((zero) => zero === 0)) return null;
  const constant = rewriter.constant(w) as Constant;
  const make = (type: TensorType, data: Constant["data"]): string =>
    rewriter.addConstantInfo({ type, data, source: constant.source }, `${w}.weights`);
  if (fits !== null) {
    const centred = make(tensorType("i8", shape, { axis, scales, zeros: scales.map(() => 0) }), fits.data);
    const real = rewriter.add("dequantize", [centred], { element: node.type.element });
    return rewriter.add(node.op, [x ?? null, real, bias ?? null], node.attributes, node.name);
  }
  const real = convert("dequantize", weights, tensorType(node.type.element, shape));
  return rewriter.add(node.op, [x ?? null, make(real.type, real.data), bias ?? null], node.attributes, node.name);
}

/** The scale under which i32 sums become f16 before they are multiplied by their own: sums up to 2^27 fit. */
const sumScale = 2 ** -12;

/**
 * A product of sums and a scale that is found at run time, in an order in which f16 holds every step:
 * float(sums) · (a · b) = (sums · 2^−12) · (a · (b · 2^12)).
 */
function scaleSums(node: Node, rewriter: Rewriter): string | null {
  if (node.op !== "mul" || !isFloat(node.type.element)) return null;
  const index = node.operands.findIndex((operand) => isCastSums(operand, rewriter));
  const sums = rewriter.producer(node.operands[index] ?? "")?.operands[0] ?? null;
  const factor = node.operands[1 - index] ?? null;
  if (index < 0 || sums === null || factor === null) return null;
  const { element } = node.type;
  const scaled = (value: string): string => {
    const known = tensorAt(rewriter, value);
    const step = rewriter.addConstant(tensorOf(tensorType(element, []), [1 / sumScale]));
    if (known === null) return rewriter.add("mul", [value, step]);
    return rewriter.addConstant(
      tensorOf(
        known.type,
        mapNumbers(tensorNumbers(known), (each) => each / sumScale),
      ),
    );
  };
  const producer = rewriter.producer(factor);
  const [a, b] = producer?.op === "mul" ? producer.operands : [null, null];
  const known = [a, b].findIndex((value) => value != null && rewriter.constant(value) !== null);
  const factors =
    a == null || b == null || known < 0
      ? scaled(factor)
      : rewriter.add("mul", known === 0 ? [scaled(a), b] : [a, scaled(b)]);
  const stored = underQuantization(rewriter, sums, perTensor(sumScale));
  return rewriter.add("mul", [rewriter.add("dequantize", [stored], { element }), factors], {}, node.name);
}

/** Whether a value is i32 sums of a contraction as floats. */
function isCastSums(value: string | null, rewriter: Rewriter): boolean {
  const producer = value === null ? null : rewriter.producer(value);
  const operand = producer?.op === "cast" ? (producer.operands[0] ?? null) : null;
  return operand !== null && rewriter.type(operand).element === "i32" && areSums(operand, rewriter);
}

/** Whether a value is what a contraction of integers adds up, less what zero points add. */
function areSums(value: string, rewriter: Rewriter): boolean {
  const producer = rewriter.producer(value);
  if (producer?.op === "matmul" || producer?.op === "conv") return true;
  const first =
    producer?.op === "sub" || producer?.op === "add" || producer?.op === "reshape" ? producer.operands[0] : null;
  return first != null && areSums(first, rewriter);
}

/** A quantize of dequantized sums as a requantize of the sums. */
function formRequantize(node: Node, rewriter: Rewriter): string | null {
  if (node.op !== "quantize" || elementTypes[node.type.element].bits > 8) return null;
  const producer = rewriter.producer(node.operands[0] ?? "");
  const sums = producer?.op === "dequantize" ? (producer.operands[0] ?? null) : null;
  if (producer === null || sums === null) return null;
  const { element, quantization } = rewriter.type(sums);
  const wanted = node.type.quantization;
  if (element !== "i32" || quantization === null || wanted === null) return null;
  if (quantization.zeros.some((zero) => zero !== 0)) return null;
  if (wanted.axis !== null && quantization.axis !== null && wanted.axis !== quantization.axis) return null;
  rewriter.absorb(producer);
  const attributes = { element: node.type.element, ...quantizationAttributesOf(wanted) };
  return rewriter.add("requantize", [sums], attributes, node.name);
}
