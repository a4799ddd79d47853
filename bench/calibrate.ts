import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chooseTarget } from "../api.ts";
import { makeRandom } from "../base/random.ts";
import { defaultChipName } from "../targets/defaults.ts";
import { listTargets } from "../targets/load.ts";
import { parseTarget } from "../targets/parse.ts";
import { targetSha256 } from "../targets/print.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type Calibration, calibrationDocument, type EnergyFit, type TimingFit } from "./calibration/document.ts";
import { energyAt, pricesOf } from "./calibration/energy.ts";
import { measuredOf, measuredPrecision } from "./calibration/measured.ts";
import { type Prediction, predict } from "./calibration/prediction.ts";
import { ensemble, leastChange } from "./calibration/prices.ts";
import {
  along,
  batchIntervalOn,
  chipWith,
  distancesFor,
  rateAt,
  ratesOf,
  timingEnsemble,
} from "./calibration/rates.ts";
import { batchesOf, powersOfTwo, subjectOf, workloadOf } from "./calibration/subject.ts";
import { rounded, withFit, withPriors, withRecord } from "./calibration/target-text.ts";
import { setting } from "./setting.ts";

/**
 * Calibrates the chip on what was measured of it: one network, one rate, one power. Prints the prediction from the priors, fits
 * prices (and rates, where their ranges reach), writes the target file with its record, and docs/calibration.md.
 * `--dry` writes nothing; `--only-energy` leaves out the predictions of other networks; `--rates` fits rates too; `--batches 1,8,64`
 * tries those.
 */
const seed = 1;
const fitCount = 200;
const timingFitCount = 6;
const greatestBatch = 64;
const others = ["light-squeezenet", "light-inception_v1", "nanodet-m-320", "light-zfnet512", "light-vgg19"] as const;

/** The batches that were asked for. */
function givenBatches(): readonly number[] | null {
  const index = process.argv.indexOf("--batches");
  return index < 0 ? null : (process.argv[index + 1] ?? "").split(",").map(Number);
}

const isDry = process.argv.includes("--dry");
const note = (text: string): void => console.error(text);

const path = listTargets().find(({ name }) => name === defaultChipName)?.path ?? "";
const file = readFileSync(path, "utf8");
const text = withPriors(file, [...chooseTarget().chip.provenance.keys()]);
const chipOfText = (yaml: string): ChipTarget => parseTarget(yaml, path) as ChipTarget;
const prior = chipOfText(text);
const measured = measuredOf(prior.name);
if (measured.clockHz !== prior.clockHz) throw new Error("The target's clock is not that of the measurement.");
const measuredCycles = measured.clockHz / measured.framesPerSecond;

const workload = workloadOf(measured.workload, (graph) => measuredPrecision(measured, graph));
note("batches ...");
const batches = batchesOf(workload, prior, givenBatches() ?? powersOfTwo(greatestBatch));
const [best] = batches.toSorted((a, b) => a.intervalCycles - b.intervalCycles);
if (best === undefined) throw new Error(`${measured.workload} fits at no batch.`);

note("rates ...");
const rates = ratesOf(prior);
const ends = ([-1, 1] as const).map((distance) =>
  batchIntervalOn(best, chipWith(prior, rates, along(rates, distance))),
);
const [slowCycles = 0, fastCycles = 0] = ends;
const fastMapped = subjectOf(workload, chipWith(prior, rates, along(rates, 1)), best.batchCount);
const rateFit = process.argv.includes("--rates") ? distancesFor(best, prior, rates, measuredCycles) : null;
const fittedRates = new Map(
  rateFit === null
    ? []
    : rates
        .map((rate) => [rate.path, rateAt(rate, rateFit.distances.get(rate.path) ?? 0)] as const)
        .filter(([name, value]) => rates.some((rate) => rate.path === name && rate.prior !== value)),
);
const timing: TimingFit = {
  slowCycles,
  fastCycles,
  fastMappedCycles: fastMapped.intervalCycles,
  fitted: rates.flatMap(({ path: name, prior: before, range }) => {
    const value = fittedRates.get(name);
    return value === undefined ? [] : [{ path: name, prior: before, value, range }];
  }),
  intervalCycles: rateFit?.intervalCycles ?? null,
};

note("prices ...");
const prices = pricesOf(best, prior, measuredCycles);
const measuredJoules = measured.watts / measured.framesPerSecond;
const leastFit = leastChange(prices, measuredJoules);
const fittedPrices = new Map(
  [...(leastFit ?? [])]
    .filter(([name]) => prices.some((price) => price.path === name && price.joulesPerUnit > 0))
    .map(([name, value]) => [name, rounded(value)]),
);
const fittedText = withFit(withFit(text, fittedPrices), fittedRates);
const fitted = chipOfText(fittedText);
const fittedSubject = fittedRates.size === 0 ? best : subjectOf(workload, fitted, best.batchCount);
const energy: EnergyFit = {
  prices,
  reached: leastFit !== null,
  values: new Map(prices.map((price) => [price.path, fitted.provenance.get(price.path)?.value ?? price.prior])),
  before: energyAt(best, prior, measuredCycles),
  after: energyAt(fittedSubject, fitted, measuredCycles),
  beforeSimulated: energyAt(best, prior, best.intervalCycles),
  afterSimulated: energyAt(fittedSubject, fitted, fittedSubject.intervalCycles),
};

note("fits that hit ...");
const random = makeRandom(seed);
const energyFits = ensemble(prices, measuredJoules, fitCount, random);
const timingFits = rateFit === null ? [] : timingEnsemble(best, prior, rates, measuredCycles, timingFitCount, random);

const calibration: Calibration = {
  setting: setting(),
  options: process.argv.slice(2),
  chipName: prior.name,
  priorSha256: targetSha256(prior),
  fittedSha256: targetSha256(fitted),
  modelSha256: workload.sha256,
  measured,
  measuredCycles,
  batches,
  best,
  fittedSubject,
  timing,
  energy,
  energyFitCount: energyFits.length,
  timingFitCount: timingFits.length,
  seed,
  predictions: [],
};
if (!isDry) {
  const record = [
    `\`npm run calibrate\` on ${measured.workload} (sha256 ${workload.sha256.slice(0, 16)}) at batch ${best.batchCount},`,
    `numbers before it ${calibration.priorSha256.slice(0, 16)}; docs/calibration.md has the fit. What it moved has a prior.`,
  ];
  writeFileSync(path, withRecord(fittedText, record));
}

/** Writes the document with what is predicted so far. */
function deliver(predictions: readonly Prediction[]): string {
  const document = calibrationDocument({ ...calibration, predictions });
  if (!isDry) writeFileSync(fileURLToPath(new URL("../docs/calibration.md", import.meta.url)), document);
  return document;
}

let document = deliver([]);
const predictions: Prediction[] = [];
for (const name of process.argv.includes("--only-energy") ? [] : others) {
  note(name);
  const other = workloadOf(name, (graph) => measuredPrecision(measured, graph));
  predictions.push(...predict(other, { prior, fitted, rates, energyFits, timingFits }));
  document = deliver(predictions);
}
console.log(document);
