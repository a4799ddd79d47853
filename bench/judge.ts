import {
  exampleCases,
  type JudgedCase,
  networkCases,
  trafficCase,
  withWideLinks,
} from "../test/runtime-sim/cycle/cases.ts";
import { compare, type EventSimulator, slowCycles } from "../test/runtime-sim/cycle/comparison.ts";
import { seededFaults, withFault } from "../test/runtime-sim/cycle/seeded-faults.ts";
import { printTable } from "./setting.ts";

/** The event-driven simulator against the slow machine: docs/judge.md. */
const trafficCount = 1000;
const networkCount = 150;
const faultProgramCount = 100;
/** A program is contended when it takes so many times as long as with links of any width. */
const contendedRatio = 1.3;

const seedsOf = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

/** Differences of some runs, and how many of them are the same in every instruction. */
class Tally {
  runs = 0;
  same = 0;
  cycles = 0;
  #sum = 0;
  #worst = 0;

  add(cycles: number, difference: number, same: boolean): void {
    this.runs += 1;
    this.cycles += cycles;
    this.#sum += Math.abs(difference);
    this.#worst = Math.max(this.#worst, Math.abs(difference));
    if (same) this.same += 1;
  }

  get mean(): string {
    return percent(this.runs === 0 ? 0 : this.#sum / this.runs);
  }

  get worst(): string {
    return percent(this.#worst);
  }
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** Tallies of the cases that links slow less, and more. */
function judge(cases: Iterable<JudgedCase>): readonly [Tally, Tally] {
  const [usual, contended] = [new Tally(), new Tally()];
  for (const { program, target, host, batches } of cases) {
    const { cycles, difference, firstDifference } = compare(program, target, { host, batches });
    const one = batches === 1 ? cycles : slowCycles(program, target, host);
    const slowed = one >= contendedRatio * slowCycles(program, withWideLinks(target), host);
    (slowed ? contended : usual).add(cycles, difference, firstDifference === "");
  }
  return [usual, contended];
}

/** How a faulty simulator differs on random programs; one that does not come to an end counts as different. */
function tallyFault(events: EventSimulator): { readonly tally: Tally; readonly failed: number } {
  const tally = new Tally();
  let failed = 0;
  for (const seed of seedsOf(faultProgramCount)) {
    const { program, target, host, batches } = trafficCase(seed);
    try {
      const { cycles, difference, firstDifference } = compare(program, target, { host, batches, events });
      tally.add(cycles, difference, firstDifference === "");
    } catch {
      failed += 1;
    }
  }
  return { tally, failed };
}

const sets: readonly [string, () => JudgedCase[]][] = [
  ["random traffic", () => seedsOf(trafficCount).map(trafficCase)],
  ["random networks", () => seedsOf(networkCount).flatMap(networkCases)],
  ["small examples", exampleCases],
];
printTable(
  ["programs", `against infinite links`, "runs", "cycles", "same in every instruction", "mean difference", "worst"],
  sets.flatMap(([name, cases]) =>
    judge(cases()).map((tally, index) => [
      name,
      `${index === 0 ? "<" : "≥"} ${contendedRatio} ×`,
      tally.runs,
      tally.cycles,
      tally.same,
      tally.mean,
      tally.worst,
    ]),
  ),
);
const faults: (string | number)[][] = [];
for (const fault of seededFaults) {
  const { tally, failed } = await withFault(fault, tallyFault);
  faults.push([fault.name, tally.runs - tally.same + failed, tally.mean, tally.worst]);
}
printTable(["seeded fault", `programs of ${faultProgramCount} that differ`, "mean difference", "worst"], faults);
