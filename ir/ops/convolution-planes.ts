import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Contractor } from "../contractor.ts";
import { stridedOffsets } from "./broadcast.ts";
import type { Window } from "./window.ts";

/** A convolution of f32 planes that are already padded: x [batch][group·inputs][padded...], w [group·outputs][inputs][kernel...]. */
export interface PlanesTask {
  readonly data: Float32Array;
  readonly padded: readonly number[];
  readonly weights: Float32Array;
  /** [group·outputs]; null for zeros. */
  readonly bias: ArrayLike<number> | null;
  readonly window: Window;
  readonly positions: readonly number[];
  readonly batch: number;
  readonly group: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** The factors of a convolution as a product: how windows are read, and where the lines of its positions stand in the result. */
interface Columns {
  readonly data: Float32Array;
  readonly count: number;
  readonly groupStride: number;
  readonly innerStrides: readonly number[];
  /** Offset of the first position of each line among the columns. */
  readonly lines: Int32Array;
}

/**
 * The convolution as [batch][group·outputs][positions...]: weights [outputs][depth] times windows [depth][columns], group by
 * group. Where windows move by one, the columns are all places of the padded plane from the first to the last position, read
 * where they lie; otherwise the windows are unrolled. So pixels of a line are adjacent on both sides.
 */
export function convolvePlanes(contractor: Contractor, task: PlanesTask): Float32Array {
  const { batch, group, inputs, outputs, bias, window, positions } = task;
  const imageSize = group * inputs * product(task.padded);
  const inner = [inputs, ...window.kernel];
  const depth = product(inner);
  const resultSize = group * outputs * product(positions);
  const results = new Float32Array(batch * resultSize);
  for (let image = 0; image < batch; image += 1) {
    const columns = columnsOf(task, task.data.subarray(image * imageSize, (image + 1) * imageSize));
    const sums = contractor.float({
      groups: group,
      rows: [outputs],
      inner,
      columns: columns.count,
      activations: {
        data: task.weights,
        offset: 0,
        groupStride: outputs * depth,
        rowStrides: [depth],
        innerStrides: rowMajorStrides(inner),
      },
      weights: { ...columns, offset: 0, columnStride: 1 },
      bias: null,
    });
    const target = results.subarray(image * resultSize, (image + 1) * resultSize);
    collect(sums, columns, bias, at(positions, positions.length - 1), target);
  }
  return results;
}

function columnsOf(task: PlanesTask, source: Float32Array): Columns {
  const { padded, window, positions, group, inputs } = task;
  const plane = product(padded);
  const strides = rowMajorStrides(padded);
  const kernelStrides = strides.map((stride, axis) => stride * at(window.dilations, axis));
  const moved = strides.map((stride, axis) => stride * at(window.strides, axis));
  const lines = stridedOffsets(positions.slice(0, -1), moved.slice(0, -1));
  const lineLength = at(positions, positions.length - 1);
  if (window.strides.every((stride) => stride === 1)) {
    const count = (lines[lines.length - 1] as number) + lineLength;
    return { data: source, count, groupStride: inputs * plane, innerStrides: [plane, ...kernelStrides], lines };
  }
  const count = product(positions);
  const taps = stridedOffsets(window.kernel, kernelStrides);
  return {
    data: unroll(source, group * inputs, plane, { taps, lines, lineLength, step: at(moved, moved.length - 1) }),
    count,
    groupStride: inputs * taps.length * count,
    innerStrides: rowMajorStrides([inputs, ...window.kernel]).map((stride) => stride * count),
    lines: Int32Array.from(lines, (_, line) => line * lineLength),
  };
}

/** Where the windows of a plane lie: offsets of the kernel's elements and of each line of positions, and steps along a line. */
interface Windows {
  readonly taps: Int32Array;
  readonly lines: Int32Array;
  readonly lineLength: number;
  readonly step: number;
}

/** The windows of all planes as [planes][kernel][positions]. */
function unroll(source: Float32Array, planes: number, plane: number, windows: Windows): Float32Array {
  const { taps, lines, lineLength, step } = windows;
  const target = new Float32Array(planes * taps.length * lines.length * lineLength);
  let place = 0;
  for (let index = 0; index < planes; index += 1) {
    for (let tap = 0; tap < taps.length; tap += 1) {
      const base = index * plane + (taps[tap] as number);
      for (let line = 0; line < lines.length; line += 1) {
        let from = base + (lines[line] as number);
        for (const end = place + lineLength; place < end; place += 1, from += step) {
          target[place] = source[from] as number;
        }
      }
    }
  }
  return target;
}

/** Adds the bias to the columns that are positions. */
function collect(
  sums: ArrayLike<number>,
  { lines, count }: Columns,
  bias: ArrayLike<number> | null,
  lineLength: number,
  target: Float32Array,
): void {
  let place = 0;
  for (let row = 0; place < target.length; row += 1) {
    const shift = bias === null ? 0 : (bias[row] as number);
    for (let line = 0; line < lines.length; line += 1) {
      let from = row * count + (lines[line] as number);
      for (const end = place + lineLength; place < end; place += 1, from += 1) {
        target[place] = (sums[from] as number) + shift;
      }
    }
  }
}
