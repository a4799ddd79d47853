import type { Access } from "../../ir/iteration.ts";
import type { PlacedAccess, Placement, PlacementKernel, SplitDimension } from "../../kernels/placements.ts";
import type { Geometry } from "../geometry.ts";

function splitDimensions(geometry: Geometry, access: Access, owner: boolean): SplitDimension[] {
  const { dimensions, parts, chunks, rowIndex, columnIndex, reduction } = geometry;
  return dimensions.flatMap((_, dimension) => {
    const count = parts[dimension] as number;
    if (count === 1) return [];
    return [
      {
        dimension,
        parts: count,
        chunk: chunks[dimension] as number,
        rowIndex: rowIndex[dimension] as readonly number[],
        columnIndex: columnIndex[dimension] as readonly number[],
        isTouched: access.some(({ terms }) => terms.some((term) => term.dimension === dimension)),
        isChain: owner && reduction?.dimension === dimension,
      },
    ];
  });
}

/**
 * Where an access of a step touches a value of the given shape: for `owner` the cores that end up with results,
 * otherwise all active cores. Boxes that lie wholly in padding are left out.
 */
export function placementOf(
  kernel: PlacementKernel,
  geometry: Geometry,
  access: Access,
  shape: readonly number[],
  owner: boolean,
): Placement {
  return kernel.ofAccess(placedAccess(geometry, access, shape, owner));
}

/** The same, not worked out yet. */
export function placedAccess(
  geometry: Geometry,
  access: Access,
  shape: readonly number[],
  owner: boolean,
): PlacedAccess {
  const { grid, corner, dimensions } = geometry;
  const { rows, columns } = grid;
  return {
    rows,
    columns,
    firstRow: corner.row,
    endRow: Math.min(rows, corner.row + geometry.usedRows),
    firstColumn: corner.column,
    endColumn: Math.min(columns, corner.column + geometry.usedColumns),
    sizes: dimensions.map(({ size }) => size),
    split: splitDimensions(geometry, access, owner),
    shape,
    axes: access,
  };
}
