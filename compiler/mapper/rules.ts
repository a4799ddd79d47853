import { product } from "../../base/math.ts";
import type { IterationDimension } from "../../ir/iteration.ts";
import type { CorePlace, Split, SplitPart } from "../../ir/mapping.ts";
import type { WeightPlan } from "../../ir/weight-plan.ts";
import { copyCores, sharingCores } from "../core-group.ts";
import { firstCore, type Geometry, type Grid } from "../geometry.ts";
import type { Layer } from "../layers.ts";
import { type ContractionRoles, contractionRoles } from "../tiling.ts";

/** Why a split from a corner on is not legal for a layer, one sentence a rule that is broken; none when it is legal. */
export function splitViolations(layer: Layer, split: Split, whole: Grid, corner: CorePlace = firstCore): string[] {
  const found: string[] = [];
  if (corner.row >= whole.rows || corner.column >= whole.columns) {
    return [
      `The corner (${corner.row}, ${corner.column}) is not on the grid of ${whole.rows} × ${whole.columns} cores.`,
    ];
  }
  const mayMove = layer.kind !== "input" && layer.kind !== "state" && layer.kind !== "output";
  if (!mayMove && corner.row + corner.column > 0) found.push(`A step of kind "${layer.kind}" has no corner.`);
  const where = corner.row + corner.column > 0 ? " from the corner on" : "";
  const grid = { rows: whole.rows - corner.row, columns: whole.columns - corner.column };
  if (layer.kind === "output") {
    if (split.rows.length + split.columns.length > 0) found.push("An output step has no split.");
    return found;
  }
  found.push(...axisViolations(layer, split.rows, grid.rows, "rows", where));
  found.push(...axisViolations(layer, split.columns, grid.columns, "columns", where));
  if (found.length > 0) return found;
  for (let index = 0; index < layer.dimensions.length; index += 1) {
    const dimension = layer.dimensions[index] as IterationDimension;
    const parts = totalParts(split, dimension.name);
    if (parts > Math.max(1, dimension.size)) {
      found.push(`Dimension "${dimension.name}" of size ${dimension.size} is split into ${parts} parts.`);
    }
    if (dimension.kind === "reduction" && parts > 1) found.push(...reductionViolations(layer, dimension, split));
    if (parts > 1) found.push(...boxViolations(layer, index, split));
  }
  const reduced = layer.dimensions.filter(
    (dimension) => dimension.kind === "reduction" && totalParts(split, dimension.name) > 1,
  );
  if (reduced.length > 1) {
    found.push(
      `At most one reduction dimension may be split, found ${reduced.map(({ name }) => `"${name}"`).join(", ")}.`,
    );
  }
  return found;
}

function axisViolations(
  layer: Layer,
  list: readonly SplitPart[],
  limit: number,
  axis: string,
  where: string,
): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { dimension, parts } of list) {
    if (!layer.dimensions.some(({ name }) => name === dimension)) {
      const names = layer.dimensions.map(({ name }) => `"${name}"`).join(", ");
      found.push(`There is no dimension "${dimension}"; the layer has ${names || "none"}.`);
    }
    if (seen.has(dimension)) found.push(`Dimension "${dimension}" stands twice on the grid's ${axis}.`);
    seen.add(dimension);
    if (!Number.isInteger(parts) || parts < 2) {
      found.push(`Dimension "${dimension}" has ${parts} parts; the least is 2 (a dimension of one part is left out).`);
    }
  }
  const used = product(list.map(({ parts }) => parts));
  if (used > limit) found.push(`The parts on the grid's ${axis} make ${used}; the grid has ${limit} ${axis}${where}.`);
  return found;
}

/** Into how many parts a split divides a dimension, over both grid axes. */
export function totalParts(split: Split, name: string): number {
  return partsIn(split.rows, name) * partsIn(split.columns, name);
}

function partsIn(list: readonly SplitPart[], name: string): number {
  let parts = 1;
  for (let index = 0; index < list.length; index += 1) {
    const part = list[index] as SplitPart;
    if (part.dimension === name) parts *= part.parts;
  }
  return parts;
}

