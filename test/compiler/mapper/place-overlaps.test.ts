import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { emitProgram } from "../../../compiler/emit/emitter.ts";
import { mapNetwork, placedWithin, withoutOverlaps } from "../../../compiler/mapper/mapper.ts";
import { parseMapping, printMapping } from "../../../compiler/mapper/mapping-file.ts";
import { overlapsOf } from "../../../compiler/overlap.ts";
import { placedProgram } from "../../../compiler/placed-program.ts";
import { metricsOf } from "../../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../../runtime-sim/timing/simulate.ts";
import { loadChip } from "../../../targets/load.ts";
import { applyOverrides } from "../../../targets/override.ts";
import { TestGraph } from "./networks.ts";

const mini = loadChip("mini-4x4");
const naming = { name: "p", modelElements: new Map() };

/** [rows, 64] times three matrices; the input takes much longer than its first reader's own transfers. */
function stack(rows: number): ReturnType<TestGraph["network"]> {
  const graph = new TestGraph();
  let value = graph.input("x", [rows, 64]);
  for (let layer = 0; layer < 3; layer += 1) value = graph.matmul(`fc${layer}`, value, 64);
  return graph.output(value).network();
}

describe("inputs that are read ahead and outputs that are sent behind", () => {
  const network = stack(256);
  const ahead = mapNetwork(network, mini, { objective: "throughput" });
  const plain = mapNetwork(network, mini);

  it("are for every objective but latency, with the same steps", () => {
    expect(overlapsOf(plain.plan, plain.mapping.buffers)).toEqual([]);
    expect(plain.predictedIntervalCycles).toBe(plain.predictedCycles);
    for (const objective of ["throughput", "energy", "edp"] as const) {
      const map = mapNetwork(network, mini, { objective });
      expect(overlapsOf(map.plan, map.mapping.buffers)).toHaveLength(2);
      expect(map.predictedIntervalCycles).toBeLessThan(map.predictedCycles);
    }
    expect(ahead.mapping.steps).toEqual(plain.mapping.steps);
    expect(ahead.predictedCycles).toBe(plain.predictedCycles);
  });

  it("pass while other batches are computed: the interval loses what was predicted", () => {
    const [first, second] = overlapsOf(ahead.plan, ahead.mapping.buffers);
    const input = at(ahead.layerCosts, 0).work.frameCycles;
    const output = at(ahead.layerCosts, 4).transfers.reduce((sum, { cost }) => sum + cost.cycles, 0);
    expect(first).toMatchObject({ direction: "ahead", step: 0 });
    expect(first?.fence).toBeGreaterThan(1);
    expect(second).toMatchObject({ direction: "behind", step: 4 });
    expect(second?.fence).toBeLessThan(3);
    const hidden = ahead.predictedCycles - ahead.predictedIntervalCycles;
    expect(hidden).toBeGreaterThan(input);
    expect(hidden).toBeLessThanOrEqual(input + output);
    const measure = (map: typeof ahead) => {
      const { program } = emitProgram(map.plan, map.mapping, { ...naming, shapesOnly: true });
      return metricsOf(simulateBoth(program, mini), program, mini);
    };
    const [with_, without] = [measure(ahead), measure(plain)];
    // No barrier stands behind the output.
    expect(with_.onDevice.latencyCycles).toBeLessThanOrEqual(without.onDevice.latencyCycles);
    expect(with_.withHost.intervalCycles).toBeLessThanOrEqual(without.withHost.intervalCycles);
    // What is left of their steps are barriers and the programs of the next, which were loaded meanwhile.
    const saved = without.onDevice.intervalCycles - with_.onDevice.intervalCycles;
    expect(input).toBeGreaterThan(500);
    expect(saved).toBeLessThanOrEqual(input + output);
    expect(saved).toBeGreaterThan(hidden - 150);
    for (const { onDevice, steps } of [with_, without]) {
      expect(steps.reduce((sum, { latencyCycles }) => sum + latencyCycles, 0)).toBe(onDevice.latencyCycles);
      expect(steps.reduce((sum, { intervalCycles }) => sum + intervalCycles, 0)).toBe(onDevice.intervalCycles);
    }
  });

  it("stand in the mapping file, and come back from it", () => {
    const text = printMapping(ahead.mapping);
    expect(parseMapping(text)).toEqual(ahead.mapping);
    const again = mapNetwork(network, mini, { mapping: parseMapping(text) });
    expect(again.mapping).toEqual(ahead.mapping);
    expect(again.predictedIntervalCycles).toBe(ahead.predictedIntervalCycles);
  });

  it("are refused where something else than an input or output would live over the end of the batch", () => {
    const buffers = ahead.mapping.buffers.map((buffer) =>
      buffer.name === "fc0" ? { ...buffer, firstStep: buffer.lastStep + 1 } : buffer,
    );
    expect(() => mapNetwork(network, mini, { mapping: { ...ahead.mapping, buffers } })).toThrow(
      /B403.*Buffer "fc0" lives from step 3 over the end of the batch to step 2; only the value of an input or output can\./,
    );
  });

  it("begin later where they do not fit beside the other buffers at first, and not at all where they never do", () => {
    const roomy = placedWithin(ahead, mini.core.memoryBytes);
    expect(roomy).toEqual(ahead);
    const least = placedWithin(ahead, plain.peakBytes);
    expect(least.peakBytes).toBeLessThanOrEqual(plain.peakBytes);
    expect(least.predictedIntervalCycles).toBeGreaterThanOrEqual(ahead.predictedIntervalCycles);
    const never = placedWithin(ahead, plain.peakBytes - 16);
    expect(never.mapping.buffers).toEqual(plain.mapping.buffers);
    expect(never.predictedIntervalCycles).toBe(plain.predictedCycles);
  });

  it("give way to programs: the steps stay those that are quickest", () => {
    const tight = applyOverrides(mini, [`core.memory=${ahead.peakBytes + 256}`]);
    const { map, program } = placedProgram(network, tight, { objective: "throughput" }, naming);
    expect(map.mapping.steps).toEqual(ahead.mapping.steps);
    const ends = program.buffers.filter(({ space }) => space === "memory").map(({ address, bytes }) => address + bytes);
    expect(Math.max(...ends)).toBeLessThanOrEqual(tight.core.memoryBytes);
  });
});

