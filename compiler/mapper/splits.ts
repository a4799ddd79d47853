import { product } from "../../base/math.ts";
import type { IterationDimension } from "../../ir/iteration.ts";
import type { Split, SplitPart } from "../../ir/mapping.ts";
import type { Grid } from "../geometry.ts";
import type { Layer, LayerRead, LayerWrite } from "../layers.ts";
import { contractionRoles } from "../tiling.ts";
import { splitViolations } from "./rules.ts";

/** Into how many parts along a grid axis of `cores` cores a dimension of `size` indexes is worth dividing. */
export function usefulParts(size: number, cores: number): number[] {
  const found: number[] = [];
  const most = Math.min(size, cores);
  for (let parts = 2; parts <= most; parts += 1) {
    const chunk = Math.ceil(size / parts);
    if (Math.ceil(size / chunk) !== parts) continue;
    const dividesWell = size % parts === 0 && 2 * parts > cores;
    const nextChunk = Math.ceil(size / (parts + 1));
    const largest = parts === most || Math.ceil(size / nextChunk) > most || nextChunk === chunk;
    if (cores % parts === 0 || dividesWell || parts === size || (largest && 2 * parts > cores)) found.push(parts);
  }
  return found;
}

/** Dimensions in the order in which they stand in a split's list: what weights have first, sums over cores last. */
function dimensionOrder(layer: Layer): readonly IterationDimension[] {
  const large = (index: number): readonly IterationDimension[] => {
    const dimension = layer.dimensions[index];
    return dimension !== undefined && dimension.size > 1 ? [dimension] : [];
  };
  if (layer.kind === "contraction") {
    const { group, column, row, inner } = contractionRoles(layer);
    return [...group, ...column, ...row, ...inner].flatMap(large);
  }
  const parallel = layer.dimensions
    .map((_, index) => index)
    .filter((index) => layer.dimensions[index]?.kind === "parallel");
  return parallel.flatMap(large);
}

/** All lists of at most two dimensions with useful parts along a grid axis; the empty list first. */
function axisLists(dimensions: readonly IterationDimension[], cores: number): SplitPart[][] {
  const lists: SplitPart[][] = [[]];
  const options = dimensions.map(({ name, size }) =>
    usefulParts(size, cores).map((parts): SplitPart => ({ dimension: name, parts })),
  );
  options.forEach((outerOptions, position) => {
    for (const outer of outerOptions) {
      if (2 * outer.parts >= cores || outer === outerOptions[outerOptions.length - 1]) lists.push([outer]);
      for (const innerOptions of options.slice(position + 1)) {
        for (const inner of innerOptions) {
          const used = outer.parts * inner.parts;
          if (used <= cores && 2 * used > cores) lists.push([outer, inner]);
        }
      }
    }
  });
  return lists;
}

/** Legal splits of a layer worth looking at, in a fixed order; the one that uses a single core is always among them. */
export function candidateSplits(layer: Layer, grid: Grid): Split[] {
  if (layer.kind === "output") return [{ rows: [], columns: [] }];
  const dimensions = dimensionOrder(layer);
  const isLegal = (split: Split): boolean => splitViolations(layer, split, grid).length === 0;
  // Where no dimensions share an axis of the results, legal lists break rules together by a dimension that both have alone.
  const isApart = [layer.result, ...layer.writes.map(({ access }) => access)].every((access) =>
    access.every(({ terms }) => terms.length < 2),
  );
  const listsOn = (axis: keyof Split): SplitPart[][] => {
    const lists = axisLists(dimensions, grid[axis]);
    return isApart ? lists.filter((list) => isLegal({ rows: [], columns: [], [axis]: list })) : lists;
  };
  const rowLists = listsOn("rows");
  const columnLists = grid.rows === grid.columns ? rowLists : listsOn("columns");
  const reductions = new Set(layer.dimensions.filter(({ kind }) => kind === "reduction").map(({ name }) => name));
  const isReduced = (list: readonly SplitPart[]): boolean => list.some(({ dimension }) => reductions.has(dimension));
  const reducedColumns = new Set(columnLists.filter(isReduced));
  const sizes = new Map(dimensions.map(({ name, size }) => [name, size]));
  const splits: Split[] = [];
  for (const rows of rowLists) {
    const rowReduction = isReduced(rows);
    for (let index = 0; index < columnLists.length; index += 1) {
      const columns = columnLists[index] as SplitPart[];
      if (rowReduction && reducedColumns.has(columns)) continue;
      const split = { rows, columns };
      if (isApart ? sharedFit(split, sizes) : isLegal(split)) splits.push(split);
    }
  }
  return splits;
}

/** Whether dimensions that both lists divide have at least as many indexes as parts. */
function sharedFit({ rows, columns }: Split, sizes: ReadonlyMap<string, number>): boolean {
  for (let outer = 0; outer < rows.length; outer += 1) {
    for (let inner = 0; inner < columns.length; inner += 1) {
      const row = rows[outer] as SplitPart;
      const column = columns[inner] as SplitPart;
      if (row.dimension !== column.dimension) continue;
      if (row.parts * column.parts > (sizes.get(row.dimension) ?? 1)) return false;
    }
  }
  return true;
}

/** By axis of a value: the dimension that alone moves along it, with what stride; null where it is otherwise. */
function axisDimensions(layer: Layer, at: LayerRead | LayerWrite): ({ name: string; stride: number } | null)[] {
  return (at.access ?? []).map(({ terms }) => {
    const moving = terms.filter(({ dimension }) => (layer.dimensions[dimension]?.size ?? 1) > 1);
    const term = moving.find(({ dimension }) => layer.dimensions[dimension]?.kind === "parallel") ?? moving[0];
    const dimension = term === undefined ? undefined : layer.dimensions[term.dimension];
    return dimension === undefined || term === undefined ? null : { name: dimension.name, stride: term.stride };
  });
}

/**
 * The split of one layer that divides a value as another layer's split does, so that the value stays where it is; null
 * when a part of the other split has no counterpart.
 */
export function translateSplit(
  split: Split,
  from: { readonly layer: Layer; readonly at: LayerRead | LayerWrite },
  to: { readonly layer: Layer; readonly at: LayerRead | LayerWrite },
  grid: Grid,
): Split | null {
  const fromAxes = axisDimensions(from.layer, from.at);
  const toAxes = axisDimensions(to.layer, to.at);
  const translate = (list: readonly SplitPart[]): SplitPart[] | null => {
    const result: SplitPart[] = [];
    for (const { dimension, parts } of list) {
      const axis = fromAxes.findIndex((entry) => entry?.name === dimension);
      const counterpart = axis < 0 ? null : toAxes[axis];
      if (counterpart === null || counterpart === undefined) return null;
      result.push({ dimension: counterpart.name, parts });
    }
    return result;
  };
  const rows = translate(split.rows);
  const columns = translate(split.columns);
  if (rows === null || columns === null) return null;
  if (product(rows.map(({ parts }) => parts)) * product(columns.map(({ parts }) => parts)) === 1) return null;
  const result = { rows, columns };
  return splitViolations(to.layer, result, grid).length === 0 ? result : null;
}

/** Prints a split: `rows o 4 × oh 4, columns ow 14`. */
export function formatSplit(split: Split): string {
  const list = (parts: readonly SplitPart[]): string =>
    parts.length === 0 ? "1" : parts.map(({ dimension, parts: count }) => `${dimension} ${count}`).join(" × ");
  return `rows ${list(split.rows)}, columns ${list(split.columns)}`;
}
