import { internalError } from "../base/errors.ts";
import type { Node } from "../ir/graph.ts";
import type { VectorIssue, VectorLowering } from "../ir/operator.ts";
import { operatorOf } from "../ir/ops/index.ts";
import type { TensorType } from "../ir/type.ts";
import { isActivationPipeline } from "../ir/vector-function.ts";
import type { ChipTarget } from "../targets/target.ts";
import type { Layer } from "./layers.ts";

/** A node of a layer as the vector or the activation unit computes it. */
export interface ChainStage extends VectorIssue {
  readonly node: Node;
  readonly kind: VectorLowering["kind"];
  readonly operands: readonly (TensorType | null)[];
}

/**
 * The nodes of a layer that one instruction computes, element by element: the first in the vector unit, those after it in the
 * activation unit, each from what the one before it gives.
 */
export interface ChainPass {
  readonly stages: readonly [ChainStage, ...ChainStage[]];
  /** What the pass stores, in order: results that others read, and that of the last stage. */
  readonly results: readonly Node[];
}

/**
 * The instructions of a layer's vector nodes, in order. On a chip with an activation unit a node joins the pass before it
 * where the unit can do its function and it reads nothing but what that pass ends with. Mapper, plan and emitter all go by
 * this. Throws B901 for an operator that the vector unit does not know.
 */
export function chainPasses(layer: Layer, target: ChipTarget): ChainPass[] {
  if (layer.kind === "movement") return [];
  const passes: [ChainStage, ...ChainStage[]][] = [];
  for (const node of layer.kind === "contraction" ? layer.nodes.slice(1) : layer.nodes) {
    const lowering = operatorOf(node.op).vector;
    if (lowering === undefined) {
      throw internalError(`operator "${node.op}" has no vector lowering`, { layer: layer.name });
    }
    const operands = operandTypes(layer, node);
    const issue = lowering.issue({ operands, attributes: node.attributes, type: node.type });
    const stage: ChainStage = { node, kind: lowering.kind, operands, ...issue };
    const last = passes.at(-1);
    if (target.activation !== null && last !== undefined && joins(stage, last)) last.push(stage);
    else passes.push([stage]);
  }
  const written = new Set(layer.writes.map(({ value }) => value));
  return passes.map((stages) => ({
    stages,
    results: stages
      .map(({ node }) => node)
      .filter((node, index) => {
        const next = stages[index + 1]?.node;
        return next === undefined || written.has(node.name) || isReadBeside(layer, node, next);
      }),
  }));
}

/** Whether the activation unit can compute a node behind the stages of a pass. */
function joins({ node, kind, function: name }: ChainStage, pass: readonly [ChainStage, ...ChainStage[]]): boolean {
  const [head, ...activation] = pass;
  const before = pass.at(-1) as ChainStage;
  return (
    head.kind === "elementwise" &&
    kind === "elementwise" &&
    node.operands.every((operand) => operand === before.node.name) &&
    isActivationPipeline([...activation.map((stage) => stage.function), name])
  );
}

/** Whether any node of the layer but `reader` reads a node's result. */
function isReadBeside(layer: Layer, { name }: Node, reader: Node): boolean {
  return layer.nodes.some((other) => other !== reader && other.operands.includes(name));
}

/** The types of a node's operands, from within the layer or from what it reads. */
function operandTypes(layer: Layer, node: Node): (TensorType | null)[] {
  return node.operands.map((operand, position) => {
    if (operand === null) return null;
    const inner = layer.nodes.find(({ name }) => name === operand);
    const read = layer.reads.find((each) => each.node === node.name && each.operand === position);
    return inner?.type ?? read?.type ?? null;
  });
}
