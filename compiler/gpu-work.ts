import { product, sum } from "../base/math.ts";
import { consumers, type Graph, type Node, valueTypes } from "../ir/graph.ts";
import type { Access, IterationSpace } from "../ir/iteration.ts";
import type { Movement } from "../ir/operator.ts";
import { operatorOf } from "../ir/ops/index.ts";
import { elementCount, type TensorType } from "../ir/type.ts";
import type { GpuKernel, GpuWork } from "../targets/gpu-work.ts";
import { decompose } from "./passes/decompose.ts";
import { rewriteGraph } from "./passes/rewriter.ts";
import type { State } from "./states.ts";

/**
 * How a GPU library runs a node. `view`: not at all, the next kernel reads the same bytes. `pointwise`: element by
 * element, so that it may end the kernel before it. `rows`: over whole rows, windows or axes, a kernel of its own.
 */
type Role = "matrix" | "pointwise" | "rows" | "movement" | "view";

/** A node with the counts that its kernel adds up. */
interface Task {
  readonly node: Node;
  readonly role: Role;
  readonly space: IterationSpace | null;
  readonly elementOperations: number;
  /** Elements read of each operand. */
  readonly operandElements: readonly number[];
}

/** A kernel that may still take in nodes that read its result. */
interface OpenKernel {
  readonly anchor: Task;
  readonly tasks: Task[];
  result: string;
}

/**
 * Whether a movement costs a GPU nothing: every element stays at its row-major place, or (`permuted`) the axes of one
 * operand are permuted, which contractions take as strides.
 */
function isView({ pieces, fill }: Movement, type: TensorType, permuted: boolean): boolean {
  const piece = pieces[0];
  if (fill !== null || piece === undefined || pieces.length > 1) return false;
  if (product(piece.counts) !== elementCount(type) || piece.sourceOffset !== 0 || piece.destinationOffset !== 0)
    return false;
  const axes = piece.counts.map((count, axis) => ({
    count,
    source: piece.sourceStrides[axis] as number,
    destination: piece.destinationStrides[axis] as number,
  }));
  const long = axes.filter((axis) => axis.count > 1);
  if (!permuted) return long.every((axis) => axis.source === axis.destination);
  long.sort((left, right) => left.source - right.source);
  let stride = 1;
  return long.every((axis) => {
    const dense = axis.source === stride;
    stride *= axis.count;
    return dense;
  });
}

/** The nodes that a composite node stands for; the node itself when it is not composite. */
function expansion(node: Node, types: ReadonlyMap<string, TensorType>): readonly Node[] {
  if (operatorOf(node.op).decompose === undefined) return [node];
  const names = [...new Set(node.operands.filter((operand) => operand !== null))];
  const inputs = names.map((name) => ({ name, type: types.get(name) as TensorType }));
  const alone: Graph = { kind: "graph", name: node.name, inputs, constants: [], nodes: [node], outputs: [node.name] };
  return decompose.run(alone, { count: () => undefined }).nodes;
}

/** The graph in which composites that hold contractions are replaced by their parts; other composites stay one kernel. */
function exposeContractions(graph: Graph): Graph {
  const next = rewriteGraph(graph, (node, rewriter) => {
    const rule = operatorOf(node.op).decompose;
    if (rule === undefined) return null;
    const operands = node.operands.filter((operand) => operand !== null);
    const types = new Map(operands.map((operand) => [operand, rewriter.type(operand)]));
    if (!expansion(node, types).some((part) => operatorOf(part.op).runsOn === "matrix")) return null;
    return rule({ operands: node.operands, attributes: node.attributes, type: node.type }, rewriter);
  });
  return next === graph ? graph : exposeContractions(next);
}

/** What a single operator, not composite, is to a GPU, and its operations on elements; `permuted` as for `isView`. */
function roleOf(
  node: Node,
  types: ReadonlyMap<string, TensorType>,
  permuted: boolean,
): Pick<Task, "role" | "space" | "elementOperations"> {
  const operator = operatorOf(node.op);
  const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) ?? null)));
  const context = { operands, attributes: node.attributes, type: node.type };
  const elements = elementCount(node.type);
  const movement = operator.movement?.(context) ?? null;
  if (movement !== null) {
    return { role: isView(movement, node.type, permuted) ? "view" : "movement", space: null, elementOperations: 0 };
  }
  const space = operator.iteration?.(context) ?? null;
  if (operator.runsOn === "matrix") return { role: "matrix", space, elementOperations: 0 };
  if (node.op === "identity") return { role: "view", space: null, elementOperations: 0 };
  if (operator.vector?.kind !== "reduce") return { role: "pointwise", space, elementOperations: elements };
  const points = space === null ? elements : product(space.dimensions.map((dimension) => dimension.size));
  return { role: "rows", space, elementOperations: points };
}