describe("outputs that leave early", () => {
  const graph = new TestGraph();
  const first = graph.matmul("fc0", graph.input("x", [256, 64]), 64);
  const last = graph.matmul("fc2", graph.matmul("fc1", first, 64), 64);
  const network = graph.output(first).output(last).network();
  const early = mapNetwork(network, mini, { objective: "throughput" });
  const share = (columns: number, step = "fc1") => {
    const steps = early.mapping.steps.map((each) =>
      each.name === "output 0 fc0" ? { ...each, early: [{ step, columns }] } : each,
    );
    return mapNetwork(network, mini, { mapping: { ...early.mapping, steps, buffers: [] } });
  };
  const intervalOf = (map: typeof early): number => {
    const { program } = emitProgram(map.plan, map.mapping, { ...naming, shapesOnly: true });
    return metricsOf(simulateBoth(program, mini), program, mini).onDevice.intervalCycles;
  };

  it("pass beside the work of steps between their maker and their own", () => {
    const plain = mapNetwork(network, mini);
    const shared = share(1);
    const output = at(plain.layerCosts, 4).transfers.reduce((sum, { cost }) => sum + cost.cycles, 0);
    expect(plain.mapping.steps.some((step) => step.early !== undefined)).toBe(false);
    // One of four columns of cores.
    expect(shared.predictedCycles - shared.predictedIntervalCycles).toBeCloseTo(output / 4, 6);
    expect(intervalOf(plain) - intervalOf(shared)).toBeGreaterThan(output / 4 - 50);
  });

  it("are chosen where steps have time for them, and stand in the mapping file", () => {
    const chosen = early.mapping.steps.flatMap((step) => step.early ?? []);
    expect(chosen.length).toBeGreaterThan(0);
    expect(parseMapping(printMapping(early.mapping))).toEqual(early.mapping);
    const again = mapNetwork(network, mini, { mapping: parseMapping(printMapping(early.mapping)) });
    expect(again.mapping).toEqual(early.mapping);
    expect(intervalOf(early)).toBeLessThan(intervalOf(withoutOverlaps(early)));
    expect(withoutOverlaps(early).mapping.steps.some((step) => step.early !== undefined)).toBe(false);
  });

  it("are refused beside other steps, and of more columns than the grid has", () => {
    for (const step of ["fc0", "input x", "output 1 fc2", "nothing"]) {
      expect(() => share(1, step)).toThrow(
        `A share leaves beside "${step}", which is no layer by itself between the output's maker and the output.`,
      );
    }
    expect(() => share(5)).toThrow("5 columns of cores send early; the grid has 4.");
    const steps = early.mapping.steps.map((step) =>
      step.name === "fc2" ? { ...step, early: [{ step: "fc1", columns: 1 }] } : step,
    );
    expect(() => mapNetwork(network, mini, { mapping: { ...early.mapping, steps, buffers: [] } })).toThrow(
      "Only an output of the network leaves early.",
    );
  });

  it("stay in their steps where their programs exceed the program buffer", () => {
    const options = { ...naming, shapesOnly: true };
    const loadBytes = (map: typeof early): number =>
      Math.max(
        ...emitProgram(map.plan, map.mapping, options).program.steps.flatMap(({ classes }) =>
          classes.flatMap(({ threads }) =>
            (threads.control ?? []).map((each) => (each.kind === "program.load" ? each.bytes : 0)),
          ),
        ),
      );
    const least = loadBytes(withoutOverlaps(early));
    expect(loadBytes(early)).toBeGreaterThan(least);
    const tight = { ...mini, core: { ...mini.core, programBufferBytes: 2 * least } };
    const { map } = placedProgram(network, tight, { objective: "throughput" }, options);
    expect(overlapsOf(map.plan, map.mapping.buffers)).toEqual([]);
    expect(map.mapping.steps.some((step) => step.early !== undefined)).toBe(false);
  });
});
