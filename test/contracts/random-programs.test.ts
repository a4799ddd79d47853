import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { at, sum } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { layerWork } from "../../compiler/bound-work.ts";
import { parseMapping, printMapping } from "../../compiler/mapper/mapping-file.ts";
import { evaluate } from "../../ir/evaluate.ts";
import { parseGraph, printGraph } from "../../ir/graph-text.ts";
import { parseProgram, printProgram } from "../../ir/program-text.ts";
import { boundsOf } from "../../runtime-sim/bound.ts";
import { countsOf } from "../../runtime-sim/counts.ts";
import { energyComponents } from "../../runtime-sim/energy.ts";
import { checkOrder } from "../../runtime-sim/functional/order-check.ts";
import { metricsOf } from "../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../runtime-sim/timing/simulate.ts";
import { listTargets, loadChip, loadTarget } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import { parseTarget } from "../../targets/parse.ts";
import { printTarget } from "../../targets/print.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { expectedCounts } from "./expected-counts.ts";
import { featuresOf, instructionKinds, type ProgramFeature, programFeatures } from "./features.ts";
import {
  type Built,
  build,
  bytesOf,
  difference,
  memoriesOf,
  type RandomCase,
  randomCase,
  randomSteps,
  runFunctional,
} from "./random-case.ts";
import { tracedCounts } from "./trace-counts.ts";

const mini = loadChip("mini-4x4");
/** The small chip with buffers so small that a core works in many turns. */
const cramped = applyOverrides(mini, ["core.weightBuffer=512", "core.partialBuffer=256"]);
/** The small chips with an activation unit. */
const [pipelined, crampedPipelined] = [mini, cramped].map(
  (chip): ChipTarget => ({ ...chip, activation: { fillCycles: 3 } }),
) as [ChipTarget, ChipTarget];
const graphCount = 100;

interface Population {
  readonly seed: number;
  readonly graph: RandomCase;
  readonly target: ChipTarget;
  readonly steps: Parameters<typeof build>[2];
  readonly built: Built;
  /** What simulating the program gives, on device and with the host. */
  readonly traces: ReturnType<typeof simulateBoth>;
}

/** Random graphs, each mapped by the mapper and at random, on the small chip and on the cramped one, with and without an activation unit. */
function makeBuilds(first: number): Omit<Population, "traces">[] {
  return Array.from({ length: graphCount }, (_, index) => first + index).flatMap((seed) => {
    const random = makeRandom(seed);
    const graph = randomCase(random, { blockCount: random.integer(2, 4), maximumSize: random.integer(4, 10) });
    return [pipelined, mini, crampedPipelined].flatMap((target, mapping) => {
      const steps = mapping === 0 ? null : randomSteps(random, graph.network, target);
      const built = build(graph, target, steps, mapping === 0 ? "latency" : "throughput");
      return built === null ? [] : [{ seed, graph, target, steps, built }];
    });
  });
}

