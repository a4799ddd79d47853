import { describe, expect, it } from "vitest";
import type { Program } from "../../../ir/program.ts";
import { boundsOf } from "../../../runtime-sim/bound.ts";
import { countsOf } from "../../../runtime-sim/counts.ts";
import { metricsOf } from "../../../runtime-sim/metrics.ts";
import { simulateBoth, simulateTiming } from "../../../runtime-sim/timing/simulate.ts";
import {
  cores,
  hostWork,
  idleWork,
  miniTarget,
  onCores,
  port,
  program,
  run,
  signal,
  step,
  timeline,
  wait,
} from "./machine.ts";

/** Takes x in, hands a to the host, which makes h of it in the middle, and gives y out; each after the one before. */
function hosted(rest: Partial<Program> = {}): Program {
  const give = step("give", [
    onCores(cores(0, -1), { host: [{ kind: "host.in", port: 0 }, signal(1, 1, -1)] }),
    onCores(cores(1, -1), { host: [wait(1), { kind: "host.out", port: 1 }, signal(2, 0, -1)] }),
  ]);
  const take = step("take", [
    onCores(cores(0, -1), {
      host: [wait(2), { kind: "host.run", operation: 0 }, { kind: "host.in", port: 1 }, { kind: "host.out", port: 0 }],
    }),
  ]);
  return program([give, take], {
    inputs: [port("x", 1000)],
    outputs: [port("y", 600)],
    hostOperations: [hostWork("h", [port("a", 400)], port("h", 200), 250)],
    ...rest,
  });
}

describe("an operation of the host", () => {
  // At 100 MHz a command takes 100 cycles, 10 bytes one; an operation 300 to begin with, and 250 elements 100.
  it("takes the time of link and host on device too, where inputs and outputs take none", () => {
    // The signal to the io core below takes 2 hops of a cycle and 1 along the column.
    expect(timeline(run(hosted()), ["host.in", "host.out", "host.run"])).toEqual([
      "(0,-1) host.in 0-0",
      "(1,-1) host.out 3-143",
      "(0,-1) host.run 147-547",
      "(0,-1) host.in 548-668",
      "(0,-1) host.out 669-669",
    ]);
    expect(timeline(run(hosted(), { host: true }), ["host.in", "host.out", "host.run"])).toEqual([
      "(0,-1) host.in 0-200",
      "(1,-1) host.out 204-344",
      "(0,-1) host.run 348-748",
      "(0,-1) host.in 749-869",
      "(0,-1) host.out 870-1030",
    ]);
  });

  it("is charged to the host, and to the chip's static power", () => {
    const both = simulateBoth(hosted(), miniTarget);
    const { onDevice } = metricsOf(both, hosted(), miniTarget);
    expect(onDevice.stack.host).toBe(140 + 400 + 120);
    expect(onDevice.bindingResource).toBe("host");
    expect(onDevice.energy.byComponentJoules.host).toBeCloseTo(600 * 32e-12, 20);
    expect(onDevice.energy.staticJoules).toBeCloseTo(((0.75 + 64e-12 * 16 * 1e8) * onDevice.intervalCycles) / 1e8, 15);
  });

  it("counts its bytes over the link on device, and those of inputs and outputs with host alone", () => {
    const bytes = (host: boolean) => countsOf(run(hosted(), { host }), hosted()).total;
    expect([bytes(false).hostBytes, bytes(false).frameBuffer]).toEqual([600, { readBytes: 400, writtenBytes: 200 }]);
    expect([bytes(true).hostBytes, bytes(true).frameBuffer]).toEqual([2200, { readBytes: 1000, writtenBytes: 1200 }]);
  });

  it("takes as long in every batch, whether batches are copied or not", () => {
    const traces = simulateBoth(hosted(), miniTarget, 4);
    expect(traces.onDevice).toEqual(run(hosted(), { batches: 4 }));
    expect(traces.withHost).toEqual(run(hosted(), { batches: 4, host: true }));
  });

  it("runs one at a time, whatever core asks", () => {
    const twice = program(
      [
        step("both", [
          onCores(cores(1, -1), { host: [{ kind: "host.run", operation: 0 }] }),
          onCores(cores(0, -1), { host: [{ kind: "host.run", operation: 1 }] }),
        ]),
      ],
      { hostOperations: [hostWork("g", [], port("g", 8), 0), hostWork("h", [], port("h", 8), 5)] },
    );
    expect(timeline(run(twice))).toEqual(["(0,-1) host.run 0-302", "(1,-1) host.run 302-602"]);
  });

  it("must be there", () => {
    expect(() => simulateTiming(hosted({ hostOperations: [] }), miniTarget, { host: false, batches: 1 })).toThrow(
      /B501.*host.out names port 1, but there are 1/,
    );
    const lost = program([step("run", [onCores(cores(0, -1), { host: [{ kind: "host.run", operation: 2 }] })])]);
    expect(() => run(lost)).toThrow(/B501.*host.run names operation 2, but there are 0/);
  });

  it("bounds latency and interval on device", () => {
    const work = [
      idleWork("give", { isHostOperation: true, outputBytes: 400 }),
      idleWork("take", { isHostOperation: true, inputBytes: 200, hostElementCount: 250, dependsOn: ["give"] }),
    ];
    expect(boundsOf(work, miniTarget, 1).onDevice).toEqual({
      latencyCycles: 140 + 400,
      intervalCycles: 400,
      bindingResource: "hostOperation",
    });
  });
});
