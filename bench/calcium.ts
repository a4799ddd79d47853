import { join } from "node:path";
import {
  type ForecastWindow,
  type Frame,
  forecastWindows,
  type ImportedModel,
  importModel,
  medianForecast,
  type PrecisionPlan,
  parsePrecision,
  type Recording,
  readSuite2p,
  type Samples,
  scaleChannels,
  writeModel,
} from "../api.ts";
import { type FittedForecaster, fitClosedForm } from "../examples/forecasting/closed-form.ts";
import { frameOf } from "../examples/forecasting/model-file.ts";
import { type TsmixerSize, tsmixerModel } from "../examples/forecasting/tsmixer.ts";
import { frameCount } from "../recordings/recording.ts";
import { sharedFolder } from "../test/shared.ts";

/** Parts of the frames, in order of time: training, validation, and the rest for scoring. */
const parts = { training: 0.7, validation: 0.1 } as const;
const contextFrames = 4;
const horizonFrames = 32;
/** Every so many training windows are fitted to, and calibrate. */
const strides = { fit: 3, calibration: 20 } as const;
const fit = {
  seed: 1,
  timeGain: 1 / 6,
  mixingPenalties: [0.1, 1, 10],
  greatestChange: 3,
  headPenalty: 1e-6,
  nearestError: 0.05,
} as const;

/** TSMixer with weights of 2 bits and activations of 4 bits in feature mixing, where most of its weights are, and 8 bits elsewhere. */
export const mixingPlan: PrecisionPlan = {
  name: "w2a4 in feature mixing",
  rule: parsePrecision("w8a8").rule,
  layers: new Map(
    ["block0", "block1"].flatMap((block) =>
      ["enter", "leave"].map((layer) => [`${block}.feature.${layer}.product`, parsePrecision("w2a4").rule] as const),
    ),
  ),
};

/** A real calcium recording, scaled, and its windows of stride 1 by part; no window reaches over the end of its part. */
export interface CalciumData {
  readonly recording: Recording;
  readonly neuronCount: number;
  readonly training: readonly ForecastWindow[];
  readonly validation: readonly ForecastWindow[];
  readonly scoring: readonly ForecastWindow[];
  /** Of each neuron over the training frames: the forecast by the training median. */
  readonly trainingMedian: Float32Array;
}

/** The regions of the shared suite2p recording that vary, each scaled by median and quartiles of its training frames. */
export function calciumData(): CalciumData {
  const folder = sharedFolder();
  if (folder === null) throw new Error("The shared cases are absent: set BOREAL_SHARED to their folder.");
  const raw = readSuite2p(join(folder, "recordings", "suite2p-plane0")).recording;
  const total = frameCount(raw);
  const trainingEnd = Math.round(parts.training * total);
  const validationEnd = Math.round((parts.training + parts.validation) * total);
  const { recording, scales } = scaleChannels(raw, trainingEnd);
  const windows = (from: number, to: number): ForecastWindow[] =>
    forecastWindows(recording, {
      contextFrames,
      horizonFrames,
      firstFrame: from,
      windowCount: to - from - contextFrames - horizonFrames + 1,
      strideFrames: 1,
    });
  return {
    recording,
    neuronCount: scales.length,
    training: windows(0, trainingEnd),
    validation: windows(trainingEnd, validationEnd),
    scoring: windows(validationEnd, total),
    trainingMedian: medianForecast(recording, trainingEnd),
  };
}

/** A forecaster that was fitted to the training windows. */
export interface CalciumForecaster {
  readonly name: "Linear" | "TSMixer";
  readonly model: ImportedModel;
  readonly fitted: FittedForecaster;
}

/** Fits ZAPBench's Linear, or its TSMixer with 256 hidden units, to the training windows in closed form. */
export function fitForecaster(name: CalciumForecaster["name"], data: CalciumData): CalciumForecaster {
  const blockCount = name === "Linear" ? 0 : 2;
  const size: TsmixerSize = {
    neuronCount: data.neuronCount,
    contextFrames,
    horizonFrames,
    hiddenCount: 256,
    blockCount,
  };
  const training = data.training.filter((_, index) => index % strides.fit === 0);
  const fitted = fitClosedForm({ size, training, ...fit });
  const bytes = writeModel({ ...tsmixerModel(size, fitted.blocks, fitted.head), name });
  return { name, model: importModel({ bytes, name }, { dimensions: new Map([["batch", 1]]) }), fitted };
}

/** Training windows that ranges are measured on. */
export function calibrationFrames(data: CalciumData): Frame[] {
  return data.training.filter((_, index) => index % strides.calibration === 0).map(frameOf);
}

/** Windows as samples to answer. */
export function samplesOf(windows: readonly ForecastWindow[], description: string): Samples {
  return { frames: windows.map(frameOf), count: windows.length, description };
}
