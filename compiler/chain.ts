import { internalError } from "../base/errors.ts";
import { product, roundUp } from "../base/math.ts";
import type { Node } from "../ir/graph.ts";
import { type Access, footprint, type Range } from "../ir/iteration.ts";
import { elementBytes, type Quantization, type TensorType } from "../ir/type.ts";
import { fixedPoint } from "../kernels/fixed-point.ts";
import { type Geometry, largestBox } from "./geometry.ts";
import type { Layer } from "./layers.ts";
import { denseLayout, type LocalLayout, naturalOrder } from "./local-layout.ts";
import type { ContractionRoles } from "./tiling.ts";

/** Where a node of a layer leaves its result. */
export type ResultPlace =
  | { readonly kind: "partial" }
  | { readonly kind: "value" }
  | { readonly kind: "scratch"; readonly slot: number };

/** Numbers that the vector unit reads beside its operands: scales as (M, s) pairs, or the counts of means. */
export interface TablePlan {
  readonly node: string;
  readonly name: string;
  readonly kind: "scale" | "count";
  readonly shape: readonly number[];
  /** [shape..., 2] for scales, [shape...] for counts. */
  readonly values: Int32Array;
  readonly access: Access;
  readonly layout: LocalLayout;
  readonly bytes: number;
}

/** How the nodes of a layer follow each other on a tile. */
export interface ChainPlan {
  readonly places: ReadonlyMap<string, ResultPlace>;
  /** Bytes of each scratch slot. */
  readonly slotBytes: readonly number[];
  readonly tables: readonly TablePlan[];
  /** Results of the largest tile. */
  readonly tileElements: number;
}

/** Assigns the results of a layer's nodes to the partial-sum buffer, their value's buffer, or reused scratch slots. */
export function planChain(
  layer: Layer,
  geometry: Geometry,
  roles: ContractionRoles | null,
  tileElements: number,
): ChainPlan {
  const places = new Map<string, ResultPlace>();
  const written = new Set(layer.writes.map((write) => write.value));
  const slotBytes: number[] = [];
  const busyUntil: number[] = [];
  if (layer.kind === "movement" || layer.kind === "input" || layer.kind === "output") {
    for (const node of layer.nodes) places.set(node.name, { kind: "value" });
    return { places, slotBytes, tables: [], tileElements };
  }
  layer.nodes.forEach((node, position) => {
    if (position === 0 && roles !== null) {
      places.set(node.name, { kind: "partial" });
      return;
    }
    if (written.has(node.name)) {
      places.set(node.name, { kind: "value" });
      return;
    }
    const lastUse = layer.nodes.findLastIndex((other) => other.operands.includes(node.name));
    const bytes = tileElements * elementBytes(node.type.element);
    let slot = busyUntil.findIndex((until) => until < position);
    if (slot < 0) slot = busyUntil.length;
    busyUntil[slot] = lastUse;
    slotBytes[slot] = Math.max(slotBytes[slot] ?? 0, roundUp(bytes, 4));
    places.set(node.name, { kind: "scratch", slot });
  });
  if (roles !== null && written.has(layer.nodes[0]?.name ?? "")) {
    throw internalError("the i32 sums of a contraction leave their layer", { layer: layer.name });
  }
  return { places, slotBytes, tables: layer.nodes.flatMap((node) => tablesOf(node, layer, geometry)), tileElements };
}

/** The quantization that a conversion reads and writes, as the factor of each channel. */
function tablesOf(node: Node, layer: Layer, geometry: Geometry): TablePlan[] {
  const sourceType = typeOfOperand(node, layer);
  switch (node.op) {
    case "requantize":
      return [scaleTable(node, layer, geometry, sourceType.quantization, node.type.quantization)];
    case "dequantize":
      return [scaleTable(node, layer, geometry, sourceType.quantization, null)];
    case "quantize":
      return [scaleTable(node, layer, geometry, null, node.type.quantization)];
    case "reduce_mean":
      return [countTable(node, geometry, [], Int32Array.of(reducedCount(layer)), [])];
    case "average_pool":
      return [poolCountTable(node, layer, geometry)];
    default:
      return [];
  }
}

