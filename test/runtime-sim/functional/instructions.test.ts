import { describe, expect, it } from "vitest";
import type { Instruction, MulticastInstruction, Operand, SimpleInstruction } from "../../../ir/instruction.ts";
import type { Program } from "../../../ir/program.ts";
import { createExecutor, type FunctionalExecutor } from "../../../runtime-sim/functional/executor.ts";
import {
  affine,
  bytePort,
  classOf,
  copy,
  core,
  fill,
  i32Bytes,
  i32Values,
  matmul,
  move,
  program,
  smallMachine,
  type Threads,
  view,
  wait,
} from "./programs.ts";

/** Runs a program without inputs, checked, on both kinds of kernels; both must leave the same bytes. */
function ran(built: Program, sidecar: Uint8Array | null = null): FunctionalExecutor {
  const [wasm, plain] = (["wasm", "plain"] as const).map((kernels) => {
    const executor = createExecutor(built, sidecar, smallMachine, { kernels, checked: true });
    executor.run(new Map());
    return executor;
  }) as [FunctionalExecutor, FunctionalExecutor];
  const { rows, columns } = built.target;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (const [space, bytes] of [
        ["memory", 4096],
        ["weights", 1024],
        ["partial", 1024],
      ] as const) {
        expect(plain.readCore(row, column, space, 0, bytes)).toEqual(wasm.readCore(row, column, space, 0, bytes));
      }
    }
  }
  return wasm;
}

/** Runs the threads of core (0,0) of a 1×1 grid with `data` at address 0. */
function ranAlone(threads: Threads, data: Uint8Array = new Uint8Array(0)): FunctionalExecutor {
  const images = [{ cores: core(0, 0), address: 0, offset: 0, bytes: data.length }];
  return ran(program({ images, sidecar: data, steps: [[classOf(core(0, 0), threads)]] }), data);
}

function memory(executor: FunctionalExecutor, address: number, bytes: number): number[] {
  return [...executor.readCore(0, 0, "memory", address, bytes)];
}

describe("matmul", () => {
  const data = new Uint8Array(256);
  data.set(new Uint8Array(Int8Array.of(1, 2, 3, -4, 5, -6).buffer), 0);
  data.set(new Uint8Array(Int8Array.of(1, 2, 3, 4, 5, -128).buffer), 16);
  data.set(i32Bytes([100, -100]), 32);

  it("starts at zero", () => {
    const executor = ranAlone({ matrix: [matmul([2, 3, 2], 0, 16, 64)] }, data);
    // [1 2 3; −4 5 −6] · [1 2; 3 4; 5 −128]
    expect(i32Values(executor.readCore(0, 0, "partial", 64, 16))).toEqual([22, -374, -19, 780]);
  });

  it("starts with a copy of the bias for each row", () => {
    const executor = ranAlone({ matrix: [matmul([2, 3, 2], 0, 16, 64, "bias", 32)] }, data);
    expect(i32Values(executor.readCore(0, 0, "partial", 64, 16))).toEqual([122, -474, 81, 680]);
  });

  it("accumulates onto what stands there", () => {
    const twice = [matmul([2, 3, 2], 0, 16, 64), matmul([2, 3, 2], 0, 16, 64, "accumulate")];
    const executor = ranAlone({ matrix: twice }, data);
    expect(i32Values(executor.readCore(0, 0, "partial", 64, 16))).toEqual([44, -748, -38, 1560]);
  });

  it("reads paired weights of the weight buffer and several groups", () => {
    const paired: SimpleInstruction = {
      ...matmul([2, 3, 1], 0, 0, 0),
      groups: 2,
      activations: {
        space: "memory",
        address: 0,
        element: "i8",
        groupStride: 0,
        rowStrides: [3],
        innerStrides: [1],
      },
      weights: {
        space: "weights",
        address: 8,
        element: "i8",
        layout: "paired",
        groupStride: 4,
        innerStrides: [],
        columnStride: 0,
      },
    };
    const bytes = data.slice();
    bytes.set([1, 2, 3, 0, 10, 20, 30, 0], 48);
    const executor = ranAlone(
      {
        weights: [
          { kind: "weights.load", bytes: 8, source: 48, destination: 8 },
          { kind: "signal", token: 1, core: { row: 0, column: 0 } },
        ],
        matrix: [wait(1), paired],
      },
      bytes,
    );
    expect(i32Values(executor.readCore(0, 0, "partial", 0, 16))).toEqual([14, -12, 140, -120]);
  });
});

