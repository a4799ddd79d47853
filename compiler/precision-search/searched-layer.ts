import { product, sum } from "../../base/math.ts";
import { type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { isFloat, type TensorType } from "../../ir/type.ts";
import { type Contraction, contractionOf } from "../quantize/demands.ts";
import {
  type Precision,
  type PrecisionPlan,
  parsePrecision,
  precisionName,
  precisionRules,
} from "../quantize/precision.ts";

/** Contractions of a float graph whose precision is chosen together: they share weights, or come from the same ONNX node. */
export interface SearchedLayer {
  /** By which a precision plan names them all: an ONNX node, or a node of the graph. */
  readonly names: readonly string[];
  readonly contractions: readonly Contraction[];
  /** Unpadded multiply-accumulates. */
  readonly macCount: number;
  /** Precisions that differ in what they do: stated weights keep their width, and two activations have one width. */
  readonly precisions: readonly Precision[];
}

/** All precisions, the widest first. */
export const allPrecisions: readonly Precision[] = precisionRules.map((rule) => parsePrecision(rule).rule);

/** The contractions of floats of a graph in its order, parted into layers, each with those of `precisions` that it can have. */
export function searchedLayers(graph: Graph, precisions: readonly Precision[] = allPrecisions): SearchedLayer[] {
  const shapes = new Map(graph.constants.map(({ name, type }) => [name, type.shape]));
  const stated = new Set<string>();
  for (const { name, op, operands, type } of graph.nodes) {
    if (op !== "dequantize" || !shapes.has(operands[0] ?? "")) continue;
    shapes.set(name, type.shape);
    stated.add(name);
  }
  const floats = new Set(graph.constants.filter(({ type }) => isFloat(type.element)).map(({ name }) => name));
  const types = valueTypes(graph);
  const contractions = graph.nodes.flatMap((node) => contractionOf(node, (value) => shapes.get(value) ?? null) ?? []);
  return groupsOf(contractions).map((members) => {
    const both = members.some(({ constantWeights }) => !constantWeights);
    const own = members.some(({ weights }) => floats.has(weights));
    return {
      names: namesOf(members.map(({ node }) => node)),
      contractions: members,
      macCount: sum(members.map(({ node }) => macCountOf(node, types))),
      precisions: precisions.filter(({ weightBits, activationBits }, index) => {
        if (own) return true;
        if (both) return weightBits === activationBits;
        return precisions.findIndex((other) => other.activationBits === activationBits) === index;
      }),
    };
  });
}

/** Contractions in groups of those that are linked by a key. */
function groupsOf(contractions: readonly Contraction[]): Contraction[][] {
  const parents = new Map<string, string>();
  const rootOf = (key: string): string => {
    const parent = parents.get(key);
    return parent === undefined ? key : rootOf(parent);
  };
  for (const contraction of contractions) {
    const [first = "", ...others] = keysOf(contraction);
    for (const other of others) if (rootOf(other) !== rootOf(first)) parents.set(rootOf(other), rootOf(first));
  }
  const groups = new Map<string, Contraction[]>();
  for (const contraction of contractions) {
    const root = rootOf(keysOf(contraction)[0] ?? "");
    groups.set(root, [...(groups.get(root) ?? []), contraction]);
  }
  return [...groups.values()];
}

/** What contractions of one layer have in common. */
function keysOf({ node, weights, constantWeights }: Contraction): string[] {
  const origins = node.origin.map((name) => `origin ${name}`);
  return [`node ${node.name}`, ...origins, ...(constantWeights ? [`weights ${weights}`] : [])];
}

function macCountOf({ op, operands, attributes, type }: Node, types: ReadonlyMap<string, TensorType>): number {
  const read = operands.map((name) => (name === null ? null : (types.get(name) ?? null)));
  const space = operatorOf(op).iteration?.({ operands: read, attributes, type });
  return product((space?.dimensions ?? []).map(({ size }) => size));
}

function namesOf(nodes: readonly Node[]): SearchedLayer["names"] {
  return [...new Set(nodes.map(({ name, origin }) => origin[0] ?? name))];
}

/**
 * The plan that gives each layer the precision at its place. The rule is that of most layers (the widest of equally many); the name is
 * the rule where all have it, and otherwise says how many layers have which precision.
 */
export function planOf(layers: readonly SearchedLayer[], precisions: readonly Precision[]): PrecisionPlan {
  const counts = allPrecisions.map((each) => precisions.filter((own) => isSame(own, each)).length);
  const rule = allPrecisions[counts.indexOf(Math.max(...counts))] ?? parsePrecision("w8a8").rule;
  const others = layers.flatMap(({ names }, index) => {
    const own = precisions[index];
    return own === undefined || isSame(own, rule) ? [] : names.map((each) => [each, own] as const);
  });
  const parts = allPrecisions.flatMap((each, index) =>
    counts[index] === 0 ? [] : [`${counts[index]} ${precisionName(each)}`],
  );
  return { name: others.length === 0 ? precisionName(rule) : parts.join(" "), rule, layers: new Map(others) };
}

/** Whether two precisions have the same widths. */
function isSame(left: Precision, right: Precision): boolean {
  return left.weightBits === right.weightBits && left.activationBits === right.activationBits;
}
