import type { Rectangle } from "../../ir/instruction.ts";

/**
 * Covers the cores of a grid with rectangles of equal keys; cores whose key is negative are left out. Greedy from the
 * north-west: each rectangle grows east, then south.
 */
export function coverRectangles(keys: ArrayLike<number>, columns: number): Rectangle[] {
  const rows = keys.length / columns;
  const rest = Int32Array.from(keys);
  const rectangles: Rectangle[] = [];
  for (let core = 0; core < rest.length; core += 1) {
    const key = rest[core] as number;
    if (key < 0) continue;
    const row = Math.floor(core / columns);
    const column = core % columns;
    let width = 1;
    while (column + width < columns && rest[core + width] === key) width += 1;
    let height = 1;
    while (row + height < rows && isRow(rest, core + height * columns, width, key)) height += 1;
    for (let down = 0; down < height; down += 1) {
      rest.fill(-1, core + down * columns, core + down * columns + width);
    }
    rectangles.push({ row, column, rows: height, columns: width });
  }
  return rectangles;
}

/** Whether the cores from a first one on all have a key. */
function isRow(keys: Int32Array, first: number, width: number, key: number): boolean {
  for (let core = first; core < first + width; core += 1) if (keys[core] !== key) return false;
  return true;
}
