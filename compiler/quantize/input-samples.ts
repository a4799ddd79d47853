import type { Contractor } from "../../ir/contractor.ts";
import type { UnrolledInputs } from "./unrolled-inputs.ts";

/** Rows of what a group of a contraction reads [rowCount, depth]. */
export interface InputRows {
  readonly rowCount: number;
  readonly depth: number;
  readonly numbers: Float32Array;
}

/** Up to `most` rows of each group, evenly spread over all rows of all inputs. */
export function sampleRows(inputs: readonly UnrolledInputs[], most: number): InputRows[] {
  const [first] = inputs;
  if (first === undefined) return [];
  const { depth, groups } = first;
  const each = Math.max(1, Math.floor(most / inputs.length));
  const counts = inputs.map(({ rowCount }) => Math.min(each, rowCount));
  const rowCount = counts.reduce((sum, count) => sum + count, 0);
  return Array.from({ length: groups }, (_, group) => {
    const numbers = new Float32Array(rowCount * depth);
    let start = 0;
    inputs.forEach((input, index) => {
      const count = counts[index] as number;
      for (let row = 0; row < count; row += 1, start += depth)
        input.copyRow(group, Math.floor((row * input.rowCount) / count), numbers, start);
    });
    return { rowCount, depth, numbers };
  });
}

/** Rows less the mean of each column. */
export function centred(rows: InputRows): InputRows {
  const { rowCount, depth, numbers } = rows;
  const means = new Float64Array(depth);
  for (let index = 0; index < numbers.length; index += 1)
    means[index % depth] = (means[index % depth] as number) + (numbers[index] as number) / rowCount;
  return { ...rows, numbers: numbers.map((number, index) => number - (means[index % depth] as number)) };
}

/** leftᵀ · right [left's depth, right's depth], over the rows that both have. */
export function crossMoments(left: InputRows, right: InputRows, contractor: Contractor): Float32Array | Float64Array {
  return contractor.float({
    groups: 1,
    rows: [left.depth],
    inner: [left.rowCount],
    columns: right.depth,
    activations: { data: left.numbers, offset: 0, groupStride: 0, rowStrides: [1], innerStrides: [left.depth] },
    weights: { data: right.numbers, offset: 0, groupStride: 0, innerStrides: [right.depth], columnStride: 1 },
    bias: null,
  });
}

/** What rows give with weights [depth, columns]. */
export function productRows(
  rows: InputRows,
  weights: Float64Array,
  columns: number,
  contractor: Contractor,
): InputRows {
  const { rowCount, depth, numbers } = rows;
  const products = contractor.float({
    groups: 1,
    rows: [rowCount],
    inner: [depth],
    columns,
    activations: { data: numbers, offset: 0, groupStride: 0, rowStrides: [depth], innerStrides: [1] },
    weights: {
      data: Float32Array.from(weights),
      offset: 0,
      groupStride: 0,
      innerStrides: [columns],
      columnStride: 1,
    },
    bias: null,
  });
  return { rowCount, depth: columns, numbers: Float32Array.from(products) };
}
