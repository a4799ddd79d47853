import { product, sum } from "../base/math.ts";
import { type Graph, type Node, valueTypes } from "../ir/graph.ts";
import type { Access, IterationSpace } from "../ir/iteration.ts";
import type { Movement } from "../ir/operator.ts";
import { operatorOf } from "../ir/ops/index.ts";
import { elementCount, type TensorType } from "../ir/type.ts";
import type { GpuKernel, GpuWork } from "../targets/gpu-work.ts";
import { decompose } from "./passes/decompose.ts";
import { rewriteGraph } from "./passes/rewriter.ts";

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

/** Whether a movement leaves every element at its row-major place, so that nothing has to be copied. */
function isView({ pieces, fill }: Movement, type: TensorType): boolean {
  const piece = pieces[0];
  if (fill !== null || piece === undefined || pieces.length > 1 || product(piece.counts) !== elementCount(type))
    return false;
  const inPlace = piece.counts.every(
    (count, axis) => count === 1 || piece.sourceStrides[axis] === piece.destinationStrides[axis],
  );
  return inPlace && piece.sourceOffset === 0 && piece.destinationOffset === 0;
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
  const types = valueTypes(graph);
  const next = rewriteGraph(graph, (node, rewriter) => {
    const rule = operatorOf(node.op).decompose;
    // Operands may be replaced already, by values of the same types.
    const operandTypes = new Map(types);
    for (const operand of node.operands) if (operand !== null) operandTypes.set(operand, rewriter.type(operand));
    if (rule === undefined || !expansion(node, operandTypes).some((part) => operatorOf(part.op).runsOn === "matrix"))
      return null;
    return rule({ operands: node.operands, attributes: node.attributes, type: node.type }, rewriter);
  });
  return next === graph ? graph : exposeContractions(next);
}

/** What a single operator, not composite, is to a GPU, and its operations on elements. */
function roleOf(
  node: Node,
  types: ReadonlyMap<string, TensorType>,
): Pick<Task, "role" | "space" | "elementOperations"> {
  const operator = operatorOf(node.op);
  const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) ?? null)));
  const context = { operands, attributes: node.attributes, type: node.type };
  const elements = elementCount(node.type);
  const movement = operator.movement?.(context) ?? null;
  if (movement !== null)
    return { role: isView(movement, node.type) ? "view" : "movement", space: null, elementOperations: 0 };
  const space = operator.iteration?.(context) ?? null;
  if (operator.runsOn === "matrix") return { role: "matrix", space, elementOperations: 0 };
  if (operator.runsOn === "folded" && node.op === "identity")
    return { role: "view", space: null, elementOperations: 0 };
  if (operator.vector?.kind === "reduce") {
    const points = space === null ? elements : product(space.dimensions.map((dimension) => dimension.size));
    return { role: "rows", space, elementOperations: points };
  }
  return { role: "pointwise", space, elementOperations: elements };
}

/** A node as a task; a composite is pointwise when all its parts are, and its operations are theirs together. */
function taskOf(node: Node, types: ReadonlyMap<string, TensorType>): Task {
  const parts = expansion(node, types);
  const partTypes = new Map(types);
  for (const part of parts) partTypes.set(part.name, part.type);
  const operandElements = node.operands.map((operand) =>
    operand === null ? 0 : elementCount(types.get(operand) as TensorType),
  );
  if (parts.length === 1 && parts[0]?.op === node.op) {
    const single = roleOf(node, types);
    const reads =
      single.role === "movement"
        ? operandElements.map((count) => Math.min(count, elementCount(node.type)))
        : operandElements;
    return { node, operandElements: reads, ...single };
  }
  const roles = parts.map((part) => roleOf(part, partTypes));
  const pointwise = roles.every(({ role }) => role === "pointwise" || role === "view");
  const elementOperations = sum(roles.map((part) => part.elementOperations));
  return { node, role: pointwise ? "pointwise" : "rows", space: null, elementOperations, operandElements };
}

/**
 * The work of a GPU for one run of a float graph: contractions, each with the element-wise chain that follows it and is read
 * by nobody else (a residual addition joins the later of its two contractions); chains of element-wise nodes; nodes
 * over rows or windows; copies. Views and everything that depends on constants alone is free.
 */