describe("vector and reduce", () => {
  it("fills bytes with a stride and leaves the others", () => {
    const strided: Instruction = {
      kind: "vector",
      function: "fill",
      counts: [2, 3],
      sources: [],
      destination: { space: "memory", address: 10, strides: [8, 2], element: "u8" },
      parameters: { value: 7 },
      activation: [],
    };
    expect(memory(ranAlone({ vector: [strided] }), 9, 15)).toEqual([0, 7, 0, 7, 0, 7, 0, 0, 0, 7, 0, 7, 0, 7, 0]);
  });

  it("requantizes partial sums with scales that are pairs of i32, one a column", () => {
    // 2^21 · 2^−21 = 1 and 2^21 · 2^−22 = 1/2: ties go to even.
    const data = new Uint8Array(64);
    data.set(new Uint8Array(Int8Array.of(1, 1, 1, 1).buffer), 0);
    data.set(new Uint8Array(Int8Array.of(5, 5, 7, 7).buffer), 4);
    data.set(i32Bytes([2097152, 21, 2097152, 22]), 16);
    const requantize: Instruction = {
      kind: "vector",
      function: "requantize",
      counts: [2, 2],
      sources: [
        { space: "partial", address: 0, strides: [8, 4], element: "i32" },
        { space: "memory", address: 16, strides: [0, 8], element: "scale" },
      ],
      destination: { space: "memory", address: 48, strides: [2, 1], element: "i8" },
      parameters: { zero: 1, low: -128, high: 127 },
      activation: [],
    };
    const product = matmul([2, 1, 2], 0, 4, 0);
    const both: Threads = {
      matrix: [product, { kind: "signal", token: 0, core: { row: 0, column: 0 } }],
      vector: [wait(0), requantize],
    };
    // 5 · 1 + 1 = 6; rne(5 / 2) + 1 = 3
    expect(memory(ranAlone(both, data), 48, 4)).toEqual([6, 3, 6, 3]);
  });

  it("passes results through the activation unit, keeps what a stage takes, and packs the conversion", () => {
    const f16 = (address: number): Operand => ({ space: "memory", address, strides: [2], element: "f16" });
    const data = new Uint8Array(24);
    // 1.5, −2, 3, −0.5 and four times 1; the scale 2^21 · 2^−21 = 1.
    data.set(new Uint8Array(Uint16Array.of(0x3e00, 0xc000, 0x4200, 0xb800, 0x3c00, 0x3c00, 0x3c00, 0x3c00).buffer));
    data.set(i32Bytes([2097152, 21]), 16);
    const pass: Instruction = {
      kind: "vector",
      function: "add",
      counts: [4],
      sources: [f16(0), f16(8)],
      destination: { space: "memory", address: 40, strides: [0.5], element: "i4" },
      parameters: {},
      activation: [
        { function: "relu", element: "f16", kept: null, scale: null, parameters: {} },
        {
          function: "quantize",
          element: "f16",
          kept: { space: "memory", address: 32, strides: [2] },
          scale: { space: "memory", address: 16, strides: [0], element: "scale" },
          parameters: { zero: 1, low: -8, high: 7 },
        },
      ],
    };
    const executor = ranAlone({ vector: [pass] }, data);
    // relu gives 2.5, 0, 4 and 0.5; rounded to even, and 1 more, they are 3, 1, 5 and 1.
    expect([...new Uint16Array(executor.readCore(0, 0, "memory", 32, 8).buffer)]).toEqual([0x4100, 0, 0x4400, 0x3800]);
    expect(memory(executor, 40, 2)).toEqual([0x13, 0x15]);
  });

  it("reduces along the inner counts", () => {
    const sum: Instruction = {
      kind: "reduce",
      function: "sum",
      counts: [2],
      inner: [3],
      source: { space: "memory", address: 0, strides: [3, 1], element: "i8" },
      divisor: null,
      destination: { space: "memory", address: 32, strides: [4], element: "i32" },
    };
    const data = new Uint8Array(Int8Array.of(1, 2, 3, -4, 100, 100, 0, 0).buffer);
    expect(i32Values(ranAlone({ vector: [sum] }, data).readCore(0, 0, "memory", 32, 8))).toEqual([6, 196]);
  });

  it("takes the mean with a divisor for each element", () => {
    const mean: Instruction = {
      kind: "reduce",
      function: "mean",
      counts: [2],
      inner: [3],
      source: { space: "memory", address: 0, strides: [3, 1], element: "i8" },
      divisor: { space: "memory", address: 8, strides: [4], element: "i32" },
      destination: { space: "memory", address: 32, strides: [1], element: "i8" },
    };
    const data = new Uint8Array(16);
    data.set([1, 2, 3, 4, 5, 6]);
    data.set(i32Bytes([2, 3]), 8);
    expect(memory(ranAlone({ vector: [mean] }, data), 32, 2)).toEqual([3, 5]);
  });
});

