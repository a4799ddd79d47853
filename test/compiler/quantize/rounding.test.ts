import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choleskyFactor, choleskySolve } from "../../../compiler/quantize/cholesky.ts";
import {
  type ChannelFormat,
  type ErrorMeasure,
  leastErrorScale,
  makeErrorMeasure,
  nearestIntegers,
  type RoundedChannel,
  roundCompensated,
  solveWeights,
} from "../../../compiler/quantize/rounding.ts";

/** Second moments [size, size] of rows of numbers. */
function momentsOf(rows: readonly (readonly number[])[], size: number): Float64Array {
  const moments = new Float64Array(size * size);
  for (const row of rows)
    row.forEach((left, i) => {
      row.forEach((right, j) => {
        moments[i * size + j] = (moments[i * size + j] as number) + left * right;
      });
    });
  return moments;
}

const anyRows = (size: number) =>
  fc.array(fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: size, maxLength: size }), {
    minLength: 1,
    maxLength: 12,
  });

/** The one channel of weights [size, 1], rounded. */
function roundedAlone(
  measure: ErrorMeasure,
  weights: Float64Array,
  format: ChannelFormat,
  scale: number | null = null,
): RoundedChannel {
  return roundCompensated(measure, weights, [format], scale)[0] as RoundedChannel;
}

describe("Cholesky factors", () => {
  it("multiply to the matrix, and solve it", () => {
    const matrix = Float64Array.of(4, 2, 2, 5);
    const lower = choleskyFactor(matrix, 2);
    expect([...lower]).toEqual([2, 0, 1, 2]);
    const b = Float64Array.of(8, 4, 9, 2);
    choleskySolve(lower, 2, b, 2);
    expect([...b].map((each) => each.toFixed(6))).toEqual(["1.375000", "1.000000", "1.250000", "0.000000"]);
  });

  it("refuse a matrix that is not positive definite", () => {
    expect(() => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2)).toThrow(RangeError);
  });
});

describe("scales of least squared error", () => {
  it("are exact where the weights lie on a grid, and leave out what costs more than clipping", () => {
    expect(leastErrorScale(Float64Array.of(7, -3, 1), { greatest: 7, leastScale: 0 })).toBe(1);
    const outlier = Float64Array.of(1.9, ...new Array<number>(500).fill(1), ...new Array<number>(500).fill(-1));
    const scale = leastErrorScale(outlier, { greatest: 1, leastScale: 0 });
    expect(scale).toBeGreaterThan(0.95);
    expect(scale).toBeLessThan(1.05);
  });

  it("are at least what the bias needs, and 1 for a dead channel", () => {
    expect(leastErrorScale(Float64Array.of(7, 1), { greatest: 7, leastScale: 4 })).toBe(4);
    expect(leastErrorScale(new Float64Array(3), { greatest: 7, leastScale: 0 })).toBe(1);
    expect(leastErrorScale(new Float64Array(3), { greatest: 7, leastScale: 0.5 })).toBe(0.5);
  });
});

describe("compensated rounding", () => {
  it("makes up for an error where inputs agree: two weights of 0.4 give 1 together", () => {
    const measure = makeErrorMeasure(Float64Array.of(1, 1, 1, 1), 2, 1e-6);
    expect([...nearestIntegers(Float64Array.of(0.4, 0.4), 1, 7)]).toEqual([0, 0]);
    const stored = roundedAlone(measure, Float64Array.of(0.4, 0.4), { greatest: 7, leastScale: 0 }, 1).stored;
    expect(stored.reduce((sum, each) => sum + each, 0)).toBe(1);
  });

  it("rounds to nearest where inputs have nothing in common", () => {
    const measure = makeErrorMeasure(Float64Array.of(1, 0, 0, 4), 2, 0);
    const { stored } = roundedAlone(measure, Float64Array.of(1.4, -2.6), { greatest: 7, leastScale: 0 }, 1);
    expect([...stored]).toEqual([1, -3]);
  });

  it.each([7, 1])("keeps to integers up to %d, none better moved, and ends no worse than it starts", (greatest) => {
    const size = 5;
    const anyWeights = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: size, maxLength: size });
    fc.assert(
      fc.property(anyRows(size), anyWeights, (rows, numbers) => {
        const weights = Float64Array.from(numbers);
        const moments = momentsOf(rows, size);
        const measure = makeErrorMeasure(moments, size, 0.01);
        const format = { greatest, leastScale: 0 };
        const inOrder = Float64Array.from(measure.order, (index) => weights[index] as number);
        const importance = Float64Array.from(measure.order, (_, row) => measure.moments[row * size + row] as number);
        const scale = leastErrorScale(inOrder, format, importance);
        const error = (stored: Float64Array, by: number): number => {
          let total = 0;
          measure.order.forEach((i, row) => {
            measure.order.forEach((j, column) => {
              const [left, right] = [i, j].map((k) => by * (stored[k] as number) - (weights[k] as number));
              total += (left as number) * (right as number) * (measure.moments[row * size + column] as number);
            });
          });
          return total;
        };
        const found = roundedAlone(measure, weights, format);
        expect(found.stored.every((each) => Number.isInteger(each) && Math.abs(each) <= greatest)).toBe(true);
        const fixed = roundedAlone(measure, weights, format, scale);
        expect(fixed.scale).toBe(scale);
        expect(error(found.stored, found.scale)).toBeLessThanOrEqual(error(fixed.stored, scale) * (1 + 1e-9) + 1e-12);
        // Moving any one integer by one does not lessen the error.
        for (let k = 0; k < size; k += 1) {
          for (const move of [-1, 1]) {
            const moved = fixed.stored.slice();
            moved[k] = (moved[k] as number) + move;
            if (Math.abs(moved[k] as number) > greatest) continue;
            expect(error(moved, scale)).toBeGreaterThanOrEqual(error(fixed.stored, scale) * (1 - 1e-9) - 1e-12);
          }
        }
      }),
    );
  });

  it("finds the real weights whose products are known", () => {
    const measure = makeErrorMeasure(Float64Array.of(1, 0, 0, 4), 2, 0);
    expect([...solveWeights(measure, Float64Array.of(3, 8), 1)]).toEqual([3, 2]);
  });
});
