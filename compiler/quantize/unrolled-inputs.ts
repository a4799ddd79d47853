import { at, product } from "../../base/math.ts";
import type { ContractionTask, Contractor } from "../../ir/contractor.ts";
import type { Node } from "../../ir/graph.ts";
import { stridedOffsets } from "../../ir/ops/broadcast.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, type TensorType, tensorType } from "../../ir/type.ts";

/** Where the weights of each group of a contraction lie: `index(group, k, column)` in the constant. */
export interface WeightLayout {
  readonly groups: number;
  readonly depth: number;
  readonly columns: number;
  readonly index: (group: number, k: number, column: number) => number;
}

/** What a contraction of known weights multiplies, as matrices: one of [rows, depth] for each group, of one activation. */
export interface UnrolledInputs extends WeightLayout {
  readonly rowCount: number;
  /** Writes a row, depth numbers, from `start` on. */
  readonly copyRow: (group: number, row: number, target: Float32Array, start: number) => void;
}

/**
 * The windows of a convolution, or the rows of a matrix product, that a node reads from an activation. The operator itself
 * says which they are: it is evaluated with a contractor that keeps what it is asked for, and with weights that are their own indexes.
 */
export function unrolledInputs(node: Node, activation: Tensor, weights: TensorType): UnrolledInputs {
  const tasks: ContractionTask[] = [];
  const contract = (task: ContractionTask): Float32Array => {
    tasks.push(task);
    return new Float32Array(task.groups * product(task.rows) * task.columns);
  };
  const recorder: Contractor = { integer: (task) => Int32Array.from(contract(task)), float: contract };
  const indexes = Float64Array.from({ length: elementCount(weights) }, (_, index) => index);
  operatorOf(node.op).evaluate({
    operands: [
      tensorOf(tensorType("f32", activation.type.shape), tensorNumbers(activation)),
      tensorOf(tensorType("f64", weights.shape), indexes),
      null,
    ],
    attributes: node.attributes,
    type: tensorType("f32", node.type.shape),
    contractor: recorder,
  });
  const { groups, columns, inner, weights: stored } = at(tasks, 0);
  const weightOffsets = stridedOffsets(inner, stored.innerStrides);
  const index = (group: number, k: number, column: number): number =>
    stored.data[
      stored.offset + group * stored.groupStride + at(weightOffsets, k) + column * stored.columnStride
    ] as number;
  const images = tasks.map(({ rows, inner: axes, activations }) => ({
    rowOffsets: stridedOffsets(rows, activations.rowStrides),
    innerOffsets: stridedOffsets(axes, activations.innerStrides),
    activations,
  }));
  const rowsOfImage = images[0]?.rowOffsets.length ?? 0;
  const copyRow: UnrolledInputs["copyRow"] = (group, row, target, start) => {
    const { rowOffsets, innerOffsets, activations } = at(images, Math.floor(row / rowsOfImage));
    const base = activations.offset + group * activations.groupStride + at(rowOffsets, row % rowsOfImage);
    for (let k = 0; k < innerOffsets.length; k += 1)
      target[start + k] = activations.data[base + (innerOffsets[k] as number)] as number;
  };
  return { groups, depth: product(inner), columns, index, rowCount: images.length * rowsOfImage, copyRow };
}
