import { describe, expect, it } from "vitest";
import type { AttributeValue } from "../../../ir/graph.ts";
import { i64Tensor, type Tensor } from "../../../ir/tensor.ts";
import { tensor } from "./checks.ts";
import { addedOperators, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

/** Caches of four positions and two pairs: position p turns pair 0 by p quarters and pair 1 by none. */
const cosines = tensor("f32", [4, 2], [1, 1, 0, 1, -1, 1, 0, 1]);
const sines = tensor("f32", [4, 2], [0, 0, 1, 0, 0, 0, -1, 0]);
/** One sequence of two tokens, of one head of four numbers. */
const x = tensor("f32", [1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);

function rotary(
  value: Tensor,
  positions: Tensor | null,
  attributes: Record<string, AttributeValue> = {},
  known: readonly number[] = [3],
) {
  const inputs = positions === null ? [value, rows(cosines), rows(sines)] : [value, cosines, sines, positions];
  return translate({ operator: "RotaryEmbedding", opset: 23, inputs, attributes, known });
}

/** The cache of positions 0 and 1 of one sequence. */
function rows(cache: Tensor): Tensor {
  return tensor("f32", [1, 2, 2], Array.from(cache.data as Float32Array).slice(0, 4));
}

describe("RotaryEmbedding", () => {
  it("turns pairs that lie half the width apart, or neighbours", () => {
    const positions = i64Tensor([1, 2], [0, 1]);
    expect(outputNumbers(rotary(x, positions))).toEqual([1, 2, 3, 4, -7, 6, 5, 8]);
    expect(outputNumbers(rotary(x, positions, { interleaved: 1 }))).toEqual([1, 2, 3, 4, -6, 5, 7, 8]);
    expect(outputNumbers(rotary(x, null))).toEqual([1, 2, 3, 4, -7, 6, 5, 8]);
    expect(outputNumbers(rotary(x, i64Tensor([1, 2], [2, 3])))).toEqual([-1, 2, -3, 4, 7, 6, -5, 8]);
  });

  it("looks up positions that depend on data", () => {
    const found = rotary(x, i64Tensor([1, 2], [0, 1]), {}, []);
    expect(addedOperators(found)).toContain("gather_data");
    expect(outputNumbers(found)).toEqual([1, 2, 3, 4, -7, 6, 5, 8]);
  });

  it("passes the numbers after rotary_embedding_dim", () => {
    const wide = tensor("f32", [1, 1, 2, 6], [1, 2, 3, 4, 90, 91, 5, 6, 7, 8, 92, 93]);
    const positions = i64Tensor([1, 2], [0, 1]);
    const part = { rotary_embedding_dim: 4 };
    expect(outputNumbers(rotary(wide, positions, part))).toEqual([1, 2, 3, 4, 90, 91, -7, 6, 5, 8, 92, 93]);
    const neighbours = rotary(wide, positions, { ...part, interleaved: 1 });
    expect(outputNumbers(neighbours)).toEqual([1, 2, 3, 4, 90, 91, -6, 5, 7, 8, 92, 93]);
  });

  it("takes heads side by side in a value of three axes", () => {
    const both = tensor("f32", [1, 2, 8], [1, 2, 3, 4, 0, 0, 0, 1, 5, 6, 7, 8, 0, 0, 1, 0]);
    const found = rotary(both, i64Tensor([1, 2], [0, 1]), { num_heads: 2 });
    expect(outputTensor(found).type.shape).toEqual([1, 2, 8]);
    expect(outputNumbers(found)).toEqual([1, 2, 3, 4, 0, 0, 0, 1, -7, 6, 5, 8, -1, 0, 0, 0]);
    expect(() => rotary(both, i64Tensor([1, 2], [0, 1]))).toThrow(/B111.*num_heads/);
  });

  it("refuses widths and caches that do not fit", () => {
    const positions = i64Tensor([1, 2], [0, 1]);
    expect(() => rotary(x, positions, { rotary_embedding_dim: 6 })).toThrow(/B110.*rotate 6 of 4/);
    expect(() => rotary(x, positions, { rotary_embedding_dim: 3 })).toThrow(/B110.*rotate 3 of 4/);
    expect(() => rotary(x, i64Tensor([1, 1], [0]))).toThrow(/B110.*gives \[1,1,2\], expected \[1,2,2\]/);
  });
});
