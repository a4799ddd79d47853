import { writeFileSync } from "node:fs";
import { forecastChangeMetric } from "../api/error-metric.ts";
import { formatSteps, stepsNotBetter } from "../api/forecast-scores.ts";
import { type PrecisionSearch, searchPrecision } from "../api/precision-search.ts";
import {
  chooseTarget,
  ForecastError,
  type ForecastWindow,
  lastValueForecast,
  meanForecast,
  type PrecisionPlan,
  type RunResult,
  runModel,
} from "../api.ts";
import { printPrecisionFile } from "../compiler/quantize/precision.ts";
import { MixingMeter } from "../examples/forecasting/mixing-effect.ts";
import {
  type CalciumForecaster,
  calciumData,
  calibrationFrames,
  fitForecaster,
  mixingPlan,
  samplesOf,
} from "./calcium.ts";
import { printTable } from "./setting.ts";

/**
 * Forecasts of a real calcium recording by Linear and TSMixer: mean absolute error by step ahead of the f32 model, of the chip at
 * several precisions and at a searched mix, and of three forecasts without a model, over all scoring windows. The search sees
 * training and validation windows alone. The mix is written to `calcium-plan.yaml`, which `population-energy.ts` reads.
 */
const horizons = [1, 4, 8, 16, 32] as const;
const precisions = ["w8a8", "w4a8", "w4a4"] as const;
/** What layers may have in the search. */
const candidates = ["w8a8", "w4a8", "w2a8", "w4a4", "w2a4", "w2a2"] as const;
/** The greatest change of the error against f32, either way: on validation windows the budget of the search, on scoring windows what is wanted. */
const allowedChange = 0.02;
const exactCheckCount = 4;

const planFile = new URL("calcium-plan.yaml", import.meta.url);

const target = chooseTarget();
const data = calciumData();
const { recording, training, validation, scoring } = data;
console.log(recording.provenance.description);
console.log(`Missing: ${recording.provenance.missing.join("; ")}.`);
console.log(
  `Windows of stride 1: ${training.length} training, ${validation.length} validation, ${scoring.length} scoring; errors in ${recording.provenance.quantity}.`,
);

const errorsOf = (forecast: (window: ForecastWindow) => Float32Array): number[] => {
  const error = new ForecastError(horizonOf(scoring));
  for (const window of scoring) error.add(forecast(window), window.future.data as Float32Array);
  return error.meanAbsoluteErrors();
};
const baselines = [
  { name: "last value", errors: errorsOf(({ context }) => lastValueForecast(context)) },
  { name: "mean of context", errors: errorsOf(({ context }) => meanForecast(context)) },
  { name: "training median", errors: errorsOf(() => data.trainingMedian) },
] as const;

const rows: string[][] = [];
const row = (name: string, errors: readonly number[], ...others: readonly string[]): void => {
  rows.push([name, ...horizons.map((step) => (errors[step - 1] ?? Number.NaN).toFixed(4)), ...others]);
};
const remarks: string[] = [];
for (const { name, errors } of baselines) row(name, errors, "", "", "");
for (const name of ["Linear", "TSMixer"] as const) study(fitForecaster(name, data));
printTable(
  ["forecast", ...horizons.map((step) => `h = ${step}`), "greatest change", "SQNR, dB", "worst layer, dB"],
  rows,
);
for (const remark of remarks) console.log(remark);

function horizonOf([window]: readonly ForecastWindow[]): number {
  return window?.future.type.shape[1] ?? 0;
}

