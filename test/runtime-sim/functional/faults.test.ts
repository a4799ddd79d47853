import { describe, expect, it } from "vitest";
import { BorealError, type Problem } from "../../../base/errors.ts";
import type { Instruction } from "../../../ir/instruction.ts";
import type { Program, ProgramBuffer } from "../../../ir/program.ts";
import { createExecutor } from "../../../runtime-sim/functional/executor.ts";
import {
  affine,
  bytePort,
  classOf,
  copy,
  core,
  fill,
  matmul,
  move,
  type ProgramParts,
  program,
  smallMachine,
  view,
  wait,
} from "./programs.ts";

/** The problems of a run, or of the preparation; none when it succeeds. */
function problems(
  parts: ProgramParts | Program,
  options: { readonly checked?: boolean; readonly order?: { readonly seed: number } } = { checked: true },
  sidecar: Uint8Array | null = "sidecar" in parts && parts.sidecar instanceof Uint8Array ? parts.sidecar : null,
): readonly Problem[] {
  try {
    const built = "kind" in parts ? parts : program(parts);
    createExecutor(built, sidecar, smallMachine, options).run(new Map());
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  return [];
}

function buffer(name: string, address: number, bytes: number, firstStep: number, lastStep: number): ProgramBuffer {
  return { name, space: "memory", address, bytes, firstStep, lastStep };
}

const here = core(0, 0);
const signalHere = (token: number): Instruction => ({ kind: "signal", token, core: { row: 0, column: 0 } });

describe("B505", () => {
  it("lists each waiting thread with what it has and needs", () => {
    const found = problems({
      rows: 1,
      columns: 2,
      steps: [
        [classOf(here, { gather: [fill(1, 0, 1), wait(4, 3)], send: [signalHere(4)], matrix: [fill(2, 8, 1)] })],
        [classOf(core(0, 1), { vector: [wait(9)] })],
      ],
    });
    expect(found.map(({ code }) => code)).toEqual(["B505", "B505", "B505"]);
    expect(found[0]?.message).toBe("2 of 4 threads wait for ever:");
    expect(found[1]).toMatchObject({
      message: "gather[1] wait token 4 has 1 and needs 3.",
      at: { layer: "s0", core: { row: 0, column: 0 } },
    });
    expect(found[2]).toMatchObject({
      message: "vector[0] wait token 9 has 0 and needs 1.",
      at: { layer: "s1", core: { row: 0, column: 1 } },
    });
  });

  it("names the cores that a barrier lacks", () => {
    const found = problems({
      rows: 1,
      columns: 2,
      steps: [[classOf(here, { control: [{ kind: "barrier" }] }), classOf(core(0, 1), { gather: [fill(0, 0, 1)] })]],
    });
    expect(found[1]?.message).toBe("control[0] barrier lacks (0,1).");
  });

  it("names the cores that a weights.stream lacks", () => {
    const group = { row: 0, column: 0, rows: 1, columns: 2 };
    const stream: Instruction = { kind: "weights.stream", bytes: 1, source: 0, destination: 0, group };
    const found = problems({ columns: 2, steps: [[classOf(here, { weights: [fill(0, 0, 1), stream] })]] });
    expect(found[1]?.message).toBe("weights[1] weights.stream lacks (0,1).");
  });

  it("shows what is alike on several cores once, tokens before collectives, and at most 24 waits", () => {
    const cores = { row: 0, column: 0, rows: 5, columns: 6 };
    const barrier: Instruction = { kind: "barrier" };
    const alike = problems({
      rows: 5,
      columns: 6,
      steps: [
        [classOf(cores, { control: [barrier, barrier], gather: [wait(0)] }), classOf(core(0, -1), { host: [wait(1)] })],
      ],
    });
    expect(alike.map(({ message }) => message)).toEqual([
      "61 of 61 threads wait for ever:",
      "gather[0] wait token 0 has 0 and needs 1. The same on 29 more cores.",
      "host[0] wait token 1 has 0 and needs 1.",
      "control[0] barrier lacks (0,-1). The same on 29 more cores.",
    ]);
    const different = Array.from({ length: 30 }, (_, token) =>
      classOf(core(Math.floor(token / 6), token % 6), { control: [wait(token)] }),
    );
    const found = problems({ rows: 5, columns: 6, steps: [different] });
    expect(found).toHaveLength(26);
    expect(found.at(-1)?.message).toBe("... and 6 other waits.");
  });

  it("forgets the tokens of the failed run", () => {
    const built = program({
      inputs: [bytePort("in", 0, 1)],
      steps: [[classOf(here, { gather: [signalHere(0), wait(0, 2)] })]],
    });
    const executor = createExecutor(built, null, smallMachine);
    const run = () => executor.run(new Map([["in", Uint8Array.of(0)]]));
    expect(run).toThrow("has 1 and needs 2");
    expect(run).toThrow("has 1 and needs 2");
  });
});

describe("B502", () => {
  it("names the byte, the instruction, the layer and the core of a read of what was never written", () => {
    const found = problems({ steps: [[classOf(here, { gather: [fill(1, 0, 4), copy(2, 8, 3)] })]] });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      code: "B502",
      message: "gather[1] gather [3] × 1 bytes: its source reads byte 4 of memory, which was never written.",
      at: { layer: "s0", core: { row: 0, column: 0 } },
    });
  });

  it("does not ask in unchecked mode", () => {
    expect(problems({ steps: [[classOf(here, { gather: [copy(2, 8, 3)] })]] }, {})).toEqual([]);
  });

  it("finds what an earlier buffer left at the same place", () => {
    const parts = (second: readonly Instruction[]): ProgramParts => ({
      buffers: [buffer("a", 0, 8, 0, 0), buffer("b", 0, 8, 1, 1), buffer("c", 16, 8, 0, 1)],
      steps: [[classOf(here, { gather: [fill(1, 0, 8)] })], [classOf(here, { gather: second })]],
    });
    expect(problems(parts([fill(2, 0, 8), copy(0, 16, 8)]))).toEqual([]);
    expect(problems(parts([fill(2, 0, 7), copy(0, 16, 8)]))[0]?.message).toContain("byte 7 of memory");
  });

  it("finds the accumulation onto partial sums that were never started", () => {
    const accumulate = matmul([1, 1, 1], 0, 1, 0, "accumulate");
    const found = problems({ steps: [[classOf(here, { matrix: [fill(1, 0, 2), accumulate] })]] });
    expect(found[0]?.message).toContain("its partial sums reads byte 0 of partial");
  });

  it("counts images as written in every run, unless an instruction overwrites them", () => {
    const sidecar = Uint8Array.of(7, 8);
    const parts = (body: readonly Instruction[]): Program =>
      program({
        sidecar,
        images: [{ cores: here, address: 4, offset: 0, bytes: 2 }],
        steps: [[classOf(here, { gather: body })]],
      });
    const kept = createExecutor(parts([copy(4, 8, 2)]), sidecar, smallMachine, { checked: true });
    kept.run(new Map());
    kept.run(new Map());
    expect([...kept.readCore(0, 0, "memory", 8, 2)]).toEqual([7, 8]);
    const lost = createExecutor(parts([copy(4, 8, 2), fill(0, 4, 1)]), sidecar, smallMachine, { checked: true });
    lost.run(new Map());
    expect(() => lost.run(new Map())).toThrow("byte 4 of memory, which was never written");
  });

  it("does not count what the run before wrote", () => {
    // A token is left over, so the reader, whose thread goes first, does not wait for the writer in the second run.
    const writer = [fill(0, 0, 1), signalHere(0), signalHere(0)];
    const built = program({ steps: [[classOf(here, { vector: [wait(0), copy(0, 8, 1)], gather: writer })]] });
    const executor = createExecutor(built, null, smallMachine, { checked: true });
    executor.run(new Map());
    expect(() => executor.run(new Map())).toThrow("byte 0 of memory, which was never written");
  });

  it("says which output was never sent", () => {
    const found = problems({ outputs: [bytePort("y", 0, 4)], steps: [[classOf(here, { gather: [fill(0, 0, 1)] })]] });
    expect(found[0]).toMatchObject({ code: "B502", message: 'Output "y" was never sent to the host.' });
  });
});

