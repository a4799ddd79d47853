import { describe, expect, it } from "vitest";
import { rewriteGraph } from "../../../compiler/passes/rewriter.ts";
import { parseGraph, printGraph } from "../../../ir/graph-text.ts";

const chain = parseGraph(
  'graph @g(%x: f32[2]) {\n  %c = const() {splat=1} : f32[2]\n  %a = relu(%x) : f32[2] @ "A"\n  %b = tanh(%a) : f32[2] @ "B"\n  return %b\n}',
);

describe("rewriting a graph", () => {
  it("gives the same object back when nothing is replaced, even if nodes were tried", () => {
    const result = rewriteGraph(chain, (_, rewriter) => {
      rewriter.add("relu", ["x"]);
      return null;
    });
    expect(result).toBe(chain);
  });

  it("gives an added node the replaced name, and its readers in the same step too", () => {
    const result = rewriteGraph(chain, (node, rewriter) => {
      if (node.name !== "a") return null;
      const value = rewriter.add("neg", ["x"], {}, "a");
      rewriter.add("abs", [value], {}, "extra");
      return value;
    });
    expect(printGraph(result)).toContain(
      '%a = neg(%x) : f32[2] @ "A"\n  %extra = abs(%a) : f32[2] @ "A"\n  %b = tanh(%a)',
    );
  });

  it("gives an added constant the replaced name", () => {
    const result = rewriteGraph(chain, (node, rewriter) =>
      node.name === "a" ? rewriter.addConstantInfo({ type: node.type, data: null, source: "absent" }) : null,
    );
    expect(result.constants.map(({ name }) => name)).toEqual(["c", "a"]);
    expect(result.nodes.map(({ name }) => name)).toEqual(["b"]);
  });

  it("lets the value that an output is replaced by take the output's name", () => {
    const result = rewriteGraph(chain, (node) => (node.name === "b" ? "a" : null));
    expect(result.outputs).toEqual(["b"]);
    expect(result.nodes).toMatchObject([{ name: "b", op: "relu", origin: ["A"] }]);
  });

  it("leaves the name of an input that an output is replaced by", () => {
    const result = rewriteGraph(chain, (node) => (node.name === "b" ? "x" : null));
    expect(result.outputs).toEqual(["x"]);
  });

  it("keeps the names of outputs that are replaced by one value apart", () => {
    const two = parseGraph(
      "graph @g(%x: f32[2]) {\n  %a = relu(%x) : f32[2]\n  %b = identity(%a) : f32[2]\n  %c = identity(%a) : f32[2]\n  return %b, %c, %a\n}",
    );
    const result = rewriteGraph(two, (node) => (node.op === "identity" ? (node.operands[0] ?? null) : null));
    expect(result.outputs).toEqual(["a", "a", "a"]);
  });

  it("merges origins of absorbed nodes and keeps those of copies", () => {
    const result = rewriteGraph(chain, (node, rewriter) => {
      if (node.name !== "b") return null;
      const inner = rewriter.producer("a");
      if (inner === null) return null;
      const copied = rewriter.copy(inner, ["x"]);
      rewriter.absorb(inner);
      return rewriter.add("abs", [copied]);
    });
    expect(result.nodes.map(({ name, origin }) => [name, ...origin])).toEqual([
      ["a", "A"],
      ["a.1", "A"],
      ["b", "A", "B"],
    ]);
  });

  it("counts the readers of a value, outputs among them", () => {
    const counts: number[] = [];
    rewriteGraph(chain, (node, rewriter) => {
      counts.push(rewriter.useCount(node.name));
      return null;
    });
    expect(counts).toEqual([1, 1]);
    const seen: number[] = [];
    rewriteGraph(chain, (node, rewriter) => {
      if (node.name === "b") seen.push(rewriter.useCount("x"), rewriter.useCount("c"));
      return node.name === "a" ? "x" : null;
    });
    expect(seen).toEqual([1, 0]);
  });

  it("refuses values that are not bound yet", () => {
    expect(() => rewriteGraph(chain, (_, rewriter) => rewriter.add("relu", ["later"]))).toThrow(
      /"later" is not bound yet/,
    );
  });
});
