import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at } from "../../base/math.ts";
import { forcedChoices, forcedProgram, withChoice } from "../../compiler/alternatives.ts";
import { valueLayouts } from "../../compiler/mapper/layouts.ts";
import { type SearchSpace, search, searchSpace } from "../../compiler/mapper/search.ts";
import { vectorWork } from "../../compiler/mapper/work.ts";
import type { Network } from "../../compiler/network.ts";
import { loadChip } from "../../targets/load.ts";
import { TestGraph } from "./mapper/networks.ts";

const chip = loadChip("mini-4x4");

/** A chain of products and additions with a skip. */
const networks = fc
  .tuple(fc.constantFrom(2, 3, 5, 8), fc.constantFrom(2, 4, 6), fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }))
  .map(([rows, columns, kinds]): Network => {
    const graph = new TestGraph();
    const values = [graph.input("x", [rows, columns])];
    kinds.forEach((isProduct, index) => {
      const value = at(values, values.length - 1);
      const name = `l${index}`;
      values.push(isProduct ? graph.matmul(name, value, columns) : graph.addTo(name, name, value, at(values, 0)));
    });
    return graph.output(at(values, values.length - 1)).network();
  });

function spaceOf(network: Network): SearchSpace {
  return searchSpace(network, vectorWork(network.layers, chip), chip);
}

describe("choices that are forced", () => {
  it("cost what the search finds when it forbids all others, the best of them what it finds by itself", () => {
    fc.assert(
      fc.property(networks, (network) => {
        const space = spaceOf(network);
        const best = search(space).predictedCycles;
        network.layers.forEach((_, layer) => {
          const forced = forcedChoices(space, layer);
          expect(forced.map(({ networkCycles }) => networkCycles)).toEqual(
            [...forced].map(({ networkCycles }) => networkCycles).sort((left, right) => left - right),
          );
          expect(forced[0]?.networkCycles).toBe(best);
          expect(new Set(forced.map(({ candidate }) => candidate))).toEqual(new Set(at(space.candidates, layer)));
          for (const { candidate, networkCycles } of forced) {
            const forbidding = search(space, (index, other) =>
              index === layer && other !== candidate ? Number.POSITIVE_INFINITY : 0,
            );
            expect(networkCycles).toBe(forbidding.predictedCycles);
            expect(at(search(withChoice(space, layer, candidate)).chosen, layer)).toBe(candidate);
          }
        });
      }),
      { numRuns: 8 },
    );
  });

  it("become programs in which the layer is mapped so, or nothing when memory is too small", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("product", graph.input("x", [16, 32]), 24)).network();
    const space = spaceOf(network);
    const layer = network.layers.findIndex(({ name }) => name === "product");
    const naming = { graph: "g", batchCount: 1 };
    for (const { candidate, networkCycles } of forcedChoices(space, layer).slice(0, 4)) {
      const made = forcedProgram(space, layer, candidate, valueLayouts(network), naming);
      expect(made?.predictedCycles).toBe(networkCycles);
      expect(made?.program.steps.map(({ name }) => name)).toEqual(network.layers.map(({ name }) => name));
    }
    const small = { ...space, target: { ...chip, core: { ...chip.core, memoryBytes: 64 } } };
    const first = at(forcedChoices(small, layer), 0);
    expect(forcedProgram(small, layer, first.candidate, valueLayouts(network), naming)).toBeNull();
  });
});