describe("B503", () => {
  const expected = (parts: ProgramParts, message: string): void => {
    const found = problems(parts, {});
    expect(found[0]?.code).toBe("B503");
    expect(found[0]?.message).toContain(message);
  };

  it("refuses a read and a write that pass the end of memory by one byte, and accepts the last byte", () => {
    expected(
      { steps: [[classOf(here, { gather: [copy(4093, 0, 4)] })]] },
      "its source reaches bytes 4093..4096 of memory",
    );
    expected({ steps: [[classOf(here, { vector: [fill(0, 4090, 7)] })]] }, "its destination reaches bytes 4090..4096");
    expect(problems({ steps: [[classOf(here, { vector: [fill(0, 4090, 6)] })]] }, {})).toEqual([]);
  });

  it("refuses addresses below zero by a stride or by a turn", () => {
    const back: Instruction = { ...copy(0, 8, 2), source: view(0, [-1]) } as Instruction;
    expected({ steps: [[classOf(here, { gather: [back] })]] }, "its source reaches bytes -1..0 of memory");
    const loop: Instruction = { kind: "loop", count: 3, body: [fill(0, affine(4, 0, 0, -4), 1)] };
    expected({ steps: [[classOf(here, { gather: [loop] })]] }, "gather[0.0] vector fill [1], turn 2: its destination");
  });

  it("refuses a packet that passes the end of the receiver's partial-sum buffer, in either order", () => {
    const parts: ProgramParts = {
      columns: 2,
      steps: [
        [
          classOf(here, {
            psum: [
              { kind: "psum.send", count: 2, address: 0, core: { row: 0, column: 1 }, destination: 1020, token: 0 },
            ],
          }),
        ],
      ],
    };
    expected(parts, "reaches bytes 1020..1027 of partial on core (0,1), which has 1024");
    expect(problems(parts, { order: { seed: 1 } })[0]?.message).toContain("1020..1027 of partial on core (0,1)");
  });

  it("refuses a receiver outside the grid", () => {
    const parts: ProgramParts = { steps: [[classOf(here, { send: [move(0, { row: 0, column: 1 }, 0, 1, 0)] })]] };
    expected(parts, "reaches core (0,1); the grid is 1×1");
  });

  it("refuses the framebuffer to a grid core and memory to an io core", () => {
    const frame: Instruction = { ...copy(0, 0, 1), source: view(0, [1], "frame") } as Instruction;
    expected({ steps: [[classOf(here, { gather: [frame] })]] }, "of frame, which has 0");
    expected({ steps: [[classOf(core(0, -1), { gather: [fill(0, 0, 1)] })]] }, "of memory, which has 0");
  });

  it("refuses classes that overlap or leave the grid, ports that do not exist, groups that leave it", () => {
    const threads = { gather: [fill(0, 0, 1)] };
    expected(
      { steps: [[classOf(here, threads), classOf(here, threads)]] },
      "Two classes of one step hold the gather thread of the same core",
    );
    expected({ steps: [[classOf(core(1, 0), threads)]] }, "A class of cores reaches outside the grid");
    const host: Instruction = { kind: "host.in", port: 1 };
    expected({ steps: [[classOf(core(0, -1), { host: [host] })]] }, "host.in names port 1, but there are 0");
    // Two columns each: the second group has column 3 beside the grid's last.
    const group = { row: 0, column: 0, rows: 1, columns: 2 };
    const stream: Instruction = { kind: "weights.stream", bytes: 1, source: 0, destination: 0, group };
    expected({ columns: 3, steps: [[classOf(core(0, 2), { weights: [stream] })]] }, "leaves the grid");
  });

  it("refuses pieces of different lengths in one weights.stream", () => {
    const group = { row: 0, column: 0, rows: 1, columns: 2 };
    const stream = (bytes: number): Instruction => ({
      kind: "weights.stream",
      bytes,
      source: 0,
      destination: 0,
      group,
    });
    const classes = [classOf(here, { weights: [stream(1)] }), classOf(core(0, 1), { weights: [stream(2)] })];
    expected({ columns: 2, steps: [classes] }, "streams 2 bytes; core (0,0) of the group streams 1");
  });

  it("refuses writes outside the buffers of the step in checked mode", () => {
    const parts = (address: number): ProgramParts => ({
      buffers: [buffer("a", 0, 8, 0, 0), buffer("b", 8, 4, 0, 0), buffer("late", 12, 8, 1, 1)],
      steps: [[classOf(here, { gather: [fill(0, address, 4)] })], []],
    });
    expect(problems(parts(6))).toEqual([]);
    expect(problems(parts(8))).toEqual([]);
    expect(problems(parts(9))[0]).toMatchObject({
      code: "B503",
      message:
        "gather[0] vector fill [4]: its destination writes byte 12 of memory, which lies outside every live buffer of the step.",
    });
  });

  it("refuses images outside memory, grid, sidecar and buffers", () => {
    const sidecar = new Uint8Array(8);
    const image = (address: number, offset: number, column = 0): ProgramParts => ({
      sidecar,
      images: [{ cores: core(0, column), address, offset, bytes: 4 }],
      steps: [],
    });
    expected(image(4093, 0), "leaves the memory of 4096 bytes");
    expected(image(0, 5), "leaves the sidecar of 8 bytes");
    expected(image(0, 0, 1), "stands outside the grid");
    const found = problems({ ...image(6, 0), buffers: [buffer("a", 0, 8, 0, 3)] });
    expect(found[0]?.message).toContain("covers byte 8, which lies outside every buffer");
  });

  it("refuses bytes outside a memory to readers", () => {
    const executor = createExecutor(program({ steps: [] }), null, smallMachine);
    expect(() => executor.readCore(0, 0, "memory", 4095, 2)).toThrow("leave its 4096 bytes");
    expect(() => executor.readCore(0, 1, "memory", 0, 1)).toThrow("leave its 0 bytes");
  });
});

