import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  answerModel,
  evaluateModel,
  f32Tensor,
  forecastWindows,
  importModel,
  makePopulation,
  makeRandom,
  noProgress,
  type Tensor,
  type WrittenModel,
  writeModel,
} from "../../api.ts";
import { MixingMeter } from "../../examples/forecasting/mixing-effect.ts";
import { frameOf, writeForecaster } from "../../examples/forecasting/model-file.ts";
import {
  type BlockWeights,
  type Head,
  inputName,
  seededMixing,
  type TsmixerSize,
  tsmixerMacCount,
  tsmixerModel,
  tsmixerParameterCount,
  zeroHead,
  zeroMixing,
} from "../../examples/forecasting/tsmixer.ts";
import { zapbenchSize } from "../../examples/zapbench-tsmixer/index.ts";

const size: TsmixerSize = { neuronCount: 7, contextFrames: 3, horizonFrames: 5, hiddenCount: 4, blockCount: 2 };

const imported = (model: WrittenModel, batch = 1) =>
  importModel({ bytes: writeModel(model), name: model.name }, { dimensions: new Map([["batch", batch]]) });

const normals = (shape: readonly number[], seed: number): Tensor => {
  const random = makeRandom(seed);
  return f32Tensor(
    shape,
    Array.from({ length: shape.reduce((count, each) => count * each, 1) }, () => random.normal()),
  );
};

const headOf = (seed: number): Head => ({ weight: normals([3, 5], seed), bias: normals([5], seed + 1) });

/** Every weight of the block normal, so that no sum is small. */
const normalBlocks = (): BlockWeights[] =>
  zeroMixing(size).map((block, index) => {
    const entries = Object.entries(block) as [keyof BlockWeights, Tensor][];
    return Object.fromEntries(
      entries.map(([name, { type }], position) => [name, normals(type.shape, 10 * index + position)]),
    ) as unknown as BlockWeights;
  });

/** A TSMixer by plain loops in f64: frames [context][neurons] to [horizon][neurons]. */
function plainTsmixer(context: readonly number[][], blocks: readonly BlockWeights[], head: Head): number[][] {
  const at = ({ data, type }: Tensor, row: number, column = 0): number =>
    data[row * (type.shape[1] ?? 1) + column] as number;
  const relu = (value: number): number => Math.max(0, value);
  const neurons = context[0]?.length ?? 0;
  let values = context.map((frame) => [...frame]);
  for (const block of blocks) {
    values = values.map((frame, to) =>
      frame.map((value, neuron) => {
        let sum = at(block.timeBias, to);
        values.forEach((other, from) => {
          sum += (other[neuron] as number) * at(block.timeWeight, from, to);
        });
        return value + relu(sum);
      }),
    );
    values = values.map((frame) => {
      const hidden = Array.from({ length: block.enterBias.data.length }, (_, unit) => {
        let sum = at(block.enterBias, unit);
        frame.forEach((value, neuron) => {
          sum += value * at(block.enterWeight, neuron, unit);
        });
        return relu(sum);
      });
      return frame.map((value, neuron) => {
        let sum = at(block.leaveBias, neuron);
        hidden.forEach((each, unit) => {
          sum += each * at(block.leaveWeight, unit, neuron);
        });
        return value + sum;
      });
    });
  }
  return Array.from({ length: head.bias.data.length }, (_, step) =>
    Array.from({ length: neurons }, (_, neuron) => {
      let sum = at(head.bias, step);
      values.forEach((frame, index) => {
        sum += (frame[neuron] as number) * at(head.weight, index, step);
      });
      return sum;
    }),
  );
}