/** A node as a task; a composite is pointwise when all its parts are, and its operations are theirs together. */
function taskOf(node: Node, types: ReadonlyMap<string, TensorType>, permuted: boolean): Task {
  const parts = expansion(node, types);
  const elementsOf = (operand: string | null): number =>
    operand === null ? 0 : elementCount(types.get(operand) as TensorType);
  const operandElements = node.operands.map(elementsOf);
  if (parts.length === 1 && parts[0]?.op === node.op) {
    const single = roleOf(node, types, permuted);
    // A copy reads no more than it writes.
    const most = single.role === "movement" ? elementCount(node.type) : Number.POSITIVE_INFINITY;
    return { node, operandElements: operandElements.map((count) => Math.min(count, most)), ...single };
  }
  const partTypes = new Map(types);
  for (const part of parts) partTypes.set(part.name, part.type);
  const roles = parts.map((part) => roleOf(part, partTypes, false));
  const pointwise = roles.every(({ role }) => role === "pointwise" || role === "view");
  const elementOperations = sum(roles.map((part) => part.elementOperations));
  return { node, role: pointwise ? "pointwise" : "rows", space: null, elementOperations, operandElements };
}

/** What fusion looks up: tasks in order, and values behind views. */
interface Network {
  readonly tasks: readonly Task[];
  readonly types: ReadonlyMap<string, TensorType>;
  /** Values that depend on constants alone. */
  readonly known: ReadonlySet<string>;
  /** The value that a value is a view of; itself when it is none. */
  readonly base: (value: string) => string;
  readonly outputs: ReadonlySet<string>;
}

function networkOf(graph: Graph): Network {
  const types = valueTypes(graph);
  const readers = consumers(graph);
  const known = new Set(graph.constants.map((constant) => constant.name));
  const tasks: Task[] = [];
  for (const node of graph.nodes) {
    if (node.operands.every((operand) => operand === null || known.has(operand))) {
      known.add(node.name);
      continue;
    }
    const readBy = readers.get(node.name) ?? [];
    const byContractions = readBy.length > 0 && readBy.every((reader) => operatorOf(reader.op).runsOn === "matrix");
    tasks.push(taskOf(node, types, byContractions && !graph.outputs.includes(node.name)));
  }
  const viewed = new Map<string, string>();
  const base = (value: string): string => viewed.get(value) ?? value;
  for (const { node, role } of tasks) if (role === "view") viewed.set(node.name, base(node.operands[0] as string));
  return {
    tasks: tasks.filter(({ role }) => role !== "view"),
    types,
    known,
    base,
    outputs: new Set(graph.outputs.map(base)),
  };
}

/** Groups tasks into kernels. */
function fuse(network: Network): readonly OpenKernel[] {
  const kernels: OpenKernel[] = [];
  const producers = new Map<string, number>();
  for (const task of network.tasks) {
    const number = hostOf(task, kernels, producers, network) ?? kernels.length;
    const kernel = kernels[number];
    if (kernel === undefined) kernels.push({ anchor: task, tasks: [task], result: task.node.name });
    else {
      kernel.tasks.push(task);
      kernel.result = task.node.name;
    }
    producers.set(task.node.name, number);
  }
  return kernels;
}

/**
 * The number of the kernel that an element-wise task may end: the latest of those that make its operands, when the task
 * goes on from its result and keeps the number of elements. Copies have no arithmetic to end.
 */
function hostOf(
  task: Task,
  kernels: readonly OpenKernel[],
  producers: ReadonlyMap<string, number>,
  { types, base }: Network,
): number | null {
  if (task.role !== "pointwise") return null;
  const values = task.node.operands.flatMap((operand) => (operand === null ? [] : [base(operand)]));
  const latest = Math.max(-1, ...values.map((value) => producers.get(value) ?? -1));
  const kernel = kernels[latest];
  if (kernel === undefined || kernel.anchor.role === "movement" || !values.includes(kernel.result)) return null;
  const elements = elementCount(types.get(kernel.result) as TensorType);
  return elements === elementCount(task.node.type) ? latest : null;
}

