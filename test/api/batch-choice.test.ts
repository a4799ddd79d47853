import { describe, expect, it } from "vitest";
import { chooseBatch } from "../../api/batch-choice.ts";
import { makeRandom } from "../../base/random.ts";
import { loadChip } from "../../targets/load.ts";
import { load, model, node, normalWeights, value } from "../compiler/onnx/written-models.ts";

const chip = loadChip("mini-4x4");
const product = load(
  model([node("MatMul", "x w", "y")], {
    inputs: [value("x", 1, 16)],
    outputs: [value("y", 1, 16)],
    initializers: { w: normalWeights(makeRandom(1), 4, 16, 16) },
  }),
);

describe("the best batch", () => {
  it("has the least predicted interval of those that are tried", () => {
    const { batchCount, figures } = chooseBatch(product, chip, { objective: "throughput" });
    const fitting = figures.filter(({ intervalCycles }) => intervalCycles !== null);
    expect(figures.slice(0, 4).map((each) => each.batchCount)).toEqual([1, 2, 4, 8]);
    const least = Math.min(...fitting.map(({ intervalCycles }) => intervalCycles ?? Number.NaN));
    expect(figures.find((each) => each.batchCount === batchCount)?.intervalCycles).toBe(least);
    expect(batchCount).toBeGreaterThan(1);
  });

  it("is 1 for the least latency", () => {
    expect(chooseBatch(product, chip, { objective: "latency" }).figures.map((each) => each.batchCount)).toEqual([1]);
  });

  it("is 1 of a model whose samples cannot be told apart in a batch", () => {
    const mixing = load(
      model([node("Transpose", "y", "t", { perm: [1, 0] }), node("MatMul", "x t", "z")], {
        inputs: [value("x", 1, 8), value("y", 1, 8)],
        outputs: [value("z", 1, 1)],
      }),
    );
    const { batchCount, figures } = chooseBatch(mixing, chip, { objective: "throughput" });
    expect([batchCount, figures.map((each) => each.batchCount)]).toEqual([1, [1]]);
  });
});
