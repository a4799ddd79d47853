import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { importCase, readCaseData } from "../api/conformance-case.ts";
import { clamp, sum } from "../base/math.ts";
import { makeRandom, type Random } from "../base/random.ts";
import { prepare } from "../compiler/compile.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { formatQuantizer, parseQuantizer, type Quantizer } from "../compiler/quantize/quantizer.ts";
import { storedTensor } from "../compiler/quantize/stored-tensor.ts";
import { evaluate } from "../ir/evaluate.ts";
import { constantData, type Graph } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { tensorNumbers, tensorOf } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import { elementCount } from "../ir/type.ts";
import { printTable, setting, sharedModel } from "./setting.ts";

/**
 * Signal to quantization noise of outputs, pooled over inputs that calibration did not see: rounding to nearest against what the quantizer
 * does. Arguments: models, then precisions, each separated by commas; all of both by default. Each figure is kept in
 * docs/quantization-results.csv as soon as it is known, and docs/quantization-results.md is written of all that are there.
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

/** What was measured of a model at a precision. */
interface Row {
  readonly model: string;
  readonly precision: string;
  readonly frames: number;
  readonly nearestDb: number;
  readonly oursDb: number;
  readonly kept: string;
  readonly macs: string;
  readonly seconds: number;
}

/** Numbers spread evenly over the range of the model's golden input. */
function frameLike(golden: ReadonlyMap<string, Tensor>, random: Random): Map<string, Tensor> {
  return new Map(
    [...golden].map(([name, tensor]) => {
      const numbers = Array.from(tensorNumbers(tensor));
      const low = numbers.reduce((least, each) => Math.min(least, each));
      const high = numbers.reduce((greatest, each) => Math.max(greatest, each));
      const drawn = Float64Array.from(numbers, () => low + (high - low) * random.uniform());
      return [name, tensorOf(tensor.type, drawn)];
    }),
  );
}

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

function measured(name: string, precision: string): Row {
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
  const macCounts = Object.entries(macCountByPrecision(helped.quantizedGraph));
  const all = sum(macCounts.map(([, count]) => count));
  const macs = macCounts.map(([at, count]) => `${at} ${((100 * count) / all).toFixed(1)} %`).join(" + ");
  const seconds = (process.cpuUsage().user - start) / 1e6;
  return { model: name, precision, frames, nearestDb, oursDb, kept: formatQuantizer(helped.quantizer), macs, seconds };
}

const columns = ["model", "precision", "frames", "nearestDb", "oursDb", "kept", "macs", "seconds"] as const;

function readRows(): Row[] {
  if (!existsSync(files.figures)) return [];
  const [, ...lines] = readFileSync(files.figures, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [model = "", precision = "", frames, nearestDb, oursDb, kept = "", macs = "", seconds] = line.split(";");
    const numbers = {
      frames: Number(frames),
      nearestDb: Number(nearestDb),
      oursDb: Number(oursDb),
      seconds: Number(seconds),
    };
    return { model, precision, kept, macs, ...numbers };
  });
}

function writeRows(rows: readonly Row[]): void {
  const lines = rows.map((row) =>
    [
      row.model,
      row.precision,
      row.frames,
      row.nearestDb.toFixed(2),
      row.oursDb.toFixed(2),
      row.kept,
      row.macs,
      row.seconds.toFixed(0),
    ].join(";"),
  );
  writeFileSync(files.figures, `${[columns.join(";"), ...lines].join("\n")}\n`);
}

/** The middle of the sorted numbers; of an even count the mean of both. */
function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const half = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half)] ?? Number.NaN)) / 2;
}

function documentOf(rows: readonly Row[]): string {
  const table = rows.map(
    ({ model, precision, frames, nearestDb, oursDb, kept, macs }) =>
      `| ${[model, precision, frames, nearestDb.toFixed(1), oursDb.toFixed(1), (oursDb - nearestDb).toFixed(1), kept, macs].join(" | ")} |`,
  );
  const summary = precisions.flatMap((precision) => {
    const own = rows.filter((row) => row.precision === precision);
    if (own.length === 0) return [];
    const gains = own.map(({ oursDb, nearestDb }) => oursDb - nearestDb);
    const figures = [
      own.length,
      middle(own.map(({ nearestDb }) => nearestDb)),
      middle(own.map(({ oursDb }) => oursDb)),
      middle(gains),
      Math.min(...gains),
    ];
    return [`| ${[precision, ...figures.map((figure, index) => figure.toFixed(index === 0 ? 0 : 1))].join(" | ")} |`];
  });
  return `# Quantization results

Written by \`npm run bench:quantizers\`: ${(sum(rows.map(({ seconds }) => seconds)) / 60).toFixed(0)} minutes of processor time for all rows,
${setting()}.

Output SQNR in dB, pooled over all outputs and ${scoringCount} inputs (seed ${scoringSeed}) that are disjoint from the calibration frames (seed ${calibrationSeed}); inputs are uniform
random numbers over the range of the model's golden input. Ranges of activations are those of least squared error (\`--calibration mse\`), the same for both.

- nearest: weights to the nearest integer, one scale for each output channel, the one of least squared error; no equalization, no correction.
- ours: \`--quantizer ${formatQuantizer(ours)}\`; what of it was kept on the frames that were held out stands in the table.

Both normalize the same activations in each inference (docs/quantization.md), so that only weights and biases differ. MACs that are not at the named
precision are products of two activations, whose operands both have the activations' width.

| precision | models | median nearest, dB | median ours, dB | median gain, dB | least gain, dB |
|---|---|---|---|---|---|
${summary.join("\n")}

| model | precision | frames | nearest, dB | ours, dB | gain, dB | kept of it | MACs |
|---|---|---|---|---|---|---|---|
${table.join("\n")}
`;
}

const [wantedModels = models.join(), wantedPrecisions = precisions.join()] = process.argv.slice(2);
const found: Row[] = [];
for (const name of wantedModels.split(",").filter((each) => each !== "")) {
  for (const precision of wantedPrecisions.split(",")) {
    const row = measured(name, precision);
    found.push(row);
    process.stderr.write(
      `${name}  ${precision}  ${row.nearestDb.toFixed(1)}  ${row.oursDb.toFixed(1)}  ${row.kept}  ${row.seconds.toFixed(0)} s\n`,
    );
    const isOther = (known: Row): boolean => known.model !== name || known.precision !== precision;
    const place = ({ model, precision: at }: Row): number =>
      models.indexOf(model) * precisions.length + precisions.indexOf(at);
    const rows = [...readRows().filter(isOther), row].toSorted((left, right) => place(left) - place(right));
    writeRows(rows);
    writeFileSync(files.document, documentOf(rows));
  }
}
printTable(
  ["model", "precision", "nearest, dB", "ours, dB", "gain, dB"],
  found.map(({ model, precision, nearestDb, oursDb }) => [
    model,
    precision,
    ...[nearestDb, oursDb, oursDb - nearestDb].map((value) => value.toFixed(1)),
  ]),
);
