import { type Location, problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import { allocateData, type Tensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import type { ByteSource } from "./byte-source.ts";
import { limits } from "./limits.ts";
import type { SparseTensorProto } from "./proto-types.ts";
import { checkedShape, readTensorProto, toNumber } from "./tensor-proto.ts";

/** A dense tensor from a sparse one; throws B115 when an index lies outside the shape. */
export function densify(sparse: SparseTensorProto, at: Location, source: ByteSource | null = null): Tensor {
  const values = readTensorProto(sparse.values ?? {}, at, source);
  const shape = checkedShape((sparse.dims ?? []).map(toNumber), at);
  const type = tensorType(values.type.element, shape);
  if (product(shape) > limits.filledElements) {
    throw problem(
      "B117",
      `A sparse tensor of ${product(shape)} elements was asked for; at most ${limits.filledElements} are accepted.`,
      at,
    );
  }
  const data = allocateData(type.element, product(shape)) as Float64Array;
  const stored = values.data as Float64Array;
  const rank = shape.length;
  if (stored.length > 0) {
    const indices = readTensorProto(sparse.indices ?? {}, at, source);
    const linear = indices.type.shape.length === 1;
    if (indices.type.element !== "i64" || indices.data.length !== stored.length * (linear ? 1 : rank)) {
      throw problem(
        "B115",
        `Found indices of type ${indices.type.element}[${indices.type.shape.join(",")}] for ${stored.length} values; expected i64[${stored.length}] or i64[${stored.length},${rank}].`,
        at,
      );
    }
    const numbers = Array.from(indices.data as BigInt64Array, Number);
    stored.forEach((value, position) => {
      const own = linear ? [numbers[position] as number] : numbers.slice(position * rank, (position + 1) * rank);
      const inside = linear
        ? (own[0] as number) >= 0 && (own[0] as number) < data.length
        : own.every((index, axis) => index >= 0 && index < (shape[axis] as number));
      if (!inside)
        throw problem(
          "B115",
          `Index [${own.join(",")}] of value ${position} lies outside shape [${shape.join(",")}].`,
          at,
        );
      const offset = linear
        ? (own[0] as number)
        : own.reduce((sum, index, axis) => sum * (shape[axis] as number) + index, 0);
      data[offset] = value;
    });
  }
  return { type, data };
}
