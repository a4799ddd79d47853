import { describe, expect, it } from "vitest";
import { chooseBatch } from "../../api/batch-choice.ts";
import { mapModel } from "../../api/compile.ts";
import { answersInStreams } from "../../api/streams.ts";
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
import { at } from "../../base/math.ts";
import { parseMapping, printMapping } from "../../compiler/mapper/mapping-file.ts";
import { parseProgram, printProgram } from "../../ir/program-text.ts";
import { printRun } from "../../report/text.ts";
import { bytesOf, convolution, perceptron, twoPorts } from "../cli/models.ts";
import { problemsOf } from "../compiler/onnx/written-models.ts";
import { compare } from "../runtime-sim/cycle/comparison.ts";

const target = chooseTarget("mini-4x4");
const { chip } = target;
const imported = (bytes: Uint8Array) => importModel({ bytes, name: "m" });
const model = imported(bytesOf(convolution()));

function samplesOf(count: number): Samples {
  const frames = [...randomFrames(model.graph.inputs, count, 1)];
  return { frames, count, description: "seeded" };
}

/** A run, with what it answers to each sample. */
function answered(options: Partial<Parameters<typeof runModel>[0]>) {
  const answers: Answer[] = [];
  const run = runModel({
    model,
    target,
    baselines: [],
    calibration: [...randomFrames(model.graph.inputs, 4, 2)],
    ...options,
    onAnswer: (answer) => answers.push(answer),
  });
  return { ...run, answers };
}

describe("a run in two streams", () => {
  const inputs = samplesOf(5);
  const alone = answered({ inputs });
  const both = answered({ inputs, streamCount: 2 });

  it("answers every sample once as one stream does, also the last of an odd number", () => {
    expect(both.answers).toEqual(alone.answers);
    expect(both.answers).toHaveLength(5);
    expect(both.result.accuracy).toEqual(alone.result.accuracy);
    expect(both.result.accuracy?.exactCheck).toEqual({ sampleCount: 5, equal: true });
  });

  it("answers two samples in one run of the program, the last one twice where there is no other", () => {
    const { program, sidecar } = both.compiled;
    const runs: (readonly string[])[] = [];
    const loaded = executeFunctional(program, sidecar, chip);
    const spied = {
      ...loaded,
      run: (frame: Parameters<typeof loaded.run>[0]) => {
        runs.push([...frame].map(([name, value]) => `${name} ${at([...value.data], 0)}`));
        return loaded.run(frame);
      },
    };
    const told: number[] = [];
    const frames = [...inputs.frames].slice(0, 3);
    const found = [...answersInStreams(spied, both.compiled, frames, (done) => told.push(done))];
    const first = frames.map((frame) => at([...(frame.get("image")?.data ?? [])], 0));
    expect(runs).toEqual([
      [`image ${first[0]}`, `image@2 ${first[1]}`],
      [`image ${first[2]}`, `image@2 ${first[2]}`],
    ]);
    expect(told).toEqual([0, 2]);
    expect(found.map(({ frame }) => frame)).toEqual(frames);
    expect(found.map(({ stored }) => stored.length)).toEqual([1, 1, 1]);
  });

  it("has ports and steps of both, and the weights of one", () => {
    const { program, sidecar, streamSuffixes } = both.compiled;
    expect(streamSuffixes).toEqual(["", "@2"]);
    expect(program.batchCount).toBe(2);
    expect(program.inputs.map(({ name }) => name)).toEqual(["image", "image@2"]);
    expect(program.outputs.map(({ modelElement }) => modelElement)).toEqual(["f32", "f32"]);
    expect(program.steps).toHaveLength(2 * alone.compiled.program.steps.length);
    expect(sidecar?.length).toBe(alone.compiled.sidecar?.length);
    expect(parseProgram(printProgram(program))).toEqual(program);
    const weights = ({ compiled }: typeof both) =>
      compiled.mapping.buffers.flatMap(({ role, bytes }) => (role === "weights" ? [bytes] : []));
    expect(weights(both)).toEqual(weights(alone));
  });

  it("is reported as one batch of both, by the bounds of one", () => {
    const { choices, timing, layers, model: summary } = both.result;
    expect(choices).toMatchObject({ batchCount: 2, streamCount: 2 });
    expect(alone.result.choices).toMatchObject({ batchCount: 1, streamCount: 1 });
    const { boundIntervalCycles, boundLatencyCycles, packedBoundIntervalCycles } = alone.result.timing;
    expect(timing).toMatchObject({ boundIntervalCycles, boundLatencyCycles, packedBoundIntervalCycles });
    expect(summary.macCount).toBe(2 * alone.result.model.macCount);
    // Each layer is there for each stream; cycles add up to the run, energies to an inference.
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    expect(sum(layers.map(({ latencyCycles }) => latencyCycles))).toBe(timing.latencyCycles);
    expect(sum(layers.map(({ intervalCycles }) => intervalCycles))).toBe(2 * timing.intervalCycles);
    const named = new Map(layers.map((layer) => [layer.name, layer]));
    for (const layer of alone.result.layers) {
      const { boundCycles, sqnrDb, split, onnxNodes, macCount } = layer;
      for (const name of [layer.name, `${layer.name}@2`]) {
        expect(named.get(name), name).toMatchObject({ boundCycles, sqnrDb, split, onnxNodes, macCount });
      }
    }
    const text = printRun(both.result);
    expect(text).toContain("streams     2 batches of 1 in a run, computed in turns, layer by layer");
    expect(printRun(alone.result)).not.toContain("streams ");
  });

  it("is compared with a GPU's latency for as many inferences", () => {
    const gpu = (options: { readonly batchCount?: number; readonly streamCount?: number }) => {
      const { result } = runModel({ model, target, baselines: ["h100"], timingOnly: true, ...options });
      const [first, best] = result.baselines;
      return { count: first?.batchCount, seconds: first?.latencySeconds, most: best?.throughputPerSecond };
    };
    const [one, batch, streams] = [gpu({}), gpu({ batchCount: 2 }), gpu({ streamCount: 2 })];
    expect([one.count, streams.count]).toEqual([1, 2]);
    expect(streams.seconds).toBe(batch.seconds);
    expect(streams.most).toBe(one.most);
  });

  it("takes no more time for an inference than one stream does, but for what its longer programs cost", () => {
    // Both run the same steps, of which some run at once, so a run takes at most twice as long as one of one stream; but a
    // step's program is loaded and its weights are fetched during the step before it, which in turns is another one.
    const [one, two] = [alone, both].map(({ result }) => result.timing.intervalCycles);
    expect(two).toBeLessThanOrEqual(1.1 * (one ?? 0));
    expect(both.compiled.map.predictedCycles).toBeLessThanOrEqual(2 * alone.compiled.map.predictedCycles);
    expect(both.result.timing.latencyCycles).toBeGreaterThan(alone.result.timing.latencyCycles);
  });

  it("takes the cycles that the machine takes, cycle by cycle", () => {
    const { program } = both.compiled;
    for (const host of [false, true]) {
      const { difference, firstDifference } = compare(program, chip, { host, batches: 2 });
      expect(Math.abs(difference), firstDifference).toBeLessThanOrEqual(0.03);
    }
  });

  it("is the same, byte for byte, when it is made again, also of its own mapping's text", () => {
    const again = answered({ inputs, streamCount: 2 });
    expect(again.result).toEqual(both.result);
    expect(printProgram(again.compiled.program)).toBe(printProgram(both.compiled.program));
    const mapping = parseMapping(printMapping(both.compiled.mapping));
    expect(mapping).toEqual(both.compiled.mapping);
    const given = compileModel(model, chip, { streamCount: 2, mapping });
    const free = compileModel(model, chip, { streamCount: 2 });
    expect(printProgram(given.program)).toBe(printProgram(free.program));
  });

  it("is of batches where a batch is asked for, whose inputs are read ahead for throughput", () => {
    const { result, compiled } = runModel({
      model: imported(bytesOf(perceptron())),
      target,
      baselines: [],
      batchCount: 3,
      streamCount: 2,
      objective: "throughput",
    });
    expect(result.choices).toMatchObject({ batchCount: 6, streamCount: 2 });
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 4, equal: true });
    expect(compiled.program.inputs.map(({ type }) => type.shape)).toEqual([
      [3, 16],
      [3, 16],
    ]);
    const over = compiled.mapping.buffers.filter(({ firstStep, lastStep }) => firstStep > lastStep);
    expect(over.map(({ name }) => name)).toContain("x@2");
  });
});

