import { at, product } from "../../base/math.ts";
import type { Constant, Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { sameNumbers } from "../../ir/type.ts";
import type { Rewriter } from "./rewriter.ts";
import { mergedSource } from "./rule.ts";

/** factor · x + shift with a factor and a shift for each channel. */
export interface ChannelAffine {
  /** The operand that is x. */
  readonly data: string;
  /** Numbers for each channel; null where the constants have no data; 1 and 0 for all channels where they are "none". */
  readonly factors: Float64Array | null | "none";
  readonly shifts: Float64Array | null | "none";
  readonly source: Constant["source"];
}

/** What a node does to each channel (index of `axis`) of one operand, the others being constants; null for other nodes. */
export function channelAffine(node: Node, axis: number, rewriter: Rewriter): ChannelAffine | null {
  const channels = node.type.shape[axis];
  if (channels === undefined) return null;
  if (node.op === "batch_norm") return axis === 1 ? normAffine(node, channels, rewriter) : null;
  if (node.op !== "mul" && node.op !== "add" && node.op !== "div") return null;
  for (const [kept, other] of node.op === "div"
    ? [[0, 1]]
    : [
        [0, 1],
        [1, 0],
      ]) {
    const [data, constantName] = [node.operands[kept as number] as string, node.operands[other as number] as string];
    const constant = rewriter.constant(constantName);
    if (constant === null || rewriter.constant(data) !== null) continue;
    if (!sameNumbers(rewriter.type(data).shape, node.type.shape)) return null;
    if (!isPerChannel(constant.type.shape, node.type.shape.length, axis)) return null;
    const numbers = spread(constant, channels);
    const source = constant.source;
    if (node.op === "add") return { data, factors: "none", shifts: numbers, source };
    const factors = node.op === "mul" || numbers === null ? numbers : numbers.map((number) => 1 / number);
    return { data, factors, shifts: "none", source };
  }
  return null;
}

/** Whether a constant that is broadcast to the rank has one number, or one for each index of the axis. */
function isPerChannel(shape: readonly number[], rank: number, axis: number): boolean {
  const lead = rank - shape.length;
  return lead >= 0 && shape.every((size, index) => size === 1 || index + lead === axis);
}

function spread(constant: Constant, channels: number): Float64Array | null {
  if (constant.data === null) return null;
  const numbers = tensorNumbers({ type: constant.type, data: constant.data });
  return Float64Array.from({ length: channels }, (_, channel) =>
    at(numbers, product(constant.type.shape) === 1 ? 0 : channel),
  );
}

function normAffine(node: Node, channels: number, rewriter: Rewriter): ChannelAffine | null {
  const data = node.operands[0] as string;
  const constants = node.operands.slice(1).map((operand) => rewriter.constant(operand as string));
  if (constants.some((constant) => constant === null)) return null;
  const known = constants as Constant[];
  const source = mergedSource(known);
  const [scale, bias, mean, variance] = known.map((constant) => spread(constant, channels));
  if (scale == null || bias == null || mean == null || variance == null)
    return { data, factors: null, shifts: null, source };
  const epsilon = numberOf(node.attributes, "epsilon");
  const factors = scale.map((each, channel) => each / Math.sqrt(at(variance, channel) + epsilon));
  const shifts = bias.map((each, channel) => each - at(mean, channel) * at(factors, channel));
  return { data, factors, shifts, source };
}
