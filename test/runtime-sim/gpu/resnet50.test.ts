import { describe, expect, it } from "vitest";
import { sum } from "../../../base/math.ts";
import { bestBatch, simulateGpu } from "../../../runtime-sim/gpu/simulate.ts";
import { loadGpu } from "../../../targets/load.ts";
import { resnet50Work } from "./resnet50.ts";

const work = resnet50Work();
const [v100, h100] = [loadGpu("v100"), loadGpu("h100")];

/** The figure over the published one, minus 1. */
const error = (figure: number, published: number): number => figure / published - 1;

describe("ResNet-50 written down by hand", () => {
  it("has 53 convolutions, a classifier, 4,089,184,256 multiply-accumulates and 25.5 million weights", () => {
    const matrix = work.kernels.filter(({ kind }) => kind === "matrix");
    expect(matrix).toHaveLength(54);
    expect(sum(matrix.map(({ macCount }) => macCount))).toBe(4_089_184_256);
    expect(sum(matrix.map(({ weightElements }) => weightElements))).toBe(25_530_472);
  });
});

describe("published ResNet-50 results", () => {
  it("of the V100 at batch 128 in mixed precision, 6,275 images/s at 285 W, are met within 25 %", () => {
    const result = simulateGpu(work, v100, { batchCount: 128, precision: "fp16" });
    expect(Math.abs(error(result.throughputPerSecond, 6275))).toBeLessThan(0.25);
    expect(Math.abs(error(result.powerWatts, 285))).toBeLessThan(0.25);
  });

  it("of the V100 at batch 1 in INT8, 1.22 ms, are met within 25 %", () => {
    const result = simulateGpu(work, v100, { batchCount: 1, precision: "int8" });
    expect(Math.abs(error(result.latencySeconds, 1.22e-3))).toBeLessThan(0.25);
  });

  it("of the H100 offline, 81,292 images/s, are met within 25 %, under the power limit", () => {
    const result = bestBatch(work, h100);
    expect(result.precision).toBe("int8");
    expect(Math.abs(error(result.throughputPerSecond, 81_292))).toBeLessThan(0.25);
    expect(result.powerWatts).toBeLessThanOrEqual(700);
  });

  it("of the V100 at batches 1 to 64 in mixed precision are met within 25 %, throughput and power", () => {
    const published = [
      [1, 476, 120],
      [2, 880, 109],
      [4, 1631, 132],
      [8, 2685, 153],
      [64, 5877, 274],
    ] as const;
    for (const [batchCount, throughput, watts] of published) {
      const result = simulateGpu(work, v100, { batchCount, precision: "fp16" });
      expect(Math.abs(error(result.throughputPerSecond, throughput)), `batch ${batchCount}`).toBeLessThan(0.25);
      expect(Math.abs(error(result.powerWatts, watts)), `batch ${batchCount}`).toBeLessThan(0.25);
    }
  });

  it("keep every fitted number inside its range, and name what it was fitted on", () => {
    const fitted = [...v100.provenance].filter(([, { note }]) => note.startsWith("Fitted"));
    expect(fitted.map(([path]) => path)).toEqual([
      "achievable.compute",
      "tile.smallest.fp16",
      "launch",
      "power.active",
      "energy.operation.fp16",
    ]);
    for (const [, { note, source }] of fitted) {
      expect(note).toMatch(/^Fitted on ResNet-50: /);
      expect(source).toBe("estimated");
    }
    expect([...h100.provenance.values()].filter(({ note }) => note.startsWith("Fitted"))).toEqual([]);
  });
});
