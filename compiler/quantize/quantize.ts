import { BorealError, problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { mapInto, mapNumbers } from "../../base/typed-arrays.ts";
import type { Contractor } from "../../ir/contractor.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { quantizationAttributesOf } from "../../ir/ops/conversion-values.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import {
  type ElementType,
  elementCount,
  integerRange,
  isFloat,
  type Quantization,
  sameType,
  tensorType,
} from "../../ir/type.ts";
import { roundAndClamp } from "../../kernels/fixed-point.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";
import { absorbImplied } from "./absorb-implied.ts";
import type { Calibration } from "./calibrate.ts";
import { correctBiases } from "./correct-biases.ts";
import { type Contraction, contractionOf, type Demands, demandsOf } from "./demands.ts";
import { type Precision, type PrecisionPlan, parsePrecision, precisionElements, precisionOf } from "./precision.ts";
import { chooseQuantizations } from "./quantization-choice.ts";
import { keepWeights, quantizeWeights } from "./weights.ts";

/** In which formats a graph is to run; `ranges` is null when only shapes matter: all scales are 1 then. */
export interface QuantizeOptions {
  readonly ranges: Calibration | null;
  /** w8a8 unless another is given. */
  readonly precision?: PrecisionPlan;
  readonly contractor?: Contractor;
  /** Inputs that are stored as floats whatever reads them: states, which take the format of an output. */
  readonly wideInputs?: readonly string[];
  /** Gives all activations zero point 0. */
  readonly symmetric?: boolean;
  /** Whether biases are shifted by what the frames show; true by default. */
  readonly correctsBiases?: boolean;
}

const eightBits = parsePrecision("w8a8");

/** The greatest finite f16; constants beyond it are stored as it. */
const greatestHalf = 65504;

/**
 * Turns a simplified float graph into one of integers and f16 that the chip computes exactly (docs/numbers.md):
 * contractions multiply integers of their precision (i8, i4, i2) into i32; what only contractions of one precision read is
 * requantized to it at once and carried so by movement, pooling, relu and clip; all other floats are f16. Inputs are integers
 * when only contractions of one precision read them, else f16. Throws B801 where a range is missing, B802 for a layer that
 * the precision names and the graph has not in floats.
 *
 *     %y = matmul(%x, %w, %b) : f32[1,4]      %y.sum = matmul(%x, %w.i8, %b.i32) : i32<axis=1, ...>[1,4]
 *     %z = relu(%y) : f32[1,4]            ->  %z = requantize(%y.sum) {...} : i8<scale=..., zero=-128>[1,4]
 *     ... = matmul(%z, ...)                   ... = matmul(%z, ...)
 */
export function quantizeGraph(graph: Graph, options: QuantizeOptions): Graph {
  const { precision = eightBits } = options;
  checkLayers(graph, precision);
  const precisionAt = (node: Node): Precision => precisionOf(precision, node);
  const demands = demandsOf(graph, precisionAt, options.wideInputs);
  const quantizations = chooseQuantizations(graph, demands, options.ranges, options);
  const formats: Formats = {
    demands,
    precisionAt,
    quantizationOf: (value, element) => quantizations.get(demands.groupOf(value, element)) as Quantization,
    sums: new Map(),
    wide: new Map(),
    narrow: new Map(),
    weights: new Map(),
  };
  const rewritten = rewriteGraph(withInputFormats(graph, formats), (node, rewriter) =>
    rewriteNode(node, rewriter, formats),
  );
  const quantized = removeDead(absorbImplied(rewritten));
  if (options.ranges === null || options.correctsBiases === false) return quantized;
  const { meanFrames: frames, channelMeans } = options.ranges;
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
  return demandsOf(graph, () => eightBits.rule).roots.size > 0;
}

/** Throws B802 for layers that a precision names and that are no contraction of floats. */
function checkLayers(graph: Graph, { layers }: PrecisionPlan): void {
  if (layers.size === 0) return;
  const contractions = graph.nodes.filter(
    (node) => operatorOf(node.op).runsOn === "matrix" && isFloat(node.type.element),
  );
  const known = new Set(contractions.flatMap(({ name, origin }) => [name, ...origin]));
  const unknown = [...layers.keys()].filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  const some = contractions.slice(0, 5).map(({ name, origin }) => `"${origin[0] ?? name}"`);
  throw new BorealError(
    unknown.map((layer) => ({
      code: "B802" as const,
      message: `"${layer}" is no contraction of floats, whose precision could be chosen; expected a name such as ${some.join(", ")}.`,
      at: { layer },
      hint: "Name a layer, or an ONNX node that it comes from.",
    })),
  );
}

/** What each value of the float graph is called in either format, as far as it has been made. */
interface Formats {
  readonly demands: Demands;
  readonly precisionAt: (node: Node) => Precision;
  readonly quantizationOf: (value: string, element: ElementType) => Quantization;
  /** By contraction of the quantized graph whose bias can be corrected: the contraction of the float graph. */
  readonly sums: Map<string, string>;
  readonly wide: Map<string, string>;
  /** By element type and value. */
  readonly narrow: Map<string, string>;
  /** By constant: its integer versions as weights. */
  readonly weights: Map<string, readonly Constant[]>;
}

function withInputFormats(graph: Graph, formats: Formats): Graph {
  const inputs = graph.inputs.map((input) => {
    const { name, type } = input;
    if (!isFloat(type.element)) return input;
    const [element, ...others] = formats.demands.narrow.get(name) ?? [];
    if (element === undefined || others.length > 0 || formats.demands.wide.has(name)) {
      formats.wide.set(name, name);
      return { name, type: tensorType("f16", type.shape) };
    }
    formats.narrow.set(`${element} ${name}`, name);
    return { name, type: tensorType(element, type.shape, formats.quantizationOf(name, element)) };
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
  for (const element of formats.demands.narrow.get(node.name) ?? []) {
    const attributes = quantizeAttributes(node.name, element, formats);
    const stored = rewriter.add("quantize", [result], attributes, `${node.name}.${element}`);
    formats.narrow.set(`${element} ${node.name}`, stored);
  }
}

function quantizeAttributes(value: string, element: ElementType, formats: Formats): Node["attributes"] {
  return { element, ...quantizationAttributesOf(formats.quantizationOf(value, element)) };
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
  const numbers = mapNumbers(tensorNumbers({ type, data }), (number) =>
    Number.isFinite(number) ? Math.max(-greatestHalf, Math.min(greatestHalf, number)) : number,
  );
  return { type: half, data: elementsOf("f16", numbers), source };
}

/** The value as stored integers of its group's quantization in an element type. */
function narrowValue(value: string, element: ElementType, rewriter: Rewriter, formats: Formats): string {
  const key = `${element} ${value}`;
  const known = formats.narrow.get(key);
  if (known !== undefined) return known;
  const constant = rewriter.constant(value);
  const name =
    constant === null
      ? rewriter.add(
          "quantize",
          [wideValue(value, rewriter, formats)],
          quantizeAttributes(value, element, formats),
          `${value}.${element}`,
        )
      : rewriter.addConstantInfo(
          narrowConstant(constant, element, formats.quantizationOf(value, element)),
          `${value}.${element}`,
        );
  formats.narrow.set(key, name);
  return name;
}

function narrowConstant(
  { type, data, source }: Constant,
  element: ElementType,
  quantization: Quantization,
): Omit<Constant, "name"> {
  const narrow = tensorType(element, type.shape, quantization);
  if (data === null) return { type: narrow, data, source };
  const { low, high } = integerRange(element);
  const [scale, zero] = [at(quantization.scales, 0), at(quantization.zeros, 0)];
  const numbers = tensorNumbers({ type, data });
  const stored = mapInto(new Int8Array(numbers.length), numbers, (number) =>
    roundAndClamp(number, 1 / scale, zero, low, high),
  );
  return { type: narrow, data: stored, source };
}

/** A node that works on stored integers as they are. */
function carry(node: Node, rewriter: Rewriter, formats: Formats): string {
  const [element = "i8"] = formats.demands.narrow.get(node.name) ?? [];
  const operands = node.operands.map((operand) =>
    operand !== null && isWide(operand, formats) ? narrowValue(operand, element, rewriter, formats) : operand,
  );
  formats.narrow.set(`${element} ${node.name}`, node.name);
  return rewriter.add(node.op, operands, node.attributes, node.name);
}

function rewriteContraction(contraction: Contraction, rewriter: Rewriter, formats: Formats): string {
  const { node, activation, bias, constantWeights, symmetric } = contraction;
  const elements = precisionElements(formats.precisionAt(node));
  // A batch of weight matrices has one bias for all of them; the matrix unit reads one for each group of columns.
  const takesBias = constantWeights && !symmetric;
  const constantBias = bias === null || !takesBias ? null : rewriter.constant(bias);
  const [weights = null, sumBias = null] = constantWeights
    ? storedWeights(contraction, constantBias, rewriter, formats)
    : [narrowValue(contraction.weights, elements.activations, rewriter, formats), null];
  const operands = [
    narrowValue(activation, elements.activations, rewriter, formats),
    weights,
    takesBias ? sumBias : null,
  ];
  const sums = rewriter.add(node.op, operands, node.attributes, `${node.name}.sum`);
  const addsBias = bias !== null && constantBias === null;
  if (takesBias && !addsBias) formats.sums.set(sums, node.name);
  const { narrow, wide } = formats.demands;
  const stored = [...(narrow.get(node.name) ?? [])];
  if (stored.length > 0 && !wide.has(node.name) && !addsBias) {
    const [first] = stored.map((element, index) => {
      const name = index === 0 ? node.name : `${node.name}.${element}`;
      const result = rewriter.add("requantize", [sums], quantizeAttributes(node.name, element, formats), name);
      // The node that is returned takes the name of the one that it replaces.
      formats.narrow.set(`${element} ${node.name}`, index === 0 ? node.name : result);
      return result;
    });
    return first as string;
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
  const elements = precisionElements(formats.precisionAt(node));
  const quantization = formats.quantizationOf(activation, elements.activations);
  const quantized = isFloat(constant.type.element)
    ? quantizeWeights(constant, axis, bias, quantization, elements.weights)
    : keepWeights(constant, axis, bias, quantization);
  const versions = formats.weights.get(weights) ?? [];
  const known = versions.find((version) => sameType(version.type, quantized.weights.type));
  const name =
    known?.name ?? rewriter.addConstantInfo(quantized.weights, `${weights}.${quantized.weights.type.element}`);
  if (known === undefined) formats.weights.set(weights, [...versions, { name, ...quantized.weights }]);
  return [name, rewriter.addConstantInfo(quantized.bias, `${node.name}.bias`)];
}
