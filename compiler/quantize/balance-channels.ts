import { at, rowMajorStrides } from "../../base/math.ts";
import type { Constant, Graph, Node } from "../../ir/graph.ts";
import { constantsByName, consumers } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, isFloat } from "../../ir/type.ts";
import { contractionOf } from "./demands.ts";

/** How channels between two layers are scaled. */
export interface BalanceOptions {
  /** By value: the greatest magnitude of each of its channels; absent: the weights of the layer before say how great they are. */
  readonly magnitudes?: ReadonlyMap<string, Float64Array>;
  /** How much of the difference goes to the weights that read the channels: 0 to 1. */
  readonly share: number;
}

/** A layer, what scales with it, and the layer that reads it. */
interface Pair {
  readonly first: Node;
  readonly second: Node;
  /** The value that the second layer reads. */
  readonly between: string;
}

/** Operators under which a channel that is made k > 0 times greater gives k times the result. */
const homogeneous = new Set(["relu", "leaky_relu", "max_pool", "average_pool"]);

/** How often all pairs are balanced, where one layer stands in two pairs. */
const greatestPassCount = 10;

/** Scales beyond these are not used. */
const scaleBounds = { low: 2 ** -10, high: 2 ** 10 } as const;

/**
 * Divides each channel between two contractions by a positive number, in the weights and the bias of the first, and multiplies the
 * weights of the second by it: the graph computes the same. The numbers are greatest^share ÷ weights^(1 − share), greatest being the greatest
 * magnitude of the channel, and weights that of the weights that read it; with share ½ and weights alone: cross-layer equalization
 * (Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019); with magnitudes of activations: SmoothQuant (Xiao
 * et al., 2022). Between the two may stand ReLU, leaky ReLU and pooling, which nothing else reads. Dead channels stay.
 */
export function balanceChannels(graph: Graph, { magnitudes, share }: BalanceOptions): Graph {
  const pairs = findPairs(graph);
  if (pairs.length === 0) return graph;
  const constants = constantsByName(graph);
  const data = new Map<string, Float64Array>();
  const numbersOf = (name: string): Float64Array => {
    const known = data.get(name) ?? Float64Array.from(tensorNumbers(constants.get(name) as Tensor));
    data.set(name, known);
    return known;
  };
  const passCount = magnitudes === undefined ? greatestPassCount : 1;
  for (let pass = 0; pass < passCount; pass += 1) {
    let largest = 1;
    for (const { first, second, between } of pairs) {
      const [w1 = "", w2 = ""] = [first.operands[1] ?? "", second.operands[1] ?? ""];
      const [before, after] = [constants.get(w1) as Constant, constants.get(w2) as Constant];
      const made = makes(first, before);
      const read = reads(second, after);
      const channels = at(before.type.shape, first.op === "conv" ? 0 : before.type.shape.length - 1);
      const given = magnitudes?.get(between);
      const greatest = given ?? greatestOf(numbersOf(w1), made, channels);
      const weights = greatestOf(numbersOf(w2), read, channels);
      const scales = Float64Array.from({ length: channels }, (_, channel) => {
        const [activation, weight] = [at(greatest, channel), at(weights, channel)];
        if (!(activation > 0 && weight > 0)) return 1;
        const scale = activation ** share / weight ** (1 - share);
        return Math.max(scaleBounds.low, Math.min(scaleBounds.high, scale));
      });
      for (const scale of scales) largest = Math.max(largest, scale, 1 / scale);
      multiply(numbersOf(w1), (index) => 1 / at(scales, made(index)));
      multiply(numbersOf(w2), (index) => at(scales, read(index)));
      const bias = first.operands[2];
      if (bias != null) multiply(numbersOf(bias), (index) => 1 / at(scales, index));
    }
    if (largest < 1.01) break;
  }
  return {
    ...graph,
    constants: graph.constants.map((constant) => {
      const numbers = data.get(constant.name);
      return numbers === undefined ? constant : { ...constant, data: tensorOf(constant.type, numbers).data };
    }),
  };
}

function multiply(numbers: Float64Array, factor: (index: number) => number): void {
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = (numbers[index] as number) * factor(index);
}