function reductionViolations(layer: Layer, dimension: IterationDimension, split: Split): string[] {
  const name = dimension.name;
  if (layer.kind !== "contraction") return [`Reduction dimension "${name}" may be split in contractions alone.`];
  const onRows = split.rows.findIndex((part) => part.dimension === name);
  const onColumns = split.columns.findIndex((part) => part.dimension === name);
  const found: string[] = [];
  if (onRows >= 0 && onColumns >= 0) {
    found.push(`Reduction dimension "${name}" is split on both grid axes; it may stand on one.`);
  } else {
    const [position, list] = onRows >= 0 ? [onRows, split.rows] : [onColumns, split.columns];
    if (position !== list.length - 1) {
      found.push(
        `Reduction dimension "${name}" must be the last (innermost) of its list, so that its parts are neighbours.`,
      );
    }
  }
  const parts = totalParts(split, name);
  const chunk = Math.ceil(dimension.size / parts);
  if (chunk * (parts - 1) >= dimension.size) {
    found.push(`Reduction dimension "${name}" of size ${dimension.size} in ${parts} parts leaves some parts empty.`);
  }
  return found;
}

/** Results of a core must be a box: where several dimensions share an axis, only the outermost may have many indexes. */
function boxViolations(layer: Layer, dimension: number, split: Split): string[] {
  const found: string[] = [];
  for (let write = -1; write < layer.writes.length; write += 1) {
    const access = layer.writes[write]?.access ?? layer.result;
    // Most writes have the access of the result, which has been looked at.
    if (write >= 0 && access === layer.result) continue;
    for (const { terms } of access) {
      const own = terms.find((term) => term.dimension === dimension);
      if (own === undefined) continue;
      for (const term of terms) {
        const other = layer.dimensions[term.dimension] as IterationDimension;
        const chunk = Math.ceil(other.size / totalParts(split, other.name));
        if (Math.abs(term.stride) > Math.abs(own.stride) && chunk > 1) {
          const name = layer.dimensions[dimension]?.name ?? "";
          const message = `Dimension "${name}" may be split only when every core has a single index of "${other.name}", found ${chunk}.`;
          if (!found.includes(message)) found.push(message);
        }
      }
    }
  }
  return found;
}

/** Why weights cannot be divided over cores so under a legal split; none when they can. */
export function weightsViolations(
  layer: Layer,
  geometry: Geometry,
  { copies }: WeightPlan,
  roles: ContractionRoles = contractionRoles(layer),
): string[] {
  const { split } = geometry;
  const found: string[] = [];
  if (copies === "all") return found;
  for (const axis of ["rows", "columns"] as const) {
    if (!sharesInnermost(layer, split[axis], roles)) {
      found.push(`Streamed weights need the dimensions that the weights do not have innermost on the grid's ${axis}.`);
    }
  }
  if (sharesWithIdle(layer, geometry.parts, geometry.chunks, roles)) {
    found.push("Streamed weights need every core of a group to have work; some parts are empty.");
  }
  const sharing = sharingCores(geometry, roles);
  if (copyCores(sharing, copies) === null) {
    found.push(
      `${sharing.rows} × ${sharing.columns} cores share a slice of the weights; they cannot be divided into ${copies} equal rectangles.`,
    );
  }
  return found;
}

/** Whether the dimensions of a list that weights do not have are the innermost, so that cores that share weights are neighbours. */
export function sharesInnermost(layer: Layer, list: readonly SplitPart[], { row }: ContractionRoles): boolean {
  const isRow = (part: SplitPart): boolean => row.some((index) => layer.dimensions[index]?.name === part.dimension);
  const first = list.findIndex(isRow);
  return first < 0 || list.slice(first).every(isRow);
}

/** Whether some cores that share weights have no work, by dimension being divided into so many parts of such sizes. */
export function sharesWithIdle(
  { dimensions }: Layer,
  parts: ArrayLike<number>,
  chunks: ArrayLike<number>,
  { row }: ContractionRoles,
): boolean {
  for (let position = 0; position < row.length; position += 1) {
    const index = row[position] as number;
    const whole = (parts[index] as number) - 1;
    if ((chunks[index] as number) * whole >= (dimensions[index] as IterationDimension).size) return true;
  }
  return false;
}
