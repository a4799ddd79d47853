import { join } from "node:path";
import { expect, it } from "vitest";
import { importCase, readCaseData } from "../../../api/conformance-case.ts";
import { makeRandom } from "../../../base/random.ts";
import { prepare } from "../../../compiler/compile.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../../../compiler/quantize/accuracy.ts";
import { storedTensor } from "../../../compiler/quantize/stored-tensor.ts";
import type { Contractor } from "../../../ir/contractor.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { Graph } from "../../../ir/graph.ts";
import { makeWasmContractor } from "../../../ir/ops/contraction-kernels.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { describeShared } from "../../shared.ts";

/** How many seeds each model is measured with; the largest takes seconds a seed. */
const models = [
  ["burn-mnist-cnn", 5],
  ["micro-kws-fp32", 5],
  ["gtsrb-fast", 5],
  ["pulp-dronet-v2", 1],
  ["mjx-go1-policy", 20],
  ["onnx-mlir-mnist", 5],
  ["cifar-wide-kw", 5],
] as const;

/** Numbers spread evenly over the range of the model's golden input. */
function makeFrames(golden: ReadonlyMap<string, Tensor>, count: number, seed: number): Map<string, Tensor>[] {
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

describeShared("quantized models answer as f32 does", (folder) => {
  it.each(models)(
    "%s: at least 25 dB over 64 inputs, calibrated on 16 others, with each of %d seeds",
    (name, seedCount) => {
      const path = join(folder, "models", name);
      const data = readCaseData(path)[0];
      if (data === undefined) throw new Error(`${path} has no data set`);
      const contractor = makeWasmContractor();
      const { graph } = importCase(path, data).model;
      const ratios = Array.from({ length: seedCount }, (_, index) => {
        const frames = makeFrames(data.inputs, 80, index + 1);
        const { floatGraph, chipGraph } = prepare(graph, {
          precision: "w8a8",
          calibrationFrames: frames.slice(0, 16),
        });
        return pooledSqnrDb(frames.slice(16).flatMap((frame) => energiesOn(floatGraph, chipGraph, frame, contractor)));
      });
      expect(Math.min(...ratios), ratios.map((ratio) => ratio.toFixed(1)).join(" ")).toBeGreaterThanOrEqual(25);
    },
  );
});

/** Signal and error of each output of the chip's graph on one frame. */
function energiesOn(float: Graph, chip: Graph, frame: ReadonlyMap<string, Tensor>, contractor: Contractor): Energies[] {
  const stored = chip.inputs.map(({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const);
  const [wanted, found] = [evaluate(float, frame, { contractor }), evaluate(chip, new Map(stored), { contractor })];
  return float.outputs.map((output, index) =>
    energiesOf(
      tensorNumbers(wanted.get(output) as Tensor),
      realNumbers(found.get(chip.outputs[index] as string) as Tensor),
    ),
  );
}
