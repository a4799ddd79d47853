import type { Location, Problem } from "../../base/errors.ts";
import type { OnnxForm } from "../../ir/operator.ts";
import { attributeKind } from "./node-attributes.ts";
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
  ValueInfoProto,
} from "./proto-types.ts";
import { toNumber } from "./tensor-proto.ts";

/** The opsets of the default domain that are read. */
export const supportedOpsets = { first: 6, last: 25 } as const;

/** The greatest ONNX IR version that is read. */
const lastIrVersion = 13;

/** A node with its name: the ONNX name, or the operator and the node's place. */
export interface NamedNode {
  readonly proto: NodeProto;
  readonly name: string;
  readonly operator: string;
  /** "" for the default domain. */
  readonly domain: string;
  readonly opset: number;
}

/** A model's graph after all checks of names and order. */
export interface ModelStructure {
  /** Inputs without those that an initializer gives a value. */
  readonly inputs: readonly ValueInfoProto[];
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly sparseInitializers: ReadonlyMap<string, SparseTensorProto>;
  /** The nodes that an output depends on, each after those that it reads. */
  readonly nodes: readonly NamedNode[];
  readonly deadNodeCount: number;
  /** Names of ONNX values that a live node or the graph's outputs read. */
  readonly used: ReadonlySet<string>;
  readonly opset: number;
}

function normalizedDomain(domain: string | null | undefined): string {
  return domain === "ai.onnx" ? "" : (domain ?? "");
}

/** Opsets by domain; a missing or unsupported default one is a problem B114. */
function readOpsets(model: ModelProto, at: Location, problems: Problem[]): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of model.opsetImport ?? []) opsets.set(normalizedDomain(domain), toNumber(version));
  const { first, last } = supportedOpsets;
  const opset = opsets.get("");
  const usesDefault = (model.graph?.node ?? []).some((node) => normalizedDomain(node.domain) === "");
  if (opset === undefined ? usesDefault : opset < first || opset > last) {
    const found = opset === undefined ? "The model names no opset" : `The model has opset ${opset}`;
    problems.push({ code: "B114", message: `${found}; supported are ${first} to ${last}.`, at });
  }
  const irVersion = toNumber(model.irVersion);
  if (irVersion < 1 || irVersion > lastIrVersion) {
    problems.push({
      code: "B114",
      message: `The model has IR version ${irVersion}; supported are 1 to ${lastIrVersion}.`,
      at,
    });
  }
  return opsets;
}

function nameNodes(graph: GraphProto, opsets: ReadonlyMap<string, number>): NamedNode[] {
  return (graph.node ?? []).map((proto, index) => {
    const operator = proto.opType ?? "";
    const domain = normalizedDomain(proto.domain);
    const name =
      proto.name === null || proto.name === undefined || proto.name === "" ? `${operator}_${index}` : proto.name;
    return { proto, name, operator, domain, opset: opsets.get(domain) ?? 1 };
  });
}

function outputsOf(node: NamedNode): string[] {
  return (node.proto.output ?? []).filter((output) => output !== "");
}

function inputsOf(node: NamedNode): string[] {
  return (node.proto.input ?? []).filter((input) => input !== "");
}

