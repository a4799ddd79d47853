import { problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { quantizationAttributesOf } from "../../ir/ops/conversion-values.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import { elementCount, integerRange, isFloat, type Quantization, sameType, tensorType } from "../../ir/type.ts";
import { roundAndClamp } from "../../kernels/fixed-point.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";
import { absorbImplied } from "./absorb-implied.ts";
import type { Calibration } from "./calibrate.ts";
import { correctBiases } from "./correct-biases.ts";
import { type Contraction, contractionOf, type Demands, demandsOf } from "./demands.ts";
import { chooseQuantizations } from "./quantization-choice.ts";
import { keepWeights, quantizeWeights } from "./weights.ts";

/** The precisions that a rule can name. */
export const precisionRules = ["w8a8"] as const;

/** In which formats a graph is to run; `ranges` is null when only shapes matter: all scales are 1 then. */
export interface QuantizeOptions {
  readonly ranges: Calibration | null;
  readonly weightBits?: number;
  readonly activationBits?: number;
  readonly contractor?: Contractor;
  /** Inputs that are stored as floats whatever reads them: states, which take the format of an output. */
  readonly wideInputs?: readonly string[];
}

/** The greatest finite f16; constants beyond it are stored as it. */
const greatestHalf = 65504;

/** The bits that a precision rule names. Throws B802 for a rule that is not supported. */
export function parsePrecision(rule: string): { readonly weightBits: number; readonly activationBits: number } {
  if (rule !== "w8a8")
    throw problem("B802", `Precision "${rule}" is not supported, expected one of ${precisionRules.join(", ")}.`);
  return { weightBits: 8, activationBits: 8 };
}

/**
 * Turns a simplified float graph into one of integers and f16 that the chip computes exactly (docs/numbers.md):
 * contractions multiply i8 by i8 into i32; what only contractions read is requantized to i8 at once and carried as i8
 * by movement, pooling, relu and clip; all other floats are f16. Inputs are i8 when only contractions read them, else
 * f16. Throws B801 where a range is missing, B802 for other bits than 8.
 *
 *     %y = matmul(%x, %w, %b) : f32[1,4]      %y.sum = matmul(%x, %w.i8, %b.i32) : i32<axis=1, ...>[1,4]
 *     %z = relu(%y) : f32[1,4]            ->  %z = requantize(%y.sum) {...} : i8<scale=..., zero=-128>[1,4]
 *     ... = matmul(%z, ...)                   ... = matmul(%z, ...)
 */
export function quantizeGraph(graph: Graph, options: QuantizeOptions): Graph {
  const { weightBits = 8, activationBits = 8 } = options;
  if (weightBits !== 8 || activationBits !== 8) {
    throw problem(
      "B802",
      `Precision w${weightBits}a${activationBits} is not supported, expected one of ${precisionRules.join(", ")}.`,
    );
  }
  const demands = demandsOf(graph, options.wideInputs);
  const quantizations = chooseQuantizations(graph, demands, options.ranges);
  const formats: Formats = {
    demands,
    quantizationOf: (value) => quantizations.get(demands.groupOf(value)) as Quantization,
    sums: new Map(),
    wide: new Map(),
    narrow: new Map(),
    weights: new Map(),
  };
  const rewritten = rewriteGraph(withInputFormats(graph, formats), (node, rewriter) =>
    rewriteNode(node, rewriter, formats),
  );
  const quantized = removeDead(absorbImplied(rewritten));
  if (options.ranges === null) return quantized;
  const { frames, channelMeans } = options.ranges;
  const means = new Map<string, Float64Array>();
  for (const [sum, node] of formats.sums) {
    const wanted = channelMeans.get(node);
    if (wanted !== undefined) means.set(sum, wanted);
  }
  const contractor = options.contractor;
  return correctBiases(quantized, { frames, means, ...(contractor === undefined ? {} : { contractor }) });
}

/** Whether something is to be quantized whose scale must be chosen, and so needs ranges. */
export function needsRanges(graph: Graph): boolean {
  return demandsOf(graph).roots.size > 0;
}

/** What each value of the float graph is called in either format, as far as it has been made. */
interface Formats {
  readonly demands: Demands;
  readonly quantizationOf: (value: string) => Quantization;
  /** By contraction of the quantized graph whose bias can be corrected: the contraction of the float graph. */
  readonly sums: Map<string, string>;
  readonly wide: Map<string, string>;
  readonly narrow: Map<string, string>;
  /** By constant: its integer versions as weights. */
  readonly weights: Map<string, readonly Constant[]>;
}

function withInputFormats(graph: Graph, formats: Formats): Graph {
  const inputs = graph.inputs.map((input) => {
    const { name, type } = input;
    if (!isFloat(type.element)) return input;
    const isNarrow = formats.demands.narrow.has(name) && !formats.demands.wide.has(name);
    (isNarrow ? formats.narrow : formats.wide).set(name, name);
    return {
      name,
      type: isNarrow ? tensorType("i8", type.shape, formats.quantizationOf(name)) : tensorType("f16", type.shape),
    };
  });
  return { ...graph, inputs };
}

function rewriteNode(node: Node, rewriter: Rewriter, formats: Formats): string | null {
  const contraction = contractionOf(node, (value) => weightsAt(value, rewriter)?.type.shape ?? null);
  if (contraction !== null) return rewriteContraction(contraction, rewriter, formats);
  if (formats.demands.carriers.has(node.name)) return carry(node, rewriter, formats);
  const reads = node.operands.some((operand) => operand !== null && isWide(operand, formats));
  if (!reads && !isFloat(node.type.element)) return null;
  const operands = node.operands.map((operand) =>
    operand !== null && isWide(operand, formats) ? wideValue(operand, rewriter, formats) : operand,
  );
  const attributes = namesFloat(node) ? { ...node.attributes, element: "f16" } : node.attributes;
  const result = rewriter.add(node.op, operands, attributes, node.name);
  if (isFloat(rewriter.type(result).element)) finish(node, result, rewriter, formats);
  return result;
}

/** Whether a node names the float format of its result: on the chip there is only f16. */
function namesFloat({ attributes, type }: Node): boolean {
  return isFloat(type.element) && attributes.element === type.element;
}

function isWide(value: string, { demands }: Formats): boolean {
  return isFloat(demands.types.get(value)?.element ?? "i32");
}

/** Records the f16 result of a node and quantizes it where integers are needed too. */
function finish(node: Node, result: string, rewriter: Rewriter, formats: Formats): void {
  formats.wide.set(node.name, node.name);
  if (!formats.demands.narrow.has(node.name)) return;
  const attributes = quantizeAttributes(formats.quantizationOf(node.name));
  formats.narrow.set(node.name, rewriter.add("quantize", [result], attributes, `${node.name}.i8`));
}

function quantizeAttributes(quantization: Quantization): Node["attributes"] {
  return { element: "i8", ...quantizationAttributesOf(quantization) };
}

/** The value as f16: a node's result, or a constant converted. */
function wideValue(value: string, rewriter: Rewriter, formats: Formats): string {
  const known = formats.wide.get(value);
  if (known !== undefined) return known;
  const constant = rewriter.constant(value);
  if (constant === null) throw problem("B901", `"${value}" was not made as f16.`);
  const name = rewriter.addConstantInfo(halfConstant(constant), `${value}.f16`);
  formats.wide.set(value, name);
  return name;
}

function halfConstant({ type, data, source }: Constant): Omit<Constant, "name"> {
  const half = tensorType("f16", type.shape);
  if (data === null) return { type: half, data, source };
  const numbers = Float64Array.from(tensorNumbers({ type, data }), (number) =>
    Number.isFinite(number) ? Math.max(-greatestHalf, Math.min(greatestHalf, number)) : number,
  );
  return { type: half, data: elementsOf("f16", numbers), source };
}

/** The value as stored integers of its group's quantization. */
function narrowValue(value: string, rewriter: Rewriter, formats: Formats): string {
  const known = formats.narrow.get(value);
  if (known !== undefined) return known;
  const quantization = formats.quantizationOf(value);
  const constant = rewriter.constant(value);
  const name =
    constant === null
      ? rewriter.add("quantize", [wideValue(value, rewriter, formats)], quantizeAttributes(quantization), `${value}.i8`)
      : rewriter.addConstantInfo(narrowConstant(constant, quantization), `${value}.i8`);
  formats.narrow.set(value, name);
  return name;
}

function narrowConstant({ type, data, source }: Constant, quantization: Quantization): Omit<Constant, "name"> {
  const narrow = tensorType("i8", type.shape, quantization);
  if (data === null) return { type: narrow, data, source };
  const { low, high } = integerRange("i8");
  const [scale, zero] = [at(quantization.scales, 0), at(quantization.zeros, 0)];
  const stored = Int8Array.from(tensorNumbers({ type, data }), (number) =>
    roundAndClamp(number, 1 / scale, zero, low, high),
  );
  return { type: narrow, data: stored, source };
}

/** A node that works on stored integers as they are. */
function carry(node: Node, rewriter: Rewriter, formats: Formats): string {
  const operands = node.operands.map((operand) =>
    operand !== null && isWide(operand, formats) ? narrowValue(operand, rewriter, formats) : operand,
  );
  formats.narrow.set(node.name, node.name);
  return rewriter.add(node.op, operands, node.attributes, node.name);
}

function rewriteContraction(contraction: Contraction, rewriter: Rewriter, formats: Formats): string {
  const { node, activation, bias, constantWeights, symmetric } = contraction;
  // A batch of weight matrices has one bias for all of them; the matrix unit reads one for each group of columns.
  const takesBias = constantWeights && !symmetric;
  const constantBias = bias === null || !takesBias ? null : rewriter.constant(bias);
  const stored = constantWeights
    ? storedWeights(contraction, constantBias, rewriter, formats)
    : [narrowValue(contraction.weights, rewriter, formats), null];
  const [weights = null, sumBias = null] = stored;
  const operands = [narrowValue(activation, rewriter, formats), weights, takesBias ? sumBias : null];
  const sums = rewriter.add(node.op, operands, node.attributes, `${node.name}.sum`);
  const addsBias = bias !== null && constantBias === null;
  if (takesBias && !addsBias) formats.sums.set(sums, node.name);
  const { narrow, wide } = formats.demands;
  if (narrow.has(node.name) && !wide.has(node.name) && !addsBias) {
    formats.narrow.set(node.name, node.name);
    return rewriter.add("requantize", [sums], quantizeAttributes(formats.quantizationOf(node.name)), node.name);
  }
  const product = rewriter.add("dequantize", [sums], { element: "f16" }, node.name);
  const result = addsBias ? addBias(node, product, wideValue(bias, rewriter, formats), rewriter) : product;
  finish(node, result, rewriter, formats);
  return result;
}

/** Adds a bias that is no integer constant to the f16 result of a contraction. */
function addBias(node: Node, product: string, bias: string, rewriter: Rewriter): string {
  const { shape } = node.type;
  const trailing = node.op === "matmul" ? 0 : shape.length - 2;
  const aligned =
    trailing === 0
      ? bias
      : rewriter.add("reshape", [bias], {
          shape: [elementCount(rewriter.type(bias)), ...new Array<number>(trailing).fill(1)],
        });
  return rewriter.add("add", [product, aligned], {}, node.name);
}

/** The constant that holds weights: floats, or the stored integers that a dequantize reads; null for other values. */
function weightsAt(value: string, rewriter: Rewriter): Constant | null {
  const producer = rewriter.producer(value);
  return rewriter.constant(producer?.op === "dequantize" ? (producer.operands[0] ?? value) : value);
}

function storedWeights(
  { node, activation, weights }: Contraction,
  bias: Constant | null,
  rewriter: Rewriter,
  formats: Formats,
): string[] {
  const constant = weightsAt(weights, rewriter) as Constant;
  const axis = node.op === "matmul" ? constant.type.shape.length - 1 : 0;
  const quantize = isFloat(constant.type.element) ? quantizeWeights : keepWeights;
  const quantized = quantize(constant, axis, bias, formats.quantizationOf(activation));
  const versions = formats.weights.get(weights) ?? [];
  const known = versions.find((version) => sameType(version.type, quantized.weights.type));
  const name = known?.name ?? rewriter.addConstantInfo(quantized.weights, `${weights}.i8`);
  if (known === undefined) formats.weights.set(weights, [...versions, { name, ...quantized.weights }]);
  return [name, rewriter.addConstantInfo(quantized.bias, `${node.name}.bias`)];
}
