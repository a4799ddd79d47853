import type { Instruction } from "../../../ir/instruction.ts";
import type { CoreClass, Program } from "../../../ir/program.ts";
import {
  affine,
  cores,
  gather,
  matmul,
  move,
  multicast,
  onCores,
  ownCore,
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
} from "./machine.ts";

const grid = cores(0, 0, 4, 4);
const here = ownCore();
const token = { free: 1, ready: 2, data: 3, out: 4, sent: 5, shared: 6, own: 7, program: 8, sums: 9, weights: 10 };

/** A matmul whose weights are in memory, with a bias. */
function memoryMatmul(): Instruction {
  const base = matmul(2, 48, 24);
  return { ...base, weights: { ...base.weights, space: "memory" }, start: "bias" };
}

const reduceMean: Instruction = {
  kind: "reduce",
  function: "mean",
  counts: [4],
  inner: [32],
  source: { space: "memory", address: 0, element: "f16", strides: [64, 2] },
  divisor: { space: "memory", address: 0, element: "i32", strides: [4] },
  destination: { space: "memory", address: 0, element: "f16", strides: [2] },
};

const requantize: Instruction = {
  kind: "vector",
  function: "requantize",
  counts: [4, 16],
  sources: [
    { space: "partial", address: 0, element: "i32", strides: [64, 4] },
    { space: "memory", address: 0, element: "scale", strides: [0, 8] },
  ],
  destination: { space: "memory", address: 0, element: "i8", strides: [16, 1] },
  parameters: { zero: 0, low: -128, high: 127 },
  activation: [],
};

const activatedSum: Instruction = {
  ...vector("add", 40, 2),
  activation: [{ function: "relu", element: "i8", kept: null, scale: null, parameters: {} }],
};

/** Multiply-accumulates of the rich program: on each of 16 cores four matmuls in a loop, one with 2-bit weights, one in memory. */
export const richMacCount = 16 * (4 * 4 * 64 * 40 + 4 * 64 * 80 + 2 * 48 * 24);

/**
 * Three steps on the 4 × 4 grid that use every instruction, both vector units, every cost class, every weight width and every network;
 * with a barrier after each step. `names` are the names of the steps.
 */
export function richProgram(names: readonly [string, string, string] = ["input", "work", "output"]): Program {
  const barrier: Instruction[] = [{ kind: "barrier" }];
  const io = cores(0, -1);
  const idle = (index: number): CoreClass => onCores(cores(0, index), { control: barrier });
  const input = step(
    names[0],
    [
      onCores(io, {
        host: [wait(token.free), { kind: "host.in", port: 0 }, signal(token.ready, 0, -1)],
        send: [wait(token.ready), move(200, 0, 0, token.data, "from"), signal(token.free, 0, -1)],
        control: barrier,
      }),
      onCores(cores(0, 0), {
        control: [programLoad(100, grid, token.program), wait(token.program), wait(token.data), ...barrier],
      }),
      onCores(cores(0, 1, 1, 3), { control: [wait(token.program), ...barrier] }),
      onCores(cores(1, 0, 3, 4), { control: [wait(token.program), ...barrier] }),
    ],
    { kind: "input" },
  );
  const done = [4, 5, 6, 7].map((number) => signal(number + 20, here.row, here.column));
  const work = step(
    names[1],
    [
      onCores(grid, {
        weights: [
          stream(96, { row: affine(0, 1), column: 0, rows: 1, columns: 4 }),
          { kind: "weights.load", bytes: 300, source: 0, destination: 0 },
          signal(token.weights, here.row, here.column),
        ],
        matrix: [
          wait(token.weights),
          { kind: "loop", count: 2, body: [matmul(4, 64, 40), matmul(4, 64, 40, { elements: ["i4", "i4"] })] },
          matmul(4, 64, 80, { elements: ["i2", "i2"], start: "accumulate" }),
          memoryMatmul(),
          signal(token.own, here.row, here.column),
          ...done.slice(0, 1),
        ],
        vector: [
          wait(token.own),
          requantize,
          vector("copy", 40),
          vector("relu", 40),
          activatedSum,
          vector("multiply", 40, 2),
          vector("divide", 40, 2),
          vector("square_root", 40),
          vector("exp", 40),
          vector("power", 40, 2),
          reduceMean,
          signal(token.sums, here.row, here.column),
          wait(token.sums + 100),
          psumReceive(32),
          ...done.slice(1, 2),
        ],
        psum: [wait(token.sums), psumSend(32, affine(0, 1), affine(3, 0, -1), token.sums + 100), ...done.slice(2, 3)],
        send: [
          multicast(48, { row: 0, column: 0, rows: 4, columns: 4 }, token.shared),
          wait(token.shared, 15),
          ...done.slice(3),
        ],
        gather: [gather(500)],
        control: [...[4, 5, 6, 7].map((number) => wait(number + 20)), ...barrier],
      }),
      onCores(io, { control: barrier }),
    ],
    { kind: "contraction", macCount: richMacCount, macElement: "i8", origin: ["conv"] },
  );
  const output = step(
    names[2],
    [
      onCores(cores(0, 0), { send: [move(500, 0, -1, token.out, "to")], control: barrier }),
      onCores(io, { host: [wait(token.out), { kind: "host.out", port: 0 }], control: barrier }),
      idle(1),
      idle(2),
      idle(3),
      onCores(cores(1, 0, 3, 4), { control: barrier }),
    ],
    { kind: "output" },
  );
  return program([input, work, output], {
    batchCount: 2,
    inputs: [port("x", 1000)],
    outputs: [port("y", 600)],
    initialTokens: [{ cores: io, token: token.free, count: 2 }],
  });
}
