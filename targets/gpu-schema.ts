import { z } from "zod";
import type { GpuTarget } from "./gpu-target.ts";
import { numberSchema as number } from "./number-schema.ts";
import type { Provenance } from "./target.ts";

const rate = number("operations/cycle", "count");
const side = number("elements", "count");
const energy = number("pJ", "measure");

/** The form of a GPU file: sections, the numbers in them, and the unit of each. */
export const gpuSchema = z.strictObject({
  kind: z.literal("gpu"),
  name: z.string().min(1),
  multiprocessors: number("multiprocessors", "count"),
  clock: number("Hz", "positive"),
  operations: z.strictObject({ int8: rate, fp16: rate, fp32: rate, vector: rate }),
  achievable: z.strictObject({ compute: number("fraction", "fraction"), memory: number("fraction", "fraction") }),
  memory: z.strictObject({ capacity: number("bytes", "count"), bandwidth: number("bytes/s", "positive") }),
  cache: z.strictObject({
    capacity: number("bytes", "whole"),
    bandwidth: number("bytes/s", "positive"),
    latency: number("s", "measure"),
  }),
  tile: z
    .strictObject({
      instruction: number("elements", "count"),
      smallest: z.strictObject({ int8: side, fp16: side, fp32: side }),
      greatest: number("elements", "count"),
      split: number("blocks", "count"),
      accumulators: number("elements", "count"),
      slab: number("bytes", "count"),
      stages: number("stages", "count"),
    })
    .superRefine((tile, context) => {
      const refuse = (path: string, message: string): void => {
        context.addIssue({
          code: "custom",
          message,
          path: path === "greatest" ? [path, "value"] : ["smallest", path, "value"],
        });
      };
      const { smallest, greatest, accumulators } = tile;
      for (const [name, { value }] of Object.entries({ ...smallest, greatest })) {
        if (!Number.isInteger(Math.log2(value))) refuse(name, `${value} is not a power of two`);
      }
      for (const [name, { value }] of Object.entries(smallest)) {
        if (value > greatest.value) refuse(name, `${value} is more than the greatest side ${greatest.value}`);
        if (value ** 2 > accumulators.value)
          refuse(name, `a tile of ${value ** 2} exceeds the ${accumulators.value} accumulators`);
      }
    }),
  launch: number("s", "measure"),
  host: z.strictObject({ bandwidth: number("bytes/s", "positive"), transfer: number("s", "measure") }),
  power: z.strictObject({
    idle: number("W", "measure"),
    active: number("W", "measure"),
    limit: number("W", "positive"),
  }),
  energy: z.strictObject({
    operation: z.strictObject({ int8: energy, fp16: energy, fp32: energy }),
    vector: energy,
    cache: number("pJ/byte", "measure"),
    memory: number("pJ/byte", "measure"),
    host: number("pJ/byte", "measure"),
  }),
});

/** A GPU file that has passed its schema. */
export type GpuTree = z.infer<typeof gpuSchema>;

/** The plain GPU of a checked file. */
export function gpuOf(tree: GpuTree, provenance: Provenance): GpuTarget {
  const { operations, memory, cache, tile, power } = tree;
  return {
    kind: "gpu",
    name: tree.name,
    multiprocessorCount: tree.multiprocessors.value,
    clockHz: tree.clock.value,
    operationsPerCycle: {
      matrix: { int8: operations.int8.value, fp16: operations.fp16.value, fp32: operations.fp32.value },
      vector: operations.vector.value,
    },
    achievable: { computeFraction: tree.achievable.compute.value, memoryFraction: tree.achievable.memory.value },
    memory: { bytes: memory.capacity.value, bytesPerSecond: memory.bandwidth.value },
    cache: {
      bytes: cache.capacity.value,
      bytesPerSecond: cache.bandwidth.value,
      latencySeconds: cache.latency.value,
    },
    tile: {
      instructionSide: tile.instruction.value,
      smallestSide: { int8: tile.smallest.int8.value, fp16: tile.smallest.fp16.value, fp32: tile.smallest.fp32.value },
      greatestSide: tile.greatest.value,
      greatestInnerSplit: tile.split.value,
      accumulatorCount: tile.accumulators.value,
      slabBytes: tile.slab.value,
      stageCount: tile.stages.value,
    },
    launchSeconds: tree.launch.value,
    host: { bytesPerSecond: tree.host.bandwidth.value, transferSeconds: tree.host.transfer.value },
    power: { idleWatts: power.idle.value, activeWatts: power.active.value, limitWatts: power.limit.value },
    energy: {
      operationPj: {
        int8: tree.energy.operation.int8.value,
        fp16: tree.energy.operation.fp16.value,
        fp32: tree.energy.operation.fp32.value,
      },
      vectorOperationPj: tree.energy.vector.value,
      cachePjPerByte: tree.energy.cache.value,
      memoryPjPerByte: tree.energy.memory.value,
      hostPjPerByte: tree.energy.host.value,
    },
    provenance,
  };
}
