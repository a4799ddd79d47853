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

/** The powers of two (times the least one) from the least to the greatest. */
function doublings(least: number, greatest: number): number[] {
  const values: number[] = [];
  for (let value = least; value <= greatest; value *= 2) values.push(value);
  return values;
}

/** The fastest tiling of a matrix kernel; among equally fast ones the one that moves the fewest bytes. */
export function bestTiling(shape: MatrixShape, gpu: GpuTarget): Tiling {
  const sides = doublings(gpu.tile.smallestSide[shape.precision], gpu.tile.greatestSide);
  const innerSplits = doublings(1, gpu.tile.greatestInnerSplit);
  const tilings = sides.flatMap((rows) =>
    sides
      .filter((columns) => rows * columns <= gpu.tile.accumulatorCount)
      .flatMap((columns) => innerSplits.map((split) => tilingOf(shape, gpu, rows, columns, split))),
  );
  const seconds = (tiling: Tiling): number => Math.max(tiling.computeSeconds, tiling.cacheSeconds);
  return tilings.reduce((best, tiling) =>
    seconds(tiling) < seconds(best) || (seconds(tiling) === seconds(best) && tiling.cacheBytes < best.cacheBytes)
      ? tiling
      : best,
  );
}
