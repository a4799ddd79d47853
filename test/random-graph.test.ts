import { expect, it } from "vitest";
import { makeRandom } from "../base/random.ts";
import { evaluate } from "../ir/evaluate.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import { verifyGraph } from "../ir/verify.ts";
import { type Feature, features, randomGraph, randomInputs } from "./random-graph.ts";

it("random graphs hold every feature at least in one of fifty", () => {
  const count = 1000;
  const counts = new Map<Feature, number>(features.map((feature) => [feature, 0]));
  for (let seed = 0; seed < count; seed += 1) {
    for (const feature of randomGraph(makeRandom(seed)).features) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const rare = [...counts].filter(([, found]) => found < count / 50);
  expect(rare, `features of ${count} random graphs: ${JSON.stringify(Object.fromEntries(counts))}`).toEqual([]);
});

it("random graphs are valid and have finite answers", () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const random = makeRandom(seed);
    const { graph } = randomGraph(random, { blockCount: 6 });
    expect(verifyGraph(graph), `seed ${seed}`).toEqual([]);
    for (const value of evaluate(graph, randomInputs(random, graph)).values()) {
      expect(Array.from(tensorNumbers(value)).every(Number.isFinite), `seed ${seed}`).toBe(true);
    }
  }
});

it("the same seed gives the same graph, without weights the same shapes", () => {
  const [one, two] = [randomGraph(makeRandom(7)), randomGraph(makeRandom(7))];
  expect(one).toEqual(two);
  const bare = randomGraph(makeRandom(7), { weights: false }).graph;
  expect(bare.nodes).toEqual(one.graph.nodes);
  expect(bare.constants.every(({ data, source }) => data === null && source === "absent")).toBe(true);
});
