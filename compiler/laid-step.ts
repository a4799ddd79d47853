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
  /** By dimension: equal where every core's range starts and ends alike. */
  readonly ranges: readonly string[];
  /** Equal where the same cores have results, and where the same work. */
  readonly owners: string;
  readonly workers: string;
  /** By access: of what the cores with results have, and of what all that work have. */
  readonly owned: Map<string, ValueParts>;
  readonly worked: Map<string, ValueParts>;
}

/**
 * What was worked out before. Steps that are divided alike have the same values, and so have accesses by which the cores of two
 * steps have the same boxes, in all that follows.
 */
export interface LayingMemory {
  readonly spaces: Map<string, LaidSpace>;
  /** By what the boxes follow from. */
  readonly parts: Map<string, ValueParts>;
  /** By boxes and shape. */
  readonly touched: Map<ValueParts, Map<string, TouchedParts>>;
}

/** Where nothing was laid before. */
export function layingMemory(): LayingMemory {
  return { spaces: new Map(), parts: new Map(), touched: new Map() };
}

/** Lays a step on the grid. */
export function layStep(step: MappedStep, layer: Layer, grid: Grid, memory: LayingMemory): LaidStep {
  const { split, corner } = step;
  const space = known(
    memory.spaces,
    JSON.stringify([layer.dimensions, split.rows, split.columns, corner ?? null]),
    () => {
      const geometry = layOut(layer.dimensions, split, grid, corner);
      const parts = coreParts(geometry);
      return {
        geometry,
        parts,
        ranges: rangeKeys(geometry),
        owners: parts.owns.join(),
        workers: parts.active.join(),
        owned: new Map(),
        worked: new Map(),
      };
    },
  );
  const { geometry, parts } = space;
  const partsOf = (access: Access, takesPart: "owned" | "worked"): ValueParts =>
    known(space[takesPart], JSON.stringify(access), () => {
      const [takers, key] = takesPart === "owned" ? [parts.owns, space.owners] : [parts.active, space.workers];
      return known(memory.parts, `${boxesKey(access, space.ranges)} ${key}`, () =>
        footprints(access, geometry, parts.boxes, takers),
      );
    });
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
      const byShape = known(memory.touched, boxes, () => new Map<string, TouchedParts>());
      return known(byShape, shape.join(), () => touchedParts(boxes, shape));
    }),
  };
}

function rangeKeys({ dimensions, chunks, rowIndex, columnIndex }: Geometry): string[] {
  return dimensions.map(({ size }, index) => `${size} ${chunks[index]} ${rowIndex[index]} ${columnIndex[index]}`);
}

/** Equal for accesses by which cores have the same boxes. */
function boxesKey(access: Access, ranges: readonly string[]): string {
  const axes = access.map(
    ({ terms, offset }) =>
      `${offset}${terms.map(({ dimension, stride }) => `+${stride}*${ranges[dimension]}`).join("")}`,
  );
  return axes.join(";");
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
