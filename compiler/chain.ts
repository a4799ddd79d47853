import { internalError } from "../base/errors.ts";
import { roundUp } from "../base/math.ts";
import type { Node } from "../ir/graph.ts";
import { type Access, footprint, type Range } from "../ir/iteration.ts";
import { numberOf } from "../ir/ops/attributes.ts";
import { conversionFactors } from "../ir/ops/conversion-values.ts";
import { isElementwise } from "../ir/ops/index.ts";
import { averagePoolDivisors } from "../ir/ops/pooling.ts";
import { reducedCount } from "../ir/ops/reduction.ts";
import { elementBytes, sameNumbers, type TensorType } from "../ir/type.ts";
import { fixedPoint } from "../kernels/fixed-point.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type ChainPass, chainPasses } from "./chain-pass.ts";
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
  /** The layer's vector instructions on a tile, reductions among them. */
  readonly passes: readonly ChainPass[];
  /** By node, for results that are stored. */
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
export function partialNodes(layer: Layer, passes: readonly ChainPass[]): ReadonlySet<string> {
  const found = new Set<string>();
  const [anchor] = layer.nodes;
  if (layer.kind !== "contraction" || anchor === undefined) return found;
  const written = new Set(layer.writes.map((write) => write.value));
  let holder = anchor;
  passes.forEach(({ stages, results }, position) => {
    for (const node of results) {
      const bytes = elementBytes(node.type.element);
      const use = lastUse(passes, holder.name);
      const isFree = use < position && bytes <= partialBytes;
      const inPlace =
        use === position &&
        bytes <= elementBytes(holder.type.element) &&
        sameNumbers(node.type.shape, holder.type.shape) &&
        stages.every((stage) => isElementwise(stage.node.op));
      if (written.has(node.name) || !(isFree || inPlace)) continue;
      found.add(node.name);
      holder = node;
    }
  });
  return found;
}

/** The last pass that reads a result from where it was stored; −1 when none does. */
function lastUse(passes: readonly ChainPass[], name: string): number {
  return passes.findLastIndex(({ stages }) => stages[0].node.operands.includes(name));
}

/** Bytes of a partial sum. */
const partialBytes = 4;

/** Assigns the results of a layer's nodes to the partial-sum buffer, their value's buffer, or reused scratch slots. */
export function planChain(
  layer: Layer,
  geometry: Geometry,
  roles: ContractionRoles | null,
  tileElements: number,
  target: ChipTarget,
): ChainPlan {
  const places = new Map<string, ResultPlace>();
  const written = new Set(layer.writes.map((write) => write.value));
  const slotBytes: number[] = [];
  const busyUntil: number[] = [];
  if (layer.kind === "movement" || layer.kind === "input" || layer.kind === "state" || layer.kind === "output") {
    for (const node of layer.nodes) places.set(node.name, { kind: "value" });
    return { passes: [], places, slotBytes, tables: [], tileElements };
  }
  const passes = chainPasses(layer, target);
  const inPartial = partialNodes(layer, passes);
  if (roles !== null) places.set(layer.nodes[0]?.name ?? "", { kind: "partial" });
  passes.forEach(({ results }, position) => {
    for (const node of results) {
      if (inPartial.has(node.name)) places.set(node.name, { kind: "partial" });
      else if (written.has(node.name)) places.set(node.name, { kind: "value" });
      else {
        const bytes = tileElements * elementBytes(node.type.element);
        let slot = busyUntil.findIndex((until) => until < position);
        if (slot < 0) slot = busyUntil.length;
        busyUntil[slot] = Math.max(position, lastUse(passes, node.name));
        slotBytes[slot] = Math.max(slotBytes[slot] ?? 0, roundUp(bytes, 4));
        places.set(node.name, { kind: "scratch", slot });
      }
    }
  });
  if (roles !== null && written.has(layer.nodes[0]?.name ?? "")) {
    throw internalError("the i32 sums of a contraction leave their layer", { layer: layer.name });
  }
  const tables = layer.nodes.flatMap((node) => tablesOf(node, layer, geometry));
  return { passes, places, slotBytes, tables, tileElements };
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
      const values = new Int32Array(2 * factors.length);
      let known = { factor: Number.NaN, multiplier: 0, shift: 0 };
      factors.forEach((factor, index) => {
        // Channels often have the factor of the one before.
        if (factor !== known.factor) known = { factor, ...fixedPoint(factor) };
        values[2 * index] = known.multiplier;
        values[2 * index + 1] = known.shift;
      });
      const access = axis === null || factors.length === 1 ? [] : [layer.result[axis] as Access[number]];
      return [placed(layer, node, "scale", access.length === 0 ? [] : [factors.length], values, access, geometry)];
    }
    case "reduce_mean":
      return [placed(layer, node, "count", [], Int32Array.of(reducedCount(context)), [], geometry)];
    case "channel_mean_of_squares":
      return [placed(layer, node, "count", [], Int32Array.of(numberOf(node.attributes, "size")), [], geometry)];
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
