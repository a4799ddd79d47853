import { operatorOf } from "../../ir/ops/index.ts";
import type { Pass } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";

/**
 * Copies a constant that a contraction reads as activations: only values have the padding that windows reach, and parts in
 * every core that adds up.
 *
 *     %y = conv(%ones, %w, _) {...} : i32[1,2,4,4]     ->     %v = identity(%ones) : i8[1,1,3,3]
 *                                                             %y = conv(%v, %w, _) {...} : i32[1,2,4,4]
 */
export const copyConstantActivations: Pass = {
  name: "copy-constant-activations",
  summary: "Copies constants that contractions read as activations, so that layers hold them.",
  run: (graph) =>
    rewriteGraph(graph, (node, rewriter) => {
      const [activations, ...others] = node.operands;
      if (operatorOf(node.op).runsOn !== "matrix" || activations == null) return null;
      if (rewriter.constant(activations) === null) return null;
      const copied = rewriter.add("identity", [activations]);
      return rewriter.add(node.op, [copied, ...others], node.attributes, node.name);
    }),
};
