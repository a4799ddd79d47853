import type { Program } from "../ir/program.ts";
import type { RangeResult } from "../report/figures-schema.ts";
import { addCounts, emptyCounts } from "../runtime-sim/counts.ts";
import { energyOf } from "../runtime-sim/energy.ts";
import { metricsOf, type RunMetrics } from "../runtime-sim/metrics.ts";
import { simulateBoth } from "../runtime-sim/timing/simulate.ts";
import { applyOverrides } from "../targets/override.ts";
import type { ChipTarget, NumberSource } from "../targets/target.ts";

/** Which end of a range costs less time or energy, by the number's unit; numbers of other units decide the program. */
const cheapEnd: Readonly<Record<string, "low" | "high">> = {
  cycles: "low",
  s: "low",
  pJ: "low",
  "pJ/byte": "low",
  "pJ/cycle": "low",
  W: "low",
  lanes: "high",
  "bytes/cycle": "high",
  "bytes/s": "high",
};

/** An estimate that can be moved without another program. */
interface Movable {
  readonly path: string;
  readonly number: NumberSource & { readonly range: readonly [number, number] };
}

function estimates(chip: ChipTarget): { readonly moved: Movable[]; readonly held: string[] } {
  const moved: Movable[] = [];
  const held: string[] = [];
  for (const [path, number] of chip.provenance) {
    if (number.source !== "estimated" || number.range === null) continue;
    if (cheapEnd[number.unit] === undefined) held.push(path);
    else moved.push({ path, number: { ...number, range: number.range } });
  }
  return { moved, held };
}

function chipAt(chip: ChipTarget, moved: readonly Movable[], end: "cheap" | "dear"): ChipTarget {
  return applyOverrides(
    chip,
    moved.map(({ path, number: { unit, range } }) => {
      const low = (cheapEnd[unit] === "low") === (end === "cheap");
      return `${path}=${low ? range[0] : range[1]}`;
    }),
  );
}

/** What a span is taken over: a figure on device in each of the cases. */
type Cases<T> = readonly [T, ...T[]];

function spanOf<T>(cases: Cases<T>, figure: (each: T) => number): [number, number] {
  const values = cases.map(figure);
  return [Math.min(...values), Math.max(...values)];
}

/**
 * The figures of a program with all estimates of the chip at their cheap ends at once, and at their dear ends: an interval
 * that holds every combination where costs only grow with each number. Numbers that decide the program (sizes of
 * buffers, the shape of the matrix unit, the meaning of an operation) and the supply are held, and named.
 */
export function rangeOf(program: Program, chip: ChipTarget, nominal: RunMetrics): RangeResult {
  const { moved, held } = estimates(chip);
  const at = (end: "cheap" | "dear"): RunMetrics => {
    const moving = chipAt(chip, moved, end);
    return metricsOf(simulateBoth(program, moving), program, moving);
  };
  const all: Cases<RunMetrics> = moved.length === 0 ? [nominal] : [nominal, at("cheap"), at("dear")];
  return {
    timing: "simulated",
    latencySeconds: spanOf(all, ({ onDevice }) => onDevice.latencySeconds),
    throughputPerSecond: spanOf(all, ({ onDevice }) => onDevice.throughputPerSecond),
    energyPerInferenceJoules: spanOf(all, ({ onDevice }) => onDevice.energyPerInferenceJoules),
    powerWatts: spanOf(all, ({ onDevice }) => onDevice.powerWatts),
    withHostLatencySeconds: spanOf(all, ({ withHost }) => withHost.latencySeconds),
    movedNumbers: moved.map(({ path }) => path),
    heldNumbers: held,
  };
}

/**
 * The range of energy and power alone, at the cycles of one simulation: counts × table at both ends. Numbers that time
 * depends on are held, and named with the others.
 */
export function heldRangeOf(program: Program, chip: ChipTarget, nominal: RunMetrics): RangeResult {
  const all = estimates(chip);
  const isPrice = ({ number }: Movable): boolean => /^(pJ|W)/.test(number.unit);
  const moved = all.moved.filter(isPrice);
  const { intervalCycles } = nominal.onDevice;
  const counts = nominal.steps.reduce((total, step) => addCounts(total, step.counts), emptyCounts());
  const at = (end: "cheap" | "dear"): number =>
    energyOf(counts, chipAt(chip, moved, end), intervalCycles * program.batchCount, program.batchCount).totalJoules;
  const cases: Cases<number> = [nominal.onDevice.energyPerInferenceJoules, at("cheap"), at("dear")];
  return {
    timing: "held",
    latencySeconds: null,
    throughputPerSecond: null,
    energyPerInferenceJoules: spanOf(cases, (joules) => joules),
    powerWatts: spanOf(cases, (joules) => (joules * chip.clockHz) / intervalCycles),
    withHostLatencySeconds: null,
    movedNumbers: moved.map(({ path }) => path),
    heldNumbers: [...all.held, ...all.moved.filter((each) => !isPrice(each)).map(({ path }) => path)],
  };
}
