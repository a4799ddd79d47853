import { writeFileSync } from "node:fs";
import {
  answerModel,
  elementCount,
  type ForecastWindow,
  type Frame,
  f32Tensor,
  importModel,
  makeTensor,
  type OnProgress,
  type Tensor,
  tensorType,
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

/**
 * The head that fits best, in closed form, what the mixing layers make of the training windows' contexts: all windows in
 * one batch, so that weights are read once.
 */
function fitHead(blocks: readonly BlockWeights[], options: ForecasterOptions): Head {
  const { size, training, ridgePenalty, onProgress } = options;
  onProgress({ phase: "fit the head", fraction: null });
  const mixer = tsmixerModel(size, blocks, null);
  const contexts = batchOf(training.map(({ context }) => context));
  const fit = new RidgeFit(size.contextFrames, size.horizonFrames);
  answerModel({
    model: importModel(
      { bytes: writeModel(mixer), name: mixer.name },
      { dimensions: new Map([["batch", training.length]]) },
    ),
    executor: "evaluate",
    inputs: { frames: [new Map([[inputName, contexts]])], count: 1, description: "training windows" },
    onOutputs: (_, [mixed]) => {
      const features = mixed?.data as Float32Array;
      const length = features.length / training.length;
      training.forEach(({ future }, index) => {
        fit.add(features.subarray(index * length, (index + 1) * length), future.data as Float32Array);
      });
    },
  });
  const { weights, intercepts } = fit.solve(ridgePenalty);
  return {
    weight: f32Tensor([size.contextFrames, size.horizonFrames], weights),
    bias: f32Tensor([size.horizonFrames], intercepts),
  };
}

/** Tensors [1, ...] one after the other: [count, ...]. */
function batchOf(tensors: readonly Tensor[]): Tensor {
  const type = tensors[0]?.type ?? tensorType("f32", [0]);
  const data = new Float32Array(tensors.length * elementCount(type));
  tensors.forEach((tensor, index) => {
    data.set(tensor.data as Float32Array, index * elementCount(type));
  });
  return makeTensor(tensorType("f32", [tensors.length, ...type.shape.slice(1)]), data);
}