describe("gather", () => {
  it("permutes elements of any width", () => {
    const data = Uint8Array.from({ length: 24 }, (_, index) => index);
    const transpose: Instruction = {
      kind: "gather",
      counts: [2, 2],
      elementBytes: 6,
      source: view(0, [12, 6]),
      destination: view(100, [6, 12]),
    };
    const expected = [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23];
    expect(memory(ranAlone({ gather: [transpose] }, data), 100, 24)).toEqual(expected);
  });

  it("advances with the turns of a loop", () => {
    const loop: Instruction = {
      kind: "loop",
      count: 3,
      body: [fill(9, affine(8, 0, 0, 2), 1), copy(affine(8, 0, 0, 2), affine(40, 0, 0, 1), 1)],
    };
    const executor = ranAlone({ gather: [loop] });
    expect(memory(executor, 8, 6)).toEqual([9, 0, 9, 0, 9, 0]);
    expect(memory(executor, 40, 4)).toEqual([9, 9, 9, 0]);
  });

  it("skips loops without turns and goes on", () => {
    const executor = ranAlone({ gather: [{ kind: "loop", count: 0, body: [fill(1, 0, 1)] }, fill(2, 1, 1)] });
    expect(memory(executor, 0, 2)).toEqual([0, 2]);
  });
});

