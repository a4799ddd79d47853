/**
 * The lower triangle L of a symmetric positive definite matrix A = L·Lᵀ [size, size], rows in order; what lies above the
 * diagonal is 0. Throws RangeError where A is not positive definite.
 */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const lower = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) {
    const start = row * size;
    for (let column = 0; column <= row; column += 1) {
      const other = column * size;
      let total = matrix[start + column] as number;
      for (let k = 0; k < column; k += 1) total -= (lower[start + k] as number) * (lower[other + k] as number);
      if (column < row) lower[start + column] = total / (lower[other + column] as number);
      else if (total > 0) lower[start + row] = Math.sqrt(total);
      else throw new RangeError(`the matrix is not positive definite at row ${row}`);
    }
  }
  return lower;
}

/** Solves L·Lᵀ·x = b in place for each of the columns of b [size, columns]. */
export function choleskySolve(lower: Float64Array, size: number, b: Float64Array, columns: number): void {
  for (let row = 0; row < size; row += 1) {
    for (let k = 0; k < row; k += 1) subtractRow(b, columns, row, k, lower[row * size + k] as number);
    divideRow(b, columns, row, lower[row * size + row] as number);
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    for (let k = row + 1; k < size; k += 1) subtractRow(b, columns, row, k, lower[k * size + row] as number);
    divideRow(b, columns, row, lower[row * size + row] as number);
  }
}

function subtractRow(b: Float64Array, columns: number, row: number, from: number, factor: number): void {
  if (factor === 0) return;
  const [start, other] = [row * columns, from * columns];
  for (let column = 0; column < columns; column += 1)
    b[start + column] = (b[start + column] as number) - factor * (b[other + column] as number);
}

function divideRow(b: Float64Array, columns: number, row: number, divisor: number): void {
  for (let index = row * columns; index < (row + 1) * columns; index += 1) b[index] = (b[index] as number) / divisor;
}
