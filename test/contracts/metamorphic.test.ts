import { describe, expect, it } from "vitest";
import { at, sum } from "../../base/math.ts";
import { makeRandom, type Random } from "../../base/random.ts";
import { layOut } from "../../compiler/geometry.ts";
import { printMapping } from "../../compiler/mapper/mapping-file.ts";
import { type WrittenModel, writeModel } from "../../compiler/onnx/write-model.ts";
import { tilePlan } from "../../compiler/tiling.ts";
import type { MappedStep } from "../../ir/mapping.ts";
import { elementBytes, elementCount } from "../../ir/type.ts";
import { metricsOf, type RunMetrics } from "../../runtime-sim/metrics.ts";
import { simulateBoth } from "../../runtime-sim/timing/simulate.ts";
import { peakOperationsPerSecond } from "../../targets/figures.ts";
import { loadChip } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { load } from "../compiler/onnx/written-models.ts";
import { type Built, build, preparedCase, type RandomCase, randomCase, randomSteps } from "./random-case.ts";
import { hostedModel, smallModels } from "./small-models.ts";

const mini = loadChip("mini-4x4");

function caseOf(model: WrittenModel, precision = "w8a8"): RandomCase {
  return preparedCase(makeRandom(4), load(writeModel(model)).graph, new Set(), precision);
}

function builtFor(each: RandomCase, target: ChipTarget, steps: readonly MappedStep[] | null = null): Built {
  const built = build(each, target, steps);
  if (built === null) throw new Error("a small model does not fit");
  return built;
}

function metricsOn({ program }: Built, target: ChipTarget): RunMetrics {
  return metricsOf(simulateBoth(program, target), program, target);
}

/** Every path of a target that names an energy or the static power. */
function energyPaths(target: ChipTarget): string[] {
  return [...target.provenance.keys()].filter((path) => path.startsWith("energy.") || path.endsWith(".hopEnergy"));
}

function scaled(target: ChipTarget, factors: ReadonlyMap<string, number>): ChipTarget {
  return applyOverrides(
    target,
    [...factors].map(([path, factor]) => `${path}=${(target.provenance.get(path)?.value ?? Number.NaN) * factor}`),
  );
}

/** Programs of random graphs under random mappings. */
function randomPrograms(): Built[] {
  return Array.from({ length: 12 }, (_, seed) => {
    const random = makeRandom(seed + 77);
    const graph = randomCase(random, { blockCount: 3, maximumSize: 8 });
    return build(graph, mini, randomSteps(random, graph.network, mini));
  }).filter((built) => built !== null);
}

/** The same model with other names and its nodes in another order. */
function disguised(random: Random, model: WrittenModel): WrittenModel {
  const boundary = new Set([...model.inputs, ...model.outputs].map(({ name }) => name));
  const renamed = (name: string): string => (name === "" || boundary.has(name) ? name : `other_${name.length}_${name}`);
  const nodes = model.nodes.map((node, index) => ({
    ...node,
    name: `node_${model.nodes.length - index}`,
    inputs: node.inputs.map(renamed),
    outputs: node.outputs.map(renamed),
  }));
  for (let index = nodes.length - 1; index > 0; index -= 1) {
    const other = random.integer(0, index);
    [nodes[index], nodes[other]] = [at(nodes, other), at(nodes, index)];
  }
  const initializers = Object.fromEntries(
    Object.entries(model.initializers ?? {}).map(([name, tensor]) => [renamed(name), tensor]),
  );
  return { ...model, nodes, initializers };
}