/** Who defines each name; names that are defined twice are problems B113. */
function findProducers(
  graph: GraphProto,
  nodes: readonly NamedNode[],
  at: Location,
  problems: Problem[],
): Map<string, NamedNode | "input" | "initializer"> {
  const producers = new Map<string, NamedNode | "input" | "initializer">();
  const describe = (producer: NamedNode | "input" | "initializer"): string =>
    typeof producer === "string"
      ? producer === "input"
        ? "a graph input"
        : "an initializer"
      : `node "${producer.name}"`;
  const define = (name: string, producer: NamedNode | "input" | "initializer"): void => {
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
  for (const node of nodes) for (const output of outputsOf(node)) define(output, node);
  return producers;
}

/**
 * The nodes in an order in which each follows those that it reads: depth first from the graph's outputs, so that the order
 * in the file does not count, then those that no output needs. A cycle is a problem B107 that names its nodes.
 */
function orderNodes(
  nodes: readonly NamedNode[],
  outputs: readonly string[],
  producers: ReadonlyMap<string, NamedNode | "input" | "initializer">,
  at: Location,
  problems: Problem[],
): NamedNode[] {
  const ordered: NamedNode[] = [];
  const state = new Map<NamedNode, "open" | "done">();
  const sources = (node: NamedNode): NamedNode[] =>
    inputsOf(node).flatMap((input) => {
      const producer = producers.get(input);
      return producer === undefined || typeof producer === "string" ? [] : [producer];
    });
  const makers = outputs.map((output) => producers.get(output)).filter((maker) => typeof maker === "object");
  for (const root of [...makers, ...nodes]) {
    const path: { readonly node: NamedNode; readonly pending: NamedNode[] }[] = [];
    const enter = (node: NamedNode): void => {
      if (state.get(node) === "done") return;
      if (state.get(node) === "open") {
        const start = path.findIndex((step) => step.node === node);
        const names = path.slice(start).map((step) => `"${step.node.name}"`);
        if (!problems.some(({ code }) => code === "B107")) {
          problems.push({
            code: "B107",
            message: `The nodes ${names.reverse().join(" -> ")} -> ${names[0]} form a cycle.`,
            at,
          });
        }
        return;
      }
      state.set(node, "open");
      path.push({ node, pending: sources(node).reverse() });
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

/** Live nodes whose operator has no form: one problem B104 an operator, with how many nodes use it and which. */
function refuseUnsupported(
  nodes: readonly NamedNode[],
  model: ModelProto,
  formOf: (node: NamedNode) => OnnxForm | undefined,
  at: Location,
  problems: Problem[],
): void {
  const groups = new Map<string, NamedNode[]>();
  for (const node of nodes) {
    if (formOf(node) !== undefined) continue;
    const key = `${node.domain}\n${node.operator}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  for (const group of groups.values()) {
    const first = group[0] as NamedNode;
    const isFunction = (model.functions ?? []).some(
      (each) => each.name === first.operator && normalizedDomain(each.domain) === first.domain,
    );
    const holdsGraph = group.some(({ proto }) => (proto.attribute ?? []).some(isGraph));
    const reason = isFunction
      ? " It is a function that the model itself defines; inline it before."
      : holdsGraph
        ? " It holds a graph of its own; branches and loops are not supported."
        : "";
    const names = group.slice(0, 5).map(({ name }) => `"${name}"`);
    const more = group.length > 5 ? `, and ${group.length - 5} more` : "";
    const domain = first.domain === "" ? "" : ` of domain "${first.domain}"`;
    const users =
      group.length === 1 ? `1 node uses it: ${names[0]}` : `${group.length} nodes use it: ${names.join(", ")}${more}`;
    problems.push({
      code: "B104",
      message: `Operator ${first.operator === "" ? '""' : first.operator}${domain} (opset ${first.opset}) is not supported; ${users}.${reason}`,
      at: { ...at, operator: first.operator },
    });
  }
}

function isGraph(attribute: AttributeProto): boolean {
  const kind = attributeKind(attribute);
  return kind === "graph" || kind === "graphs";
}

/** Checks names, order, opsets and operators of a model; all problems are collected. */
export function readStructure(
  model: ModelProto,
  formOf: (node: NamedNode) => OnnxForm | undefined,
  at: Location,
  problems: Problem[],
): ModelStructure {
  const graph = model.graph ?? {};
  const opsets = readOpsets(model, at, problems);
  const nodes = nameNodes(graph, opsets);
  const producers = findProducers(graph, nodes, at, problems);
  const outputs = (graph.output ?? []).map(({ name }) => name ?? "");
  for (const node of nodes) {
    for (const input of new Set(inputsOf(node))) {
      if (producers.has(input)) continue;
      problems.push({
        code: "B106",
        message: "It is read by the node, but no input, initializer or node defines it.",
        at: { ...at, onnxNode: node.name, operator: node.operator, tensor: input },
      });
    }
  }
  if (outputs.length === 0)
    problems.push({ code: "B106", message: "The graph has no outputs; expected at least one.", at });
  outputs.forEach((output, index) => {
    if (outputs.indexOf(output) < index) {
      problems.push({
        code: "B113",
        message: "It is listed twice among the graph's outputs.",
        at: { ...at, tensor: output },
      });
    } else if (!producers.has(output)) {
      problems.push({
        code: "B106",
        message: "It is an output of the graph, but no input, initializer or node defines it.",
        at: { ...at, tensor: output },
      });
    }
  });
  const used = new Set(outputs);
  const live = new Set<NamedNode>();
  const ordered = orderNodes(nodes, outputs, producers, at, problems);
  for (const node of [...ordered].reverse()) {
    if (!outputsOf(node).some((output) => used.has(output))) continue;
    live.add(node);
    for (const input of inputsOf(node)) used.add(input);
  }
  const liveNodes = ordered.filter((node) => live.has(node));
  refuseUnsupported(liveNodes, model, formOf, at, problems);
  const initializers = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? "", tensor]));
  const sparseInitializers = new Map(
    (graph.sparseInitializer ?? []).map((tensor) => [tensor.values?.name ?? "", tensor]),
  );
  return {
    inputs: (graph.input ?? []).filter(
      ({ name }) => !initializers.has(name ?? "") && !sparseInitializers.has(name ?? ""),
    ),
    initializers,
    sparseInitializers,
    nodes: liveNodes,
    deadNodeCount: nodes.length - liveNodes.length,
    used,
    opset: opsets.get("") ?? 0,
  };
}
