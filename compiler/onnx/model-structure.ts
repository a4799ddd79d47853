import { type Location, type Problem, problem } from "../../base/errors.ts";
import type { OnnxForm } from "../../ir/operator.ts";
import { controlFormOf } from "./control-flow.ts";
import { type GraphStructure, type NamedNode, normalizedDomain, readGraph } from "./graph-structure.ts";
import { limits } from "./limits.ts";
import type { AttributeProto, FunctionProto, ModelProto, OperatorSetIdProto } from "./proto-types.ts";
import { toNumber } from "./tensor-proto.ts";

/** The opsets of the default domain that are read. */
export const supportedOpsets = { first: 6, last: 25 } as const;

/** The greatest ONNX IR version that is read. */
const lastIrVersion = 13;

/** A function that a model defines itself. */
export interface FunctionStructure {
  readonly name: string;
  readonly graph: GraphStructure;
  /** Values of attributes that a call may leave out, by name. */
  readonly defaults: ReadonlyMap<string, AttributeProto>;
}

/** A model's graph and functions after all checks of names and order. */
export interface ModelStructure {
  readonly graph: GraphStructure;
  /** The functions that live nodes call, by `functionKey`. */
  readonly functions: ReadonlyMap<string, FunctionStructure>;
  readonly opset: number;
}

/** The key of the function that a node would call. */
export function functionKey({ domain, operator, proto }: NamedNode): string {
  return [domain, operator, proto.overload ?? ""].join("\n");
}

/** Opsets by domain; a missing or unsupported default one, or a domain with two, is a problem B114. */
function readOpsets(
  imports: readonly OperatorSetIdProto[],
  needsDefault: boolean,
  owner: string,
  at: Location,
  problems: Problem[],
): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const key = normalizedDomain(domain);
    const [earlier, opset] = [opsets.get(key), toNumber(version)];
    if (earlier !== undefined && earlier !== opset) {
      const message = `${owner} imports opsets ${earlier} and ${opset} of domain "${key}"; expected one.`;
      problems.push({ code: "B114", message, at });
    }
    opsets.set(key, opset);
  }
  const { first, last } = supportedOpsets;
  const opset = opsets.get("");
  if (opset === undefined ? needsDefault : opset < first || opset > last) {
    const found = opset === undefined ? `${owner} names no opset` : `${owner} has opset ${opset}`;
    problems.push({ code: "B114", message: `${found}; supported are ${first} to ${last}.`, at });
  }
  return opsets;
}

function usesDefaultDomain(nodes: ModelProto["graph"] | FunctionProto | null | undefined): boolean {
  return (nodes?.node ?? []).some(({ domain }) => normalizedDomain(domain) === "");
}

/** Checks names, order and opsets of a model and of the functions that it calls; all problems are collected. */
export function readStructure(model: ModelProto, at: Location, problems: Problem[]): ModelStructure {
  const opsets = readOpsets(model.opsetImport ?? [], usesDefaultDomain(model.graph), "The model", at, problems);
  const irVersion = toNumber(model.irVersion);
  if (irVersion < 1 || irVersion > lastIrVersion) {
    const message = `The model has IR version ${irVersion}; supported are 1 to ${lastIrVersion}.`;
    problems.push({ code: "B114", message, at });
  }
  const graph = readGraph(model.graph ?? {}, { opsets, isOuter: () => false, at, problems });
  if (graph.outputs.length === 0)
    problems.push({ code: "B106", message: "The graph has no outputs; expected at least one.", at });
  const outputs = graph.outputs.map(({ name }) => name ?? "");
  outputs.forEach((output, index) => {
    if (outputs.indexOf(output) === index) return;
    const message = "It is listed twice among the graph's outputs.";
    problems.push({ code: "B113", message, at: { ...at, tensor: output } });
  });
  const functions = new FunctionReader(model.functions ?? [], at, problems);
  functions.readCalls(graph);
  return { graph, functions: functions.structures, opset: opsets.get("") ?? 0 };
}

/** Reads the functions that are called, each once; a function that calls itself, also through others, is a problem B107. */
class FunctionReader {
  readonly structures = new Map<string, FunctionStructure>();
  readonly #protos = new Map<string, FunctionProto>();
  readonly #open: string[] = [];
  readonly #at: Location;
  readonly #problems: Problem[];

  constructor(protos: readonly FunctionProto[], at: Location, problems: Problem[]) {
    this.#at = at;
    this.#problems = problems;
    for (const proto of protos) {
      const key = [normalizedDomain(proto.domain), proto.name ?? "", proto.overload ?? ""].join("\n");
      if (this.#protos.has(key)) {
        const message = `Function "${proto.name ?? ""}" of domain "${proto.domain ?? ""}" is defined twice.`;
        problems.push({ code: "B113", message, at });
      }
      this.#protos.set(key, proto);
    }
  }

