import { describe, expect, it } from "vitest";
import { at, sum } from "../../../base/math.ts";
import { type Candidate, evaluateChoice } from "../../../compiler/mapper/candidates.ts";
import { layerFacts } from "../../../compiler/mapper/layer-choices.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { cyclesAlone } from "../../../compiler/mapper/objective.ts";
import { search, searchSpace } from "../../../compiler/mapper/search.ts";
import { savingsOf } from "../../../compiler/mapper/side-by-side.ts";
import { budgetedWeights } from "../../../compiler/mapper/weight-budget.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import type { Network } from "../../../compiler/network.ts";
import type { WeightPlan } from "../../../ir/weight-plan.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

function convolutions(channels: number, size: number, count: number): Network {
  const graph = new TestGraph();
  let value = graph.input("x", [1, channels, size, size]);
  for (let index = 0; index < count; index += 1) value = graph.conv(`c${index}`, value, channels, 3);
  return graph.output(value).network();
}

const mini = loadChip("mini-4x4");
/** A chip whose matrix unit does not hide the exchange of weights. */
const wide = {
  ...mini,
  matrix: { ...mini.matrix, inputCount: 64, outputCount: { 8: 64, 4: 64, 2: 64 }, fillCycles: 0 },
};

describe("weights under a budget", () => {
  const network = convolutions(16, 8, 3);
  const space = searchSpace(network, vectorWork(network.layers, wide), wide);
  const found = search(space);
  const copiesOf = ({ weights }: Candidate): WeightPlan["copies"] | undefined => weights?.copies;
  // Each convolution as it is streamed where it also stands in copies.
  const chosen = found.chosen.map((candidate, layer) => {
    const list = at(space.candidates, layer);
    const copied = list.find((each) => typeof copiesOf(each) === "number" && copiesOf(each) !== 1);
    return list.find((each) => each.split === copied?.split && copiesOf(each) === 1) ?? candidate;
  });
  const result = { ...found, chosen };
  const waiting = chosen.flatMap((candidate, layer) => (copiesOf(candidate) === 1 ? [{ candidate, layer }] : []));
  const first = at(waiting, 0);
  const options = at(space.candidates, first.layer).filter(({ split }) => split === first.candidate.split);
  const bytesOf = (list: readonly Candidate[]): number => sum(list.map(({ weightBytes }) => weightBytes));

  it("are offered in more copies where their exchange takes longest, each quicker for more memory", () => {
    const numbered = options.filter((option) => typeof copiesOf(option) === "number");
    expect(numbered.map(copiesOf)).toEqual([...new Set(numbered.map(copiesOf))]);
    expect(numbered.length).toBeGreaterThan(1);
    numbered.slice(1).forEach((option, index) => {
      expect(option.cost.cycles).toBeLessThan(at(numbered, index).cost.cycles);
      expect(option.weightBytes).toBeGreaterThan(at(numbered, index).weightBytes);
    });
  });

  it("stay as they are where nothing is left", () => {
    expect(budgetedWeights(space, result, 0, cyclesAlone)).toEqual(result);
  });

  it("get as many better places as there is memory for, and no more", () => {
    expect(waiting).toHaveLength(3);
    const better = options.filter(({ cost }) => cost.cycles < first.candidate.cost.cycles);
    const step = Math.min(...better.map(({ weightBytes }) => weightBytes)) - first.candidate.weightBytes;
    for (const count of [1, 2]) {
      const other = budgetedWeights(space, result, count * step, cyclesAlone);
      expect(other.chosen.filter((candidate, layer) => candidate !== chosen[layer])).toHaveLength(count);
      expect(bytesOf(other.chosen)).toBe(bytesOf(chosen) + count * step);
      expect(other.chosen.map(({ split }) => split)).toEqual(chosen.map(({ split }) => split));
      const saved = sum(chosen.map(({ cost }, layer) => cost.cycles - at(other.chosen, layer).cost.cycles));
      expect(saved).toBeGreaterThan(0);
      expect(other.predictedCycles).toBe(result.predictedCycles - saved);
    }
  });

  it("are the quickest of each split where memory is plenty, and lean again where it lacks", () => {
    const quickest = budgetedWeights(space, result, 2 ** 20, cyclesAlone);
    for (const { layer } of waiting) {
      expect(at(quickest.chosen, layer).cost.cycles).toBe(Math.min(...options.map(({ cost }) => cost.cycles)));
    }
    const lack = bytesOf(chosen) - bytesOf(quickest.chosen);
    expect(budgetedWeights(space, quickest, lack, cyclesAlone).predictedCycles).toBe(result.predictedCycles);
  });
});

