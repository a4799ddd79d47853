import type { GpuPrecision, GpuTarget } from "../../targets/gpu-target.ts";
import type { GpuKernel } from "../../targets/gpu-work.ts";
import { bestTiling, bytesOfPrecision } from "./tiling.ts";

/** Which resource takes longest. */
export type GpuLimit = "compute" | "cache" | "memory" | "launch";

/** What a kernel takes for a whole batch. */
export interface GpuKernelResult {
  readonly name: string;
  readonly origin: readonly string[];
  readonly kind: GpuKernel["kind"];
  /** The greatest of compute, cache and memory time, and the launch. */
  readonly seconds: number;
  readonly computeSeconds: number;
  readonly cacheSeconds: number;
  readonly memorySeconds: number;
  readonly launchSeconds: number;
  readonly limitedBy: GpuLimit;
  readonly memoryBytes: number;
  readonly cacheBytes: number;
  readonly occupancyFraction: number;
  /** Energy beyond the idle power: arithmetic, bytes moved, and what flows while a kernel runs. */
  readonly dynamicEnergyJoules: number;
}

/** What a kernel depends on beside its own counts. */
export interface KernelContext {
  readonly batchCount: number;
  readonly precision: GpuPrecision;
  /** Whether the weights of the whole network stay in the cache from one run to the next. */
  readonly weightsCached: boolean;
}

/** Work of a kernel on the multiprocessors. */
interface Execution {
  readonly computeSeconds: number;
  readonly cacheSeconds: number;
  readonly cacheBytes: number;
  readonly occupancyFraction: number;
  readonly matrixOperations: number;
  readonly vectorOperations: number;
}

/**
 * A contraction in the matrix engines; or in the vector lanes, where that is faster and the product is no larger in m or n
 * than one matrix instruction (depthwise convolutions, products with few vectors).
 */
function executeMatrix(kernel: GpuKernel, gpu: GpuTarget, context: KernelContext, touchedBytes: number): Execution {
  const { batchCount, precision } = context;
  const m = kernel.batchedBy === "m" ? kernel.m * batchCount : kernel.m;
  const groups = kernel.batchedBy === "groups" ? kernel.groups * batchCount : kernel.groups;
  const tiling = bestTiling({ groups, m, n: kernel.n, k: kernel.k, precision }, gpu);
  const operations = 2 * kernel.macCount * batchCount;
  const vectorOperations = kernel.elementOperations * batchCount;
  const seconds = (execution: { readonly computeSeconds: number; readonly cacheSeconds: number }): number =>
    Math.max(execution.computeSeconds, execution.cacheSeconds);
  if (Math.min(m, kernel.n) <= gpu.tile.instructionSide) {
    const lanes = executeVector(operations + vectorOperations, gpu, touchedBytes);
    if (seconds(lanes) < seconds(tiling)) return lanes;
  }
  const { computeSeconds, cacheSeconds, cacheBytes, occupancyFraction } = tiling;
  return {
    computeSeconds,
    cacheSeconds,
    cacheBytes,
    occupancyFraction,
    matrixOperations: operations,
    vectorOperations,
  };
}

/** Element-wise work in the vector lanes. */
function executeVector(operations: number, gpu: GpuTarget, touchedBytes: number): Execution {
  const rate = gpu.multiprocessorCount * gpu.operationsPerCycle.vector * gpu.clockHz * gpu.achievable.computeFraction;
  return {
    computeSeconds: gpu.cache.latencySeconds + operations / rate,
    cacheSeconds: touchedBytes / gpu.cache.bytesPerSecond,
    cacheBytes: touchedBytes,
    occupancyFraction: 1,
    matrixOperations: 0,
    vectorOperations: operations,
  };
}

/**
 * Time and energy of one kernel for a batch: time = max(compute, cache, memory) + launch. Activations that fit the cache
 * together with what the kernel writes are still there from the kernel before; of larger ones the part that fits is.
 */
export function simulateKernel(kernel: GpuKernel, gpu: GpuTarget, context: KernelContext): GpuKernelResult {
  const { batchCount, precision, weightsCached } = context;
  const bytes = bytesOfPrecision[precision];
  const activationBytes = (kernel.readElements + kernel.writeElements) * batchCount * bytes;
  const weightBytes = kernel.weightElements * bytes;
  const touchedBytes = activationBytes + weightBytes;
  const execution =
    kernel.kind === "matrix"
      ? executeMatrix(kernel, gpu, context, touchedBytes)
      : executeVector(kernel.elementOperations * batchCount, gpu, touchedBytes);
  const hitFraction = Math.min(1, gpu.cache.bytes / Math.max(1, activationBytes));
  const memoryBytes = activationBytes * (1 - hitFraction) + (weightsCached ? 0 : weightBytes);
  const memorySeconds = memoryBytes / (gpu.memory.bytesPerSecond * gpu.achievable.memoryFraction);
  const { computeSeconds, cacheSeconds, cacheBytes, occupancyFraction } = execution;
  const busySeconds = Math.max(computeSeconds, cacheSeconds, memorySeconds);
  const dynamicPj =
    execution.matrixOperations * gpu.energy.operationPj[precision] +
    execution.vectorOperations * gpu.energy.vectorOperationPj +
    cacheBytes * gpu.energy.cachePjPerByte +
    memoryBytes * gpu.energy.memoryPjPerByte;
  return {
    name: kernel.name,
    origin: kernel.origin,
    kind: kernel.kind,
    seconds: busySeconds + gpu.launchSeconds,
    computeSeconds,
    cacheSeconds,
    memorySeconds,
    launchSeconds: gpu.launchSeconds,
    limitedBy: limitOf(computeSeconds, cacheSeconds, memorySeconds, gpu.launchSeconds),
    memoryBytes,
    cacheBytes,
    occupancyFraction,
    dynamicEnergyJoules: dynamicPj * 1e-12 + gpu.power.activeWatts * busySeconds,
  };
}

function limitOf(compute: number, cache: number, memory: number, launch: number): GpuLimit {
  const greatest = Math.max(compute, cache, memory, launch);
  if (greatest === compute) return "compute";
  if (greatest === cache) return "cache";
  return greatest === memory ? "memory" : "launch";
}
