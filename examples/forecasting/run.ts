import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  baselineWarnings,
  chooseTarget,
  endFrame,
  ForecastScores,
  forecastWindows,
  importModel,
  medianForecast,
  type RunOptions,
  type RunResult,
  runModel,
  type Warning,
  type WindowPlan,
  warning,
  withForecast,
} from "../../api.ts";
import type { ExampleOptions, ExampleReport } from "../example.ts";
import { exampleFolder, readExpected } from "./example-folder.ts";
import { differences, type ExpectedFigures, figuresOf, formatFigures } from "./figures.ts";
import { type MixingEffect, MixingMeter } from "./mixing-effect.ts";
import { frameOf, writeForecaster, writeForecasterShapes } from "./model-file.ts";
import { storedPopulation } from "./recording-file.ts";
import { outputName, type TsmixerSize } from "./tsmixer.ts";

/** A forecaster on a synthetic recording: what is made, and which windows are used for what. */
export interface ForecastSetup {
  readonly name: string;
  readonly size: TsmixerSize;
  readonly frameRateHz: number;
  readonly recordingSeed: number;
  readonly mixingSeed: number;
  /** Added to the mean squares of the mixed context: ridge. */
  readonly ridgePenalty: number;
  readonly training: WindowSet;
  /** Every so many of the training windows calibrates the quantization. */
  readonly calibrationStride: number;
  readonly heldOut: WindowSet;
  /** Held-out windows on which the chip's bytes are compared with the exact evaluation. */
  readonly exactCheckCount: number;
  /** Held-out windows on which the effect of the mixing layers is measured. */
  readonly mixingCheckCount: number;
}

/** Windows at equal distances. */
export interface WindowSet {
  readonly windowCount: number;
  readonly strideFrames: number;
}

/** What stands above the report of a run without answers. */
const timingLabel = "Timing only: neither recording nor weights were made.";
/** What stands above the report of every forecaster that is made here. */
const label = "Synthetic recording; head fitted in closed form, mixing layers seeded random.";

/**
 * Makes the recording and the forecaster, compiles it at w8a8, executes it on the held-out windows and simulates its time
 * and energy. No frame of a held-out window is in a training or calibration window.
 */
export async function runForecast(setup: ForecastSetup, options: ExampleOptions, report: ExampleReport): Promise<void> {
  const folder = options.outputFolder ?? join(exampleFolder(setup.name), "out");
  mkdirSync(folder, { recursive: true });
  if (options.timingOnly) report(timeForecaster(setup, options, folder), [timingLabel]);
  else {
    const { result, mixing } = answerWindows(setup, options, folder);
    report(result, [label, mixingRemark(mixing)]);
  }
}

/** Shapes alone: compiles and simulates a model without weights. */
function timeForecaster(setup: ForecastSetup, options: ExampleOptions, folder: string): RunResult {
  const path = join(folder, "tsmixer-shapes.onnx");
  writeForecasterShapes(path, setup.size);
  const model = importModel(path, { dimensions: new Map([["batch", 1]]), allowAbsentWeights: true });
  return runModel({ ...commonOptions(options), model, timingOnly: true }).result;
}

type CommonOptions = Pick<RunOptions, "target" | "seed" | "range" | "onProgress" | "baselines">;

function commonOptions({ target, seed, range, onProgress, baselines }: ExampleOptions): CommonOptions {
  return {
    target,
    seed,
    onProgress,
    ...(range === undefined ? {} : { range }),
    ...(baselines === undefined ? {} : { baselines }),
  };
}

/** A result with forecast errors, and what the mixing layers do to the forecast. */
interface Answered {
  readonly result: RunResult;
  readonly mixing: MixingEffect;
}

