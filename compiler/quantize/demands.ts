import { product } from "../../base/math.ts";
import { type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { type ElementType, isFloat, type TensorType } from "../../ir/type.ts";
import type { Precision } from "./precision.ts";
import { precisionElements } from "./precision.ts";

/**
 * In which formats the float values of a graph are needed. Values whose stored integers pass through movement, pooling,
 * relu and clip unchanged form a group: they share one quantization. A value that contractions of several precisions read
 * has a quantization in each.
 */
export interface Demands {
  readonly types: ReadonlyMap<string, TensorType>;
  /** By value that something reads as stored integers: their element types. */
  readonly narrow: ReadonlyMap<string, ReadonlySet<ElementType>>;
  /** Values that something reads as floats, graph outputs among them. */
  readonly wide: ReadonlySet<string>;
  /** Nodes that pass stored integers through. */
  readonly carriers: ReadonlySet<string>;
  /** The group of a narrow value in an element type. */
  readonly groupOf: (value: string, element: ElementType) => string;
  /** By group: the element type, and the values that contractions read, whose ranges the quantization must hold. */
  readonly roots: ReadonlyMap<string, GroupRoots>;
  /** Groups in which a product of two activations reads, which needs zero point 0. */
  readonly symmetric: ReadonlySet<string>;
}

/** What a group of narrow values must hold. */
export interface GroupRoots {
  readonly element: ElementType;
  readonly values: readonly string[];
}

/** The operands of a float contraction. */
export interface Contraction {
  readonly node: Node;
  readonly activation: string;
  readonly weights: string;
  readonly bias: string | null;
  /** Whether the weights are known at compile time (with or without data), so that each channel has its scale. */
  readonly constantWeights: boolean;
  /** Whether the activations' zero point must be 0: it cannot be folded into one bias for each channel. */
  readonly symmetric: boolean;
}

const passThrough = new Set(["max_pool", "relu", "clip"]);

/** The operands of a node that the matrix unit computes and that is not yet in integers; null for other nodes. */
export function contractionOf(
  node: Node,
  constantShape: (value: string) => readonly number[] | null,
): Contraction | null {
  const [activation, weights, bias] = node.operands;
  if (operatorOf(node.op).runsOn !== "matrix" || !isFloat(node.type.element)) return null;
  if (activation == null || weights == null) return null;
  const shape = constantShape(activation) === null ? constantShape(weights) : null;
  const isBatched = shape !== null && node.op === "matmul" && product(shape.slice(0, -2)) > 1;
  return {
    node,
    activation,
    weights,
    bias: bias ?? null,
    constantWeights: shape !== null,
    symmetric: shape === null || isBatched,
  };
}

/**
 * Finds out, from the outputs backwards, in which formats values are needed; `wideInputs` are needed as floats anyway, and
 * `precisionOf` says how wide the operands of a contraction are.
 */
export function demandsOf(
  graph: Graph,
  precisionOf: (node: Node) => Precision,
  wideInputs: readonly string[] = [],
): Demands {
  const types = valueTypes(graph);
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant.type.shape]));
  for (const { name, op, operands, type } of graph.nodes) {
    if (op === "dequantize" && constants.has(operands[0] ?? "")) constants.set(name, type.shape);
  }
  const narrow = new Map<string, Set<ElementType>>();
  const narrowed = (value: string, element: ElementType): void => {
    narrow.set(value, (narrow.get(value) ?? new Set()).add(element));
  };
  const roots = new Map<string, { element: ElementType; value: string; symmetric: boolean }>();
  const wide = new Set<string>([...graph.outputs, ...wideInputs]);
  const carriers = new Set<string>();
  const groups = makeGroups();
  for (const node of [...graph.nodes].reverse()) {
    const contraction = contractionOf(node, (value) => constants.get(value) ?? null);
    if (contraction !== null) {
      const { activation, weights, bias, constantWeights, symmetric } = contraction;
      const stored = constantWeights ? [activation] : [activation, weights];
      const element = precisionElements(precisionOf(node)).activations;
      for (const value of stored) {
        narrowed(value, element);
        const key = groupKey(value, element);
        roots.set(key, { element, value, symmetric: symmetric || roots.get(key)?.symmetric === true });
      }
      if (bias !== null && !constants.has(bias)) wide.add(bias);
      continue;
    }
    const [element, ...others] = narrow.get(node.name) ?? [];
    if (isPassThrough(node) && element !== undefined && others.length === 0 && !wide.has(node.name)) {
      carriers.add(node.name);
      for (const value of floatOperands(node, types)) {
        narrowed(value, element);
        groups.join(groupKey(value, element), groupKey(node.name, element));
      }
    } else for (const value of floatOperands(node, types)) wide.add(value);
  }
  const byGroup = new Map<string, { element: ElementType; values: string[] }>();
  const symmetric = new Set<string>();
  for (const [key, root] of roots) {
    const group = groups.of(key);
    const known = byGroup.get(group) ?? { element: root.element, values: [] };
    known.values.push(root.value);
    byGroup.set(group, known);
    if (root.symmetric) symmetric.add(group);
  }
  const groupOf = (value: string, element: ElementType): string => groups.of(groupKey(value, element));
  return { types, narrow, wide, carriers, groupOf, roots: byGroup, symmetric };
}

function groupKey(value: string, element: ElementType): string {
  return `${element} ${value}`;
}

function isPassThrough(node: Node): boolean {
  if (!isFloat(node.type.element)) return false;
  return passThrough.has(node.op) || operatorOf(node.op).runsOn === "movement";
}

function floatOperands(node: Node, types: ReadonlyMap<string, TensorType>): string[] {
  return node.operands.filter(
    (operand) => operand !== null && isFloat((types.get(operand) as TensorType).element),
  ) as string[];
}

/** Disjoint sets of names. */
function makeGroups(): { readonly of: (name: string) => string; readonly join: (left: string, right: string) => void } {
  const parents = new Map<string, string>();
  const of = (name: string): string => {
    let root = name;
    for (let parent = parents.get(root); parent !== undefined; parent = parents.get(root)) root = parent;
    return root;
  };
  const join = (left: string, right: string): void => {
    const [from, to] = [of(left), of(right)];
    if (from !== to) parents.set(from, to);
  };
  return { of, join };
}
