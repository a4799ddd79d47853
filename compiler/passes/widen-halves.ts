import type { Graph, Node } from "../../ir/graph.ts";
import { elementsOf, tensorNumbers } from "../../ir/ops/values.ts";
import { type ElementType, type TensorType, tensorType } from "../../ir/type.ts";
import { type Rewriter, rewriteGraph } from "./rewriter.ts";

const isHalf = (element: ElementType): boolean => element === "f16" || element === "bf16";

/** The same type with f32 for f16 and bf16. */
function widened(type: TensorType): TensorType {
  return isHalf(type.element) ? tensorType("f32", type.shape) : type;
}

/**
 * A graph of f16 or bf16 that computes in f32 and rounds where it casts and at its outputs, as runtimes without arithmetic on
 * halves do; the same graph when it has none.
 *
 *     %a = exp(%x) : f16[4]           %x.f32 = cast(%x) : f32[4]
 *     return %a                ->     %a = exp(%x.f32) : f32[4]
 *                                     %a.f16 = cast(%a) : f16[4]
 *                                     return %a.f16
 */
export function widenHalves(graph: Graph): Graph {
  const halves = new Map<string, TensorType>();
  for (const { name, type } of [...graph.inputs, ...graph.constants, ...graph.nodes]) {
    if (isHalf(type.element)) halves.set(name, type);
  }
  if (halves.size === 0) return graph;
  const wide = new Map<string, string>();
  const rewritten = rewriteGraph(graph, (node, rewriter) => {
    const operands = node.operands.map((operand) => (operand === null ? null : wideValue(operand, rewriter, wide)));
    if (operands.every((operand, index) => operand === node.operands[index]) && !isHalf(node.type.element)) return null;
    const rounds = node.op === "cast" && isHalf(node.type.element);
    const attributes =
      isHalf(String(node.attributes.element) as ElementType) && !rounds
        ? { ...node.attributes, element: "f32" }
        : node.attributes;
    const value = rewriter.add(node.op, operands, attributes, rounds ? `${node.name}.rounded` : node.name);
    return rounds ? rewriter.add("cast", [value], { element: "f32" }, node.name) : value;
  });
  return withRoundedOutputs(rewritten, graph, halves);
}

/** The value in f32: a cast input, a converted constant, or what its node was rewritten to. */
function wideValue(value: string, rewriter: Rewriter, wide: Map<string, string>): string {
  const type = rewriter.type(value);
  if (!isHalf(type.element)) return value;
  const known = wide.get(value);
  if (known !== undefined) return known;
  const constant = rewriter.constant(value);
  const name =
    constant === null
      ? rewriter.add("cast", [value], { element: "f32" }, `${value}.f32`)
      : rewriter.addConstantInfo(
          {
            type: widened(type),
            data: constant.data === null ? null : elementsOf("f32", tensorNumbers({ type, data: constant.data })),
            source: constant.source,
          },
          `${value}.f32`,
        );
  wide.set(value, name);
  return name;
}

function withRoundedOutputs(rewritten: Graph, graph: Graph, halves: ReadonlyMap<string, TensorType>): Graph {
  const casts: Node[] = [];
  const outputs = rewritten.outputs.map((value, index) => {
    const type = halves.get(graph.outputs[index] ?? "");
    const node = rewritten.nodes.find(({ name }) => name === value);
    if (type === undefined || node === undefined) return value;
    const name = `${value}.${type.element}`;
    const { origin } = node;
    if (casts.every((cast) => cast.name !== name)) {
      casts.push({
        name,
        op: "cast",
        operands: [value],
        attributes: { element: type.element },
        type,
        origin,
        layer: null,
      });
    }
    return name;
  });
  return { ...rewritten, nodes: [...rewritten.nodes, ...casts], outputs };
}
