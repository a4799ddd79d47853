import { internalError } from "../base/errors.ts";
import { roundUp } from "../base/math.ts";
import type { Node } from "../ir/graph.ts";
import { type Access, footprint, type Range } from "../ir/iteration.ts";
import { conversionFactors } from "../ir/ops/conversion-values.ts";
import { isElementwise } from "../ir/ops/index.ts";
import { averagePoolDivisors } from "../ir/ops/pooling.ts";
import { reducedCount } from "../ir/ops/reduction.ts";
import { elementBytes, sameNumbers, type TensorType } from "../ir/type.ts";
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
  /** The buffer that holds it. */
  readonly buffer: string;
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

/**
 * The nodes of a contraction whose results take the place of the tile's partial sums, one after the other: each is written
 * when the one before it has been read, in place where that is by the same instruction.
 */
export function partialNodes(layer: Layer): ReadonlySet<string> {
  const found = new Set<string>();
  if (layer.kind !== "contraction") return found;
  const written = new Set(layer.writes.map((write) => write.value));
  const lastUse = (name: string): number => layer.nodes.findLastIndex((other) => other.operands.includes(name));
  let [holder] = layer.nodes;
  layer.nodes.forEach((node, position) => {
    if (position === 0 || holder === undefined || written.has(node.name)) return;
    const bytes = elementBytes(node.type.element);
    const isFree = lastUse(holder.name) < position && bytes <= partialBytes;
    const inPlace =
      lastUse(holder.name) === position &&
      bytes <= elementBytes(holder.type.element) &&
      sameNumbers(node.type.shape, holder.type.shape) &&
      isElementwise(node.op);
    if (!isFree && !inPlace) return;
    found.add(node.name);
    holder = node;
  });
  return found;
}

/** Bytes of a partial sum. */
const partialBytes = 4;

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
  if (layer.kind === "movement" || layer.kind === "input" || layer.kind === "state" || layer.kind === "output") {
    for (const node of layer.nodes) places.set(node.name, { kind: "value" });
    return { places, slotBytes, tables: [], tileElements };
  }
  const inPartial = partialNodes(layer);
  layer.nodes.forEach((node, position) => {
    if ((position === 0 && roles !== null) || inPartial.has(node.name)) {
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

/** The tables that a node's instruction reads. */
function tablesOf(node: Node, layer: Layer, geometry: Geometry): TablePlan[] {
  const from = typeOfOperand(node, layer);
  const context = { operands: [from], attributes: node.attributes, type: node.type };
  switch (node.op) {
    case "requantize":
    case "dequantize":
    case "quantize": {
      const { axis, factors } = conversionFactors(node.op, from, node.type);
      const values = Int32Array.from(
        factors.flatMap((factor) => {
          const { multiplier, shift } = fixedPoint(factor);
          return [multiplier, shift];
        }),
      );
      const access = axis === null || factors.length === 1 ? [] : [layer.result[axis] as Access[number]];
      return [placed(layer, node, "scale", access.length === 0 ? [] : [factors.length], values, access, geometry)];
    }
    case "reduce_mean":
      return [placed(layer, node, "count", [], Int32Array.of(reducedCount(context)), [], geometry)];
    case "average_pool": {
      const counts = averagePoolDivisors(context);
      const first = counts[0] as number;
      return counts.every((count) => count === first)
        ? [placed(layer, node, "count", [], Int32Array.of(first), [], geometry)]
        : [placed(layer, node, "count", node.type.shape.slice(2), counts, layer.result.slice(2), geometry)];
    }
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

function placed(
  layer: Layer,
  node: Node,
  kind: TablePlan["kind"],
  shape: readonly number[],
  values: Int32Array,
  access: Access,
  geometry: Geometry,
): TablePlan {
  const extents = footprint(access, largestBox(geometry)).map((range) => range.end - range.start);
  const layout = denseLayout(naturalOrder(shape.length), extents, kind === "scale" ? 8 : 4);
  const buffer = `${layer.name}/${kind} ${node.name}`;
  return { node: node.name, buffer, kind, shape, values, access, layout, bytes: layout.bytes };
}

/** The part of a table that a core needs: one range an axis. */
export function tableBox(table: TablePlan, box: readonly Range[]): Range[] {
  return footprint(table.access, box).map((range, axis) => ({
    start: range.start,
    end: Math.min(range.end, table.shape[axis] as number),
  }));
}
