import type { Access, IterationDimension } from "../../ir/iteration.ts";
import type { SplitPart } from "../../ir/mapping.ts";
import type { Geometry } from "../geometry.ts";
import type { Layer } from "../layers.ts";

/** Where a dimension's parts stand in a list: the list's parts and the product of those further in. */
function place(list: readonly SplitPart[], name: string): string {
  const position = list.findIndex((part) => part.dimension === name);
  if (position < 0) return "-";
  let inner = 1;
  for (const part of list.slice(position + 1)) inner *= part.parts;
  return `${list[position]?.parts}@${inner}`;
}

/**
 * A text that is equal for two placements only when they are equal (see `placementOf`): it states the value's shape, the
 * access, how the touched dimensions lie on the grid, and which cores are active.
 */
export function placementKey(geometry: Geometry, access: Access, shape: readonly number[], owner: boolean): string {
  const { rows, columns } = geometry.split;
  const describe = (index: number): string => {
    const { name, size } = geometry.dimensions[index] as IterationDimension;
    return `${size}:${place(rows, name)},${place(columns, name)}`;
  };
  const axes = access.map(({ terms, offset }) => {
    const parts = terms.map(({ dimension, stride }) => `${stride}*${describe(dimension)}`);
    return `${offset}+${parts.join("+")}`;
  });
  const uneven = geometry.dimensions.flatMap((dimension, index) => {
    const parts = geometry.parts[index] as number;
    return parts > 1 && (geometry.chunks[index] as number) * (parts - 1) >= dimension.size ? [describe(index)] : [];
  });
  const chain = owner && geometry.reduction !== null ? describe(geometry.reduction.dimension) : "";
  const used = `${geometry.usedRows}x${geometry.usedColumns}@${geometry.corner.row},${geometry.corner.column}`;
  return [shape.join("x"), axes.join(";"), used, uneven.join(";"), chain].join("|");
}

/** Cores that take part in a read: all that are active for the anchor, those that end up with results for later nodes. */
export function ownersRead(layer: Layer, node: string | null): boolean {
  return layer.kind === "contraction" && node !== null && node !== layer.nodes[0]?.name;
}

/** The placements of a layer's values: by write where its results lie, by read what it needs; null for constants and movements' reads. */
export function placementKeys(
  layer: Layer,
  geometry: Geometry,
): { readonly owned: readonly string[]; readonly needed: readonly (string | null)[] } {
  return {
    owned: layer.writes.map((write) => placementKey(geometry, write.access, write.type.shape, true)),
    needed: layer.reads.map((read) =>
      read.constant || read.access === null || layer.kind === "output"
        ? null
        : placementKey(geometry, read.access, read.type.shape, ownersRead(layer, read.node)),
    ),
  };
}
