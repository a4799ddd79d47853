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

  /** Adds one window: a forecast [horizon, channels], or [channels] where all steps have the same, and what followed. */
  add(forecast: Float32Array, future: Float32Array): void {
    const channels = future.length / this.#sums.length;
    const strideElements = forecast.length === channels ? 0 : channels;
    for (let step = 0; step < this.#sums.length; step += 1) {
      const [first, shift] = [step * channels, step * (strideElements - channels)];
      let total = 0;
      for (let index = first; index < first + channels; index += 1) {
        total += Math.abs((forecast[index + shift] as number) - (future[index] as number));
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

/** The last frame [channels] of a context [1, context, channels]: the forecast of all steps by the last value. */
export function lastValueForecast(context: Tensor): Float32Array {
  const data = context.data as Float32Array;
  return data.subarray(data.length - (context.type.shape[2] ?? 0));
}

/** The mean [channels] over the frames of a context [1, context, channels]: the forecast of all steps by the mean. */
export function meanForecast(context: Tensor): Float32Array {
  const data = context.data as Float32Array;
  const [, frames = 1, channels = 0] = context.type.shape;
  return Float32Array.from({ length: channels }, (_, channel) => {
    let total = 0;
    for (let frame = 0; frame < frames; frame += 1) total += data[frame * channels + channel] as number;
    return total / frames;
  });
}

/**
 * The median [channels] over the first frames of a recording, those that a model was trained on: the forecast of all steps by the
 * training median; the mean of the middle two of an even count. Throws B702 without frames.
 */
export function medianForecast(recording: Recording, trainingFrameCount: number): Float32Array {
  const count = Math.min(trainingFrameCount, frameCount(recording));
  if (count < 1) throw problem("B702", "The training median needs at least one frame, got none.");
  const channels = channelCount(recording);
  const data = recording.frames.data as Float32Array;
  const column = new Float32Array(count);
  return Float32Array.from({ length: channels }, (_, channel) => {
    for (let frame = 0; frame < count; frame += 1) column[frame] = data[frame * channels + channel] as number;
    column.sort();
    const middle = count >> 1;
    const upper = column[middle] as number;
    return count % 2 === 1 ? upper : ((column[middle - 1] as number) + upper) / 2;
  });
}
