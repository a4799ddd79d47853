import type { Provenance } from "./target.ts";

/** Number formats that a GPU's matrix engines take; activations and weights are stored in the same format. */
export const gpuPrecisions = ["int8", "fp16", "fp32"] as const;

/** A number format of a GPU run. */
export type GpuPrecision = (typeof gpuPrecisions)[number];

/** A GPU as the baseline model of `runtime-sim/gpu` sees it. Plain numbers with their unit in the name. */
export interface GpuTarget {
  readonly kind: "gpu";
  readonly name: string;
  readonly multiprocessorCount: number;
  readonly clockHz: number;
  /** Peak operations a cycle of one multiprocessor (a multiply-accumulate is two). */
  readonly operationsPerCycle: {
    readonly matrix: Readonly<Record<GpuPrecision, number>>;
    readonly vector: number;
  };
  /** Fractions of the peak that well-tuned kernels reach. */
  readonly achievable: { readonly computeFraction: number; readonly memoryFraction: number };
  readonly memory: { readonly bytes: number; readonly bytesPerSecond: number };
  /** The second-level cache, shared by all multiprocessors. */
  readonly cache: { readonly bytes: number; readonly bytesPerSecond: number; readonly latencySeconds: number };
  /** The output tiles that one thread block of a matrix kernel computes. */
  readonly tile: {
    /** Least side of one matrix instruction. Products no larger than it may run in the vector lanes instead. */
    readonly instructionSide: number;
    /** Least and greatest side, in elements; sides are powers of two. */
    readonly smallestSide: Readonly<Record<GpuPrecision, number>>;
    readonly greatestSide: number;
    /** How many blocks may share the inner dimension of a tile; 1 for kernels that never split it. */
    readonly greatestInnerSplit: number;
    /** 32-bit accumulators that the resident blocks of one multiprocessor share. */
    readonly accumulatorCount: number;
    /** Bytes of the inner dimension that a block fetches at a time, for each row and column of its tile. */
    readonly slabBytes: number;
    /** Slabs of a block that are in flight at the same time. */
    readonly stageCount: number;
  };
  /** From the end of a kernel to the start of the work of the next one. */
  readonly launchSeconds: number;
  readonly host: { readonly bytesPerSecond: number; readonly transferSeconds: number };
  readonly power: {
    /** Clocks up and a context open, no kernel running. */
    readonly idleWatts: number;
    /** What is added while a kernel runs, whatever it computes: clocks and leakage of the multiprocessors. */
    readonly activeWatts: number;
    /** The board's limit; the clock drops so as to keep it. */
    readonly limitWatts: number;
  };
  readonly energy: {
    /** Of one operation in the matrix engine, operand delivery from shared memory included. */
    readonly operationPj: Readonly<Record<GpuPrecision, number>>;
    readonly vectorOperationPj: number;
    readonly cachePjPerByte: number;
    readonly memoryPjPerByte: number;
    readonly hostPjPerByte: number;
  };
  readonly provenance: Provenance;
}
