/** What minimizes a penalized squared error: weights [features, targets] and intercepts [targets]. */
export interface RidgeSolution {
  readonly weights: Float64Array;
  readonly intercepts: Float64Array;
}

/**
 * Sums for a linear least-squares fit of several targets from shared features, with an intercept: the normal equations,
 * added up sample by sample so that no design matrix is ever held.
 */
export class RidgeFit {
  readonly #featureCount: number;
  readonly #targetCount: number;
  /** [features + 1][features + 1], the intercept last. */
  readonly #squares: Float64Array;
  /** [features + 1][targets] */
  readonly #products: Float64Array;
  #sampleCount = 0;

  constructor(featureCount: number, targetCount: number) {
    this.#featureCount = featureCount;
    this.#targetCount = targetCount;
    this.#squares = new Float64Array((featureCount + 1) ** 2);
    this.#products = new Float64Array((featureCount + 1) * targetCount);
  }

  /** Adds samples: features [features, samples] and targets [targets, samples], each row dense. */
  add(features: Float32Array, targets: Float32Array): void {
    const samples = features.length / this.#featureCount;
    const row = (data: Float32Array, index: number): Float32Array =>
      data.subarray(index * samples, (index + 1) * samples);
    const ones = new Float32Array(samples).fill(1);
    const rows = [...Array.from({ length: this.#featureCount }, (_, index) => row(features, index)), ones];
    rows.forEach((left, index) => {
      rows.forEach((right, other) => {
        this.#squares[index * rows.length + other] =
          (this.#squares[index * rows.length + other] as number) + dot(left, right);
      });
      for (let target = 0; target < this.#targetCount; target += 1) {
        const place = index * this.#targetCount + target;
        this.#products[place] = (this.#products[place] as number) + dot(left, row(targets, target));
      }
    });
    this.#sampleCount += samples;
  }

  /**
   * The weights [features, targets] and intercepts [targets] that minimize the mean squared error plus `penalty` times the
   * squared weights; intercepts are not penalized.
   */
  solve(penalty: number): RidgeSolution {
    const order = this.#featureCount + 1;
    const matrix = this.#squares.map((value) => value / this.#sampleCount);
    for (let index = 0; index < this.#featureCount; index += 1) {
      matrix[index * (order + 1)] = (matrix[index * (order + 1)] as number) + penalty;
    }
    const solution = solvePositive(
      matrix,
      this.#products.map((value) => value / this.#sampleCount),
      order,
    );
    const split = this.#featureCount * this.#targetCount;
    return { weights: solution.slice(0, split), intercepts: solution.slice(split) };
  }
}

function dot(left: Float32Array, right: Float32Array): number {
  let total = 0;
  for (let index = 0; index < left.length; index += 1) total += (left[index] as number) * (right[index] as number);
  return total;
}

/**
 * Solves A·X = B for a symmetric positive definite A [order, order] and B [order, columns], by A = L·Lᵀ (Cholesky). Throws
 * a RangeError when A is not positive definite.
 */
export function solvePositive(matrix: Float64Array, right: Float64Array, order: number): Float64Array {
  const columns = right.length / order;
  const lower = new Float64Array(order * order);
  const entry = (data: Float64Array, row: number, column: number, width: number): number =>
    data[row * width + column] as number;
  for (let row = 0; row < order; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let value = entry(matrix, row, column, order);
      for (let k = 0; k < column; k += 1) value -= entry(lower, row, k, order) * entry(lower, column, k, order);
      if (row === column && !(value > 0)) throw new RangeError(`the matrix is not positive definite in row ${row}`);
      lower[row * order + column] = row === column ? Math.sqrt(value) : value / entry(lower, column, column, order);
    }
  }
  const solution = right.slice();
  for (let target = 0; target < columns; target += 1) {
    for (let row = 0; row < order; row += 1) {
      let value = entry(solution, row, target, columns);
      for (let k = 0; k < row; k += 1) value -= entry(lower, row, k, order) * entry(solution, k, target, columns);
      solution[row * columns + target] = value / entry(lower, row, row, order);
    }
    for (let row = order - 1; row >= 0; row -= 1) {
      let value = entry(solution, row, target, columns);
      for (let k = row + 1; k < order; k += 1)
        value -= entry(lower, k, row, order) * entry(solution, k, target, columns);
      solution[row * columns + target] = value / entry(lower, row, row, order);
    }
  }
  return solution;
}
