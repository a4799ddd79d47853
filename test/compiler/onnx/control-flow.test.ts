import { describe, expect, it } from "vitest";
import type { WrittenGraph, WrittenNode, WrittenValue } from "../../../compiler/onnx/write-model.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { f32Tensor, i64Tensor, makeTensor, type Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { load, model, node, refusals, value } from "./written-models.ts";

const bool = (...values: number[]): Tensor => makeTensor(tensorType("bool", []), Uint8Array.from(values));
const boolValue = (name: string): WrittenValue => ({ name, element: "bool", shape: [] });
const stepValue: WrittenValue = { name: "i", element: "i64", shape: [] };

/** A graph for a node to hold: names of inputs and outputs parted by spaces. */
function held(
  inputs: readonly WrittenValue[],
  outputs: readonly WrittenValue[],
  nodes: readonly WrittenNode[],
  initializers: Readonly<Record<string, Tensor>> = {},
): { readonly graph: WrittenGraph } {
  return { graph: { name: "held", inputs, outputs, nodes, initializers } };
}

/** The outputs of an imported model, shapes and numbers. */
function run(bytes: Uint8Array, inputs: Readonly<Record<string, Tensor>>): [readonly number[], number[]][] {
  const { graph } = load(bytes);
  const values = evaluate(graph, new Map(Object.entries(inputs)));
  return graph.outputs.map((name) => {
    const tensor = values.get(name) as Tensor;
    return [tensor.type.shape, Array.from(tensor.data as Float32Array, Number)];
  });
}

const x = f32Tensor([2], [1, -2]);
const small = { inputs: [value("x", 2)], outputs: [value("y", 2)] };

describe("If", () => {
  const branches = {
    then_branch: held([], [value("t", 2)], [node("Add", "x x", "t")]),
    else_branch: held([], [value("e", 2)], [node("Neg", "x", "e")]),
  };
  const choose = node("If", "c", "y", branches, "choose");

  it("takes the branch of a known condition, and leaves the other out", () => {
    for (const [condition, wanted] of [
      [1, [2, -4]],
      [0, [-1, 2]],
    ] as const) {
      const bytes = model([choose], { ...small, initializers: { c: bool(condition) } });
      expect(run(bytes, { x })).toEqual([[[2], wanted]]);
      const { graph, record } = load(bytes);
      expect(graph.nodes).toHaveLength(1);
      expect(record.expanded).toEqual([
        { node: "choose", operator: "If", what: { kind: "branch", taken: condition === 1 ? "then" : "else" } },
      ]);
    }
  });

  it("names nodes of a branch after the node that holds it", () => {
    const { graph } = load(model([choose], { ...small, initializers: { c: bool(1) } }));
    expect(graph.nodes.map(({ name, origin }) => [name, origin])).toEqual([["choose[then]/t", ["choose[then]/Add_0"]]]);
  });

  it("computes both branches and chooses when the condition depends on the input", () => {
    const bytes = model([choose], { ...small, inputs: [value("x", 2), boolValue("c")] });
    expect(run(bytes, { x, c: bool(1) })).toEqual([[[2], [2, -4]]]);
    expect(run(bytes, { x, c: bool(0) })).toEqual([[[2], [-1, 2]]]);
    expect(load(bytes).notes.map(({ message }) => message)).toContain(
      'Both branches of "choose" are computed, for its condition depends on the input.',
    );
  });

  it("is refused when its branches differ in type and its condition depends on the input", () => {
    const wide = held([], [value("e", 2, 1)], [node("Unsqueeze", "x a", "e")], { a: i64Tensor([1], [1]) });
    const nodes = [node("If", "c", "y", { ...branches, else_branch: wide })];
    expect(refusals(model(nodes, { ...small, inputs: [value("x", 2), boolValue("c")] }))).toEqual([
      "B112 The condition depends on the input, and the branches give f32[2] and f32[2,1] for output 0; they can be computed both and chosen from only when the types agree.",
    ]);
    expect(run(model(nodes, { ...small, initializers: { c: bool(0) } }), { x })).toEqual([
      [
        [2, 1],
        [1, -2],
      ],
    ]);
  });

  it("asks nothing of the branch that is not taken", () => {
    const strange = held([], [value("e", 2)], [node("Mystery", "x", "e")]);
    const nodes = [node("If", "c", "y", { ...branches, else_branch: strange })];
    expect(run(model(nodes, { ...small, initializers: { c: bool(1) } }), { x })).toEqual([[[2], [2, -4]]]);
    expect(refusals(model(nodes, { ...small, initializers: { c: bool(0) } }))).toEqual([
      'B104 Operator Mystery (opset 17) is not supported; 1 node uses it: "Mystery_0".',
    ]);
  });

  it("needs a condition of one bool, and its branches", () => {
    expect(refusals(model([node("If", "x", "y", branches)], small))).toEqual([
      "B110 The condition is f32[2]; expected one bool.",
    ]);
    const half = [node("If", "c", "y", { then_branch: branches.then_branch })];
    expect(refusals(model(half, { ...small, initializers: { c: bool(0) } }))).toEqual([
      'B111 Attribute "else_branch" is missing, expected a graph.',
    ]);
  });

  it("sees names around it, unless it defines them itself", () => {
    const inner = held([], [value("q", 2)], [node("Neg", "x", "h"), node("Add", "h x", "q")]);
    const outer = held(
      [],
      [value("t", 2)],
      [
        node("Abs", "x", "h"),
        node("If", "c", "u", { then_branch: inner, else_branch: inner }),
        node("Add", "u h", "t"),
      ],
    );
    const nodes = [node("If", "c", "y", { then_branch: outer, else_branch: outer })];
    expect(run(model(nodes, { ...small, initializers: { c: bool(1) } }), { x })).toEqual([[[2], [1, 2]]]);
  });
});

