import { consumers, type Graph, type Node } from "../../ir/graph.ts";
import { elementTypes, isFloat, sameType, type TensorType } from "../../ir/type.ts";
import { replaceOperands } from "../passes/rewriter.ts";

/**
 * Lets inputs cross the host link in the stored integers that the model gives them at once: a float input that is only
 * quantized, in one way, and stored integers that are only read under one scale. `kept` inputs stay.
 *
 *     graph @g(%x: f32[4]) {                                        graph @g(%x: i8<scale=0.1, zero=3>[4]) {
 *       %q = quantize(%x) {...} : i8<scale=0.1, zero=3>[4]    ->      ...
 */
export function storedInputs(graph: Graph, kept: readonly string[]): Graph {
  const readers = consumers(graph);
  const replaced = new Map<string, string>();
  const types = new Map<string, TensorType>();
  for (const { name, type } of graph.inputs) {
    const nodes = readers.get(name) ?? [];
    const stored = graph.outputs.includes(name) || kept.includes(name) ? null : storedType(type, nodes);
    if (stored === null || nodes.some((node) => graph.outputs.includes(node.name))) continue;
    types.set(name, stored);
    for (const node of nodes) replaced.set(node.name, name);
  }
  if (types.size === 0) return graph;
  return {
    ...graph,
    inputs: graph.inputs.map((input) => ({ ...input, type: types.get(input.name) ?? input.type })),
    nodes: graph.nodes.filter((node) => !replaced.has(node.name)).map((node) => replaceOperands(node, replaced)),
  };
}

/** The one type that all readers of an input give it; null when they differ or do something else. */
function storedType({ element }: TensorType, readers: readonly Node[]): TensorType | null {
  const [first] = readers;
  const gives = isFloat(element) ? "quantize" : "reinterpret";
  if (first === undefined || first.type.quantization?.axis !== null) return null;
  if (elementTypes[first.type.element].bits > 8) return null;
  return readers.every((node) => node.op === gives && sameType(node.type, first.type)) ? first.type : null;
}
