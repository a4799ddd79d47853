import { describe, expect, it } from "vitest";
import type { ActivationStage } from "../../../ir/instruction.ts";
import {
  affine,
  columnsOf,
  cores,
  gather,
  matmul,
  miniTarget,
  onCores,
  oneStep,
  ownCore,
  program,
  run,
  signal,
  step,
  timeline,
  vector,
  wait,
  withTarget,
} from "./machine.ts";

const origin = cores(0, 0);

type Narrow = "i8" | "i4" | "i2";

describe("one instruction", () => {
  it("a matmul takes rows × blocks of inputs × blocks of outputs and the fill", () => {
    // 4 rows × ⌈64/16⌉ × ⌈16/16⌉ + 5 = 21 cycles; the port serves 4 × 64 bytes in 4 of them.
    expect(timeline(run(oneStep([onCores(origin, { matrix: [matmul(4, 64, 16)] })])))).toEqual(["(0,0) matmul 0-21"]);
    // 4 × ⌈65/16⌉ × ⌈40/16⌉ + 5 = 4 × 5 × 3 + 5 = 65.
    expect(timeline(run(oneStep([onCores(origin, { matrix: [matmul(4, 65, 40)] })])))).toEqual(["(0,0) matmul 0-65"]);
    // 2 groups × 4 rows × 4 × ⌈40/32⌉ + 5 = 69 at 4 bits, 2 × 4 × 4 × ⌈40/64⌉ + 5 = 37 at 2; the wider operand decides.
    const grouped = (...elements: [Narrow, Narrow]) =>
      run(oneStep([onCores(origin, { matrix: [matmul(4, 64, 40, { groups: 2, elements })] })]));
    expect(timeline(grouped("i4", "i4"))).toEqual(["(0,0) matmul 0-69"]);
    expect(timeline(grouped("i4", "i2"))).toEqual(["(0,0) matmul 0-69"]);
    expect(timeline(grouped("i2", "i2"))).toEqual(["(0,0) matmul 0-37"]);
    // 2 × 4 × 4 × ⌈40/16⌉ + 5 = 101.
    expect(timeline(grouped("i8", "i2"))).toEqual(["(0,0) matmul 0-101"]);
  });

  it("a matmul lasts until the memory port has served activations, weights and bias", () => {
    // Unit: 1 × 4 × 1 + 5 = 9. Port: (64 activations + 64 × 16 weights + 16 × 4 bias) / 64 = 18.
    const { weights } = matmul(1, 64, 16);
    const instruction = matmul(1, 64, 16, { weights: { ...weights, space: "memory" }, start: "bias" });
    expect(timeline(run(oneStep([onCores(origin, { matrix: [instruction] })])))).toEqual(["(0,0) matmul 0-18"]);
  });

  it("a matmul reads its activations again for each block of columns", () => {
    // Unit: 1 × ⌈160/16⌉ × ⌈160/16⌉ + 5 = 105; port: 160 bytes × 10 passes / 1 byte a cycle = 1,600.
    const narrow = withTarget((target) => {
      target.core.memoryPortBytesPerCycle = 1;
    });
    const trace = run(oneStep([onCores(origin, { matrix: [matmul(1, 160, 160)] })]), { target: narrow });
    expect(timeline(trace)).toEqual(["(0,0) matmul 0-1600"]);
  });

  it("a vector function takes the cycles of its class for each group of lanes and the fill", () => {
    // relu is a compare: ⌈65/8⌉ × 2 + 3 = 21; exp is a table: 9 × 6 + 3 = 57; add: 9 × 3 + 3 = 30.
    const threads = { vector: [vector("relu", 65), vector("exp", 65), vector("add", 65, 2)] };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual([
      "(0,0) vector 0-21",
      "(0,0) vector 22-79",
      "(0,0) vector 80-110",
    ]);
  });

  it("a pass through the activation unit takes the cycles of its slowest function, and both units fill", () => {
    const stage = { kept: null, scale: null, parameters: {} } as const;
    const exp = { ...stage, function: "exp", element: "i8" } as const;
    const convert = { ...stage, function: "convert", element: "i8" } as const;
    const [activated, slow] = [
      { ...vector("add", 65, 2), activation: [exp] },
      { ...vector("divide", 65, 2), activation: [exp] },
    ];
    const wide = { space: "memory", address: 0, element: "i64", strides: [8] } as const;
    const both = { ...activated, destination: wide, activation: [exp, convert] };
    // Groups of 8: 9 of 6 cycles (a table) + 3 + 4 = 61; 9 of 9 (divide) + 7 = 88; converted to 4 lanes each, ⌈260/8⌉ = 33 of 5
    // cycles + 7 = 172. The port: 130 + 65 bytes at 64 a cycle, 520 + 130 for the last.
    const trace = run(oneStep([onCores(origin, { vector: [activated, slow, both] })]));
    expect(timeline(trace)).toEqual(["(0,0) vector 0-61", "(0,0) vector 62-150", "(0,0) vector 151-323"]);
    const without = withTarget((changed) => {
      changed.activation = null;
    });
    expect(() => run(oneStep([onCores(origin, { vector: [activated] })]), { target: without })).toThrow("B509");
  });

  it("what a stage keeps and its scale cross the memory port", () => {
    const target = withTarget((changed) => {
      changed.core.memoryPortBytesPerCycle = 1;
    });
    const quantize: ActivationStage = {
      function: "quantize",
      element: "f16",
      kept: { space: "memory", address: 0, strides: [2] },
      scale: { space: "memory", address: 0, element: "scale", strides: [0] },
      parameters: { zero: 0, low: -128, high: 127 },
    };
    // 2 × 65 bytes of sources, 65 × 2 that are kept, a scale of 8, 65 of results.
    const instruction = { ...vector("add", 65, 2), activation: [quantize] };
    expect(timeline(run(oneStep([onCores(origin, { vector: [instruction] })]), { target }))).toEqual([
      "(0,0) vector 0-333",
    ]);
  });

  it("an operand that is repeated crosses the memory port once", () => {
    // add [64, 8]: the first source 512 bytes, the second 8 (stride 0 over the rows), the result 512: ⌈1032/1⌉ cycles.
    const slow = withTarget((target) => {
      target.core.memoryPortBytesPerCycle = 1;
    });
    const operand = { space: "memory", address: 0, element: "i8", strides: [8, 1] } as const;
    const instruction = {
      ...vector("add", 512, 2),
      counts: [64, 8],
      sources: [operand, { ...operand, strides: [0, 1] }],
      destination: operand,
    };
    expect(timeline(run(oneStep([onCores(origin, { vector: [instruction] })]), { target: slow }))).toEqual([
      "(0,0) vector 0-1032",
    ]);
  });

  it("a reduction works through all elements it reads", () => {
    // ⌈4 × 32/8⌉ × 3 + 3 = 51; scales and f16 count their own bytes at the port: (128 × 2 + 4 × 4 + 4 × 2)/64 → 5.
    const operand = { space: "memory", address: 0, element: "f16", strides: [64, 2] } as const;
    const instruction = {
      kind: "reduce",
      function: "mean",
      counts: [4],
      inner: [32],
      source: operand,
      divisor: { ...operand, element: "i32", strides: [4] },
      destination: { ...operand, strides: [2] },
    } as const;
    expect(timeline(run(oneStep([onCores(origin, { vector: [instruction] })])))).toEqual(["(0,0) reduce 0-51"]);
    const narrow = withTarget((target) => {
      target.core.memoryPortBytesPerCycle = 2;
    });
    // (256 + 16 + 8) / 2 = 140.
    expect(timeline(run(oneStep([onCores(origin, { vector: [instruction] })]), { target: narrow }))).toEqual([
      "(0,0) reduce 0-140",
    ]);
  });

  it("a gather takes the bytes that it reads and writes, at least a cycle", () => {
    // 650 bytes read and written: ⌈1300/64⌉ = 21. None: 1.
    const threads = { gather: [gather(650), gather(0)] };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual(["(0,0) gather 0-21", "(0,0) gather 22-23"]);
  });
});

