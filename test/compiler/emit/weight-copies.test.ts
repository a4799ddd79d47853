import { describe, expect, it } from "vitest";
import { emitProgram } from "../../../compiler/emit/emitter.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import type { WeightPlan } from "../../../ir/weight-plan.ts";
import { simulateTiming } from "../../../runtime-sim/timing/simulate.ts";
import { traceEvents } from "../../../runtime-sim/trace.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "../mapper/networks.ts";

const chip = loadChip("mini-4x4");
const graph = new TestGraph();
const network = graph.output(graph.matmul("fc", graph.input("x", [16, 16]), 12)).network();

/** The product with a row of activations on each of 16 cores, which share 16 × 12 bytes of weights; its streams, and weights in a core. */
function runWith(copies: WeightPlan["copies"]) {
  const { mapping } = mapNetwork(network, chip);
  const steps = mapping.steps.map((step) =>
    step.name === "fc"
      ? {
          ...step,
          split: { rows: [{ dimension: "m", parts: 4 }], columns: [{ dimension: "m", parts: 4 }] },
          weights: { copies },
          tile: { rows: 1, columns: 12, inner: 16 },
          reduction: null,
        }
      : step,
  );
  const result = mapNetwork(network, chip, { mapping: { ...mapping, steps, buffers: [] } });
  const options = { name: "copies", modelElements: new Map(), shapesOnly: true };
  const { program } = emitProgram(result.plan, result.mapping, options);
  const trace = simulateTiming(program, chip, { host: false, batches: 1 });
  const streams = [...traceEvents(trace)].flatMap(({ place: { instruction }, start, end, row, column }) =>
    instruction.kind === "weights.stream" ? [{ ...instruction, cycles: end - start, row, column }] : [],
  );
  const stored = result.mapping.buffers.find(({ role }) => role === "weights")?.bytes;
  return { streams, stored };
}

describe("weights in several copies", () => {
  it("are exchanged among the cores of a copy, which takes a copy's cores × the cycles of a piece", () => {
    // 192 bytes over links of 32: 16·⌈12/32⌉, 8·⌈24/32⌉, 4·⌈48/32⌉ and 2·⌈96/32⌉ cycles after the last core has come.
    const figures = ([1, 2, 4, 8] as const).map((copies) => {
      const { streams, stored } = runWith(copies);
      expect(streams).toHaveLength(16);
      return [stored, Math.min(...streams.map(({ cycles }) => cycles))];
    });
    expect(figures).toEqual([
      [12, 16],
      [24, 8],
      [48, 8],
      [96, 6],
    ]);
  });

  it("stand on rectangles that do not overlap", () => {
    const { streams } = runWith(2);
    const seen = new Set<string>();
    for (const { row, column } of streams) seen.add(`${row},${column}`);
    expect(seen.size).toBe(16);
    expect(new Set(streams.map(({ group }) => `${group.rows}×${group.columns}`))).toEqual(new Set(["2×4"]));
  });

  it("are stored whole on every core, and exchanged by none, when there are as many as cores", () => {
    for (const copies of [16, "all"] as const) {
      const { streams, stored } = runWith(copies);
      expect([streams, stored]).toEqual([[], 192]);
    }
  });
});
