import type { Access, Box } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import { type CoreParts, coreParts, footprints, forEachBox } from "./core-boxes.ts";
import { type Geometry, type Grid, layOut } from "./geometry.ts";
import type { Layer } from "./layers.ts";
import { boxStart } from "./local-layout.ts";

/** By core: the box of a value that it has, null for none. */
export type ValueParts = readonly (Box | null)[];

/** What cores touch of a value. */
export interface TouchedParts {
  /** Padding included. */
  readonly boxes: ValueParts;
  /** Clipped to the value. */
  readonly clipped: ValueParts;
  /** By core: where its box begins. */
  readonly origins: readonly (readonly number[])[];
  /** Whether any box leaves the value. */
  readonly padded: boolean;
}

/** A step on the grid: what each core computes, ends up with and touches. */
export interface LaidStep {
  readonly layer: Layer;
  readonly geometry: Geometry;
  readonly parts: CoreParts;
  /** By write: what the cores end up with. */
  readonly owned: readonly ValueParts[];
  /** By read; null for reads by pieces and those of outputs. */
  readonly touched: readonly (TouchedParts | null)[];
}

/** An iteration space on the grid. */
interface LaidSpace extends Pick<LaidStep, "geometry" | "parts"> {
  /** By access: of what the cores with results have, and of what all that work have. */
  readonly owned: Map<string, ValueParts>;
  readonly worked: Map<string, ValueParts>;
  /** By boxes and shape. */
  readonly touched: Map<ValueParts, Map<string, TouchedParts>>;
}

/** How iteration spaces lay before: those of steps that are divided alike have the same values, in all that follows. */
export type LayingMemory = Map<string, LaidSpace>;

/** Lays a step on the grid. */
export function layStep(step: MappedStep, layer: Layer, grid: Grid, memory: LayingMemory): LaidStep {
  const { split, corner } = step;
  const space = known(memory, JSON.stringify([layer.dimensions, split.rows, split.columns, corner ?? null]), () => {
    const geometry = layOut(layer.dimensions, split, grid, corner);
    return { geometry, parts: coreParts(geometry), owned: new Map(), worked: new Map(), touched: new Map() };
  });
  const { geometry, parts } = space;
  const partsOf = (access: Access, takesPart: "owned" | "worked"): ValueParts =>
    known(space[takesPart], JSON.stringify(access), () =>
      footprints(access, geometry, parts.boxes, takesPart === "owned" ? parts.owns : parts.active),
    );
  const anchor = layer.nodes[0]?.name ?? null;
  return {
    layer,
    geometry,
    parts,
    owned: layer.writes.map(({ access }) => partsOf(access, "owned")),
    touched: layer.reads.map(({ access, node, type: { shape } }) => {
      if (access === null || layer.kind === "output") return null;
      // Partial sums are computed by all cores of a chain, the nodes after them by the one that ends up with the sum.
      const boxes = partsOf(access, node === anchor ? "worked" : "owned");
      const byShape = known(space.touched, boxes, () => new Map<string, TouchedParts>());
      return known(byShape, shape.join(), () => touchedParts(boxes, shape));
    }),
  };
}

/** What a map holds for a key, made on first use. */
function known<K, T>(memory: Map<K, T>, key: K, make: () => T): T {
  const before = memory.get(key);
  if (before !== undefined) return before;
  const made = make();
  memory.set(key, made);
  return made;
}

function touchedParts(boxes: ValueParts, shape: readonly number[]): TouchedParts {
  const clip = (box: Box): Box =>
    box.map((range, axis) => ({ start: Math.max(0, range.start), end: Math.min(shape[axis] as number, range.end) }));
  const leaves = (box: Box): boolean =>
    box.some((range, axis) => range.start < 0 || range.end > (shape[axis] as number));
  return {
    boxes,
    clipped: forEachBox(boxes, clip, null),
    origins: forEachBox(boxes, boxStart, []),
    padded: forEachBox(boxes, leaves, false).includes(true),
  };
}
