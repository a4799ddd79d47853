import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import { createExecutor, type ExecutorOptions } from "../../../runtime-sim/functional/executor.ts";
import { chainProgram, chainResult, chainSidecar, without } from "./chain-program.ts";
import { bytePort, classOf, copy, core, fill, move, program, smallMachine, view, wait } from "./programs.ts";

function randomInput(seed: number): Uint8Array {
  const random = makeRandom(seed);
  return Uint8Array.from({ length: 32 }, () => random.integer(0, 7));
}

function chainExecutor(options: ExecutorOptions) {
  return createExecutor(chainProgram(), chainSidecar, smallMachine, options);
}

describe("legal orders", () => {
  it("give the product in the fixed order, run after run", () => {
    const executor = chainExecutor({ checked: true });
    for (const seed of [1, 2, 3]) {
      const x = randomInput(seed);
      const y = executor.run(new Map([["x", x]])).get("y") as Uint8Array;
      expect([...new Int8Array(y.buffer)]).toEqual(chainResult(x));
    }
  });

  it("give the same bytes in 20 random orders, on both kinds of kernels", () => {
    const x = randomInput(4);
    for (let seed = 0; seed < 20; seed += 1) {
      const kernels = seed % 4 === 0 ? "plain" : "wasm";
      const executor = chainExecutor({ checked: true, order: { seed }, kernels });
      const y = executor.run(new Map([["x", x]])).get("y") as Uint8Array;
      expect([...new Int8Array(y.buffer)]).toEqual(chainResult(x));
    }
  });

  it("differ from run to run: a program without the wait for the free buffer goes wrong in some of them", () => {
    const broken = without(chainProgram(), 1, "psum", 3);
    const executor = createExecutor(broken, chainSidecar, smallMachine, { order: { seed: 7 } });
    const x = randomInput(5);
    let wrong = 0;
    for (let run = 0; run < 50; run += 1) {
      const y = executor.run(new Map([["x", x]])).get("y") as Uint8Array;
      if (`${new Int8Array(y.buffer)}` !== `${chainResult(x)}`) wrong += 1;
    }
    expect(wrong).toBeGreaterThan(0);
    expect(wrong).toBeLessThan(50);
  });

  it("take a packet's bytes when it leaves, not when it arrives", () => {
    const io = { row: 0, column: -1 };
    const out = { ...move(0, io, 0, 1, 0), destination: view(0, [1], "frame") };
    const built = program({
      outputs: [bytePort("y", 0, 1)],
      steps: [
        [
          classOf(core(0, 0), { send: [fill(1, 0, 1), out, fill(2, 0, 1)] }),
          classOf(core(0, -1), { host: [wait(0), { kind: "host.out", port: 0 }] }),
        ],
      ],
    });
    for (let seed = 0; seed < 10; seed += 1) {
      const executor = createExecutor(built, null, smallMachine, { order: { seed } });
      expect(executor.run(new Map()).get("y")).toEqual(Uint8Array.of(1));
    }
  });

  it("keep the packets of a thread to one core in order", () => {
    const io = { row: 0, column: -1 };
    const out = { ...move(0, io, 0, 1, 0), destination: view(0, [1], "frame") };
    const built = program({
      outputs: [bytePort("y", 0, 1)],
      steps: [
        [
          classOf(core(0, 0), { send: [fill(1, 0, 1), out, fill(2, 0, 1), out] }),
          classOf(core(0, -1), { host: [wait(0, 2), { kind: "host.out", port: 0 }] }),
        ],
      ],
    });
    for (let seed = 0; seed < 10; seed += 1) {
      const executor = createExecutor(built, null, smallMachine, { order: { seed } });
      expect(executor.run(new Map()).get("y")).toEqual(Uint8Array.of(2));
    }
  });
});

describe("barriers", () => {
  it("keep all cores of a step behind the step before, in every order", () => {
    const barrier = { kind: "barrier" } as const;
    const steps = [0, 1, 2].map((step) => {
      const store = fill(step + 1, 0, 1);
      const copied = copy(0, 8 + step, 1);
      return [
        classOf(core(0, -1), {
          control: [{ ...store, destination: { ...store.destination, space: "frame" as const } }, barrier, barrier],
        }),
        classOf(core(1, -1), {
          control: [
            barrier,
            { ...copied, source: view(0, [1], "frame"), destination: view(8 + step, [1], "frame") },
            barrier,
          ],
        }),
        classOf(core(0, 0), { control: [barrier, barrier] }),
      ];
    });
    const built = program({ rows: 2, columns: 2, steps });
    for (let seed = 0; seed < 20; seed += 1) {
      const executor = createExecutor(built, null, smallMachine, { order: { seed } });
      executor.run(new Map());
      expect([...executor.readCore(0, -1, "frame", 8, 3)]).toEqual([1, 2, 3]);
    }
  });
});
