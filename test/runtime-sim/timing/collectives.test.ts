import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { streamCycles } from "../../../targets/cost.ts";
import {
  affine,
  columnsOf,
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
    // 1 × 4 cores, 64 bytes each: 4 × 64/32 = 8 cycles from 22, when (0,2) has come.
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
      "(0,0) weights.stream 0-30",
      "(0,1) weights.stream 0-30",
      "(0,3) weights.stream 0-30",
      "(0,2) weights.stream 22-30",
    ]);
  });

  it("lasts until the piece of the slowest memory port has come to all", () => {
    // The port of (0,1) is asked at 0 by the weights thread before the gather, that of (0,0) is held until 40.
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { control: [gather(1280)], weights: [stream(64, cores(0, 0, 1, 2))] }),
        onCores(cores(0, 1), { gather: [gather(1280)], weights: [stream(64, cores(0, 0, 1, 2))] }),
      ]),
    );
    // Alone: 2 × 2 = 4. The port of (0,0) begins to read at 40; the piece comes to (0,1) at 42, and is there at 44.
    expect(timeline(trace, ["weights.stream"])).toEqual(["(0,0) weights.stream 0-44", "(0,1) weights.stream 0-44"]);
  });

  it("runs once a group and turn: groups of a class are told apart by their rectangle", () => {
    // Each of the rows 0 and 1 is a group of a class that streams twice: 8 cycles from 0 and from 9. Row 2 is another
    // group, whose first core comes at 22: 22 + 8 = 30.
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
      ...row(0, all, "0-8"),
      ...row(1, all, "0-8"),
      ...row(2, [1, 2, 3], "0-30"),
      ...row(0, all, "9-17"),
      ...row(1, all, "9-17"),
      ...row(2, [0], "22-30"),
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
    return Math.max(...columnsOf(trace).settled);
  };

  it("on a line is what the multicasts take that it stands for, (n − 1)·h + hopCycles, but that the own piece passes the port before others come", () => {
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
        expect(streamCycles(target, 1, count, bytes) - simulated).toBe(hold - hopCycles);
      }
    }
  });

  it("in a rectangle too: its multicasts keep the eject ports busy", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 2, max: 8 }),
        fc.constantFrom(1, 2),
        (rows, columns, hold, hopCycles) => {
          const simulated = eventCycles(rows, columns, hold * 32, hopCycles);
          expect(simulated).toBe((rows * columns - 1) * hold + hopCycles);
        },
      ),
    );
  });

  it("is one of a group in which the core stands, of those beside the one that is named", () => {
    // 2 × 64/32 cycles: (0,0) and (0,1) stand beside (0,2) and (0,3); (2,1) and (2,2) below (1,1) and (1,2), which wait until 22.
    const named = stream(64, cores(1, 1, 1, 2));
    const trace = run(
      oneStep([
        onCores(cores(0, 0, 1, 2), { weights: [stream(64, cores(0, 2, 1, 2))] }),
        onCores(cores(1, 1), { weights: [matmul(4, 64, 16), named] }),
        onCores(cores(1, 2), { weights: [named] }),
        onCores(cores(2, 1, 1, 2), { weights: [named] }),
      ]),
    );
    expect(timeline(trace, ["weights.stream"])).toEqual([
      "(0,0) weights.stream 0-4",
      "(0,1) weights.stream 0-4",
      "(1,2) weights.stream 0-26",
      "(2,1) weights.stream 0-4",
      "(2,2) weights.stream 0-4",
      "(1,1) weights.stream 22-26",
    ]);
  });

  it("of pieces that last less than a hop waits for those that come from afar", () => {
    // A piece holds a port for a cycle, a hop takes 2. The corner of 2 × 3 cores takes in its own piece at 0, then
    // those at distance 1 or more at 2: 2 + 5 = 7; those at distance 2 or more come at 4: 4 + 3; the farthest at 6: 6 + 1.
    expect(streamCycles(miniTarget, 2, 3, 32)).toBe(7);
    // On a line of four: 4, 2 + 3, 4 + 2, 6 + 1.
    expect(streamCycles(miniTarget, 1, 4, 32)).toBe(7);
    expect(streamCycles(miniTarget, 4, 1, 32)).toBe(7);
  });

  it("of a single core takes its own piece through the eject port", () => {
    const trace = run(oneStep([onCores(cores(1, 1), { weights: [stream(320, cores(1, 1))] })]));
    expect(timeline(trace)).toEqual(["(1,1) weights.stream 0-10"]);
    expect(streamCycles(miniTarget, 1, 1, 320)).toBe(10);
  });
});
