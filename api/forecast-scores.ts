import { problem } from "../base/errors.ts";
import { makeTensor, type Tensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { ForecastError, lastValueForecast, meanForecast, medianForecast } from "../recordings/forecast.ts";
import type { RecordingProvenance } from "../recordings/recording.ts";
import type { Warning } from "../report/figures-schema.ts";
import type { ForecastResult } from "../report/schemas.ts";
import type { Frame } from "./inputs.ts";
import { warning } from "./warnings.ts";

/** What a forecaster saw, and what followed. */
interface ScoredWindow {
  /** [1, context, channels] */
  readonly context: Tensor;
  /** [1, horizon, channels] */
  readonly future: Tensor;
}

/** Adds up errors of forecasts against what followed: the model's in f32, the chip's, and those of three forecasts without a model. */
export class ForecastScores {
  readonly #f32: ForecastError;
  readonly #chip: ForecastError;
  readonly #lastValue: ForecastError;
  readonly #contextMean: ForecastError;
  readonly #trainingMedian: ForecastError;
  readonly #median: Float32Array;
  #windowCount = 0;

  /** `median` is that of each channel over the frames that the model was trained on. */
  constructor(horizonFrames: number, median: Float32Array) {
    this.#median = median;
    this.#f32 = new ForecastError(horizonFrames);
    this.#chip = new ForecastError(horizonFrames);
    this.#lastValue = new ForecastError(horizonFrames);
    this.#contextMean = new ForecastError(horizonFrames);
    this.#trainingMedian = new ForecastError(horizonFrames);
  }

  /** Adds the forecasts [horizon, channels] of a window. */
  add({ context, future }: ScoredWindow, f32: Float32Array, chip: Float32Array): void {
    const truth = future.data as Float32Array;
    this.#f32.add(f32, truth);
    this.#chip.add(chip, truth);
    this.#lastValue.add(lastValueForecast(context), truth);
    this.#contextMean.add(meanForecast(context), truth);
    this.#trainingMedian.add(this.#median, truth);
    this.#windowCount += 1;
  }

  /** Mean absolute errors by step ahead over all windows so far. */
  result({ origin, quantity }: Pick<RecordingProvenance, "origin" | "quantity">, recording: string): ForecastResult {
    return {
      recording,
      origin,
      windowCount: this.#windowCount,
      unit: quantity ?? "unknown",
      meanAbsoluteErrors: {
        f32: this.#f32.meanAbsoluteErrors(),
        chip: this.#chip.meanAbsoluteErrors(),
        lastValue: this.#lastValue.meanAbsoluteErrors(),
        contextMean: this.#contextMean.meanAbsoluteErrors(),
        trainingMedian: this.#trainingMedian.meanAbsoluteErrors(),
      },
    };
  }
}

/** Says at which steps ahead the chip's forecast is no better than one without a model (W402). */
export function baselineWarnings({ meanAbsoluteErrors }: ForecastResult): Warning[] {
  const { chip, lastValue, contextMean, trainingMedian } = meanAbsoluteErrors;
  const baselines = [
    { name: "the last value", errors: lastValue },
    { name: "the mean of the context", errors: contextMean },
    { name: "the training median", errors: trainingMedian },
  ];
  return baselines.flatMap(({ name, errors }) => {
    const steps = stepsNotBetter(chip ?? [], errors);
    if (steps.length === 0) return [];
    return [warning("W402", `The chip's forecast does not beat ${name} at steps ahead ${formatSteps(steps)}.`)];
  });
}

/** The steps ahead (1-based) at which a forecast's error is not less than a baseline's. */
export function stepsNotBetter(errors: readonly number[], baseline: readonly number[]): number[] {
  return errors.flatMap((error, index) => (error < (baseline[index] ?? Number.POSITIVE_INFINITY) ? [] : [index + 1]));
}

/** Steps ahead (1-based) as text: "1-3, 7". */
export function formatSteps(steps: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const step of steps) {
    const open = ranges.at(-1);
    if (open !== undefined && step === open.last + 1) open.last = step;
    else ranges.push({ first: step, last: step });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/**
 * Windows of samples and of what really followed them, and scores for their forecasts; the training median is that of the training
 * samples' contexts. Throws B702 unless samples have one input [1, context, channels] and truths are f32 [1, horizon, channels].
 */
export function scoredWindows(
  samples: readonly Frame[],
  truths: readonly (readonly Tensor[])[],
  training: readonly Frame[],
): { readonly windows: readonly ScoredWindow[]; readonly scores: ForecastScores } {
  const windows = samples.map((frame, index): ScoredWindow => {
    const [[context] = [], others] = [[...frame.values()], frame.size - 1];
    const [future, more] = truths[index] ?? [];
    const isWindow = (tensor: Tensor | undefined): tensor is Tensor =>
      tensor?.type.element === "f32" && tensor.type.shape.length === 3 && tensor.type.shape[0] === 1;
    if (others > 0 || more !== undefined || !isWindow(context) || !isWindow(future)) throw noWindow(index);
    if (context.type.shape[2] !== future.type.shape[2]) throw noWindow(index);
    return { context, future };
  });
  const [first] = windows;
  if (first === undefined) throw noWindow(0);
  return { windows, scores: new ForecastScores(first.future.type.shape[1] ?? 0, medianOf(training, first)) };
}

function noWindow(sample: number): Error {
  return problem(
    "B702",
    `Sample ${sample} and its truth are no window of a recording, expected one input f32[1,context,channels] and one output f32[1,horizon,channels].`,
  );
}

/** The median of each channel over all frames of samples [1, context, channels]. */
function medianOf(samples: readonly Frame[], { context }: ScoredWindow): Float32Array {
  const channels = context.type.shape[2] ?? 0;
  const parts = samples.flatMap((frame) => [...frame.values()].map(({ data }) => data as Float32Array));
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  const frames = makeTensor(tensorType("f32", [all.length / channels, channels]), all);
  const provenance: RecordingProvenance = {
    origin: "unknown",
    description: "Training samples.",
    frameRateHz: null,
    quantity: null,
    seed: null,
    missing: [],
  };
  return medianForecast({ kind: "recording", name: "training samples", frames, provenance }, all.length / channels);
}
