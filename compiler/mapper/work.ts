import { at } from "../../base/math.ts";
import { type Graph, type Node, valueTypes } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementBytes, type TensorType } from "../../ir/type.ts";
import { type VectorCostClass, vectorFunctions } from "../../ir/vector-function.ts";
import { partialNodes } from "../chain.ts";
import { lanesOfNode } from "../lanes.ts";
import type { Layer } from "../layers.ts";

/** What one node of a layer asks of the vector unit, for each point of the layer's result. */
export interface VectorPass {
  readonly cost: VectorCostClass;
  /** Whether the pass goes over the reduction dimensions too. */
  readonly reduces: boolean;
  /** Lanes of the vector unit that an element takes. */
  readonly lanes: number;
  /** Bytes at the memory port for each element that the pass goes over. */
  readonly sourceBytes: number;
  /** Bytes written at the memory port for each result. */
  readonly resultBytes: number;
}

/** By layer name: its passes over the vector unit, in order. */
export type VectorWork = ReadonlyMap<string, readonly VectorPass[]>;

/** Derives the vector passes of all layers from the operators' own lowering. */
export function vectorWork(graph: Graph, layers: readonly Layer[]): Map<string, readonly VectorPass[]> {
  const types = valueTypes(graph);
  return new Map(
    layers.map((layer) => {
      const inPartial = partialNodes(layer);
      return [layer.name, layer.nodes.flatMap((node) => passesOf(layer, node, types, inPartial))];
    }),
  );
}

function passesOf(
  layer: Layer,
  node: Node,
  types: ReadonlyMap<string, TensorType>,
  inPartial: ReadonlySet<string>,
): VectorPass[] {
  const lowering = operatorOf(node.op).vector;
  if (lowering === undefined) return [];
  const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) ?? null)));
  const issue = lowering.issue({ operands, attributes: node.attributes, type: node.type });
  const sources = new Set(node.operands.filter((operand) => operand !== null));
  let sourceBytes = 0;
  for (const source of sources) sourceBytes += inPartial.has(source) ? 0 : operandPortBytes(layer, node, source);
  return [
    {
      cost: vectorFunctions[issue.function].cost,
      reduces: lowering.kind === "reduce",
      lanes: lanesOfNode(issue.function, lowering.kind, operands, node.type),
      sourceBytes,
      resultBytes: inPartial.has(node.name) ? 0 : elementBytes(node.type.element),
    },
  ];
}

/** Bytes of an operand at the port for each element; none for partial sums and for what stands still or is broadcast. */
function operandPortBytes(layer: Layer, node: Node, value: string): number {
  const anchor = at(layer.nodes, 0);
  if (value === anchor.name) return layer.kind === "contraction" ? 0 : elementBytes(anchor.type.element);
  const inner = layer.nodes.find((other) => other.name === value);
  if (inner !== undefined) return elementBytes(inner.type.element);
  const read = layer.reads.find((candidate) => candidate.value === value && candidate.node === node.name);
  if (read?.access === undefined || read.access === null) return 0;
  const touched = new Set(read.access.flatMap((axis) => axis.terms.map((term) => term.dimension)));
  const whole = layer.dimensions.every(
    (dimension, index) => dimension.size === 1 || dimension.kind === "reduction" || touched.has(index),
  );
  return whole ? elementBytes(read.type.element) : 0;
}
