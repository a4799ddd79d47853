import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type WrittenModel, writeModel } from "../compiler/onnx/write-model.ts";
import { f32Tensor, type Tensor } from "../ir/tensor.ts";
import { type ColdRun, runCold } from "./cold-run.ts";
import { repeatedModel } from "./repeated-model.ts";
import { type ScalingSeries, scalingSvg } from "./scaling-plot.ts";
import { setting, sharedModel } from "./setting.ts";

/**
 * How the cost of compiling and simulating grows, with the built command and cold: with the cores, with the layers, and with
 * the steps of a recurrence. Writes docs/scaling.md and docs/scaling.svg. Processor time is that of all threads, the least of
 * three runs, or of as many as the argument says; the exponent is the slope of a line through the logarithms, less what a network of one layer costs.
 */
const runCount = Number(process.argv[2] ?? 3);

/** Memory for eight networks: none is searched again because it does not fit. */
const room = ["--set", `core.memory=${2 ** 24}`];

interface Case {
  readonly size: number;
  readonly model: Uint8Array;
  readonly options: readonly string[];
}

interface Series {
  readonly name: string;
  readonly unit: string;
  readonly cases: readonly Case[];
}

/** A GRU layer over so many steps, which the importer unrolls. */
function recurrence(steps: number): WrittenModel {
  const [inputs, hidden] = [32, 64];
  const weights = (...shape: number[]): Tensor =>
    f32Tensor(shape, new Float32Array(shape.reduce((count, size) => count * size, 1)).fill(0.01));
  return {
    name: "recurrence",
    opset: 14,
    inputs: [{ name: "x", element: "f32", shape: [steps, 1, inputs] }],
    outputs: [{ name: "last", element: "f32", shape: [1, 1, hidden] }],
    initializers: { w: weights(1, 3 * hidden, inputs), r: weights(1, 3 * hidden, hidden) },
    nodes: [
      {
        operator: "GRU",
        inputs: ["x", "w", "r"],
        outputs: ["", "last"],
        attributes: { hidden_size: hidden },
      },
    ],
  };
}

const network = join(sharedModel("light-resnet50"), "model.onnx");
const allSeries: readonly Series[] = [
  {
    name: "ResNet-50 on grids of 8 × 8 to 64 × 64",
    unit: "cores",
    cases: [8, 16, 32, 64].map((side) => ({
      size: side * side,
      model: readFileSync(network),
      options: [...room, "--set", `grid.rows=${side}`, "--set", `grid.columns=${side}`],
    })),
  },
  {
    name: "ResNet-50 one to eight times in a row",
    unit: "networks of 63 layers",
    cases: [1, 2, 4, 8].map((count) => ({ size: count, model: repeatedModel(network, count), options: room })),
  },
  {
    name: "a GRU layer, unrolled",
    unit: "steps",
    cases: [50, 100, 200, 400].map((steps) => ({ size: steps, model: writeModel(recurrence(steps)), options: [] })),
  },
];

async function measured(folder: string, { model, options }: Omit<Case, "size">): Promise<ColdRun> {
  const runs: ColdRun[] = [];
  const path = join(folder, "model.onnx");
  writeFileSync(path, model);
  for (let run = 0; run < runCount; run += 1) {
    runs.push(await runCold(["run", path, "--timing-only", "--trace", join(folder, "trace.json"), ...options]));
  }
  return runs.reduce((best, run) => (run.processorSeconds < best.processorSeconds ? run : best));
}

/** The slope of the line with the least squares through the logarithms of sizes and costs. */
function exponentOf(points: readonly { readonly size: number; readonly cost: number }[]): number {
  const logarithms = points.map(({ size, cost }) => [Math.log(size), Math.log(cost)] as const);
  const mean = (of: 0 | 1): number => logarithms.reduce((sum, pair) => sum + pair[of], 0) / points.length;
  const [meanSize, meanCost] = [mean(0), mean(1)];
  let [top, bottom] = [0, 0];
  for (const [size, cost] of logarithms) {
    top += (size - meanSize) * (cost - meanCost);
    bottom += (size - meanSize) ** 2;
  }
  return top / bottom;
}

const folder = mkdtempSync(join(tmpdir(), "boreal-bench-"));
try {
  const start = await measured(folder, { model: writeModel(recurrence(1)), options: [] });
  const rows: string[] = [];
  const plotted: ScalingSeries[] = [];
  for (const { name, unit, cases } of allSeries) {
    const runs: { readonly size: number; readonly run: ColdRun }[] = [];
    for (const each of cases) {
      const run = await measured(folder, each);
      console.log(`${name}: ${each.size} ${unit}: ${run.processorSeconds.toFixed(2)} s`);
      runs.push({ size: each.size, run });
    }
    const exponent = exponentOf(
      runs.map(({ size, run }) => ({ size, cost: run.processorSeconds - start.processorSeconds })),
    );
    for (const { size, run } of runs) {
      const figures = [run.processorSeconds.toFixed(2), run.wallSeconds.toFixed(2), (run.peakBytes / 1e6).toFixed(0)];
      rows.push(`| ${name} | ${size} ${unit} | ${figures.join(" | ")} | ${exponent.toFixed(2)} |`);
    }
    plotted.push({ name, unit, points: runs.map(({ size, run }) => ({ size, seconds: run.processorSeconds })) });
  }
  writeFileSync(new URL("../docs/scaling.svg", import.meta.url), scalingSvg(plotted));
  writeFileSync(new URL("../docs/scaling.md", import.meta.url), documentOf(rows, start));
} finally {
  rmSync(folder, { recursive: true });
}

function documentOf(rows: readonly string[], start: ColdRun): string {
  return `# How cost grows

Written by \`npm run bench:scaling\`: the built command, cold, \`boreal run model.onnx --timing-only --trace\` with energy, as
processor time of all threads, the least of ${runCount} run(s). The exponent is the slope of a line through the
logarithms of size and time, less the ${start.processorSeconds.toFixed(2)} s that a network of one step takes; 1 is growth in proportion.

![Seconds against size](scaling.svg)

| case | size | processor s | wall s | peak MB | exponent |
|---|---|---:|---:|---:|---:|
${rows.join("\n")}

The networks in a row have weights of their own; each adds the first three scores of the one before to the channels of the
image. Cores have 16 MiB of memory in the first two series, so that all cases fit.

Measured on: ${setting()}.
`;
}
