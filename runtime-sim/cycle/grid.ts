import { problem } from "../../base/errors.ts";
import type { Rectangle } from "../../ir/instruction.ts";

/** A core of the grid; io cores stand in column −1. */
export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Cores and io cores of a grid in row-major order, the io core of a row first. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** The number of a core: row × (columns + 1) + column + 1. */
export function nodeOf(grid: Grid, { row, column }: Place): number {
  return row * (grid.columns + 1) + column + 1;
}

/** All cores and io cores, by number. */
export function placesOf({ rows, columns }: Grid): Place[] {
  const places: Place[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = -1; column < columns; column += 1) places.push({ row, column });
  }
  return places;
}

/** The rectangle, when all its cores exist; B509 otherwise. */
export function checkedCores(grid: Grid, cores: Rectangle): Rectangle {
  const { row, column, rows, columns } = cores;
  if (row >= 0 && column >= -1 && row + rows <= grid.rows && column + columns <= grid.columns) return cores;
  throw problem("B509", `There are no ${rows} × ${columns} cores from (${row},${column}) on.`);
}

/** Whether a core lies in a rectangle. */
export function contains(cores: Rectangle, { row, column }: Place): boolean {
  return (
    row >= cores.row && row < cores.row + cores.rows && column >= cores.column && column < cores.column + cores.columns
  );
}
