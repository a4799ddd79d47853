import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { Program } from "../../../ir/program.ts";
import { simulateTiming, timingSimulator } from "../../../runtime-sim/timing/simulate.ts";
import type { EventColumns, Trace } from "../../../runtime-sim/trace.ts";
import { loadChip } from "../../../targets/load.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { build, randomCase, randomSteps } from "../../contracts/random-case.ts";
import { columnsOf, cores, gather, miniTarget, onCores, program, signal, step, vector, wait } from "./machine.ts";
import { richProgram } from "./rich-program.ts";

const mini = loadChip("mini-4x4");

/** A trace with all its events written out. */
function writtenOut(trace: Trace): object {
  const { pieces: _, ...rest } = trace;
  return { ...rest, ...columnsOf(trace) };
}

/** Runs of a program that share a memory against runs that simulate everything; returns how many events were copied. */
function compare(
  program: Program,
  target: ChipTarget,
  batches: number,
  hosts: readonly boolean[],
  label: string,
): number {
  let copied = 0;
  const simulated = new Set<EventColumns>();
  const simulate = timingSimulator(program, target);
  for (const host of hosts) {
    const trace = simulate({ host, batches });
    expect(writtenOut(trace), `${label}, ${host ? "with host" : "on device"}, ${batches} batches`).toEqual(
      writtenOut(simulateTiming(program, target, { host, batches })),
    );
    for (const { columns } of trace.pieces) {
      if (simulated.has(columns)) copied += columns.start.length;
      simulated.add(columns);
    }
  }
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

  it("simulates again where only a memory port is still taken by what a stretch leaves alone", () => {
    const barrier = { kind: "barrier" } as const;
    const short = step("short", [onCores(cores(0, 0), { control: [barrier, gather(64)] })]);
    const long = step("long", [
      onCores(cores(0, 0), {
        control: [barrier, signal(1, 0, 0), vector("add", 64, 2)],
        gather: [wait(1), gather(6400)],
      }),
    ]);
    compare(program([short, long]), miniTarget, 4, [false, false], "a port that is taken");
  });

  it("gives the traces of a program with streams, chains and packets of all kinds", () => {
    for (const batches of [1, 2, 5]) compare(richProgram(), miniTarget, batches, [false, true, false], "rich program");
  });
});
