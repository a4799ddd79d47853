import type { Box } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import { type CoreParts, coreParts, footprints } from "./core-boxes.ts";
import { type Geometry, type Grid, layOut } from "./geometry.ts";
import type { Layer } from "./layers.ts";

/** A step on the grid: what each core computes, ends up with and touches. */
export interface LaidStep {
  readonly layer: Layer;
  readonly geometry: Geometry;
  readonly parts: CoreParts;
  /** [write][core]: the box of the value that the core ends up with, null for none. */
  readonly owned: readonly (readonly (Box | null)[])[];
  /** [read][core]: the box that the core touches, padding included; null for reads by pieces and those of outputs. */
  readonly touched: readonly (readonly (Box | null)[] | null)[];
}

/** Lays a step on the grid. */
export function layStep(step: MappedStep, layer: Layer, grid: Grid): LaidStep {
  const geometry = layOut(layer.dimensions, step.split, grid, step.corner);
  const parts = coreParts(geometry);
  const anchor = layer.nodes[0]?.name ?? null;
  // Partial sums are computed by all cores of a chain, the nodes after them by the one that ends up with the sum.
  const takesPart = (node: string | null): readonly boolean[] => (node === anchor ? parts.active : parts.owns);
  return {
    layer,
    geometry,
    parts,
    owned: layer.writes.map(({ access }) => footprints(access, geometry, parts.boxes, parts.owns)),
    touched: layer.reads.map(({ access, node }) =>
      access === null || layer.kind === "output" ? null : footprints(access, geometry, parts.boxes, takesPart(node)),
    ),
  };
}
