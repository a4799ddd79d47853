import type { Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";

/**
 * Rewrites composite operators into ones that the chip runs, until none is left.
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

function decomposeOnce(graph: Graph, context: PassContext): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    const rule = operatorOf(node.op).decompose;
    if (rule === undefined) return null;
    context.count(node.op);
    return rule({ operands: node.operands, attributes: node.attributes, type: node.type }, rewriter);
  });
}