function study(forecaster: CalciumForecaster): void {
  const { name, model, fitted } = forecaster;
  const search = searchedPlan(forecaster);
  const plans: readonly { readonly name: string; readonly plan: string | PrecisionPlan }[] = [
    ...precisions.map((rule) => ({ name: rule, plan: rule })),
    ...(name === "TSMixer" ? [{ name: mixingPlan.name, plan: mixingPlan }] : []),
    { name: "searched mix", plan: search.plan },
  ];
  const mixing = new MixingMeter(fitted.head, fitted.blocks);
  let float: readonly number[] | null = null;
  for (const { name: precision, plan } of plans) {
    const errors = { float: new ForecastError(horizonOf(scoring)), chip: new ForecastError(horizonOf(scoring)) };
    const { result } = runModel({
      model,
      target,
      precision: plan,
      inputs: samplesOf(scoring, "scoring windows"),
      calibration: calibrationFrames(data),
      exactCheckCount,
      baselines: [],
      onAnswer: ({ sample, float: [wanted], chip: [found] }) => {
        const window = scoring[sample];
        if (window === undefined || wanted === undefined || found === undefined) return;
        errors.float.add(wanted.data as Float32Array, window.future.data as Float32Array);
        errors.chip.add(found.data as Float32Array, window.future.data as Float32Array);
        if (float === null) mixing.add(window.context, wanted);
      },
    });
    if (float === null) {
      float = errors.float.meanAbsoluteErrors();
      row(`${name}, f32`, float, "", "", "");
      remarks.push(...baselineRemarks(`${name} in f32`, float));
      if (fitted.blocks.length > 0) remarks.push(mixingRemark(forecaster, mixing));
    }
    const chip = errors.chip.meanAbsoluteErrors();
    const change = greatestChange(chip, float);
    row(`${name}, ${precision}`, chip, `${(100 * change).toFixed(2)} %`, ...accuracyOf(result));
    if (precision === "w8a8" || precision === "searched mix")
      remarks.push(...baselineRemarks(`${name}, ${precision},`, chip));
    if (Math.abs(change) > allowedChange)
      remarks.push(`${name}, ${precision}: off by more than ${100 * allowedChange} %.`);
    if (result.accuracy?.exactCheck?.equal !== true) remarks.push(`${name}, ${precision}: NOT the exact answer.`);
  }
  remarks.push(searchRemark(`${name}, searched mix`, search));
  if (name === "TSMixer") {
    writeFileSync(planFile, printPrecisionFile(search.plan, ["Made by bench/calcium-forecast.ts, for TSMixer."]));
  }
}

/** The change against f32 that is furthest from zero, over all steps ahead. */
function greatestChange(errors: readonly number[], float: readonly number[]): number {
  const changes = errors.map((error, step) => error / (float[step] as number) - 1);
  return changes.reduce((greatest, change) => (Math.abs(change) > Math.abs(greatest) ? change : greatest), 0);
}

function searchedPlan({ model }: CalciumForecaster): PrecisionSearch {
  return searchPrecision({
    model,
    target,
    objective: "energy",
    precisions: candidates,
    budget: { metric: forecastChangeMetric(validation.map(({ future }) => [future])), limit: allowedChange },
    inputs: samplesOf(validation, "validation windows"),
    calibration: calibrationFrames(data),
  });
}

function accuracyOf({ accuracy }: RunResult): string[] {
  const worst = accuracy?.worstLayer;
  return [accuracy?.sqnrDb?.toFixed(1) ?? "", worst == null ? "" : `${worst.name}, ${worst.sqnrDb.toFixed(1)}`];
}

function baselineRemarks(name: string, errors: readonly number[]): string[] {
  return baselines.flatMap((baseline) => {
    const steps = stepsNotBetter(errors, baseline.errors);
    return steps.length === 0
      ? []
      : [`${name} does not beat the ${baseline.name} at steps ahead ${formatSteps(steps)}.`];
  });
}

function mixingRemark({ name, fitted }: CalciumForecaster, { effect }: MixingMeter): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return (
    `${name}: with the mixing layers zeroed the forecast moves by ${percent(effect.allFraction)} RMS, with feature mixing alone ` +
    `by ${percent(effect.featureFraction)}; feature mixing changes ${fitted.mixedNeuronCounts.join(" and ")} neurons.`
  );
}

function searchRemark(name: string, { plan, result }: PrecisionSearch): string {
  const layers = result.layers.map(({ name: layer, precision }) => `${layer}: ${precision}`);
  return `${name} (${plan.name}): ${layers.join(", ")}; ${result.search.judgedCount} plans judged.`;
}
