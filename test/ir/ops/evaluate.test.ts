import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph, Node } from "../../../ir/graph.ts";
import { plainContractor } from "../../../ir/ops/contraction-values.ts";
import { inferNode } from "../../../ir/ops/index.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { perTensor, type TensorType, tensorType } from "../../../ir/type.ts";
import { tensor } from "./checks.ts";

const vector = tensorType("f32", [2]);

function node(
  name: string,
  op: string,
  operands: readonly (string | null)[],
  types: readonly (TensorType | null)[],
  attributes = {},
): Node {
  return { name, op, operands, origin: ["onnx"], layer: null, ...inferNode(op, types, attributes) };
}

/** y = relu(x + c), z = y · y. */
const graph: Graph = {
  kind: "graph",
  name: "small",
  inputs: [{ name: "x", type: vector }],
  constants: [{ name: "c", type: vector, data: Float32Array.of(1, -5), source: "model" }],
  nodes: [
    node("s", "add", ["x", "c"], [vector, vector]),
    node("y", "relu", ["s"], [vector]),
    node("z", "mul", ["y", "y"], [vector, vector]),
  ],
  outputs: ["z", "y"],
};
const x = f32Tensor([2], [2, 3]);

function problemsOf(action: () => unknown): readonly { readonly code: string; readonly message: string }[] {
  try {
    action();
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  return [];
}

describe("evaluate", () => {
  it("gives the outputs by name, in the graph's order", () => {
    expect([...evaluate(graph, new Map([["x", x]]))]).toEqual([
      ["z", f32Tensor([2], [9, 0])],
      ["y", f32Tensor([2], [3, 0])],
    ]);
  });

  it("shows inputs and every node's value in order", () => {
    const seen: [string, Tensor][] = [];
    evaluate(graph, new Map([["x", x]]), { observe: (name, value) => seen.push([name, value]) });
    expect(seen.map(([name]) => name)).toEqual(["x", "s", "y", "z"]);
    expect(seen[1]?.[1]).toEqual(f32Tensor([2], [3, -2]));
  });

  it("gives inputs and constants that are outputs themselves", () => {
    const passing: Graph = { ...graph, nodes: [], outputs: ["c", "x"] };
    expect([...evaluate(passing, new Map([["x", x]])).values()]).toEqual([f32Tensor([2], [1, -5]), x]);
  });

  it("reports every missing, wrong and unknown input at once", () => {
    const two: Graph = {
      ...graph,
      inputs: [...graph.inputs, { name: "w", type: tensorType("i8", [1], perTensor(0.5)) }],
    };
    const problems = problemsOf(() =>
      evaluate(
        two,
        new Map([
          ["x", f32Tensor([3], [1, 2, 3])],
          ["v", x],
        ]),
      ),
    );
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'B702 Input "x" is f32[3], expected f32[2].',
      'B702 Input "w" is missing, expected i8<scale=0.5, zero=0>[1].',
      'B702 There is no input "v", expected "x", "w".',
    ]);
    expect(problemsOf(() => evaluate(graph, new Map([["x", tensor("f64", [2], [1, 2])]])))).toHaveLength(1);
  });

  it("reports constants without data that something needs", () => {
    const absent: Graph = {
      ...graph,
      constants: [
        { name: "c", type: vector, data: null, source: "absent" },
        { name: "unused", type: vector, data: null, source: "absent" },
      ],
    };
    const problems = problemsOf(() => evaluate(absent, new Map([["x", x]])));
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'B508 Constant "c" of type f32[2] has no data.',
    ]);
  });

  it("takes stored integers for an input that has a scale", () => {
    const type = tensorType("u8", [2], perTensor(0.5, 10));
    const stored: Graph = {
      ...graph,
      inputs: [{ name: "x", type }],
      nodes: [node("y", "relu", ["x"], [type])],
      outputs: ["y"],
    };
    expect(evaluate(stored, new Map([["x", tensor("u8", [2], [4, 14])]])).get("y")).toEqual(
      tensor("u8", [2], [10, 14], perTensor(0.5, 10)),
    );
  });

  it("computes large contractions as the plain loops do", () => {
    const square = tensorType("i8", [128, 128], perTensor(0.5));
    const matrix = tensor(
      "i8",
      [128, 128],
      Array.from({ length: 128 * 128 }, (_, index) => (index * 37) % 251),
      perTensor(0.5),
    );
    const large: Graph = {
      ...graph,
      inputs: [{ name: "x", type: square }],
      constants: [{ name: "w", type: square, data: matrix.data, source: "model" }],
      nodes: [node("y", "matmul", ["x", "w", null], [square, square, null])],
      outputs: ["y"],
    };
    const inputs = new Map([["x", matrix]]);
    expect(evaluate(large, inputs)).toEqual(evaluate(large, inputs, { contractor: plainContractor }));
  });
});
