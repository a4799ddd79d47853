import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { f32Tensor } from "../../ir/tensor.ts";
import {
  endFrame,
  ForecastError,
  forecastWindows,
  lastValueForecast,
  meanForecast,
  medianForecast,
  type WindowPlan,
} from "../../recordings/forecast.ts";
import type { Recording } from "../../recordings/recording.ts";

/** Frame f of channel c holds 10·f + c. */
function counting(frames: number, channels: number): Recording {
  return {
    kind: "recording",
    name: "counting",
    frames: f32Tensor(
      [frames, channels],
      Array.from({ length: frames * channels }, (_, index) => 10 * Math.floor(index / channels) + (index % channels)),
    ),
    provenance: {
      origin: "synthetic",
      description: "counting",
      frameRateHz: null,
      quantity: null,
      seed: null,
      missing: [],
    },
  };
}

const plan: WindowPlan = { contextFrames: 2, horizonFrames: 3, firstFrame: 1, windowCount: 2, strideFrames: 4 };

describe("windows", () => {
  it("cuts context and future, one stride after the other", () => {
    const windows = forecastWindows(counting(10, 2), plan);
    expect(windows.map(({ start }) => start)).toEqual([1, 5]);
    expect(windows[1]?.context.type.shape).toEqual([1, 2, 2]);
    expect(windows[1]?.context.data).toEqual(Float32Array.of(50, 51, 60, 61));
    expect(windows[1]?.future.type.shape).toEqual([1, 3, 2]);
    expect(windows[1]?.future.data).toEqual(Float32Array.of(70, 71, 80, 81, 90, 91));
  });

  it("ends after the last future frame and refuses a recording that is shorter", () => {
    expect(endFrame(plan)).toBe(10);
    expect(() => forecastWindows(counting(9, 2), plan)).toThrow(
      /error\[B702\]: 2 windows from frame 1 need 10 frames, the recording has 9\./,
    );
  });

  it("never touches a frame at or after its end", () => {
    fc.assert(
      fc.property(
        fc.record({
          contextFrames: fc.integer({ min: 1, max: 4 }),
          horizonFrames: fc.integer({ min: 1, max: 4 }),
          firstFrame: fc.integer({ min: 0, max: 3 }),
          windowCount: fc.integer({ min: 1, max: 4 }),
          strideFrames: fc.integer({ min: 1, max: 5 }),
        }),
        (any) => {
          const last = forecastWindows(counting(endFrame(any), 1), any).at(-1);
          expect(last?.future.data.at(-1)).toBe(10 * (endFrame(any) - 1));
        },
      ),
    );
  });
});

describe("forecasts without a model", () => {
  const context = f32Tensor([1, 3, 2], [1, 10, 2, 20, 6, 60]);

  it("gives the last frame", () => {
    expect([...lastValueForecast(context)]).toEqual([6, 60]);
  });

  it("gives the mean of the frames", () => {
    expect([...meanForecast(context)]).toEqual([3, 30]);
  });

  it("gives the median of the training frames alone: the middle one, or the mean of two", () => {
    expect([...medianForecast(counting(9, 2), 3)]).toEqual([10, 11]);
    expect([...medianForecast(counting(9, 2), 4)]).toEqual([15, 16]);
    expect([...medianForecast(counting(2, 1), 99)]).toEqual([5]);
    expect(() => medianForecast(counting(2, 1), 0)).toThrow(/error\[B702\]/);
  });
});

describe("forecast errors", () => {
  it("averages absolute differences over channels and windows, by step ahead", () => {
    const error = new ForecastError(2);
    error.add(Float32Array.of(1, 2, 3, 4), Float32Array.of(2, 4, 3, 8));
    error.add(Float32Array.of(0, 0, 0, 0), Float32Array.of(-1, 0, 0, 6));
    // Step 1: (1 + 2) / 2 and 1 / 2; step 2: 4 / 2 and 6 / 2.
    expect(error.meanAbsoluteErrors()).toEqual([1, 2.5]);
  });

  it("takes one frame for all steps", () => {
    const error = new ForecastError(2);
    error.add(Float32Array.of(1, 2), Float32Array.of(1, 3, 5, 2));
    expect(error.meanAbsoluteErrors()).toEqual([0.5, 2]);
  });
});
