import { describe, expect, it } from "vitest";
import { encodedBytes, programBytes } from "../../../ir/program-size.ts";
import { everyInstruction } from "./programs.ts";

describe("encoded sizes", () => {
  it("are a word for the operation and one for each number", () => {
    expect(encodedBytes({ kind: "barrier" })).toBe(4);
    expect(encodedBytes({ kind: "host.in", port: 3 })).toBe(8);
    expect(encodedBytes({ kind: "wait", token: 3, count: 1 })).toBe(12);
    expect(encodedBytes({ kind: "signal", token: 3, core: { row: 0, column: 0 } })).toBe(16);
    expect(encodedBytes({ kind: "weights.load", bytes: 1, source: 2, destination: 3 })).toBe(16);
  });

  it("have a word more for each step of a field that is not zero", () => {
    const at = (row: number, column: number, turn: number) =>
      encodedBytes({ kind: "psum.recv", count: 1, source: { base: 0, row, column, turn }, destination: 0 });
    expect([at(0, 0, 0), at(1, 0, 0), at(1, 2, 0), at(1, 2, 3)]).toEqual([16, 20, 24, 28]);
  });

  it("count the counts and strides of views, and not the texts", () => {
    const gather = {
      kind: "gather",
      counts: [4, 5],
      elementBytes: 2,
      source: { space: "memory", address: 0, strides: [1, 2] },
      destination: { space: "memory", address: 8, strides: [3, 4] },
    } as const;
    expect(encodedBytes(gather)).toBe(4 * (1 + 2 + 1 + 3 + 3));
  });

  it("of a loop are its head, its count and its body", () => {
    const wait = { kind: "wait", token: 3, count: 1 } as const;
    expect(encodedBytes({ kind: "loop", count: 9, body: [wait, { kind: "barrier" }] })).toBe(4 + 4 + 12 + 4);
  });

  it("of every kind of instruction are those of its form", () => {
    expect(everyInstruction.map((instruction) => [instruction.kind, encodedBytes(instruction)])).toEqual([
      ["matmul", 4 * 24],
      ["vector", 4 * 14],
      ["reduce", 4 * 12],
      ["reduce", 4 * 8],
      ["loop", 4 * 23],
      ["multicast", 4 * 15],
      ["psum.send", 4 * 7],
      ["psum.recv", 4 * 4],
      ["weights.load", 4 * 4],
      ["weights.stream", 4 * 11],
      ["program.load", 4 * 8],
      ["host.in", 8],
      ["host.out", 8],
      ["host.run", 8],
      ["signal", 16],
      ["wait", 12],
      ["barrier", 4],
    ]);
    expect(programBytes(everyInstruction)).toBe(everyInstruction.reduce((sum, each) => sum + encodedBytes(each), 0));
    expect(programBytes([])).toBe(0);
  });
});
