import { describe, expect, it } from "vitest";
import { coreCount, sharingCores } from "../../../compiler/core-group.ts";
import { firstCore, layOut } from "../../../compiler/geometry.ts";
import type { Layer } from "../../../compiler/layers.ts";
import { LayerChoices, layerFacts, priceChoice } from "../../../compiler/mapper/layer-choices.ts";
import { outline } from "../../../compiler/mapper/outline.ts";
import { splitViolations, weightsViolations } from "../../../compiler/mapper/rules.ts";
import { candidateSplits, formatSplit } from "../../../compiler/mapper/splits.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import { contractionRoles } from "../../../compiler/tiling.ts";
import { resident, streamed } from "../../../ir/weight-plan.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

const chip = loadChip("mini-4x4");
const graph = new TestGraph();
const image = graph.conv("c", graph.input("x", [2, 4, 9, 8]), 6, 3);
const network = graph.output(graph.maxPool("p", graph.conv("g", image, 6, 3, 1, 2), 3, 2)).network();
const named = (name: string): Layer => network.layers.find((layer) => layer.name === name) as Layer;
const layers = ["c", "g", "p"].map((name): [string, Layer] => [name, named(name)]);

const work = vectorWork(network.layers, chip);

describe("candidate splits", () => {
  it.each(layers)("are all legal pairs of a list for rows and one for columns: %s", (_, layer) => {
    const splits = candidateSplits(layer, chip.grid);
    const rowLists = [...new Set(splits.map(({ rows }) => rows))];
    const columnLists = [...new Set(splits.map(({ columns }) => columns))];
    const legal = rowLists
      .flatMap((rows) => columnLists.map((columns) => ({ rows, columns })))
      .filter((split) => splitViolations(layer, split, chip.grid).length === 0);
    expect(splits.map(formatSplit).sort()).toEqual(legal.map(formatSplit).sort());
    expect(splits.length).toBeGreaterThan(20);
    expect(splits.length).toBeLessThan(rowLists.length * columnLists.length);
  });
});

describe("the choices of a layer", () => {
  it.each(layers)("are ranked as if all had been priced: %s", (name, layer) => {
    const facts = layerFacts(layer, work.get(name) ?? [], true);
    const splits = candidateSplits(layer, chip.grid);
    const roles = layer.kind === "contraction" ? contractionRoles(layer) : null;
    const all = splits.flatMap((split) => {
      const geometry = outline(layer.dimensions, split, chip.grid);
      if (roles === null) return [priceChoice(facts, geometry, null, chip)];
      const whole = layOut(layer.dimensions, split, chip.grid);
      const mayStream =
        coreCount(sharingCores(whole, roles)) > 1 && weightsViolations(layer, whole, streamed).length === 0;
      return (mayStream ? [resident, streamed] : [resident]).map((plan) => priceChoice(facts, geometry, plan, chip));
    });
    const cycles = all.map(({ cost }, index) => ({ index, cycles: cost.cycles }));
    const expected = cycles.sort((a, b) => a.cycles - b.cycles || a.index - b.index).map(({ index }) => index);
    const choices = new LayerChoices(facts, splits, firstCore, chip);
    expect(all.map((_, place) => choices.ranked(place))).toEqual(expected);
    expect(choices.ranked(all.length)).toBeUndefined();
    expect(all.map((_, index) => choices.priced(index))).toEqual(all);
    const bytes = (index: number): number => {
      const { weightBytes = 0, operandBytes = 0, valueBytes = 0 } = all[index] ?? {};
      return weightBytes + operandBytes + valueBytes;
    };
    expect(choices.byMemory()).toEqual([...all.keys()].sort((a, b) => bytes(a) - bytes(b) || a - b));
    // Of one split, what is beaten is no better in anything.
    all.forEach((choice, index) => {
      const better = all.some(
        (rival, other) =>
          other !== index &&
          rival.split === choice.split &&
          rival.cost.cycles <= choice.cost.cycles &&
          rival.energyPj <= choice.energyPj &&
          bytes(other) <= bytes(index) &&
          (other < index ||
            rival.cost.cycles < choice.cost.cycles ||
            rival.energyPj < choice.energyPj ||
            bytes(other) < bytes(index)),
      );
      expect(choices.isBeaten(index)).toBe(better);
    });
  });

  it("are rivals across splits where what they divide moves along no value", () => {
    const layer = named("c");
    const still = (access: Layer["result"]): Layer["result"] =>
      access.map((axis) => ({
        ...axis,
        terms: axis.terms.filter(({ dimension }) => !["n", "h"].includes(layer.dimensions[dimension]?.name ?? "")),
      }));
    const blind: Layer = {
      ...layer,
      result: still(layer.result),
      reads: layer.reads.map((read) => ({ ...read, access: read.access && still(read.access) })),
      writes: layer.writes.map((write) => ({ ...write, access: still(write.access) })),
    };
    const splits = ["n", "h"].map((dimension) => ({ rows: [{ dimension, parts: 2 }], columns: [] }));
    const beaten = (of: Layer): boolean[] => {
      const choices = new LayerChoices(layerFacts(of, []), splits, firstCore, chip);
      return [0, 1, 2, 3].map((choice) => choices.isBeaten(choice));
    };
    // Resident and streamed of each. Streamed is no slower and leaner here; 5 of 9 rows take longer than 1 of 2 images.
    expect(beaten(layer)).toEqual([true, false, true, false]);
    expect(beaten(blind)).toEqual([true, false, true, true]);
  });
});
