import { describe, expect, it } from "vitest";
import type { MatmulInstruction } from "../../../ir/instruction.ts";
import type { ContractionTask } from "../../../kernels/kernels.ts";
import { plainKernels } from "../../../kernels/plain-kernels.ts";
import { countSumsOutside, makeOverflowCheck } from "../../../runtime-sim/functional/overflow.ts";

const memory = new WebAssembly.Memory({ initial: 1 });
const kernels = plainKernels(memory);
const instruction = (start: MatmulInstruction["start"]): MatmulInstruction => ({
  kind: "matmul",
  groups: 1,
  rows: [2],
  inner: [2],
  columns: 1,
  activations: { space: "memory", address: 0, element: "i8", groupStride: 0, rowStrides: [2], innerStrides: [1] },
  weights: {
    space: "weights",
    address: 8,
    element: "i8",
    layout: "paired",
    groupStride: 0,
    innerStrides: [],
    columnStride: 0,
  },
  partial: 64,
  start,
  bias: 128,
});

/** Runs [[100, 100], [1, 0]] × [100, 100] on sums that start at the given numbers; gives sums and overflows. */
function run(start: MatmulInstruction["start"], first: number, second: number): [number, number, number] {
  new Int8Array(memory.buffer, 0, 10).set([100, 100, 1, 0, 0, 0, 0, 0, 100, 100]);
  const words = new Int32Array(memory.buffer);
  words.set([first, second], 16);
  words[32] = first;
  const matmul = instruction(start);
  const task: ContractionTask = {
    ...matmul,
    partial: 64,
    bias: 128,
    activations: { ...matmul.activations, address: 0 },
    weights: { ...matmul.weights, address: 8 },
  };
  const check = makeOverflowCheck(matmul, kernels);
  const starts = check.startsThatMayOverflow(task);
  kernels.contract(task);
  return [words[16] as number, words[17] as number, starts === null ? 0 : check.count(task, starts)];
}

const greatest = 2 ** 31 - 1;

describe("partial sums beyond i32", () => {
  it("wrap around and are counted, one by one", () => {
    expect(run("accumulate", greatest - 20000, greatest - 20000)).toEqual([greatest, greatest - 19900, 0]);
    expect(run("accumulate", greatest - 19999, greatest - 19999)).toEqual([-(2 ** 31), greatest - 19899, 1]);
    expect(run("accumulate", greatest, greatest)).toEqual([-(2 ** 31) + 19999, -(2 ** 31) + 99, 2]);
    expect(run("accumulate", -(2 ** 31), -(2 ** 31))).toEqual([-(2 ** 31) + 20000, -(2 ** 31) + 100, 0]);
  });

  it("are found where they start from zero or a bias too", () => {
    expect(run("zero", greatest, greatest)).toEqual([20000, 100, 0]);
    expect(run("bias", greatest - 100, 0)).toEqual([-(2 ** 31) + 19899, greatest, 1]);
  });

  it("are counted where neighbours' sums are added", () => {
    const sums = (...numbers: number[]) => Int32Array.from(numbers);
    expect(countSumsOutside(sums(greatest, greatest, -(2 ** 31), 5), sums(0, 1, -1, 6))).toBe(2);
  });
});
