import { at } from "../../base/math.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { elementCount, isFloat, sameNumbers, tensorType } from "../../ir/type.ts";
import { removeDead } from "../passes/eliminate-dead.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";

/**
 * Makes what is added to a contraction of stored weights its bias, where it is one known number for each channel.
 *
 *     %m = matmul(%x, %w, _) : f32[1,4]
 *     %y = add(%m, %b) : f32[1,4]             ->     %y = matmul(%x, %w, %b) : f32[1,4]
 */
export function joinBiases(graph: Graph): Graph {
  return removeDead(
    rewriteGraph(graph, (node, rewriter) => {
      if (node.op !== "add" || !isFloat(node.type.element)) return null;
      const index = node.operands.findIndex((operand) => takesBias(operand, node, rewriter));
      const contraction = rewriter.producer(node.operands[index] ?? "");
      const addend = node.operands[1 - index] ?? null;
      if (contraction === null || addend === null) return null;
      const bias = channelBias(addend, contraction, rewriter);
      if (bias === null) return null;
      rewriter.absorb(contraction);
      const [x = null, w = null] = contraction.operands;
      return rewriter.add(contraction.op, [x, w, bias], contraction.attributes, node.name);
    }),
  );
}

/** Whether a value is a contraction of stored weights without bias, that only the sum reads. */
function takesBias(value: string | null, sum: Node, rewriter: Rewriter): boolean {
  const producer = value === null ? null : rewriter.producer(value);
  if (producer === null || (producer.op !== "matmul" && producer.op !== "conv")) return false;
  const weights = rewriter.producer(producer.operands[1] ?? "");
  const alone = producer.operands[2] === null && rewriter.useCount(producer.name) === 1;
  return weights?.op === "dequantize" && alone && sameNumbers(producer.type.shape, sum.type.shape);
}

/** Known numbers that broadcast over a contraction along its channels alone, as a vector; null for others. */
function channelBias(value: string, { op, type }: Node, rewriter: Rewriter): string | null {
  const axis = op === "matmul" ? type.shape.length - 1 : 1;
  const { shape } = rewriter.type(value);
  const channels = at(type.shape, axis);
  const aligned = shape.length - type.shape.length + axis;
  if (elementCount(rewriter.type(value)) !== channels || shape[aligned] !== channels) return null;
  const producer = rewriter.producer(value);
  const source = rewriter.constant(producer?.op === "dequantize" ? (producer.operands[0] ?? value) : value);
  if (source === null) return null;
  if (shape.length === 1) return value;
  const { element, quantization } = source.type;
  const flat = quantization === null ? null : { ...quantization, axis: quantization.axis === null ? null : 0 };
  const constant = rewriter.addConstantInfo({ ...source, type: tensorType(element, [channels], flat) }, source.name);
  return producer === null ? constant : rewriter.add("dequantize", [constant], producer.attributes);
}
