import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { batchGraph } from "../../../compiler/passes/batch.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { parseGraph, printGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { assertValid } from "../../../ir/verify.ts";
import { loadChip } from "../../../targets/load.ts";
import { build, bytesOf, difference, preparedCase, runFunctional } from "../../contracts/random-case.ts";
import { randomGraph, randomInputs } from "../../random-graph.ts";
import { batchAxis, stacked } from "./batch-samples.ts";

const count = 3;

/** The graph with every input's first axis of size 1; null where that is no graph. */
function single(graph: Graph): Graph | null {
  return graph.inputs.every(({ type }) => type.shape.includes(1)) ? graph : null;
}

function reasonOf(graph: Graph): string {
  try {
    batchGraph(graph, count);
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(({ code, message }) => `${code} ${message}`).join("\n");
    throw error;
  }
  return "";
}

describe("a graph for several samples", () => {
  it("makes of each what the graph for one makes of it, bit for bit, or refuses", () => {
    let made = 0;
    for (let seed = 0; seed < 400; seed += 1) {
      const random = makeRandom(seed);
      const graph = single(randomGraph(random, { blockCount: 4 }).graph);
      if (graph === null) continue;
      const reason = reasonOf(graph);
      if (reason !== "") {
        expect(reason, printGraph(graph)).toMatch(/^B603 /);
        continue;
      }
      made += 1;
      const batched = batchGraph(graph, count);
      assertValid(batched);
      const samples = Array.from({ length: count }, () => randomInputs(random, graph));
      const inputs = new Map(
        batched.inputs.map(({ name, type }) => [
          name,
          stacked(
            samples.map((each) => each.get(name) as Tensor),
            type,
          ),
        ]),
      );
      const found = evaluate(batched, inputs);
      const singles = samples.map((sample) => evaluate(graph, sample));
      graph.outputs.forEach((output) => {
        const answers = singles.map((each) => each.get(output) as Tensor);
        const value = found.get(output) as Tensor;
        const same = batchAxis(at(answers, 0).type, value.type) < 0;
        const wanted = same ? at(answers, 0) : stacked(answers, value.type);
        expect(tensorNumbers(value), `seed ${seed}\n${printGraph(graph)}\n${printGraph(batched)}`).toEqual(
          tensorNumbers(wanted),
        );
      });
    }
    expect(made).toBeGreaterThan(25);
  });

  it("runs on a chip as it is evaluated", () => {
    const chip = loadChip("mini-4x4");
    let ran = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const random = makeRandom(seed);
      const graph = single(randomGraph(random, { blockCount: 3, maximumSize: 4 }).graph);
      if (graph === null || reasonOf(graph) !== "") continue;
      const example = preparedCase(random, batchGraph(graph, count));
      const built = build(example, chip, null);
      if (built === null) continue;
      ran += 1;
      const exact = evaluate(example.prepared.chipGraph, example.inputs);
      expect(difference(bytesOf(exact), runFunctional(built, example.inputs, chip)), `seed ${seed}`).toBe("");
    }
    expect(ran).toBeGreaterThan(2);
  });

  const refusal = (text: string): string => reasonOf(parseGraph(text));

  it("names the operator that mixes samples, and inputs without an axis for them", () => {
    const sum =
      'graph @g(%x: f32[1,4]) { %y = reduce_sum(%x) {axes=[0,1], keepdims=false} : f32[] @ "total" return %y }';
    expect(refusal(sum)).toBe(
      'B603 A batch of 3 cannot be made of a model for one sample: "reduce_sum" reduces over the batch.',
    );
    const merged = "graph @g(%x: f32[2,1,4]) { %y = reshape(%x) {shape=[4,2]} : f32[4,2] return %y }";
    expect(refusal(merged)).toContain('"reshape" mixes the batch with another axis.');
    const closed = "graph @g(%x: f32[2,4]) { %y = relu(%x) : f32[2,4] return %y }";
    expect(refusal(closed)).toBe('B603 Input "x" of shape [2,4] has no axis of size 1 that could hold a batch of 3.');
  });

  it("takes another axis of an input where the first does not do", () => {
    const graph = parseGraph(
      "graph @g(%x: f32[1,1,4]) { %y = reduce_sum(%x) {axes=[0], keepdims=false} : f32[1,4] return %y }",
    );
    const batched = batchGraph(graph, count);
    expect(batched.inputs[0]?.type.shape).toEqual([1, 3, 4]);
    expect(batched.nodes[0]?.type.shape).toEqual([3, 4]);
  });

  it("repeats what all samples share only where it is joined to them", () => {
    const graph = parseGraph(
      [
        "graph @g(%x: f32[1,2]) {",
        "  %c = const() {values=[1,2]} : f32[1,2]",
        "  %s = add(%x, %c) : f32[1,2]",
        "  %y = concat(%s, %c) {axis=1} : f32[1,4]",
        "  return %y",
        "}",
      ].join("\n"),
    );
    const { nodes } = batchGraph(graph, count);
    expect(nodes.map(({ op, type }) => `${op} ${type.shape}`)).toEqual(["add 3,2", "tile 3,2", "concat 3,4"]);
  });

  it("keeps a graph as it is for one sample", () => {
    const { graph } = randomGraph(makeRandom(1), {});
    expect(batchGraph(graph, 1)).toBe(graph);
  });
});
