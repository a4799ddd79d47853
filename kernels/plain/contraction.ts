import { product } from "../../base/math.ts";
import type { ElementName } from "../element.ts";
import type { ContractionTask, PairingTask } from "../kernels.ts";
import { packedBits } from "../packed.ts";
import { checkFloatContraction, contractionSigns } from "../task.ts";
import { readPacked } from "./packed.ts";
import { offsets } from "./walk.ts";

/** The byte offsets of a group's weights over inner elements, shape [K], and between columns. */
function weightOffsets({ inner, columns, weights }: ContractionTask): readonly [readonly number[], number] {
  if (weights.layout === "strided") return [offsets(inner, weights.innerStrides), weights.columnStride];
  const bytes = weights.packed ? packedBits(weights.element) / 8 : 1;
  return [Array.from({ length: product(inner) }, (_, k) => ((k >> 1) * columns * 2 + (k & 1)) * bytes), 2 * bytes];
}

/** Visits every partial sum with the addresses of its bias, of its row of activations and of its column of weights. */
function visitSums(
  task: ContractionTask,
  columnStride: number,
  visit: (partial: number, bias: number, row: number, column: number) => void,
): void {
  const { activations, weights, columns } = task;
  const rows = offsets(task.rows, activations.rowStrides);
  for (let g = 0; g < task.groups; g += 1) {
    for (let m = 0; m < rows.length; m += 1) {
      const row = activations.address + g * activations.groupStride + (rows[m] as number);
      for (let n = 0; n < columns; n += 1) {
        const partial = task.partial + ((g * rows.length + m) * columns + n) * 4;
        const column = weights.address + g * weights.groupStride + n * columnStride;
        visit(partial, task.bias + (g * columns + n) * 4, row, column);
      }
    }
  }
}

/** Reads the elements of an operand. */
function reader(
  memory: DataView,
  { element, packed = false }: { readonly element: ElementName; readonly packed?: boolean },
  signed: boolean,
): (address: number) => number {
  if (packed) {
    const bits = packedBits(element);
    return (address) => readPacked(memory, bits, signed, address);
  }
  return signed ? (address) => memory.getInt8(address) : (address) => memory.getUint8(address);
}

/** Plain twin of `Kernels.contract`. */
export function contract(memory: DataView, task: ContractionTask): void {
  const [signedActivations, signedWeights] = contractionSigns(task);
  const activationAt = reader(memory, task.activations, signedActivations);
  const weightAt = reader(memory, task.weights, signedWeights);
  const inner = offsets(task.inner, task.activations.innerStrides);
  const [weightInner, columnStride] = weightOffsets(task);
  visitSums(task, columnStride, (partial, bias, row, column) => {
    let total = task.start === "zero" ? 0 : memory.getInt32(task.start === "bias" ? bias : partial, true);
    for (let k = 0; k < inner.length; k += 1) {
      total = (total + activationAt(row + (inner[k] as number)) * weightAt(column + (weightInner[k] as number))) | 0;
    }
    memory.setInt32(partial, total, true);
  });
}

/** Plain twin of `Kernels.contractFloat`; adds in f64. */
export function contractFloat(memory: DataView, task: ContractionTask): void {
  checkFloatContraction(task);
  const inner = offsets(task.inner, task.activations.innerStrides);
  const [weightInner, columnStride] = weightOffsets(task);
  visitSums(task, columnStride, (partial, bias, row, column) => {
    let total = task.start === "zero" ? 0 : memory.getFloat32(task.start === "bias" ? bias : partial, true);
    for (let k = 0; k < inner.length; k += 1) {
      const activation = memory.getFloat32(row + (inner[k] as number), true);
      total += activation * memory.getFloat32(column + (weightInner[k] as number), true);
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
