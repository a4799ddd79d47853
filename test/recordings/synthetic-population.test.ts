import { describe, expect, it } from "vitest";
import type { Recording } from "../../recordings/recording.ts";
import { channelCount, frameCount } from "../../recordings/recording.ts";
import { makePopulation } from "../../recordings/synthetic-population.ts";

const options = { neuronCount: 300, frameCount: 400, frameRateHz: 1.094, seed: 5 };
const population = makePopulation(options);

/** The trace of a neuron, less its mean. */
function trace(recording: Recording, neuron: number): Float64Array {
  const neurons = channelCount(recording);
  const values = Float64Array.from(
    { length: frameCount(recording) },
    (_, frame) => recording.frames.data[frame * neurons + neuron] as number,
  );
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function correlation(left: Float64Array, right: Float64Array): number {
  const dot = (a: Float64Array, b: Float64Array): number =>
    a.reduce((total, value, index) => total + value * (b[index] as number), 0);
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
}

/** Pooled over all neurons. */
function autocorrelation(lag: number): number {
  const values = Array.from({ length: options.neuronCount }, (_, neuron) => {
    const all = trace(population, neuron);
    return correlation(all.subarray(0, all.length - lag), all.subarray(lag));
  });
  return values.reduce((total, value) => total + value, 0) / values.length;
}

describe("a synthetic population", () => {
  it("is the same for the same options and another for another seed", () => {
    expect(makePopulation(options).frames.data).toEqual(population.frames.data);
    expect(makePopulation({ ...options, seed: 6 }).frames.data).not.toEqual(population.frames.data);
  });

  it("says that it is synthetic, and from which seed", () => {
    expect(population.provenance).toMatchObject({ origin: "synthetic", quantity: "dF/F", seed: 5, frameRateHz: 1.094 });
    expect(population.provenance.description).toContain("No animal was recorded.");
  });

  it("has [frames, neurons] within the range that dF/F is clipped to", () => {
    expect(population.frames.type.shape).toEqual([400, 300]);
    expect(Math.min(...(population.frames.data as Float32Array))).toBeGreaterThanOrEqual(-0.25);
    expect(Math.max(...(population.frames.data as Float32Array))).toBeLessThanOrEqual(1.5);
  });

  it("rises by an event in a few per cent of all frames", () => {
    const data = population.frames.data as Float32Array;
    let rises = 0;
    for (let index = options.neuronCount; index < data.length; index += 1) {
      if ((data[index] as number) - (data[index - options.neuronCount] as number) > 0.1) rises += 1;
    }
    const rate = rises / (data.length - options.neuronCount);
    expect(rate).toBeGreaterThan(0.02);
    expect(rate).toBeLessThan(0.2);
  });

  it("forgets slowly: autocorrelation is high after a frame and falls from there", () => {
    const [one, four, sixteen] = [autocorrelation(1), autocorrelation(4), autocorrelation(16)];
    expect(one).toBeGreaterThan(0.6);
    expect(one).toBeLessThan(0.95);
    expect(four).toBeLessThan(one);
    expect(sixteen).toBeLessThan(four);
  });

  it("is driven together: its neurons correlate more than neurons of two populations", () => {
    const other = makePopulation({ ...options, seed: 6 });
    const mean = (second: Recording): number => {
      const pairs = Array.from({ length: 200 }, (_, index) =>
        Math.abs(correlation(trace(population, index), trace(second, (7 * index + 11) % options.neuronCount))),
      );
      return pairs.reduce((total, value) => total + value, 0) / pairs.length;
    };
    expect(mean(population)).toBeGreaterThan(1.2 * mean(other));
  });
});
