import type { ContractionTask, PairingTask } from "../kernels.ts";
import { checkFloatContraction, contractionSigns } from "../task.ts";
import { offsets } from "./walk.ts";

/** The offset of every (k, n) of a group's weights; shape [K][columns]. */
function weightOffset(task: ContractionTask, k: number, n: number, innerOffsets: readonly number[]): number {
  const { weights, columns } = task;
  if (weights.layout === "paired") return ((k >> 1) * columns + n) * 2 + (k & 1);
  return (innerOffsets[k] as number) + n * weights.columnStride;
}

/** Runs the three loops of a contraction: `start` gives a partial sum its first value, `add` a product. */
function loops(
  task: ContractionTask,
  cell: (partial: number, bias: number, products: Iterable<readonly [activation: number, weight: number]>) => void,
): void {
  const { activations, weights, columns } = task;
  const rows = offsets(task.rows, activations.rowStrides);
  const inner = offsets(task.inner, activations.innerStrides);
  const weightInner = weights.layout === "paired" ? [] : offsets(task.inner, weights.innerStrides);
  for (let g = 0; g < task.groups; g += 1) {
    rows.forEach((row, m) => {
      for (let n = 0; n < columns; n += 1) {
        const activation = activations.address + g * activations.groupStride + row;
        const weight = weights.address + g * weights.groupStride;
        const products = inner.map(
          (offset, k) => [activation + offset, weight + weightOffset(task, k, n, weightInner)] as const,
        );
        cell(task.partial + ((g * rows.length + m) * columns + n) * 4, task.bias + (g * columns + n) * 4, products);
      }
    });
  }
}

/** Plain twin of `Kernels.contract`. */
export function contract(memory: DataView, task: ContractionTask): void {
  const [signedActivations, signedWeights] = contractionSigns(task);
  const read = (address: number, signed: boolean): number =>
    signed ? memory.getInt8(address) : memory.getUint8(address);
  loops(task, (partial, bias, products) => {
    let total = task.start === "zero" ? 0 : memory.getInt32(task.start === "bias" ? bias : partial, true);
    for (const [activation, weight] of products) {
      total = (total + read(activation, signedActivations) * read(weight, signedWeights)) | 0;
    }
    memory.setInt32(partial, total, true);
  });
}

/** Plain twin of `Kernels.contractFloat`; adds in f64. */
export function contractFloat(memory: DataView, task: ContractionTask): void {
  checkFloatContraction(task);
  loops(task, (partial, bias, products) => {
    let total = task.start === "zero" ? 0 : memory.getFloat32(task.start === "bias" ? bias : partial, true);
    for (const [activation, weight] of products) {
      total += memory.getFloat32(activation, true) * memory.getFloat32(weight, true);
    }
    memory.setFloat32(partial, total, true);
  });
}

/** Plain twin of `Kernels.pairWeights`. */
export function pairWeights(memory: DataView, { groups, inner, columns, source, destination }: PairingTask): void {
  const rows = offsets(inner, source.innerStrides);
  const pairs = Math.ceil(rows.length / 2);
  for (let g = 0; g < groups; g += 1) {
    for (let k = 0; k < 2 * pairs; k += 1) {
      for (let n = 0; n < columns; n += 1) {
        const row = rows[k];
        const from = source.address + g * source.groupStride + (row ?? 0) + n * source.columnStride;
        const to = destination + ((g * pairs + (k >> 1)) * columns + n) * 2 + (k & 1);
        memory.setUint8(to, row === undefined ? 0 : memory.getUint8(from));
      }
    }
  }
}
