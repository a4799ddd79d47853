import { type Constant, consumers, type Node } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementsOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount } from "../../ir/type.ts";
import type { Pass } from "./pass.ts";
import { rewriteGraph } from "./rewriter.ts";

/** Results of more elements are left to be computed at run time, unless a contraction needs them as weights. */
const elementLimit = 2 ** 24;

/**
 * Computes nodes whose operands are all constants, and nodes without any element. Where data is absent the result is an absent constant of the
 * node's type, so that shapes alone go the same way as trained weights. Names are kept.
 *
 *     %w = const() {values=[1,2]} : f32[1,2]
 *     %t = transpose(%w) {permutation=[1,0]} : f32[2,1]     ->     %t = const() {values=[1,2]} : f32[2,1]
 */
export const foldConstants: Pass = {
  name: "fold-constants",
  summary: "Computes nodes whose operands are all constants.",
  run: (graph, context) => {
    const readers = consumers(graph);
    const weighs = (node: Node): boolean =>
      (readers.get(node.name) ?? []).some((reader) => operatorOf(reader.op).runsOn === "matrix");
    return rewriteGraph(graph, (node, rewriter) => {
      if (elementCount(node.type) === 0) {
        context.count(node.op);
        return rewriter.addConstantInfo({ type: node.type, data: elementsOf(node.type.element, []), source: "model" });
      }
      const operands = node.operands.map((operand) => (operand === null ? null : rewriter.constant(operand)));
      if (operands.some((constant, index) => constant === null && node.operands[index] !== null)) return null;
      if (elementCount(node.type) > elementLimit && !weighs(node)) return null;
      // Stored weights and biases stay integers, for the layers that the model asks for.
      if (node.op === "dequantize" && weighs(node)) return null;
      context.count(node.op);
      return rewriter.addConstantInfo(foldNode(node, operands));
    });
  },
};

function foldNode(node: Node, constants: readonly (Constant | null)[]): Omit<Constant, "name"> {
  if (constants.some((constant) => constant?.data === null)) return { type: node.type, data: null, source: "absent" };
  const operands = constants.map((constant): Tensor | null =>
    constant?.data == null ? null : { type: constant.type, data: constant.data },
  );
  const { data } = operatorOf(node.op).evaluate({ operands, attributes: node.attributes, type: node.type });
  return {
    type: node.type,
    data,
    source: constants.some((constant) => constant?.source === "random") ? "random" : "model",
  };
}
