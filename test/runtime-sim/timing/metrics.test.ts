import { describe, expect, it } from "vitest";
import { sum } from "../../../base/math.ts";
import type { Instruction } from "../../../ir/instruction.ts";
import type { Program, ThreadName } from "../../../ir/program.ts";
import { countsOf } from "../../../runtime-sim/counts.ts";
import { energyOf } from "../../../runtime-sim/energy.ts";
import { batchIntervalCycles, matrixCycles, metricsOf } from "../../../runtime-sim/metrics.ts";
import {
  addStacks,
  bindingResource,
  cycleCauses,
  emptyStack,
  stepCyclesOf,
} from "../../../runtime-sim/metrics-stack.ts";
import { simulateBoth } from "../../../runtime-sim/timing/simulate.ts";
import {
  cores,
  gather,
  matmul,
  miniTarget,
  move,
  onCores,
  oneStep,
  port,
  program,
  programLoad,
  psumReceive,
  psumSend,
  run,
  signal,
  step,
  stream,
  vector,
  wait,
} from "./machine.ts";
import { richMacCount, richProgram } from "./rich-program.ts";

/** The stack of the only step of a program. */
function stackOf(all: Program, host = false): Record<string, number> {
  const [only] = stepCyclesOf(run(all, { host }), miniTarget, 0);
  return Object.fromEntries(Object.entries(only?.stack ?? {}).filter(([, cycles]) => cycles > 0));
}

const alone = (thread: ThreadName, ...queue: Instruction[]): Program =>
  oneStep([onCores(cores(0, 0), { [thread]: queue })]);

describe("the cycle stack of one instruction", () => {
  it("a matmul: its unit, its fill, and what it waits for memory", () => {
    expect(stackOf(alone("matrix", matmul(4, 64, 16)))).toEqual({ matrix: 16, fillAndDrain: 5 });
    const { weights } = matmul(1, 64, 16);
    // Unit 4 + 5, memory port 18.
    const slow = matmul(1, 64, 16, { weights: { ...weights, space: "memory" }, start: "bias" });
    expect(stackOf(alone("matrix", slow))).toEqual({ matrix: 4, fillAndDrain: 5, memory: 9 });
  });

  it("the vector unit, partial sums, memory, host", () => {
    expect(stackOf(alone("vector", vector("relu", 64)))).toEqual({ vector: 16, fillAndDrain: 3 });
    const stage = { function: "exp", element: "i8", kept: null, scale: null, parameters: {} } as const;
    const pass = { ...vector("relu", 64), activation: [stage] };
    expect(stackOf(alone("vector", pass))).toEqual({ vector: 48, fillAndDrain: 3 + 4 });
    expect(stackOf(alone("vector", psumReceive(16)))).toEqual({ partialSums: 9 });
    expect(stackOf(alone("gather", gather(640)))).toEqual({ memory: 20 });
    expect(stackOf(alone("weights", { kind: "weights.load", bytes: 640, source: 0, destination: 0 }))).toEqual({
      memory: 10,
    });
    const io = program([step("in", [onCores(cores(0, -1), { host: [{ kind: "host.in", port: 0 }] })])], {
      inputs: [port("x", 1000)],
    });
    expect(stackOf(io, true)).toEqual({ host: 200 });
    expect(stackOf(io)).toEqual({});
  });

  it("messages are charged until they arrive", () => {
    expect(stackOf(alone("send", move(40, 2, 1, 1)))).toEqual({ network: 14 });
    expect(stackOf(alone("psum", psumSend(16, 0, 1, 1)))).toEqual({ partialSums: 5 });
    expect(stackOf(alone("control", programLoad(40, cores(0, 0, 1, 2), 1)))).toEqual({ programLoad: 12 });
    expect(stackOf(alone("control", signal(1, 3, 3)))).toEqual({ synchronization: 6 });
  });

  it("a stream: the network, and what it waits for memory", () => {
    const all = oneStep([
      onCores(cores(0, 0), { control: [gather(1280)], weights: [stream(64, cores(0, 0, 1, 2))] }),
      onCores(cores(0, 1), { weights: [stream(64, cores(0, 0, 1, 2))] }),
    ]);
    // Network 2 × 2 = 4; the port of (0,0) begins to read at 40, its piece has come to (0,1) at 40 + 2 + 2.
    expect(stackOf(all)).toEqual({ network: 4, memory: 40 });
  });
});