describe("metamorphic relations of compiled programs", () => {
  it("twice all energies and the static power cost exactly twice the energy in the same cycles", () => {
    const twice = scaled(mini, new Map(energyPaths(mini).map((path) => [path, 2])));
    for (const built of randomPrograms()) {
      const [once, double] = [metricsOn(built, mini), metricsOn(built, twice)];
      for (const way of ["onDevice", "withHost"] as const) {
        expect(double[way].energyPerInferenceJoules).toBe(2 * once[way].energyPerInferenceJoules);
        expect(double[way].latencyCycles).toBe(once[way].latencyCycles);
        expect(double[way].intervalCycles).toBe(once[way].intervalCycles);
        expect(double[way].stack).toEqual(once[way].stack);
      }
    }
  });

  it("a clock and a host link twice as fast leave the cycles as they are", () => {
    const faster = scaled(
      mini,
      new Map([
        ["clock", 2],
        ["host.bandwidth", 2],
        ["host.command", 0.5],
        ["host.operation", 0.5],
        ["host.elements", 2],
      ]),
    );
    for (const built of randomPrograms()) {
      const [slow, fast] = [metricsOn(built, mini), metricsOn(built, faster)];
      for (const way of ["onDevice", "withHost"] as const) {
        expect(fast[way].latencyCycles).toBe(slow[way].latencyCycles);
        expect(fast[way].intervalCycles).toBe(slow[way].intervalCycles);
        expect(fast[way].latencySeconds).toBe(slow[way].latencySeconds / 2);
        expect(fast[way].energy.dynamicJoules).toBe(slow[way].energy.dynamicJoules);
      }
    }
  });

  it("other names and another order of the nodes in the file change no figure", () => {
    const figures = (metrics: RunMetrics) => ({
      onDevice: metrics.onDevice,
      withHost: metrics.withHost,
      steps: metrics.steps.map(({ name: _, origin: __, ...rest }) => rest),
    });
    smallModels(makeRandom(3)).forEach((model) => {
      const expected = figures(metricsOn(builtFor(caseOf(model), mini), mini));
      for (let seed = 0; seed < 4; seed += 1) {
        const other = caseOf(disguised(makeRandom(seed), model));
        expect(figures(metricsOn(builtFor(other, mini), mini)), `${model.name}, seed ${seed}`).toEqual(expected);
      }
    });
  });

  it("every number of the chip moves some result", () => {
    const models = [...smallModels(makeRandom(3)), hostedModel(makeRandom(3))];
    const cases = [
      ...models.map((model) => caseOf(model)),
      ...["w4a4", "w2a2"].map((precision) => caseOf(at(models, 0), precision)),
    ];
    const target = tightTarget(cases);
    const expected = [...resultsOn(cases, target)];
    const idle: string[] = [];
    for (const [path, { value }] of target.provenance) {
      const moves = [1.5, 0.5, 0.75, 1.25, 0.9, 1.1].some((factor) => {
        const whole = Number.isInteger(value) && value < 1e5;
        const changed = whole ? Math.max(1, Math.round(value * factor)) : value * factor;
        if (changed === value) return false;
        return differs(cases, target, `${path}=${changed}`, expected);
      });
      if (!moves) idle.push(path);
    }
    expect(idle).toEqual([]);
  });
});

/** Steps that divide the sums of the first layer over cores. */
function chainedSteps(each: RandomCase, target: ChipTarget): MappedStep[] {
  return builtFor(each, target).mapping.steps.map((step) => {
    const layer = each.network.layers.find(({ name }) => name === step.name);
    if (layer === undefined || layer.kind !== "contraction") return step;
    const split = { rows: [{ dimension: "k", parts: 4 }], columns: [] };
    const geometry = layOut(layer.dimensions, split, target.grid);
    const { reduction } = geometry;
    return {
      ...step,
      split,
      tile: tilePlan(layer, geometry, target),
      reduction: reduction === null ? null : { axis: reduction.axis, parts: reduction.parts },
    };
  });
}

/** Whether any result of `resultsOn` is another with a number replaced; a value that the target refuses is one. */
function differs(
  cases: readonly RandomCase[],
  target: ChipTarget,
  override: string,
  expected: readonly string[],
): boolean {
  let changed: ChipTarget;
  try {
    changed = applyOverrides(target, [override]);
  } catch {
    return true;
  }
  let index = 0;
  for (const result of resultsOn(cases, changed)) {
    if (result !== expected[index]) return true;
    index += 1;
  }
  return false;
}

/**
 * The mini chip with memories that the models just fill, at the only voltage that it admits, below the reference, and at the
 * only clock that it admits there; all terms of its curves count.
 */
