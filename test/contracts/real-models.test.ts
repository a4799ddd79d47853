import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { boundaryBytes, fromBoundary, tensorFromBytes, toBoundary } from "../../api/boundary.ts";
import { importCase, readCaseData } from "../../api/conformance-case.ts";
import { at } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { type Compiled, compile } from "../../compiler/compile.ts";
import { importOnnx } from "../../compiler/onnx/importer.ts";
import { type Energies, energiesOf, pooledSqnrDb } from "../../compiler/quantize/accuracy.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { tensorNumbers, tensorOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount } from "../../ir/type.ts";
import { createExecutor, type FunctionalExecutor } from "../../runtime-sim/functional/executor.ts";
import { loadChip } from "../../targets/load.ts";
import { describeShared } from "../shared.ts";
import { difference, memoriesOf } from "./random-case.ts";

const chip = loadChip("northpole-style");

/** Models with the number of seeds that are measured; mjx-go1-policy has heavy tails, which 16 frames see badly. */
const models = [
  ["burn-mnist-cnn", 1],
  ["micro-kws-fp32", 1],
  ["gtsrb-fast", 1],
  ["pulp-dronet-v2", 1],
  ["mjx-go1-policy", 5],
  ["onnx-mlir-mnist", 1],
  ["cifar-wide-kw", 1],
] as const;

type Frame = ReadonlyMap<string, Tensor>;

/** Numbers spread evenly over the range of the model's golden input. */
function makeFrames(golden: Frame, count: number, seed: number): Frame[] {
  const random = makeRandom(seed);
  return Array.from({ length: count }, () => {
    const entries = [...golden].map(([name, tensor]) => {
      const numbers = Array.from(tensorNumbers(tensor));
      const low = numbers.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
      const high = numbers.reduce((greatest, each) => Math.max(greatest, each), Number.NEGATIVE_INFINITY);
      const drawn = Float64Array.from(numbers, () => low + (high - low) * random.uniform());
      return [name, tensorOf(tensor.type, drawn)] as const;
    });
    return new Map(entries);
  });
}

/** The frame in the formats of the chip's boundary. */
function atBoundary({ chipGraph }: Compiled, frame: Frame): Map<string, Tensor> {
  return new Map(
    chipGraph.inputs.map(({ name, type }) => {
      const given = frame.get(name) as Tensor;
      return [name, toBoundary(given, { name, type }, given.type.element)];
    }),
  );
}

function bytesOf(values: Frame): Map<string, Uint8Array> {
  return new Map([...values].map(([name, tensor]) => [name, boundaryBytes(tensor)]));
}

function executorOf({ program, sidecar }: Compiled): FunctionalExecutor {
  return createExecutor(program, sidecar, memoriesOf(chip));
}

/** Signal and error of what the chip answers against f32. */
function energiesOn(compiled: Compiled, wanted: Frame, found: ReadonlyMap<string, Uint8Array>): Energies[] {
  return compiled.program.outputs.map((port, index) => {
    const reference = wanted.get(at(compiled.floatGraph.outputs, index)) as Tensor;
    const answer = fromBoundary(tensorFromBytes(port, found.get(port.name) as Uint8Array), port.modelElement);
    return energiesOf(tensorNumbers(reference), tensorNumbers(answer));
  });
}

function expectExact(compiled: Compiled, executor: FunctionalExecutor, frame: Frame): void {
  const stored = atBoundary(compiled, frame);
  const exact = evaluate(compiled.chipGraph, stored, { contractor: makeWasmContractor() });
  expect(difference(bytesOf(exact), executor.run(bytesOf(stored)))).toBe("");
}

describeShared("real models on the chip", (folder) => {
  it.each(models)("%s answers as the exact evaluation, and within 25 dB of f32 over 64 inputs", (name, seedCount) => {
    const path = join(folder, "models", name);
    const data = at(readCaseData(path), 0);
    const { graph } = importCase(path, data).model;
    const golden = new Map(graph.inputs.map((input) => [input.name, data.inputs.get(input.name) as Tensor]));
    const contractor = makeWasmContractor();
    const ratios = Array.from({ length: seedCount }, (_, seed) => {
      const frames = makeFrames(golden, 80, seed + 1);
      const compiled = compile(graph, chip, { precision: "w8a8", calibrationFrames: frames.slice(0, 16) });
      const executor = executorOf(compiled);
      for (const frame of [golden, ...frames.slice(16, 19)]) expectExact(compiled, executor, frame);
      return pooledSqnrDb(
        frames.slice(16).flatMap((frame) => {
          const wanted = evaluate(compiled.floatGraph, frame, { contractor });
          return energiesOn(compiled, wanted, executor.run(bytesOf(atBoundary(compiled, frame))));
        }),
      );
    });
    const listed = ratios.map((ratio) => ratio.toFixed(1)).join(" ");
    process.stdout.write(`${name}: ${listed} dB\n`);
    expect(Math.min(...ratios), listed).toBeGreaterThanOrEqual(25);
  });

  describe("with random weights", () => {
    it.each(["light-squeezenet", "light-resnet50"])("%s answers as the exact evaluation", (name) => {
      const path = join(folder, "models", name, "model.onnx");
      const { graph } = importOnnx({ path }, { randomWeightsSeed: 1 });
      const [calibration, frame] = randomFrames(graph);
      const compiled = compile(graph, chip, { precision: "w8a8", calibrationFrames: [calibration] });
      expectExact(compiled, executorOf(compiled), frame);
    });
  });
});

function randomFrames(graph: Graph): readonly [Frame, Frame] {
  const random = makeRandom(9);
  const draw = (): Frame =>
    new Map(
      graph.inputs.map(({ name, type }) => [
        name,
        tensorOf(
          type,
          Float64Array.from({ length: elementCount(type) }, () => 2 * random.uniform() - 1),
        ),
      ]),
    );
  return [draw(), draw()];
}
