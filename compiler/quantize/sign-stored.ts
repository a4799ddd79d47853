import { at, rowMajorStrides } from "../../base/math.ts";
import { consumers, type Graph, type Node } from "../../ir/graph.ts";
import { quantizationAttributesOf } from "../../ir/ops/conversion-values.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { foldedBias, signShift, weightChannelAxis } from "../../ir/ops/quantized-weights.ts";
import { tensorNumbers } from "../../ir/ops/values.ts";
import { type TensorType, tensorType } from "../../ir/type.ts";
import { rewriteGraph } from "../passes/rewriter.ts";

/** Operators that pass stored integers on. */
function carries(node: Node): boolean {
  return (
    node.op === "max_pool" || node.op === "relu" || node.op === "clip" || operatorOf(node.op).runsOn === "movement"
  );
}

function isUnsigned({ element, quantization }: TensorType): boolean {
  return element === "u8" && quantization !== null && quantization.axis === null;
}

/**
 * Stores activations of u8 as i8: the same real numbers with a zero point that is less by 128, which the bias of a
 * contraction takes up. Values that something else reads as stored integers stay as they are.
 *
 *     %x: u8<scale=0.1, zero=130>[1,4]   ->   %x: i8<scale=0.1, zero=2>[1,4]
 */
export function signStored(graph: Graph): Graph {
  const signed = signedValues(graph);
  if (signed.size === 0) return graph;
  const typeOf = (type: TensorType): TensorType => {
    const { scales, zeros } = type.quantization ?? { scales: [], zeros: [] };
    return tensorType("i8", type.shape, { axis: null, scales, zeros: zeros.map((zero) => zero - signShift) });
  };
  const inputs = graph.inputs.map((input) => (signed.has(input.name) ? { ...input, type: typeOf(input.type) } : input));
  return rewriteGraph({ ...graph, inputs }, (node, rewriter) => {
    if (signed.has(node.name)) {
      const { quantization } = typeOf(node.type);
      const attributes =
        carries(node) || quantization === null
          ? node.attributes
          : { ...node.attributes, element: "i8", ...quantizationAttributesOf(quantization) };
      return rewriter.add(node.op, node.operands, attributes, node.name);
    }
    const [x, w, bias] = node.operands;
    if (operatorOf(node.op).runsOn !== "matrix" || x == null || w == null || !signed.has(x)) return null;
    const weights = rewriter.constant(w);
    const added = bias == null ? null : rewriter.constant(bias);
    if (weights?.data == null) return null;
    const axis = weightChannelAxis(node.op, weights.type.shape.length);
    const sums = channelSums(tensorNumbers({ type: weights.type, data: weights.data }), weights.type.shape, axis);
    const before = added?.data == null ? null : tensorNumbers({ type: added.type, data: added.data });
    const name = rewriter.addConstantInfo(
      { type: tensorType("i32", [sums.length]), data: foldedBias(before, sums, -signShift), source: weights.source },
      `${node.name}.bias`,
    );
    return rewriter.add(node.op, [x, w, name], node.attributes, node.name);
  });
}

function channelSums(numbers: ArrayLike<number>, shape: readonly number[], axis: number): Float64Array {
  const sums = new Float64Array(at(shape, axis));
  const stride = at(rowMajorStrides(shape), axis);
  for (let index = 0; index < numbers.length; index += 1) {
    const channel = Math.floor(index / stride) % sums.length;
    sums[channel] = (sums[channel] as number) + (numbers[index] as number);
  }
  return sums;
}

/** The unsigned values that may be stored as i8: values that pass one another on go together. */
function signedValues(graph: Graph): Set<string> {
  const readers = consumers(graph);
  const constants = new Set(graph.constants.map(({ name }) => name));
  const producers = new Map(graph.nodes.map((node) => [node.name, node]));
  const types = new Map([...graph.inputs, ...graph.nodes].map(({ name, type }) => [name, type]));
  const signed = new Set([...types].filter(([, type]) => isUnsigned(type)).map(([name]) => name));
  const bears = (node: Node, value: string): boolean => {
    if (carries(node)) return signed.has(node.name);
    if (node.op === "dequantize") return true;
    const [x, w, bias] = node.operands;
    const known = w != null && constants.has(w) && (bias == null || constants.has(bias));
    return operatorOf(node.op).runsOn === "matrix" && x === value && w !== value && known;
  };
  const makes = (name: string): boolean => {
    const node = producers.get(name);
    if (node === undefined || node.op === "quantize" || node.op === "requantize") return true;
    return carries(node) && node.operands.every((operand) => operand !== null && signed.has(operand));
  };
  for (let size = -1; size !== signed.size; ) {
    size = signed.size;
    for (const name of signed) {
      if (!makes(name) || !(readers.get(name) ?? []).every((node) => bears(node, name))) signed.delete(name);
    }
  }
  return signed;
}
