import type { Rectangle } from "../../ir/instruction.ts";

/**
 * Covers the cores of a grid with rectangles of equal keys; cores whose key is null are left out. Greedy from the
 * north-west: each rectangle grows east, then south.
 */
export function coverRectangles(keys: readonly (string | null)[], columns: number): Rectangle[] {
  const rows = keys.length / columns;
  const taken = new Array<boolean>(keys.length).fill(false);
  const rectangles: Rectangle[] = [];
  for (let core = 0; core < keys.length; core += 1) {
    const key = keys[core];
    if (key === null || key === undefined || taken[core]) continue;
    const row = Math.floor(core / columns);
    const column = core % columns;
    const free = (at: number): boolean => keys[at] === key && !taken[at];
    let width = 1;
    while (column + width < columns && free(core + width)) width += 1;
    let height = 1;
    const rowFree = (offset: number): boolean => {
      for (let step = 0; step < width; step += 1) if (!free(core + offset * columns + step)) return false;
      return true;
    };
    while (row + height < rows && rowFree(height)) height += 1;
    for (let down = 0; down < height; down += 1) {
      for (let across = 0; across < width; across += 1) taken[core + down * columns + across] = true;
    }
    rectangles.push({ row, column, rows: height, columns: width });
  }
  return rectangles;
}
