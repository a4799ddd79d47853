import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { simulateKernel } from "../../../runtime-sim/gpu/kernel.ts";
import { bestBatch, bestLatency, gpuMemoryBytes, simulateGpu } from "../../../runtime-sim/gpu/simulate.ts";
import { bestTiling } from "../../../runtime-sim/gpu/tiling.ts";
import type { GpuTarget } from "../../../targets/gpu-target.ts";
import type { GpuKernel } from "../../../targets/gpu-work.ts";
import { loadGpu } from "../../../targets/load.ts";
import { matrixKernel, roundGpu, vectorKernel, workOf } from "./round-gpu.ts";

const once = { batchCount: 1, precision: "int8", weightsCached: false } as const;

describe("the tiles of a matrix kernel", () => {
  const seconds = (m: number, n: number, k: number, gpu: GpuTarget = roundGpu, groups = 1): number =>
    bestTiling({ m, n, k, groups, precision: "int8" }, gpu).computeSeconds;

  it("take the padded multiply-accumulates of the busiest multiprocessor at its rate", () => {
    // One tile of 64 × 64 × 64: 2·64³ operations at 1,024 a nanosecond.
    expect(seconds(64, 64, 64)).toBeCloseTo(512e-9, 15);
    // 65 rows need a second tile, on another multiprocessor.
    expect(seconds(65, 64, 64)).toBeCloseTo(512e-9, 15);
    // 65 inner elements need a second slab.
    expect(seconds(64, 64, 65)).toBeCloseTo(1024e-9, 15);
  });

  it("run in waves: the fifth tile on four multiprocessors takes as long as eight", () => {
    expect(seconds(256, 64, 64)).toBeCloseTo(512e-9, 15);
    expect(seconds(257, 64, 64)).toBeCloseTo(1024e-9, 15);
    expect(seconds(512, 64, 64)).toBeCloseTo(1024e-9, 15);
    const small = { ...roundGpu, tile: { ...roundGpu.tile, greatestSide: 64 } };
    expect(bestTiling({ m: 320, n: 64, k: 64, groups: 1, precision: "int8" }, small)).toMatchObject({
      blockCount: 5,
      occupancyFraction: 5 / 8,
    });
  });

  it("never span two groups", () => {
    expect(seconds(32, 64, 64, roundGpu, 2)).toBeCloseTo(512e-9, 15);
    expect(seconds(32, 64, 64, roundGpu, 5)).toBeCloseTo(1024e-9, 15);
  });

  it("hold half as many elements in a slab at twice the width, at half the rate", () => {
    expect(bestTiling({ m: 64, n: 64, k: 64, groups: 1, precision: "fp16" }, roundGpu).computeSeconds).toBeCloseTo(
      1024e-9,
      15,
    );
  });

  it("wait for a slab when its arithmetic is shorter than the latency over the slabs in flight", () => {
    const slow = { ...roundGpu, cache: { ...roundGpu.cache, latencySeconds: 4e-6 } };
    // Ten slabs of 4 µs / 2, and once the latency.
    expect(seconds(64, 64, 640, slow)).toBeCloseTo(24e-6, 12);
  });

  it("hide latency behind each other where they are resident together", () => {
    const slow = { ...roundGpu, cache: { ...roundGpu.cache, latencySeconds: 4e-6 } };
    // Four tiles on each multiprocessor: 4 · 0.512 µs exceeds the 2 µs of waiting.
    expect(seconds(1024, 64, 640, slow)).toBeCloseTo(4e-6 + 10 * 4 * 512e-9, 12);
    const narrow = { ...slow, tile: { ...slow.tile, accumulatorCount: 4096 } };
    // One at a time: each of the four waits 2 µs for each slab.
    expect(seconds(1024, 64, 640, narrow)).toBeCloseTo(4e-6 + 10 * 4 * 2e-6, 12);
  });

  it("are large where the cache is slow: a large tile reads its operands less often", () => {
    const cache = { ...roundGpu.cache, bytesPerSecond: 1e9 };
    const tiling = bestTiling({ m: 256, n: 256, k: 64, groups: 1, precision: "int8" }, { ...roundGpu, cache });
    // Four tiles of 128 × 128, each with one slab of (128 + 128) rows of 64 bytes.
    expect(tiling).toMatchObject({ tileRows: 128, tileColumns: 128, blockCount: 4, cacheBytes: 4 * 256 * 64 });
    expect(tiling.cacheSeconds).toBeCloseTo((4 * 256 * 64) / 1e9, 12);
  });

  it("share a long inner dimension where the target's kernels may split it, and then move partial sums", () => {
    const gpu = { ...roundGpu, tile: { ...roundGpu.tile, greatestInnerSplit: 4 } };
    const tiling = bestTiling({ m: 64, n: 64, k: 640, groups: 1, precision: "int8" }, gpu);
    expect(tiling).toMatchObject({ innerSplit: 4, blockCount: 4, occupancyFraction: 1 });
    expect(tiling.computeSeconds).toBeCloseTo(3 * 512e-9, 15);
    expect(tiling.cacheBytes).toBe(4 * 3 * 128 * 64 + 2 * 4 * 64 * 64 * 4);
  });
});