describe("Loop", () => {
  /** v' = v + x, scanned; runs while i < 3 if `bounded`. */
  const body = (bounded: boolean): { readonly graph: WrittenGraph } =>
    held(
      [stepValue, boolValue("go"), value("v", 2)],
      [boolValue("more"), value("w", 2), value("s", 2)],
      [
        node("Add", "v x", "w"),
        node("Identity", "w", "s"),
        bounded ? node("Less", "i two", "more") : node("Identity", "go", "more"),
      ],
      { two: i64Tensor([], [2]) },
    );
  const parts = { inputs: [value("x", 2)], outputs: [value("y", 2), value("z", null, 2)] };
  const zero = { v0: f32Tensor([2], [0, 0]) };

  it("runs as often as its trip count says, carrying values and stacking scan outputs", () => {
    const bytes = model([node("Loop", "n - v0", "y z", { body: body(false) }, "walk")], {
      ...parts,
      initializers: { ...zero, n: i64Tensor([], [3]) },
    });
    expect(run(bytes, { x })).toEqual([
      [[2], [3, -6]],
      [
        [3, 2],
        [1, -2, 2, -4, 3, -6],
      ],
    ]);
    expect(load(bytes).notes.map(({ message }) => message)).toContain('The loop "walk" was unrolled to 3 steps.');
    expect(
      load(bytes)
        .graph.nodes.map(({ name }) => name)
        .slice(0, 3),
    ).toEqual(["walk[0]/w", "walk[0]/s", "walk[1]/w"]);
  });

  it("stops when its condition does, which is known after each step", () => {
    const bytes = model([node("Loop", "- - v0", "y z", { body: body(true) })], { ...parts, initializers: zero });
    expect(run(bytes, { x })[0]).toEqual([[2], [3, -6]]);
    const never = model([node("Loop", "n c v0", "y z", { body: body(true) })], {
      ...parts,
      initializers: { ...zero, n: i64Tensor([1], [9]), c: bool(0) },
    });
    expect(run(never, { x })).toEqual([
      [[2], [0, 0]],
      [[0, 2], []],
    ]);
  });

  it("may carry a value whose shape grows", () => {
    const grow = held(
      [stepValue, boolValue("go"), value("v", null)],
      [boolValue("more"), value("w", null)],
      [node("Concat", "v x", "w", { axis: 0 }), node("Identity", "go", "more")],
    );
    const bytes = model([node("Loop", "n - v0", "y", { body: grow })], {
      ...small,
      initializers: { ...zero, n: i64Tensor([], [2]) },
    });
    expect(run(bytes, { x })).toEqual([[[6], [0, 0, 1, -2, 1, -2]]]);
  });

  it("may stand in another", () => {
    const inner = held(
      [stepValue, boolValue("go"), value("v", 2)],
      [boolValue("more"), value("w", 2)],
      [node("Add", "v x", "w"), node("Identity", "go", "more")],
    );
    const outer = held(
      [stepValue, boolValue("go"), value("v", 2)],
      [boolValue("more"), value("w", 2)],
      [node("Loop", "n - v", "w", { body: inner }), node("Identity", "go", "more")],
    );
    const bytes = model([node("Loop", "n - v0", "y", { body: outer })], {
      ...small,
      initializers: { ...zero, n: i64Tensor([], [3]) },
    });
    expect(run(bytes, { x })).toEqual([[[2], [9, -18]]]);
  });

  it("is refused when its end depends on the input", () => {
    const open = (inputs: string, initializers: Record<string, Tensor>): string[] =>
      refusals(
        model([node("Loop", inputs, "y z", { body: body(false) })], {
          ...parts,
          inputs: [value("x", 2), { name: "n", element: "i64", shape: [] }, boolValue("c")],
          initializers: { ...zero, ...initializers },
        }),
      );
    expect(open("n - v0", {})).toEqual([
      'B112 The trip count "n" of the loop depends on the input; it must be known at compile time.',
    ]);
    expect(open("m c v0", { m: i64Tensor([], [3]) })).toEqual([
      "B112 The condition of the loop depends on the input before the first step; a chip without branches runs loops whose end is known.",
    ]);
    const measured = held(
      [stepValue, boolValue("go"), value("v", 2)],
      [boolValue("more"), value("w", 2)],
      [node("Add", "v x", "w"), node("ReduceSum", "w", "sum", { keepdims: 0 }), node("Less", "sum nine", "more")],
      { nine: f32Tensor([], [9]) },
    );
    expect(
      refusals(model([node("Loop", "- - v0", "y", { body: measured })], { ...small, initializers: zero })),
    ).toEqual([
      "B112 The condition of the loop depends on the input after step 1; a chip without branches runs loops whose end is known.",
    ]);
  });

  it("is refused when it becomes too many nodes, alone or within others", () => {
    const endless = model([node("Loop", "- - v0", "y z", { body: body(false) })], { ...parts, initializers: zero });
    const message = "B117 Loops, branches and functions become more than 50000 nodes; at most so many are accepted.";
    expect(refusals(endless)).toEqual([message]);
    const empty = held([stepValue, boolValue("go")], [boolValue("go")], []);
    const idle = model([node("Loop", "n -", "", { body: empty }), node("Relu", "x", "y")], {
      ...small,
      initializers: { n: i64Tensor([], [2n ** 62n]) },
    });
    expect(refusals(idle)).toEqual([]);
  });

  it("must fit its body", () => {
    const bytes = model([node("Loop", "n - v0 v0", "y z", { body: body(false) })], {
      ...parts,
      initializers: { ...zero, n: i64Tensor([], [1]) },
    });
    expect(refusals(bytes)).toEqual([
      "B110 The body has 3 inputs and 3 outputs; Loop carries 2 values, for which it needs 4 and at least 3.",
    ]);
  });

  it("has the problems of its body listed once, at the step where they are", () => {
    const wrong = held(
      [stepValue, boolValue("go"), value("v", 2)],
      [boolValue("more"), value("w", 2)],
      [node("MatMul", "v x3", "w"), node("Identity", "go", "more")],
      { x3: f32Tensor([3], [1, 2, 3]) },
    );
    const bytes = model([node("Loop", "n - v0", "y", { body: wrong }, "walk")], {
      ...small,
      initializers: { ...zero, n: i64Tensor([], [5]) },
    });
    expect(refusals(bytes)).toHaveLength(1);
    expect(refusals(bytes)[0]).toMatch(/^B110 .*\[1,2\].*\[3,1\]/);
  });
});

