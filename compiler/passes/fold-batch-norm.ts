import { at, rowMajorStrides } from "../../base/math.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import { isFloat, type TensorType, tensorType } from "../../ir/type.ts";
import { type ChannelAffine, channelAffine } from "./channel-affine.ts";
import { removeDead } from "./eliminate-dead.ts";
import { foldBefore } from "./fold-input-affine.ts";
import type { Pass, PassContext } from "./pass.ts";
import { type Rewriter, rewriteGraph } from "./rewriter.ts";

/**
 * Folds what scales and shifts the channels of a contraction (batch normalization; products, quotients and sums with constants)
 * into its constant weights and bias, likewise what scales and shifts the input channels before it, where no padding
 * stands between. A batch normalization that is next to no such contraction becomes a product and a sum
 * with constants. Where weights have no data, absent constants of the same types are made, so that shapes go the same way.
 *
 *     %a = conv(%x, %w, _) {...} : f32[1,2,4]
 *     %b = batch_norm(%a, %s, %t, %m, %v) {...} : f32[1,2,4]    ->    %b = conv(%x, %a.weights, %a.bias) {...} : f32[1,2,4]
 */
export const foldBatchNorm: Pass = {
  name: "fold-batch-norm",
  summary: "Folds batch normalization and other channel-wise arithmetic into weights and bias.",
  run: (graph, context) => {
    let current = graph;
    for (let next = foldOnce(current, context); next !== current; next = foldOnce(current, context))
      current = removeDead(next);
    return current;
  },
};

function foldOnce(graph: Graph, context: PassContext): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    if (!isFloat(node.type.element)) return null;
    for (const operand of node.operands) {
      const contraction = operand === null ? null : rewriter.producer(operand);
      if (contraction === null || (contraction.op !== "conv" && contraction.op !== "matmul")) continue;
      const folded = foldInto(contraction, node, rewriter);
      if (folded === null) continue;
      context.count(`${node.op}-into-${contraction.op}`);
      return folded;
    }
    const absorbed = foldBefore(node, rewriter);
    if (absorbed !== null) {
      context.count(`into-following-${node.op}`);
      return absorbed;
    }
    if (node.op !== "batch_norm") return null;
    const affine = channelAffine(node, 1, rewriter);
    if (affine === null) return null;
    context.count("batch_norm-alone");
    return writeAffine(node, affine, rewriter);
  });
}

function foldInto(contraction: Node, node: Node, rewriter: Rewriter): string | null {
  const [x, weightName, biasName] = contraction.operands;
  const weights = weightName == null ? null : rewriter.constant(weightName);
  const bias = biasName == null ? null : rewriter.constant(biasName);
  if (x == null || weights === null || (biasName !== null && bias === null)) return null;
  const axis = contraction.op === "conv" ? 1 : contraction.type.shape.length - 1;
  const affine = channelAffine(node, axis, rewriter);
  if (affine === null || affine.data !== contraction.name || rewriter.useCount(contraction.name) !== 1) return null;
  rewriter.absorb(contraction);
  const newWeights =
    affine.factors === "none"
      ? weights.name
      : rewriter.addConstantInfo(scaledWeights(weights, contraction.op, affine), `${contraction.name}.weights`);
  const channels = at(contraction.type.shape, axis);
  const newBias = rewriter.addConstantInfo(
    changedBias(bias, weights.type, channels, affine),
    `${contraction.name}.bias`,
  );
  return rewriter.add(contraction.op, [x, newWeights, newBias], contraction.attributes);
}

function scaledWeights(weights: Constant, op: string, { factors, source }: ChannelAffine): Omit<Constant, "name"> {
  const { type, data } = weights;
  if (data === null || factors === null) return { type, data: null, source: "absent" };
  const axis = op === "conv" ? 0 : type.shape.length - 1;
  const stride = at(rowMajorStrides(type.shape), axis);
  const channels = at(type.shape, axis);
  const numbers = Float64Array.from(tensorNumbers({ type, data }));
  for (let start = 0, channel = 0; start < numbers.length; start += stride, channel = (channel + 1) % channels) {
    const factor = factors === "none" ? 1 : at(factors, channel);
    for (let index = start; index < start + stride; index += 1) numbers[index] = factor * (numbers[index] as number);
  }
  return { type, data: elementsOf(type.element, numbers), source: merge(weights.source, source) };
}

function changedBias(
  bias: Constant | null,
  like: TensorType,
  channels: number,
  affine: ChannelAffine,
): Omit<Constant, "name"> {
  const type = tensorType(like.element, [channels]);
  const { factors, shifts, source } = affine;
  if (bias?.data === null || factors === null || shifts === null) return { type, data: null, source: "absent" };
  const before = bias === null ? null : tensorNumbers({ type: bias.type, data: bias.data });
  const numbers = Float64Array.from({ length: channels }, (_, channel) => {
    const scaled = (before?.[channel] ?? 0) * (factors === "none" ? 1 : at(factors, channel));
    return scaled + (shifts === "none" ? 0 : at(shifts, channel));
  });
  return { type, data: elementsOf(type.element, numbers), source: bias === null ? source : merge(bias.source, source) };
}

function merge(left: Constant["source"], right: Constant["source"]): Constant["source"] {
  return left === "random" || right === "random" ? "random" : "model";
}

/** factor · x + shift as a product and a sum with constants [C,1,...]. */
function writeAffine(node: Node, { data, factors, shifts, source }: ChannelAffine, rewriter: Rewriter): string {
  const { element, shape } = node.type;
  const type = tensorType(element, [at(shape, 1), ...shape.slice(2).map(() => 1)]);
  const constant = (numbers: ChannelAffine["factors"], name: string): string =>
    rewriter.addConstantInfo(
      { type, data: numbers instanceof Float64Array ? elementsOf(element, numbers) : null, source },
      `${node.name}.${name}`,
    );
  const scaled = rewriter.add("mul", [data, constant(factors, "factor")]);
  return rewriter.add("add", [scaled, constant(shifts, "shift")]);
}
