import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../base/random.ts";
import { RidgeFit, solvePositive } from "../../examples/forecasting/ridge.ts";

const normals = (count: number, seed: number): Float32Array => {
  const random = makeRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

interface Problem {
  readonly features: Float32Array;
  readonly targets: Float32Array;
  readonly featureCount: number;
  readonly targetCount: number;
  readonly samples: number;
}

const problemOf = (featureCount: number, targetCount: number, samples: number, seed: number): Problem => ({
  features: normals(featureCount * samples, seed),
  targets: normals(targetCount * samples, seed + 1),
  featureCount,
  targetCount,
  samples,
});

const fitOf = ({ features, targets, featureCount, targetCount }: Problem, penalty: number) => {
  const fit = new RidgeFit(featureCount, targetCount);
  fit.add(features, targets);
  return fit.solve(penalty);
};

/** Mean squared error of one target plus penalty · squared weights, by plain loops. */
function objective(
  problem: Problem,
  target: number,
  weights: readonly number[],
  intercept: number,
  penalty: number,
): number {
  const { features, targets, samples } = problem;
  let total = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    let value = intercept;
    weights.forEach((weight, feature) => {
      value += weight * (features[feature * samples + sample] as number);
    });
    total += (value - (targets[target * samples + sample] as number)) ** 2;
  }
  return total / samples + penalty * weights.reduce((sum, weight) => sum + weight * weight, 0);
}

describe("the ridge fit", () => {
  it("finds the map that made the targets, intercept included", () => {
    const samples = 40;
    const features = normals(2 * samples, 1);
    const targets = Float32Array.from(
      { length: samples },
      (_, sample) => 3 * (features[sample] as number) - 0.5 * (features[samples + sample] as number) + 7,
    );
    const { weights, intercepts } = fitOf({ features, targets, featureCount: 2, targetCount: 1, samples }, 0);
    expect(weights[0]).toBeCloseTo(3, 5);
    expect(weights[1]).toBeCloseTo(-0.5, 5);
    expect(intercepts[0]).toBeCloseTo(7, 5);
  });

  it("is where the objective has no slope, for every target", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.nat(1000),
        (features, targets, seed) => {
          const problem = problemOf(features, targets, 30, seed);
          const { weights, intercepts } = fitOf(problem, 0.2);
          for (let target = 0; target < targets; target += 1) {
            const own = Array.from({ length: features }, (_, feature) => weights[feature * targets + target] as number);
            const intercept = intercepts[target] as number;
            const step = 1e-4;
            const slope = (change: (sign: number) => number): number => (change(1) - change(-1)) / (2 * step);
            own.forEach((_, moved) => {
              const found = slope((sign) =>
                objective(
                  problem,
                  target,
                  own.map((weight, index) => (index === moved ? weight + sign * step : weight)),
                  intercept,
                  0.2,
                ),
              );
              expect(Math.abs(found)).toBeLessThan(1e-8);
            });
            expect(
              Math.abs(slope((sign) => objective(problem, target, own, intercept + sign * step, 0.2))),
            ).toBeLessThan(1e-8);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives the same for samples added in two parts", () => {
    const whole = problemOf(3, 2, 20, 9);
    const part = (data: Float32Array, rows: number, from: number, to: number): Float32Array =>
      Float32Array.from({ length: rows * (to - from) }, (_, index) => {
        const row = Math.floor(index / (to - from));
        return data[row * 20 + from + (index % (to - from))] as number;
      });
    const fit = new RidgeFit(3, 2);
    for (const [from, to] of [
      [0, 7],
      [7, 20],
    ] as const) {
      fit.add(part(whole.features, 3, from, to), part(whole.targets, 2, from, to));
    }
    const expected = fitOf(whole, 0.1);
    fit.solve(0.1).weights.forEach((weight, index) => {
      expect(weight).toBeCloseTo(expected.weights[index] as number, 12);
    });
  });

  it("penalizes weights, not intercepts", () => {
    const problem = { ...problemOf(1, 1, 50, 3), targets: new Float32Array(50).fill(5) };
    const { weights, intercepts } = fitOf(problem, 1e9);
    expect(Math.abs(weights[0] as number)).toBeLessThan(1e-6);
    expect(intercepts[0]).toBeCloseTo(5, 6);
  });
});

describe("solving a positive definite system", () => {
  it("solves a case worked by hand", () => {
    // [[4, 2], [2, 5]] · [[1, 0], [2, -1]] = [[8, -2], [12, -5]], with L = [[2, 0], [1, 2]].
    expect([...solvePositive(Float64Array.of(4, 2, 2, 5), Float64Array.of(8, -2, 12, -5), 2)]).toEqual([1, 0, 2, -1]);
  });

  it("refuses a matrix that is not positive definite", () => {
    expect(() => solvePositive(Float64Array.of(1, 2, 2, 1), Float64Array.of(1, 1), 2)).toThrow(
      "the matrix is not positive definite in row 1",
    );
  });
});
