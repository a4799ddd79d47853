import { at } from "../../base/math.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { quantizationAttributesOf } from "../../ir/ops/conversion-values.ts";
import { isFloat, type Quantization } from "../../ir/type.ts";
import { type Rewriter, rewriteGraph } from "../passes/rewriter.ts";

/**
 * Takes quantize and dequantize apart where zero points differ along an axis, for an instruction has one: each run of equal
 * ones is sliced out, converted and joined again.
 *
 *     %y = dequantize(%q) : f32[2,3]     ->     %y = concat(dequantize(slice(%q)), dequantize(slice(%q))) : f32[2,3]
 */
export function splitZeros(graph: Graph): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    const [operand] = node.operands;
    if (operand == null || rewriter.constant(operand) !== null) return null;
    if (node.op === "quantize") return splitNode(node, operand, node.type.quantization, rewriter);
    return node.op === "dequantize" ? splitNode(node, operand, rewriter.type(operand).quantization, rewriter) : null;
  });
}

function splitNode(node: Node, operand: string, quantization: Quantization | null, rewriter: Rewriter): string | null {
  const axis = quantization?.axis ?? null;
  if (quantization === null || axis === null || quantization.zeros.every((zero) => zero === quantization.zeros[0]))
    return null;
  const { scales, zeros } = quantization;
  const parts: string[] = [];
  for (let start = 0; start < zeros.length; ) {
    let end = start + 1;
    while (end < zeros.length && zeros[end] === at(zeros, start)) end += 1;
    const part = rewriter.add("slice", [operand], { starts: [start], ends: [end], axes: [axis], steps: [1] });
    const own = { axis, scales: scales.slice(start, end), zeros: zeros.slice(start, end) };
    const attributes = isFloat(node.type.element) ? {} : quantizationAttributesOf(own);
    parts.push(rewriter.add(node.op, [part], { ...node.attributes, ...attributes }));
    start = end;
  }
  return rewriter.add("concat", parts, { axis }, node.name);
}