describe("streams of other models", () => {
  it("keep several inputs and outputs apart", () => {
    const two = imported(bytesOf(twoPorts()));
    const run = (streamCount: number): readonly Answer[] => {
      const answers: Answer[] = [];
      runModel({
        model: two,
        target,
        baselines: [],
        streamCount,
        batchCount: 2,
        objective: "throughput",
        onAnswer: (answer) => answers.push(answer),
      });
      return answers;
    };
    expect(run(2)).toEqual(run(1));
  });

  it("are predicted an inference at a time when the best batch is chosen", () => {
    const one = chooseBatch(model, chip, { objective: "throughput", streamCount: 2 });
    const { figures } = one;
    const [first] = figures;
    const map = mapModel(model, chip, { objective: "throughput", streamCount: 2 });
    expect(map.mapping.batchCount).toBe(2);
    expect(first).toMatchObject({ batchCount: 1, intervalCycles: map.predictedIntervalCycles / 2 });
  });

  it("are refused before anything is compiled where there are too many, and where states stay on the chip", () => {
    expect(problemsOf(() => compileModel(model, chip, { streamCount: 3 }))).toMatchObject([{ code: "B604" }]);
    const states = [{ input: "image", output: 0 }];
    expect(problemsOf(() => compileModel(model, chip, { streamCount: 2, states }))).toMatchObject([{ code: "B604" }]);
    expect(problemsOf(() => mapModel(model, chip, { streamCount: 0 }))).toMatchObject([{ code: "B604" }]);
  });
});