describe("Scan", () => {
  /** s' = s + e; scanned: s'. */
  const sum = held(
    [value("s", 2), value("e", 2)],
    [value("t", 2), value("o", 2)],
    [node("Add", "s e", "t"), node("Identity", "t", "o")],
  );
  const sequence = f32Tensor([3, 2], [1, 2, 3, 4, 5, 6]);
  const parts = {
    inputs: [value("q", 3, 2)],
    outputs: [value("y", 2), value("z", 3, 2)],
    initializers: { s0: f32Tensor([2], [0, 0]) },
  };

  it("walks a sequence from either end, and stacks from either end", () => {
    const walk = (attributes: WrittenNode["attributes"]): unknown =>
      run(model([node("Scan", "s0 q", "y z", { body: sum, num_scan_inputs: 1, ...attributes })], parts), {
        q: sequence,
      });
    const final = [[2], [9, 12]];
    expect(walk({})).toEqual([
      final,
      [
        [3, 2],
        [1, 2, 4, 6, 9, 12],
      ],
    ]);
    expect(walk({ scan_input_directions: [1] })).toEqual([
      final,
      [
        [3, 2],
        [5, 6, 8, 10, 9, 12],
      ],
    ]);
    expect(walk({ scan_output_directions: [1] })).toEqual([
      final,
      [
        [3, 2],
        [9, 12, 4, 6, 1, 2],
      ],
    ]);
    expect(walk({ scan_output_axes: [-1] })).toEqual([
      final,
      [
        [2, 3],
        [1, 4, 9, 2, 6, 12],
      ],
    ]);
  });

  it("walks along any axis", () => {
    const bytes = model([node("Scan", "s0 q", "y z", { body: sum, num_scan_inputs: 1, scan_input_axes: [-1] })], {
      ...parts,
      inputs: [value("q", 2, 3)],
    });
    expect(run(bytes, { q: f32Tensor([2, 3], [1, 3, 5, 2, 4, 6]) })).toEqual([
      [[2], [9, 12]],
      [
        [3, 2],
        [1, 2, 4, 6, 9, 12],
      ],
    ]);
  });

  it("of opset 8 walks each sequence of a batch up to its length", () => {
    const batch = {
      opset: 8,
      inputs: [value("q", 2, 3, 2)],
      outputs: [value("y", 2, 2), value("z", 2, 3, 2)],
      initializers: { s0: f32Tensor([2, 2], [0, 0, 0, 0]), n: i64Tensor([2], [3, 2]) },
    };
    const q = f32Tensor([2, 3, 2], [1, 2, 3, 4, 5, 6, 1, 1, 2, 2, 9, 9]);
    const walk = (inputs: string, attributes: WrittenNode["attributes"]): unknown =>
      run(model([node("Scan", inputs, "y z", { body: sum, num_scan_inputs: 1, ...attributes })], batch), { q });
    expect(walk("- s0 q", {})).toEqual([
      [
        [2, 2],
        [9, 12, 12, 12],
      ],
      [
        [2, 3, 2],
        [1, 2, 4, 6, 9, 12, 1, 1, 3, 3, 12, 12],
      ],
    ]);
    expect(walk("n s0 q", { directions: [1] })).toEqual([
      [
        [2, 2],
        [9, 12, 3, 3],
      ],
      [
        [2, 3, 2],
        [5, 6, 8, 10, 9, 12, 2, 2, 3, 3, 0, 0],
      ],
    ]);
  });

  it("gives nothing of a sequence without steps", () => {
    const bytes = model([node("Scan", "s0 q", "y z", { body: sum, num_scan_inputs: 1 })], {
      ...parts,
      inputs: [value("q", 0, 2)],
    });
    expect(load(bytes).graph.nodes).toEqual([]);
    expect(load(bytes).graph.constants.map(({ type }) => type.shape)).toEqual([[2], [0, 2]]);
  });

  it("is refused where inputs, attributes and body do not fit", () => {
    const wrong = (attributes: WrittenNode["attributes"], inputs = "s0 q"): string[] =>
      refusals(model([node("Scan", inputs, "y z", { body: sum, ...attributes })], parts));
    expect(wrong({ num_scan_inputs: 3 })[0]).toMatch(/^B110 Scan has 2 inputs of which 3 are scanned/);
    expect(wrong({ num_scan_inputs: 1, scan_input_axes: [2] })).toEqual([
      "B111 Axis 2 does not exist in a value of 2 axes.",
    ]);
    expect(wrong({ num_scan_inputs: 1, scan_input_directions: [2] })).toEqual([
      'B111 Attribute "scan_input_directions" holds 2; expected 0 or 1.',
    ]);
    expect(wrong({ num_scan_inputs: 1, scan_output_axes: [0, 0] })).toEqual([
      'B111 Attribute "scan_output_axes" has 2 entries; expected 1.',
    ]);
    expect(wrong({ num_scan_inputs: 2 }, "q s0")[0]).toMatch(/^B110 The scanned inputs have 3, 2 steps/);
  });
});
