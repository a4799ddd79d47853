import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { Program } from "../../../ir/program.ts";
import { simulateTiming, timingSimulator } from "../../../runtime-sim/timing/simulate.ts";
import { streamCycles } from "../../../targets/cost.ts";
import { cores, gather, miniTarget, onCores, oneStep, stream, withTarget } from "../timing/machine.ts";
import { richProgram } from "../timing/rich-program.ts";
import { exampleCases, type JudgedCase, networkCases, trafficCase, withWideLinks } from "./cases.ts";
import { compare, type EventSimulator, slowCycles } from "./comparison.ts";

const seeds = fc.noBias(fc.integer({ min: 0, max: 2 ** 30 }));

/** What the two simulators say about a case: nothing differs, in no instruction. */
function expectAgreement({ name, program, target, host, batches }: JudgedCase, events = simulateTiming): void {
  const { difference, firstDifference } = compare(program, target, { host, batches, events });
  expect({ name, difference, firstDifference }).toEqual({ name, difference: 0, firstDifference: "" });
}

describe("the event-driven simulator and the slow machine", () => {
  it("agree on the start, the end and the last arrival of every instruction where links take in every packet at once", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const each = trafficCase(seed);
        expectAgreement({ ...each, target: withWideLinks(each.target) });
      }),
      { numRuns: 40 },
    );
  });

  it("agree where packets of all networks wait for each other, some of which slow their program by 1.3 and more", () => {
    let slowed = 0;
    let runs = 0;
    fc.assert(
      fc.property(seeds, (seed) => {
        const each = { ...trafficCase(seed), batches: 1 };
        expectAgreement(each);
        const wide = slowCycles(each.program, withWideLinks(each.target), each.host);
        if (slowCycles(each.program, each.target, each.host) >= 1.3 * wide) slowed += 1;
        runs += 1;
      }),
      { numRuns: 60 },
    );
    expect(slowed / runs).toBeGreaterThan(0.1);
  });

  it("agree over several batches, what one batch repeats of another simulated or copied", () => {
    const copied: EventSimulator = (program, target, options) => {
      const simulate = timingSimulator(program, target);
      simulate({ ...options, host: !options.host });
      simulate(options);
      return simulate(options);
    };
    fc.assert(
      fc.property(seeds, (seed) => {
        const each = { ...trafficCase(seed), batches: 3 };
        expectAgreement(each);
        expectAgreement(each, copied);
      }),
      { numRuns: 20 },
    );
  });

  it("agree on compiled random networks", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        for (const each of networkCases(seed)) expectAgreement(each);
      }),
      { numRuns: 15 },
    );
  });

  it("agree on the small forecaster, and on small networks that use every part of a chip", () => {
    for (const each of exampleCases()) expectAgreement(each);
  });

  it("agree on a program with every instruction, on device and with host, over batches", () => {
    for (const host of [false, true]) {
      for (const batches of [1, 3])
        expectAgreement({ name: "rich", program: richProgram(), target: miniTarget, host, batches });
    }
  });
});

describe("the closed form of weights.stream", () => {
  it("is what the flits of all pieces take, with pieces shorter and longer than a hop and memory ports that begin together or not", () => {
    const size = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 6 }), size, seeds, (rows, columns, hopCycles, hold, seed) => {
        const target = withTarget((changed) => {
          changed.grid = { rows: 5, columns: 5 };
          changed.networks.model.hopCycles = hopCycles;
        });
        const random = makeRandom(seed);
        const group = cores(0, 0, rows, columns);
        const latest = random.integer(0, 2 * rows * columns * hold);
        const together = random.uniform() < 0.3;
        const exchange = stream(32 * hold, group);
        const classes = Array.from({ length: rows * columns }, (_, index) => {
          const place = cores(Math.floor(index / columns), index % columns);
          const busy = together ? 0 : random.integer(0, latest);
          return onCores(place, { ...(busy > 0 ? { control: [gather(32 * busy)] } : {}), weights: [exchange] });
        });
        const program: Program = { ...oneStep(classes), target: { name: "mini", rows: 5, columns: 5 } };
        const { firstDifference, cycles } = compare(program, target, { host: false });
        expect(firstDifference).toBe("");
        if (together) expect(cycles).toBe(streamCycles(target, rows, columns, 32 * hold));
      }),
      { numRuns: 60 },
    );
  });
});
