import { describe, expect, it } from "vitest";
import { carryStored } from "../../../compiler/passes/carry-stored.ts";
import { copyConstantActivations } from "../../../compiler/passes/copy-constant-activations.ts";
import { runPasses } from "../../../compiler/passes/pass.ts";
import { storeSums } from "../../../compiler/passes/store-sums.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorOf } from "../../../ir/ops/values.ts";
import { elementCount } from "../../../ir/type.ts";

const passes = { carryStored, copyConstantActivations, storeSums };

/** The operators that a pass leaves of a graph whose answer it must not change. */
function left(pass: keyof typeof passes, text: string): string[] {
  const before = parseGraph(text);
  const { graph } = runPasses(before, [passes[pass]]);
  const inputs = new Map(
    before.inputs.map(({ name, type }) => [
      name,
      tensorOf(
        type,
        Float64Array.from({ length: elementCount(type) }, (_, index) => Math.round(Math.sin(index * 2.3) * 90)),
      ),
    ]),
  );
  const [wanted, found] = [evaluate(before, inputs), evaluate(graph, inputs)];
  before.outputs.forEach((output, index) => {
    expect(found.get(graph.outputs[index] as string)).toEqual(wanted.get(output));
  });
  return graph.nodes.map(({ op }) => op);
}

const type = "i8<scale=0.5, zero=4>";
const stored = 'element="i8", scales=[0.5], zeros=[4], axis=-1';

describe("carry-stored", () => {
  it("takes a quantize to the producer and drops it where stored integers come from", () => {
    const ops = left(
      "carryStored",
      `
graph @g(%q: ${type}[2,4,2]) {
  %a = dequantize(%q) {element="f32"} : f32[2,4,2]
  %b = transpose(%a) {permutation=[1,0,2]} : f32[4,2,2]
  %c = clip(%b) {low=-3, high=20.25} : f32[4,2,2]
  %d = quantize(%c) {${stored}} : ${type}[4,2,2]
  return %d
}`,
    );
    expect(ops).toEqual(["transpose", "clip"]);
  });

  it("moves dequantize past movement of one quantization, with the axis of its scales", () => {
    const ops = left(
      "carryStored",
      `
graph @g(%q: i8<axis=1, scale=[0.5,0.25], zero=0>[3,2], %r: ${type}[2,2], %s: ${type}[2,2]) {
  %a = dequantize(%q) {element="f32"} : f32[3,2]
  %b = transpose(%a) {permutation=[1,0]} : f32[2,3]
  %c = dequantize(%r) {element="f32"} : f32[2,2]
  %d = dequantize(%s) {element="f32"} : f32[2,2]
  %e = concat(%c, %d) {axis=0} : f32[4,2]
  return %b, %e
}`,
    );
    expect(ops).toEqual(["transpose", "dequantize", "concat", "dequantize"]);
  });

  it("leaves joins of different quantizations, pads that are not stored exactly and scales that a reshape breaks up", () => {
    const ops = left(
      "carryStored",
      `
graph @g(%q: i8<axis=0, scale=[0.5,0.25], zero=0>[2,3], %r: ${type}[2,2]) {
  %a = dequantize(%q) {element="f32"} : f32[2,3]
  %b = reshape(%a) {shape=[3,2]} : f32[3,2]
  %c = dequantize(%r) {element="f32"} : f32[2,2]
  %d = concat(%b, %c) {axis=0} : f32[5,2]
  %e = pad(%c) {pads=[1,0,0,0], mode="constant", value=0.3} : f32[3,2]
  return %d, %e
}`,
    );
    expect(ops).toEqual(["dequantize", "reshape", "dequantize", "concat", "pad"]);
  });

  it("averages stored integers in their own quantization", () => {
    const pool = (zero: number) => `
graph @g(%q: i8<scale=0.5, zero=${zero}>[1,1,4,4]) {
  %a = dequantize(%q) {element="f32"} : f32[1,1,4,4]
  %b = average_pool(%a) {kernel=[2,2], strides=[2,2], pads=[0,0,0,0], dilations=[1,1], ceil=false, countIncludePad=false} : f32[1,1,2,2]
  %c = quantize(%b) {element="i8", scales=[0.5], zeros=[${zero}], axis=-1} : i8<scale=0.5, zero=${zero}>[1,1,2,2]
  return %c
}`;
    expect(left("carryStored", pool(4))).toEqual(["average_pool"]);
    expect(left("carryStored", pool(3))).toEqual(["dequantize", "average_pool", "quantize"]);
  });
});

it("store-sums copies sums that leave their layer, and no others", () => {
  const text = (last: string) => `
graph @g(%x: ${type}[2,4]) {
  %w = const() {splat=1} : i8<scale=1, zero=0>[4,2]
  %s = matmul(%x, %w, _) : i32<scale=0.5, zero=0>[2,2]
  ${last}
}`;
  const kept =
    '%y = requantize(%s) {element="i8", scales=[1], zeros=[0], axis=-1} : i8<scale=1, zero=0>[2,2]\n return %y';
  expect(left("storeSums", text(kept))).toEqual(["matmul", "requantize"]);
  expect(left("storeSums", text("return %s"))).toEqual(["matmul", "identity"]);
  const moved = "%y = reshape(%s) {shape=[4]} : i32<scale=0.5, zero=0>[4]\n return %y";
  expect(left("storeSums", text(moved))).toEqual(["matmul", "identity", "reshape"]);
});

it("copy-constant-activations makes a value of a constant that a contraction reads first", () => {
  const ops = left(
    "copyConstantActivations",
    `
graph @g(%w: i8[4,2]) {
  %x = const() {splat=1} : i8[1,4]
  %s = matmul(%x, %w, _) : i32[1,2]
  return %s
}`,
  );
  expect(ops).toEqual(["identity", "matmul"]);
});
