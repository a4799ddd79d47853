import { describe, expect, it } from "vitest";
import type { Instruction } from "../../../ir/instruction.ts";
import type { Program, ThreadName } from "../../../ir/program.ts";
import { simulateCycles } from "../../../runtime-sim/cycle/simulate.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import {
  cores,
  gather,
  hostWork,
  matmul,
  miniTarget,
  move,
  multicast,
  onCores,
  oneStep,
  port,
  program,
  programLoad,
  psumReceive,
  psumSend,
  signal,
  step,
  stream,
  vector,
  wait,
  withTarget,
} from "../timing/machine.ts";

/** Every instruction as "(row,column) kind start-end", with ">arrival" where its messages arrive later; by start, then core. */
function spans(
  each: Program,
  options: { readonly target?: ChipTarget; readonly host?: boolean; readonly batches?: number } = {},
): string[] {
  const { target = miniTarget, host = false, batches = 1 } = options;
  return simulateCycles(each, target, { host, batches })
    .records.toSorted((a, b) => a.start - b.start || a.core.row - b.core.row || a.core.column - b.core.column)
    .map(({ core, issue, start, end, settled }) => {
      const arrival = settled > end ? `>${settled}` : "";
      return `(${core.row},${core.column}) ${issue.instruction.kind} ${start}-${end}${arrival}`;
    });
}

/** One core's threads. */
function alone(threads: Partial<Record<ThreadName, readonly Instruction[]>>): Program {
  return oneStep([onCores(cores(1, 1), threads)]);
}

describe("the slow machine's units", () => {
  it("the matrix unit takes a block of inputs of a row for a block of columns each cycle, then drains", () => {
    // 3 rows × 3 blocks of 16 inputs (33 = 16 + 16 + 1) × 2 blocks of 16 columns (17 = 16 + 1), then 5 cycles.
    expect(spans(alone({ matrix: [matmul(3, 33, 17)] }))).toEqual(["(1,1) matmul 0-23"]);
    // Operands of 4 bits: 32 columns at once, so one block.
    expect(spans(alone({ matrix: [matmul(3, 33, 17, { elements: ["i4", "i4"] })] }))).toEqual(["(1,1) matmul 0-14"]);
  });

  it("a matmul lasts until its bytes have passed the memory port", () => {
    // 4 rows × 1 block × 4 blocks of columns + 5 = 21 cycles. Activations 4 × 16 bytes in each of 4 passes: 256 bytes; weights
    // 16 × 64 = 1024 bytes; bias 64 × 4 = 256 bytes: 1536 bytes at 64 a cycle = 24.
    const base = matmul(4, 16, 64, { start: "bias" });
    const inMemory = { ...base, weights: { ...base.weights, space: "memory" } } as const;
    expect(spans(alone({ matrix: [base, inMemory] }))).toEqual(["(1,1) matmul 0-21", "(1,1) matmul 22-46"]);
  });

  it("the vector unit keeps its lanes for the cycles of the function; wide elements take several lanes", () => {
    // 20 elements on 8 lanes: 3 turns of 6 cycles (exp), then 3.
    expect(spans(alone({ vector: [vector("exp", 20)] }))).toEqual(["(1,1) vector 0-21"]);
    // An i32 takes 2 lanes: 40 pieces are 5 turns of 3 cycles (add), then 3.
    const i32 = { space: "memory", address: 0, element: "i32", strides: [4] } as const;
    const sums = { ...vector("add", 20), sources: [i32, i32], destination: i32 };
    expect(spans(alone({ vector: [sums, psumReceive(20)] }))).toEqual([
      "(1,1) vector 0-18",
      // 20 sums: 3 turns of 3 cycles, then 3.
      "(1,1) psum.recv 19-31",
    ]);
  });

  it("a pass through the activation unit lasts as long as its slowest function, and both units drain", () => {
    const stage = { kept: null, scale: null, parameters: {} } as const;
    const add = { ...vector("add", 20, 2), activation: [{ ...stage, function: "exp", element: "i8" } as const] };
    // 20 elements on 8 lanes: 3 turns of 6 cycles (exp; 3 of add), then 3 and 4.
    expect(spans(alone({ vector: [add] }))).toEqual(["(1,1) vector 0-25"]);
    // Converted to i64, of 4 lanes: 80 pieces are 10 turns of 5 cycles, then 3 and 4.
    const wide = { space: "memory", address: 0, element: "i64", strides: [8] } as const;
    const convert = { ...stage, function: "convert", element: "i8" } as const;
    const both = { ...add, destination: wide, activation: [...add.activation, convert] };
    expect(spans(alone({ vector: [both] }))).toEqual(["(1,1) vector 0-57"]);
    const target = withTarget((changed) => {
      changed.activation = null;
    });
    expect(() => spans(alone({ vector: [both] }), { target })).toThrow("B509");
  });

  it("a unit takes in one instruction at a time, of those that wait the one of the lowest thread", () => {
    // relu of 8 elements: 2 + 3 cycles. The vector thread stands before send and gather.
    const relu = vector("relu", 8);
    const all = alone({ control: [relu], vector: [relu], send: [relu], gather: [relu] });
    expect(spans(all)).toEqual(["(1,1) vector 0-5", "(1,1) vector 5-10", "(1,1) vector 10-15", "(1,1) vector 15-20"]);
  });

  it("the memory port serves one request after the other", () => {
    // Gathers of 320 and 65 bytes, read and written: 640 bytes are 10 cycles, 130 are 3. Loads of 64 bytes one.
    const load: Instruction = { kind: "weights.load", bytes: 64, source: 0, destination: 0 };
    expect(spans(alone({ control: [gather(320)], weights: [load], gather: [gather(65)] }))).toEqual([
      "(1,1) gather 0-10",
      "(1,1) weights.load 0-11",
      "(1,1) gather 0-14",
    ]);
  });

  it("host instructions take the link's time with a host, and none on device; operations of the host always", () => {
    const each = program(
      [
        step("only", [
          onCores(cores(0, -1), {
            host: [
              { kind: "host.in", port: 0 },
              { kind: "host.out", port: 1 },
              { kind: "host.run", operation: 0 },
            ],
          }),
        ]),
      ],
      {
        inputs: [port("x", 995)],
        outputs: [port("y", 10)],
        hostOperations: [hostWork("work", [port("operand", 20)], port("result", 10), 5)],
      },
    );
    // 1 µs is 100 cycles; 995 bytes at 10 a cycle are 100 more. The operand: 100 + 2. The host: 300 + 2 (5 at 2.5 a cycle).
    expect(spans(each)).toEqual(["(0,-1) host.in 0-0", "(0,-1) host.out 0-102", "(0,-1) host.run 103-405"]);
    expect(spans(each, { host: true })).toEqual([
      "(0,-1) host.in 0-200",
      "(0,-1) host.out 201-303",
      "(0,-1) host.run 304-606",
    ]);
  });
});

