import { describe, expect, it } from "vitest";
import { narrowWeights } from "../../../compiler/quantize/narrow-weights.ts";
import { narrowestElement } from "../../../compiler/quantize/weights.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { makeTensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";

const graph = parseGraph(`graph @g(%x: i8<scale=1, zero=0>[1,2]) {
  %u = const() {values=[7,-8,0,1]} : i8<scale=1, zero=0>[2,2]
  %v = const() {values=[-2,1,0,1]} : i8<scale=1, zero=0>[2,2]
  %w = const() {values=[7,-9,0,1]} : i8<scale=1, zero=0>[2,2]
  %a = matmul(%x, %u, _) : i32<scale=1, zero=0>[1,2]
  %b = matmul(%x, %v, _) : i32<scale=1, zero=0>[1,2]
  %c = matmul(%x, %w, _) : i32<scale=1, zero=0>[1,2]
  return %a, %b, %c
}`);

describe("stated weights", () => {
  it("take the narrowest type that holds them, and give the same sums", () => {
    const narrow = narrowWeights(graph);
    const elements = Object.fromEntries(narrow.constants.map(({ name, type }) => [name, type.element]));
    expect(elements).toEqual({ u: "i4", v: "i2", w: "i8" });
    const inputs = new Map([
      ["x", makeTensor(tensorType("i8", [1, 2], { axis: null, scales: [1], zeros: [0] }), Int8Array.of(-128, 127))],
    ]);
    expect([...evaluate(narrow, inputs)].map(([, { data }]) => data)).toEqual(
      [...evaluate(graph, inputs)].map(([, { data }]) => data),
    );
  });

  it("stay as they are where something else reads them, or where they are absent", () => {
    const shared = { ...graph, outputs: [...graph.outputs] };
    const nodes = parseGraph(`graph @g(%x: i8<scale=1, zero=0>[1,2]) {
  %u = const() {values=[7,-8,0,1]} : i8<scale=1, zero=0>[2,2]
  %a = matmul(%x, %u, _) : i32<scale=1, zero=0>[1,2]
  %b = transpose(%u) {perm=[1,0]} : i8<scale=1, zero=0>[2,2]
  return %a, %b
}`);
    expect(narrowWeights({ ...shared, ...nodes }).constants[0]?.type.element).toBe("i8");
    expect(narrowestElement({ type: tensorType("i8", [2]), data: null })).toBe("i8");
    expect(narrowestElement({ type: tensorType("u8", [1]), data: Uint8Array.of(1) })).toBe("u8");
  });
});
