import { at, clamp, product } from "../../base/math.ts";
import type { Contractor } from "../../ir/contractor.ts";
import { type Constant, constantsByName, type Graph, type Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { integerRange } from "../../ir/type.ts";
import { roundToEven } from "../../kernels/fixed-point.ts";
import { channelAxis, makeChannelMeans } from "./channel-means.ts";
import { storedTensor } from "./stored-tensor.ts";

/** What biases are corrected by. */
export interface BiasTargets {
  readonly frames: readonly ReadonlyMap<string, Tensor>[];
  /** By contraction of the quantized graph: the mean of each output channel in the float graph, over the same frames. */
  readonly means: ReadonlyMap<string, Float64Array>;
  readonly contractor?: Contractor;
}

/**
 * Shifts the i32 biases of contractions so that the mean of each output channel over the frames is that of the float
 * graph: rounding weights and activations moves means, and bias is free. Contractions are corrected in order, each
 * seeing what the corrected ones before it give. Source: Nagel et al., "Data-Free Quantization Through Weight
 * Equalization and Bias Correction" (2019), the empirical variant.
 */
export function correctBiases(graph: Graph, targets: BiasTargets): Graph {
  const constants = constantsByName(graph);
  if (targets.frames.length === 0 || [...constants.values()].some((constant) => constant.data === null)) return graph;
  const frames = targets.frames.map((frame) => boundValues(graph, frame));
  const lastReader = new Map<string, number>();
  graph.nodes.forEach((node, index) => {
    for (const operand of node.operands) if (operand !== null) lastReader.set(operand, index);
  });
  const lastCorrected = graph.nodes.findLastIndex((node) => targets.means.has(node.name));
  for (const [index, node] of graph.nodes.slice(0, lastCorrected + 1).entries()) {
    const results = frames.map((values) => evaluateNode(node, values, targets.contractor));
    const wanted = targets.means.get(node.name);
    const bias = constants.get(node.operands[2] ?? "");
    if (wanted !== undefined && bias !== undefined) {
      const shifts = channelShifts(node, results, wanted);
      constants.set(bias.name, shiftedBias(bias, shifts));
      for (const values of frames) values.set(bias.name, tensorOfConstant(constants.get(bias.name) as Constant));
      for (const result of results) shiftSums(node, result, shifts);
    }
    frames.forEach((values, frame) => {
      values.set(node.name, at(results, frame));
      for (const operand of node.operands)
        if (operand !== null && lastReader.get(operand) === index) values.delete(operand);
    });
  }
  return { ...graph, constants: graph.constants.map(({ name }) => constants.get(name) as Constant) };
}

function boundValues(graph: Graph, frame: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const values = new Map(graph.constants.map((constant) => [constant.name, tensorOfConstant(constant)]));
  for (const { name, type } of graph.inputs) {
    const given = frame.get(name);
    if (given !== undefined) values.set(name, storedTensor(given, type));
  }
  return values;
}

function tensorOfConstant({ type, data }: Constant): Tensor {
  return { type, data: data as Tensor["data"] };
}

function evaluateNode(node: Node, values: ReadonlyMap<string, Tensor>, contractor: Contractor | undefined): Tensor {
  return operatorOf(node.op).evaluate({
    operands: node.operands.map((operand) => (operand === null ? null : (values.get(operand) ?? null))),
    attributes: node.attributes,
    type: node.type,
    ...(contractor === undefined ? {} : { contractor }),
  });
}

/** How much has to be added to the sums of each output channel; nothing where the float graph gives infinities. */
function channelShifts(node: Node, results: readonly Tensor[], wanted: Float64Array): Int32Array {
  const found = makeChannelMeans(node);
  for (const result of results) found.add(result.data as Int32Array);
  const scales = node.type.quantization?.scales ?? [1];
  const { high } = integerRange("i32");
  return Int32Array.from(found.means(), (mean, channel) => {
    const scale = at(scales, scales.length === 1 ? 0 : channel);
    const shift = at(wanted, channel) / scale - mean;
    return Number.isFinite(shift) ? clamp(roundToEven(shift), -high, high) : 0;
  });
}

function shiftedBias(bias: Constant, shifts: Int32Array): Constant {
  const { low, high } = integerRange("i32");
  const data = Int32Array.from(bias.data as Int32Array, (value, channel) =>
    clamp(value + at(shifts, channel), low, high),
  );
  return { ...bias, data };
}

function shiftSums(node: Node, result: Tensor, shifts: Int32Array): void {
  const stride = product(node.type.shape.slice(channelAxis(node) + 1));
  const sums = result.data as Int32Array;
  for (let start = 0, channel = 0; start < sums.length; start += stride, channel = (channel + 1) % shifts.length) {
    for (let index = start; index < start + stride; index += 1)
      sums[index] = (sums[index] as number) + at(shifts, channel);
  }
}
