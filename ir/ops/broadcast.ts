import { problem } from "../../base/errors.ts";
import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { Access, IterationDimension, IterationSpace } from "../iteration.ts";
import type { InferContext } from "../operator.ts";
import type { TensorType } from "../type.ts";

/** The shape that all shapes broadcast to, as NumPy does; throws B202 with the shapes when they do not. */
export function broadcastShapes(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const lead = rank - shape.length;
    shape.forEach((size, axis) => {
      const other = at(result, lead + axis);
      if (size !== 1 && other !== 1 && size !== other) {
        throw problem("B202", `Shapes ${shapes.map((each) => `[${each.join(",")}]`).join(" and ")} do not broadcast.`);
      }
      if (size !== 1) result[lead + axis] = size;
    });
  }
  return result;
}

/** Strides, in elements, with which an operand of `shape` is read along the axes of `result`; 0 repeats. */
export function broadcastStrides(shape: readonly number[], result: readonly number[]): number[] {
  const strides = rowMajorStrides(shape);
  const lead = result.length - shape.length;
  return result.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : at(strides, axis - lead)));
}

/** Offset + Σ index·stride for every index of a box of `counts`, in row-major order. */
export function stridedOffsets(counts: readonly number[], strides: readonly number[], offset = 0): Int32Array {
  const total = product(counts);
  const offsets = new Int32Array(total);
  if (total === 0) return offsets;
  offsets[0] = offset;
  let filled = 1;
  for (let axis = counts.length - 1; axis >= 0; axis -= 1) {
    const stride = at(strides, axis);
    for (let index = 1; index < at(counts, axis); index += 1) {
      const start = index * filled;
      for (let inner = 0; inner < filled; inner += 1)
        offsets[start + inner] = (offsets[inner] as number) + index * stride;
    }
    filled *= at(counts, axis);
  }
  return offsets;
}

/** The operand element that each result element reads; null when both have the same shape. */
export function broadcastOffsets(shape: readonly number[], result: readonly number[]): Int32Array | null {
  if (shape.length === result.length && shape.every((size, axis) => size === result[axis])) return null;
  return stridedOffsets(result, broadcastStrides(shape, result));
}

/** Access of an operand that broadcasts to a result whose axes are the first dimensions of the iteration space. */
export function broadcastAccess(shape: readonly number[], result: readonly number[]): Access {
  const lead = result.length - shape.length;
  return shape.map((size, axis) => ({
    terms: size === result[lead + axis] ? [{ dimension: lead + axis, stride: 1 }] : [],
    offset: 0,
  }));
}

/** The iteration space of an element-wise operator: one parallel dimension `d0`, `d1`, ... an axis of the result. */
export function elementwiseIteration(context: InferContext & { readonly type: TensorType }): IterationSpace {
  const { shape } = context.type;
  return {
    dimensions: shape.map((size, axis): IterationDimension => ({ name: `d${axis}`, size, kind: "parallel" })),
    operands: context.operands.map((operand) => (operand === null ? null : broadcastAccess(operand.shape, shape))),
    result: broadcastAccess(shape, shape),
  };
}

/** The axis counted from the front; throws B202 when it lies outside −rank … rank − 1. */
export function normalizeAxis(axis: number, rank: number): number {
  const result = axis < 0 ? axis + rank : axis;
  if (result < 0 || result >= rank) throw problem("B202", `Axis ${axis} is outside a value of rank ${rank}.`);
  return result;
}
