import type { Program } from "../ir/program.ts";
import type { RangeResult } from "../report/figures-schema.ts";
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

/** Traces of three batches, on device and with host, and the figures that follow. */
function measure(program: Program, chip: ChipTarget): RunMetrics {
  return metricsOf(simulateBoth(program, chip), program, chip);
}

/**
 * The figures of a program with all estimates of the chip at their cheap ends at once, and at their dear ends: an interval
 * that holds every combination where costs only grow with each number. Numbers that decide the program (sizes of
 * buffers, the shape of the matrix unit, the meaning of an operation) are held, and named.
 */
export function rangeOf(program: Program, chip: ChipTarget, nominal: RunMetrics): RangeResult {
  const { moved, held } = estimates(chip);
  const all = [nominal, measure(program, chipAt(chip, moved, "cheap")), measure(program, chipAt(chip, moved, "dear"))];
  const span = (figure: (metrics: RunMetrics) => number): [number, number] => {
    const values = all.map(figure);
    return [Math.min(...values), Math.max(...values)];
  };
  return {
    latencySeconds: span(({ onDevice }) => onDevice.latencySeconds),
    throughputPerSecond: span(({ onDevice }) => onDevice.throughputPerSecond),
    energyPerInferenceJoules: span(({ onDevice }) => onDevice.energyPerInferenceJoules),
    powerWatts: span(({ onDevice }) => onDevice.powerWatts),
    withHostLatencySeconds: span(({ withHost }) => withHost.latencySeconds),
    movedNumbers: moved.map(({ path }) => path),
    heldNumbers: held,
  };
}
