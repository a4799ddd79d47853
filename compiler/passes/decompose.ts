import type { Graph } from "../../ir/graph.ts";
import type { Operator } from "../../ir/operator.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";

/**
 * Rewrites composite operators into ones that the chip runs, until none is left that can be.
 *
 *                                                      %m = reduce_max(%x) {axes=[1], keepdims=true} : f16[1,4] ...
 *     %y = softmax(%x) {axis=1} : f16[1,4]      ->     %d = sub(%x, %m) : f16[1,4]
 *                                                      ...
 */
export const decompose: Pass = {
  name: "decompose",
  summary: "Rewrites composite operators into ones that the chip runs.",
  run: (graph, context) => {
    let current = graph;
    for (let next = decomposeOnce(current, context); next !== current; next = decomposeOnce(current, context))
      current = next;
    return current;
  },
};

/**
 * Rewrites composite operators that contain contractions, so that these are quantized like any other.
 *
 *     %y = fourier_transform(%x) {axis=1, length=8, ...} : f32[1,8,2]    ->    %s = matmul(%r, %factors, _) : f32[1,16] ...
 */
export const decomposeContractions: Pass = {
  name: "decompose-contractions",
  summary: "Rewrites composite operators that contain contractions, before these are quantized.",
  run: (graph, context) => decomposeOnce(graph, context, (operator) => operator.contracts === true),
};

function decomposeOnce(
  graph: Graph,
  context: PassContext,
  chosen: (operator: Operator) => boolean = () => true,
): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    const operator = operatorOf(node.op);
    const rule = chosen(operator) ? operator.decompose : undefined;
    if (rule === undefined) return null;
    const value = rule({ operands: node.operands, attributes: node.attributes, type: node.type }, rewriter);
    if (value !== null) context.count(node.op);
    return value;
  });
}
