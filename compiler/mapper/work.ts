import { at } from "../../base/math.ts";
import type { Node } from "../../ir/graph.ts";
import { elementBytes } from "../../ir/type.ts";
import { type VectorCostClass, vectorFunctions } from "../../ir/vector-function.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { partialNodes } from "../chain.ts";
import { type ChainPass, chainPasses } from "../chain-pass.ts";
import { lanesOfNode } from "../lanes.ts";
import type { Layer } from "../layers.ts";
import { type WindowAxis, windowAxes } from "../window-maximum.ts";

/** What one instruction of a layer's chain asks of the vector unit, for each point of the layer's result. */
export interface VectorPass {
  /** Its function, and those of the activation unit behind it, with the lanes that an element takes in each. */
  readonly stages: readonly { readonly cost: VectorCostClass; readonly lanes: number }[];
  /** Whether the pass goes over the reduction dimensions too. */
  readonly reduces: boolean;
  /** The axes of windows whose greatest it takes one after the other; none where it does not. */
  readonly windows: readonly WindowAxis[];
  /** Bytes at the memory port for each element that the pass goes over. */
  readonly sourceBytes: number;
  /** Bytes written at the memory port for each result. */
  readonly resultBytes: number;
}

/** By layer name: its passes over the vector unit, in order. */
export type VectorWork = ReadonlyMap<string, readonly VectorPass[]>;

/** Derives the vector passes of all layers from the operators' own lowering. */
export function vectorWork(layers: readonly Layer[], target: ChipTarget): Map<string, readonly VectorPass[]> {
  return new Map(
    layers.map((layer) => {
      const passes = chainPasses(layer, target);
      const inPartial = partialNodes(layer, passes);
      return [layer.name, passes.map((pass) => passOf(layer, pass, inPartial))];
    }),
  );
}

function passOf(layer: Layer, { stages, results }: ChainPass, inPartial: ReadonlySet<string>): VectorPass {
  const [head] = stages;
  const sources = new Set(head.node.operands.filter((operand) => operand !== null));
  let sourceBytes = 0;
  for (const source of sources) sourceBytes += inPartial.has(source) ? 0 : operandPortBytes(layer, head.node, source);
  let resultBytes = 0;
  for (const { name, type } of results) resultBytes += inPartial.has(name) ? 0 : elementBytes(type.element);
  return {
    stages: stages.map(({ function: name, kind, operands, node }) => ({
      cost: vectorFunctions[name].cost,
      lanes: lanesOfNode(name, kind, operands, node.type),
    })),
    reduces: head.kind === "reduce",
    windows: head.kind === "reduce" ? windowAxes(layer) : [],
    sourceBytes,
    resultBytes,
  };
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
