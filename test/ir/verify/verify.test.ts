import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import type { Constant, Graph } from "../../../ir/graph.ts";
import { parseGraph } from "../../../ir/graph-text.ts";
import { tensorType } from "../../../ir/type.ts";
import { assertValid, invariants, verifyGraph } from "../../../ir/verify.ts";

const base = parseGraph('graph @g(%x: f32[2]) {\n  %y = relu(%x) : f32[2] @ "/act"\n  return %y\n}');

function withConstant(constant: Omit<Constant, "name">): Graph {
  return { ...base, constants: [{ name: "c", ...constant }] };
}

function messages(graph: Graph): string[] {
  return verifyGraph(graph).map(({ code, message }) => `${code} ${message}`);
}

describe("the verifier", () => {
  it("accepts a valid graph", () => {
    expect(verifyGraph(base)).toEqual([]);
    expect(() => assertValid(base)).not.toThrow();
  });

  it("numbers its invariants from G1 and states each in a sentence", () => {
    expect(invariants.map(({ id }) => id)).toEqual(invariants.map((_, index) => `G${index + 1}`));
    for (const { law } of invariants) expect(law).toMatch(/^[A-Z].*\.$/);
  });

  it("says where a node is: its value, operator, ONNX node and layer", () => {
    const [node] = base.nodes;
    const graph = { ...base, nodes: [{ ...(node as Graph["nodes"][number]), op: "rely", layer: "L" }] };
    expect(verifyGraph(graph)[0]?.at).toEqual({ tensor: "y", operator: "rely", onnxNode: "/act", layer: "L" });
  });

  it("quotes the node in the message, shortened when it is long", () => {
    const [node] = base.nodes as [Graph["nodes"][number]];
    const [message] = messages({ ...base, nodes: [{ ...node, op: "rely" }] });
    expect(message).toBe('B202 G3: there is no operator "rely", in `%y = rely(%x) : f32[2] @ "/act"`.');
    const long = messages({ ...base, nodes: [{ ...node, op: "rely", origin: ["a".repeat(300)] }] })[0] ?? "";
    expect(long.length).toBeLessThan(260);
    expect(long).toMatch(/\.\.\.`\.$/);
  });

  it("tells one fault once: a node of an unknown operator is not inferred", () => {
    const [node] = base.nodes as [Graph["nodes"][number]];
    expect(messages({ ...base, nodes: [{ ...node, op: "rely", type: tensorType("f32", [9]) }] })).toHaveLength(1);
    expect(messages({ ...base, nodes: [{ ...node, operands: ["none"] }] })).toHaveLength(1);
  });

  it("checks storage and element count of constants", () => {
    const type = tensorType("f32", [2]);
    expect(messages(withConstant({ type, data: new Float64Array(2), source: "model" }))).toEqual([
      'B202 G9: the data is a Float64Array, expected a Float32Array for f32[2], in constant "c".',
    ]);
    expect(messages(withConstant({ type, data: new Float32Array(3), source: "model" }))).toEqual([
      'B202 G9: the data has 3 elements, expected 2 for f32[2], in constant "c".',
    ]);
    expect(messages(withConstant({ type, data: new Float32Array(2), source: "random" }))).toEqual([]);
  });

  it("checks the range of packed integers and truth values", () => {
    const four = tensorType("i4", [3]);
    expect(messages(withConstant({ type: four, data: Int8Array.of(-8, 7, 0), source: "model" }))).toEqual([]);
    expect(messages(withConstant({ type: four, data: Int8Array.of(-8, 8, 0), source: "model" }))).toEqual([
      'B202 G9: the data holds 8, expected -8 to 7 for i4, in constant "c".',
    ]);
    const truth = tensorType("bool", [2]);
    expect(messages(withConstant({ type: truth, data: Uint8Array.of(1, 2), source: "model" }))[0]).toContain(
      "expected 0 to 1 for bool",
    );
    expect(messages(withConstant({ type: tensorType("u8", [1]), data: Uint8Array.of(255), source: "model" }))).toEqual(
      [],
    );
  });

  it("names element types that do not exist", () => {
    const type = { element: "f8" as "f16", quantization: null, shape: [1] };
    expect(messages({ ...base, inputs: [...base.inputs, { name: "z", type }] })).toEqual([
      'B202 G7: element type "f8" does not exist, in "z".',
    ]);
  });

  it("throws all breaches together", () => {
    const broken = { ...base, outputs: ["a", "b"] };
    expect(() => assertValid(broken)).toThrow(BorealError);
    expect(verifyGraph(broken)).toHaveLength(2);
  });
});