function answerWindows(setup: ForecastSetup, options: ExampleOptions, folder: string): Answered {
  const { onProgress, seed } = options;
  const plans = windowPlans(setup);
  onProgress({ phase: "make the recording", fraction: null });
  const { neuronCount, horizonFrames } = setup.size;
  const recordingSeed = setup.recordingSeed + seed;
  const frameCount = endFrame(plans.heldOut);
  const recording = storedPopulation(
    { neuronCount, frameCount, frameRateHz: setup.frameRateHz, seed: recordingSeed },
    folder,
  );
  const training = forecastWindows(recording, plans.training);
  const heldOut = forecastWindows(recording, plans.heldOut);
  const modelPath = join(folder, "tsmixer.onnx");
  const mixingSeed = setup.mixingSeed + seed;
  const forecaster = writeForecaster(modelPath, { ...setup, mixingSeed, training, onProgress });
  onProgress({ phase: "import the model", fraction: null });
  const model = importModel(modelPath, { dimensions: new Map([["batch", 1]]) });
  const errors = new ForecastScores(horizonFrames, medianForecast(recording, endFrame(plans.training)));
  const mixing = new MixingMeter(forecaster.head, forecaster.timeMixing);
  const run = runModel({
    ...commonOptions(options),
    model,
    inputs: {
      frames: heldOut.map(frameOf),
      count: heldOut.length,
      description: `${heldOut.length} held-out windows of a ${recording.name} (seed ${recordingSeed})`,
    },
    calibration: training.filter((_, index) => index % setup.calibrationStride === 0).map(frameOf),
    exactCheckCount: setup.exactCheckCount,
    onAnswer: ({ sample, float: [float], chip: [chip] }) => {
      const window = heldOut[sample];
      if (window === undefined || float === undefined || chip === undefined) return;
      errors.add(window, float.data as Float32Array, chip.data as Float32Array);
      if (sample < setup.mixingCheckCount) mixing.add(window.context, float);
    },
  });
  const forecast = errors.result(recording.provenance, recording.name);
  const complete = withForecast(run.result, forecast);
  const figures = figuresOf(complete, mixing.effect);
  writeFileSync(join(folder, "figures.json"), formatFigures(figures));
  const warnings = [
    ...complete.warnings,
    warning("W401", `${label} ${mixingRemark(mixing.effect)}`, { tensor: outputName }),
    ...baselineWarnings(forecast),
    ...(isRecorded(options) ? expectedWarnings(setup.name, figures) : []),
  ];
  // The importer takes any weights in a file for trained ones.
  const result = { ...complete, model: { ...complete.model, weights: "random" as const }, warnings };
  return { result, mixing: mixing.effect };
}

/** Whether an example is run as its recorded figures were found. */
function isRecorded({ target, seed }: ExampleOptions): boolean {
  return seed === 0 && target.overrides.length === 0 && target.chip.name === chooseTarget().chip.name;
}

/** Training windows from the first frame on, held-out windows after their last frame. */
export function windowPlans(setup: Pick<ForecastSetup, "size" | "training" | "heldOut">): {
  readonly training: WindowPlan;
  readonly heldOut: WindowPlan;
} {
  const { contextFrames, horizonFrames } = setup.size;
  const training = { contextFrames, horizonFrames, firstFrame: 0, ...setup.training };
  return { training, heldOut: { contextFrames, horizonFrames, firstFrame: endFrame(training), ...setup.heldOut } };
}

function mixingRemark({ allFraction, featureFraction }: MixingEffect): string {
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;
  return (
    `With the mixing layers zeroed the forecast moves by ${percent(allFraction)} RMS, ` +
    `with feature mixing alone zeroed by ${percent(featureFraction)}.`
  );
}

/** Says which figures are not those that the example's expected.json holds. */
function expectedWarnings(name: string, found: ExpectedFigures): Warning[] {
  const expected = readExpected(name);
  const wrong = expected === null ? [] : differences(expected, found);
  return wrong.length === 0
    ? []
    : [warning("W403", `Figures differ from examples/${name}/expected.json: ${wrong.join("; ")}.`)];
}
