import { describe, expect, it } from "vitest";
import { balanceableValues, balanceChannels, channelMagnitudes } from "../../../compiler/quantize/balance-channels.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";

const dense = parseGraph(`graph @g(%x: f32[1,1]) {
  %w = const() {values=[8,2,0]} : f32[1,3]
  %b = const() {values=[4,4,4]} : f32[3]
  %v = const() {values=[2,8,5]} : f32[3,1]
  %m = matmul(%x, %w, %b) : f32[1,3]
  %r = relu(%m) : f32[1,3]
  %y = matmul(%r, %v, _) : f32[1,1]
  return %y
}`);

const numbers = (graph: Graph, name: string): number[] =>
  Array.from(tensorNumbers(graph.constants.find((each) => each.name === name) as Tensor));

const answer = (graph: Graph, x: Tensor): number[] =>
  Array.from(tensorNumbers([...evaluate(graph, new Map([["x", x]])).values()][0] as Tensor));

describe("balancing channels", () => {
  it("makes the weights on both sides of a channel alike, and leaves dead channels", () => {
    const balanced = balanceChannels(dense, { share: 0.5 });
    expect(numbers(balanced, "w")).toEqual([4, 4, 0]);
    expect(numbers(balanced, "v")).toEqual([4, 4, 5]);
    expect(numbers(balanced, "b")).toEqual([2, 8, 4]);
    expect(answer(balanced, f32Tensor([1, 1], [3]))).toEqual(answer(dense, f32Tensor([1, 1], [3])));
  });

  it("moves outliers of activations into the weights by the share", () => {
    const values = balanceableValues(dense);
    expect([...values]).toEqual([["r", "matmul"]]);
    const seen = channelMagnitudes("matmul", f32Tensor([1, 3], [-16, 4, 1]), Float64Array.of(1, 9, 0));
    expect([...seen]).toEqual([16, 9, 1]);
    const moved = balanceChannels(dense, { share: 1, magnitudes: new Map([["r", Float64Array.of(16, 1, 0)]]) });
    expect(numbers(moved, "w")).toEqual([0.5, 2, 0]);
    expect(numbers(moved, "v")).toEqual([32, 8, 5]);
  });

  it("keeps the answers of convolutions, grouped ones and pooling between", () => {
    const graph = parseGraph(`graph @g(%x: f32[1,2,6,6]) {
      %w = const() {seed=1} : f32[4,2,3,3]
      %v = const() {seed=2} : f32[6,2,2,2]
      %u = const() {seed=3} : f32[3,6,1,1]
      %a = conv(%x, %w, _) {strides=[1,1], pads=[1,1,1,1], dilations=[1,1], group=1} : f32[1,4,6,6]
      %p = max_pool(%a) {kernel=[2,2], strides=[2,2], pads=[0,0,0,0], dilations=[1,1], ceil=false} : f32[1,4,3,3]
      %c = conv(%p, %v, _) {strides=[1,1], pads=[0,0,0,0], dilations=[1,1], group=2} : f32[1,6,2,2]
      %l = leaky_relu(%c) {alpha=0.25} : f32[1,6,2,2]
      %y = conv(%l, %u, _) {strides=[1,1], pads=[0,0,0,0], dilations=[1,1], group=1} : f32[1,3,2,2]
      return %y
    }`);
    const balanced = balanceChannels(graph, { share: 0.5 });
    expect(numbers(balanced, "v")).not.toEqual(numbers(graph, "v"));
    const x = f32Tensor(
      [1, 2, 6, 6],
      Array.from({ length: 72 }, (_, index) => Math.sin(index)),
    );
    answer(balanced, x).forEach((each, index) => {
      expect(each).toBeCloseTo(answer(graph, x)[index] as number, 4);
    });
  });

  it("touches nothing where something else reads the channels, or between them is no scale to take out", () => {
    const text = (op: string, outputs: string): string => `graph @g(%x: f32[1,1]) {
      %w = const() {values=[8,2]} : f32[1,2]
      %v = const() {values=[2,8]} : f32[2,1]
      %m = matmul(%x, %w, _) : f32[1,2]
      %r = ${op}(%m) : f32[1,2]
      %y = matmul(%r, %v, _) : f32[1,1]
      return ${outputs}
    }`;
    expect(balanceableValues(parseGraph(text("relu", "%y"))).size).toBe(1);
    expect(balanceableValues(parseGraph(text("sigmoid", "%y"))).size).toBe(0);
    expect(balanceableValues(parseGraph(text("relu", "%y, %m"))).size).toBe(0);
  });
});