describe("a kernel", () => {
  it("takes the greatest of its compute, cache and memory times, and the launch", () => {
    const kernel = matrixKernel(64, 64, 64, { readElements: 300, writeElements: 200, weightElements: 500 });
    const result = simulateKernel(kernel, { ...roundGpu, launchSeconds: 1e-6 }, once);
    expect(result).toMatchObject({ limitedBy: "memory", memoryBytes: 1000, memorySeconds: 1e-6, launchSeconds: 1e-6 });
    expect(result.seconds).toBeCloseTo(2e-6, 15);
    expect(simulateKernel(matrixKernel(64, 64, 64), { ...roundGpu, launchSeconds: 1e-7 }, once).limitedBy).toBe(
      "compute",
    );
    expect(simulateKernel(matrixKernel(64, 64, 64), { ...roundGpu, launchSeconds: 1e-6 }, once).limitedBy).toBe(
      "launch",
    );
    const cache = { ...roundGpu.cache, bytesPerSecond: 1e6 };
    expect(simulateKernel(matrixKernel(64, 64, 64), { ...roundGpu, cache }, once).limitedBy).toBe("cache");
  });

  it("finds what fits the cache there, and reads weights from memory unless all of the network's fit", () => {
    const kernel = matrixKernel(64, 64, 64, { readElements: 300, writeElements: 200, weightElements: 500 });
    const cached = (bytes: number): GpuTarget => ({ ...roundGpu, cache: { ...roundGpu.cache, bytes } });
    expect(simulateKernel(kernel, cached(500), once).memoryBytes).toBe(500);
    expect(simulateKernel(kernel, cached(125), once).memoryBytes).toBe(875);
    expect(simulateKernel(kernel, cached(500), { ...once, weightsCached: true }).memoryBytes).toBe(0);
    expect(simulateKernel(kernel, cached(0), { ...once, batchCount: 3, precision: "fp16" }).memoryBytes).toBe(
      2 * (3 * 500 + 500),
    );
  });

  it("adds up the energy of operations, element operations, bytes and running time", () => {
    const kernel = matrixKernel(64, 64, 64, { readElements: 1000, elementOperations: 100 });
    const result = simulateKernel(kernel, roundGpu, once);
    const dynamic = 2 * 64 ** 3 * 1 + 100 * 8 + 128 * 64 * 16 + 1000 * 32;
    expect(result.dynamicEnergyJoules).toBeCloseTo(dynamic * 1e-12 + 5 * result.memorySeconds, 15);
  });

  it("runs in the vector lanes when it is a depthwise convolution", () => {
    const depthwise = matrixKernel(1000, 1, 9, { groups: 64, readElements: 1, writeElements: 1 });
    const result = simulateKernel(depthwise, roundGpu, once);
    // 2 · 64 · 9,000 operations in 4 · 128 lanes-operations a nanosecond, instead of 64 groups of padded tiles.
    expect(result.computeSeconds).toBeCloseTo((2 * 64 * 9000) / (4 * 128 * 1e9), 15);
    expect(result.occupancyFraction).toBe(1);
    const nine = matrixKernel(1000, 9, 9, { groups: 64 });
    expect(simulateKernel(nine, roundGpu, once).computeSeconds).toBeCloseTo(((64 * 16) / 4) * 512e-9, 12);
  });

  it("multiplies rows by the batch when the second factor is a weight, and groups when both are activations", () => {
    const batch = { ...once, batchCount: 4 };
    // 4 × 16 rows fill one tile; 4 groups of 16 rows take a tile each, on four multiprocessors.
    const rows = simulateKernel(matrixKernel(16, 64, 64), roundGpu, batch);
    const groups = simulateKernel(matrixKernel(16, 64, 64, { batchedBy: "groups" }), roundGpu, batch);
    expect(rows.occupancyFraction).toBe(0.25);
    expect(groups.occupancyFraction).toBe(1);
    expect(rows.computeSeconds).toBe(groups.computeSeconds);
  });

  it("that moves or computes elements takes the bytes it touches and its operations", () => {
    const result = simulateKernel(vectorKernel(512_000, 1000, 24), roundGpu, once);
    expect(result.computeSeconds).toBeCloseTo(1e-6, 15);
    expect(result.cacheBytes).toBe(1024);
    expect(result.memorySeconds).toBeCloseTo(1.024e-6, 15);
  });
});

