import { internalError } from "../../base/errors.ts";
import type { Attributes, Constant, Graph, Node } from "../../ir/graph.ts";
import type { NodeBuilder } from "../../ir/operator.ts";
import { completeAttributes } from "../../ir/ops/attributes.ts";
import { inferType, operatorOf } from "../../ir/ops/index.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { TensorType } from "../../ir/type.ts";

/** What a rewriting function sees of the graph that is being made, and how it adds to it. */
export interface Rewriter extends NodeBuilder {
  /** The node that binds a value; null for inputs and constants. */
  producer(value: string): Node | null;
  /** The constant of that name, with or without data; null for other values. */
  constant(value: string): Constant | null;
  /** How many nodes of the original graph read the original value, and how often it leaves the graph. */
  useCount(value: string): number;
  /** Adds a constant that may have no data, and returns its name. */
  addConstantInfo(constant: Omit<Constant, "name">, name?: string): string;
  /** Adds a node of a declared type, and returns its name. */
  addTyped(
    op: string,
    operands: readonly (string | null)[],
    attributes: Attributes,
    type: TensorType,
    name?: string,
  ): string;
  /** Adds a node like the given one, of the same origin, that reads other values; its type is inferred. */
  copy(node: Node, operands: readonly (string | null)[]): string;
  /** Nodes that are added from here on, for the node that is being rewritten, also come from this one. */
  absorb(node: Node): void;
}

/** The value that a node's value is replaced by, an added node's name being changed to the old one; null keeps the node. */
export type Rewrite = (node: Node, rewriter: Rewriter) => string | null;

/**
 * Walks the nodes in order and replaces those for which `rewrite` answers. Nodes are shown with their operands already
 * replaced. Outputs keep their names where a node is left that can take them. Returns the same graph when nothing changed;
 * otherwise nodes that nobody reads may be left.
 */
export function rewriteGraph(graph: Graph, rewrite: Rewrite): Graph {
  const names = new Set<string>();
  const types = new Map<string, TensorType>();
  const constants = new Map<string, Constant>();
  const nodes = new Map<string, Node>();
  const replaced = new Map<string, string>();
  const uses = countUses(graph);
  const addedNow = new Set<string>();
  let origin: readonly string[] = [];
  let changed = false;

  for (const input of graph.inputs) types.set(input.name, input.type);
  for (const constant of graph.constants) {
    types.set(constant.name, constant.type);
    constants.set(constant.name, constant);
  }
  for (const value of [...types.keys(), ...graph.nodes.map((node) => node.name)]) names.add(value);

  const fresh = (wanted: string): string => {
    let name = wanted;
    for (let number = 1; names.has(name); number += 1) name = `${wanted}.${number}`;
    names.add(name);
    return name;
  };
  const typeOf = (value: string): TensorType => {
    const type = types.get(value);
    if (type === undefined) throw internalError(`value "${value}" is not bound yet`);
    return type;
  };
  const addTyped: Rewriter["addTyped"] = (op, operands, attributes, type, wanted) => {
    const name = fresh(wanted ?? op);
    nodes.set(name, { name, op, operands, attributes, type, origin, layer: null });
    types.set(name, type);
    addedNow.add(name);
    return name;
  };
  const addConstantInfo: Rewriter["addConstantInfo"] = (constant, wanted) => {
    const name = fresh(wanted ?? "constant");
    constants.set(name, { name, ...constant });
    types.set(name, constant.type);
    addedNow.add(name);
    return name;
  };
  const rewriter: Rewriter = {
    type: typeOf,
    producer: (value) => nodes.get(value) ?? null,
    constant: (value) => constants.get(value) ?? null,
    useCount: (value) => uses.get(value) ?? 0,
    addConstant: (tensor: Tensor, name) =>
      addConstantInfo({ type: tensor.type, data: tensor.data, source: "model" }, name),
    addConstantInfo,
    add: (op, operands, attributes = {}, name) => {
      const complete = completeAttributes(operatorOf(op), attributes);
      const operandTypes = operands.map((operand) => (operand === null ? null : typeOf(operand)));
      return addTyped(op, operands, complete, inferType(op, operandTypes, complete), name);
    },
    addTyped,
    copy: (node, operands) => {
      const before = origin;
      origin = node.origin;
      const name = rewriter.add(node.op, operands, node.attributes, node.name);
      origin = before;
      return name;
    },
    absorb: (node) => {
      origin = [...new Set([...node.origin, ...origin])];
    },
  };

  /** Gives one of the values that were just added another name, and keeps the order of all. */
  const rename = (from: string, to: string): void => {
    const renamed = new Map([[from, to]]);
    for (const name of addedNow) {
      const newName = name === from ? to : name;
      const node = nodes.get(name);
      const constant = constants.get(name);
      nodes.delete(name);
      constants.delete(name);
      if (node !== undefined) nodes.set(newName, { ...replaceOperands(node, renamed), name: newName });
      if (constant !== undefined) constants.set(newName, { ...constant, name: newName });
    }
  };

  for (const original of graph.nodes) {
    const node = replaceOperands(original, replaced);
    origin = node.origin;
    addedNow.clear();
    const replacement = rewrite(node, rewriter);
    if (replacement === null) {
      nodes.set(node.name, node);
      types.set(node.name, node.type);
      continue;
    }
    changed = true;
    if (!addedNow.has(replacement)) {
      replaced.set(node.name, replacement);
      uses.set(replacement, (uses.get(replacement) ?? 0) + (uses.get(node.name) ?? 0) - 1);
      continue;
    }
    names.delete(replacement);
    types.set(node.name, typeOf(replacement));
    rename(replacement, node.name);
  }
  if (!changed) return graph;
  const outputs = graph.outputs.map((output) => replaced.get(output) ?? output);
  return restoreOutputNames(
    { ...graph, constants: [...constants.values()], nodes: [...nodes.values()], outputs },
    graph,
  );
}

function countUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  for (const value of [...graph.nodes.flatMap((node) => [...new Set(node.operands)]), ...graph.outputs]) {
    if (value !== null) uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  return uses;
}

/** The node with the values that it reads replaced; the same object when none is. */
export function replaceOperands(node: Node, replaced: ReadonlyMap<string, string>): Node {
  if (!node.operands.some((operand) => operand !== null && replaced.has(operand))) return node;
  return {
    ...node,
    operands: node.operands.map((operand) => (operand === null ? null : (replaced.get(operand) ?? operand))),
  };
}

/** Gives nodes that now stand for an output of the original graph that output's name, where it became free. */
function restoreOutputNames(graph: Graph, original: Graph): Graph {
  const bound = new Set([...graph.inputs, ...graph.constants, ...graph.nodes].map((value) => value.name));
  const nodeNames = new Set(graph.nodes.map((node) => node.name));
  const renamed = new Map<string, string>();
  graph.outputs.forEach((now, index) => {
    const before = original.outputs[index] as string;
    if (now === before || bound.has(before) || !nodeNames.has(now)) return;
    if (original.outputs.includes(now) || renamed.has(now)) return;
    renamed.set(now, before);
    bound.add(before);
  });
  if (renamed.size === 0) return graph;
  const rename = (value: string): string => renamed.get(value) ?? value;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const next = replaceOperands(node, renamed);
      return renamed.has(node.name) ? { ...next, name: rename(node.name) } : next;
    }),
    outputs: graph.outputs.map(rename),
  };
}