describe("transfers", () => {
  it("moves a strided box to another core and raises the token there", () => {
    const sidecar = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
    const built = program({
      rows: 1,
      columns: 2,
      sidecar,
      images: [{ cores: core(0, 0), address: 0, offset: 0, bytes: 16 }],
      steps: [
        [
          classOf(core(0, 0), {
            send: [
              {
                kind: "move",
                counts: [2, 2],
                elementBytes: 2,
                source: view(1, [8, 4]),
                core: { row: 0, column: 1 },
                destination: view(100, [4, 2]),
                token: 5,
              },
            ],
          }),
          classOf(core(0, 1), { gather: [wait(5), copy(100, 200, 8)] }),
        ],
      ],
    });
    expect([...ran(built, sidecar).readCore(0, 1, "memory", 200, 8)]).toEqual([2, 3, 6, 7, 10, 11, 14, 15]);
  });

  it("multicasts to every core of a rectangle but the sender", () => {
    const cast: MulticastInstruction = {
      kind: "multicast",
      counts: [3],
      elementBytes: 1,
      source: view(0, [1]),
      cores: { row: 0, column: 0, rows: 2, columns: 2 },
      destination: view(50, [1]),
      token: 2,
    };
    const receive: Threads = { gather: [wait(2), copy(50, 60, 3)] };
    const built = program({
      rows: 2,
      columns: 2,
      steps: [
        [
          classOf(core(0, 0), { send: [fill(8, 0, 3), cast] }),
          classOf(core(0, 1), receive),
          classOf({ row: 1, column: 0, rows: 1, columns: 2 }, receive),
        ],
      ],
    });
    const executor = ran(built);
    expect([...executor.readCore(0, 0, "memory", 50, 3)]).toEqual([0, 0, 0]);
    for (const [row, column] of [
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      expect([...executor.readCore(row, column, "memory", 60, 3)]).toEqual([8, 8, 8]);
    }
  });

  it("sends a packet to the own core", () => {
    const send = [fill(3, 0, 2), move(0, { row: 0, column: 0 }, 30, 2, 1)];
    expect(memory(ranAlone({ send, gather: [wait(1), copy(30, 40, 2)] }), 40, 2)).toEqual([3, 3]);
  });

  it("adds partial sums that a neighbour has sent", () => {
    const sidecar = new Uint8Array(Int8Array.of(2, 3, 10, 20).buffer);
    const built = program({
      rows: 1,
      columns: 2,
      sidecar,
      images: [{ cores: { row: 0, column: 0, rows: 1, columns: 2 }, address: 0, offset: affine(0, 0, 2), bytes: 2 }],
      steps: [
        [
          classOf(core(0, 0), {
            matrix: [matmul([1, 1, 1], 0, 1, 0), { kind: "signal", token: 1, core: { row: 0, column: 0 } }],
            psum: [
              wait(1),
              { kind: "psum.send", count: 1, address: 0, core: { row: 0, column: 1 }, destination: 512, token: 7 },
            ],
          }),
          classOf(core(0, 1), {
            matrix: [matmul([1, 1, 1], 0, 1, 4), { kind: "signal", token: 1, core: { row: 0, column: 1 } }],
            vector: [wait(1), wait(7), { kind: "psum.recv", count: 1, source: 512, destination: 4 }],
          }),
        ],
      ],
    });
    expect(i32Values(ran(built, sidecar).readCore(0, 1, "partial", 4, 4))).toEqual([206]);
  });

  it("streams the pieces of a group, in row-major order, into every weight buffer", () => {
    const cores = { row: 0, column: 0, rows: 2, columns: 2 };
    const stream: Instruction = {
      kind: "weights.stream",
      bytes: 2,
      source: 4,
      destination: affine(10, 0, 100),
      group: { row: affine(0, 1, 0), column: 0, rows: 1, columns: 2 },
    };
    const built = program({
      rows: 2,
      columns: 2,
      sidecar: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      images: [{ cores, address: 4, offset: affine(0, 4, 2), bytes: 2 }],
      steps: [[classOf(cores, { weights: [stream] })]],
    });
    const executor = ran(built, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect([...executor.readCore(0, 0, "weights", 10, 4)]).toEqual([1, 2, 3, 4]);
    expect([...executor.readCore(0, 1, "weights", 110, 4)]).toEqual([1, 2, 3, 4]);
    expect([...executor.readCore(1, 0, "weights", 10, 4)]).toEqual([5, 6, 7, 8]);
    expect([...executor.readCore(1, 1, "weights", 110, 4)]).toEqual([5, 6, 7, 8]);
  });

  it("streams in groups that lie beside the one that is named", () => {
    const cores = { row: 0, column: 1, rows: 2, columns: 4 };
    const stream = { kind: "weights.stream", bytes: 1, source: 4, destination: 0 } as const;
    const group = { row: 1, column: 3, rows: 1, columns: 2 };
    const sidecar = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const built = program({
      rows: 2,
      columns: 5,
      sidecar,
      images: [{ cores, address: 4, offset: affine(0, 4, 1), bytes: 1 }],
      steps: [[classOf(cores, { weights: [{ ...stream, group }] })]],
    });
    const executor = ran(built, sidecar);
    const buffers = [0, 1].flatMap((row) =>
      [1, 2, 3, 4].map((column) => [...executor.readCore(row, column, "weights", 0, 2)].join()),
    );
    expect(buffers).toEqual(["1,2", "1,2", "3,4", "3,4", "5,6", "5,6", "7,8", "7,8"]);
  });

  it("raises the token of a loaded program on the sender as well, without asking for the program's bytes", () => {
    const load: Instruction = {
      kind: "program.load",
      bytes: 64,
      source: 1000,
      cores: { row: 0, column: 0, rows: 1, columns: 2 },
      token: 3,
    };
    const built = program({
      rows: 1,
      columns: 2,
      steps: [
        [
          classOf(core(0, 0), { control: [load, wait(3), fill(1, 0, 1)] }),
          classOf(core(0, 1), { control: [wait(3), fill(2, 0, 1)] }),
        ],
      ],
    });
    const executor = ran(built);
    expect([...executor.readCore(0, 0, "memory", 0, 1), ...executor.readCore(0, 1, "memory", 0, 1)]).toEqual([1, 2]);
  });

  it("passes the framebuffer from input to output through a core", () => {
    const io = core(0, -1);
    const built = program({
      inputs: [bytePort("in", 16, 4)],
      outputs: [bytePort("out", 64, 4)],
      steps: [
        [
          classOf(io, {
            host: [
              { kind: "host.in", port: 0 },
              { kind: "signal", token: 0, core: { row: 0, column: -1 } },
            ],
            send: [wait(0), { ...move(16, { row: 0, column: 0 }, 8, 4, 1), source: view(16, [1], "frame") }],
          }),
          classOf(core(0, 0), {
            gather: [wait(1), copy(8, 12, 4), { kind: "signal", token: 2, core: { row: 0, column: 0 } }],
          }),
        ],
        [
          classOf(core(0, 0), {
            send: [wait(2), { ...move(12, { row: 0, column: -1 }, 64, 4, 3), destination: view(64, [1], "frame") }],
          }),
          classOf(io, { host: [wait(3), { kind: "host.out", port: 0 }] }),
        ],
      ],
    });
    const executor = createExecutor(built, null, smallMachine, { checked: true });
    expect(executor.run(new Map([["in", Uint8Array.of(4, 3, 2, 1)]])).get("out")).toEqual(Uint8Array.of(4, 3, 2, 1));
    expect(executor.run(new Map([["in", Uint8Array.of(9, 9, 8, 8)]])).get("out")).toEqual(Uint8Array.of(9, 9, 8, 8));
    expect([...executor.readCore(0, -1, "frame", 16, 4)]).toEqual([9, 9, 8, 8]);
  });
});
