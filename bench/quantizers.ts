import { writeFileSync } from "node:fs";
import { importCase, readCaseData } from "../api/conformance-case.ts";
import { clamp, sum } from "../base/math.ts";
import { makeRandom } from "../base/random.ts";
import { prepare } from "../compiler/compile.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { NearestMemory } from "../compiler/quantize/nearest-memory.ts";
import type { CalibrationMemory } from "../compiler/quantize/quantize-float.ts";
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
 * does. Arguments: models, then precisions, each separated by commas; all of both by default. The figures of a model are kept in
 * docs/quantization-results.csv as soon as they are known, and docs/quantization-results.md is written at the end of all that are there;
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

/** The error of each of several quantized graphs against one float graph, input by input. */
function scored(float: Graph, graphs: readonly Graph[], frames: Iterable<Map<string, Tensor>>): number[] {
  const contractor = makeWasmContractor([float, ...graphs].flatMap((graph) => [...constantData(graph)]));
  const energies = graphs.map((): Energies[] => []);
  for (const frame of frames) {
    const wanted = evaluate(float, frame, { contractor });
    graphs.forEach((graph, place) => {
      const stored = graph.inputs.map(
        ({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const,
      );
      const found = evaluate(graph, new Map(stored), { contractor });
      float.outputs.forEach((output, index) => {
        const other = found.get(graph.outputs[index] as string) as Tensor;
        energies[place]?.push(energiesOf(realNumbers(wanted.get(output) as Tensor), realNumbers(other)));
      });
    });
  }
  return energies.map(pooledSqnrDb);
}

/** Rows of a model at several precisions; its float answers are found once. */
function measured(name: string, wantedPrecisions: readonly string[]): QuantizerRow[] {
  const start = process.cpuUsage().user;
  const folder = sharedModel(name);
  const [data] = readCaseData(folder);
  if (data === undefined) throw new Error(`${name} has no data set.`);
  const { graph } = importCase(folder, data).model;
  const frames = calibrationCount(graph);
  const calibrationFrames = [...framesLike(data.inputs, calibrationSeed, frames)];
  const calibrationMemory: CalibrationMemory = { calibrated: new Map(), nearest: new NearestMemory() };
  const made = wantedPrecisions.map((precision) => {
    const [plain, helped] = [nearest, ours].map((quantizer: Quantizer) =>
      prepare(graph, { precision, calibrationFrames, calibrationMethod: "mse", quantizer, calibrationMemory }),
    );
    if (plain === undefined || helped === undefined) throw new Error("Nothing was quantized.");
    return { precision, plain, helped };
  });
  const float = made[0]?.plain.floatGraph ?? graph;
  const graphs = made.flatMap(({ plain, helped }) => [plain.quantizedGraph, helped.quantizedGraph]);
  const ratios = scored(float, graphs, framesLike(data.inputs, scoringSeed, scoringCount));
  const seconds = (process.cpuUsage().user - start) / 1e6 / made.length;
  return made.map(({ precision, helped }, index) => {
    const [nearestDb = Number.NaN, oursDb = Number.NaN] = ratios.slice(2 * index);
    const macs = formatShares(macCountByPrecision(helped.quantizedGraph));
    const kept = formatQuantizer(helped.quantizer);
    return { model: name, precision, frames, nearestDb, oursDb, kept, macs, seconds };
  });
}

const asked = process.argv.slice(2);
const [wantedModels = models.join(), wantedPrecisions = precisions.join()] = asked[0] === "--document" ? [""] : asked;
const found: QuantizerRow[] = [];
for (const name of wantedModels.split(",").filter((each) => each !== "")) {
  const measuredRows = measured(name, wantedPrecisions.split(","));
  found.push(...measuredRows);
  for (const { precision, nearestDb, oursDb, kept, seconds } of measuredRows) {
    process.stderr.write(
      `${name}  ${precision}  ${nearestDb.toFixed(1)}  ${oursDb.toFixed(1)}  ${kept}  ${seconds.toFixed(0)} s\n`,
    );
  }
  const isOther = (known: QuantizerRow): boolean =>
    measuredRows.every(({ precision }) => known.model !== name || known.precision !== precision);
  const place = ({ model, precision }: QuantizerRow): number =>
    models.indexOf(model) * precisions.length + precisions.indexOf(precision);
  const rows = [...readRows(files.figures).filter(isOther), ...measuredRows].toSorted(
    (left, right) => place(left) - place(right),
  );
  writeRows(files.figures, rows);
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
