import { describe, expect, it } from "vitest";
import type { Instruction } from "../../../ir/instruction.ts";
import type { HostOperation } from "../../../ir/program.ts";
import { createExecutor } from "../../../runtime-sim/functional/executor.ts";
import { bytePort, classOf, core, program, smallMachine } from "./programs.ts";

const reverse: HostOperation = {
  name: "b",
  operator: "reverse",
  operands: [bytePort("a", 16, 3)],
  result: bytePort("b", 32, 3),
  elementCount: 6,
  graph: "",
};

/** x enters at 16, leaves as a from there, enters as b at 32 and leaves as y from there; `host` is all that the io core does. */
function hosted(host: readonly Instruction[]) {
  return program({
    inputs: [bytePort("x", 16, 3)],
    outputs: [bytePort("y", 32, 3)],
    hostOperations: [reverse],
    steps: [[classOf(core(0, -1), { host })]],
  });
}

const whole: readonly Instruction[] = [
  { kind: "host.in", port: 0 },
  { kind: "host.out", port: 1 },
  { kind: "host.run", operation: 0 },
  { kind: "host.in", port: 1 },
  { kind: "host.out", port: 0 },
];

const host = (operation: HostOperation, operands: readonly Uint8Array[]): Uint8Array => {
  expect(operation).toBe(reverse);
  return Uint8Array.from(operands[0] ?? []).reverse();
};

const given = new Map([["x", Uint8Array.of(1, 2, 3)]]);

describe("host operations", () => {
  it("take the bytes that left and give those that enter", () => {
    const executor = createExecutor(hosted(whole), null, smallMachine, { checked: true, host });
    expect(executor.run(given).get("y")).toEqual(Uint8Array.of(3, 2, 1));
    expect(executor.run(new Map([["x", Uint8Array.of(7, 8, 9)]])).get("y")).toEqual(Uint8Array.of(9, 8, 7));
  });

  it("need their operands and give results only when they have run", () => {
    const run = (list: readonly Instruction[]) => () =>
      createExecutor(hosted(list), null, smallMachine, { host }).run(given);
    expect(run(whole.filter((_, index) => index !== 1))).toThrow(/B502.*operand "a" was never sent to the host/);
    expect(run(whole.filter((_, index) => index !== 2))).toThrow(/B502.*result "b" was never computed by the host/);
  });

  it("must be there, and so must who computes them", () => {
    const lost: Instruction = { kind: "host.run", operation: 1 };
    expect(() => createExecutor(hosted([lost]), null, smallMachine, { host })).toThrow(
      /B503.*host.run names operation 1, but there are 1/,
    );
    expect(() => createExecutor(hosted(whole), null, smallMachine).run(given)).toThrow(/B901.*nobody computes "b"/);
  });
});