function typeOfOperand(node: Node, layer: Layer): TensorType {
  const name = node.operands[0];
  const inner = layer.nodes.find((other) => other.name === name);
  const outer = layer.reads.find((read) => read.value === name);
  return inner?.type ?? outer?.type ?? node.type;
}

function scaleTable(
  node: Node,
  layer: Layer,
  geometry: Geometry,
  from: Quantization | null,
  to: Quantization | null,
): TablePlan {
  const axis = from?.axis ?? to?.axis ?? null;
  const count = Math.max(from?.scales.length ?? 1, to?.scales.length ?? 1);
  const values = new Int32Array(2 * count);
  for (let index = 0; index < count; index += 1) {
    const numerator = from === null ? 1 : (from.scales[from.scales.length === 1 ? 0 : index] as number);
    const denominator = to === null ? 1 : (to.scales[to.scales.length === 1 ? 0 : index] as number);
    const { multiplier, shift } = fixedPoint(numerator / denominator);
    values[2 * index] = multiplier;
    values[2 * index + 1] = shift;
  }
  const access = count === 1 || axis === null ? [] : [layer.result[axis] as Access[number]];
  return placed(node, "scale", access.length === 0 ? [] : [count], values, access, geometry, 8);
}

function countTable(
  node: Node,
  geometry: Geometry,
  shape: readonly number[],
  values: Int32Array,
  access: Access,
): TablePlan {
  return placed(node, "count", shape, values, access, geometry, 4);
}

function placed(
  node: Node,
  kind: TablePlan["kind"],
  shape: readonly number[],
  values: Int32Array,
  access: Access,
  geometry: Geometry,
  width: number,
): TablePlan {
  const extents = footprint(access, largestBox(geometry)).map((range) => range.end - range.start);
  const layout = denseLayout(naturalOrder(shape.length), extents, width);
  return { node: node.name, name: `${kind} ${node.name}`, kind, shape, values, access, layout, bytes: layout.bytes };
}

function reducedCount(layer: Layer): number {
  return product(
    layer.dimensions.filter((dimension) => dimension.kind === "reduction").map((dimension) => dimension.size),
  );
}

/** By how many elements each window of an average pool divides: those inside the tensor, or inside its padded extent. */
function poolCountTable(node: Node, layer: Layer, geometry: Geometry): TablePlan {
  const read = layer.reads.find((candidate) => candidate.node === node.name && candidate.operand === 0);
  if (read === undefined || read.access === null)
    throw internalError(`"${node.name}" reads nothing`, { layer: layer.name });
  const access = read.access;
  const shape = read.type.shape;
  const spatial = node.type.shape.slice(2);
  const pads = node.attributes["countIncludePad"] === true ? (node.attributes["pads"] as readonly number[]) : [];
  const counts = spatial.map((size, index) => {
    const axis = access[index + 2] as Access[number];
    const low = -(pads[index] ?? 0);
    const high = (shape[index + 2] as number) + (pads[index + spatial.length] ?? 0);
    const outer = axis.terms.find((term) => layer.dimensions[term.dimension]?.kind === "parallel");
    const kernel = axis.terms.find((term) => layer.dimensions[term.dimension]?.kind === "reduction");
    const taps = kernel === undefined ? 1 : (layer.dimensions[kernel.dimension]?.size as number);
    return Array.from({ length: size }, (_, position) => {
      let count = 0;
      for (let tap = 0; tap < taps; tap += 1) {
        const at = axis.offset + (outer?.stride ?? 0) * position + (kernel?.stride ?? 0) * tap;
        if (at >= low && at < high) count += 1;
      }
      return Math.max(1, count);
    });
  });
  if (counts.every((list) => list.every((count) => count === list[0]))) {
    return countTable(node, geometry, [], Int32Array.of(product(counts.map((list) => list[0] as number))), []);
  }
  let values: number[] = [1];
  for (const list of counts) values = values.flatMap((value) => list.map((count) => value * count));
  return countTable(node, geometry, spatial, Int32Array.from(values), layer.result.slice(2));
}

/** The part of a table that a core needs: one range an axis. */
export function tableBox(table: TablePlan, box: readonly Range[]): Range[] {
  return footprint(table.access, box).map((range, axis) => ({
    start: range.start,
    end: Math.min(range.end, table.shape[axis] as number),
  }));
}