export function gpuWork(graph: Graph): GpuWork {
  const exposed = exposeContractions(graph);
  const types = valueTypes(exposed);
  const known = new Set(exposed.constants.map((constant) => constant.name));
  const tasks: Task[] = [];
  for (const node of exposed.nodes) {
    const operands = node.operands.filter((operand) => operand !== null);
    if (operands.every((operand) => known.has(operand))) known.add(node.name);
    else tasks.push(taskOf(node, types));
  }
  const viewed = new Map<string, string>();
  const base = (value: string): string => viewed.get(value) ?? value;
  for (const { node, role } of tasks) if (role === "view") viewed.set(node.name, base(node.operands[0] as string));
  const readers = readerCounts(exposed, tasks, base);
  const producers = new Map<string, OpenKernel>();
  const kernels: OpenKernel[] = [];
  for (const task of tasks) {
    if (task.role === "view") continue;
    const host = task.role === "pointwise" ? hostOf(task, kernels, producers, readers, base, types) : null;
    const kernel = host ?? { anchor: task, tasks: [], result: task.node.name };
    if (host === null) kernels.push(kernel);
    kernel.tasks.push(task);
    kernel.result = task.node.name;
    producers.set(task.node.name, kernel);
  }
  return {
    name: graph.name,
    kernels: kernels.map((kernel) => kernelOf(kernel, known, base, types)),
    inputElements: sum(graph.inputs.map((input) => elementCount(input.type))),
    outputElements: sum(graph.outputs.map((output) => elementCount(types.get(output) as TensorType))),
  };
}

/** How many nodes that are no views read each value, itself or through views, and how often it leaves the graph. */
function readerCounts(
  graph: Graph,
  tasks: readonly Task[],
  base: (value: string) => string,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const count = (value: string): void => {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  };
  for (const { node, role } of tasks) {
    if (role === "view") continue;
    for (const value of new Set(node.operands.map((operand) => (operand === null ? null : base(operand))))) {
      if (value !== null) count(value);
    }
  }
  for (const output of graph.outputs) count(base(output));
  return counts;
}

/** The latest kernel whose result this element-wise node may finish: it alone reads it, and it keeps the number of elements. */
function hostOf(
  task: Task,
  kernels: readonly OpenKernel[],
  producers: ReadonlyMap<string, OpenKernel>,
  readers: ReadonlyMap<string, number>,
  base: (value: string) => string,
  types: ReadonlyMap<string, TensorType>,
): OpenKernel | null {
  const elements = elementCount(task.node.type);
  const hosts = task.node.operands.flatMap((operand) => {
    if (operand === null) return [];
    const value = base(operand);
    const kernel = producers.get(value);
    const alone =
      kernel?.result === value && readers.get(value) === 1 && elementCount(types.get(value) as TensorType) === elements;
    return kernel !== undefined && alone && kernel.anchor.role !== "movement" ? [kernel] : [];
  });
  return hosts.length === 0
    ? null
    : hosts.reduce((last, host) => (kernels.indexOf(host) > kernels.indexOf(last) ? host : last));
}

/** Adds up the tasks of a kernel: what comes from outside is read once, and only the last result is written. */
function kernelOf(
  { anchor, tasks, result }: OpenKernel,
  known: ReadonlySet<string>,
  base: (value: string) => string,
  types: ReadonlyMap<string, TensorType>,
): GpuKernel {
  const inside = new Set(tasks.map((task) => task.node.name));
  const read = new Map<string, number>();
  const weights = new Map<string, number>();
  for (const { node, operandElements } of tasks) {
    node.operands.forEach((operand, index) => {
      if (operand === null || inside.has(base(operand))) return;
      const list = known.has(operand) ? weights : read;
      const elements = operandElements[index] ?? 0;
      list.set(base(operand), Math.max(list.get(base(operand)) ?? 0, elements));
    });
  }
  return {
    name: anchor.node.name,
    origin: [...new Set(tasks.flatMap((task) => task.node.origin))],
    kind: anchor.role === "matrix" ? "matrix" : anchor.role === "movement" ? "movement" : "vector",
    elementOperations: sum(tasks.map((task) => task.elementOperations)),
    readElements: sum([...read.values()]),
    writeElements: elementCount(types.get(result) as TensorType),
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
