import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { checkBuffers } from "../../../compiler/mapper/allocate.ts";
import { checkSteps } from "../../../compiler/mapper/check.ts";
import { valueLayouts } from "../../../compiler/mapper/layouts.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { parseMapping, printMapping } from "../../../compiler/mapper/mapping-file.ts";
import { MisfitError } from "../../../compiler/mapper/misfit.ts";
import type { Network } from "../../../compiler/network.ts";
import { planNetwork } from "../../../compiler/plan.ts";
import type { Mapping } from "../../../ir/mapping.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

const chip = loadChip("mini-4x4");

/** A stack of square matrix products over some rows. */
function stack(rows: number, width: number, count: number): Network {
  const graph = new TestGraph();
  let value = graph.input("x", [rows, width]);
  for (let index = 0; index < count; index += 1) value = graph.matmul(`fc${index}`, value, width);
  return graph.output(value).network();
}

function problemsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(({ code, message }) => `${code} ${message}`);
    throw error;
  }
  return [];
}

describe("the mapper", () => {
  it("gives legal steps and buffers that hold what the plan needs", () => {
    const network = stack(8, 32, 2);
    const { mapping, exact, peakBytes, liveBytes, layerCosts, predictedCycles } = mapNetwork(network, chip);
    expect(checkSteps(network, mapping.steps, chip)).toEqual([]);
    const { buffers } = planNetwork(network, mapping.steps, mapping.layouts, chip);
    expect(checkBuffers(mapping.buffers, buffers, chip.core.memoryBytes)).toEqual([]);
    expect(exact).toBe(true);
    expect(liveBytes).toBeLessThanOrEqual(peakBytes);
    expect(layerCosts.reduce((total, { cycles }) => total + cycles, 0)).toBe(predictedCycles);
    expect([mapping.graph, mapping.target, mapping.batchCount]).toEqual(["test", "mini-4x4", 1]);
    expect(mapping.steps.map(({ name, kind, value }) => [name, kind, value])).toEqual([
      ["input x", "input", "x"],
      ["fc0", "contraction", null],
      ["fc1", "contraction", null],
      ["output 0 fc1", "output", "fc1"],
    ]);
  });

  it("gives the same mapping every time", () => {
    expect(mapNetwork(stack(8, 32, 3), chip)).toEqual(mapNetwork(stack(8, 32, 3), chip));
  });

  it("stores weights leaner, at some cost in cycles, when the quickest choice does not fit", () => {
    const roomy = { ...chip, core: { ...chip.core, memoryBytes: 2 ** 24 } };
    const network = stack(32, 256, 12);
    const quickest = mapNetwork(network, roomy);
    const fitting = mapNetwork(network, chip);
    expect(quickest.peakBytes).toBeGreaterThan(chip.core.memoryBytes);
    expect(fitting.peakBytes).toBeLessThanOrEqual(chip.core.memoryBytes);
    expect(fitting.predictedCycles).toBeGreaterThanOrEqual(quickest.predictedCycles);
    expect([fitting.exact, quickest.gap]).toEqual([false, 0]);
    expect(fitting.gap).toBeCloseTo(fitting.predictedCycles / quickest.predictedCycles - 1, 9);
    const { buffers } = planNetwork(network, fitting.mapping.steps, fitting.mapping.layouts, chip);
    expect(checkBuffers(fitting.mapping.buffers, buffers, chip.core.memoryBytes)).toEqual([]);
  });

  it("explains weights that no choice makes fit", () => {
    const network = stack(4, 1024, 3);
    let misfit: MisfitError | null = null;
    try {
      mapNetwork(network, chip);
    } catch (error) {
      if (error instanceof MisfitError) misfit = error;
      else throw error;
    }
    const found = misfit?.misfit;
    expect(found?.resource).toBe("core memory");
    expect(found?.boundBytes).toBe(65536);
    expect(found?.demandBytes).toBe(found?.terms.reduce((total, { bytes }) => total + bytes, 0));
    // Each of the three matrices is 1 MiB, 64 KiB a core when stored once.
    expect(found?.terms.slice(0, 3).map(({ bytes }) => bytes)).toEqual([65536, 65536, 65536]);
    expect(found?.levers.map(({ lever }) => lever)).toEqual([
      "Streamed weights and leaner splits",
      "4-bit weights, two in a byte",
      "Batch 1",
      "More cards",
    ]);
    expect(found?.levers.find(({ lever }) => lever.startsWith("4-bit"))?.effect).toMatch(
      / are needed, which does not fit$/,
    );
  });

  it("explains inputs and outputs that exceed the framebuffer", () => {
    const narrow = { ...chip, frameBuffer: { ...chip.frameBuffer, bytes: 300 } };
    expect(problemsOf(() => mapNetwork(stack(8, 32, 1), narrow))).toEqual([
      [
        "B401 The framebuffer has 300 B, 512 B are needed: 212 B too many.",
        "  The demand adds up from:",
        "           256 B  input x",
        "           256 B  output 0 fc0",
        "  What was tried, and what would help:",
        "    Smaller batch: a batch of 4 needs 256 B and fits",
        "    Smaller inputs or outputs: 212 B must go: crop, or cut the model so that less crosses the host link",
        "",
      ].join("\n"),
    ]);
  });

  describe("with a mapping that was edited", () => {
    const network = stack(8, 32, 2);
    const { mapping } = mapNetwork(network, chip);
    const edit = (rows: string, columns: string): Mapping => {
      const steps = mapping.steps.map((step) =>
        step.name === "fc0"
          ? {
              ...step,
              split: { rows: [{ dimension: rows, parts: 2 }], columns: [{ dimension: columns, parts: 2 }] },
              weights: { copies: "all" as const },
              tile: { rows: 4, columns: 8, inner: 16 },
              reduction: null,
            }
          : step,
      );
      return { ...mapping, steps, buffers: [] };
    };

    it("keeps every step as it stands and places buffers anew", () => {
      const edited = edit("m", "n");
      const result = mapNetwork(network, chip, { mapping: edited });
      expect(result.mapping.steps).toEqual(edited.steps);
      expect(result.mapping.buffers.length).toBeGreaterThan(0);
      expect(result.predictedCycles).toBeGreaterThan(mapNetwork(network, chip).predictedCycles);
    });

    it("searches the steps that were left out", () => {
      const edited = edit("m", "n");
      const only = { ...edited, steps: edited.steps.filter(({ name }) => name === "fc0") };
      const result = mapNetwork(network, chip, { mapping: only });
      expect(result.mapping.steps[1]).toEqual(only.steps[0]);
      expect(result.mapping.steps).toHaveLength(4);
    });

    it("accepts its own mapping back from the file, byte for byte", () => {
      const again = mapNetwork(network, chip, { mapping: parseMapping(printMapping(mapping)) });
      expect(printMapping(again.mapping)).toBe(printMapping(mapping));
    });

    it("keeps given layouts and the batch", () => {
      const layouts = mapping.layouts.map(({ value }) => ({ value, order: [1, 0] }));
      const result = mapNetwork(network, chip, { mapping: { ...mapping, layouts, buffers: [], batchCount: 3 } });
      expect(result.mapping.layouts).toEqual(layouts);
      expect(result.mapping.batchCount).toBe(3);
    });

    it("refuses illegal splits, unknown and repeated steps, and wrong layouts, all at once", () => {
      const edited = edit("m", "q");
      const stranger = { ...(mapping.steps[0] as Mapping["steps"][number]), name: "nobody" };
      const steps = [...edited.steps, stranger, edited.steps[0] as Mapping["steps"][number]];
      const layouts = [
        { value: "x", order: [0, 0] },
        { value: "y", order: [0] },
      ];
      expect(problemsOf(() => mapNetwork(network, chip, { mapping: { ...edited, steps, layouts } }))).toEqual([
        'B403 There is no dimension "q"; the layer has "m", "n", "k".',
        'B403 There is no layer "nobody".',
        'B403 Step "input x" stands twice.',
        'B403 The layout [0, 0] does not order the 2 axes of "x".',
        'B403 A layout is given for "y", which no layer leaves.',
      ]);
    });

    it("refuses buffers that overlap", () => {
      const buffers = mapping.buffers.map((buffer) => ({ ...buffer, address: 0 }));
      const problems = problemsOf(() => mapNetwork(network, chip, { mapping: { ...mapping, buffers } }));
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.every((text) => /^B403 Buffers .* overlap while both are live\.$/.test(text))).toBe(true);
    });
  });
});

describe("layouts", () => {
  it("put channels last around convolutions and through additions, and leave others alone", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [1, 4, 8, 8]);
    const sum = graph.addTo("sum", "s", graph.conv("c", x, 4, 3), x);
    const turned = graph.node("turn", "turn", "transpose", [sum], { permutation: [0, 2, 3, 1] });
    const layouts = valueLayouts(graph.output(turned).network());
    expect(new Map(layouts.map(({ value, order }) => [value, order]))).toEqual(
      new Map([
        ["x", [0, 2, 3, 1]],
        ["c", [0, 2, 3, 1]],
        ["s", [0, 2, 3, 1]],
        ["turn", [0, 1, 2, 3]],
      ]),
    );
  });

  it("keep the order of matrices", () => {
    expect(valueLayouts(stack(4, 8, 1)).map(({ order }) => order)).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });
});
