import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { runPasses } from "../../../compiler/passes/pass.ts";
import { chipPipeline, floatPipeline, passes } from "../../../compiler/passes/pipeline.ts";
import { energiesOf, pooledSqnrDb } from "../../../compiler/quantize/accuracy.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { printGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { sameType } from "../../../ir/type.ts";
import { randomGraph, randomInputs } from "../../random-graph.ts";

/** Rounding in another order moves f32 results by less than this. */
const leastSqnrDb = 100;

function expectSameAnswers(before: Graph, after: Graph, inputs: ReadonlyMap<string, Tensor>, seed: number): void {
  expect(after.outputs.length).toBe(before.outputs.length);
  const [wanted, found] = [evaluate(before, inputs), evaluate(after, inputs)];
  before.outputs.forEach((output, index) => {
    const [left, right] = [wanted.get(output) as Tensor, found.get(after.outputs[index] as string) as Tensor];
    const message = `seed ${seed}, output ${output}\n${printGraph(before)}\n${printGraph(after)}`;
    expect(sameType(left.type, right.type), message).toBe(true);
    const sqnr = pooledSqnrDb([energiesOf(tensorNumbers(left), tensorNumbers(right))]);
    const isZero = tensorNumbers(left).every((value) => Math.abs(value) < 1e-6);
    expect(isZero || sqnr > leastSqnrDb, `${sqnr} dB, ${message}`).toBe(true);
  });
}

/** Passes that random float graphs seldom need; they have tests of their own. */
const rare = new Set([
  "carry-stored",
  "fold-constants",
  "eliminate-dead",
  "decompose-contractions",
  "copy-constant-outputs",
  "copy-constant-activations",
  "store-sums",
]);

describe("passes keep what a graph computes", () => {
  for (const pass of passes) {
    it(`${pass.name}: evaluate(pass(g)) = evaluate(g) on random graphs`, () => {
      let changed = 0;
      for (let seed = 0; seed < 150; seed += 1) {
        const random = makeRandom(seed);
        const { graph } = randomGraph(random, { blockCount: 5 });
        const before =
          pass.name === "fuse-layers"
            ? runPasses(graph, [...floatPipeline, ...chipPipeline.slice(0, -1)]).graph
            : graph;
        const result = runPasses(before, [pass]);
        if (result.records[0]?.changed === true) changed += 1;
        expectSameAnswers(before, result.graph, randomInputs(random, graph), seed);
        expect(runPasses(result.graph, [pass]).graph, `${pass.name} again, seed ${seed}`).toBe(result.graph);
      }
      if (!rare.has(pass.name)) expect(changed).toBeGreaterThan(5);
    });
  }

  it("both pipelines together", () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const random = makeRandom(seed);
      const { graph } = randomGraph(random, { blockCount: 6 });
      const { graph: after } = runPasses(graph, [...floatPipeline, ...chipPipeline]);
      expectSameAnswers(graph, after, randomInputs(random, graph), seed);
      expect(after.nodes.every((node) => node.layer !== null)).toBe(true);
    }
  });

  it("the same nodes come out when weights have no data", () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const full = runPasses(randomGraph(makeRandom(seed)).graph, floatPipeline).graph;
      const bare = runPasses(randomGraph(makeRandom(seed), { weights: false }).graph, floatPipeline).graph;
      const shapes = (graph: Graph) => graph.nodes.map((node) => [node.op, node.type.shape]);
      const data = randomGraph(makeRandom(seed)).graph.nodes.some((node) => ["sub", "div", "max"].includes(node.op));
      if (!data) expect(shapes(bare), `seed ${seed}`).toEqual(shapes(full));
    }
  });
});
