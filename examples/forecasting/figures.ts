import type { RunResult } from "../../api.ts";
import type { MixingEffect } from "./mixing-effect.ts";

/** The figures of an example that a later run must find again. */
export interface ExpectedFigures {
  readonly parameterCount: number;
  readonly macCount: number;
  readonly latencyCycles: number;
  readonly intervalCycles: number;
  readonly withHostLatencyCycles: number;
  readonly withHostIntervalCycles: number;
  readonly energyPerInferenceJoules: number;
  readonly withHostEnergyPerInferenceJoules: number;
  readonly sqnrDb: number;
  readonly mixingFraction: number;
  readonly featureMixingFraction: number;
  /** Mean absolute errors at `horizonSteps` frames ahead. */
  readonly horizonSteps: readonly number[];
  readonly f32: readonly number[];
  readonly chip: readonly number[];
  readonly lastValue: readonly number[];
  readonly contextMean: readonly number[];
}

/** Steps ahead at which errors are pinned. */
const pinnedSteps = [1, 4, 8, 16, 32] as const;
const significantDigits = 9;
/** Figures agree within this part of the expected one. */
const tolerance = 1e-6;

const rounded = (value: number): number => Number(value.toPrecision(significantDigits));

/** The figures of a run that are pinned, to nine digits. */
export function figuresOf(result: RunResult, mixing: MixingEffect): ExpectedFigures {
  const errors = result.forecast?.meanAbsoluteErrors;
  const horizonSteps = pinnedSteps.filter((step) => step <= (errors?.lastValue.length ?? 0));
  const at = (list: readonly number[] | null | undefined): number[] =>
    list == null ? [] : horizonSteps.map((step) => rounded(list[step - 1] ?? Number.NaN));
  return {
    parameterCount: result.model.parameterCount,
    macCount: result.model.macCount,
    latencyCycles: result.timing.latencyCycles,
    intervalCycles: result.timing.intervalCycles,
    withHostLatencyCycles: result.withHost.latencyCycles,
    withHostIntervalCycles: result.withHost.intervalCycles,
    energyPerInferenceJoules: rounded(result.energy.energyPerInferenceJoules),
    withHostEnergyPerInferenceJoules: rounded(result.withHost.energyPerInferenceJoules),
    sqnrDb: rounded(result.accuracy?.sqnrDb ?? Number.NaN),
    mixingFraction: rounded(mixing.allFraction),
    featureMixingFraction: rounded(mixing.featureFraction),
    horizonSteps,
    f32: at(errors?.f32),
    chip: at(errors?.chip),
    lastValue: at(errors?.lastValue),
    contextMean: at(errors?.contextMean),
  };
}

/** Figures as the text of a file: JSON, one figure a line. */
export function formatFigures(figures: ExpectedFigures): string {
  const lines = Object.entries(figures).map(
    ([name, value]) => `  "${name}": ${Array.isArray(value) ? `[${value.join(", ")}]` : value}`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Where found figures differ from expected ones by more than one part in a million, one text each. */
export function differences(expected: ExpectedFigures, found: ExpectedFigures): string[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])] as (keyof ExpectedFigures)[];
  return names.flatMap((name) => {
    const [wanted, got] = [[expected[name]].flat(), [found[name]].flat()];
    const same =
      wanted.length === got.length &&
      wanted.every((value, index) => {
        const other = got[index];
        return value !== undefined && other !== undefined && Math.abs(other - value) <= tolerance * Math.abs(value);
      });
    return same ? [] : [`${name} is ${got.join(", ")}, expected ${wanted.join(", ")}`];
  });
}
