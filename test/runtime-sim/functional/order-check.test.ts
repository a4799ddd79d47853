import { describe, expect, it } from "vitest";
import type { Problem } from "../../../base/errors.ts";
import type { Instruction } from "../../../ir/instruction.ts";
import { checkOrder } from "../../../runtime-sim/functional/order-check.ts";
import { chainProgram, without } from "./chain-program.ts";
import {
  classOf,
  copy,
  core,
  fill,
  move,
  type ProgramParts,
  program,
  smallMachine,
  type Threads,
  wait,
} from "./programs.ts";

const here = core(0, 0);
const signal = (token: number, column = 0): Instruction => ({ kind: "signal", token, core: { row: 0, column } });

function check(parts: ProgramParts, batchCount = 1): readonly Problem[] {
  return checkOrder(program(parts), smallMachine, batchCount);
}

function alone(threads: Threads): readonly Problem[] {
  return check({ steps: [[classOf(here, threads)]] });
}

describe("checkOrder on one core", () => {
  it("accepts a reader that waits for its writer and names both when the wait is missing", () => {
    const writer = [fill(1, 0, 8), signal(3)];
    expect(alone({ vector: writer, gather: [wait(3), copy(4, 16, 4)] })).toEqual([]);
    const found = alone({ vector: writer, gather: [copy(4, 16, 4)] });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ code: "B507", at: { layer: "s0", core: { row: 0, column: 0 } } });
    expect(found[0]?.message).toBe(
      'gather[0] gather [4] × 1 bytes of core (0,0) in "s0" reads byte 4 of memory, and vector[0] vector fill [8] of core (0,0) in "s0" writes it: nothing orders the two.',
    );
  });

  it("finds a write after an unordered read, and one after an unordered write", () => {
    const found = alone({ matrix: [copy(4, 16, 4)], vector: [fill(1, 7, 1)], gather: [fill(1, 19, 1)] });
    expect(found.map(({ message }) => message.replace(/ of core.*? (\w+ byte)/, " $1").slice(0, 60))).toEqual([
      "vector[0] vector fill [1] writes byte 7 of memory, and matri",
      "gather[0] vector fill [1] writes byte 19 of memory, and matr",
    ]);
  });

  it("accepts accesses to neighbouring bytes and two readers of the same bytes", () => {
    expect(alone({ vector: [fill(1, 0, 8)], gather: [fill(1, 8, 8)] })).toEqual([]);
    expect(alone({ vector: [copy(0, 8, 8)], gather: [copy(0, 16, 8)] })).toEqual([]);
  });

  it("does not take a signal before the write for its order", () => {
    expect(alone({ vector: [signal(3), fill(1, 0, 1)], gather: [wait(3), copy(0, 16, 1)] })).toHaveLength(1);
  });

  it("joins raises in the order of their source", () => {
    const writer = [fill(1, 0, 1), signal(3), fill(1, 1, 1), signal(3)];
    expect(alone({ vector: writer, gather: [wait(3), copy(0, 16, 1), wait(3), copy(1, 17, 1)] })).toEqual([]);
    expect(alone({ vector: writer, gather: [wait(3), copy(1, 16, 1), wait(3)] })).toHaveLength(1);
  });

  it("orders nothing by one of two raises that may come in either order, but all by both", () => {
    const threads = (reader: readonly Instruction[]): Threads => ({
      vector: [fill(1, 0, 1), signal(3)],
      matrix: [fill(1, 1, 1), signal(3)],
      gather: reader,
    });
    expect(alone(threads([wait(3), wait(3), copy(0, 16, 2)]))).toEqual([]);
    expect(alone(threads([wait(3, 2), copy(0, 16, 2)]))).toEqual([]);
    expect(alone(threads([wait(3), copy(0, 16, 1), wait(3)]))).toHaveLength(1);
    expect(alone(threads([wait(3), copy(1, 16, 1), wait(3)]))).toHaveLength(1);
  });

  it("sees that a later raise could have come in place of an earlier one", () => {
    // vector may signal twice before matrix signals at all: the first wait for two is not sure of matrix.
    const ahead: Threads = {
      vector: [signal(3), signal(3)],
      matrix: [fill(1, 0, 1), signal(3), signal(3)],
      gather: [wait(3, 2), copy(0, 16, 1), wait(3, 2)],
    };
    expect(alone(ahead)).toHaveLength(1);
    const inTurn: Threads = {
      vector: [signal(3), wait(5), signal(3)],
      matrix: [fill(1, 0, 1), signal(3), wait(6), signal(3)],
      gather: [wait(3, 2), copy(0, 16, 1), signal(5), signal(6), wait(3, 2)],
    };
    expect(alone(inTurn)).toEqual([]);
  });

  it("reports a token that two threads wait for", () => {
    const found = alone({ vector: [wait(3)], gather: [wait(3)], send: [signal(3), signal(3)] });
    expect(found.map(({ message }) => message)).toEqual([
      "vector[0] wait token 3: threads gather and vector both wait for token 3: which goes first is open.",
    ]);
  });

  it("accepts two threads that wait for a token one after the other, and joins raises for each", () => {
    const found = alone({
      vector: [wait(3), copy(0, 16, 1), signal(4)],
      gather: [wait(4), wait(3), copy(1, 17, 1)],
      send: [fill(1, 0, 1), signal(3), fill(1, 1, 1), signal(3)],
    });
    expect(found).toEqual([]);
    const early = alone({
      vector: [wait(3), copy(1, 16, 1), signal(4)],
      gather: [wait(4), wait(3)],
      send: [fill(1, 0, 1), signal(3), fill(1, 1, 1), signal(3)],
    });
    expect(early.map(({ code }) => code)).toEqual(["B507"]);
  });

  it("does not take initial tokens for an order", () => {
    const steps = [[classOf(here, { vector: [fill(1, 0, 1), signal(3)], gather: [wait(3), copy(0, 16, 1)] })]];
    expect(check({ steps })).toEqual([]);
    expect(check({ steps, initialTokens: [{ cores: here, token: 3, count: 1 }] })).toHaveLength(1);
  });

  it("gives the deadlock and the reach outside a memory", () => {
    expect(alone({ vector: [wait(1)] })[0]?.code).toBe("B505");
    expect(alone({ vector: [fill(0, 4090, 7)] })[0]?.code).toBe("B503");
  });
});

