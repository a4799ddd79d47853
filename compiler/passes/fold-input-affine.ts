import { at, product } from "../../base/math.ts";
import type { Constant, Node } from "../../ir/graph.ts";
import { numbersOf } from "../../ir/ops/attributes.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import { tensorType } from "../../ir/type.ts";
import { type ChannelAffine, channelAffine } from "./channel-affine.ts";
import type { Rewriter } from "./rewriter.ts";
import { mergedSource } from "./rule.ts";
import { type WeightRuns, weightRuns } from "./weight-runs.ts";

/**
 * Folds factors and shifts of the input channels of a contraction into its constant weights and bias:
 * (x·f + s)·w = x·(f·w) + s·w. Null where the node is no such contraction, or where padding would be shifted.
 */
export function foldBefore(node: Node, rewriter: Rewriter): string | null {
  if (node.op !== "conv" && node.op !== "matmul") return null;
  const [x, weightName, biasName] = node.operands;
  const before = x == null ? null : rewriter.producer(x);
  const weights = weightName == null ? null : rewriter.constant(weightName);
  const bias = biasName == null ? null : rewriter.constant(biasName);
  if (before === null || weights === null || (biasName != null && bias === null)) return null;
  if (node.op === "matmul" && product(weights.type.shape.slice(0, -2)) > 1) return null;
  if (rewriter.useCount(before.name) !== 1) return null;
  const affine = channelAffine(before, node.op === "conv" ? 1 : before.type.shape.length - 1, rewriter);
  if (affine === null) return null;
  if (affine.shifts !== "none" && node.op === "conv" && numbersOf(node.attributes, "pads").some((pad) => pad !== 0))
    return null;
  rewriter.absorb(before);
  const folded = foldChannels(node, weights, bias, affine);
  const newWeights =
    affine.factors === "none" ? weights.name : rewriter.addConstantInfo(folded.weights, `${node.name}.weights`);
  const newBias =
    affine.shifts === "none" ? (biasName ?? null) : rewriter.addConstantInfo(folded.bias, `${node.name}.bias`);
  return rewriter.add(node.op, [affine.data, newWeights, newBias], node.attributes);
}

interface Folded {
  readonly weights: Omit<Constant, "name">;
  readonly bias: Omit<Constant, "name">;
}

function foldChannels(node: Node, weights: Constant, bias: Constant | null, affine: ChannelAffine): Folded {
  const { type } = weights;
  const runs = weightRuns(node, type.shape);
  const biasType = tensorType(type.element, [runs.outputs]);
  const { factors, shifts } = affine;
  const source = affine.source === "random" ? "random" : mergedSource(bias === null ? [weights] : [weights, bias]);
  const absent = { data: null, source: "absent" } as const;
  if (weights.data === null) return { weights: { type, ...absent }, bias: { type: biasType, ...absent } };
  const numbers = Float64Array.from(tensorNumbers({ type, data: weights.data }));
  const sums = new Float64Array(runs.outputs);
  if (bias?.data != null) sums.set(tensorNumbers({ type: bias.type, data: bias.data }));
  if (shifts instanceof Float64Array) addShifted(sums, numbers, shifts, runs);
  if (factors instanceof Float64Array) scaleRuns(numbers, factors, runs);
  const known = shifts !== null && bias?.data !== null;
  return {
    weights: factors === null ? { type, ...absent } : { type, data: elementsOf(type.element, numbers), source },
    bias: known ? { type: biasType, data: elementsOf(type.element, sums), source } : { type: biasType, ...absent },
  };
}

/** Adds shift · weight to the sum of each weight's output channel. */
function addShifted(sums: Float64Array, weights: Float64Array, shifts: Float64Array, runs: WeightRuns): void {
  for (let run = 0, index = 0; index < weights.length; run += 1) {
    const shift = at(shifts, runs.input(run));
    const first = runs.firstOutput(run);
    for (let place = 0; place < runs.length; place += 1, index += 1) {
      const output = first + place * runs.outputStep;
      sums[output] = (sums[output] as number) + shift * (weights[index] as number);
    }
  }
}

function scaleRuns(weights: Float64Array, factors: Float64Array, runs: WeightRuns): void {
  for (let run = 0, index = 0; index < weights.length; run += 1) {
    const factor = at(factors, runs.input(run));
    for (let place = 0; place < runs.length; place += 1, index += 1)
      weights[index] = factor * (weights[index] as number);
  }
}