describe("a run", () => {
  const work = workOf(matrixKernel(64, 64, 64, { weightElements: 4096 }), vectorKernel(100, 2000, 1000));

  it("is its kernels one after the other, and idle power over the whole time", () => {
    const result = simulateGpu(work, roundGpu, { batchCount: 2, precision: "int8" });
    // Weights 4,096 bytes and activations 6,000 bytes at 1 byte a nanosecond.
    expect(result.latencySeconds).toBeCloseTo(4.096e-6 + 6e-6, 15);
    expect(result.throughputPerSecond).toBeCloseTo(2 / 10.096e-6, 3);
    const dynamic = result.kernels[0]!.dynamicEnergyJoules + result.kernels[1]!.dynamicEnergyJoules;
    expect(result.energyPerInferenceJoules).toBeCloseTo((dynamic + 10 * 10.096e-6) / 2, 15);
    expect(result.powerWatts).toBeCloseTo((result.energyPerInferenceJoules * 2) / 10.096e-6, 9);
    expect(result.powerLimited).toBe(false);
    expect(result.utilizationFraction).toBeCloseTo((2 * 2 * 64 ** 3) / (4 * 1024e9 * 10.096e-6), 12);
    expect(result.memoryBytes).toBe(4096 + 2 * 3000);
  });

  it("keeps the weights in a cache that holds the whole network", () => {
    const gpu = { ...roundGpu, cache: { ...roundGpu.cache, bytes: 7096 } };
    expect(simulateGpu(work, gpu, { batchCount: 1, precision: "int8" }).kernels[0]?.memoryBytes).toBe(0);
    expect(simulateGpu(work, gpu, { batchCount: 2, precision: "int8" }).kernels[0]?.memoryBytes).toBe(4096);
  });

  it("slows down until its power is the limit, keeping its energy beyond idle", () => {
    const free = simulateGpu(work, roundGpu, { batchCount: 1, precision: "int8" });
    const limitWatts = 10 + (free.powerWatts - 10) / 2;
    const limited = simulateGpu(
      work,
      { ...roundGpu, power: { ...roundGpu.power, limitWatts } },
      { batchCount: 1, precision: "int8" },
    );
    expect(limited.powerLimited).toBe(true);
    expect(limited.powerWatts).toBeCloseTo(limitWatts, 9);
    expect(limited.latencySeconds).toBeCloseTo(2 * free.latencySeconds, 12);
  });

  it("with host adds both transfers to the latency and overlaps them in the throughput", () => {
    const { withHost, ...onDevice } = simulateGpu(work, roundGpu, { batchCount: 2, precision: "fp16" });
    // 4,000 bytes in and 40 out at a byte a microsecond, and a millisecond for each transfer.
    expect(withHost.latencySeconds).toBeCloseTo(5e-3 + onDevice.latencySeconds + 1.04e-3, 12);
    expect(withHost.throughputPerSecond).toBeCloseTo(2 / 5e-3, 9);
    const dynamic = onDevice.kernels.reduce((total, kernel) => total + kernel.dynamicEnergyJoules, 0);
    expect(withHost.energyPerInferenceJoules).toBeCloseTo((dynamic + 4040 * 64e-12 + 10 * 5e-3) / 2, 12);
    expect(withHost.powerWatts).toBeCloseTo((withHost.energyPerInferenceJoules * 2) / 5e-3, 9);
  });

  it("that needs more memory than there is is refused with both figures", () => {
    const gpu = { ...roundGpu, memory: { ...roundGpu.memory, bytes: 8000 } };
    expect(gpuMemoryBytes(work, { batchCount: 2, precision: "int8" })).toBe(10096);
    const attempt = () => simulateGpu(work, gpu, { batchCount: 2, precision: "int8" });
    expect(attempt).toThrow(BorealError);
    expect(attempt).toThrow("network on round: a batch of 2 in int8 needs 10096 bytes, the memory has 8000.");
    expect(bestBatch(work, gpu)).toMatchObject({ batchCount: 1, precision: "int8" });
    const tiny = { ...gpu, memory: { ...gpu.memory, bytes: 100 } };
    expect(() => bestBatch(work, tiny)).toThrow("a batch of 1 in int8 needs 7096 bytes");
    expect(() => bestLatency(work, tiny)).toThrow("error[B401]");
  });

  it("at its best batch is within 1 % of any power of two or precision, and at batch 1 for latency", () => {
    const gpu = loadGpu("v100");
    const best = bestBatch(work, gpu);
    for (const precision of ["int8", "fp16", "fp32"] as const) {
      for (const batchCount of [1, 8, 128, 16384]) {
        const other = simulateGpu(work, gpu, { batchCount, precision });
        expect(best.throughputPerSecond).toBeGreaterThanOrEqual(0.99 * other.throughputPerSecond);
        if (batchCount < best.batchCount) expect(other.throughputPerSecond).toBeLessThan(best.throughputPerSecond);
      }
      expect(bestLatency(work, gpu).latencySeconds).toBeLessThanOrEqual(
        simulateGpu(work, gpu, { batchCount: 1, precision }).latencySeconds,
      );
    }
    expect(bestBatch(work, gpu, ["fp16"]).precision).toBe("fp16");
    expect(bestLatency(work, gpu).batchCount).toBe(1);
  });
});

