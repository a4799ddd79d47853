import { describe, expect, it } from "vitest";
import { makeRandom } from "../../base/random.ts";
import type { Program } from "../../ir/program.ts";
import { metricsOf, type RunMetrics } from "../../runtime-sim/metrics.ts";
import type { CycleCause } from "../../runtime-sim/metrics-stack.ts";
import { simulateBoth } from "../../runtime-sim/timing/simulate.ts";
import { type IdealResource, idealChip, idealResources } from "../../targets/ideal.ts";
import { loadChip } from "../../targets/load.ts";
import { targetSha256 } from "../../targets/print.ts";
import type { ChipTarget } from "../../targets/target.ts";
import {
  cores,
  gather,
  miniTarget,
  move,
  onCores,
  oneStep,
  run,
  timeline,
  vector,
  wait,
} from "../runtime-sim/timing/machine.ts";
import { richProgram } from "../runtime-sim/timing/rich-program.ts";
import { build, randomCase, randomSteps } from "./random-case.ts";

const mini: ChipTarget = { ...loadChip("mini-4x4"), activation: { fillCycles: 3 } };

function metricsWith(program: Program, resources: readonly IdealResource[], chip = mini): RunMetrics {
  const ideal = idealChip(chip, resources);
  return metricsOf(simulateBoth(program, ideal), program, ideal);
}

/** Programs of random graphs, mapped at random and by the mapper in turn, with their real figures. */
const cases = Array.from({ length: 24 }, (_, seed) => {
  const random = makeRandom(seed + 77);
  const graph = randomCase(random, { blockCount: 3, maximumSize: 10 });
  return build(graph, mini, seed % 2 === 0 ? randomSteps(random, graph.network, mini) : null)?.program ?? null;
})
  .filter((program) => program !== null)
  .map((program) => ({ program, real: metricsWith(program, []) }));

const ways = ["onDevice", "withHost"] as const;
const figures = ["latencyCycles", "intervalCycles"] as const;

/** Causes that have no cycle once a resource is free. */
const freeCauses: Readonly<Record<IdealResource, CycleCause>> = {
  network: "network",
  memory: "memory",
  host: "host",
  vector: "vector",
};

describe("free resources", () => {
  it("take no time: packets arrive as they are sent, copies are over in the cycle that every instruction takes", () => {
    const program = oneStep([
      onCores(cores(0, 0), { send: [gather(640), move(640, 3, 3, 1)] }),
      onCores(cores(3, 3), { control: [wait(1)], vector: [vector("add", 80)] }),
    ]);
    const ideal = (...resources: IdealResource[]): string[] =>
      timeline(run(program, { target: idealChip(miniTarget, resources) }), ["gather", "move"]);
    // The gather reads and writes 640 bytes, 1280 / 64 = 20 cycles at the port. The move holds a link for 640 / 8 = 80
    // cycles; its eject port is asked for after 6 links of 3 cycles: 21 + 18 + 80.
    expect(ideal()).toEqual(["(0,0) gather 0-20", "(0,0) move 21-101>119"]);
    expect(ideal("memory")).toEqual(["(0,0) gather 0-1", "(0,0) move 2-82>100"]);
    // Both memory ports serve the packet for 640 / 64 = 10 cycles, at the same time.
    expect(ideal("network")).toEqual(["(0,0) gather 0-20", "(0,0) move 21-31"]);
    expect(ideal("network", "memory")).toEqual(["(0,0) gather 0-1", "(0,0) move 2-3"]);
  });

  it("leave what is done, and its energy, as they are", () => {
    const rich = richProgram();
    const real = metricsWith(rich, [], miniTarget);
    for (const resource of idealResources) {
      const ideal = metricsWith(rich, [resource], miniTarget);
      expect(ideal.withHost.latencyCycles).toBeLessThanOrEqual(real.withHost.latencyCycles);
      expect(ideal.onDevice.energy.dynamicJoules).toBe(real.onDevice.energy.dynamicJoules);
      expect(ideal.steps.map(({ counts }) => counts)).toEqual(real.steps.map(({ counts }) => counts));
    }
  });

  it("have no cycle in the stack of any layer, and stacks add up", () => {
    for (const { program } of cases) {
      for (const resource of idealResources) {
        for (const step of metricsWith(program, [resource]).steps) {
          expect(step.stack[freeCauses[resource]]).toBe(0);
          expect(Object.values(step.stack).reduce((total, cycles) => total + cycles)).toBe(step.latencyCycles);
        }
      }
    }
  });

  it("all together leave matrix work, issue and synchronization alone, never slower than the real machine", () => {
    const left: readonly CycleCause[] = ["matrix", "fillAndDrain", "synchronization"];
    for (const { program, real } of cases) {
      const ideal = metricsWith(program, idealResources);
      for (const way of ways) {
        for (const figure of figures) expect(ideal[way][figure]).toBeLessThanOrEqual(real[way][figure]);
        for (const [cause, cycles] of Object.entries(ideal[way].stack)) {
          if (!left.some((each) => each === cause)) expect(cycles).toBe(0);
        }
      }
    }
  });

  it("one alone raises no latency and lowers it in some programs; an interval, the difference of two ends, by less than a hundredth", () => {
    const quicker = new Map<IdealResource, number>();
    for (const { program, real } of cases) {
      for (const resource of idealResources) {
        const ideal = metricsWith(program, [resource]);
        for (const way of ways) {
          expect(ideal[way].latencyCycles).toBeLessThanOrEqual(real[way].latencyCycles);
          expect(ideal[way].intervalCycles).toBeLessThanOrEqual(real[way].intervalCycles * 1.01);
        }
        const isQuicker = ideal.withHost.latencyCycles < real.withHost.latencyCycles;
        quicker.set(resource, (quicker.get(resource) ?? 0) + Number(isQuicker));
      }
    }
    expect(quicker.get("network")).toBe(cases.length);
    expect(quicker.get("host")).toBe(cases.length);
    expect(quicker.get("vector")).toBeGreaterThan(cases.length / 2);
    expect(quicker.get("memory")).toBeGreaterThan(cases.length / 8);
  });

  it("keep the checksum and the numbers' sources of the real chip", () => {
    const ideal = idealChip(mini, idealResources);
    expect(targetSha256(ideal)).toBe(targetSha256(mini));
    expect(ideal.provenance).toBe(mini.provenance);
    expect(ideal.energy).toBe(mini.energy);
  });
});
