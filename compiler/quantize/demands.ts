import { product } from "../../base/math.ts";
import { type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { isFloat, type TensorType } from "../../ir/type.ts";

/**
 * In which formats the float values of a graph are needed. Values whose stored integers pass through movement, pooling,
 * relu and clip unchanged form a group: they share one quantization.
 */
export interface Demands {
  readonly types: ReadonlyMap<string, TensorType>;
  /** Values that something reads as stored integers. */
  readonly narrow: ReadonlySet<string>;
  /** Values that something reads as floats, graph outputs among them. */
  readonly wide: ReadonlySet<string>;
  /** Nodes that pass stored integers through. */
  readonly carriers: ReadonlySet<string>;
  /** The group of each narrow value. */
  readonly groupOf: (value: string) => string;
  /** By group: the values that contractions read, whose ranges the quantization must hold. */
  readonly roots: ReadonlyMap<string, readonly string[]>;
  /** Groups in which a product of two activations reads, which needs zero point 0. */
  readonly symmetric: ReadonlySet<string>;
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

/** Finds out, from the outputs backwards, in which formats values are needed; `wideInputs` are needed as floats anyway. */
export function demandsOf(graph: Graph, wideInputs: readonly string[] = []): Demands {
  const types = valueTypes(graph);
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant.type.shape]));
  for (const { name, op, operands, type } of graph.nodes) {
    if (op === "dequantize" && constants.has(operands[0] ?? "")) constants.set(name, type.shape);
  }
  const narrow = new Set<string>();
  const wide = new Set<string>([...graph.outputs, ...wideInputs]);
  const carriers = new Set<string>();
  const groups = makeGroups();
  const read: string[] = [];
  const symmetricRoots: string[] = [];
  for (const node of [...graph.nodes].reverse()) {
    const contraction = contractionOf(node, (value) => constants.get(value) ?? null);
    if (contraction !== null) {
      const { activation, weights, bias, constantWeights, symmetric } = contraction;
      const stored = constantWeights ? [activation] : [activation, weights];
      for (const value of stored) {
        narrow.add(value);
        read.push(value);
        if (symmetric) symmetricRoots.push(value);
      }
      if (bias !== null && !constants.has(bias)) wide.add(bias);
    } else if (isPassThrough(node) && narrow.has(node.name) && !wide.has(node.name)) {
      carriers.add(node.name);
      for (const value of floatOperands(node, types)) {
        narrow.add(value);
        groups.join(value, node.name);
      }
    } else for (const value of floatOperands(node, types)) wide.add(value);
  }
  const roots = new Map<string, string[]>();
  for (const value of new Set(read)) {
    const group = groups.of(value);
    roots.set(group, [...(roots.get(group) ?? []), value]);
  }
  const symmetric = new Set(symmetricRoots.map(groups.of));
  return { types, narrow, wide, carriers, groupOf: groups.of, roots, symmetric };
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
