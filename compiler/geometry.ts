import { ceilDivide, product } from "../base/math.ts";
import { type Access, type Box, footprint, type IterationDimension, intersect, type Range } from "../ir/iteration.ts";
import type { CorePlace, Split, SplitPart } from "../ir/mapping.ts";

/** Rows and columns of the core array. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** The north-west core of the grid. */
export const firstCore: CorePlace = { row: 0, column: 0 };

/** How the iteration space of a step lies on the grid: which range of every dimension each core has. */
export interface Geometry {
  readonly grid: Grid;
  readonly split: Split;
  /** The core that has the first parts. */
  readonly corner: CorePlace;
  readonly dimensions: readonly IterationDimension[];
  /** Grid rows and columns, from the corner on, that have a part; other cores are idle. */
  readonly usedRows: number;
  readonly usedColumns: number;
  /** By dimension: how many parts it is divided into, and the size of all parts but the last. */
  readonly parts: readonly number[];
  readonly chunks: readonly number[];
  /** [dimension][row] and [dimension][column]: the part's index contributed by each grid axis. */
  readonly rowIndex: readonly (readonly number[])[];
  readonly columnIndex: readonly (readonly number[])[];
  /** The reduction dimension that is split, and along which grid axis its parts are neighbours; null when none is. */
  readonly reduction: { readonly dimension: number; readonly axis: "rows" | "columns"; readonly parts: number } | null;
}

/** Lays a split on the grid from a corner on. The split must name dimensions that exist, each at most once on a grid axis. */
export function layOut(
  dimensions: readonly IterationDimension[],
  split: Split,
  grid: Grid,
  corner: CorePlace = firstCore,
): Geometry {
  const partsOn = (list: readonly SplitPart[], name: string): number =>
    list.find((part) => part.dimension === name)?.parts ?? 1;
  /** By dimension: along an axis of the grid, the index of the part that it contributes, times a factor (by dimension; 1 where none is given). */
  const indexesOn = (
    list: readonly SplitPart[],
    first: number,
    length: number,
    factors: readonly number[],
  ): (readonly number[])[] => {
    const whole = new Array<number>(length).fill(0);
    return dimensions.map(({ name }, dimension) => {
      const position = list.findIndex((part) => part.dimension === name);
      if (position < 0) return whole;
      const inner = product(list.slice(position + 1).map((part) => part.parts));
      const parts = list[position]?.parts ?? 1;
      const factor = factors[dimension] ?? 1;
      const indexes: number[] = [];
      for (let index = 0; index < length; index += 1) {
        indexes.push(factor * (Math.floor(Math.max(0, index - first) / inner) % parts));
      }
      return indexes;
    });
  };
  const parts = dimensions.map(({ name }) => partsOn(split.rows, name) * partsOn(split.columns, name));
  const reducedDimension = dimensions.findIndex(
    (dimension, index) => dimension.kind === "reduction" && parts[index] !== 1,
  );
  const reducedName = dimensions[reducedDimension]?.name ?? "";
  const onRows = partsOn(split.rows, reducedName);
  const columnParts = dimensions.map(({ name }) => partsOn(split.columns, name));
  return {
    grid,
    split,
    corner,
    dimensions,
    usedRows: product(split.rows.map((part) => part.parts)),
    usedColumns: product(split.columns.map((part) => part.parts)),
    parts,
    chunks: dimensions.map(({ size }, index) => ceilDivide(size, parts[index] ?? 1)),
    rowIndex: indexesOn(split.rows, corner.row, grid.rows, columnParts),
    columnIndex: indexesOn(split.columns, corner.column, grid.columns, []),
    reduction:
      reducedDimension < 0
        ? null
        : {
            dimension: reducedDimension,
            axis: onRows > 1 ? "rows" : "columns",
            parts: parts[reducedDimension] ?? 1,
          },
  };
}

/** Whether the core is one of those that the split is laid on. */
export function isUsed({ corner, usedRows, usedColumns }: Geometry, row: number, column: number): boolean {
  const down = row - corner.row;
  const right = column - corner.column;
  return down >= 0 && down < usedRows && right >= 0 && right < usedColumns;
}

/** Whether the core has a non-empty part of the iteration space. */
export function isActive(geometry: Geometry, row: number, column: number): boolean {
  if (!isUsed(geometry, row, column)) return false;
  return geometry.dimensions.every((_, index) => {
    const range = rangeOn(geometry, index, row, column);
    return range.end > range.start;
  });
}

/** The range of a dimension on a core; empty when the part lies beyond the dimension's end. */
export function rangeOn(geometry: Geometry, dimension: number, row: number, column: number): Range {
  const part = partOn(geometry, dimension, row, column);
  const chunk = geometry.chunks[dimension] as number;
  const size = (geometry.dimensions[dimension] as IterationDimension).size;
  return { start: Math.min(size, part * chunk), end: Math.min(size, (part + 1) * chunk) };
}

/** Which part of a dimension a core has. */
export function partOn(geometry: Geometry, dimension: number, row: number, column: number): number {
  return (geometry.rowIndex[dimension]?.[row] ?? 0) + (geometry.columnIndex[dimension]?.[column] ?? 0);
}

/** The part of the iteration space on a core, one range a dimension. */
export function iterationBox(geometry: Geometry, row: number, column: number): Box {
  return geometry.dimensions.map((_, index) => rangeOn(geometry, index, row, column));
}

/** The part of the iteration space of the core that has the largest ranges (that at the corner). */
export function largestBox(geometry: Geometry): Box {
  return geometry.chunks.map((chunk) => ({ start: 0, end: chunk }));
}

/** Whether the core ends up with results: it is active and the last of its chain of partial sums. */
export function ownsResult(geometry: Geometry, row: number, column: number): boolean {
  if (!isActive(geometry, row, column)) return false;
  const reduction = geometry.reduction;
  return reduction === null || reductionIndex(geometry, row, column) === reduction.parts - 1;
}

/** The core's place in its chain of partial sums, 0 for the first; 0 when nothing is reduced across cores. */
export function reductionIndex(geometry: Geometry, row: number, column: number): number {
  const reduction = geometry.reduction;
  if (reduction === null) return 0;
  return partOn(geometry, reduction.dimension, row, column);
}

/** The box of a tensor of the given shape that a core touches, clipped to the tensor; null when it is empty. */
export function touchedBox(
  geometry: Geometry,
  access: Access,
  shape: readonly number[],
  row: number,
  column: number,
): Box | null {
  if (!isActive(geometry, row, column)) return null;
  return intersect(
    footprint(access, iterationBox(geometry, row, column)),
    shape.map((size) => ({ start: 0, end: size })),
  );
}

/** Extents, one an axis, that hold any core's footprint of the access, padding included. */
export function largestExtents(geometry: Geometry, access: Access): number[] {
  return footprint(access, largestBox(geometry)).map((range) => range.end - range.start);
}
