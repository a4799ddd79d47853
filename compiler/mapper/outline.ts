import { ceilDivide } from "../../base/math.ts";
import type { IterationDimension } from "../../ir/iteration.ts";
import type { CorePlace, Split, SplitPart } from "../../ir/mapping.ts";
import { firstCore, type Geometry, type Grid } from "../geometry.ts";

/**
 * The sizes of a split on the grid, as `layOut` gives them, without its row and column indexes, which are empty: enough to
 * price a layer, at a fraction of the memory and time.
 */
export function outline(
  dimensions: readonly IterationDimension[],
  split: Split,
  grid: Grid,
  corner: CorePlace = firstCore,
): Geometry {
  const count = dimensions.length;
  const parts = new Array<number>(count).fill(1);
  let reduction: Geometry["reduction"] = null;
  const add = (list: readonly SplitPart[], axis: "rows" | "columns"): number => {
    let used = 1;
    for (let position = 0; position < list.length; position += 1) {
      const part = list[position] as SplitPart;
      used *= part.parts;
      const index = dimensions.findIndex(({ name }) => name === part.dimension);
      parts[index] = (parts[index] as number) * part.parts;
      if (dimensions[index]?.kind === "reduction") reduction = { dimension: index, axis, parts: part.parts };
    }
    return used;
  };
  const usedRows = add(split.rows, "rows");
  const usedColumns = add(split.columns, "columns");
  const chunks = dimensions.map(({ size }, index) => ceilDivide(size, parts[index] as number));
  const indexes = { rowIndex: [], columnIndex: [] };
  return { grid, split, corner, dimensions, usedRows, usedColumns, parts, chunks, ...indexes, reduction };
}
