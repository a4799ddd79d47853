import { describe, expect, it } from "vitest";
import { batchIntervalCycles } from "../../../runtime-sim/metrics.ts";
import {
  columnsOf,
  cores,
  matmul,
  move,
  onCores,
  port,
  program,
  run,
  signal,
  step,
  timeline,
  wait,
} from "./machine.ts";

/**
 * An input of 1,000 bytes comes over the host link: 100 cycles of command and 1000 × 1e8 / 1e9 = 100 of transfer. The io
 * core sends 40 bytes to (0,0): 10 cycles, one hop of 3. The core multiplies for 21 cycles. `slots` inputs fit in the
 * framebuffer at a time: the host thread waits for FREE (1), the send thread for READY (2), the core for DATA (3).
 */
const pipeline = (slots: number) =>
  program(
    [
      step("input", [
        onCores(cores(0, -1), {
          host: [wait(1), { kind: "host.in", port: 0 }, signal(2, 0, -1)],
          send: [wait(2), move(40, 0, 0, 3, "from"), signal(1, 0, -1)],
        }),
      ]),
      step("work", [onCores(cores(0, 0), { matrix: [wait(3), matmul(4, 64, 16)] })]),
    ],
    { inputs: [port("x", 1000)], initialTokens: [{ cores: cores(0, -1), token: 1, count: slots }] },
  );

describe("three batches with the host link", () => {
  it("take turns when one input fits in the framebuffer", () => {
    // host.in [0,200), READY at 201, the packet [201,211) arrives at 214, FREE at 212, the next host.in [212,412).
    const trace = run(pipeline(1), { batches: 3, host: true });
    expect(timeline(trace)).toEqual([
      "(0,-1) host.in 0-200",
      "(0,-1) move 201-211>214",
      "(0,-1) host.in 212-412",
      "(0,0) matmul 214-235",
      "(0,-1) move 413-423>426",
      "(0,-1) host.in 424-624",
      "(0,0) matmul 426-447",
      "(0,-1) move 625-635>638",
      "(0,0) matmul 638-659",
    ]);
    expect(trace.batchEnds).toEqual([235, 447, 659]);
    expect(batchIntervalCycles(trace)).toBe(212);
  });

  it("overlap when two inputs fit: the host link is never idle but for the issue cycle", () => {
    const trace = run(pipeline(2), { batches: 3, host: true });
    expect(timeline(trace, ["host.in"])).toEqual([
      "(0,-1) host.in 0-200",
      "(0,-1) host.in 201-401",
      "(0,-1) host.in 402-602",
    ]);
    expect(trace.batchEnds).toEqual([235, 436, 637]);
  });
});

describe("three batches on device", () => {
  it("host instructions take no time", () => {
    // Packets at 0, 11 and 22 (FREE lets the third host.in pass long before); arrivals 13, 24, 35; the matmuls follow
    // each other with the issue cycle: 13–34, 35–56, 57–78.
    const trace = run(pipeline(2), { batches: 3 });
    expect(timeline(trace, ["move", "matmul"])).toEqual([
      "(0,-1) move 0-10>13",
      "(0,-1) move 11-21>24",
      "(0,0) matmul 13-34",
      "(0,-1) move 22-32>35",
      "(0,0) matmul 35-56",
      "(0,0) matmul 57-78",
    ]);
    expect(trace.batchEnds).toEqual([34, 56, 78]);
    expect(batchIntervalCycles(trace)).toBe(22);
    expect([...columnsOf(trace).batch].sort()).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  });

  it("an interval needs three batches", () => {
    expect(() => batchIntervalCycles(run(pipeline(2), { batches: 2 }))).toThrow(
      "an interval needs 3 batches, the trace has 2",
    );
  });
});

it("the host link has one lane for each direction, shared by all io cores", () => {
  // 1,000 bytes take 200 cycles each: two inputs one after the other, the lower core first; an output beside them.
  const ports = { inputs: [port("a", 1000), port("b", 1000)], outputs: [port("y", 2000)] };
  const steps = [
    step("io", [
      onCores(cores(1, -1), { host: [{ kind: "host.in", port: 1 }] }),
      onCores(cores(0, -1), { host: [{ kind: "host.in", port: 0 }] }),
      onCores(cores(2, -1), { host: [{ kind: "host.out", port: 0 }] }),
    ]),
  ];
  expect(timeline(run(program(steps, ports), { host: true }))).toEqual([
    "(0,-1) host.in 0-200",
    "(2,-1) host.out 0-300",
    "(1,-1) host.in 200-400",
  ]);
});

it("an event far in the future keeps its place in time", () => {
  // A port of 10 MB: 100 + 1,000,000 cycles, far beyond the calendar's ring.
  const steps = [
    step("io", [
      onCores(cores(0, -1), { host: [{ kind: "host.in", port: 0 }, signal(1, 0, 0)] }),
      onCores(cores(1, -1), { host: [{ kind: "host.out", port: 0 }, signal(1, 0, 0)] }),
      onCores(cores(0, 0), { matrix: [wait(1), matmul(4, 64, 16), wait(1), matmul(4, 64, 16)] }),
    ]),
  ];
  const trace = run(program(steps, { inputs: [port("x", 1e7)], outputs: [port("y", 5e6)] }), { host: true });
  // The remote signals start at the end + 1 and arrive after 1 and 2 hops.
  expect(timeline(trace, ["matmul"])).toEqual(["(0,0) matmul 500103-500124", "(0,0) matmul 1000102-1000123"]);
});
