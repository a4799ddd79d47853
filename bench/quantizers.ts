import { writeFileSync } from "node:fs";
import { importCase, readCaseData } from "../api/conformance-case.ts";
import { clamp, sum } from "../base/math.ts";
import { makeRandom } from "../base/random.ts";
import { prepare } from "../compiler/compile.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { formatQuantizer, parseQuantizer, type Quantizer } from "../compiler/quantize/quantizer.ts";
import { storedTensor } from "../compiler/quantize/stored-tensor.ts";
import { evaluate } from "../ir/evaluate.ts";
import { constantData, type Graph } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Tensor } from "../ir/tensor.ts";
import { elementCount } from "../ir/type.ts";
import { quantizerDocument } from "./quantizer-document.ts";
import { formatShares, type QuantizerRow, readRows, writeRows } from "./quantizer-rows.ts";
import { frameLike } from "./random-frames.ts";
import { printTable, sharedModel } from "./setting.ts";

/**
 * Signal to quantization noise of outputs, pooled over inputs that calibration did not see: rounding to nearest against what the quantizer
 * does. Arguments: models, then precisions, each separated by commas; all of both by default. Each figure is kept in
 * docs/quantization-results.csv as soon as it is known, and docs/quantization-results.md is written at the end of all that are there;
 * with --document alone nothing is measured.
 */
const models: readonly string[] = [
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
];
const precisions: readonly string[] = ["w8a8", "w4a8", "w4a4", "w2a8"];
const scoringCount = 200;
const [calibrationSeed, scoringSeed] = [1, 2];

/** Calibration takes as many frames as one evaluation of each costs this work (multiply-accumulates, and what elements and nodes count beside), within bounds. */
const calibrationWork = { most: 4e9, perElement: 100, perNode: 20_000 } as const;
const calibrationCounts = { least: 16, most: 2048 } as const;

/** Both normalize the same activations, so that only weights and biases differ. */
const nearest = parseQuantizer("normalize,nearest");
const ours = parseQuantizer("normalize,compensate,correct-biases");

const files = { figures: "docs/quantization-results.csv", document: "docs/quantization-results.md" } as const;

function* framesLike(golden: ReadonlyMap<string, Tensor>, seed: number, count: number): Generator<Map<string, Tensor>> {
  const random = makeRandom(seed);
  for (let index = 0; index < count; index += 1) yield frameLike(golden, random);
}

function calibrationCount(graph: Graph): number {
  const work = sum([
    ...Object.values(macCountByPrecision(graph)),
    ...graph.nodes.map(({ type }) => calibrationWork.perElement * elementCount(type) + calibrationWork.perNode),
  ]);
  return clamp(Math.floor(calibrationWork.most / work), calibrationCounts.least, calibrationCounts.most);
}

/** The error of each of several quantized graphs against the same float graph, input by input. */
function scored(
  graphs: readonly { readonly float: Graph; readonly quantized: Graph }[],
  frames: Iterable<Map<string, Tensor>>,
): number[] {
  const contractor = makeWasmContractor(
    graphs.flatMap(({ float, quantized }) => [...constantData(float), ...constantData(quantized)]),
  );
  const energies = graphs.map((): Energies[] => []);
  for (const frame of frames) {
    const references = new Map<Graph, Map<string, Tensor>>();
    graphs.forEach(({ float, quantized }, place) => {
      const wanted = references.get(float) ?? evaluate(float, frame, { contractor });
      references.set(float, wanted);
      const stored = quantized.inputs.map(
        ({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const,
      );
      const found = evaluate(quantized, new Map(stored), { contractor });
      float.outputs.forEach((output, index) => {
        const other = found.get(quantized.outputs[index] as string) as Tensor;
        energies[place]?.push(energiesOf(realNumbers(wanted.get(output) as Tensor), realNumbers(other)));
      });
    });
  }
  return energies.map(pooledSqnrDb);
}

function measured(name: string, precision: string): QuantizerRow {
  const start = process.cpuUsage().user;
  const folder = sharedModel(name);
  const [data] = readCaseData(folder);
  if (data === undefined) throw new Error(`${name} has no data set.`);
  const { graph } = importCase(folder, data).model;
  const frames = calibrationCount(graph);
  const calibrationFrames = [...framesLike(data.inputs, calibrationSeed, frames)];
  const [plain, helped] = [nearest, ours].map((quantizer: Quantizer) =>
    prepare(graph, { precision, calibrationFrames, calibrationMethod: "mse", quantizer }),
  );
  if (plain === undefined || helped === undefined) throw new Error("Nothing was quantized.");
  const pairs = [plain, helped].map(({ quantizedGraph }) => ({ float: plain.floatGraph, quantized: quantizedGraph }));
  const [nearestDb = Number.NaN, oursDb = Number.NaN] = scored(
    pairs,
    framesLike(data.inputs, scoringSeed, scoringCount),
  );
  const macs = formatShares(macCountByPrecision(helped.quantizedGraph));
  const seconds = (process.cpuUsage().user - start) / 1e6;
  return { model: name, precision, frames, nearestDb, oursDb, kept: formatQuantizer(helped.quantizer), macs, seconds };
}

const asked = process.argv.slice(2);
const [wantedModels = models.join(), wantedPrecisions = precisions.join()] = asked[0] === "--document" ? [""] : asked;
const found: QuantizerRow[] = [];
for (const name of wantedModels.split(",").filter((each) => each !== "")) {
  for (const precision of wantedPrecisions.split(",")) {
    const row = measured(name, precision);
    found.push(row);
    process.stderr.write(
      `${name}  ${precision}  ${row.nearestDb.toFixed(1)}  ${row.oursDb.toFixed(1)}  ${row.kept}  ${row.seconds.toFixed(0)} s\n`,
    );
    const isOther = (known: QuantizerRow): boolean => known.model !== name || known.precision !== precision;
    const place = ({ model, precision: at }: QuantizerRow): number =>
      models.indexOf(model) * precisions.length + precisions.indexOf(at);
    const rows = [...readRows(files.figures).filter(isOther), row].toSorted(
      (left, right) => place(left) - place(right),
    );
    writeRows(files.figures, rows);
  }
}
writeFileSync(
  files.document,
  quantizerDocument(readRows(files.figures), {
    precisions,
    scoringCount,
    calibrationSeed,
    scoringSeed,
    quantizer: formatQuantizer(ours),
  }),
);
printTable(
  ["model", "precision", "nearest, dB", "ours, dB", "gain, dB"],
  found.map(({ model, precision, nearestDb, oursDb }) => [
    model,
    precision,
    ...[nearestDb, oursDb, oursDb - nearestDb].map((value) => value.toFixed(1)),
  ]),
);
