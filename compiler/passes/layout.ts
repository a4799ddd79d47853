import type { Graph, Node } from "../../ir/graph.ts";
import { numbersOf } from "../../ir/ops/attributes.ts";
import { isElementwise } from "../../ir/ops/index.ts";
import { elementCount, sameNumbers } from "../../ir/type.ts";
import { removeDead } from "./eliminate-dead.ts";
import type { Pass, PassContext } from "./pass.ts";
import { type Rewriter, rewriteGraph } from "./rewriter.ts";
import { operandOf, producedBy } from "./rule.ts";
import { composePermutations } from "./simplify-movement.ts";

/**
 * Removes transposes by moving them along element-wise nodes: two that meet become one (or none, when they undo each
 * other: channels first to last and back), and two operands that are transposed alike are transposed once, behind.
 *
 *     %a = transpose(%x) {permutation=[0,2,1]}             %b = relu(%x)
 *     %b = relu(%a)                                  ->    %c = transpose(%b) {permutation=[0,1,2]}
 *     %c = transpose(%b) {permutation=[0,2,1]}
 */
export const layout: Pass = {
  name: "layout",
  summary: "Moves transposes along element-wise nodes where that removes some.",
  run: (graph, context) => {
    let current = graph;
    for (let next = layoutOnce(current, context); next !== current; next = layoutOnce(current, context)) {
      current = removeDead(next);
    }
    return current;
  },
};

function layoutOnce(graph: Graph, context: PassContext): Graph {
  return rewriteGraph(graph, (node, rewriter) => {
    if (node.op === "transpose") return meetTranspose(node, rewriter, context);
    if (isElementwise(node.op) && node.operands.length > 1) return mergeTransposes(node, rewriter, context);
    return null;
  });
}

/** transpose(f(transpose(x))) = transpose(f(x)), f being a chain of element-wise nodes that nobody else reads. */
function meetTranspose(node: Node, rewriter: Rewriter, context: PassContext): string | null {
  const chain: Node[] = [];
  let inner: Node | null = null;
  for (let value = operandOf(node, 0); inner === null; ) {
    const producer = rewriter.producer(value);
    if (producer === null || rewriter.useCount(value) !== 1) return null;
    if (producer.op === "transpose") inner = producer;
    else {
      const data = onlyData(producer, rewriter);
      if (data === null) return null;
      chain.unshift(producer);
      value = data;
    }
  }
  if (chain.length === 0) return null;
  context.count("transposes-meet");
  rewriter.absorb(inner);
  const permutation = numbersOf(inner.attributes, "permutation");
  let value = operandOf(inner, 0);
  for (const link of chain) {
    const operands = link.operands.map((operand) =>
      operand === null ? null : rewriter.constant(operand) === null ? value : alongside(operand, permutation, rewriter),
    );
    value = rewriter.copy(link, operands);
  }
  const composed = composePermutations(permutation, numbersOf(node.attributes, "permutation"));
  return rewriter.add("transpose", [value], { permutation: composed });
}

/** The one operand of an element-wise node that is no constant, of the node's shape; null when there are others. */
function onlyData(node: Node, rewriter: Rewriter): string | null {
  if (!isElementwise(node.op)) return null;
  const data = node.operands.filter((operand) => operand !== null && rewriter.constant(operand) === null);
  const [first] = data;
  if (data.length !== 1 || first == null) return null;
  return sameNumbers(rewriter.type(first).shape, node.type.shape) ? first : null;
}

/** A constant operand as it stands beside the value before it was transposed. */
function alongside(constant: string, permutation: readonly number[], rewriter: Rewriter): string {
  const type = rewriter.type(constant);
  if (elementCount(type) === 1) return constant;
  const lead = permutation.length - type.shape.length;
  const shape = [...new Array<number>(lead).fill(1), ...type.shape];
  const whole = lead === 0 ? constant : rewriter.add("reshape", [constant], { shape });
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return rewriter.add("transpose", [whole], { permutation: inverse });
}

/** f(transpose(x), transpose(y)) = transpose(f(x, y)) when both are permuted alike and read nowhere else. */
function mergeTransposes(node: Node, rewriter: Rewriter, context: PassContext): string | null {
  const inners = node.operands.map((_, index) => producedBy(rewriter, node, index, "transpose"));
  const [first] = inners;
  if (first == null || new Set(node.operands).size !== node.operands.length) return null;
  const permutation = numbersOf(first.attributes, "permutation");
  const sources: string[] = [];
  for (const inner of inners) {
    if (inner === null || rewriter.useCount(inner.name) !== 1) return null;
    if (!sameNumbers(numbersOf(inner.attributes, "permutation"), permutation)) return null;
    sources.push(operandOf(inner, 0));
  }
  context.count("transposes-merge");
  for (const inner of inners) if (inner !== null) rewriter.absorb(inner);
  return rewriter.add("transpose", [rewriter.copy(node, sources)], { permutation });
}