function greatestOf(numbers: Float64Array, channelOf: (index: number) => number, channels: number): Float64Array {
  const greatest = new Float64Array(channels);
  for (let index = 0; index < numbers.length; index += 1) {
    const channel = channelOf(index);
    greatest[channel] = Math.max(greatest[channel] as number, Math.abs(numbers[index] as number));
  }
  return greatest;
}

/** The output channel that a weight belongs to. */
function makes({ op }: Node, { type }: Constant): (index: number) => number {
  const axis = op === "conv" ? 0 : type.shape.length - 1;
  const [stride, size] = [at(rowMajorStrides(type.shape), axis), at(type.shape, axis)];
  return (index) => Math.floor(index / stride) % size;
}

/** The input channel that a weight reads. */
function reads(node: Node, { type }: Constant): (index: number) => number {
  const { shape } = type;
  const strides = rowMajorStrides(shape);
  if (node.op === "matmul") {
    const axis = shape.length - 2;
    return (index) => Math.floor(index / at(strides, axis)) % at(shape, axis);
  }
  const inputs = at(shape, 1);
  const outputs = at(shape, 0) / numberOf(node.attributes, "group");
  return (index) => {
    const group = Math.floor(Math.floor(index / at(strides, 0)) / outputs);
    return group * inputs + (Math.floor(index / at(strides, 1)) % inputs);
  };
}

function findPairs(graph: Graph): Pair[] {
  const constants = constantsByName(graph);
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs);
  const isOwn = (name: string | null | undefined): boolean => {
    if (name == null) return true;
    const constant = constants.get(name);
    return constant?.data != null && isFloat(constant.type.element) && readers.get(name)?.length === 1;
  };
  const isLayer = (node: Node): boolean => {
    const contraction = contractionOf(node, (value) => constants.get(value)?.type.shape ?? null);
    return contraction?.constantWeights === true && !contraction.symmetric && isOwn(contraction.weights);
  };
  return graph.nodes.flatMap((first): Pair[] => {
    if (!isLayer(first) || !isOwn(first.operands[2])) return [];
    let value = first.name;
    for (;;) {
      const [reader, other] = readers.get(value) ?? [];
      if (reader === undefined || other !== undefined || outputs.has(value) || reader.operands[0] !== value) return [];
      if (reader.op === first.op && isLayer(reader)) {
        return isChannelled(first, reader, constants) ? [{ first, second: reader, between: value }] : [];
      }
      if (!homogeneous.has(reader.op)) return [];
      value = reader.name;
    }
  });
}

/** Whether the second layer reads as many channels as the first one makes. */
function isChannelled(first: Node, second: Node, constants: ReadonlyMap<string, Constant>): boolean {
  const [before, after] = [first, second].map(({ operands }) => (constants.get(operands[1] ?? "") as Constant).type);
  if (before === undefined || after === undefined) return false;
  if (first.op === "matmul")
    return at(before.shape, before.shape.length - 1) === at(after.shape, after.shape.length - 2);
  return at(before.shape, 0) === at(after.shape, 1) * numberOf(second.attributes, "group");
}

/** The greatest finite magnitude of each channel of what a layer of that operator reads, and of those known before. */
export function channelMagnitudes(op: string, value: Tensor, known: Float64Array | undefined): Float64Array {
  const { shape } = value.type;
  const axis = op === "conv" ? 1 : shape.length - 1;
  const [stride, size] = [at(rowMajorStrides(shape), axis), at(shape, axis)];
  const numbers = tensorNumbers(value);
  const greatest = known ?? new Float64Array(size);
  for (let index = 0; index < elementCount(value.type); index += 1) {
    const magnitude = Math.abs(numbers[index] as number);
    const channel = Math.floor(index / stride) % size;
    if (magnitude > (greatest[channel] as number) && magnitude < Number.POSITIVE_INFINITY)
      greatest[channel] = magnitude;
  }
  return greatest;
}

/** The values whose channels can be scaled, with the operator that reads them. */
export function balanceableValues(graph: Graph): Map<string, string> {
  return new Map(findPairs(graph).map(({ between, second }) => [between, second.op]));
}