function tightTarget(cases: readonly RandomCase[]): ChipTarget {
  const volts = 0.9;
  const curves = { cube: 0.01, square: 0.01, linear: -1.1, constant: 3 };
  const delay = (v: number): number => ((curves.cube * v + curves.square) * v + curves.linear) * v + curves.constant;
  const cramped = applyOverrides(mini, [
    "core.weightBuffer=1024",
    "core.partialBuffer=256",
    ...Object.entries(curves).map(([term, value]) => `supply.delayCurve.${term}=${value}`),
    "supply.energyCurve.linear=0.1",
    "supply.energyCurve.constant=0.1",
    ...["voltage", "least", "greatest"].map((name) => `supply.${name}=${volts}`),
    `supply.leastClock=${mini.clockHz}`,
    `supply.greatestClock=${(1 + 1e-12) * mini.clockHz * (delay(volts) / delay(1))}`,
  ]);
  const programs = cases.map((each) => builtFor(each, cramped).program);
  const memory = programs.map(({ buffers }) =>
    Math.max(...buffers.filter(({ space }) => space === "memory").map(({ address, bytes }) => address + bytes)),
  );
  const frame = programs.map(({ inputs, outputs }) =>
    Math.max(...[...inputs, ...outputs].map(({ frameAddress, bytes }) => Math.ceil((frameAddress + bytes) / 64) * 64)),
  );
  const loads = programs.flatMap(({ steps }) =>
    steps.flatMap(({ classes }) =>
      classes.flatMap(({ threads }) =>
        (threads.control ?? []).map((each) => (each.kind === "program.load" ? each.bytes : 0)),
      ),
    ),
  );
  return applyOverrides(cramped, [
    `core.memory=${Math.max(...memory)}`,
    `core.programBuffer=${2 * Math.max(...loads)}`,
    `frameBuffer.memory=${Math.max(...frame)}`,
  ]);
}

/** Everything that compiling and simulating the models gives, as texts, one after the other. */
function* resultsOn(cases: readonly RandomCase[], target: ChipTarget): Generator<string> {
  yield JSON.stringify(([2, 4, 8] as const).map((bits) => peakOperationsPerSecond(target, bits)));
  for (const [index, each] of cases.entries()) {
    for (const steps of index === cases.length - 1 ? [null, chainedSteps] : [null]) {
      try {
        const built = build(each, target, steps === null ? null : steps(each, target));
        yield built === null ? "does not fit" : JSON.stringify([metricsOn(built, target), printMapping(built.mapping)]);
      } catch (error) {
        yield (error as Error).message;
      }
    }
  }
}

describe("what moving data costs", () => {
  it("is at least its bytes over the ports of the cores, and some energy", () => {
    for (const built of randomPrograms()) {
      const metrics = metricsOn(built, mini);
      built.plan.steps.forEach((step, index) => {
        if (step.layer.kind !== "movement") return;
        const type = at(step.writes, 0).write.type;
        const bytes = elementCount(type) * elementBytes(type.element);
        const { counts, latencyCycles, energy } = at(metrics.steps, index);
        // Every byte of the result is written once; one core alone writes at least its share.
        expect(counts.memory.writtenBytes).toBeGreaterThanOrEqual(bytes);
        const share = Math.ceil(bytes / (mini.grid.rows * mini.grid.columns) / mini.core.memoryPortBytesPerCycle);
        expect(latencyCycles).toBeGreaterThanOrEqual(share);
        expect(energy.byComponentJoules.memory).toBeGreaterThan(0);
      });
    }
  });

  it("is more for functions that the target prices higher", () => {
    const each = caseOf(at(smallModels(makeRandom(3)), 0));
    const built = builtFor(each, mini);
    const gate = built.program.steps.findIndex(({ classes }) =>
      classes.some(({ threads }) =>
        (threads.vector ?? []).some((item) => item.kind === "vector" && item.function === "sigmoid"),
      ),
    );
    expect(gate).toBeGreaterThan(0);
    const dear = applyOverrides(mini, ["vector.cycles.table=40", "energy.vector.table=400"]);
    const [before, after] = [metricsOn(built, mini), metricsOn(built, dear)].map((metrics) => at(metrics.steps, gate));
    const elements = before?.counts.vectorElements.table ?? 0;
    expect(elements).toBe(16 * 8 * 8);
    expect((after?.energy.byComponentJoules.vector ?? 0) - (before?.energy.byComponentJoules.vector ?? 0)).toBeCloseTo(
      elements * 396e-12,
      15,
    );
    const cycles = (elements / 16 / mini.vector.laneCount) * 38;
    expect((after?.latencyCycles ?? 0) - (before?.latencyCycles ?? 0)).toBeGreaterThanOrEqual(cycles / 2);
  });

  it("adds up over the steps", () => {
    const metrics = metricsOn(builtFor(caseOf(at(smallModels(makeRandom(3)), 1)), mini), mini);
    expect(sum(metrics.steps.map(({ latencyCycles }) => latencyCycles))).toBe(metrics.onDevice.latencyCycles);
  });
});
