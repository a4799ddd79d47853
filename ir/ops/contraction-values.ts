import { at, product } from "../../base/math.ts";
import type { ContractionData, ContractionTask, Contractor } from "../contractor.ts";
import { stridedOffsets } from "./broadcast.ts";

/** Contractions by plain loops; floats are summed in f64. */
export const plainContractor: Contractor = {
  integer: (task) => {
    const results = new Int32Array(task.groups * product(task.rows) * task.columns);
    contractRows(task, results, (line, factors, from, value) => {
      for (let n = 0; n < line.length; n += 1) {
        line[n] = (line[n] as number) + Math.imul(value, factors[from + n] as number);
      }
    });
    return results;
  },
  float: (task) => {
    const results = new Float64Array(task.groups * product(task.rows) * task.columns);
    contractRows(task, results, (line, factors, from, value) => {
      for (let n = 0; n < line.length; n += 1) line[n] = (line[n] as number) + value * (factors[from + n] as number);
    });
    return results;
  },
};

/** Walks over rows and inner elements; `add` adds value · factors[from + n] to each element n of the row's line. */
function contractRows<T extends Int32Array | Float64Array>(
  task: ContractionTask,
  results: T,
  add: (line: T, factors: Float64Array, from: number, value: number) => void,
): void {
  const { columns, activations, weights, bias } = task;
  const rowOffsets = stridedOffsets(task.rows, activations.rowStrides);
  const activationOffsets = stridedOffsets(task.inner, activations.innerStrides);
  const weightOffsets = stridedOffsets(task.inner, weights.innerStrides);
  const innerCount = weightOffsets.length;
  const factors = new Float64Array(innerCount * columns);
  for (let group = 0; group < task.groups; group += 1) {
    const weightBase = weights.offset + group * weights.groupStride;
    for (let k = 0, index = 0; k < innerCount; k += 1) {
      for (let n = 0; n < columns; n += 1, index += 1) {
        factors[index] = weights.data[weightBase + (weightOffsets[k] as number) + n * weights.columnStride] as number;
      }
    }
    for (let row = 0; row < rowOffsets.length; row += 1) {
      const base = activations.offset + group * activations.groupStride + (rowOffsets[row] as number);
      const start = (group * rowOffsets.length + row) * columns;
      const line = results.subarray(start, start + columns) as T;
      if (bias !== null) line.set(bias.subarray(group * columns, (group + 1) * columns));
      for (let k = 0; k < innerCount; k += 1) {
        add(line, factors, k * columns, activations.data[base + (activationOffsets[k] as number)] as number);
      }
    }
  }
}

/** A copy of [outer, spatial...] planes with `fill` around them: [outer, padded...]; the same array when nothing is padded. */
export function padPlanes<T extends ContractionData>(
  data: T,
  outer: number,
  spatial: readonly number[],
  begins: readonly number[],
  ends: readonly number[],
  fill: number,
): { readonly data: T; readonly padded: readonly number[] } {
  const padded = spatial.map((size, axis) => size + at(begins, axis) + at(ends, axis));
  if (padded.every((size, axis) => size === spatial[axis])) return { data, padded };
  const copy = new (data.constructor as new (length: number) => T)(outer * product(padded));
  if (fill !== 0) copy.fill(fill);
  const width = at(spatial, spatial.length - 1);
  const strides = padded.map((_, axis) => product(padded.slice(axis + 1)));
  const first = begins.reduce((total, begin, axis) => total + begin * at(strides, axis), 0);
  const targets = stridedOffsets([outer, ...spatial.slice(0, -1)], [product(padded), ...strides.slice(0, -1)], first);
  for (let line = 0; line < targets.length; line += 1) {
    copy.set(data.subarray(line * width, (line + 1) * width), targets[line] as number);
  }
  return { data: copy, padded };
}

/** A matrix [rows][columns] as [columns][rows], written into `target` from `start` on. */
export function transposeInto(
  target: Float32Array | Float64Array | Int32Array,
  start: number,
  source: Float32Array | Float64Array | Int32Array,
  rows: number,
  columns: number,
): void {
  const block = 32;
  for (let first = 0; first < rows; first += block) {
    const last = Math.min(rows, first + block);
    for (let column = 0; column < columns; column += 1) {
      for (let row = first; row < last; row += 1) {
        target[start + column * rows + row] = source[row * columns + column] as number;
      }
    }
  }
}
