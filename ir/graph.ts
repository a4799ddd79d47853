import type { Tensor } from "./tensor.ts";
import type { TensorType } from "./type.ts";

/** An attribute's value: a number, a text, a truth value, or a list of numbers or texts. */
export type AttributeValue = number | string | boolean | readonly number[] | readonly string[];

/** Named attributes of a node, complete (defaults filled in). */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A named, typed value that enters the graph. */
export interface GraphInput {
  readonly name: string;
  readonly type: TensorType;
}

/** A value known at compile time. `data` is null when the model was read without its weights (shapes only). */
export interface Constant {
  readonly name: string;
  readonly type: TensorType;
  readonly data: Tensor["data"] | null;
  /** Where the numbers come from: the model, a seed, or nowhere. */
  readonly source: "model" | "random" | "absent";
}

/** One operation: reads values by name and binds one new value, which has the node's name. */
export interface Node {
  /** The name of the value that this node binds; unique in the graph. */
  readonly name: string;
  /** The name of an operator in the registry. */
  readonly op: string;
  /** One entry an operand of the operator, in its order; null for an optional operand that is absent. */
  readonly operands: readonly (string | null)[];
  readonly attributes: Attributes;
  readonly type: TensorType;
  /** The ONNX node(s) that this node came from; never empty for an imported graph. */
  readonly origin: readonly string[];
  /** The layer that this node is computed in, once the fusion pass has grouped nodes; null before. */
  readonly layer: string | null;
}

/** A network: SSA in A-normal form; nodes stand in topological order. Immutable. */
export interface Graph {
  readonly kind: "graph";
  readonly name: string;
  readonly inputs: readonly GraphInput[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  /** Names of inputs, constants or nodes, in the model's order. */
  readonly outputs: readonly string[];
}

/** The types of all values of a graph, by name. */
export function valueTypes(graph: Graph): Map<string, TensorType> {
  const types = new Map<string, TensorType>();
  for (const input of graph.inputs) types.set(input.name, input.type);
  for (const constant of graph.constants) types.set(constant.name, constant.type);
  for (const node of graph.nodes) types.set(node.name, node.type);
  return types;
}

/** The constants of a graph, by name. */
export function constantsByName(graph: Graph): Map<string, Constant> {
  return new Map(graph.constants.map((constant) => [constant.name, constant]));
}

/** The arrays of a graph's constants that have numbers. */
export function constantData(graph: Graph): Tensor["data"][] {
  return graph.constants.flatMap(({ data }) => (data === null ? [] : [data]));
}

/** The nodes that read each value, by the value's name, in graph order; a node stands once however often it reads. */
export function consumers(graph: Graph): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const operand of new Set(node.operands)) {
      if (operand === null) continue;
      const list = readers.get(operand);
      if (list === undefined) readers.set(operand, [node]);
      else list.push(node);
    }
  }
  return readers;
}