describe("the slow machine's packets", () => {
  it("flits follow each other over the links of their route", () => {
    // 40 bytes are 5 flits. Injection [0,5); 3 links, 3 cycles each: the first flit is ejected in cycle 9, the last in 13.
    expect(spans(oneStep([onCores(cores(0, 0), { send: [move(40, 1, 2, 7)] })]))).toEqual(["(0,0) move 0-5>14"]);
    // To the own core: through the port alone, 640 bytes read and written.
    expect(spans(oneStep([onCores(cores(2, 2), { send: [move(640, 2, 2, 7)] })]))).toEqual(["(2,2) move 0-20"]);
    // From an io core, 4 bytes a flit: 10 flits, over the io link and 2 more.
    expect(spans(oneStep([onCores(cores(0, -1), { send: [move(40, 1, 1, 7, "from")] })]))).toEqual([
      "(0,-1) move 0-10>19",
    ]);
  });

  it("a packet that finds a link taken waits in the router, and goes when the last flit before it has gone", () => {
    // Both go to (0,2). That of (0,1) takes the link to (0,2) in [0,5) and the eject port in [3,8); that of (0,0) asks for the
    // link at 3, has it from 5, asks for the eject port at 8 and is in at 13.
    expect(spans(oneStep([onCores(cores(0, 0, 1, 2), { send: [move(40, 0, 2, 1)] })]))).toEqual([
      "(0,0) move 0-5>13",
      "(0,1) move 0-5>8",
    ]);
  });

  it("a multicast forks in its routers", () => {
    // From (1,1) to all 16 cores, 3 flits: the farthest, (3,3), is 4 hops away: 12 + 3.
    const tree = multicast(24, cores(0, 0, 4, 4), 1);
    expect(spans(oneStep([onCores(cores(1, 1), { send: [tree] })]))).toEqual(["(1,1) multicast 0-3>15"]);
    // One flit at 4 bytes a cycle: a program for a row, its own copy read at 1, the others at 2 and 4 hops of 2 cycles later.
    expect(spans(oneStep([onCores(cores(0, 0), { control: [programLoad(4, cores(0, 0, 1, 3), 1)] })]))).toEqual([
      "(0,0) program.load 0-1>5",
    ]);
  });

  it("a token is raised when the destination's port has written the packet", () => {
    // Ejection begins at 3; the gather holds the port until 20, so 40 bytes stand at 21. The wait is over then.
    const each = oneStep([
      onCores(cores(0, 0), { send: [move(40, 0, 1, 1)] }),
      onCores(cores(0, 1), { gather: [gather(640), wait(1), gather(32)] }),
    ]);
    expect(spans(each)).toEqual(["(0,0) move 0-5>21", "(0,1) gather 0-20", "(0,1) gather 21-22"]);
  });

  it("partial sums and signals go over the partial network", () => {
    // 16 sums are 4 flits of 16 bytes, one hop. The signal goes 3 hops, its thread goes on after 1 + 1 cycles.
    const each = oneStep([
      onCores(cores(0, 0), {
        psum: [psumSend(16, 0, 1, 1)],
        control: [signal(2, 1, 2), gather(1)],
      }),
    ]);
    expect(spans(each)).toEqual(["(0,0) signal 0-1>3", "(0,0) psum.send 0-4>5", "(0,0) gather 2-3"]);
  });
});

