import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseSamples } from "../../api/samples.ts";
import { memoryOf } from "../../api/simulation.ts";
import {
  type Answer,
  chooseTarget,
  compileModel,
  executeFunctional,
  importModel,
  randomFrames,
  runModel,
  type Samples,
} from "../../api.ts";
import { energiesOf, pooledSqnrDb } from "../../compiler/quantize/accuracy.ts";
import { loadGpu } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import { printTarget } from "../../targets/print.ts";
import { bytesOf, convolution, perceptron, twoPorts } from "../cli/models.ts";

const target = chooseTarget("mini-4x4");
const model = (bytes: Uint8Array) => importModel({ bytes, name: "m" });

describe("runModel", () => {
  it("tells every answer, of which its accuracy is the pooled one", () => {
    const answers: Answer[] = [];
    const { result } = runModel({
      model: model(bytesOf(convolution())),
      target,
      onAnswer: (answer) => answers.push(answer),
    });
    const energies = answers.flatMap(({ float, chip }) =>
      float.map((value, index) => energiesOf(value.data as Float32Array, chip[index]?.data as Float32Array)),
    );
    expect(answers.map(({ sample }) => sample)).toEqual([0, 1, 2, 3]);
    expect(result.accuracy?.sqnrDb).toBeCloseTo(pooledSqnrDb(energies), 9);
    expect(result.accuracy?.worstLayer?.sqnrDb).toBe(Math.min(...result.layers.flatMap(({ sqnrDb }) => sqnrDb ?? [])));
  });

  it("compares with the exact evaluation as often as asked", () => {
    const { result } = runModel({ model: model(bytesOf(perceptron())), target, exactCheckCount: 1 });
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 1, equal: true });
    const none = runModel({ model: model(bytesOf(perceptron())), target, exactCheckCount: 0 });
    expect(none.result.accuracy?.exactCheck).toBeNull();
    expect(none.result.accuracy?.worstLayer).toBeNull();
  });

  it("reports phases in order, and the share of samples that are done", () => {
    const phases: string[] = [];
    const fractions: number[] = [];
    runModel({
      model: model(bytesOf(twoPorts())),
      target,
      onProgress: ({ phase, fraction }) => {
        if (phases.at(-1) !== phase) phases.push(phase);
        if (phase === "execute" && fraction !== null) fractions.push(fraction);
      },
    });
    expect(phases).toEqual([
      "simplify",
      "calibrate",
      "quantize",
      "map",
      "emit",
      "execute",
      "simulate on device",
      "simulate with host",
      "add up time and energy",
      "simulate the estimates' ranges",
      "compare with GPUs",
    ]);
    expect(fractions).toEqual([0, 0.25, 0.5, 0.75]);
  });

  it("warns of a GPU whose memory the network exceeds, and goes on", () => {
    const file = join(mkdtempSync(join(tmpdir(), "boreal-gpu-")), "tiny.yaml");
    writeFileSync(file, printTarget(applyOverrides(loadGpu("v100"), ["memory.capacity=100"])));
    const { result } = runModel({
      model: model(bytesOf(perceptron())),
      target,
      timingOnly: true,
      baselines: [file, "h100"],
    });
    expect(result.baselines.map(({ name }) => name)).toEqual(["h100", "h100"]);
    const [warned] = result.warnings.filter(({ code }) => code === "W301");
    expect(warned?.message).toMatch(/the memory has 100/);
  });
});

describe("parts of a run", () => {
  it("counts the memory in use at once and the highest buffer", () => {
    const { program } = compileModel(model(bytesOf(perceptron())), target.chip);
    const memory = memoryOf(program, target.chip);
    const buffers = program.buffers.filter(({ space }) => space === "memory");
    expect(memory.peakCoreBytes).toBe(Math.max(...buffers.map(({ address, bytes }) => address + bytes)));
    expect(memory.capacityBytes).toBe(16 * target.chip.core.memoryBytes);
    expect(memory.usedBytes).toBeLessThanOrEqual(16 * memory.peakCoreBytes);
    expect(memory.usedBytes).toBeGreaterThan(0);
    expect(memory.frameBufferUsedBytes).toBeGreaterThanOrEqual(16 + 8);
  });

  it("executes a program sample after sample with the same answers as one by one", () => {
    const imported = model(bytesOf(perceptron()));
    const frames = [...randomFrames(imported.graph.inputs, 3, 1)];
    const { program, sidecar } = compileModel(imported, target.chip, { calibration: frames });
    const chip = executeFunctional(program, sidecar, target.chip, { checked: true });
    const together = frames.map((frame) => chip.run(frame));
    frames.forEach((frame, index) => {
      expect(executeFunctional(program, sidecar, target.chip).run(frame)).toEqual(together[index]);
    });
    expect(() => chip.run(new Map())).toThrow(/B702.*Input "x" is missing/);
  });

  it("draws samples that differ from those it calibrates on, and fewer for large networks", () => {
    const { graph } = model(bytesOf(perceptron()));
    const chosen = chooseSamples(graph, { seed: 3 });
    expect(chosen.summary).toMatchObject({ origin: "random", sampleCount: 4, calibrationCount: 16 });
    const drawn = [...chosen.inputs.frames].map((frame) => String(frame.get("x")?.data));
    const calibrated = chosen.calibration.map((frame) => String(frame.get("x")?.data));
    expect(new Set([...drawn, ...calibrated]).size).toBe(20);
    const none: Samples = { frames: [], count: 0, description: "none" };
    expect(() => chooseSamples(graph, { seed: 0, inputs: none })).toThrow(/B702/);
  });
});