/**
 * The work of a GPU for one run of a float graph: contractions, each with the element-wise nodes that follow it (a
 * residual addition joins the later of its two contractions); chains of element-wise nodes; nodes over rows or windows;
 * copies. Views, transposes that only contractions read, and everything that depends on constants alone are free. States
 * stay in memory: they do not cross the host link.
 */
export function gpuWork(graph: Graph, states: readonly State[] = []): GpuWork {
  const kept = new Set(states.map(({ input }) => input));
  const fed = new Set(states.map(({ output }) => output));
  const exposed = exposeContractions(graph);
  const network = networkOf(exposed);
  const kernels = fuse(network);
  const readIn = new Map<string, Set<OpenKernel>>();
  for (const kernel of kernels) {
    for (const value of kernel.tasks.flatMap(({ node }) => node.operands)) {
      if (value !== null) readIn.set(network.base(value), (readIn.get(network.base(value)) ?? new Set()).add(kernel));
    }
  }
  const isWritten = (kernel: OpenKernel, value: string): boolean =>
    network.outputs.has(value) || [...(readIn.get(value) ?? [])].some((reader) => reader !== kernel);
  return {
    name: graph.name,
    kernels: kernels.map((kernel) => kernelOf(kernel, network, (value) => isWritten(kernel, value))),
    inputElements: sum(graph.inputs.map(({ name, type }) => (kept.has(name) ? 0 : elementCount(type)))),
    outputElements: sum(
      graph.outputs.map((output, index) =>
        fed.has(index) ? 0 : elementCount(network.types.get(output) as TensorType),
      ),
    ),
  };
}

/** Adds up the tasks of a kernel: what comes from outside is read once, and what is read outside is written. */
function kernelOf(
  { anchor, tasks }: OpenKernel,
  { known, base, types }: Network,
  isWritten: (value: string) => boolean,
): GpuKernel {
  const inside = new Set(tasks.map((task) => task.node.name));
  const read = new Map<string, number>();
  const weights = new Map<string, number>();
  for (const { node, operandElements } of tasks) {
    node.operands.forEach((operand, index) => {
      if (operand === null || inside.has(base(operand))) return;
      const list = known.has(operand) ? weights : read;
      list.set(base(operand), Math.max(list.get(base(operand)) ?? 0, operandElements[index] ?? 0));
    });
  }
  const written = [...inside].filter(isWritten);
  return {
    name: anchor.node.name,
    origin: [...new Set(tasks.flatMap((task) => task.node.origin))],
    kind: anchor.role === "matrix" ? "matrix" : anchor.role === "movement" ? "movement" : "vector",
    elementOperations: sum(tasks.map((task) => task.elementOperations)),
    readElements: sum([...read.values()]),
    writeElements: sum(written.map((value) => elementCount(types.get(value) as TensorType))),
    weightElements: sum([...weights.values()]),
    ...matrixCounts(anchor, known),
  };
}

const dimensionsOf = (access: Access): Set<number> =>
  new Set(access.flatMap((axis) => axis.terms.map((term) => term.dimension)));

/**
 * The product that a contraction is: dimensions that are summed make k; of the others, those of both factors make groups,
 * those of the weight (or second factor) alone make n, and the rest m.
 */
function matrixCounts(
  anchor: Task,
  known: ReadonlySet<string>,
): Pick<GpuKernel, "macCount" | "m" | "n" | "k" | "groups" | "batchedBy"> {
  if (anchor.role !== "matrix" || anchor.space === null)
    return { macCount: 0, m: 0, n: 0, k: 0, groups: 0, batchedBy: "m" };
  const { dimensions, operands } = anchor.space;
  const isWeight = [0, 1].map((index) => known.has(anchor.node.operands[index] ?? ""));
  const second = isWeight[0] ? 0 : 1;
  const [first, weight] = [dimensionsOf(operands[1 - second] ?? []), dimensionsOf(operands[second] ?? [])];
  const counts = { m: 1, n: 1, k: 1, groups: 1 };
  dimensions.forEach(({ size, kind }, index) => {
    const part = kind === "reduction" ? "k" : !weight.has(index) ? "m" : first.has(index) ? "groups" : "n";
    counts[part] *= size;
  });
  const macCount = counts.m * counts.n * counts.k * counts.groups;
  return { macCount, ...counts, batchedBy: isWeight[0] || isWeight[1] ? "m" : "groups" };
}
