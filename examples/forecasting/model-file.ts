import { writeFileSync } from "node:fs";
import {
  answerModel,
  type ForecastWindow,
  type Frame,
  f32Tensor,
  importModel,
  type OnProgress,
  type WrittenModel,
  writeModel,
  writeModelWithExternalData,
} from "../../api.ts";
import type { TimeMixing } from "./mixing-effect.ts";
import { RidgeFit } from "./ridge.ts";
import {
  type BlockWeights,
  type Head,
  inputName,
  seededMixing,
  type TsmixerSize,
  tsmixerModel,
  zeroHead,
  zeroMixing,
} from "./tsmixer.ts";

/** How a forecaster is made. */
export interface ForecasterOptions {
  readonly size: TsmixerSize;
  readonly mixingSeed: number;
  readonly ridgePenalty: number;
  readonly training: readonly ForecastWindow[];
  readonly onProgress: OnProgress;
}

/** What is small of a forecaster: its large weights stand in the file alone. */
export interface Forecaster {
  readonly head: Head;
  readonly timeMixing: readonly TimeMixing[];
}

/** The input of a forecaster for a window. */
export function frameOf(window: ForecastWindow): Frame {
  return new Map([[inputName, window.context]]);
}

/** Draws the mixing layers, fits the head to the training windows, and writes the model as an ONNX file. */
export function writeForecaster(path: string, options: ForecasterOptions): Forecaster {
  const { size, mixingSeed, onProgress } = options;
  onProgress({ phase: "draw mixing layers", fraction: null });
  const blocks = seededMixing(size, mixingSeed);
  const head = fitHead(blocks, options);
  onProgress({ phase: "write the model", fraction: null });
  writeFileSync(path, writeModel(tsmixerModel(size, blocks, head)));
  return { head, timeMixing: blocks.map(({ timeWeight, timeBias }) => ({ timeWeight, timeBias })) };
}

/** Writes the model as an ONNX file whose weights stand in another file, which is not written: shapes alone. */
export function writeForecasterShapes(path: string, size: TsmixerSize): void {
  const model = tsmixerModel(size, zeroMixing(size), zeroHead(size));
  writeFileSync(path, writeModelWithExternalData(model, "absent.weights").model);
}

/** The head that fits best, in closed form, what the mixing layers make of the training windows' contexts. */
function fitHead(blocks: readonly BlockWeights[], options: ForecasterOptions): Head {
  const { size, training, ridgePenalty, onProgress } = options;
  const mixer = importWritten(tsmixerModel(size, blocks, null));
  const fit = new RidgeFit(size.contextFrames, size.horizonFrames);
  answerModel({
    model: mixer,
    executor: "evaluate",
    inputs: { frames: training.map(frameOf), count: training.length, description: "training windows" },
    onProgress: ({ fraction }) => onProgress({ phase: "fit the head", fraction }),
    onOutputs: (sample, [mixed]) => {
      const future = training[sample]?.future;
      if (mixed !== undefined && future !== undefined) fit.add(mixed.data as Float32Array, future.data as Float32Array);
    },
  });
  const { weights, intercepts } = fit.solve(ridgePenalty);
  return {
    weight: f32Tensor([size.contextFrames, size.horizonFrames], weights),
    bias: f32Tensor([size.horizonFrames], intercepts),
  };
}

function importWritten(model: WrittenModel): ReturnType<typeof importModel> {
  return importModel({ bytes: writeModel(model), name: model.name }, { dimensions: new Map([["batch", 1]]) });
}
