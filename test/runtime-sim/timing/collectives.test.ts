import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { streamCycles } from "../../../targets/cost.ts";
import {
  affine,
  cores,
  gather,
  matmul,
  miniTarget,
  multicast,
  onCores,
  oneStep,
  program,
  run,
  step,
  stream,
  timeline,
  withTarget,
} from "./machine.ts";

describe("a barrier", () => {
  it("ends for all cores the barrier cycles after the last has reached it", () => {
    // (0,1) reaches it at 22; 22 + 7 = 29; the next instruction is issued at 30.
    const barrier = { kind: "barrier" } as const;
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { control: [barrier, gather(64)] }),
        onCores(cores(0, 1), { control: [matmul(4, 64, 16), barrier, gather(64)] }),
      ]),
    );
    expect(timeline(trace)).toEqual([
      "(0,0) barrier 0-29",
      "(0,1) matmul 0-21",
      "(0,1) barrier 22-29",
      "(0,0) gather 30-32",
      "(0,1) gather 30-32",
    ]);
  });

  it("counts io cores that have queues, and may cost nothing", () => {
    const free = withTarget((target) => {
      target.synchronization.barrierCycles = 0;
      target.synchronization.issueCycles = 0;
    });
    const barrier = { kind: "barrier" } as const;
    const trace = run(
      oneStep([
        onCores(cores(0, -1), { control: [barrier, barrier] }),
        onCores(cores(0, 0), { control: [barrier, gather(64), barrier] }),
      ]),
      { target: free },
    );
    expect(timeline(trace)).toEqual([
      "(0,-1) barrier 0-0",
      "(0,-1) barrier 0-2",
      "(0,0) barrier 0-0",
      "(0,0) gather 0-2",
      "(0,0) barrier 2-2",
    ]);
  });
});

describe("weights.stream", () => {
  it("starts with the last core of the group and ends for all at once", () => {
    // 1 × 4 cores, 64 bytes each: 4 × 64/32 + 2 × (0 + 3) = 14 cycles from 22, when (0,2) has come.
    const group = cores(0, 0, 1, 4);
    const exchange = stream(64, group);
    const trace = run(
      oneStep([
        onCores(cores(0, 0, 1, 2), { weights: [exchange] }),
        onCores(cores(0, 2), { weights: [matmul(4, 64, 16), exchange] }),
        onCores(cores(0, 3), { weights: [exchange] }),
      ]),
    );
    expect(timeline(trace, ["weights.stream"])).toEqual([
      "(0,0) weights.stream 0-36",
      "(0,1) weights.stream 0-36",
      "(0,3) weights.stream 0-36",
      "(0,2) weights.stream 22-36",
    ]);
  });

  it("lasts until the slowest memory port has read its piece", () => {
    // The port of (0,1) is asked at 0 by the weights thread before the gather, that of (0,0) is held until 40.
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { control: [gather(1280)], weights: [stream(64, cores(0, 0, 1, 2))] }),
        onCores(cores(0, 1), { gather: [gather(1280)], weights: [stream(64, cores(0, 0, 1, 2))] }),
      ]),
    );
    // Alone: 2 × 2 + 2 × 1 = 6. Port of (0,0): [0,40) and [40,41).
    expect(timeline(trace, ["weights.stream"])).toEqual(["(0,0) weights.stream 0-41", "(0,1) weights.stream 0-41"]);
  });

  it("runs once a group and turn: groups of a class are told apart by their rectangle", () => {
    // Each of the rows 0 and 1 is a group of a class that streams twice: 14 cycles from 0 and from 15. Row 2 is another
    // group, whose first core comes at 22: 22 + 14 = 36.
    const exchange = stream(64, { row: affine(0, 1), column: 0, rows: 1, columns: 4 });
    const third = stream(64, cores(2, 0, 1, 4));
    const trace = run(
      oneStep([
        onCores(cores(0, 0, 2, 4), { weights: [{ kind: "loop", count: 2, body: [exchange] }] }),
        onCores(cores(2, 0), { weights: [matmul(4, 64, 16), third] }),
        onCores(cores(2, 1, 1, 3), { weights: [third] }),
      ]),
    );
    const row = (index: number, columns: readonly number[], span: string): string[] =>
      columns.map((column) => `(${index},${column}) weights.stream ${span}`);
    const all = [0, 1, 2, 3];
    expect(timeline(trace, ["weights.stream"])).toEqual([
      ...row(0, all, "0-14"),
      ...row(1, all, "0-14"),
      ...row(2, [1, 2, 3], "0-36"),
      ...row(0, all, "15-29"),
      ...row(1, all, "15-29"),
      ...row(2, [0], "22-36"),
    ]);
  });

  /** All cores of a rectangle multicast `bytes` bytes to each other over a network with the model network's numbers. */
  const eventCycles = (rows: number, columns: number, bytes: number, hopCycles: number): number => {
    const target = withTarget((changed) => {
      changed.grid = { rows: 8, columns: 8 };
      changed.networks.activation = { linkBytesPerCycle: 32, hopCycles, hopEnergyPjPerByte: 0 };
      changed.core.memoryPortBytesPerCycle = 1 << 20;
    });
    const all = cores(0, 0, rows, columns);
    const trace = run(
      program([step("only", [onCores(all, { send: [multicast(bytes, all, 1)] })])], {
        target: { name: "mini", rows: 8, columns: 8 },
      }),
      { target },
    );
    return Math.max(...trace.settled);
  };

  it("on a line is an upper bound of the multicasts it stands for: they take (n − 1)·h + hopCycles, it one piece and the other hops more", () => {
    for (let count = 2; count <= 8; count += 1) {
      for (const [bytes, hopCycles] of [
        [32, 1],
        [64, 2],
        [96, 1],
        [256, 3],
      ] as const) {
        const hold = bytes / 32;
        const target = withTarget((changed) => {
          changed.networks.model.hopCycles = hopCycles;
        });
        const simulated = eventCycles(1, count, bytes, hopCycles);
        expect(simulated).toBe((count - 1) * hold + hopCycles);
        expect(streamCycles(target, 1, count, bytes) - simulated).toBe(hold + hopCycles * (count - 2));
      }
    }
  });

  it("is never faster than the eject ports allow and never slower than the formula when the multicasts are simulated in a rectangle", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom(1, 2),
        (rows, columns, hold, hopCycles) => {
          const simulated = eventCycles(rows, columns, hold * 32, hopCycles);
          expect(simulated).toBeGreaterThanOrEqual((rows * columns - 1) * hold + hopCycles);
          expect(simulated).toBeLessThanOrEqual(rows * columns * hold + hopCycles * (rows + columns - 2));
        },
      ),
    );
  });

  it("of a single core takes its own piece through the eject port", () => {
    const trace = run(oneStep([onCores(cores(1, 1), { weights: [stream(320, cores(1, 1))] })]));
    expect(timeline(trace)).toEqual(["(1,1) weights.stream 0-10"]);
    expect(streamCycles(miniTarget, 1, 1, 320)).toBe(10);
  });
});
