import { importCase, readCaseData } from "../api/conformance-case.ts";
import { makeRandom, parseQuantizer, type Quantizer, type Random, type Tensor } from "../api.ts";
import { prepare } from "../compiler/compile.ts";
import { energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import { formatQuantizer } from "../compiler/quantize/quantizer.ts";
import { storedTensor } from "../compiler/quantize/stored-tensor.ts";
import { evaluate } from "../ir/evaluate.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { tensorNumbers, tensorOf } from "../ir/ops/values.ts";
import { median, printTable, sharedModel } from "./setting.ts";

/**
 * Signal to quantization noise of outputs, pooled over inputs that calibration did not see: rounding to nearest against what the quantizer
 * does. Arguments: models, then precisions, each separated by commas; all of both by default.
 */
const models = [
  "micro-kws-fp32",
  "pulp-dronet-v2",
  "prisma-seg",
  "nanodet-m-320",
  "silero-vad-openvino-16k",
  "aircraft-rul-lstm",
  "fin-forecast-b",
  "quant-attention",
  "squeezenet-fp16",
  "ultraface-slim-320",
  "gtcrn-simple",
  "mjx-go1-policy",
] as const;
const precisions = ["w8a8", "w4a8", "w4a4", "w2a8"] as const;
const calibrationCount = 64;
const scoringCount = 200;
const seed = 1;

const nearest = parseQuantizer("nearest");
const ours = parseQuantizer("normalize,compensate,correct-biases");

/** Numbers spread evenly over the range of the model's golden input. */
function frameLike(golden: ReadonlyMap<string, Tensor>, random: Random): Map<string, Tensor> {
  return new Map(
    [...golden].map(([name, tensor]) => {
      const numbers = Array.from(tensorNumbers(tensor));
      const low = numbers.reduce((least, each) => Math.min(least, each));
      const high = numbers.reduce((greatest, each) => Math.max(greatest, each));
      return [
        name,
        tensorOf(
          tensor.type,
          Float64Array.from(numbers, () => low + (high - low) * random.uniform()),
        ),
      ];
    }),
  );
}

const [wantedModels = models.join(), wantedPrecisions = precisions.join()] = process.argv.slice(2);
const gains = new Map<string, number[]>();
const rows = wantedModels.split(",").flatMap((name) => {
  const folder = sharedModel(name);
  const [data] = readCaseData(folder);
  if (data === undefined) throw new Error(`${name} has no data set.`);
  const { graph } = importCase(folder, data).model;
  const random = makeRandom(seed);
  const draw = (count: number) => Array.from({ length: count }, () => frameLike(data.inputs, random));
  const calibrationFrames = draw(calibrationCount);
  const inputs = draw(scoringCount);
  const contractor = makeWasmContractor();
  return wantedPrecisions.split(",").map((precision) => {
    const measured = (quantizer: Quantizer) => {
      const start = performance.now();
      const prepared = prepare(graph, { precision, calibrationFrames, calibrationMethod: "mse", quantizer });
      const seconds = (performance.now() - start) / 1000;
      const { floatGraph, quantizedGraph } = prepared;
      const energies = inputs.flatMap((frame) => {
        const wanted = evaluate(floatGraph, frame, { contractor });
        const stored = quantizedGraph.inputs.map(
          ({ name: input, type }) => [input, storedTensor(frame.get(input) as Tensor, type)] as const,
        );
        const found = evaluate(quantizedGraph, new Map(stored), { contractor });
        return floatGraph.outputs.map((output, place) =>
          energiesOf(
            realNumbers(wanted.get(output) as Tensor),
            realNumbers(found.get(quantizedGraph.outputs[place] as string) as Tensor),
          ),
        );
      });
      return { db: pooledSqnrDb(energies), seconds, kept: formatQuantizer(prepared.quantizer) };
    };
    const [plain, helped] = [measured(nearest), measured(ours)];
    const gain = helped.db - plain.db;
    gains.set(precision, [...(gains.get(precision) ?? []), gain]);
    const figures = [plain.db, helped.db, gain].map((value) => value.toFixed(1));
    const row = [name, precision, ...figures, helped.kept, helped.seconds.toFixed(1)];
    process.stderr.write(`${row.join("  ")}\n`);
    return row;
  });
});
printTable(["model", "precision", "nearest, dB", "ours, dB", "gain, dB", "kept of it", "time, s"], rows);
for (const [precision, list] of gains)
  process.stdout.write(
    `${precision}: median gain ${median(list).toFixed(1)} dB, least ${Math.min(...list).toFixed(1)} dB\n`,
  );