describe("what cores of the slow machine do together", () => {
  it("a barrier releases all some cycles after the last has come", () => {
    const each = oneStep([
      onCores(cores(0, 0), { control: [{ kind: "barrier" }, gather(1)] }),
      onCores(cores(3, 3), { control: [gather(640), { kind: "barrier" }] }),
    ]);
    // The gather ends at 20, the barrier begins at 21 and takes 7; the next instruction is issued at 29.
    expect(spans(each)).toEqual([
      "(0,0) barrier 0-28",
      "(3,3) gather 0-20",
      "(3,3) barrier 21-28",
      "(0,0) gather 29-30",
    ]);
  });

  it("an exchange ends when every eject port has taken in all pieces", () => {
    // 3 cores, 4 flits a piece, 2 cycles a hop: the port of (0,0) takes its own in [0,4), that of (0,1), which came at 2, in
    // [4,8), that of (0,2), which came at 4, in [8,12).
    const group = cores(0, 0, 1, 3);
    expect(spans(oneStep([onCores(group, { weights: [stream(128, group)] })]))[0]).toBe("(0,0) weights.stream 0-12");
    // One flit: the piece of (0,2) comes to (0,0) at 4.
    expect(spans(oneStep([onCores(group, { weights: [stream(32, group)] })]))[0]).toBe("(0,0) weights.stream 0-5");
    // The port of (0,1) is busy until 20: its piece comes to the others at 22 and is in at 26.
    const late = oneStep([
      onCores(cores(0, 0), { weights: [stream(128, group)] }),
      onCores(cores(0, 1), { control: [gather(640)], weights: [stream(128, group)] }),
      onCores(cores(0, 2), { weights: [stream(128, group)] }),
    ]);
    expect(spans(late)[0]).toBe("(0,0) weights.stream 0-26");
  });

  it("an exchange is that of the group in which a core stands, of those beside the one that is named", () => {
    // 2 cores, 4 flits a piece: 8 cycles; the port of (1,1) is busy until 20, its piece comes to (1,0) at 22 and is in at 26.
    const named = stream(128, cores(3, 2, 1, 2));
    const each = spans(
      oneStep([
        onCores(cores(0, 0, 1, 2), { weights: [named] }),
        onCores(cores(1, 0), { weights: [named] }),
        onCores(cores(1, 1), { control: [gather(640)], weights: [named] }),
      ]),
    ).filter((text) => text.includes("stream"));
    expect(each).toEqual([
      "(0,0) weights.stream 0-8",
      "(0,1) weights.stream 0-8",
      "(1,0) weights.stream 0-26",
      "(1,1) weights.stream 0-26",
    ]);
  });

  it("threads go on with the next batch, steps end one after the other", () => {
    const each = program([
      step("a", [onCores(cores(0, 0), { gather: [gather(640)] })]),
      step("b", [onCores(cores(0, 0), { vector: [vector("relu", 8)] })]),
    ]);
    // The vector thread stands before gather: its 16 bytes have the port in [0,1), the gather in [1,21). The second relu starts at
    // 6 and has the port in [21,22), the second gather starts at 22.
    const run = simulateCycles(each, miniTarget, { host: false, batches: 2 });
    expect(run.stepEnds).toEqual([
      [21, 21],
      [42, 42],
    ]);
    expect(run.finish).toBe(42);
  });

  it("no pause and no time at the barrier lets threads go on in the same cycle", () => {
    const target = withTarget((changed) => {
      changed.synchronization = { barrierCycles: 0, issueCycles: 0 };
    });
    const each = oneStep([onCores(cores(0, 0), { control: [gather(32), { kind: "barrier" }, gather(32)] })]);
    expect(spans(each, { target })).toEqual(["(0,0) gather 0-1", "(0,0) barrier 1-1", "(0,0) gather 1-2"]);
  });
});

describe("programs that the slow machine refuses", () => {
  it("one that waits for ever, with who waits for what", () => {
    expect(() => spans(alone({ gather: [gather(64), wait(5)] }))).toThrow(
      /nothing goes on.*gather of core \(1,1\).*5/s,
    );
  });

  it("one for another grid, and one that sends to cores that do not exist", () => {
    const other = program([], { target: { name: "mini", rows: 2, columns: 4 } });
    expect(() => spans(other)).toThrow(/2 × 4 cores/);
    expect(() => spans(alone({ send: [move(1, 4, 0, 1)] }))).toThrow(/no 1 × 1 cores from \(4,0\)/);
  });
});