describe("checkOrder between cores", () => {
  it("does not take the sender's queue for the arrival of a packet", () => {
    const threads = (receiver: readonly Instruction[]): ProgramParts => ({
      columns: 2,
      steps: [
        [
          classOf(here, { send: [fill(1, 0, 1), move(0, { row: 0, column: 1 }, 8, 1, 3), signal(4, 1)] }),
          classOf(core(0, 1), { gather: receiver }),
        ],
      ],
    });
    expect(check(threads([wait(3), copy(8, 16, 1)]))).toEqual([]);
    expect(check(threads([wait(4), copy(8, 16, 1)]))).toHaveLength(1);
  });

  it("counts a barrier as an order of all cores", () => {
    const barrier: Instruction = { kind: "barrier" };
    const parts = (control: readonly Instruction[]): ProgramParts => ({
      columns: 2,
      steps: [
        [
          classOf(here, { control: [...control, move(0, { row: 0, column: 1 }, 8, 1, 3)] }),
          classOf(core(0, 1), { control: [fill(1, 8, 1), ...control, wait(3)] }),
        ],
      ],
    });
    expect(check(parts([barrier]))).toEqual([]);
    expect(check(parts([]))).toHaveLength(1);
  });

  it("counts weights.stream as an order of its group", () => {
    const group = { row: 0, column: 0, rows: 1, columns: 2 };
    const stream: Instruction = { kind: "weights.stream", bytes: 1, source: 0, destination: 0, group };
    const parts = (issuer: "weights" | "gather"): ProgramParts => ({
      columns: 2,
      steps: [
        [
          classOf(here, { weights: [stream] }),
          classOf(
            core(0, 1),
            issuer === "weights"
              ? { weights: [fill(1, 0, 1), stream] }
              : { weights: [stream], gather: [fill(1, 0, 1)] },
          ),
        ],
      ],
    });
    expect(check(parts("weights"))).toEqual([]);
    expect(check(parts("gather"))).toHaveLength(1);
  });

  it("refuses more than 80 cores", () => {
    expect(() => check({ rows: 9, columns: 8, steps: [] })).toThrow("at most 80 cores; the program has 81");
  });
});

describe("checkOrder on the chain program", () => {
  it("accepts it for several batches", () => {
    expect(checkOrder(chainProgram(), smallMachine, 3)).toEqual([]);
  });

  it("finds the missing wait for the free buffer", () => {
    const found = checkOrder(without(chainProgram(), 1, "psum", 3), smallMachine, 1);
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toContain("psum[3] psum.send of core (0,0)");
    expect(found[0]?.message).toContain("vector[2] psum.recv of core (0,1)");
  });

  it("finds what is missing between batches only when it looks at two", () => {
    const ungated = without(chainProgram(), 1, "weights", 0);
    expect(checkOrder(ungated, smallMachine, 1)).toEqual([]);
    expect(checkOrder(ungated, smallMachine)).not.toEqual([]);
  });
});
