import type { Graph } from "../../ir/graph.ts";
import { removeDead } from "./eliminate-dead.ts";
import type { Pass, PassContext } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";
import type { Rule } from "./rule.ts";
import { arithmeticRules } from "./simplify-arithmetic.ts";
import { movementRules } from "./simplify-movement.ts";

/** All rules of the pass, in the order in which they are tried. */
export const simplifyRules: readonly Rule[] = [...arithmeticRules, ...movementRules];

/**
 * Applies algebraic laws until none applies any more; every application removes a node or brings one nearer to a form
 * that no rule changes. What nobody reads afterwards is removed.
 *
 *     %a = relu(%x) : f32[4]
 *     %b = relu(%a) : f32[4]                ->      %b = relu(%x) : f32[4]
 *     return %b                                     return %b
 */
export const simplify: Pass = {
  name: "simplify",
  summary: "Applies algebraic laws that remove nodes, until none applies.",
  run: (graph, context) => {
    let current = graph;
    for (let next = simplifyOnce(current, context); next !== current; next = simplifyOnce(current, context)) {
      current = removeDead(next);
    }
    return current;
  },
};

const rulesByOperator: ReadonlyMap<string, readonly Rule[]> = new Map(
  [...new Set(simplifyRules.flatMap((rule) => rule.ops))].map((op) => [
    op,
    simplifyRules.filter((rule) => rule.ops.includes(op)),
  ]),
);

function simplifyOnce(graph: Graph, context: PassContext): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    for (const rule of rulesByOperator.get(node.op) ?? []) {
      const value = rule.apply(node, rewriter);
      if (value === null) continue;
      context.count(rule.name);
      return value;
    }
    return null;
  });
}
