import { product } from "../base/math.ts";
import { valueTypes } from "../ir/graph.ts";
import type { Access } from "../ir/iteration.ts";
import { operatorOf } from "../ir/ops/index.ts";
import { elementBytes, elementCount, elementTypes, packedBytes, type TensorType } from "../ir/type.ts";
import { activationRole, type VectorCostClass, vectorFunctions } from "../ir/vector-function.ts";
import { lanesOfNode } from "./lanes.ts";
import type { Layer } from "./layers.ts";
import type { Network } from "./network.ts";
import { anchorElements, contractionRoles, dimensionProduct } from "./tiling.ts";
import { type WindowAxis, windowAxes, windowComparisons } from "./window-maximum.ts";

/** What a layer must do however it is mapped: the input of the bounds. The same form as the simulator's `BoundWork`. */
export interface LayerWork {
  readonly name: string;
  readonly macCount: number;
  readonly macBits: number;
  readonly shape: {
    readonly groups: number;
    readonly rows: number;
    readonly inner: number;
    readonly columns: number;
  } | null;
  readonly operandBytes: number;
  readonly vectorElements: Readonly<Partial<Record<VectorCostClass, number>>>;
  readonly activationElements: Readonly<Partial<Record<VectorCostClass, number>>>;
  readonly conversionElements: Readonly<Partial<Record<VectorCostClass, number>>>;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Whether the bytes belong to a host operation, and cross the host link in the middle of the run. */
  readonly isHostOperation: boolean;
  /** Elements that the host reads and writes. */
  readonly hostElementCount: number;
  readonly dependsOn: readonly string[];
}

/** Where a layer's vector functions can be computed: in the vector unit alone, or in one of the activation unit's stages. */
type VectorPart = "vectorElements" | "activationElements" | "conversionElements";

const partOf = { activation: "activationElements", conversion: "conversionElements" } as const;

const noElements = { vectorElements: {}, activationElements: {}, conversionElements: {} } as const;

/** The work of every layer of a network, in execution order. */
export function layerWork(network: Network): LayerWork[] {
  const types = valueTypes(network.graph);
  // The next value of a state could be made where the state lies: the copy is no bound.
  const nexts = new Set(network.ties.map(({ next }) => next));
  return network.layers.map((layer, index) => {
    const boundary = layer.kind === "input" || layer.kind === "state" || layer.kind === "output" || nexts.has(index);
    return {
      name: layer.name,
      macCount: layer.macCount,
      macBits: elementTypes[anchorElements(layer).wider].bits,
      shape: contractionShape(layer),
      operandBytes: boundary ? 0 : operandBytes(layer),
      ...(boundary ? noElements : vectorElements(layer, types)),
      inputBytes: layer.kind === "input" ? typeBytes((layer.writes[0] as Layer["writes"][number]).type) : 0,
      outputBytes: layer.kind === "output" ? typeBytes((layer.reads[0] as Layer["reads"][number]).type) : 0,
      isHostOperation: layer.host !== null,
      hostElementCount: layer.host?.elementCount ?? 0,
      dependsOn: [
        ...new Set([
          ...operandLayers(network, layer).map(({ name }) => name),
          ...layer.reads.flatMap((read) => {
            const producer = network.producer.get(read.value);
            return producer === undefined ? [] : [(network.layers[producer] as Layer).name];
          }),
        ]),
      ],
    };
  });
}

/** The layers that bring operands to the host, of the layer that brings the result back; none for other layers. */
function operandLayers({ layers }: Network, { host }: Layer): readonly Layer[] {
  if (host === null || host.operand !== null) return [];
  return layers.filter((layer) => layer.kind === "output" && layer.host?.node === host.node);
}

function typeBytes(type: TensorType): number {
  return packedBytes(type.element, elementCount(type));
}

function contractionShape(layer: Layer): LayerWork["shape"] {
  if (layer.kind !== "contraction") return null;
  const roles = contractionRoles(layer);
  const size = (indexes: readonly number[]): number => dimensionProduct(layer.dimensions, indexes);
  return { groups: size(roles.group), rows: size(roles.row), inner: size(roles.inner), columns: size(roles.column) };
}

/**
 * Bytes that memory ports must carry: every value that the layer needs is read once and every value that it leaves is
 * written once. Movement layers are left out: a mapping may make them views.
 */
function operandBytes(layer: Layer): number {
  if (layer.kind === "movement") return 0;
  const seen = new Set<string>();
  let bytes = 0;
  for (const read of layer.reads) {
    if (seen.has(read.value)) continue;
    seen.add(read.value);
    bytes += touchedElements(layer, read) * elementBytes(read.type.element);
  }
  for (const write of layer.writes) bytes += typeBytes(write.type);
  return bytes;
}

/** Distinct elements of an operand that the layer touches: the product over axes, each dimension standing on one axis. */
function touchedElements(layer: Layer, read: Layer["reads"][number]): number {
  return product((read.access ?? []).map((axis, index) => touchedAlong(layer, axis, read.type.shape[index] ?? 1)));
}

function touchedAlong(layer: Layer, { terms, offset }: Access[number], size: number): number {
  let indexes = new Set([offset]);
  for (const { dimension, stride } of terms) {
    const count = layer.dimensions[dimension]?.size ?? 1;
    if (stride === 1 && indexes.size === 1) {
      const [first = 0] = indexes;
      if (first === 0 && count === size) return size;
    }
    indexes = new Set(
      [...indexes].flatMap((index) => Array.from({ length: count }, (_, turn) => index + turn * stride)),
    );
  }
  return [...indexes].filter((index) => index >= 0 && index < size).length;
}

/**
 * Elements that vector functions must compute, by cost class: in the vector unit, or in an activation unit where the chip has
 * one, whose stages take what an element-wise function of the same layer gives.
 */
function vectorElements(layer: Layer, types: ReadonlyMap<string, TensorType>): Pick<LayerWork, VectorPart> {
  const counts: Record<VectorPart, Partial<Record<VectorCostClass, number>>> = {
    vectorElements: {},
    activationElements: {},
    conversionElements: {},
  };
  const elementwise = new Set<string>();
  layer.nodes.forEach((node, position) => {
    const lowering = operatorOf(node.op).vector;
    if (lowering === undefined) return;
    const operands = node.operands.map((operand) => (operand === null ? null : (types.get(operand) ?? null)));
    const issue = lowering.issue({ operands, attributes: node.attributes, type: node.type });
    const role = activationRole(issue.function);
    const follows = node.operands.every((operand) => operand !== null && elementwise.has(operand));
    if (lowering.kind === "elementwise") elementwise.add(node.name);
    const part = counts[role === null || !follows ? "vectorElements" : partOf[role]];
    const cost = vectorFunctions[issue.function].cost;
    const elements =
      lanesOfNode(issue.function, lowering.kind, operands, node.type) *
      (lowering.kind === "reduce" && position === 0
        ? reducedElements(layer, windowAxes(layer))
        : elementCount(node.type));
    part[cost] = (part[cost] ?? 0) + elements;
  });
  return counts;
}

/** Elements that a reduction takes in: every one of the loops, or the comparisons that windows need axis by axis. */
function reducedElements({ dimensions }: Layer, windows: readonly WindowAxis[]): number {
  if (windows.length === 0) return product(dimensions.map(({ size }) => size));
  const results = product(dimensions.map(({ kind, size }) => (kind === "parallel" ? size : 1)));
  const positions = windows.map(({ position }) => dimensions[position]?.size ?? 1);
  return (results / product(positions)) * windowComparisons(windows, positions);
}
