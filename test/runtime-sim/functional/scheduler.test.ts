import { describe, expect, it } from "vitest";
import type { Instruction, SimpleInstruction } from "../../../ir/instruction.ts";
import { createExecutor } from "../../../runtime-sim/functional/executor.ts";
import { affine, classOf, copy, core, fill, program, smallMachine, wait } from "./programs.ts";

const here = core(0, 0);
const signal = (token: number, column = 0): SimpleInstruction => ({
  kind: "signal",
  token,
  core: { row: 0, column },
});

describe("tokens", () => {
  it("carry over from run to run", () => {
    const built = program({
      initialTokens: [{ cores: here, token: 0, count: 1 }],
      steps: [[classOf(here, { vector: [wait(0), fill(5, 0, 1)], gather: [signal(0)] })]],
    });
    const executor = createExecutor(built, null, smallMachine);
    for (let run = 0; run < 3; run += 1) executor.run(new Map());
    expect([...executor.readCore(0, 0, "memory", 0, 1)]).toEqual([5]);
    const once = program({
      initialTokens: [{ cores: here, token: 0, count: 2 }],
      steps: [[classOf(here, { vector: [wait(0)] })]],
    });
    const limited = createExecutor(once, null, smallMachine);
    limited.run(new Map());
    limited.run(new Map());
    expect(() => limited.run(new Map())).toThrow("has 0 and needs 1");
  });

  it("are lowered by the count of the wait, and belong to one core each", () => {
    const built = program({
      columns: 2,
      steps: [
        [
          classOf(here, { send: [signal(0, 1), signal(0, 1), signal(0, 1)] }),
          classOf(core(0, 1), { gather: [wait(0, 2), fill(1, 0, 1), wait(0), fill(2, 1, 1)] }),
        ],
      ],
    });
    const executor = createExecutor(built, null, smallMachine);
    executor.run(new Map());
    expect([...executor.readCore(0, 1, "memory", 0, 2)]).toEqual([1, 2]);
    const ownOnly = program({
      columns: 2,
      steps: [[classOf(here, { send: [signal(0, 0)] }), classOf(core(0, 1), { gather: [wait(0)] })]],
    });
    expect(() => createExecutor(ownOnly, null, smallMachine).run(new Map())).toThrow("has 0 and needs 1");
  });

  it("wake one waiting thread for each raise", () => {
    const built = program({
      steps: [
        [
          classOf(here, {
            matrix: [wait(0), fill(1, 0, 1), signal(0)],
            vector: [wait(0), fill(2, 1, 1), signal(0)],
            gather: [signal(0)],
          }),
        ],
      ],
    });
    for (let seed = 0; seed < 5; seed += 1) {
      const executor = createExecutor(built, null, smallMachine, { order: { seed } });
      executor.run(new Map());
      expect([...executor.readCore(0, 0, "memory", 0, 2)]).toEqual([1, 2]);
    }
  });

  it("refuses initial tokens outside the grid", () => {
    const built = program({ initialTokens: [{ cores: core(0, 1), token: 0, count: 1 }], steps: [] });
    expect(() => createExecutor(built, null, smallMachine)).toThrow("Initial token 0 names a core outside the grid.");
  });
});

describe("queues", () => {
  it("go through steps in order, with the core's own place in the class of each", () => {
    const row = { row: 0, column: 0, rows: 1, columns: 3 };
    const tail = { row: 0, column: 1, rows: 1, columns: 2 };
    const built = program({
      columns: 3,
      steps: [
        [classOf(row, { gather: [fill(1, affine(0, 0, 10), 2)] })],
        [],
        [classOf(tail, { gather: [copy(affine(10, 0, 10), affine(100, 0, 1), 1), fill(2, affine(10, 0, 10), 1)] })],
      ],
    });
    const executor = createExecutor(built, null, smallMachine, { checked: true });
    executor.run(new Map());
    expect([...executor.readCore(0, 1, "memory", 10, 2)]).toEqual([2, 1]);
    expect([...executor.readCore(0, 2, "memory", 20, 2)]).toEqual([2, 1]);
    expect([...executor.readCore(0, 2, "memory", 101, 1)]).toEqual([1]);
  });

  it("come from several classes of a step when these hold different threads of a core", () => {
    const writer = classOf({ row: 0, column: 0, rows: 1, columns: 2 }, { vector: [fill(3, 0, 1)] });
    const reader = classOf(here, { gather: [wait(0), copy(0, 1, 1)], send: [signal(0)] });
    const executor = createExecutor(program({ columns: 2, steps: [[writer, reader]] }), null, smallMachine);
    executor.run(new Map());
    expect([...executor.readCore(0, 0, "memory", 0, 2)]).toEqual([3, 3]);
    expect([...executor.readCore(0, 1, "memory", 0, 2)]).toEqual([3, 0]);
  });

  it("run loops of several instructions between others, and empty ones not at all", () => {
    const built = program({
      steps: [
        [
          classOf(here, {
            gather: [
              { kind: "loop", count: 2, body: [] },
              fill(9, 0, 1),
              { kind: "loop", count: 2, body: [copy(affine(0, 0, 0, 1), affine(1, 0, 0, 1), 1), signal(0)] },
              { kind: "loop", count: 2, body: [wait(0)] },
              copy(2, 3, 1),
            ],
          }),
        ],
      ],
    });
    const executor = createExecutor(built, null, smallMachine, { checked: true });
    executor.run(new Map());
    expect([...executor.readCore(0, 0, "memory", 0, 5)]).toEqual([9, 9, 9, 9, 0]);
  });
});

describe("collectives", () => {
  it("count a core that comes early, on another thread, for the next one", () => {
    const group = { row: 0, column: 0, rows: 1, columns: 2 };
    const stream = (source: number, destination: number): Instruction => ({
      kind: "weights.stream",
      bytes: 1,
      source,
      destination,
      group,
    });
    const built = program({
      columns: 2,
      steps: [
        [
          classOf(here, { weights: [fill(1, 0, 1), stream(0, 0)], gather: [fill(2, 1, 1), stream(1, 8)] }),
          classOf(core(0, 1), { weights: [fill(3, 0, 1), fill(4, 1, 1), stream(0, 0), stream(1, 8)] }),
        ],
      ],
    });
    const executor = createExecutor(built, null, smallMachine, { checked: true });
    executor.run(new Map());
    expect([...executor.readCore(0, 0, "weights", 0, 10)]).toEqual([1, 3, 0, 0, 0, 0, 0, 0, 2, 4]);
    expect([...executor.readCore(0, 1, "weights", 0, 10)]).toEqual([1, 3, 0, 0, 0, 0, 0, 0, 2, 4]);
  });

  it("go on after a thread whose collective was its last instruction", () => {
    const barrier: Instruction = { kind: "barrier" };
    const built = program({
      columns: 2,
      steps: [
        [
          classOf(here, { control: [barrier] }),
          classOf(core(0, 1), { control: [barrier, fill(1, 0, 1)], gather: [barrier] }),
        ],
      ],
    });
    expect(() => createExecutor(built, null, smallMachine).run(new Map())).toThrow("gather[0] barrier lacks (0,0).");
  });
});
