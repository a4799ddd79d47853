import { problem } from "../base/errors.ts";
import { makeTensor, type Tensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { channelCount, frameCount, type Recording } from "./recording.ts";

/** A stretch of a recording: what a forecaster sees, and what followed. */
export interface ForecastWindow {
  /** The first frame of the context. */
  readonly start: number;
  /** [1, context, channels] */
  readonly context: Tensor;
  /** [1, horizon, channels] */
  readonly future: Tensor;
}

/** Which windows of a recording are cut. */
export interface WindowPlan {
  readonly contextFrames: number;
  readonly horizonFrames: number;
  /** The first frame of the first window. */
  readonly firstFrame: number;
  readonly windowCount: number;
  /** Frames from the start of a window to that of the next. */
  readonly strideFrames: number;
}

/** The frame after the last one that a plan's windows touch. */
export function endFrame(plan: WindowPlan): number {
  return plan.firstFrame + (plan.windowCount - 1) * plan.strideFrames + plan.contextFrames + plan.horizonFrames;
}

/** Windows of a recording; their tensors are views of it. Throws B702 when the recording is too short. */
export function forecastWindows(recording: Recording, plan: WindowPlan): ForecastWindow[] {
  const { contextFrames, horizonFrames, firstFrame, windowCount, strideFrames } = plan;
  const channels = channelCount(recording);
  const needed = endFrame(plan);
  if (needed > frameCount(recording)) {
    throw problem(
      "B702",
      `${windowCount} windows from frame ${firstFrame} need ${needed} frames, the recording has ${frameCount(recording)}.`,
    );
  }
  const data = recording.frames.data as Float32Array;
  const cut = (start: number, frames: number): Tensor =>
    makeTensor(tensorType("f32", [1, frames, channels]), data.subarray(start * channels, (start + frames) * channels));
  return Array.from({ length: windowCount }, (_, index) => {
    const start = firstFrame + index * strideFrames;
    return { start, context: cut(start, contextFrames), future: cut(start + contextFrames, horizonFrames) };
  });
}

/** Adds up absolute errors of forecasts by step ahead. */
export class ForecastError {
  readonly #sums: Float64Array;
  #count = 0;

  constructor(horizonFrames: number) {
    this.#sums = new Float64Array(horizonFrames);
  }

  /** Adds one window's forecast [1, horizon, channels] against what followed. */
  add(forecast: ArrayLike<number>, future: ArrayLike<number>): void {
    const channels = future.length / this.#sums.length;
    for (let step = 0; step < this.#sums.length; step += 1) {
      let total = 0;
      for (let index = step * channels; index < (step + 1) * channels; index += 1) {
        total += Math.abs((forecast[index] as number) - (future[index] as number));
      }
      this.#sums[step] = (this.#sums[step] as number) + total / channels;
    }
    this.#count += 1;
  }

  /** Mean absolute error by step ahead, the first entry one step ahead. */
  meanAbsoluteErrors(): number[] {
    return Array.from(this.#sums, (total) => total / this.#count);
  }
}

/** The last frame of a context, repeated. */
export function lastValueForecast(context: Tensor, horizonFrames: number): Float32Array {
  const data = context.data as Float32Array;
  const channels = context.type.shape[2] ?? 0;
  return repeated(data.subarray(data.length - channels), horizonFrames);
}

/** The mean over the frames of a context, repeated. */
export function meanForecast(context: Tensor, horizonFrames: number): Float32Array {
  const data = context.data as Float32Array;
  const [, frames = 1, channels = 0] = context.type.shape;
  const mean = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel += 1) {
    let total = 0;
    for (let frame = 0; frame < frames; frame += 1) total += data[frame * channels + channel] as number;
    mean[channel] = total / frames;
  }
  return repeated(mean, horizonFrames);
}

function repeated(frame: Float32Array, times: number): Float32Array {
  const result = new Float32Array(frame.length * times);
  for (let step = 0; step < times; step += 1) result.set(frame, step * frame.length);
  return result;
}