describe("on random kernels", () => {
  const size = fc.integer({ min: 9, max: 3000 });
  const elements = fc.integer({ min: 0, max: 3_000_000 });
  const kernel: fc.Arbitrary<GpuKernel> = fc
    .record({
      m: size,
      n: size,
      k: size,
      groups: fc.constantFrom(1, 1, 4, 64),
      read: elements,
      written: elements,
      both: fc.boolean(),
    })
    .map(({ m, n, k, groups, read, written, both }) =>
      matrixKernel(m, n, k, {
        groups,
        readElements: read,
        writeElements: written,
        weightElements: n * k,
        batchedBy: both ? "groups" : "m",
      }),
    );
  const gpus: Readonly<Record<string, GpuTarget>> = { v100: loadGpu("v100"), h100: loadGpu("h100") };
  const gpu = fc.constantFrom("v100", "h100");
  const precision = fc.constantFrom("int8", "fp16", "fp32" as const);
  const batchCount = fc.constantFrom(1, 2, 7, 32);

  it("a larger batch is never faster", () => {
    fc.assert(
      fc.property(
        kernel,
        gpu,
        precision,
        batchCount,
        fc.integer({ min: 1, max: 32 }),
        (each, name, format, count, more) => {
          const target = gpus[name] as GpuTarget;
          const context = { precision: format, weightsCached: false };
          const small = simulateKernel(each, target, { ...context, batchCount: count });
          const large = simulateKernel(each, target, { ...context, batchCount: count + more });
          expect(large.seconds).toBeGreaterThanOrEqual(small.seconds * (1 - 1e-12));
        },
      ),
    );
  });

  it("doubling the batch never lowers the throughput, but for what no longer fits the cache", () => {
    fc.assert(
      fc.property(kernel, gpu, precision, batchCount, (each, name, format, count) => {
        const target = gpus[name] as GpuTarget;
        const context = { precision: format, weightsCached: false };
        const small = simulateKernel(each, target, { ...context, batchCount: count });
        const large = simulateKernel(each, target, { ...context, batchCount: 2 * count });
        // What the cache held of the small batch may have to come from memory for the large one.
        const activationBytes =
          (each.readElements + each.writeElements) * count * { int8: 1, fp16: 2, fp32: 4 }[format];
        const held = Math.min(target.cache.bytes, activationBytes);
        const hits = held / (target.memory.bytesPerSecond * target.achievable.memoryFraction);
        expect(large.seconds).toBeLessThanOrEqual(2 * small.seconds + hits + 1e-12);
      }),
    );
  });

  it("more memory bandwidth, cache bandwidth, clock or multiprocessors is never slower", () => {
    fc.assert(
      fc.property(kernel, gpu, precision, batchCount, (each, name, format, count) => {
        const target = gpus[name] as GpuTarget;
        const context = { precision: format, weightsCached: false, batchCount: count };
        const before = simulateKernel(each, target, context).seconds;
        const better: GpuTarget[] = [
          { ...target, memory: { ...target.memory, bytesPerSecond: 2 * target.memory.bytesPerSecond } },
          { ...target, cache: { ...target.cache, bytesPerSecond: 2 * target.cache.bytesPerSecond } },
          { ...target, cache: { ...target.cache, bytes: 2 * target.cache.bytes } },
          { ...target, cache: { ...target.cache, latencySeconds: target.cache.latencySeconds / 2 } },
          { ...target, clockHz: 2 * target.clockHz },
          { ...target, achievable: { computeFraction: 1, memoryFraction: 1 } },
          { ...target, launchSeconds: target.launchSeconds / 2 },
        ];
        for (const each2 of better)
          expect(simulateKernel(each, each2, context).seconds).toBeLessThanOrEqual(before * (1 + 1e-12));
      }),
    );
  });

  it("no kernel beats the peak, the memory or the launch", () => {
    fc.assert(
      fc.property(kernel, gpu, precision, batchCount, (each, name, format, count) => {
        const target = gpus[name] as GpuTarget;
        const result = simulateKernel(each, target, { precision: format, weightsCached: false, batchCount: count });
        const { matrix, vector } = target.operationsPerCycle;
        const rate = target.multiprocessorCount * target.clockHz * Math.max(matrix[format], vector);
        expect(result.seconds).toBeGreaterThanOrEqual(target.launchSeconds + (2 * count * each.macCount) / rate);
        expect(result.seconds).toBeGreaterThanOrEqual(
          target.launchSeconds + result.memoryBytes / target.memory.bytesPerSecond,
        );
        expect(result.occupancyFraction).toBeLessThanOrEqual(1);
      }),
    );
  });
});