describe("the TSMixer of ZAPBench", () => {
  it("has the parameters and multiply-accumulates that are published", () => {
    expect(tsmixerParameterCount(zapbenchSize)).toBe(73_586_458);
    expect(tsmixerMacCount(zapbenchSize)).toBe(305_244_576);
  });

  it("has at a small size as many as the formulas say", () => {
    const model = imported(tsmixerModel(size, seededMixing(size, 1), zeroHead(size)));
    const { result } = answerModel({ model, executor: "evaluate" });
    expect(result.model.parameterCount).toBe(tsmixerParameterCount(size));
    expect(result.model.macCount).toBe(tsmixerMacCount(size));
  });

  it("uses the operators of the layer table alone, in its order", () => {
    const block = [
      ["Transpose", "MatMul", "Add", "Relu", "Transpose", "Add"],
      ["MatMul", "Add", "Relu", "MatMul", "Add", "Add"],
    ].flat();
    const { nodes } = tsmixerModel(size, seededMixing(size, 1), zeroHead(size));
    expect(nodes.map(({ operator }) => operator)).toEqual([
      ...block,
      ...block,
      "Transpose",
      "MatMul",
      "Add",
      "Transpose",
    ]);
  });

  it("answers as plain loops do", () => {
    const blocks = normalBlocks();
    const head = headOf(99);
    const context = normals([1, 3, 7], 5);
    const [forecast] = evaluateModel(imported(tsmixerModel(size, blocks, head)).graph, new Map([[inputName, context]]));
    const frames = Array.from({ length: 3 }, (_, frame) => [
      ...(context.data as Float32Array).subarray(7 * frame, 7 * frame + 7),
    ]);
    const expected = plainTsmixer(frames, blocks, head).flat();
    expect(forecast?.type.shape).toEqual([1, 5, 7]);
    expected.forEach((value, index) => {
      expect(Math.abs((forecast?.data[index] as number) - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
    });
  });

  it("answers a batch as it answers one after the other", () => {
    const model = tsmixerModel(size, seededMixing(size, 2), headOf(4));
    const batch = normals([2, 3, 7], 8);
    const [both] = evaluateModel(imported(model, 2).graph, new Map([[inputName, batch]]));
    const second = f32Tensor([1, 3, 7], (batch.data as Float32Array).subarray(21));
    const [alone] = evaluateModel(imported(model).graph, new Map([[inputName, second]]));
    expect(both?.data.subarray(35)).toEqual(alone?.data);
  });

  it("draws the same mixing layers from the same seed", () => {
    expect(seededMixing(size, 3)).toEqual(seededMixing(size, 3));
    expect(seededMixing(size, 3)[0]?.enterWeight.data).not.toEqual(seededMixing(size, 4)[0]?.enterWeight.data);
  });
});

describe("the mixing layers", () => {
  const folder = mkdtempSync(join(tmpdir(), "boreal-test-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const wide: TsmixerSize = { neuronCount: 256, contextFrames: 4, horizonFrames: 32, hiddenCount: 64, blockCount: 2 };
  const population = makePopulation({ neuronCount: 256, frameCount: 300, frameRateHz: 1.094, seed: 2 });
  const cut = { contextFrames: 4, horizonFrames: 32, strideFrames: 8 };
  const training = forecastWindows(population, { ...cut, firstFrame: 0, windowCount: 16 });
  const [window] = forecastWindows(population, { ...cut, firstFrame: 200, windowCount: 1 });
  const path = join(folder, "tsmixer.onnx");
  const options = { size: wide, mixingSeed: 1, ridgePenalty: 1e-5, training, onProgress: noProgress };
  const { head, timeMixing } = writeForecaster(path, options);
  const forecastOf = (model: ReturnType<typeof importModel>): Tensor => {
    if (window === undefined) throw new Error("there is no window");
    return evaluateModel(model.graph, frameOf(window))[0] as Tensor;
  };
  const forecast = forecastOf(importModel(path, { dimensions: new Map([["batch", 1]]) }));
  const movedFraction = (other: Tensor): number => {
    const energy = (numbers: Float32Array): number => numbers.reduce((total, value) => total + value * value, 0);
    const found = forecast.data as Float32Array;
    return Math.sqrt(energy(found.map((value, index) => value - (other.data[index] as number))) / energy(found));
  };
  const meter = new MixingMeter(head, timeMixing);
  if (window !== undefined) meter.add(window.context, forecast);

  it("move the forecast by a tenth and more when they are zeroed, and the meter says by how much", () => {
    const moved = movedFraction(forecastOf(imported(tsmixerModel(wide, zeroMixing(wide), head))));
    expect(moved).toBeGreaterThan(0.1);
    expect(meter.effect.allFraction).toBeCloseTo(moved, 5);
  });

  it("move it by a tenth and more when those between neurons alone are zeroed", () => {
    const zeroed = zeroMixing(wide).map((zero, index) => ({ ...zero, ...timeMixing[index] }));
    const moved = movedFraction(forecastOf(imported(tsmixerModel(wide, zeroed, head))));
    expect(moved).toBeGreaterThan(0.1);
    expect(meter.effect.featureFraction).toBeCloseTo(moved, 5);
  });

  it("leave a head whose training error no small change of it lessens", () => {
    const error = (changed: Head): number => {
      const model = imported(tsmixerModel(wide, seededMixing(wide, 1), changed));
      let total = 0;
      for (const each of training) {
        const [answer] = evaluateModel(model.graph, frameOf(each));
        each.future.data.forEach((value, index) => {
          total += ((answer?.data[index] as number) - Number(value)) ** 2;
        });
      }
      return total / training.length / 32 / 256;
    };
    const least = error(head);
    for (const index of [0, 40, 127]) {
      for (const change of [-0.02, 0.02]) {
        const data = (head.weight.data as Float32Array).slice();
        data[index] = (data[index] as number) + change;
        expect(error({ ...head, weight: f32Tensor([4, 32], data) })).toBeGreaterThan(least);
      }
    }
  });
});
