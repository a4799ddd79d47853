import { afterEach, describe, expect, it, vi } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { Program } from "../../../ir/program.ts";
import { Recorder } from "../../../runtime-sim/timing/recorder.ts";
import { simulateTiming, timingSimulator } from "../../../runtime-sim/timing/simulate.ts";
import { loadChip } from "../../../targets/load.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { build, randomCase, randomSteps } from "../../contracts/random-case.ts";
import { miniTarget } from "./machine.ts";
import { richProgram } from "./rich-program.ts";

const mini = loadChip("mini-4x4");

afterEach(() => vi.restoreAllMocks());

/** Runs of a program that share a memory against runs that simulate everything; returns how many events were copied. */
function compare(
  program: Program,
  target: ChipTarget,
  batches: number,
  hosts: readonly boolean[],
  label: string,
): number {
  let copied = 0;
  const { copy } = Recorder.prototype;
  const spy = vi.spyOn(Recorder.prototype, "copy").mockImplementation(function (this: Recorder, ...given) {
    copied += given[2] - given[1];
    copy.apply(this, given);
  });
  const simulate = timingSimulator(program, target);
  for (const host of hosts) {
    expect(simulate({ host, batches }), `${label}, ${host ? "with host" : "on device"}, ${batches} batches`).toEqual(
      simulateTiming(program, target, { host, batches }),
    );
  }
  spy.mockRestore();
  return copied;
}

describe("a simulation that copies what repeats", () => {
  it("gives the traces of one that simulates everything, on 60 random programs", () => {
    let copied = 0;
    for (let seed = 0; seed < 30; seed += 1) {
      const random = makeRandom(seed);
      const graph = randomCase(random, { blockCount: 4, maximumSize: 8 });
      for (const steps of [null, randomSteps(random, graph.network, mini)]) {
        const built = build(graph, mini, steps);
        if (built === null) continue;
        const hosts = random.integer(0, 1) === 0 ? [false, true] : [true, false, true];
        copied += compare(built.program, mini, random.integer(1, 5), hosts, `seed ${seed}`);
      }
    }
    expect(copied).toBeGreaterThan(10_000);
  });

  it("simulates a second run on device not at all but for what stands before the first barrier and after the last", () => {
    const graph = randomCase(makeRandom(1), { blockCount: 4, maximumSize: 8 });
    const built = build(graph, mini, null);
    if (built === null) throw new Error("the graph does not fit");
    const once = compare(built.program, mini, 1, [false], "once");
    const twice = compare(built.program, mini, 1, [false, false], "twice");
    const { eventCount } = simulateTiming(built.program, mini, { host: false, batches: 1 });
    expect(once).toBe(0);
    expect(twice).toBeGreaterThan(eventCount / 2);
  });

  it("gives the traces of a program with streams, chains and packets of all kinds", () => {
    for (const batches of [1, 2, 5]) compare(richProgram(), miniTarget, batches, [false, true, false], "rich program");
  });
});
