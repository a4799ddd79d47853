import type { Example } from "../example.ts";
import { runForecast } from "../forecasting/run.ts";

/** A TSMixer of 512 neurons on a synthetic recording: the way of the main example in a few seconds. */
export const smallForecaster: Example = {
  name: "small-forecaster",
  summary: "A TSMixer of 512 neurons (context 4, horizon 32) on a synthetic recording, 8 bit; runs in seconds.",
  run: (options, report) =>
    runForecast(
      {
        name: "small-forecaster",
        size: { neuronCount: 512, contextFrames: 4, horizonFrames: 32, hiddenCount: 64, blockCount: 2 },
        frameRateHz: 1.094,
        recordingSeed: 3,
        mixingSeed: 1,
        ridgePenalty: 1e-5,
        training: { windowCount: 48, strideFrames: 8 },
        calibrationStride: 6,
        heldOut: { windowCount: 64, strideFrames: 3 },
        exactCheckCount: 64,
        mixingCheckCount: 64,
      },
      options,
      report,
    ),
};