describe("the cycle stack of a chain", () => {
  it("goes back through tokens, messages and issue cycles", () => {
    // matmul 0–21, issue 1, move 22 → arrives 22 + 9 + 5 = 36, relu 36–55.
    const all = oneStep([
      onCores(cores(0, 0), { matrix: [matmul(4, 64, 16), signal(1, 0, 0)], send: [wait(1), move(40, 1, 2, 2)] }),
      onCores(cores(1, 2), { vector: [wait(2), vector("relu", 64)] }),
    ]);
    expect(stackOf(all)).toEqual({ matrix: 16, fillAndDrain: 5 + 3, synchronization: 1, network: 14, vector: 16 });
  });

  it("goes back through the last core of a barrier and of a stream", () => {
    // (0,1): matmul 0–21, barrier 22–29; then both stream [30, 34) and relu from 35.
    const tail: Instruction[] = [stream(64, cores(0, 0, 1, 2)), vector("relu", 64)];
    const all = oneStep([
      onCores(cores(0, 0), { control: [{ kind: "barrier" }, ...tail] }),
      onCores(cores(0, 1), { control: [matmul(4, 64, 16), { kind: "barrier" }, ...tail] }),
    ]);
    expect(stackOf(all)).toEqual({
      matrix: 16,
      fillAndDrain: 8,
      synchronization: 1 + 7 + 1 + 1,
      network: 4,
      vector: 16,
    });
  });

  it("goes back through the instruction that held a unit", () => {
    const all = oneStep([onCores(cores(0, 0), { vector: [vector("relu", 64)], gather: [vector("fill", 8, 0)] })]);
    expect(stackOf(all)).toEqual({ vector: 16 + 1, fillAndDrain: 6 });
  });

  it("is cut at the end of the step before", () => {
    // Step 0: relu 0–19. Step 1: matmul 0–21 in its own thread: 2 cycles of its step, at the end of its fill.
    const all = program([
      step("a", [onCores(cores(0, 0), { vector: [vector("relu", 64)] })]),
      step("b", [onCores(cores(0, 0), { matrix: [matmul(4, 64, 16)] })]),
      step("c", [onCores(cores(0, 0), { gather: [gather(64)] })]),
    ]);
    const steps = stepCyclesOf(run(all), miniTarget, 0);
    expect(steps.map(({ startCycle, endCycle }) => [startCycle, endCycle])).toEqual([
      [0, 19],
      [19, 21],
      [21, 21],
    ]);
    expect(steps.map(({ stack }) => stack.fillAndDrain)).toEqual([3, 2, 0]);
    expect(steps.map(({ stack }) => stack.vector + stack.matrix)).toEqual([16, 0, 0]);
  });
});

