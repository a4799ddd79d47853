import { internalError } from "../base/errors.ts";
import { product, sum } from "../base/math.ts";
import { type Graph, type Node, valueTypes } from "../ir/graph.ts";
import type { Access, IterationDimension } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import type { Movement } from "../ir/operator.ts";
import { operatorOf } from "../ir/ops/index.ts";
import { elementCount, type TensorType } from "../ir/type.ts";
import type { State } from "./states.ts";

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

/** What a layer does for a node that the host computes: brings an operand there (its position), or the result back (null). */
export interface HostPart {
  readonly node: Node;
  readonly operand: number | null;
  /** Elements that the host reads and writes before the result comes back; 0 for operands. */
  readonly elementCount: number;
}

/** What is mapped as one step: an input, a state, an output, or the nodes that the fusion pass grouped. */
export interface Layer {
  readonly name: string;
  readonly kind: MappedStep["kind"];
  /** In graph order; the first is the anchor. Empty for inputs, states and outputs. */
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
  /** For input and output layers in the middle of a run: what they are for; null for those of the graph. */
  readonly host: HostPart | null;
}

/**
 * Splits a fused graph into layers, in execution order: inputs and states, node groups, outputs, next values of states.
 * A node that the host computes becomes an output layer for each operand and an input layer for its result.
 * Inputs that nothing reads have no layer: they stay with the host. Throws B901 for an unfused graph.
 */
export function layersOf(graph: Graph, states: readonly State[] = []): Layer[] {
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
  const read = new Set([...graph.outputs, ...graph.nodes.flatMap(({ operands }) => operands)]);
  const kept = new Set(states.map(({ input }) => input));
  const inputs = graph.inputs
    .filter(({ name }) => read.has(name) || kept.has(name))
    .map((input) => boundaryLayer(kept.has(input.name) ? "state" : "input", input.name, input.type, false));
  const fed = new Set(states.map(({ output }) => output));
  const outputs = graph.outputs.flatMap((value, index) =>
    fed.has(index) ? [] : [boundaryLayer("output", value, types.get(value) as TensorType, constants.has(value), index)],
  );
  const updates = states.map(({ input, output }) => updateLayer(input, graph.outputs[output] ?? "", types, constants));
  const bodies = [...groups].flatMap(([name, nodes]) => {
    const [only] = nodes;
    return only !== undefined && operatorOf(only.op).runsOn === "folded"
      ? hostLayers(name, only, types, constants)
      : [bodyLayer(name, nodes, types, constants, leaving)];
  });
  return [...inputs, ...bodies, ...outputs, ...updates];
}

function identityAccess(rank: number): Access {
  return Array.from({ length: rank }, (_, axis) => ({ terms: [{ dimension: axis, stride: 1 }], offset: 0 }));
}

function shapeDimensions(shape: readonly number[]): IterationDimension[] {
  return shape.map((size, axis) => ({ name: `d${axis}`, size, kind: "parallel" }));
}

/** Copies the next value of a state to where the state lies. */
function updateLayer(
  state: string,
  next: string,
  types: ReadonlyMap<string, TensorType>,
  constants: ReadonlySet<string>,
): Layer {
  const name = `next ${state}`;
  const type = types.get(state) as TensorType;
  const copy: Node = {
    name: state,
    op: "identity",
    operands: [next],
    attributes: {},
    type,
    origin: [state],
    layer: name,
  };
  return bodyLayer(name, [copy], types, constants, new Set([state]));
}

/** The layers of a node that the host computes; constants are there already. */
function hostLayers(
  name: string,
  node: Node,
  types: ReadonlyMap<string, TensorType>,
  constants: ReadonlySet<string>,
): Layer[] {
  const { origin } = node;
  const operands = node.operands.flatMap((value, operand) => {
    if (value === null || constants.has(value) || node.operands.indexOf(value) < operand) return [];
    const layer = boundaryLayer("output", value, types.get(value) as TensorType, false);
    return [{ ...layer, name: `${name} operand ${operand}`, origin, host: { node, operand, elementCount: 0 } }];
  });
  const result = boundaryLayer("input", node.name, node.type, false);
  const sent = operands.flatMap(({ reads }) => reads.map(({ type }) => elementCount(type)));
  const host = { node, operand: null, elementCount: sum(sent) + elementCount(node.type) };
  return [...operands, { ...result, name, origin, host }];
}

function boundaryLayer(
  kind: "input" | "state" | "output",
  value: string,
  type: TensorType,
  constant: boolean,
  index = 0,
): Layer {
  const access = identityAccess(type.shape.length);
  return {
    name: kind === "output" ? `output ${index} ${value}` : `${kind} ${value}`,
    kind,
    nodes: [],
    dimensions: shapeDimensions(type.shape),
    reads: kind === "output" ? [{ node: null, operand: 0, value, type, access, constant }] : [],
    writes: kind === "output" ? [] : [{ value, type, access }],
    result: access,
    movement: null,
    macCount: 0,
    origin: [],
    host: null,
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
    host: null,
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
