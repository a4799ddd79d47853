import { internalError } from "../base/errors.ts";
import { product } from "../base/math.ts";
import { type Graph, type Node, valueTypes } from "../ir/graph.ts";
import type { Access, IterationDimension } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import type { Movement } from "../ir/operator.ts";
import { operatorOf } from "../ir/ops/index.ts";
import type { TensorType } from "../ir/type.ts";

/** A value that a layer reads. */
export interface LayerRead {
  /** The node that reads it and the operand's position; null and 0 for output layers. */
  readonly node: string | null;
  readonly operand: number;
  readonly value: string;
  readonly type: TensorType;
  /** What an iteration point of the layer touches; null for movement layers, which read by pieces. */
  readonly access: Access | null;
  /** Known at compile time: its bytes are placed in memory before the program starts. */
  readonly constant: boolean;
}

/** A value that a layer computes and that is read by another layer or leaves the graph. */
export interface LayerWrite {
  readonly value: string;
  readonly type: TensorType;
  readonly access: Access;
}

/** What is mapped as one step: an input, an output, or the nodes that the fusion pass grouped. */
export interface Layer {
  readonly name: string;
  readonly kind: MappedStep["kind"];
  /** In graph order; the first is the anchor. Empty for inputs and outputs. */
  readonly nodes: readonly Node[];
  readonly dimensions: readonly IterationDimension[];
  /** Values that come from outside the layer. */
  readonly reads: readonly LayerRead[];
  readonly writes: readonly LayerWrite[];
  /** Which iteration points touch which element of the anchor's result. */
  readonly result: Access;
  /** The pieces of a movement layer. */
  readonly movement: Movement | null;
  /** Unpadded multiply-accumulates. */
  readonly macCount: number;
  readonly origin: readonly string[];
}

/** Splits a fused graph into layers, in execution order: inputs, node groups, outputs. Throws B901 for an unfused graph. */
export function layersOf(graph: Graph): Layer[] {
  const types = valueTypes(graph);
  const constants = new Set(graph.constants.map((constant) => constant.name));
  const groups = new Map<string, Node[]>();
  const layerOfNode = new Map<string, string>();
  for (const node of graph.nodes) {
    if (node.layer === null) throw internalError(`node "${node.name}" belongs to no layer`);
    layerOfNode.set(node.name, node.layer);
    const group = groups.get(node.layer);
    if (group === undefined) groups.set(node.layer, [node]);
    else group.push(node);
  }
  const leaving = new Set(graph.outputs);
  for (const node of graph.nodes) {
    for (const operand of node.operands) {
      if (operand !== null && layerOfNode.get(operand) !== node.layer) leaving.add(operand);
    }
  }
  const inputs = graph.inputs.map((input) => boundaryLayer("input", input.name, input.type, false));
  const outputs = graph.outputs.map((value, index) =>
    boundaryLayer("output", value, types.get(value) as TensorType, constants.has(value), index),
  );
  const bodies = [...groups].map(([name, nodes]) => bodyLayer(name, nodes, types, constants, leaving));
  return [...inputs, ...bodies, ...outputs];
}

function identityAccess(rank: number): Access {
  return Array.from({ length: rank }, (_, axis) => ({ terms: [{ dimension: axis, stride: 1 }], offset: 0 }));
}

function shapeDimensions(shape: readonly number[]): IterationDimension[] {
  return shape.map((size, axis) => ({ name: `d${axis}`, size, kind: "parallel" }));
}

function boundaryLayer(kind: "input" | "output", value: string, type: TensorType, constant: boolean, index = 0): Layer {
  const access = identityAccess(type.shape.length);
  return {
    name: kind === "input" ? `input ${value}` : `output ${index} ${value}`,
    kind,
    nodes: [],
    dimensions: shapeDimensions(type.shape),
    reads: kind === "output" ? [{ node: null, operand: 0, value, type, access, constant }] : [],
    writes: kind === "input" ? [{ value, type, access }] : [],
    result: access,
    movement: null,
    macCount: 0,
    origin: [],
  };
}

function bodyLayer(
  name: string,
  nodes: readonly Node[],
  types: ReadonlyMap<string, TensorType>,
  constants: ReadonlySet<string>,
  leaving: ReadonlySet<string>,
): Layer {
  const anchor = nodes[0] as Node;
  const operator = operatorOf(anchor.op);
  const operandTypes = anchor.operands.map((operand) => (operand === null ? null : (types.get(operand) as TensorType)));
  const context = { operands: operandTypes, attributes: anchor.attributes, type: anchor.type };
  const moves = operator.runsOn === "movement";
  const space = moves ? null : (operator.iteration?.(context) ?? null);
  if (!moves && space === null) throw internalError(`operator "${anchor.op}" has no iteration space`, { layer: name });
  const dimensions = space?.dimensions ?? shapeDimensions(anchor.type.shape);
  const result = space?.result ?? identityAccess(anchor.type.shape.length);
  const inside = new Set(nodes.map((node) => node.name));
  const reads: LayerRead[] = [];
  for (const node of nodes) {
    node.operands.forEach((value, operand) => {
      if (value === null || inside.has(value)) return;
      const type = types.get(value) as TensorType;
      const access =
        node === anchor
          ? moves
            ? null
            : (space?.operands[operand] ?? null)
          : broadcastAccess(type, node.type, result);
      reads.push({ node: node.name, operand, value, type, access, constant: constants.has(value) });
    });
  }
  return {
    name,
    kind:
      operator.runsOn === "matrix"
        ? "contraction"
        : moves
          ? "movement"
          : operator.vector?.kind === "reduce"
            ? "reduce"
            : "vector",
    nodes,
    dimensions,
    reads,
    writes: nodes
      .filter((node) => leaving.has(node.name))
      .map((node) => ({ value: node.name, type: node.type, access: result })),
    result,
    movement: moves ? (operator.movement?.(context) ?? null) : null,
    macCount: operator.runsOn === "matrix" ? product(dimensions.map((dimension) => dimension.size)) : 0,
    origin: [...new Set(nodes.flatMap((node) => node.origin))],
  };
}

/** The access of an operand that is broadcast against the layer's result: axes of size 1 stand still. */
function broadcastAccess(operand: TensorType, resultType: TensorType, result: Access): Access {
  const lead = resultType.shape.length - operand.shape.length;
  return operand.shape.map((size, axis) =>
    size === 1 && resultType.shape[axis + lead] !== 1
      ? { terms: [], offset: 0 }
      : (result[axis + lead] as Access[number]),
  );
}
