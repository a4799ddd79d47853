import { ceilDivide } from "../../base/math.ts";
import type { GpuPrecision, GpuTarget } from "../../targets/gpu-target.ts";

/** Products [m, k] · [k, n], `groups` of them, in a number format. */
export interface MatrixShape {
  readonly groups: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly precision: GpuPrecision;
}

/** How a matrix kernel is cut into thread blocks, and what that takes. */
export interface Tiling {
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Blocks that share the inner dimension of a tile and add up their sums in memory. */
  readonly innerSplit: number;
  readonly blockCount: number;
  /** Time of the busiest multiprocessor, arithmetic and waiting for operands. */
  readonly computeSeconds: number;
  /** Time of the second-level cache for operands and partial sums. */
  readonly cacheSeconds: number;
  readonly cacheBytes: number;
  /** Fraction of multiprocessors that work, averaged over the kernel. */
  readonly occupancyFraction: number;
}

/** Bytes of an element in each number format. */
export const bytesOfPrecision: Readonly<Record<GpuPrecision, number>> = { int8: 1, fp16: 2, fp32: 4 };

/** Bytes of a partial sum. */
const sumBytes = 4;

/**
 * The time of one tiling. Blocks are dealt to multiprocessors in whole waves; a block takes its inner dimension in slabs; a slab
 * takes its padded multiply-accumulates at the reachable rate, and blocks that are resident together hide the latency
 * of slabs up to the number in flight.
 */
function tilingOf(
  shape: MatrixShape,
  gpu: GpuTarget,
  tileRows: number,
  tileColumns: number,
  innerSplit: number,
): Tiling {
  const { tile, cache } = gpu;
  const bytes = bytesOfPrecision[shape.precision];
  const slabElements = tile.slabBytes / bytes;
  const slabCount = ceilDivide(ceilDivide(shape.k, slabElements), innerSplit);
  const blockCount = shape.groups * ceilDivide(shape.m, tileRows) * ceilDivide(shape.n, tileColumns) * innerSplit;
  const blocksPerMultiprocessor = ceilDivide(blockCount, gpu.multiprocessorCount);
  const residentCount = Math.min(blocksPerMultiprocessor, Math.floor(tile.accumulatorCount / (tileRows * tileColumns)));
  const rate = gpu.operationsPerCycle.matrix[shape.precision] * gpu.clockHz * gpu.achievable.computeFraction;
  const slabSeconds = (tileRows * tileColumns * slabElements * 2) / rate;
  const waitSeconds = cache.latencySeconds / tile.stageCount;
  const computeSeconds =
    cache.latencySeconds +
    slabCount *
      Math.max(blocksPerMultiprocessor * slabSeconds, ceilDivide(blocksPerMultiprocessor, residentCount) * waitSeconds);
  const operandBytes = slabCount * (tileRows + tileColumns) * tile.slabBytes;
  const partialBytes = innerSplit === 1 ? 0 : 2 * innerSplit * shape.groups * shape.m * shape.n * sumBytes;
  // Each multiprocessor has its share of the cache's bandwidth, used or not.
  const operandSeconds = (blocksPerMultiprocessor * gpu.multiprocessorCount * operandBytes) / cache.bytesPerSecond;
  return {
    tileRows,
    tileColumns,
    innerSplit,
    blockCount,
    computeSeconds,
    cacheSeconds: operandSeconds + partialBytes / cache.bytesPerSecond,
    cacheBytes: blockCount * operandBytes + partialBytes,
    occupancyFraction: blockCount / (blocksPerMultiprocessor * gpu.multiprocessorCount),
  };
}

/** The fastest tiling of a matrix kernel; among equally fast ones the one that moves the fewest bytes, then the smallest. */
export function bestTiling(shape: MatrixShape, gpu: GpuTarget): Tiling {
  const { accumulatorCount, greatestInnerSplit, greatestSide, smallestSide } = gpu.tile;
  const smallest = smallestSide[shape.precision];
  let best = tilingOf(shape, gpu, smallest, smallest, 1);
  for (let rows = smallest; rows <= greatestSide; rows *= 2) {
    for (let columns = smallest; columns <= greatestSide && rows * columns <= accumulatorCount; columns *= 2) {
      for (let split = 1; split <= greatestInnerSplit; split *= 2) {
        const tiling = tilingOf(shape, gpu, rows, columns, split);
        if (isBetter(tiling, best)) best = tiling;
      }
    }
  }
  return best;
}

function isBetter(one: Tiling, other: Tiling): boolean {
  const seconds = Math.max(one.computeSeconds, one.cacheSeconds);
  const otherSeconds = Math.max(other.computeSeconds, other.cacheSeconds);
  return seconds < otherSeconds || (seconds === otherSeconds && one.cacheBytes < other.cacheBytes);
}
