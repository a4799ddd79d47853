import type { Graph } from "../../ir/graph.ts";
import type { Pass } from "./pass.ts";

/**
 * Removes nodes and constants that no output depends on. Inputs stay: they are the graph's interface.
 *
 *     %a = relu(%x) : f32[4]                       %b = tanh(%x) : f32[4]
 *     %b = tanh(%x) : f32[4]               ->      return %b
 *     return %b
 */
export const eliminateDead: Pass = {
  name: "eliminate-dead",
  summary: "Removes nodes and constants that no output depends on.",
  run: removeDead,
};

/** The graph without what no output depends on; the same object when all is needed. */
export function removeDead(graph: Graph): Graph {
  const live = new Set(graph.outputs);
  for (let index = graph.nodes.length - 1; index >= 0; index -= 1) {
    const node = graph.nodes[index];
    if (node === undefined || !live.has(node.name)) continue;
    for (const operand of node.operands) if (operand !== null) live.add(operand);
  }
  const nodes = graph.nodes.filter((node) => live.has(node.name));
  const constants = graph.constants.filter((constant) => live.has(constant.name));
  if (nodes.length === graph.nodes.length && constants.length === graph.constants.length) return graph;
  return { ...graph, constants, nodes };
}
