import { problem } from "../../base/errors.ts";
import { sum } from "../../base/math.ts";
import { type GpuPrecision, type GpuTarget, gpuPrecisions } from "../../targets/gpu-target.ts";
import type { GpuWork } from "../../targets/gpu-work.ts";
import { type GpuKernelResult, simulateKernel } from "./kernel.ts";
import { bytesOfPrecision } from "./tiling.ts";

/** Batch and number format of a GPU run. */
export interface GpuOptions {
  readonly batchCount: number;
  readonly precision: GpuPrecision;
}

/** The figures of a run, for the whole batch or for each inference as the names say. */
export interface GpuFigures {
  /** From the start of the batch to its end. */
  readonly latencySeconds: number;
  readonly throughputPerSecond: number;
  readonly energyPerInferenceJoules: number;
  readonly powerWatts: number;
}

/** What the GPU model says of a network: on device (input in GPU memory already), and with the host link. */
export interface GpuResult extends GpuFigures {
  readonly name: string;
  readonly batchCount: number;
  readonly precision: GpuPrecision;
  /** Multiply-accumulates done over those possible at this precision in the time. */
  readonly utilizationFraction: number;
  /** Bytes of weights and of the activations of the largest kernel. */
  readonly memoryBytes: number;
  /** Whether the clock was lowered to keep the power limit. */
  readonly powerLimited: boolean;
  readonly withHost: GpuFigures;
  readonly kernels: readonly GpuKernelResult[];
}

/** Bytes that a batch needs: all weights, and the activations that the largest kernel reads and writes. */
export function gpuMemoryBytes(work: GpuWork, options: GpuOptions): number {
  const weights = sum(work.kernels.map((kernel) => kernel.weightElements));
  return (weights + options.batchCount * largestActivationElements(work)) * bytesOfPrecision[options.precision];
}

const largestActivationElements = (work: GpuWork): number =>
  work.kernels.reduce((largest, kernel) => Math.max(largest, kernel.readElements + kernel.writeElements), 0);

/**
 * Time, power and energy of a network on a GPU, kernel by kernel; see docs/targets.md for the model. Throughput on device is
 * that of batches one after the other; with host, transfers of one batch overlap the computation of the next.
 * Throws B401 when weights and activations exceed the GPU's memory.
 */
export function simulateGpu(work: GpuWork, gpu: GpuTarget, options: GpuOptions): GpuResult {
  const { batchCount, precision } = options;
  const memoryBytes = gpuMemoryBytes(work, options);
  if (memoryBytes > gpu.memory.bytes) {
    const needed = `a batch of ${batchCount} in ${precision} needs ${memoryBytes} bytes`;
    throw problem("B401", `${work.name} on ${gpu.name}: ${needed}, the memory has ${gpu.memory.bytes}.`);
  }
  const context = { batchCount, precision, weightsCached: memoryBytes <= gpu.cache.bytes };
  const kernels = work.kernels.map((kernel) => simulateKernel(kernel, gpu, context));
  const wantedSeconds = sum(kernels.map((kernel) => kernel.seconds));
  const dynamicJoules = sum(kernels.map((kernel) => kernel.dynamicEnergyJoules));
  const limitedSeconds = dynamicJoules / (gpu.power.limitWatts - gpu.power.idleWatts);
  const seconds = Math.max(wantedSeconds, limitedSeconds);
  const macs = batchCount * sum(work.kernels.map((kernel) => kernel.macCount));
  const peak = gpu.multiprocessorCount * gpu.operationsPerCycle.matrix[precision] * gpu.clockHz;
  return {
    name: gpu.name,
    batchCount,
    precision,
    ...figures(gpu, batchCount, seconds, seconds, dynamicJoules),
    utilizationFraction: (2 * macs) / (peak * seconds),
    memoryBytes,
    powerLimited: limitedSeconds > wantedSeconds,
    withHost: hostFigures(work, gpu, options, seconds, dynamicJoules),
    kernels,
  };
}

function figures(
  gpu: GpuTarget,
  batchCount: number,
  latency: number,
  interval: number,
  dynamicJoules: number,
): GpuFigures {
  const joules = dynamicJoules + gpu.power.idleWatts * interval;
  return {
    latencySeconds: latency,
    throughputPerSecond: batchCount / interval,
    energyPerInferenceJoules: joules / batchCount,
    powerWatts: joules / interval,
  };
}

/** The figures with transfers of inputs and outputs, in the run's number format, over the host link. */
function hostFigures(
  work: GpuWork,
  gpu: GpuTarget,
  options: GpuOptions,
  seconds: number,
  dynamicJoules: number,
): GpuFigures {
  const transfer = (elements: number): { readonly bytes: number; readonly seconds: number } => {
    const bytes = elements * options.batchCount * bytesOfPrecision[options.precision];
    return { bytes, seconds: gpu.host.transferSeconds + bytes / gpu.host.bytesPerSecond };
  };
  const [input, output] = [transfer(work.inputElements), transfer(work.outputElements)];
  const latency = input.seconds + seconds + output.seconds;
  const interval = Math.max(input.seconds, seconds, output.seconds);
  const hostJoules = (input.bytes + output.bytes) * gpu.energy.hostPjPerByte * 1e-12;
  return figures(gpu, options.batchCount, latency, interval, dynamicJoules + hostJoules);
}

const powersOfTwo = Array.from({ length: 15 }, (_, exponent) => 2 ** exponent);

/** All batches of 1, 2, 4, ... 16,384 and precisions that fit the GPU's memory. */
function candidates(
  work: GpuWork,
  gpu: GpuTarget,
  precisions: readonly GpuPrecision[],
  batches: readonly number[],
): GpuResult[] {
  const fitting = precisions.flatMap((precision) =>
    batches
      .map((batchCount) => ({ batchCount, precision }))
      .filter((options) => gpuMemoryBytes(work, options) <= gpu.memory.bytes),
  );
  // With nothing that fits, the smallest run says by how much.
  const tried = fitting.length > 0 ? fitting : [{ batchCount: batches[0] ?? 1, precision: precisions[0] ?? "int8" }];
  return tried.map((options) => simulateGpu(work, gpu, options));
}

/** A smaller batch is preferred when the throughput it gives up is less than this. */
const negligibleFraction = 0.01;

/**
 * The run of the greatest throughput over batches (powers of two up to 16,384) and the given precisions: the smallest batch
 * within 1 % of it. Throws B401 when not even a batch of 1 fits the memory.
 */
export function bestBatch(
  work: GpuWork,
  gpu: GpuTarget,
  precisions: readonly GpuPrecision[] = gpuPrecisions,
): GpuResult {
  const results = candidates(work, gpu, precisions, powersOfTwo);
  const greatest = Math.max(...results.map((result) => result.throughputPerSecond));
  const near = results.filter((result) => result.throughputPerSecond >= greatest * (1 - negligibleFraction));
  return near.reduce((best, result) =>
    result.batchCount < best.batchCount ||
    (result.batchCount === best.batchCount && result.throughputPerSecond > best.throughputPerSecond)
      ? result
      : best,
  );
}

/** The run of the least latency at a batch over the given precisions. Throws B401 when it does not fit the memory. */
export function bestLatency(
  work: GpuWork,
  gpu: GpuTarget,
  precisions: readonly GpuPrecision[] = gpuPrecisions,
  batchCount = 1,
): GpuResult {
  return candidates(work, gpu, precisions, [batchCount]).reduce((best, result) =>
    result.latencySeconds < best.latencySeconds ? result : best,
  );
}
