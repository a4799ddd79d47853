import { describe, expect, it } from "vitest";
import type { WrittenFunction, WrittenNode } from "../../../compiler/onnx/write-model.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { altered, load, model, node, refusals, value } from "./written-models.ts";

const x = f32Tensor([2], [1, -2]);

function call(
  operator: string,
  inputs: string,
  outputs: string,
  attributes: WrittenNode["attributes"] = {},
): WrittenNode {
  return { ...node(operator, inputs, outputs, attributes), domain: "my" };
}

function calling(nodes: readonly WrittenNode[], functions: readonly WrittenFunction[]): Uint8Array {
  return model(nodes, { inputs: [value("x", 2)], outputs: [value("y", 2)], functions });
}

function run(bytes: Uint8Array): number[] {
  const { graph } = load(bytes);
  return Array.from((evaluate(graph, new Map([["x", x]])).get(graph.outputs[0] ?? "") as Tensor).data, Number);
}

const twice: WrittenFunction = {
  domain: "my",
  name: "Twice",
  inputs: ["a"],
  outputs: ["b"],
  nodes: [node("Add", "a a", "b")],
};

describe("functions of a model", () => {
  it("stand for their bodies, as often as they are called", () => {
    const bytes = calling([call("Twice", "x", "t"), call("Twice", "t", "y")], [twice]);
    expect(run(bytes)).toEqual([4, -8]);
    const { graph, record } = load(bytes);
    expect(graph.nodes.map(({ name, origin }) => [name, origin])).toEqual([
      ["Twice_0/b", ["Twice_0/Add_0"]],
      ["Twice_1/b", ["Twice_1/Add_0"]],
    ]);
    expect(record.expanded.map(({ what }) => what)).toEqual([
      { kind: "function", name: "Twice" },
      { kind: "function", name: "Twice" },
    ]);
  });

  it("call each other", () => {
    const four: WrittenFunction = { ...twice, name: "Four", nodes: [call("Twice", "a", "c"), call("Twice", "c", "b")] };
    expect(run(calling([call("Four", "x", "y")], [four, twice]))).toEqual([4, -8]);
  });

  it("take attributes from the call, from their defaults, or leave them out", () => {
    const leaky: WrittenFunction = {
      ...twice,
      name: "Leaky",
      attributes: ["slope"],
      nodes: [node("LeakyRelu", "a", "b", { alpha: { reference: "slope", kind: "float" } })],
    };
    const withDefault: WrittenFunction = { ...leaky, attributes: [], defaults: { slope: 0.5 } };
    const given = call("Leaky", "x", "y", { slope: 0.25 });
    expect(run(calling([given], [leaky]))).toEqual([1, -0.5]);
    expect(run(calling([given], [withDefault]))).toEqual([1, -0.5]);
    expect(run(calling([call("Leaky", "x", "y")], [withDefault]))).toEqual([1, -1]);
    expect(run(calling([call("Leaky", "x", "y")], [leaky]))).toEqual([1, -Math.fround(0.01) * 2]);
  });

  it("hand attributes on to functions that they call", () => {
    const leaky: WrittenFunction = {
      ...twice,
      name: "Leaky",
      attributes: ["slope"],
      nodes: [node("LeakyRelu", "a", "b", { alpha: { reference: "slope", kind: "float" } })],
    };
    const outer: WrittenFunction = {
      ...twice,
      name: "Outer",
      attributes: ["alpha"],
      nodes: [call("Leaky", "a", "b", { slope: { reference: "alpha", kind: "float" } })],
    };
    expect(run(calling([call("Outer", "x", "y", { alpha: 0.75 })], [outer, leaky]))).toEqual([1, -1.5]);
  });

  it("see nothing around them", () => {
    const spying: WrittenFunction = { ...twice, nodes: [node("Add", "a x", "b")] };
    expect(refusals(calling([call("Twice", "x", "y")], [spying]))).toEqual([
      "B106 It is read by the node, but no input, initializer or node defines it.",
    ]);
  });

  it("may be called without their last inputs and outputs", () => {
    const clip: WrittenFunction = {
      domain: "my",
      name: "Limit",
      inputs: ["a", "low", "high"],
      outputs: ["b", "c"],
      nodes: [node("Clip", "a low high", "b"), node("Neg", "a", "c")],
    };
    const bytes = model([call("Limit", "x zero", "y")], {
      inputs: [value("x", 2)],
      outputs: [value("y", 2)],
      initializers: { zero: f32Tensor([], [0]) },
      functions: [clip],
    });
    expect(run(bytes)).toEqual([1, 0]);
    expect(run(calling([call("Limit", "x", "- y")], [clip]))).toEqual([-1, 2]);
    expect(refusals(calling([call("Limit", "x x x x", "y")], [clip]))).toEqual([
      'B110 Function "Limit" takes 3 inputs and gives 2 outputs; the call has 4 and 1.',
    ]);
  });

  it("are told apart by overload, and hide operators of the same name", () => {
    const minus: WrittenFunction = { ...twice, overload: "minus", nodes: [node("Neg", "a", "b")] };
    const bytes = altered(calling([call("Twice", "x", "y")], [twice, minus]), (proto) => {
      const first = proto.graph?.node?.[0];
      if (first !== undefined) first.overload = "minus";
    });
    expect(run(bytes)).toEqual([-1, 2]);
    const relu: WrittenFunction = { ...twice, domain: "", name: "Relu" };
    expect(run(calling([node("Relu", "x", "y")], [relu]))).toEqual([2, -4]);
  });

  it("have opsets of their own", () => {
    const squeeze: WrittenFunction = {
      ...twice,
      opset: 11,
      nodes: [node("Unsqueeze", "a", "u", { axes: [0] }), node("Squeeze", "u", "b", { axes: [0] })],
    };
    expect(run(calling([call("Twice", "x", "y")], [squeeze]))).toEqual([1, -2]);
    expect(refusals(calling([call("Twice", "x", "y")], [{ ...twice, opset: 99 }]))).toEqual([
      'B114 Function "Twice" has opset 99; supported are 6 to 25.',
    ]);
  });

  it("are refused when they are defined twice or call each other without end", () => {
    expect(refusals(calling([call("Twice", "x", "y")], [twice, twice]))).toEqual([
      'B113 Function "Twice" of domain "my" is defined twice.',
    ]);
    const ping: WrittenFunction = { ...twice, name: "Ping", nodes: [call("Pong", "a", "b")] };
    const pong: WrittenFunction = { ...twice, name: "Pong", nodes: [call("Ping", "a", "b")] };
    expect(refusals(calling([call("Ping", "x", "y")], [ping, pong]))).toEqual([
      'B107 The functions "Ping" -> "Pong" -> "Ping" call each other without end.',
    ]);
  });

  it("are refused when they become too many nodes, or stand too deep", () => {
    const level = (index: number, operators: number): WrittenFunction => ({
      ...twice,
      name: `F${index}`,
      nodes: Array.from({ length: operators }, (_, each) =>
        call(`F${index + 1}`, each === 0 ? "a" : `v${each}`, each === operators - 1 ? "b" : `v${each + 1}`),
      ),
    });
    const doubling = [...Array.from({ length: 40 }, (_, index) => level(index, 2)), { ...twice, name: "F40" }];
    expect(refusals(calling([call("F0", "x", "y")], doubling))).toEqual([
      "B117 Loops, branches and functions become more than 50000 nodes; at most so many are accepted.",
    ]);
    const deep = [...Array.from({ length: 400 }, (_, index) => level(index, 1)), { ...twice, name: "F400" }];
    expect(refusals(calling([call("F0", "x", "y")], deep))).toEqual(["B117 Functions call functions deeper than 100."]);
  });

  it("list their unsupported operators with those of the model", () => {
    const strange: WrittenFunction = { ...twice, nodes: [node("Mystery", "a", "b")] };
    expect(refusals(calling([call("Twice", "x", "t"), node("Riddle", "t", "y")], [strange]))).toEqual([
      'B104 Operator Mystery (opset 17) is not supported; 1 node uses it: "Mystery_0".',
      'B104 Operator Riddle (opset 17) is not supported; 1 node uses it: "Riddle_1".',
    ]);
  });

  it("alone have references to attributes", () => {
    const bytes = model([node("LeakyRelu", "x", "y", { alpha: { reference: "slope", kind: "float" } })]);
    expect(refusals(bytes)).toEqual([
      'B111 Attribute "alpha" refers to attribute "slope" of a function; the node stands in none.',
    ]);
  });
});