describe("programs of random graphs under random mappings", () => {
  let population: Population[] = [];
  const first = at(fc.sample(fc.noBias(fc.integer({ min: 0, max: 2 ** 30 })), 1), 0);
  const label = ({ seed }: Population): string => `graph of seed ${seed}`;

  beforeAll(() => {
    population = makeBuilds(first).map((each) => ({ ...each, traces: simulateBoth(each.built.program, each.target) }));
  }, 120_000);

  it("hold every feature, in one of fifty on average", () => {
    // How often a feature turns up is a property of how graphs and mappings are drawn: it is looked at in the same ones each time.
    const builds = makeBuilds(0);
    const counts = new Map<ProgramFeature, number>(programFeatures.map((feature) => [feature, 0]));
    for (const { graph, built } of builds) {
      const kinds = instructionKinds(built.program);
      for (const feature of featuresOf(built, graph.features, kinds))
        counts.set(feature, (counts.get(feature) ?? 0) + 1);
    }
    const rare = [...counts].filter(([, count]) => count < builds.length / 50);
    const table = [...counts].map(([feature, count]) => `${feature} ${count}`).join(", ");
    expect(rare, `${builds.length} programs: ${table}`).toEqual([]);
  });

  it("answer as the exact evaluation does, bit for bit, under both kernels, and read nothing unwritten", () => {
    for (const each of population) {
      const { graph, built, target } = each;
      const expected = bytesOf(evaluate(graph.prepared.chipGraph, graph.inputs));
      for (const options of [{ kernels: "wasm", checked: true } as const, { kernels: "plain" } as const]) {
        const found = runFunctional(built, graph.inputs, target, options);
        expect(difference(expected, found), `${label(each)}, ${options.kernels}`).toBe("");
      }
    }
  });

  it("answer the same in 20 random legal orders", () => {
    for (const each of population.filter((_, index) => index % 10 === 1)) {
      const { graph, built, target } = each;
      const expected = runFunctional(built, graph.inputs, target);
      for (let seed = 0; seed < 20; seed += 1) {
        const found = runFunctional(built, graph.inputs, target, { order: { seed } });
        expect(difference(expected, found), `${label(each)}, order ${seed}`).toBe("");
      }
    }
  });

  it("order all conflicting accesses by tokens", () => {
    for (const each of population.filter((_, index) => index % 10 === 2)) {
      expect(checkOrder(each.built.program, memoriesOf(each.target)), label(each)).toEqual([]);
    }
  });

  it("come back from their text, and so do their graphs and mappings", () => {
    for (const each of population) {
      const { graph, built } = each;
      expect(parseProgram(printProgram(built.program)), label(each)).toEqual(built.program);
      expect(parseMapping(printMapping(built.mapping)), label(each)).toEqual(built.mapping);
      const { chipGraph, floatGraph } = graph.prepared;
      for (const printed of [chipGraph, floatGraph]) {
        expect(parseGraph(printGraph(printed)), label(each)).toEqual(printed);
      }
    }
  });

  it("take no fewer cycles than the bound, use no unit above its peak and no link above its capacity", () => {
    for (const each of population) {
      const { graph, built, target, traces } = each;
      const metrics = metricsOf(traces, built.program, target);
      const bounds = boundsOf(layerWork(graph.network), target, 1);
      for (const way of ["onDevice", "withHost"] as const) {
        expect(metrics[way].latencyCycles, label(each)).toBeGreaterThanOrEqual(bounds[way].latencyCycles);
        expect(metrics[way].intervalCycles, label(each)).toBeGreaterThanOrEqual(bounds[way].intervalCycles);
        expect(metrics[way].utilizationFraction, label(each)).toBeLessThanOrEqual(1);
        const trace = traces[way];
        for (const network of Object.values(trace.networks)) {
          expect(Math.max(...network.busyCycles), label(each)).toBeLessThanOrEqual(
            at(trace.batchEnds, trace.batchCount - 1),
          );
        }
      }
      expect(metrics.onDevice.latencyCycles, label(each)).toBeGreaterThanOrEqual(bounds.packed.latencyCycles);
      expect(sum(Object.values(metrics.onDevice.stack)), label(each)).toBe(metrics.onDevice.latencyCycles);
    }
  });

  it("do as often what costs time and energy as the mapping alone says", () => {
    for (const each of population) {
      const { built } = each;
      const { onDevice } = each.traces;
      const found = tracedCounts(onDevice, built.program);
      expect(found, label(each)).toEqual(built.plan.steps.map((step) => expectedCounts(built.plan, step)));
      const { total, steps } = countsOf(onDevice, built.program);
      expect(sum(Object.values(total.macs)), label(each)).toBe(
        sum(built.plan.steps.map(({ layer }) => layer.macCount)),
      );
      steps.forEach((counts, index) => {
        expect(counts.weightBuffer.writtenBytes).toBe(at(found, index).weightBytes);
        expect(counts.partialBuffer.writtenBytes >= 4 * at(found, index).partialSums).toBe(true);
        expect(sum(Object.values(counts.macs))).toBe(at(built.program.steps, index).macCount);
      });
    }
  });

  it("cost energy whose parts add up to the whole", () => {
    for (const each of population.filter((_, index) => index % 3 === 0)) {
      const { built, target, traces } = each;
      const metrics = metricsOf(traces, built.program, target);
      for (const { energy, energyPerInferenceJoules } of [metrics.onDevice, metrics.withHost]) {
        const parts = energyComponents.map((component) => energy.byComponentJoules[component]);
        expect(sum(parts), label(each)).toBe(energy.totalJoules);
        expect(energyPerInferenceJoules).toBe(energy.totalJoules);
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      }
      const dynamic = sum(metrics.steps.map(({ energy }) => energy.dynamicJoules));
      expect(Math.abs(dynamic / metrics.onDevice.energy.dynamicJoules - 1), label(each)).toBeLessThan(1e-12);
    }
  });

  it("answer as the exact evaluation does on a large chip too", () => {
    const large = loadChip("northpole-style");
    for (const { seed, graph } of population.filter((_, index) => index % 36 === 0)) {
      const built = build(graph, large, randomSteps(makeRandom(seed), graph.network, large));
      if (built === null) throw new Error(`the graph of seed ${seed} does not fit`);
      const expected = bytesOf(evaluate(graph.prepared.chipGraph, graph.inputs));
      expect(difference(expected, runFunctional(built, graph.inputs, large)), `graph of seed ${seed}`).toBe("");
    }
  });

  it("are the same bytes, and take the same time, when they are made again", () => {
    for (const seed of [first, first + 1, first + 2, first + 3]) {
      const make = () => {
        const random = makeRandom(seed);
        const graph = randomCase(random, { blockCount: 4, maximumSize: 8 });
        const built = build(graph, mini, randomSteps(random, graph.network, mini));
        if (built === null) return null;
        const traces = simulateBoth(built.program, mini);
        return {
          text: printProgram(built.program),
          mapping: printMapping(built.mapping),
          sidecar: built.sidecar,
          traces,
        };
      };
      expect(make(), `seed ${seed}`).toEqual(make());
    }
  });
});

describe("targets", () => {
  it("come back from their text", () => {
    for (const { name } of listTargets()) {
      const target = loadTarget(name);
      expect(parseTarget(printTarget(target), `${name}.yaml`), name).toEqual(target);
    }
    expect(parseTarget(printTarget(cramped), "cramped.yaml")).toEqual(cramped);
  });
});
