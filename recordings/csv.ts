import { BorealError, type Problem } from "../base/errors.ts";
import { f32Tensor, type Tensor } from "../ir/tensor.ts";

/**
 * Reads a table of numbers: one row a line, values separated by commas; a first line without any number is a header and
 * is left out. The result is [rows, columns]. Throws B701 with file, line and column for every cell that is not a number
 * and every line of another length.
 */
export function parseCsv(text: string, file: string): Tensor {
  const lines = text
    .split(/\r?\n/)
    .map((line, index) => ({
      cells: line.split(",").map((cell) => cell.trim()),
      number: index + 1,
      blank: line.trim() === "",
    }))
    .filter(({ blank }) => !blank);
  const isNumber = (cell: string): boolean => cell !== "" && !Number.isNaN(Number(cell));
  const [first] = lines;
  const rows = first !== undefined && !first.cells.some(isNumber) ? lines.slice(1) : lines;
  const problems: Problem[] = [];
  const width = rows[0]?.cells.length ?? 0;
  if (rows.length === 0) problems.push({ code: "B701", message: "Found no row of numbers.", at: { file, line: 1 } });
  const values: number[] = [];
  for (const { cells, number } of rows) {
    if (cells.length !== width) {
      problems.push({
        code: "B701",
        message: `Found ${cells.length} cells, expected ${width} as in the first row.`,
        at: { file, line: number },
      });
    }
    cells.forEach((cell, index) => {
      if (!isNumber(cell)) {
        problems.push({
          code: "B701",
          message: `Found ${JSON.stringify(cell)}, expected a number.`,
          at: { file, line: number, column: index + 1 },
        });
      }
      values.push(Number(cell));
    });
  }
  if (problems.length > 0) throw new BorealError(problems.slice(0, 20));
  return f32Tensor([rows.length, width], values);
}
