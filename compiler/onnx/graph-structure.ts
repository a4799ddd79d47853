import type { Location, Problem } from "../../base/errors.ts";
import { attributeKind } from "./node-attributes.ts";
import type { GraphProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto } from "./proto-types.ts";

/** A node with its name: the ONNX name, or the operator and the node's place. */
export interface NamedNode {
  readonly proto: NodeProto;
  readonly name: string;
  readonly operator: string;
  /** "" for the default domain. */
  readonly domain: string;
  readonly opset: number;
  /** The names that it reads: its inputs, and what the graphs that it holds read from around them. */
  readonly reads: readonly string[];
  /** The graphs that it holds, by attribute. */
  readonly graphs: ReadonlyMap<string, GraphStructure>;
}

/** A graph after all checks of names and order: of a model, held by a node, or the body of a function. */
export interface GraphStructure {
  /** All inputs, those with an initializer too. */
  readonly declaredInputs: readonly ValueInfoProto[];
  /** Inputs without those that an initializer gives a value. */
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly sparseInitializers: ReadonlyMap<string, SparseTensorProto>;
  /** The nodes that an output depends on, each after those that it reads. */
  readonly nodes: readonly NamedNode[];
  readonly deadNodeCount: number;
  /** Names of values that a live node or the graph's outputs read. */
  readonly used: ReadonlySet<string>;
  /** Names that live nodes and outputs read and the graph does not define. */
  readonly captured: ReadonlySet<string>;
}

/** What a graph is read with. */
export interface GraphContext {
  /** Versions by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Whether a name is defined around the graph. */
  readonly isOuter: (name: string) => boolean;
  readonly at: Location;
  /** Collects what is wrong. */
  readonly problems: Problem[];
}

/** The domain under its one name: "" for the default one. */
export function normalizedDomain(domain: string | null | undefined): string {
  return domain === "ai.onnx" ? "" : (domain ?? "");
}

/** Who defines a name: the node at an index of the graph, or the graph itself. */
type Producer = number | "input" | "initializer";

function present(names: readonly string[] | null | undefined): string[] {
  return (names ?? []).filter((name) => name !== "");
}

function nodeName(proto: NodeProto | undefined, index: number): string {
  const name = proto?.name ?? "";
  return name === "" ? `${proto?.opType ?? ""}_${index}` : name;
}

/**
 * Checks names and order of a graph and of the graphs that its nodes hold, which may read what is defined around them;
 * a name that a graph defines itself hides one from around. Problems are collected (B106, B107, B113).
 */
export function readGraph(graph: GraphProto, context: GraphContext): GraphStructure {
  const { problems, at } = context;
  const producers = findProducers(graph, context);
  const isKnown = (name: string): boolean => producers.has(name) || context.isOuter(name);
  const nodes = (graph.node ?? []).map((proto, index) => nameNode(proto, index, { ...context, isOuter: isKnown }));
  for (const node of nodes) {
    for (const input of new Set(present(node.proto.input))) {
      if (isKnown(input)) continue;
      problems.push({
        code: "B106",
        message: "It is read by the node, but no input, initializer or node defines it.",
        at: { ...at, onnxNode: node.name, operator: node.operator, tensor: input },
      });
    }
  }
  const outputs = (graph.output ?? []).map(({ name }) => name ?? "");
  for (const output of outputs) {
    if (isKnown(output)) continue;
    problems.push({
      code: "B106",
      message: "It is an output of the graph, but no input, initializer or node defines it.",
      at: { ...at, tensor: output },
    });
  }
  const used = new Set(outputs);
  const live = new Set<NamedNode>();
  const ordered = orderNodes(nodes, outputs, producers, context);
  for (const node of [...ordered].reverse()) {
    if (!present(node.proto.output).some((output) => used.has(output))) continue;
    live.add(node);
    for (const name of node.reads) used.add(name);
  }
  const initializers = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? "", tensor]));
  const sparseInitializers = new Map(
    (graph.sparseInitializer ?? []).map((tensor) => [tensor.values?.name ?? "", tensor]),
  );
  const declaredInputs = graph.input ?? [];
  return {
    declaredInputs,
    inputs: declaredInputs.filter(({ name }) => !initializers.has(name ?? "") && !sparseInitializers.has(name ?? "")),
    outputs: graph.output ?? [],
    initializers,
    sparseInitializers,
    nodes: ordered.filter((node) => live.has(node)),
    deadNodeCount: nodes.length - live.size,
    used,
    captured: new Set([...used].filter((name) => !producers.has(name))),
  };
}

