import type { Node } from "../../ir/graph.ts";
import { numbersOf } from "../../ir/ops/attributes.ts";
import { isElementwise } from "../../ir/ops/index.ts";
import { isFloat } from "../../ir/type.ts";
import type { PassContext } from "./pass.ts";
import type { Rewriter } from "./rewriter.ts";
import { operandOf } from "./rule.ts";

/** A link of a chain between two transposes: an element-wise node, or a product with one matrix. */
interface Link {
  readonly node: Node;
  /** The operand that comes from the link before. */
  readonly data: string;
}

/**
 * Products of columns without transposes: what is transposed, multiplied by constant matrices (with element-wise nodes of one
 * operand between and behind) and transposed back is a convolution over positions instead, which reads and writes
 * columns where they stand. For `transpose` nodes; null when the law does not apply.
 *
 *     %a = transpose(%x) {permutation=[0,2,1]} : f32[1,P,K]        %b = conv(%x, %wᵀ, %bias) : f32[1,N,P]
 *     %b = matmul(%a, %w, %bias) : f32[1,P,N]                  ->  %c = relu(%b) : f32[1,N,P]
 *     %c = relu(%b) : f32[1,P,N]
 *     %d = transpose(%c) {permutation=[0,2,1]} : f32[1,N,P]
 */
export function contractColumns(node: Node, rewriter: Rewriter, context: PassContext): string | null {
  if (!swapsColumns(node)) return null;
  const links: Link[] = [];
  let value = operandOf(node, 0);
  for (;;) {
    const producer = rewriter.producer(value);
    if (producer === null) return null;
    if (producer.op === "transpose") {
      if (!swapsColumns(producer) || !links.some((link) => link.node.op === "matmul")) return null;
      context.count("columns-contracted");
      const last = links.length - 1;
      return links.reduce(
        (result, { node: link, data }, index) => {
          const origin = [
            ...link.origin,
            ...(index === 0 ? producer.origin : []),
            ...(index === last ? node.origin : []),
          ];
          return addLink({ node: { ...link, origin: [...new Set(origin)] }, data }, result, rewriter);
        },
        operandOf(producer, 0),
      );
    }
    const data = rewriter.useCount(value) === 1 ? dataOf(producer, rewriter) : null;
    if (data === null) return null;
    links.unshift({ node: producer, data });
    value = data;
  }
}

/** Whether a node swaps rows and columns of a batch of matrices. */
function swapsColumns({ attributes }: Node): boolean {
  return numbersOf(attributes, "permutation").join() === "0,2,1";
}

/** The operand of a link that is no constant; null for nodes that cannot be one. */
function dataOf(node: Node, rewriter: Rewriter): string | null {
  const [first = null, weights = null, bias = null] = node.operands;
  const isConstant = (operand: string | null): boolean => operand !== null && rewriter.constant(operand) !== null;
  if (node.op === "matmul") {
    if (first === null || weights === null || isConstant(first) || !isConstant(weights)) return null;
    const [input, matrix] = [rewriter.type(first), rewriter.type(weights)];
    const isPlain = isFloat(input.element) && isFloat(matrix.element) && matrix.shape.length === 2;
    return isPlain && input.shape.length === 3 && (bias === null || isConstant(bias)) ? first : null;
  }
  const [data, ...others] = node.operands.filter((operand) => operand !== null && !isConstant(operand));
  if (!isElementwise(node.op) || data == null || others.length > 0) return null;
  const parameters = node.operands.filter((operand) => operand !== null && operand !== data);
  const isUnary = parameters.every((operand) => rewriter.type(operand as string).shape.every((size) => size === 1));
  return isUnary ? data : null;
}

/** The link on columns [batch, rows, positions] in place of [batch, positions, rows]. */
function addLink({ node, data }: Link, value: string, rewriter: Rewriter): string {
  if (node.op !== "matmul") {
    return rewriter.copy(
      node,
      node.operands.map((operand) => (operand === data ? value : operand)),
    );
  }
  const [, weights, bias = null] = node.operands;
  const turned = rewriter.add("transpose", [weights as string], { permutation: [1, 0] });
  const kernel = rewriter.add("reshape", [turned], { shape: [...rewriter.type(turned).shape, 1] });
  const window = { strides: [1], pads: [0, 0], dilations: [1], group: 1 };
  return rewriter.copy({ ...node, op: "conv", attributes: window }, [value, kernel, bias]);
}
