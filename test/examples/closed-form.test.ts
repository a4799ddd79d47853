import { describe, expect, it } from "vitest";
import {
  evaluateModel,
  type ForecastWindow,
  f32Tensor,
  importModel,
  makeRandom,
  meanForecast,
  writeModel,
} from "../../api.ts";
import { fitAbsolute } from "../../examples/forecasting/absolute-fit.ts";
import { type ClosedFormOptions, fitClosedForm } from "../../examples/forecasting/closed-form.ts";
import { frameOf } from "../../examples/forecasting/model-file.ts";
import { tsmixerModel } from "../../examples/forecasting/tsmixer.ts";

describe("the fit of absolute errors", () => {
  it("finds the line that most samples lie on, whatever a few others do", () => {
    const features = Float32Array.from({ length: 21 }, (_, index) => index - 10);
    const targets = features.map((value, index) => (index % 5 === 0 ? 100 : 3 * value + 2));
    const { weights, intercepts } = fitAbsolute([{ features, targets }], { featureCount: 1, targetCount: 1 }, 0, 0.01);
    expect(weights[0]).toBeCloseTo(3, 2);
    expect(intercepts[0]).toBeCloseTo(2, 1);
  });

  it("comes near the median, not the mean, where features say nothing", () => {
    // The squares of 0 to 100, ÷ 100: the median is 25, the mean 33.5.
    const targets = Float32Array.from({ length: 101 }, (_, index) => index ** 2 / 100);
    const samples = { features: new Float32Array(101), targets };
    const { intercepts } = fitAbsolute([samples], { featureCount: 1, targetCount: 1 }, 1, 0.01);
    expect(Math.abs((intercepts[0] ?? 0) - 25)).toBeLessThan(3);
  });

  it("is that of all groups together, target by target", () => {
    const [one, two] = [
      { features: Float32Array.of(1, 2, 3), targets: Float32Array.of(1, 2, 3, -1, -2, -3) },
      { features: Float32Array.of(4, 5), targets: Float32Array.of(4, 5, -4, -5) },
    ];
    const { weights } = fitAbsolute([one, two], { featureCount: 1, targetCount: 2 }, 0, 0.01);
    expect(weights[0]).toBeCloseTo(1, 6);
    expect(weights[1]).toBeCloseTo(-1, 6);
  });
});

const size = { neuronCount: 6, contextFrames: 3, horizonFrames: 2, hiddenCount: 16, blockCount: 1 };
const options: Omit<ClosedFormOptions, "training" | "size"> = {
  seed: 1,
  timeGain: 0.1,
  mixingPenalties: [1e-4, 1e-2, 1],
  greatestChange: 10,
  headPenalty: 1e-6,
  nearestError: 0.01,
};

/** Frames in which every neuron is the one before it a frame earlier, the first is noise, and the last is noise of its own. */
function windows(count: number): ForecastWindow[] {
  const random = makeRandom(7);
  const { neuronCount, contextFrames, horizonFrames } = size;
  const frames: number[][] = [];
  for (let frame = 0; frame < count + contextFrames + horizonFrames; frame += 1) {
    const before = frames.at(-1) ?? new Array<number>(neuronCount).fill(0);
    frames.push([random.normal(), ...before.slice(0, neuronCount - 2), random.normal()]);
  }
  const cut = (from: number, frameCount: number) =>
    f32Tensor([1, frameCount, neuronCount], frames.slice(from, from + frameCount).flat());
  return Array.from({ length: count }, (_, start) => ({
    start,
    context: cut(start, contextFrames),
    future: cut(start + contextFrames, horizonFrames),
  }));
}

describe("the closed-form forecaster", () => {
  const all = windows(700);
  const [training, held] = [all.slice(0, 500), all.slice(520)];

  /** Mean absolute error one step ahead of neurons 1 to 4, which others foretell. */
  function errorOf(blockCount: number): number {
    const own = { ...size, blockCount };
    const { blocks, head } = fitClosedForm({ ...options, size: own, training });
    const bytes = writeModel(tsmixerModel(own, blocks, head));
    const model = importModel({ bytes, name: "test" }, { dimensions: new Map([["batch", 1]]) });
    let sum = 0;
    for (const window of held) {
      const [forecast] = evaluateModel(model.graph, frameOf(window));
      for (let neuron = 1; neuron < 5; neuron += 1) {
        sum += Math.abs(Number(forecast?.data[neuron]) - Number(window.future.data[neuron]));
      }
    }
    return sum / (4 * held.length);
  }

  it("learns from other neurons what a neuron's own frames do not say", () => {
    // Each neuron's own frames are independent of its next one: Linear can do no better than the median, 0.8 for normal numbers.
    const linear = errorOf(0);
    expect(linear).toBeGreaterThan(0.7);
    expect(errorOf(1)).toBeLessThan(0.75 * linear);
  });

  it("mixes no neuron that is forecast no better for it", () => {
    const { blocks, mixedNeuronCounts } = fitClosedForm({ ...options, size, training });
    const [block] = blocks;
    const weights = block?.leaveWeight.data ?? [];
    const of = (neuron: number): number[] =>
      Array.from({ length: size.hiddenCount }, (_, unit) => Number(weights[unit * size.neuronCount + neuron]));
    expect(mixedNeuronCounts[0]).toBeGreaterThanOrEqual(4);
    expect(of(2).some((weight) => weight !== 0)).toBe(true);
    const unmixed = [0, 1, 2, 3, 4, 5].filter((neuron) => of(neuron).every((weight) => weight === 0));
    expect(unmixed.length).toBe(size.neuronCount - (mixedNeuronCounts[0] ?? 0));
  });

  it("is the same for the same seed", () => {
    const [first, again] = [1, 2].map(() => fitClosedForm({ ...options, size, training }));
    expect(first).toEqual(again);
    expect(first?.head).not.toEqual(fitClosedForm({ ...options, seed: 2, size, training }).head);
  });

  it("without blocks is better than the mean of the context where frames go on as they were", () => {
    const trend = Array.from({ length: 60 }, (_, start) => {
      const at = (from: number, count: number) =>
        f32Tensor(
          [1, count, 1],
          Array.from({ length: count }, (_, frame) => 0.1 * (from + frame)),
        );
      return { start, context: at(start, 3), future: at(start + 3, 2) };
    });
    const { head, blocks } = fitClosedForm({
      ...options,
      size: { ...size, neuronCount: 1, blockCount: 0 },
      training: trend.slice(0, 40),
    });
    expect(blocks).toEqual([]);
    const [window] = trend.slice(59);
    const values = window?.context.data ?? [];
    const forecast = [0, 1, 2].reduce(
      (sum, frame) => sum + Number(values[frame]) * Number(head.weight.data[2 * frame]),
      Number(head.bias.data[0]),
    );
    expect(Math.abs(forecast - Number(window?.future.data[0]))).toBeLessThan(0.02);
    if (window !== undefined)
      expect(meanForecast(window.context)[0]).toBeLessThan(Number(window.future.data[0]) - 0.15);
  });
});
