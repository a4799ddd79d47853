import { consumers, type Graph, type Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementTypes, integerRange } from "../../ir/type.ts";
import { replaceOperands } from "../passes/rewriter.ts";

/**
 * Removes relu and clip of stored integers that lie within their bounds anyhow, because the quantization has no numbers
 * beyond. The node before takes over name and origin where nothing else reads it.
 *
 *     %a = requantize(%s) {...} : i8<scale=0.1, zero=-128>[4] @ "conv"
 *     %b = relu(%a) : i8<scale=0.1, zero=-128>[4] @ "relu"
 *  -> %b = requantize(%s) {...} : i8<scale=0.1, zero=-128>[4] @ "conv", "relu"
 */
export function absorbImplied(graph: Graph): Graph {
  const readers = consumers(graph);
  const nodes = new Map<string, Node>();
  const replaced = new Map<string, string>();
  for (const original of graph.nodes) {
    const node = replaceOperands(original, replaced);
    const [operand] = node.operands;
    const before = operand == null ? undefined : nodes.get(operand);
    if (!isImplied(node) || before === undefined || graph.outputs.includes(before.name)) {
      nodes.set(node.name, node);
      continue;
    }
    if ((readers.get(before.name) ?? []).length > 1) {
      replaced.set(node.name, before.name);
      continue;
    }
    nodes.delete(before.name);
    nodes.set(node.name, { ...before, name: node.name, origin: [...new Set([...before.origin, ...node.origin])] });
  }
  const outputs = graph.outputs.map((output) => replaced.get(output) ?? output);
  return { ...graph, nodes: [...nodes.values()], outputs };
}

function isImplied(node: Node): boolean {
  if ((node.op !== "relu" && node.op !== "clip") || node.type.quantization === null) return false;
  if (elementTypes[node.type.element].bits > 8) return false;
  const issue = operatorOf(node.op).vector?.issue({
    operands: [node.type],
    attributes: node.attributes,
    type: node.type,
  });
  const { low, high } = integerRange(node.type.element);
  return issue?.parameters.low === low && issue.parameters.high === high;
}
