import { type RidgeSolution, solvePositive } from "./ridge.ts";

/** Samples of a fit: features [features, samples] and targets [targets, samples], each row dense. */
export interface FitSamples {
  readonly features: Float32Array;
  readonly targets: Float32Array;
}

/** How often samples are weighted anew. Errors fall at each round, by less and less. */
const roundCount = 8;

/**
 * The weights [features, targets] and intercepts [targets] that make the sum of absolute errors small: least squares in
 * closed form, repeated with each sample weighted by one over its error in the round before (iteratively reweighted least
 * squares; Schlossmacher 1973), errors below `nearest` counting as that. `penalty` times the squared weights is added to
 * the weighted mean square; intercepts are not penalized. Throws a RangeError when features determine each other and the
 * penalty is 0.
 */
export function fitAbsolute(
  groups: readonly FitSamples[],
  size: { readonly featureCount: number; readonly targetCount: number },
  penalty: number,
  nearest: number,
): RidgeSolution {
  const { featureCount, targetCount } = size;
  const rows = rowsOf(groups, featureCount);
  const weights = new Float64Array(featureCount * targetCount);
  const intercepts = new Float64Array(targetCount);
  for (let target = 0; target < targetCount; target += 1) {
    const wanted = columnOf(groups, featureCount, target);
    const shares = new Float64Array(wanted.length).fill(1);
    let solution = fitWeighted(rows, wanted, shares, penalty);
    for (let round = 0; round < roundCount; round += 1) {
      weighByError(rows, wanted, solution, nearest, shares);
      solution = fitWeighted(rows, wanted, shares, penalty);
    }
    for (let feature = 0; feature < featureCount; feature += 1) {
      weights[feature * targetCount + target] = solution[feature] as number;
    }
    intercepts[target] = solution[featureCount] as number;
  }
  return { weights, intercepts };
}

/** [samples, features + 1], the last column 1. */
function rowsOf(groups: readonly FitSamples[], featureCount: number): Float64Array {
  const order = featureCount + 1;
  const total = groups.reduce((sum, { features }) => sum + features.length / featureCount, 0);
  const rows = new Float64Array(total * order).fill(1);
  let first = 0;
  for (const { features } of groups) {
    const count = features.length / featureCount;
    for (let feature = 0; feature < featureCount; feature += 1) {
      for (let sample = 0; sample < count; sample += 1) {
        rows[(first + sample) * order + feature] = features[feature * count + sample] as number;
      }
    }
    first += count;
  }
  return rows;
}

/** One target of all samples. */
function columnOf(groups: readonly FitSamples[], featureCount: number, target: number): Float64Array {
  const parts = groups.map(({ features, targets }) => {
    const count = features.length / featureCount;
    return targets.subarray(target * count, (target + 1) * count);
  });
  const column = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let first = 0;
  for (const part of parts) {
    column.set(part, first);
    first += part.length;
  }
  return column;
}

function fitWeighted(rows: Float64Array, wanted: Float64Array, shares: Float64Array, penalty: number): Float64Array {
  const order = rows.length / wanted.length;
  const matrix = new Float64Array(order * order);
  const right = new Float64Array(order);
  let total = 0;
  for (let sample = 0; sample < wanted.length; sample += 1) {
    const share = shares[sample] as number;
    const first = sample * order;
    total += share;
    for (let row = 0; row < order; row += 1) {
      const value = share * (rows[first + row] as number);
      right[row] = (right[row] as number) + value * (wanted[sample] as number);
      for (let column = 0; column <= row; column += 1) {
        matrix[row * order + column] =
          (matrix[row * order + column] as number) + value * (rows[first + column] as number);
      }
    }
  }
  for (let row = 0; row < order; row += 1) {
    right[row] = (right[row] as number) / total;
    for (let column = 0; column <= row; column += 1) {
      const mean = (matrix[row * order + column] as number) / total;
      const value = row === column && row < order - 1 ? mean + penalty : mean;
      matrix[row * order + column] = value;
      matrix[column * order + row] = value;
    }
  }
  return solvePositive(matrix, right, order);
}

/** One over each sample's error. */
function weighByError(
  rows: Float64Array,
  wanted: Float64Array,
  solution: Float64Array,
  nearest: number,
  shares: Float64Array,
): void {
  const order = solution.length;
  for (let sample = 0; sample < wanted.length; sample += 1) {
    let error = wanted[sample] as number;
    for (let column = 0; column < order; column += 1) {
      error -= (rows[sample * order + column] as number) * (solution[column] as number);
    }
    shares[sample] = 1 / Math.max(nearest, Math.abs(error));
  }
}
