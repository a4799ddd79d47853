import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { AttributeValue } from "../../../ir/graph.ts";
import { sampleFloats } from "../../../ir/ops/samples.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { expectClose, numbersOf, tensor } from "./checks.ts";
import { type EagerBuilder, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

function microsoft(
  operator: string,
  inputs: readonly (Tensor | null)[],
  attributes: Record<string, AttributeValue> = {},
  outputs: readonly string[] = ["y"],
): EagerBuilder {
  return translate({ operator, domain: "com.microsoft", opset: 1, inputs, attributes, outputs });
}

const line = (...numbers: number[]): Tensor => tensor("f32", [1, 1, numbers.length], numbers);
const list = (...numbers: number[]): Tensor => tensor("f32", [numbers.length], numbers);
const floats = (seed: number, ...shape: number[]): Tensor => sampleFloats(makeRandom(seed), shape, -1, 1);

describe("activations of com.microsoft", () => {
  const x = line(-1, 0, 2);

  it("are gelu, exact or approximate, of the biased operand", () => {
    const exact = numbersOf("gelu", [line(0, 2, 5)], { approximate: "none" });
    const near = numbersOf("gelu", [line(0, 2, 5)], { approximate: "tanh" });
    expect(outputNumbers(microsoft("Gelu", [line(0, 2, 5)]))).toEqual(exact);
    expect(outputNumbers(microsoft("BiasGelu", [x, list(1, 2, 3)]))).toEqual(exact);
    expect(outputNumbers(microsoft("FastGelu", [x, list(1, 2, 3)]))).toEqual(near);
    expect(outputNumbers(microsoft("FastGelu", [line(0, 2, 5)]))).toEqual(near);
  });

  it("QuickGelu is x times the sigmoid of alpha times x", () => {
    const quick = (alpha: number) => [-1, 0, 2].map((value) => value / (1 + Math.exp(-alpha * value)));
    expectClose(outputNumbers(microsoft("QuickGelu", [x])), quick(1.702), 1e-6);
    expectClose(outputNumbers(microsoft("QuickGelu", [x], { alpha: 1 })), quick(1), 1e-6);
  });
});

describe("FusedMatMul", () => {
  it("multiplies transposed operands and scales the product", () => {
    const [a, b] = [tensor("f32", [1, 2, 2], [1, 2, 3, 4]), tensor("f32", [2, 2], [1, 0, 1, 1])];
    expect(outputNumbers(microsoft("FusedMatMul", [a, b]))).toEqual([3, 2, 7, 4]);
    expect(outputNumbers(microsoft("FusedMatMul", [a, b], { alpha: 2, transA: 1 }))).toEqual([8, 6, 12, 8]);
    expect(outputNumbers(microsoft("FusedMatMul", [a, b], { transB: 1 }))).toEqual([1, 3, 3, 7]);
    expect(() => microsoft("FusedMatMul", [a, b], { transBatchA: 1 })).toThrow(/B104.*transBatchA/);
  });
});

describe("normalizations of com.microsoft", () => {
  const [input, skip] = [line(1, 2, 3, 6), line(1, 0, 1, -2)];
  const sum = line(2, 2, 4, 4);

  it("SkipLayerNormalization normalizes the sum with bias, and gives its statistics", () => {
    const outputs = ["y", "mean", "deviation", "sum"];
    const [gamma, beta] = [list(1, 1, 2, 2), list(0, 1, 0, 1)];
    const plain = microsoft("SkipLayerNormalization", [input, skip, gamma, beta], {}, outputs);
    expectClose(outputNumbers(plain), [-1, 0, 2, 3], 1e-6);
    expect(outputNumbers(plain, "mean")).toEqual([3]);
    expectClose(outputNumbers(plain, "deviation"), [1], 1e-6);
    expect(outputTensor(plain, "sum")).toEqual(sum);
    const biased = microsoft("SkipLayerNormalization", [input, skip, gamma, null, list(9, 9, 9, 9)], {}, outputs);
    expectClose(outputNumbers(biased), [-1, -1, 2, 2], 1e-6);
    expect(outputNumbers(biased, "sum")).toEqual([11, 11, 13, 13]);
  });

  it("SkipSimplifiedLayerNormalization divides by the root of the mean square", () => {
    const outputs = ["y", "", "scale", "sum"];
    const inputs = [input, skip, list(1, 1, 1, 10), list(0, 0, -2, -2)];
    const found = microsoft("SkipSimplifiedLayerNormalization", inputs, { epsilon: 0 }, outputs);
    expectClose(outputNumbers(found), [1, 1, 1, 10], 1e-6);
    expectClose(outputNumbers(found, "scale"), [0.5], 1e-6);
    expect(outputNumbers(found, "sum")).toEqual([2, 2, 2, 2]);
  });

  it("EmbedLayerNormalization adds the rows of tokens, positions and segments", () => {
    const words = tensor("f32", [3, 2], [0, 0, 1, 3, 5, 5]);
    const places = tensor("f32", [4, 2], [0, 2, 1, 1, 7, 7, 8, 9]);
    const kinds = tensor("f32", [2, 2], [0, 0, 10, 10]);
    const ids = tensor("i32", [1, 2], [1, 2]);
    const embed = (inputs: readonly (Tensor | null)[]) =>
      microsoft("EmbedLayerNormalization", inputs, { epsilon: 0 }, ["y", "count", "sum"]);
    const gains = [list(1, 1), list(0, 5)];
    const plain = embed([ids, null, words, places, null, ...gains]);
    expect(outputNumbers(plain, "sum")).toEqual([1, 5, 6, 6]);
    expect(outputNumbers(plain, "count")).toEqual([0]);
    expectClose(outputNumbers(plain).slice(0, 2), [-1, 6], 1e-6);
    const [segments, mask, positions] = [
      [0, 1],
      [1, 0],
      [3, 0],
    ].map((numbers) => tensor("i32", [1, 2], numbers));
    const full = embed([ids, segments ?? null, words, places, kinds, ...gains, mask ?? null, positions ?? null]);
    expect(outputNumbers(full, "sum")).toEqual([9, 12, 15, 17]);
    expect(outputNumbers(full, "count")).toEqual([1]);
  });
});

describe("Attention of com.microsoft", () => {
  const [batch, length, width, heads] = [2, 3, 4, 2];
  const x = floats(1, batch, length, 5);
  const weights = floats(2, 5, 3 * width);
  const bias = floats(3, 3 * width);
  const projected = translate({ operator: "MatMul", inputs: [x, weights] });
  const shifted = translate({ operator: "Add", inputs: [outputTensor(projected), bias] });
  const part = (index: number): Tensor =>
    outputTensor(
      translate({
        operator: "Slice",
        opset: 1,
        inputs: [outputTensor(shifted)],
        attributes: { starts: [index * width], ends: [(index + 1) * width], axes: [2] },
      }),
    );

  /** What Attention of ONNX gives for the projections. */
  function reference(attributes: Record<string, AttributeValue>, mask: Tensor | null, past: Tensor[] = []): number[] {
    const inputs = [part(0), part(1), part(2), mask, ...past];
    const counts = { q_num_heads: heads, kv_num_heads: heads };
    return outputNumbers(
      translate({ operator: "Attention", opset: 23, inputs, attributes: { ...counts, ...attributes } }),
    );
  }

  const found = (mask: Tensor | null, attributes: Record<string, AttributeValue> = {}, more: (Tensor | null)[] = []) =>
    microsoft("Attention", [x, weights, bias, mask, ...more], { num_heads: heads, ...attributes }, ["y", "present"]);
  const kept = (numbers: readonly number[], ...shape: number[]): Tensor => tensor("bool", shape, numbers);

  it("projects, and attends as Attention of ONNX does", () => {
    expectClose(outputNumbers(found(null)), reference({}, null), 1e-5, 1e-6);
    expectClose(outputNumbers(found(null, { unidirectional: 1 })), reference({ is_causal: 1 }, null), 1e-5, 1e-6);
    expectClose(outputNumbers(found(null, { scale: 2 })), reference({ scale: 2 }, null), 1e-5, 1e-6);
    const added = floats(4, 1, heads, length, length);
    expectClose(outputNumbers(found(null, {}, [null, added])), reference({}, added), 1e-5, 1e-6);
  });

  it("takes masks of every form", () => {
    const rows = [1, 1, 0, 0, 1, 1];
    const wanted = reference({}, kept(rows, batch, 1, 1, length));
    const compare = (mask: Tensor, target: readonly number[] = wanted): void =>
      expectClose(outputNumbers(found(mask)), target, 1e-5, 1e-6);
    compare(tensor("i32", [batch, length], rows));
    compare(tensor("i32", [2 * batch], [2, 3, 0, 1]));
    compare(
      tensor(
        "i32",
        [batch, length, length],
        [
          ...rows.slice(0, 3),
          ...rows.slice(0, 3),
          ...rows.slice(0, 3),
          ...rows.slice(3),
          ...rows.slice(3),
          ...rows.slice(3),
        ],
      ),
    );
    const ends = reference({}, kept([1, 1, 0, 1, 1, 1], batch, 1, 1, length));
    compare(tensor("i32", [batch], [2, 3]), ends);
    const square = [1, 0, 0, 9, 1, 1, 0, 9, 1, 1, 1, 9, 9, 9, 9, 9];
    compare(tensor("i32", [batch, 1, 4, 4], [...square, ...square]), reference({ is_causal: 1 }, null));
    expect(() => found(tensor("i32", [5], [1, 1, 1, 1, 1]))).toThrow(/B110.*mask_index/);
  });

  it("puts the past before its keys and values, and gives both as present", () => {
    const past = floats(5, 2, batch, heads, 2, 2);
    const halves = [0, 1].map((index) =>
      tensor("f32", [batch, heads, 2, 2], Array.from(tensorNumbers(past)).slice(index * 16, (index + 1) * 16)),
    );
    const continued = found(null, { unidirectional: 1 }, [past]);
    expectClose(outputNumbers(continued), reference({ is_causal: 1 }, null, halves), 1e-5, 1e-6);
    expect(outputTensor(continued, "present").type.shape).toEqual([2, batch, heads, 5, 2]);
  });

  it("refuses what it does not know", () => {
    expect(() => found(null, { do_rotary: 1 })).toThrow(/B104.*do_rotary/);
    expect(() => found(null, { num_heads: 3 })).toThrow(/B110.*3 heads/);
    expect(() => found(null, { qkv_hidden_sizes: [4, 4, 2] })).toThrow(/B110.*\[4,4,2\]/);
  });
});
