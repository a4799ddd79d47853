import type { Graph, Node } from "../../ir/graph.ts";
import type { Pass } from "./pass.ts";

/**
 * Makes an output that is a constant the result of a copy, for a chip sends what a layer left in its cores' memories.
 *
 *     %c = const() {values=[1,2]} : f16[2]             %c.value = const() {values=[1,2]} : f16[2]
 *     return %c                                 ->     %c = identity(%c.value) : f16[2]
 *                                                      return %c
 */
export const copyConstantOutputs: Pass = {
  name: "copy-constant-outputs",
  summary: "Makes an output that is a constant the result of a copy, which a layer can send.",
  run: (graph) => {
    const outputs = new Set(graph.outputs);
    const moved = graph.constants.filter(({ name }) => outputs.has(name));
    if (moved.length === 0) return graph;
    const renamed = new Map(moved.map(({ name }) => [name, freshName(graph, `${name}.value`)]));
    const rename = (value: string): string => renamed.get(value) ?? value;
    const copies = moved.map(
      ({ name, type }): Node => ({
        name,
        op: "identity",
        operands: [rename(name)],
        attributes: {},
        type,
        origin: [name],
        layer: null,
      }),
    );
    const nodes = graph.nodes.map((node) =>
      node.operands.some((operand) => operand !== null && renamed.has(operand))
        ? { ...node, operands: node.operands.map((operand) => (operand === null ? null : rename(operand))) }
        : node,
    );
    const constants = graph.constants.map((constant) => ({ ...constant, name: rename(constant.name) }));
    return { ...graph, constants, nodes: [...copies, ...nodes] };
  },
};

function freshName(graph: Graph, wanted: string): string {
  const names = new Set([...graph.inputs, ...graph.constants, ...graph.nodes].map(({ name }) => name));
  let name = wanted;
  for (let number = 2; names.has(name); number += 1) name = `${wanted}.${number}`;
  return name;
}
