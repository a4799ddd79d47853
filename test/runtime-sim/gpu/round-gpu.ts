import type { GpuTarget } from "../../../targets/gpu-target.ts";
import type { GpuKernel, GpuWork } from "../../../targets/gpu-work.ts";

/** A GPU of round numbers for hand calculations: 4 multiprocessors at 1 GHz, tiles of 64 to 128, no overheads. */
export const roundGpu: GpuTarget = {
  kind: "gpu",
  name: "round",
  multiprocessorCount: 4,
  clockHz: 1e9,
  operationsPerCycle: { matrix: { int8: 1024, fp16: 512, fp32: 128 }, vector: 128 },
  achievable: { computeFraction: 1, memoryFraction: 1 },
  memory: { bytes: 1e9, bytesPerSecond: 1e9 },
  cache: { bytes: 0, bytesPerSecond: 1e15, latencySeconds: 0 },
  tile: {
    instructionSide: 8,
    smallestSide: { int8: 64, fp16: 64, fp32: 64 },
    greatestSide: 128,
    greatestInnerSplit: 1,
    accumulatorCount: 16384,
    slabBytes: 64,
    stageCount: 2,
  },
  launchSeconds: 0,
  host: { bytesPerSecond: 1e6, transferSeconds: 1e-3 },
  power: { idleWatts: 10, activeWatts: 5, limitWatts: 1e6 },
  energy: {
    operationPj: { int8: 1, fp16: 2, fp32: 4 },
    vectorOperationPj: 8,
    cachePjPerByte: 16,
    memoryPjPerByte: 32,
    hostPjPerByte: 64,
  },
  provenance: new Map(),
};

/** A matrix kernel [m, k] · [k, n] that moves nothing through memory unless told. */
export function matrixKernel(m: number, n: number, k: number, changes: Partial<GpuKernel> = {}): GpuKernel {
  return {
    name: "product",
    origin: ["product"],
    kind: "matrix",
    macCount: m * n * k * (changes.groups ?? 1),
    elementOperations: 0,
    readElements: 0,
    writeElements: 0,
    weightElements: 0,
    m,
    n,
    k,
    groups: 1,
    batchedBy: "m",
    ...changes,
  };
}

/** An element-wise kernel. */
export function vectorKernel(elementOperations: number, readElements: number, writeElements: number): GpuKernel {
  return {
    ...matrixKernel(0, 0, 0),
    name: "pointwise",
    kind: "vector",
    elementOperations,
    readElements,
    writeElements,
    groups: 0,
  };
}

/** A network of the given kernels. */
export function workOf(...kernels: GpuKernel[]): GpuWork {
  return { name: "network", kernels, inputElements: 1000, outputElements: 10 };
}
