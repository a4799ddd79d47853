import { consumers, type Graph, type Node } from "../../ir/graph.ts";
import { isElementwise, operatorOf } from "../../ir/ops/index.ts";
import { sameNumbers } from "../../ir/type.ts";
import type { Pass } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";

/**
 * Copies i32 sums that are needed as they are outside of their layer: the matrix unit adds up in a buffer, from which only
 * the vector unit stores.
 *
 *     %y = matmul(%x, %w, _) : i32[1,4]              %y.sum = matmul(%x, %w, _) : i32[1,4]
 *     return %y                               ->     %y = identity(%y.sum) : i32[1,4]
 *                                                    return %y
 */
export const storeSums: Pass = {
  name: "store-sums",
  summary: "Copies i32 sums that leave their layer, which the vector unit stores.",
  run: (graph) => {
    const leaving = leavingSums(graph);
    if (leaving.size === 0) return graph;
    return rewriteGraph(graph, (node, rewriter) => {
      if (!leaving.has(node.name)) return null;
      const sums = rewriter.add(node.op, node.operands, node.attributes, `${node.name}.sum`);
      return rewriter.add("identity", [sums], {}, node.name);
    });
  },
};

/** The contractions of integers whose sums something reads that may not join their layer. */
function leavingSums(graph: Graph): Set<string> {
  const readers = consumers(graph);
  const constants = new Set(graph.constants.map(({ name }) => name));
  const joins = (reader: Node, { name, type }: Node): boolean =>
    isElementwise(reader.op) &&
    sameNumbers(reader.type.shape, type.shape) &&
    reader.operands.every((operand) => operand === null || operand === name || constants.has(operand));
  const leaves = (node: Node): boolean =>
    graph.outputs.includes(node.name) || !(readers.get(node.name) ?? []).every((reader) => joins(reader, node));
  return new Set(
    graph.nodes
      .filter((node) => operatorOf(node.op).runsOn === "matrix" && node.type.element === "i32" && leaves(node))
      .map(({ name }) => name),
  );
}
