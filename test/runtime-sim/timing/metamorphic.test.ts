import { describe, expect, it } from "vitest";
import type { Program } from "../../../ir/program.ts";
import { metricsOf, type RunMetrics } from "../../../runtime-sim/metrics.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { cores, hostWork, miniTarget, move, onCores, oneStep, port, run, withTarget } from "./machine.ts";
import { richProgram } from "./rich-program.ts";

const rich = richProgram();

/** An operation of the host alone: its operand leaves, it runs, its result enters. */
const hosted: Program = {
  ...oneStep([
    onCores(cores(0, -1), {
      host: [
        { kind: "host.out", port: 0 },
        { kind: "host.run", operation: 0 },
        { kind: "host.in", port: 0 },
      ],
    }),
  ]),
  hostOperations: [hostWork("h", [port("a", 40)], port("h", 80), 60)],
};

function metricsOn(target: ChipTarget, program = rich): RunMetrics {
  const onDevice = run(program, { target, batches: 3 });
  const withHost = run(program, { target, batches: 3, host: true });
  return metricsOf({ onDevice, withHost }, program, target);
}

/** The dotted paths of all numbers of a table. */
function numberPaths(table: object, prefix = ""): string[] {
  return Object.entries(table).flatMap(([key, value]) => {
    if (typeof value === "number") return [`${prefix}${key}`];
    return typeof value === "object" && value !== null && !(value instanceof Map)
      ? numberPaths(value, `${prefix}${key}.`)
      : [];
  });
}

/** The mini target with the number at a path multiplied. */
function scaled(path: string, factor: number): ChipTarget {
  return withTarget((target) => {
    const keys = path.split(".");
    let table = target as unknown as Record<string, unknown>;
    for (const key of keys.slice(0, -1)) table = table[key] as Record<string, unknown>;
    const last = keys.at(-1) as string;
    table[last] = (table[last] as number) * factor;
  });
}

describe("metamorphic relations", () => {
  it("clock and the host's rates twice, its times half: cycles unchanged", () => {
    const faster = withTarget((target) => {
      target.clockHz *= 2;
      target.host.bytesPerSecond *= 2;
      target.host.commandSeconds /= 2;
      target.host.elementsPerSecond *= 2;
      target.host.operationSeconds /= 2;
    });
    const [slow, fast] = [metricsOn(miniTarget), metricsOn(faster)];
    expect(metricsOn(faster, hosted).onDevice.stack).toEqual(metricsOn(miniTarget, hosted).onDevice.stack);
    for (const key of ["onDevice", "withHost"] as const) {
      expect(fast[key].latencyCycles).toBe(slow[key].latencyCycles);
      expect(fast[key].intervalCycles).toBe(slow[key].intervalCycles);
      expect(fast[key].stack).toEqual(slow[key].stack);
      expect(fast[key].latencySeconds).toBe(slow[key].latencySeconds / 2);
      expect(fast[key].energy.dynamicJoules).toBe(slow[key].energy.dynamicJoules);
      const [quick, idle] = [fast[key].energy.byComponentJoules, slow[key].energy.byComponentJoules];
      expect(quick.clock).toBe(idle.clock);
      expect(quick.leakage).toBe(idle.leakage / 2);
      expect(quick.interface).toBe(idle.interface / 2);
    }
  });

  it("energies change no cycles", () => {
    const expensive = scaled("energy.memoryReadPjPerByte", 3);
    expect(run(rich, { target: expensive, batches: 3 })).toEqual(run(rich, { batches: 3 }));
  });

  it("the names of steps change nothing but themselves", () => {
    const renamed = metricsOn(miniTarget, richProgram(["x", "y", "z"]));
    const strip = (metrics: RunMetrics) => ({
      ...metrics,
      steps: metrics.steps.map((each) => ({ ...each, name: "" })),
    });
    expect(strip(renamed)).toEqual(strip(metricsOn(miniTarget)));
  });

  it("alone, a wider link is never slower and a longer transfer never faster", () => {
    let before = 0;
    for (let bytes = 1; bytes < 400; bytes += 13) {
      let narrower = Number.POSITIVE_INFINITY;
      const program = oneStep([onCores(cores(0, 0), { send: [move(bytes, 3, 3, 1)] })]);
      expect(run(program).batchEnds[0]).toBeGreaterThanOrEqual(before);
      before = run(program).batchEnds[0] as number;
      for (const factor of [0.25, 0.5, 1, 2, 4, 8]) {
        const end = run(program, { target: scaled("networks.activation.linkBytesPerCycle", factor) })
          .batchEnds[0] as number;
        expect(end).toBeLessThanOrEqual(narrower);
        narrower = end;
      }
    }
  });

  it("every number of a target moves some figure of a rich program or of one with the host but capacities and the grid, which the compiler uses, and the voltage, at which the energies are given", () => {
    const figures = (target: ChipTarget): string => JSON.stringify([metricsOn(target), metricsOn(target, hosted)]);
    const base = figures(miniTarget);
    const paths = numberPaths(miniTarget).filter((path) => !path.startsWith("grid."));
    const moves = (path: string, factor: number): boolean => figures(scaled(path, factor)) !== base;
    const dead = paths.filter((path) => !moves(path, 2) && !moves(path, 16));
    expect(dead).toEqual([
      "supplyVolts",
      "operationsPerMac",
      "core.memoryBytes",
      "core.weightBufferBytes",
      "core.partialBufferBytes",
      "core.programBufferBytes",
      "core.threadCount",
      "frameBuffer.bytes",
    ]);
  });

  it("two runs give the same figures", () => {
    expect(metricsOn(miniTarget)).toEqual(metricsOn(miniTarget));
  });

  it("utilization is at most 1", () => {
    expect(metricsOn(miniTarget).onDevice.utilizationFraction).toBeLessThanOrEqual(1);
  });
});
