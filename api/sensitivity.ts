import { BorealError } from "../base/errors.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { SensitivityMove, SensitivityResult, SensitivityRow } from "../report/sensitivity-schema.ts";
import { type Counts, countsOf } from "../runtime-sim/counts.ts";
import { energyOf } from "../runtime-sim/energy.ts";
import { batchIntervalCycles } from "../runtime-sim/metrics.ts";
import { simulatedBatches, simulateTiming } from "../runtime-sim/timing/simulate.ts";
import { applyOverrides } from "../targets/override.ts";
import type { ChipTarget, NumberSource } from "../targets/target.ts";
import { compileModel } from "./compile.ts";
import { noProgress } from "./progress.ts";
import { provenance, targetWarnings } from "./provenance.ts";
import { choicesOf, modelWarnings, type RunOptions, summarizeModel } from "./run.ts";
import { chooseStates } from "./states.ts";
import { summarizeTarget } from "./target.ts";

/** How far each number is moved, as a fraction of its value. */
const step = 0.2;

/** How sensitivities are found. */
export interface SensitivityOptions
  extends Pick<
    RunOptions,
    | "model"
    | "target"
    | "precision"
    | "batchCount"
    | "objective"
    | "seed"
    | "mapping"
    | "states"
    | "hostOps"
    | "onProgress"
  > {
  /** Searches the mapping again for every moved number that time or the program depends on. */
  readonly remap?: boolean;
}

/** The two figures that are watched, on device. */
interface Figures {
  readonly latencyCycles: number;
  readonly energyPerInferenceJoules: number;
}

/** A program with what it does, whatever the chip's rates and prices. */
interface Subject {
  readonly program: Program;
  readonly mapping: Mapping;
  readonly counts: Counts;
  readonly figures: Figures;
  /** Cycles between batches. */
  readonly batchCycles: number;
}

/** How a number takes part: as a price, as a rate or time, or as a size or shape that the program depends on. */
type Role = "price" | "rate" | "shape";

function roleOf(path: string, { unit }: Pick<NumberSource, "unit">): Role {
  if (path.startsWith("energy.") || path.startsWith("supply.") || unit === "pJ/byte") return "price";
  return ["cycles", "bytes/cycle", "bytes/s", "elements/s", "s", "lanes", "Hz"].includes(unit) ? "rate" : "shape";
}

/**
 * How latency and energy of a model on device change when each estimate of the chip is moved by 20 % down and up, within its
 * range: prices are applied to the same counts, rates to the same program, sizes and shapes to a program of the same mapping.
 * The mapping is searched again where it cannot be kept, and everywhere with `remap`. Whole numbers move to the nearest
 * whole number that the chip admits, by one at least. Rows are in order of the greatest relative change, the largest first.
 * Throws the errors of compiling.
 */
export function sensitivityOf(options: SensitivityOptions): SensitivityResult {
  const { model, target } = options;
  const onProgress = options.onProgress ?? noProgress;
  const { pairs, warnings } = chooseStates(model, options.states);
  const study = new Study(options);
  const estimates = [...target.chip.provenance].filter(([, { source }]) => source === "estimated");
  const rows = estimates.map(([path, number], index): SensitivityRow => {
    onProgress({ phase: `move ${path}`, fraction: index / estimates.length });
    const [low, high] = number.range ?? [number.value, number.value];
    return {
      path,
      unit: number.unit,
      value: number.value,
      range: [low, high],
      down: study.move(path, number, "down"),
      up: study.move(path, number, "up"),
    };
  });
  return {
    schemaVersion,
    kind: "sensitivity",
    model: summarizeModel(model),
    target: summarizeTarget(target),
    choices: choicesOf(options, pairs),
    stepFraction: step,
    remap: options.remap ?? false,
    latencyCycles: study.base.figures.latencyCycles,
    energyPerInferenceJoules: study.base.figures.energyPerInferenceJoules,
    rows: rows.toSorted((a, b) => greatestChange(b) - greatestChange(a)),
    warnings: [...modelWarnings(model), ...warnings, ...targetWarnings(target)],
    provenance: provenance("sensitivity-result"),
  };
}

/** The greatest relative change that a row has, of either figure. */
function greatestChange({ down, up }: SensitivityRow): number {
  return Math.max(
    ...[down, up].flatMap(({ latencyChange, energyChange }) => [Math.abs(latencyChange), Math.abs(energyChange)]),
  );
}

/** One model on one chip, of which numbers are moved. */
class Study {
  readonly base: Subject;
  private readonly options: SensitivityOptions;

  constructor(options: SensitivityOptions) {
    this.options = options;
    this.base = this.subject(options.target.chip, options.mapping);
  }