describe("threads of a core", () => {
  it("ask for the memory port in the order of threads when they start in the same cycle", () => {
    // Port: matmul 18 cycles [0,18), relu 128 bytes [18,20), gather 128 bytes [20,22).
    // relu alone would take ⌈64/8⌉ × 2 + 3 = 19.
    const { weights } = matmul(1, 64, 16);
    const instruction = matmul(1, 64, 16, { weights: { ...weights, space: "memory" }, start: "bias" });
    const threads = { gather: [gather(64)], vector: [vector("relu", 64)], matrix: [instruction] };
    expect(timeline(run(oneStep([onCores(origin, threads)]))).sort()).toEqual([
      "(0,0) gather 0-22",
      "(0,0) matmul 0-18",
      "(0,0) vector 0-20",
    ]);
  });

  it("are served first come, first served at the memory port", () => {
    // The gather starts at 0 and holds the port for 20 cycles, the matmul's 4 come behind it: 24 > 21.
    const threads = {
      weights: [wait(1), gather(64)],
      gather: [gather(640), signal(1, 0, 0)],
      matrix: [matmul(4, 64, 16)],
    };
    // matmul stands before gather, so its port service is [0,4), the gather's [4,24); signal at 25.
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual([
      "(0,0) matmul 0-21",
      "(0,0) gather 0-24",
      "(0,0) gather 25-27",
    ]);
  });

  it("start the next instruction after the issue cycles, at once when there are none", () => {
    const threads = { matrix: [matmul(4, 64, 16), matmul(4, 64, 16)] };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual(["(0,0) matmul 0-21", "(0,0) matmul 22-43"]);
    const eager = withTarget((target) => {
      target.synchronization.issueCycles = 0;
    });
    expect(timeline(run(oneStep([onCores(origin, threads)]), { target: eager }))).toEqual([
      "(0,0) matmul 0-21",
      "(0,0) matmul 21-42",
    ]);
  });

  it("wait for a counted token, which costs nothing", () => {
    // The signals stand at 22 and at 44; the vector thread needs both.
    const threads = {
      matrix: [matmul(4, 64, 16), signal(9, 0, 0), matmul(4, 64, 16), signal(9, 0, 0)],
      vector: [wait(9, 2), vector("relu", 8)],
    };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual([
      "(0,0) matmul 0-21",
      "(0,0) matmul 22-43",
      "(0,0) vector 44-49",
    ]);
  });

  it("start from the initial tokens", () => {
    const threads = { vector: [wait(9, 2), vector("relu", 8)] };
    const started = oneStep([onCores(origin, threads)], [{ cores: cores(0, 0, 2, 2), token: 9, count: 2 }]);
    expect(timeline(run(started))).toEqual(["(0,0) vector 0-5"]);
  });

  it("share a unit: an instruction waits until the unit is free", () => {
    // relu of 64: 19 cycles from 0; the fill of the gather thread comes at 19, whatever its place in the queue.
    const threads = { vector: [vector("relu", 64)], gather: [vector("fill", 8, 0)] };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual(["(0,0) vector 0-19", "(0,0) vector 19-23"]);
  });

  it("repeat loops with fields that advance by the turn", () => {
    const body = [matmul(4, 64, 16), signal(1, 0, 0)];
    const threads = {
      matrix: [{ kind: "loop", count: 3, body } as const],
      vector: [{ kind: "loop", count: 3, body: [wait(1), vector("relu", 8)] } as const],
    };
    const trace = run(oneStep([onCores(origin, threads)]));
    expect(timeline(trace, ["matmul"])).toEqual(["(0,0) matmul 0-21", "(0,0) matmul 22-43", "(0,0) matmul 44-65"]);
    expect(timeline(trace, ["vector"])).toEqual(["(0,0) vector 22-27", "(0,0) vector 44-49", "(0,0) vector 66-71"]);
    expect([...columnsOf(trace).turn].sort()).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it("skip loops without turns or body", () => {
    const threads = {
      matrix: [
        { kind: "loop", count: 0, body: [matmul(4, 64, 16)] } as const,
        { kind: "loop", count: 2, body: [] } as const,
        matmul(4, 64, 16),
      ],
    };
    expect(timeline(run(oneStep([onCores(origin, threads)])))).toEqual(["(0,0) matmul 0-21"]);
  });
});

describe("tokens between cores", () => {
  it("a remote signal takes a cycle of its thread and arrives after its hops", () => {
    // (0,0) to (2,3): 5 hops of 1 cycle.
    const trace = run(
      oneStep([
        onCores(cores(0, 0), { control: [signal(4, 2, 3), signal(4, 2, 3)] }),
        onCores(cores(2, 3), { gather: [wait(4), gather(64), wait(4), gather(64)] }),
      ]),
    );
    expect(timeline(trace)).toEqual([
      "(0,0) signal 0-1>5",
      "(0,0) signal 2-3>7",
      "(2,3) gather 5-7",
      "(2,3) gather 8-10",
    ]);
  });

  it("a signal of a class names each core itself or its neighbour", () => {
    const here = ownCore(1, 1);
    const trace = run(
      oneStep([
        onCores(cores(1, 1, 2, 2), {
          control: [signal(1, here.row, here.column)],
          gather: [wait(1), gather(64)],
          psum: [signal(2, affine(1, 1), affine(2, 0, -1))],
          vector: [wait(2), vector("relu", 8)],
        }),
      ]),
    );
    expect(timeline(trace, ["gather"])).toEqual(
      [1, 2].flatMap((row) => [1, 2].map((column) => `(${row},${column}) gather 0-2`)),
    );
    expect(timeline(trace, ["vector"])).toEqual(
      [1, 2].flatMap((row) => [1, 2].map((column) => `(${row},${column}) vector 1-6`)),
    );
  });
});

describe("programs that cannot run", () => {
  it("a token that never comes is B505 with the waiting threads", () => {
    const stuck = oneStep(
      [onCores(cores(0, 0, 1, 2), { vector: [wait(7, 3)], matrix: [matmul(4, 64, 16)] })],
      [{ cores: cores(0, 1), token: 7, count: 2 }],
    );
    expect(() => run(stuck)).toThrow(
      "error[B505]: 2 threads wait for ever: core (0,0) vector, step 0, batch 0: token 7 (has 0, needs 3); core (0,1) vector, step 0, batch 0: token 7 (has 2, needs 3).",
    );
  });

  it("a long list of waiting threads is cut", () => {
    const stuck = oneStep([onCores(cores(0, 0, 4, 4), { vector: [wait(7)] })]);
    expect(() => run(stuck)).toThrow(/16 threads wait for ever: .*; and 8 more\./);
  });

  it("a barrier that a core never reaches is B505", () => {
    const stuck = oneStep([
      onCores(cores(0, 0), { control: [{ kind: "barrier" }] }),
      onCores(cores(0, 1), { matrix: [matmul(4, 64, 16)] }),
    ]);
    expect(() => run(stuck)).toThrow("core (0,0) control, step 0, batch 0: the other cores at its barrier");
  });

  it("a class, a message or an initial token outside the grid is B509", () => {
    expect(() => run(oneStep([onCores(cores(3, 0, 2, 1), {})]))).toThrow(
      "error[B509]: Cores of rows 3 to 4 and columns 0 to 0 are named, but the target has rows 0 to 3 and columns -1 to 3.",
    );
    expect(() => run(oneStep([], [{ cores: cores(0, 0, 1, 5), token: 1, count: 1 }]))).toThrow("error[B509]");
    expect(() => run(oneStep([onCores(cores(0, 3), { control: [signal(1, 0, 4)] })]))).toThrow(
      "core (0,3): error[B509]: A signal of step 0 names core (0,4)",
    );
  });

  it("a program for another grid is B509, one that names a missing port B501", () => {
    const other = program([], { target: { name: "other", rows: 4, columns: 5 } });
    expect(() => run(other)).toThrow('The program is for 4 × 5 cores, but target "mini" has 4 × 4.');
    const portless = program([step("in", [onCores(cores(0, -1), { host: [{ kind: "host.in", port: 0 }] })])]);
    expect(() => run(portless)).toThrow("error[B501]: host.in names port 0, but there are 0.");
  });

  it("a program without instructions takes no time", () => {
    expect(run(program([]), { batches: 3 }).batchEnds).toEqual([0, 0, 0]);
    expect(miniTarget.grid).toEqual({ rows: 4, columns: 4 });
  });
});
