import type { Instruction, SimpleInstruction } from "../../../ir/instruction.ts";
import type { Program, ThreadName } from "../../../ir/program.ts";
import { affine, bytePort, classOf, core, i32Bytes, matmul, move, program, type Threads, view } from "./programs.ts";

/** Tokens of the chain program. */
const chainTokens = {
  arrived: 0,
  summed: 1,
  partial: 2,
  weights: 3,
  requantized: 4,
  out: 5,
  taken: 6,
  half: 7,
  weightsFree: 8,
} as const;

/** The sidecar of the chain program: for each of 4 cores 4 weights, then the scale 2^21 · 2^−21 = 1. */
export const chainSidecar = new Uint8Array([
  ...new Uint8Array(Int8Array.of(1, 2, 3, 4, -5, 6, -7, 8, 9, 10, 11, -12, 1, 1, 2, 2).buffer),
  ...i32Bytes([2097152, 21]),
]);

/**
 * y = x · W over a row of 4 cores: x [4, 8] of u8 below 8, W [8, 2] of i8 in four pieces of two rows. The cores stream
 * their pieces to each other; each multiplies two columns of x by its own piece and adds what its western neighbour has
 * summed up; the last one requantizes and sends y to the framebuffer. The rows of x are taken in two halves; sums of
 * both arrive in the same place, so the receiver tells the sender when it has taken the first.
 */
export function chainProgram(): Program {
  const t = chainTokens;
  const row = { row: 0, column: 0, rows: 1, columns: 4 };
  const wait = (token: number, count = 1): Instruction => ({ kind: "wait", token, count });
  /** The core `offset` columns east of the core of a class that begins in column 0. */
  const at = (offset: number) => ({ row: 0, column: affine(offset, 0, 1) });
  const signal = (token: number, column: number): Instruction => ({ kind: "signal", token, core: at(column) });
  const product = (half: number, column: number): SimpleInstruction => ({
    ...matmul([2, 2, 2], 16 + half * 4, 0, half * 16),
    weights: {
      space: "weights",
      address: affine(column * 4, 0, 4),
      element: "i8",
      layout: "strided",
      groupStride: 0,
      innerStrides: [2],
      columnStride: 1,
    },
  });
  const receive = (half: number): Instruction => ({ kind: "psum.recv", count: 4, source: 64, destination: half * 16 });
  const send = (half: number, column: number): Instruction => ({
    kind: "psum.send",
    count: 4,
    address: half * 16,
    core: at(column + 1),
    destination: 64,
    token: t.partial,
  });
  /** What all cores do; `column` is that of the class. */
  const common = (column: number): Threads => ({
    weights: [
      wait(t.weightsFree),
      { kind: "weights.stream", bytes: 4, source: 0, destination: 0, group: row },
      signal(t.weights, column),
    ],
    matrix: [
      wait(t.weights),
      wait(t.arrived, 2),
      product(0, column),
      signal(t.half, column),
      product(1, column),
      signal(t.half, column),
      signal(t.weightsFree, column),
    ],
  });
  const add = (half: number): Instruction[] => [wait(t.half), wait(t.partial), receive(half)];
  const requantize: Instruction = {
    kind: "vector",
    function: "requantize",
    counts: [2, 2, 2],
    sources: [
      { space: "partial", address: 0, strides: [16, 8, 4], element: "i32" },
      { space: "memory", address: 4, strides: [0, 0, 0], element: "scale" },
    ],
    destination: { space: "memory", address: 48, strides: [4, 2, 1], element: "i8" },
    parameters: { zero: 0, low: -128, high: 127 },
    activation: [],
  };
  const scatter = (column: number, half: number): Instruction => ({
    kind: "move",
    counts: [2, 2],
    elementBytes: 1,
    source: view(half * 16 + column * 2, [8, 1], "frame"),
    core: { row: 0, column },
    destination: view(16 + half * 4, [2, 1]),
    token: t.arrived,
  });
  const columns = [0, 1, 2, 3];
  return program({
    columns: 4,
    inputs: [bytePort("x", 0, 32)],
    outputs: [bytePort("y", 512, 8)],
    sidecar: chainSidecar,
    initialTokens: [{ cores: row, token: t.weightsFree, count: 1 }],
    images: [
      { cores: row, address: 0, offset: affine(0, 0, 4), bytes: 4 },
      { cores: core(0, 3), address: 4, offset: 16, bytes: 8 },
    ],
    steps: [
      [
        classOf(core(0, -1), {
          host: [
            { kind: "host.in", port: 0 },
            { kind: "signal", token: t.arrived, core: { row: 0, column: -1 } },
            wait(t.out),
            { kind: "host.out", port: 0 },
          ],
          send: [wait(t.arrived), ...[0, 1].flatMap((half) => columns.map((column) => scatter(column, half)))],
        }),
        classOf(core(0, 0), {
          ...common(0),
          psum: [wait(t.half), send(0, 0), wait(t.half), wait(t.taken), send(1, 0)],
        }),
        classOf(
          { row: 0, column: 1, rows: 1, columns: 2 },
          {
            ...common(1),
            vector: [...add(0), signal(t.taken, 0), signal(t.summed, 1), ...add(1), signal(t.summed, 1)],
            psum: [wait(t.summed), send(0, 1), wait(t.summed), wait(t.taken), send(1, 1)],
          },
        ),
        classOf(core(0, 3), {
          ...common(3),
          vector: [...add(0), signal(t.taken, 2), ...add(1), requantize, signal(t.requantized, 3)],
          send: [
            wait(t.requantized),
            { ...move(48, { row: 0, column: -1 }, 512, 8, t.out), destination: view(512, [1], "frame") },
          ],
        }),
      ],
    ],
  });
}

/** x · W of the chain program in plain loops, [4, 2], clamped to i8. */
export function chainResult(x: Uint8Array): number[] {
  const weights = new Int8Array(chainSidecar.buffer, chainSidecar.byteOffset, 16);
  return Array.from({ length: 8 }, (_, index) => {
    let total = 0;
    for (let k = 0; k < 8; k += 1)
      total += (x[Math.floor(index / 2) * 8 + k] ?? 0) * (weights[k * 2 + (index % 2)] ?? 0);
    return Math.max(-128, Math.min(127, total));
  });
}

/** The program with one instruction of one thread of one class left out. */
export function without(original: Program, classIndex: number, thread: ThreadName, index: number): Program {
  return {
    ...original,
    steps: original.steps.map((step, number) => ({
      ...step,
      classes: step.classes.map((cores, position) => {
        if (number !== 0 || position !== classIndex) return cores;
        const kept = (cores.threads[thread] ?? []).filter((_, place) => place !== index);
        return { ...cores, threads: { ...cores.threads, [thread]: kept } };
      }),
    })),
  };
}