  /** Reads the functions that the nodes of a graph call. */
  readCalls(graph: GraphStructure): void {
    for (const node of graph.nodes) {
      const key = functionKey(node);
      const proto = this.#protos.get(key);
      if (proto !== undefined) this.#read(key, proto);
      for (const inner of node.graphs.values()) this.readCalls(inner);
    }
  }

  #read(key: string, proto: FunctionProto): void {
    const name = proto.name ?? "";
    const start = this.#open.indexOf(key);
    if (start >= 0) {
      const names = [...this.#open.slice(start), key].map((each) => `"${each.split("\n")[1]}"`);
      const message = `The functions ${names.join(" -> ")} call each other without end.`;
      this.#problems.push({ code: "B107", message, at: this.#at });
    }
    if (start >= 0 || this.structures.has(key)) return;
    const [at, owner] = [this.#at, `Function "${name}"`];
    const opsets = readOpsets(proto.opsetImport ?? [], usesDefaultDomain(proto), owner, at, this.#problems);
    const values = (names: readonly string[] | null | undefined): { name: string }[] =>
      (names ?? []).map((each) => ({ name: each }));
    const graph = readGraph(
      { node: proto.node ?? [], input: values(proto.input), output: values(proto.output) },
      { opsets, isOuter: () => false, at: { ...at, operator: name }, problems: this.#problems },
    );
    const defaults = new Map((proto.attributeProto ?? []).map((each) => [each.name ?? "", each]));
    this.structures.set(key, { name, graph, defaults });
    if (this.#open.length >= limits.nestedGraphs) {
      throw problem("B117", `Functions call functions deeper than ${limits.nestedGraphs}.`, { ...at, operator: name });
    }
    this.#open.push(key);
    this.readCalls(graph);
    this.#open.pop();
  }
}

/**
 * Problems B104 for operators without a form: one an operator, with how many nodes use it and which. Looks into the
 * bodies of loops and of functions that are called, not into branches, which may not be needed.
 */
export function unsupportedOperators(
  nodes: readonly NamedNode[],
  functions: ReadonlyMap<string, FunctionStructure>,
  formOf: (node: NamedNode) => OnnxForm | undefined,
  at: Location,
): Problem[] {
  const groups = new Map<string, NamedNode[]>();
  const seen = new Set<string>();
  const visit = (list: readonly NamedNode[]): void => {
    for (const node of list) {
      const key = functionKey(node);
      const called = functions.get(key);
      if (called !== undefined) {
        if (!seen.has(key)) {
          seen.add(key);
          visit(called.graph.nodes);
        }
      } else if (controlFormOf(node) !== undefined) {
        if (node.operator !== "If") for (const graph of node.graphs.values()) visit(graph.nodes);
      } else if (formOf(node) === undefined) {
        const group = groups.get(`${node.domain}\n${node.operator}`);
        if (group === undefined) groups.set(`${node.domain}\n${node.operator}`, [node]);
        else group.push(node);
      }
    }
  };
  visit(nodes);
  return [...groups.values()].map((group) => unsupportedProblem(group, at));
}

function unsupportedProblem(group: readonly NamedNode[], at: Location): Problem {
  const { operator, domain, opset, graphs } = group[0] as NamedNode;
  const names = group.slice(0, 5).map(({ name }) => `"${name}"`);
  const more = group.length > 5 ? `, and ${group.length - 5} more` : "";
  const users =
    group.length === 1 ? `1 node uses it: ${names[0]}` : `${group.length} nodes use it: ${names.join(", ")}${more}`;
  const ofDomain = domain === "" ? "" : ` of domain "${domain}"`;
  const reason = valueKinds.find(({ pattern }) => domain === "" && pattern.test(operator))?.reason ?? "";
  const held = graphs.size > 0 ? " It holds a graph of its own." : "";
  return {
    code: "B104",
    message: `Operator ${operator === "" ? '""' : operator}${ofDomain} (opset ${opset}) is not supported; ${users}.${reason}${held}`,
    at: { ...at, operator },
  };
}

/** Operators on values that are no tensors. */
const valueKinds = [
  { pattern: /^Sequence|Sequence$/, reason: " Values that are sequences of tensors are not supported." },
  { pattern: /^Optional/, reason: " Values that may be absent at run time are not supported." },
  { pattern: /^String|^RegexFullMatch$|^TfIdfVectorizer$/, reason: " Text is not supported." },
] as const;