describe("the metrics of a run", () => {
  const rich = richProgram();
  const onDevice = run(rich, { batches: 3 });
  const withHost = run(rich, { batches: 3, host: true });
  const metrics = metricsOf({ onDevice, withHost }, rich, miniTarget);

  it("stacks add up to the cycles of each step, and steps to the latency and the interval, on device and with host", () => {
    for (const trace of [onDevice, withHost]) {
      for (const batch of [0, 1, 2]) {
        const steps = stepCyclesOf(trace, miniTarget, batch);
        for (const { startCycle, endCycle, stack } of steps) {
          expect(sum(cycleCauses.map((cause) => stack[cause]))).toBe(endCycle - startCycle);
        }
        const before = batch === 0 ? 0 : (trace.batchEnds[batch - 1] as number);
        expect(sum(steps.map(({ startCycle, endCycle }) => endCycle - startCycle))).toBe(
          (trace.batchEnds[batch] as number) - before,
        );
      }
    }
    expect(sum(metrics.steps.map(({ latencyCycles }) => latencyCycles))).toBe(metrics.onDevice.latencyCycles);
    expect(sum(metrics.steps.map(({ intervalCycles }) => intervalCycles))).toBe(metrics.onDevice.intervalCycles * 2);
    expect(addStacks(metrics.steps.map(({ stack }) => stack))).toEqual(metrics.onDevice.stack);
  });

  it("both simulations come from one call", () => {
    expect(simulateBoth(rich, miniTarget)).toEqual({ onDevice, withHost });
  });

  it("latency is the end of the first batch, the interval that between the last two, for one inference", () => {
    for (const [figures, trace] of [
      [metrics.onDevice, onDevice],
      [metrics.withHost, withHost],
    ] as const) {
      expect(figures.latencyCycles).toBe(trace.batchEnds[0]);
      expect(figures.latencySeconds).toBe((trace.batchEnds[0] as number) / 1e8);
      expect(figures.intervalCycles).toBe(batchIntervalCycles(trace) / 2);
      expect(figures.throughputPerSecond).toBe(1e8 / figures.intervalCycles);
    }
  });

  it("energy is that of the counts and of the interval, for one inference, and power is energy by time", () => {
    const counts = countsOf(withHost, rich).total;
    const interval = batchIntervalCycles(withHost);
    expect(metrics.withHost.energy).toEqual(energyOf(counts, miniTarget, interval, 2));
    expect(metrics.withHost.energyPerInferenceJoules).toBe(metrics.withHost.energy.totalJoules);
    expect(metrics.withHost.powerWatts).toBeCloseTo(metrics.withHost.energy.totalJoules / (interval / 2 / 1e8), 12);
    expect(metrics.onDevice.energy.byComponentJoules.host).toBe(0);
    expect(metrics.withHost.energy.byComponentJoules.host).toBeGreaterThan(0);
    const steps = sum(metrics.steps.map(({ energy }) => energy.totalJoules));
    expect(steps).toBeCloseTo(metrics.onDevice.energy.totalJoules, 15);
  });

  it("utilization is the unpadded MACs over what the chip could do in the interval", () => {
    // 16 cores × 16 × 16 MACs a cycle at 8 bits.
    const macCount = richMacCount;
    expect(matrixCycles(rich, miniTarget)).toBe(macCount / (16 * 256));
    expect(metrics.onDevice.utilizationFraction).toBe(macCount / (16 * 256) / batchIntervalCycles(onDevice));
    const fourBit = {
      ...rich,
      steps: rich.steps.map((each) => ({ ...each, macElement: each.macElement === null ? null : ("i4" as const) })),
    };
    expect(matrixCycles(fourBit, miniTarget)).toBe(macCount / (16 * 512));
  });

  it("the binding resource is the largest part of the stack, the first among equals", () => {
    expect(metrics.onDevice.bindingResource).toBe("vector");
    expect(metrics.steps.map((each) => each.bindingResource)).toEqual(["network", "vector", "synchronization"]);
    expect(bindingResource(emptyStack())).toBe("matrix");
    expect(bindingResource({ ...emptyStack(), host: 3, network: 3 })).toBe("network");
  });

  it("steps carry their names, origins, work and counts", () => {
    expect(metrics.steps.map(({ name, kind, origin, macCount }) => [name, kind, origin, macCount])).toEqual([
      ["input", "input", [], 0],
      ["work", "contraction", ["conv"], richMacCount],
      ["output", "output", [], 0],
    ]);
    expect(metrics.steps.map(({ counts }) => counts)).toEqual(countsOf(onDevice, rich).steps);
  });
});
