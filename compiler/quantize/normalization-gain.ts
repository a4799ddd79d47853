import { at, clamp, product } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { type Constant, constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { integerRange, type Quantization } from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { makeChannelMeans } from "./channel-means.ts";
import { quantizationOfRange } from "./quantization-choice.ts";
import type { ValueRange } from "./value-range.ts";

/** An activation that one scale for all inferences, or one for each, can store. */
export interface NormalizationCandidate {
  readonly activation: string;
  readonly contractions: readonly string[];
  readonly negativeShare: number;
  /** What one scale for all inferences has to hold. */
  readonly range: Pick<ValueRange, "low" | "high">;
}

/** What gains are measured on. */
export interface GainFrames {
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  readonly contractor?: Contractor;
}

/**
 * By activation: how many times smaller the error of its contractions becomes when it is stored with a scale of its own in
 * each inference; of several contractions, the least. Errors are root mean squares over frames, without the mean
 * of each output channel, which bias correction takes off.
 */
export function measureGains(
  graph: Graph,
  candidates: readonly NormalizationCandidate[],
  { frames, contractor }: GainFrames,
): Map<string, number> {
  const options = contractor === undefined ? {} : { contractor };
  const constants = constantsByName(graph);
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const trials = candidates.flatMap((candidate) =>
    candidate.contractions.map((name) => {
      const node = nodes.get(name) as Node;
      const { type, data } = constants.get(node.operands[1] ?? "") as Constant;
      const weights: Tensor = { type, data: data as Tensor["data"] };
      const contract = (x: Tensor): ArrayLike<number> =>
        tensorNumbers(
          operatorOf(node.op).evaluate({
            operands: [x, weights, null],
            attributes: node.attributes,
            type: node.type,
            ...options,
          }),
        );
      return { candidate, node, contract, fixed: makeVariation(node), own: makeVariation(node) };
    }),
  );
  for (const frame of frames) {
    const observe = (value: string, tensor: Tensor): void => {
      for (const { candidate, node, contract, fixed, own } of trials) {
        if (candidate.activation !== value) continue;
        fixed.add(contract(errorWithOneScale(tensor, quantizationOfRange(candidate.range, false))));
        own.add(contract(errorWithOwnScale(tensor, candidate.negativeShare, node)));
      }
    };
    evaluate(graph, frame, { observe, ...options });
  }
  const gains = new Map<string, number>();
  for (const { candidate, fixed, own } of trials) {
    const gain = Math.sqrt(fixed.total() / own.total());
    gains.set(candidate.activation, Math.min(gain, gains.get(candidate.activation) ?? gain));
  }
  return gains;
}

const { low: least, high: greatest } = integerRange("i8");

function errorWithOneScale(x: Tensor, { scales, zeros }: Quantization): Tensor {
  const [scale, zero] = [at(scales, 0), at(zeros, 0)];
  return errorOf(x, (number) => scale * clamp(roundToEven(number / scale), least - zero, greatest - zero));
}

/** The error with one scale for each row of a matmul, or each image of a conv. */
function errorWithOwnScale(x: Tensor, negativeShare: number, node: Node): Tensor {
  const { shape } = x.type;
  const size = node.op === "matmul" ? at(shape, shape.length - 1) : product(shape.slice(1));
  const numbers = tensorNumbers(x);
  const steps = Float64Array.from({ length: numbers.length / size }, (_, part) => {
    let magnitude = 0;
    for (let index = part * size; index < (part + 1) * size; index += 1) {
      const number = numbers[index] as number;
      magnitude = Math.max(magnitude, number < 0 ? -number / negativeShare : number);
    }
    return (magnitude * (1 + negativeShare)) / (greatest - least);
  });
  return errorOf(x, (number, index) => {
    const step = at(steps, Math.floor(index / size));
    return step === 0 ? 0 : step * roundToEven(number / step);
  });
}

function errorOf(x: Tensor, stored: (number: number, index: number) => number): Tensor {
  const numbers = tensorNumbers(x);
  return f32Tensor(
    x.type.shape,
    Array.from(numbers, (number, index) => stored(number, index) - number),
  );
}

/** Adds up how much errors vary around the mean of their output channel. */
interface Variation {
  readonly add: (errors: ArrayLike<number>) => void;
  /** Σ (error − mean of its channel)². */
  readonly total: () => number;
}

function makeVariation(node: Node): Variation {
  const channelMeans = makeChannelMeans(node);
  let squares = 0;
  let count = 0;
  const add: Variation["add"] = (errors) => {
    channelMeans.add(errors);
    count += errors.length;
    for (let index = 0; index < errors.length; index += 1) squares += (errors[index] as number) ** 2;
  };
  const total = (): number => {
    const means = channelMeans.means();
    return squares - (count / means.length) * means.reduce((sum, mean) => sum + mean * mean, 0);
  };
  return { add, total };
}