  /** The effect of one number on its way down or up; a move of nothing where range or chip admit none. */
  move(path: string, number: NumberSource, direction: "down" | "up"): SensitivityMove {
    const chip = this.movedChip(path, number, direction);
    if (chip === null) return this.effect(number.value, this.base.figures, "kept");
    const value = chip.provenance.get(path)?.value ?? number.value;
    const role = roleOf(path, number);
    if (role === "price") return this.effect(value, this.priced(chip), "kept");
    if (this.options.remap === true) return this.remapped(value, chip);
    if (role === "rate") return this.effect(value, this.timed(this.base, chip).figures, "kept");
    try {
      return this.effect(value, this.subject(chip, this.base.mapping).figures, "kept");
    } catch (error) {
      // The checker refuses the mapping for such a chip, or the program no longer fits.
      if (!(error instanceof BorealError)) throw error;
      return this.remapped(value, chip);
    }
  }

  private remapped(value: number, chip: ChipTarget): SensitivityMove {
    try {
      return this.effect(value, this.subject(chip, this.options.mapping).figures, "searched");
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      return this.effect(value, this.base.figures, "none");
    }
  }

  private effect(value: number, figures: Figures, mapping: SensitivityMove["mapping"]): SensitivityMove {
    const { latencyCycles, energyPerInferenceJoules } = this.base.figures;
    return {
      value,
      mapping,
      ...figures,
      latencyChange: figures.latencyCycles / latencyCycles - 1,
      energyChange: figures.energyPerInferenceJoules / energyPerInferenceJoules - 1,
    };
  }

  /** The chip with a number moved by a step, or by as much more as it takes for the chip to admit it; null for none. */
  private movedChip(path: string, number: NumberSource, direction: "down" | "up"): ChipTarget | null {
    const { value, range } = number;
    const [low, high] = range ?? [value, value];
    const sign = direction === "down" ? -1 : 1;
    const within = (wanted: number): number => Math.min(high, Math.max(low, wanted));
    const isWhole = [
      "cores",
      "threads",
      "lanes",
      "elements",
      "cycles",
      "bytes",
      "bytes/cycle",
      "operations/MAC",
    ].includes(number.unit);
    const wanted = Number((value * (1 + sign * step)).toPrecision(12));
    let moved = within(isWhole ? Math.round(wanted) : wanted);
    if (isWhole && moved === value) moved = within(value + sign);
    while (moved !== value) {
      try {
        return applyOverrides(this.options.target.chip, [`${path}=${moved}`]);
      } catch (error) {
        if (!(error instanceof BorealError)) throw error;
      }
      const next = isWhole ? within(moved + sign) : value;
      if (next === moved) return null;
      moved = next;
    }
    return null;
  }

  private priced(chip: ChipTarget): Figures {
    const { counts, batchCycles, program, figures } = this.base;
    const { totalJoules } = energyOf(counts, chip, batchCycles, program.batchCount);
    return { ...figures, energyPerInferenceJoules: totalJoules };
  }

  private timed(
    { program, counts }: Pick<Subject, "program" | "counts">,
    chip: ChipTarget,
  ): { readonly figures: Figures; readonly batchCycles: number } {
    const trace = simulateTiming(program, chip, { host: false, batches: simulatedBatches(program) });
    const batchCycles = batchIntervalCycles(trace);
    const { totalJoules } = energyOf(counts, chip, batchCycles, program.batchCount);
    return {
      figures: { latencyCycles: trace.batchEnds[0] as number, energyPerInferenceJoules: totalJoules },
      batchCycles,
    };
  }

  private subject(chip: ChipTarget, mapping: Mapping | undefined): Subject {
    const { model, precision, batchCount, objective, hostOps, states } = this.options;
    const compiled = compileModel(model, chip, {
      ...(precision === undefined ? {} : { precision }),
      ...(batchCount === undefined ? {} : { batchCount }),
      ...(objective === undefined ? {} : { objective }),
      ...(hostOps === undefined ? {} : { hostOps }),
      ...(mapping === undefined ? {} : { mapping }),
      states: chooseStates(model, states).states,
    });
    const { program } = compiled;
    const trace = simulateTiming(program, chip, { host: false, batches: simulatedBatches(program) });
    const counts = countsOf(trace, program).total;
    const batchCycles = batchIntervalCycles(trace);
    const { totalJoules } = energyOf(counts, chip, batchCycles, program.batchCount);
    const latencyCycles = trace.batchEnds[0] as number;
    return {
      program,
      mapping: compiled.mapping,
      counts,
      batchCycles,
      figures: { latencyCycles, energyPerInferenceJoules: totalJoules },
    };
  }
}
