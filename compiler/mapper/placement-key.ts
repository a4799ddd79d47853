import type { Access, IterationDimension } from "../../ir/iteration.ts";
import type { SplitPart } from "../../ir/mapping.ts";
import type { Geometry } from "../geometry.ts";
import type { Layer } from "../layers.ts";

/** Where a dimension's parts stand in a list: the list's parts and the product of those further in. */
function place(list: readonly SplitPart[], name: string): string {
  let inner = 1;
  for (let position = list.length - 1; position >= 0; position -= 1) {
    const { dimension, parts } = list[position] as SplitPart;
    if (dimension === name) return `${parts}@${inner}`;
    inner *= parts;
  }
  return "-";
}

/** By dimension: its size and where its parts stand on the grid. */
function lyingTexts({ dimensions, split }: Geometry): readonly string[] {
  return dimensions.map(({ name, size }) => `${size}:${place(split.rows, name)},${place(split.columns, name)}`);
}

/**
 * A text that is equal for two placements only when they are equal (see `placementOf`): it states the value's shape, the
 * access, how the touched dimensions lie on the grid, and which cores are active.
 */
export function placementKey(
  geometry: Geometry,
  access: Access,
  shape: readonly number[],
  owner: boolean,
  lying = lyingTexts(geometry),
): string {
  let axes = "";
  for (let axis = 0; axis < access.length; axis += 1) {
    const { terms, offset } = access[axis] as Access[number];
    if (axis > 0) axes += ";";
    axes += `${offset}+`;
    for (let term = 0; term < terms.length; term += 1) {
      const { dimension, stride } = terms[term] as Access[number]["terms"][number];
      if (term > 0) axes += "+";
      axes += `${stride}*${lying[dimension]}`;
    }
  }
  const uneven = lying.filter((_, index) => {
    const parts = geometry.parts[index] as number;
    const { size } = geometry.dimensions[index] as IterationDimension;
    return parts > 1 && (geometry.chunks[index] as number) * (parts - 1) >= size;
  });
  const chain = owner && geometry.reduction !== null ? lying[geometry.reduction.dimension] : "";
  const used = `${geometry.usedRows}x${geometry.usedColumns}@${geometry.corner.row},${geometry.corner.column}`;
  return `${shape.join("x")}|${axes}|${used}|${uneven.join(";")}|${chain}`;
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
  const lying = lyingTexts(geometry);
  return {
    owned: layer.writes.map((write) => placementKey(geometry, write.access, write.type.shape, true, lying)),
    needed: layer.reads.map((read) =>
      read.constant || read.access === null || layer.kind === "output"
        ? null
        : placementKey(geometry, read.access, read.type.shape, ownersRead(layer, read.node), lying),
    ),
  };
}