describe("weights of two layers side by side", () => {
  const graph = new TestGraph();
  const x = graph.input("x", [16, 8]);
  const network = graph.output(graph.addTo("sum", "sum", graph.matmul("a", x, 12), graph.matmul("b", x, 12))).network();
  const names = network.layers.map(({ name }) => name);
  const [a, b] = [names.indexOf("a"), names.indexOf("b")];
  // Rows alone are divided, so all 8 cores of a half share 96 bytes of weights: 8·⌈12/32⌉ cycles, in two copies 4·⌈24/32⌉.
  const half = { rows: [{ dimension: "m", parts: 4 }], columns: [{ dimension: "m", parts: 2 }] };
  const space = searchSpace(network, vectorWork(network.layers, wide), wide);
  const inCopies = (layer: number, column: number, copies: WeightPlan["copies"]): Candidate => {
    const found = at(network.layers, layer);
    const facts = layerFacts(found, vectorWork(network.layers, wide).get(found.name) ?? []);
    return evaluateChoice(facts, half, { copies }, wide, { row: 0, column });
  };
  const listOf = (layer: number, column: number): Candidate[] =>
    ([1, 2] as const).map((copies) => inCopies(layer, column, copies));
  const lists = new Map([
    [a, listOf(a, 0)],
    [b, [...listOf(b, 2), inCopies(b, 0, 2)]],
  ]);
  const candidates = space.candidates.map((list, layer) => lists.get(layer) ?? list);
  const paired = { ...space, candidates, savings: [savingsOf(network, { left: a, right: b }, false, candidates)] };
  const chosen = candidates.map((list) => at(list, 0));
  const cyclesOf = (list: readonly Candidate[]): number => Math.max(at(list, a).cost.cycles, at(list, b).cost.cycles);
  const result = { chosen, predictedCycles: 1_000, predictedPj: 0, exact: true };

  it("are copied together where neither gains alone, on the cores on which they are", () => {
    const cycles = at(candidates, a).map(({ cost }) => cost.cycles);
    expect(at(cycles, 1)).toBeLessThan(at(cycles, 0));
    const [bytes, more] = [at(chosen, a).weightBytes, at(at(candidates, a), 1).weightBytes];
    // Room for one of them is of no use.
    expect(budgetedWeights(paired, result, more - bytes, cyclesAlone)).toEqual(result);
    const other = budgetedWeights(paired, result, 2 * (more - bytes), cyclesAlone);
    expect([a, b].map((layer) => at(other.chosen, layer).weights?.copies)).toEqual([2, 2]);
    expect(at(other.chosen, b).corner).toEqual({ row: 0, column: 2 });
    expect(other.predictedCycles).toBe(1_000 - cyclesOf(chosen) + cyclesOf(other.chosen));
  });
});

describe("the mapper", () => {
  it("stores weights in copies where that is quicker than all and than one", () => {
    const chip = loadChip("northpole-style");
    const network = convolutions(64, 28, 1);
    const { mapping, predictedCycles } = mapNetwork(network, chip);
    expect(mapping.steps.map(({ weights }) => weights?.copies)).toContain(49);
    for (const copies of [1, "all"] as const) {
      const steps = mapping.steps.map((step) => (step.weights === null ? step : { ...step, weights: { copies } }));
      const other = mapNetwork(network, chip, { mapping: { ...mapping, steps, buffers: [] } });
      expect(other.predictedCycles).toBeGreaterThan(predictedCycles);
    }
  });
});
