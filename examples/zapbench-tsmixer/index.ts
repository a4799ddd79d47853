import type { Example } from "../example.ts";
import { runForecast } from "../forecasting/run.ts";
import type { TsmixerSize } from "../forecasting/tsmixer.ts";

/** ZAPBench's TSMixer for short context: 73,586,458 parameters, 305,244,576 multiply-accumulates a forecast. */
export const zapbenchSize: TsmixerSize = {
  neuronCount: 71_721,
  contextFrames: 4,
  horizonFrames: 32,
  hiddenCount: 256,
  blockCount: 2,
};

/** The TSMixer forecaster of ZAPBench at its real size, on a synthetic recording of as many neurons. */
export const zapbenchTsmixer: Example = {
  name: "zapbench-tsmixer",
  summary: "ZAPBench's TSMixer (71,721 neurons, context 4, horizon 32) on a synthetic recording, 8 bit.",
  run: (options, report) =>
    runForecast(
      {
        name: "zapbench-tsmixer",
        size: zapbenchSize,
        frameRateHz: 1.094,
        recordingSeed: 20240930,
        mixingSeed: 1,
        ridgePenalty: 1e-5,
        training: { windowCount: 16, strideFrames: 12 },
        calibrationStride: 4,
        heldOut: { windowCount: 64, strideFrames: 3 },
        exactCheckCount: 4,
        mixingCheckCount: 4,
      },
      options,
      report,
    ),
};
