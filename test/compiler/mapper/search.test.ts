import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { areDisjoint, coresOf } from "../../../compiler/concurrency.ts";
import type { Candidate } from "../../../compiler/mapper/candidates.ts";
import { checkSteps } from "../../../compiler/mapper/check.ts";
import { cyclesAlone, energyAlone, type Weighing } from "../../../compiler/mapper/objective.ts";
import { type SearchSpace, search, searchSpace } from "../../../compiler/mapper/search.ts";
import { stepCosts, stepOf } from "../../../compiler/mapper/steps.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import type { Network } from "../../../compiler/network.ts";
import type { MappedStep } from "../../../ir/mapping.ts";
import { loadChip } from "../../../targets/load.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { resnet50, TestGraph, tsMixer } from "./networks.ts";

const chip = loadChip("mini-4x4");

const stepsOf = (network: Network, chosen: readonly Candidate[], target: ChipTarget): MappedStep[] =>
  network.layers.map((layer, index) => stepOf(layer, at(chosen, index), target));
const large = loadChip("northpole-style");

function spaceOf(network: Network, target = chip): SearchSpace {
  return searchSpace(network, vectorWork(network.layers, target), target);
}

/** Chains, forks and joins of up to four matrix products, additions and transposes over small matrices. */
const networkArbitrary = fc
  .tuple(
    fc.constantFrom(2, 3, 4),
    fc.constantFrom(2, 3, 4),
    fc.array(fc.tuple(fc.constantFrom("matmul", "add", "transpose"), fc.nat(), fc.nat()), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([rows, columns, steps]): Network => {
    const graph = new TestGraph();
    const values = [graph.input("x", [rows, columns])];
    steps.forEach(([kind, left, right], index) => {
      const name = `l${index}`;
      const value = values[left % values.length] as string;
      const shape = graph.shape(value);
      const alike = values.filter((other) => graph.shape(other).join() === shape.join());
      if (kind === "matmul") values.push(graph.matmul(name, value, shape[1] ?? 1));
      else if (kind === "add") values.push(graph.addTo(name, name, value, alike[right % alike.length] as string));
      else values.push(graph.node(name, name, "transpose", [value], { permutation: [1, 0] }));
    });
    return graph.output(values.at(-1) as string).network();
  });

/**
 * The least cost over all choices, of cycles and energies by what they weigh. Goes through them layer by layer and leaves
 * only where what is chosen so far, and the least of each layer that is not, cost too much already. Edges are priced anew,
 * not taken from the tables that the search looks at.
 */
function bruteForce(space: SearchSpace, { perCycle, perPicojoule }: Weighing = cyclesAlone): number {
  const own = space.candidates.map((list) =>
    list.map(({ cost, energyPj }) => perCycle * cost.cycles + perPicojoule * energyPj),
  );
  const inward = space.candidates.map((_, layer) =>
    space.edges.flatMap((edge, index) => {
      if (edge.consumer !== layer) return [];
      const [producers, consumers] = [at(space.candidates, edge.producer), at(space.candidates, layer)];
      const costs = producers.flatMap((producer) =>
        consumers.map((consumer) => perCycle * space.costOf(edge, producer, consumer).cycles),
      );
      const energies = space.energies?.[index] ?? [];
      return [{ producer: edge.producer, costs: costs.map((cost, at) => cost + perPicojoule * (energies[at] ?? 0)) }];
    }),
  );
  const chosen = own.map(() => 0);
  const kindOf = (layer: number): string => at(space.network.layers, layer).kind;
  const readsOf = (layer: number): string[] =>
    at(space.network.layers, layer).reads.flatMap(({ value, constant }) => (constant ? [] : [value]));
  const sums = (layer: number, { split }: Candidate): boolean =>
    at(space.network.layers, layer).dimensions.some(
      ({ name, kind }) =>
        kind === "reduction" && [...split.rows, ...split.columns].some(({ dimension }) => dimension === name),
    );
  /**
   * Of two layers that run at once on disjoint cores the shorter takes no time. On the same cores a contraction and another layer, which read
   * nothing in common and sum nothing over cores, take as long as the longer of them, or as their passes or their words at the port one after the other.
   */
  const partners = own.map((_, layer) => space.savings.find(({ right }) => right === layer)?.left ?? null);
  const saved = (layer: number, choice: number): number => {
    const partner = partners[layer] ?? null;
    if (partner === null) return 0;
    const [one, other] = [
      at(at(space.candidates, layer), choice),
      at(at(space.candidates, partner), at(chosen, partner)),
    ];
    const [a, b] = [one.cost, other.cost];
    if (areDisjoint(coresOf(one), coresOf(other))) return perCycle * Math.min(a.cycles, b.cycles);
    const kinds = [layer, partner].filter((each) => kindOf(each) === "contraction");
    const common = readsOf(layer).filter((value) => readsOf(partner).includes(value));
    if (kinds.length !== 1 || common.length > 0 || sums(layer, one) || sums(partner, other)) return 0;
    const barrier = a.synchronizationCycles;
    const both = [a.vectorCycles + b.vectorCycles + barrier, a.portCycles + b.portCycles + barrier];
    return perCycle * (a.cycles + b.cycles - Math.max(a.cycles, b.cycles, ...both));
  };
  const leastAlone = own.map((costs, layer) => (partners[layer] === null ? Math.min(...costs) : 0));
  const leastOfRest = own.map((_, layer) => leastAlone.slice(layer).reduce((sum, cost) => sum + cost, 0));
  let least = Number.POSITIVE_INFINITY;
  const visit = (layer: number, cost: number): void => {
    const costs = own[layer];
    if (costs === undefined) least = Math.min(least, cost);
    else if (cost + (leastOfRest[layer] as number) < least) {
      const edges = inward[layer] as (typeof inward)[number];
      for (let choice = 0; choice < costs.length; choice += 1) {
        let added = costs[choice] as number;
        for (const edge of edges)
          added += edge.costs[(chosen[edge.producer] as number) * costs.length + choice] as number;
        chosen[layer] = choice;
        visit(layer + 1, cost + added - saved(layer, choice));
      }
    }
  };
  visit(0, 0);
  return least;
}

describe("the search", () => {
  it("finds what brute force over all candidates finds", () => {
    fc.assert(
      fc.property(networkArbitrary, (network) => {
        const space = spaceOf(network);
        const result = search(space);
        expect(result.predictedCycles).toBe(bruteForce(space));
        expect(result.exact).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it("finds what brute force finds for energy, and for weighed cycles and energy", () => {
    const large = energyAlone(chip);
    fc.assert(
      fc.property(
        networkArbitrary,
        fc.constantFrom(large, { perCycle: 1, perPicojoule: 0.01 }),
        (network, weighing) => {
          const space = searchSpace(network, vectorWork(network.layers, chip), chip, new Map(), true);
          const { predictedCycles, predictedPj, exact } = search(space, () => 0, weighing);
          const found = weighing.perCycle * predictedCycles + weighing.perPicojoule * predictedPj;
          expect(found).toBeCloseTo(bruteForce(space, weighing), 6);
          expect(exact).toBe(true);
        },
      ),
      { numRuns: 8 },
    );
  });

  it("takes fewer picojoules for energy than for latency, and no more cycles for latency than for energy", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [32, 64]), 64)).network();
    const space = searchSpace(network, vectorWork(network.layers, chip), chip, new Map(), true);
    const [quick, frugal] = [search(space), search(space, () => 0, { perCycle: 0, perPicojoule: 1 })];
    expect(frugal.predictedPj).toBeLessThanOrEqual(quick.predictedPj);
    expect(quick.predictedCycles).toBeLessThanOrEqual(frugal.predictedCycles);
    expect(quick.predictedPj).toBeGreaterThan(0);
  });

  it("offers only candidates that the checker accepts", () => {
    fc.assert(
      fc.property(networkArbitrary, fc.nat(), (network, salt) => {
        const space = spaceOf(network);
        for (let turn = 0; turn < 40; turn += 1) {
          const chosen = space.candidates.map(
            (list, layer) => list[(salt + turn * (layer + 1)) % list.length] as Candidate,
          );
          expect(checkSteps(network, stepsOf(network, chosen, chip), chip)).toEqual([]);
        }
      }),
      { numRuns: 15 },
    );
  });

  it("states costs step by step that add up to the predicted cycles", () => {
    fc.assert(
      fc.property(networkArbitrary, (network) => {
        const space = spaceOf(network);
        const result = search(space);
        const costs = stepCosts(space, result.chosen);
        expect(costs.reduce((total, { cycles }) => total + cycles, 0)).toBe(result.predictedCycles);
      }),
      { numRuns: 15 },
    );
  });

  it("keeps away from candidates with a price", () => {
    const graph = new TestGraph();
    const space = spaceOf(graph.output(graph.matmul("fc", graph.input("x", [8, 8]), 8)).network());
    const free = search(space);
    const forbidden = free.chosen[1];
    const priced = search(space, (_, candidate) => (candidate === forbidden ? Number.POSITIVE_INFINITY : 0));
    expect(priced.chosen[1]).not.toBe(forbidden);
    expect(priced.predictedCycles).toBeGreaterThanOrEqual(free.predictedCycles);
  });

  it("lets additions stay where their operands are", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [16, 32]);
    const network = graph.output(graph.addTo("sum", "s", graph.matmul("fc", x, 32), x)).network();
    const space = spaceOf(network);
    const { chosen } = search(space);
    const costs = stepCosts(space, chosen);
    expect(costs[2]?.transfers.map(({ value }) => value)).toEqual(["fc", "x"]);
    expect(costs[2]?.transfers.some(({ cost }) => cost.cycles === 0)).toBe(true);
  });

  it("maps ResNet-50 exactly, blocks that are alike sharing their candidates", () => {
    const network = resnet50();
    const space = spaceOf(network, large);
    const result = search(space);
    expect(result.exact).toBe(true);
    expect(result.predictedCycles).toBeLessThan(45_000);
    const at = (name: string): number => network.layers.findIndex((layer) => layer.name === name);
    expect(space.candidates[at("s2b2.2")]).toBe(space.candidates[at("s2b3.2")]);
    expect(checkSteps(network, stepsOf(network, result.chosen, large), large)).toEqual([]);
  });

  it("splits the mixing over all neurons of TSMixer into chains of partial sums", () => {
    const network = tsMixer(71_721);
    const space = spaceOf(network, large);
    const result = search(space);
    expect(result.exact).toBe(true);
    const steps = stepsOf(network, result.chosen, large);
    const mixing = steps.find(({ name }) => name === "t0.in");
    expect(mixing?.reduction?.parts).toBe(16);
  });
});