/** A node, and the graphs that it holds after their checks. */
function nameNode(proto: NodeProto, index: number, context: GraphContext): NamedNode {
  const name = nodeName(proto, index);
  const operator = proto.opType ?? "";
  const domain = normalizedDomain(proto.domain);
  const graphs = new Map<string, GraphStructure>();
  for (const attribute of proto.attribute ?? []) {
    if (attributeKind(attribute) !== "graph") continue;
    const at = { ...context.at, onnxNode: name, operator };
    graphs.set(attribute.name ?? "", readGraph(attribute.g ?? {}, { ...context, at }));
  }
  const captured = [...graphs.values()].flatMap((graph) => [...graph.captured]);
  const reads = [...new Set([...present(proto.input), ...captured])];
  return { proto, name, operator, domain, opset: context.opsets.get(domain) ?? 1, reads, graphs };
}

/** Who defines each name; names that are defined twice are problems B113. */
function findProducers(graph: GraphProto, { at, problems }: GraphContext): Map<string, Producer> {
  const producers = new Map<string, Producer>();
  const describe = (producer: Producer): string =>
    producer === "input"
      ? "a graph input"
      : producer === "initializer"
        ? "an initializer"
        : `node "${nodeName(graph.node?.[producer], producer)}"`;
  const define = (name: string, producer: Producer): void => {
    const earlier = producers.get(name);
    if (earlier !== undefined && !(earlier === "input" && producer === "initializer")) {
      problems.push({
        code: "B113",
        message: `It is defined by ${describe(earlier)} and by ${describe(producer)}.`,
        at: { ...at, tensor: name },
      });
    }
    producers.set(name, producer);
  };
  for (const input of graph.input ?? []) define(input.name ?? "", "input");
  for (const tensor of graph.initializer ?? []) define(tensor.name ?? "", "initializer");
  for (const tensor of graph.sparseInitializer ?? []) define(tensor.values?.name ?? "", "initializer");
  graph.node?.forEach((node, index) => {
    for (const output of present(node.output)) define(output, index);
  });
  return producers;
}

/**
 * The nodes in an order in which each follows those that it reads: depth first from the graph's outputs, so that the order
 * in the file does not count, then those that no output needs. A cycle is a problem B107 that names its nodes.
 */
function orderNodes(
  nodes: readonly NamedNode[],
  outputs: readonly string[],
  producers: ReadonlyMap<string, Producer>,
  { at, problems }: GraphContext,
): NamedNode[] {
  const ordered: NamedNode[] = [];
  const state = new Map<NamedNode, "open" | "done">();
  let hasCycle = false;
  const makerOf = (name: string): NamedNode[] => {
    const producer = producers.get(name);
    const node = typeof producer === "number" ? nodes[producer] : undefined;
    return node === undefined ? [] : [node];
  };
  for (const root of [...outputs.flatMap(makerOf), ...nodes]) {
    const path: { readonly node: NamedNode; readonly pending: NamedNode[] }[] = [];
    const enter = (node: NamedNode): void => {
      if (state.get(node) === "done") return;
      if (state.get(node) === "open") {
        if (!hasCycle)
          problems.push(
            cycleProblem(
              path.map((step) => step.node),
              node,
              at,
            ),
          );
        hasCycle = true;
        return;
      }
      state.set(node, "open");
      path.push({ node, pending: node.reads.flatMap(makerOf).reverse() });
    };
    enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.pending.pop();
      if (next !== undefined) enter(next);
      else {
        state.set(top.node, "done");
        ordered.push(top.node);
        path.pop();
      }
    }
  }
  return ordered;
}

/** The most nodes of a cycle that a message names. */
const namedCycleNodes = 20;

function cycleProblem(path: readonly NamedNode[], closing: NamedNode, at: Location): Problem {
  const names = path.slice(path.indexOf(closing)).map(({ name }) => `"${name}"`);
  const shown = names.length > namedCycleNodes ? [...names.slice(0, namedCycleNodes - 1), "..."] : names;
  return { code: "B107", message: `The nodes ${shown.reverse().join(" -> ")} -> ${names[0]} form a cycle.`, at };
}