describe("B504", () => {
  it("names all buffers that overlap in space and time", () => {
    const found = problems({
      buffers: [
        buffer("a", 0, 8, 0, 2),
        buffer("b", 7, 4, 2, 3),
        buffer("c", 8, 4, 0, 1),
        { ...buffer("d", 0, 8, 0, 2), space: "partial" },
      ],
      steps: [],
    });
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toBe('Buffers "a" (memory 0..7, steps 0..2) and "b" (memory 7..10, steps 2..3) overlap.');
    expect(found[0]?.code).toBe("B504");
  });

  it("reports buffers that leave their space as B503", () => {
    const found = problems({ buffers: [{ ...buffer("w", 1000, 25, 0, 0), space: "weights" }], steps: [] });
    expect(found[0]?.message).toBe('Buffer "w" (weights 1000..1024, steps 0..0) leaves the 1024 bytes of its space.');
    expect(found[0]?.code).toBe("B503");
  });
});

describe("weights and inputs", () => {
  const sidecar = Uint8Array.of(1, 2, 3, 4);
  const built = program({ sidecar, images: [{ cores: here, address: 0, offset: 0, bytes: 4 }], steps: [] });

  it("refuses a missing, short or altered sidecar with B506", () => {
    expect(problems(built, {}, null)[0]?.code).toBe("B506");
    expect(problems(built, {}, sidecar.slice(1))[0]?.message).toContain("The weights are 3 bytes");
    expect(problems(built, {}, Uint8Array.of(1, 2, 3, 5))[0]?.message).toContain("have the checksum");
    expect(problems(built, {}, sidecar)).toEqual([]);
    expect(problems({ steps: [] }, {}, null)).toEqual([]);
  });

  it("refuses a program whose weights are absent with B508", () => {
    expect(problems({ ...built, images: [], sidecar: null }, {}, null)[0]?.code).toBe("B508");
  });

  it("refuses missing inputs and inputs of another length with B702", () => {
    const executor = createExecutor(program({ inputs: [bytePort("x", 0, 3)], steps: [] }), null, smallMachine);
    expect(() => executor.run(new Map())).toThrow('Input "x" is missing; expected 3 bytes of u8.');
    expect(() => executor.run(new Map([["x", new Uint8Array(2)]]))).toThrow('Input "x" has 2 bytes');
  });

  it("reports what the kernels do not compute as a bug, with its place", () => {
    const bad: Instruction = {
      kind: "vector",
      function: "exp",
      counts: [1],
      sources: [{ space: "memory", address: 0, strides: [1], element: "i8" }],
      destination: { space: "memory", address: 0, strides: [1], element: "i8" },
      parameters: {},
      activation: [],
    };
    const found = problems({ steps: [[classOf(here, { vector: [fill(0, 0, 1), bad] })]] });
    expect(found[0]).toMatchObject({ code: "B901", at: { layer: "s0", core: { row: 0, column: 0 } } });
    expect(found[0]?.message).toContain("vector[1] vector exp [1]");
  });
});
