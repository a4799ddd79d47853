import { at, product } from "../../base/math.ts";
import type { Node } from "../../ir/graph.ts";

/** Means of output channels, over positions and frames. */
export interface ChannelMeans {
  readonly add: (numbers: ArrayLike<number>) => void;
  readonly means: () => Float64Array;
}

/** The axis of a contraction's result along which its output channels lie. */
export function channelAxis(node: Node): number {
  return node.op === "conv" ? 1 : node.type.shape.length - 1;
}

/** Adds up the output channels of a contraction's results, one frame after the other. */
export function makeChannelMeans(node: Node): ChannelMeans {
  const axis = channelAxis(node);
  const channels = at(node.type.shape, axis);
  const stride = product(node.type.shape.slice(axis + 1));
  const totals = new Float64Array(channels);
  let count = 0;
  const add: ChannelMeans["add"] = (numbers) => {
    for (let start = 0, channel = 0; start < numbers.length; start += stride, channel = (channel + 1) % channels) {
      let total = 0;
      for (let index = start; index < start + stride; index += 1) total += numbers[index] as number;
      totals[channel] = at(totals, channel) + total;
    }
    count += numbers.length / channels;
  };
  return { add, means: () => totals.map((total) => total / Math.max(1, count)) };
}
