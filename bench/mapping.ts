import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chooseBatch } from "../api/batch-choice.ts";
import { importModel } from "../api/model.ts";
import { runModel } from "../api/run.ts";
import { chooseTarget } from "../api/target.ts";
import { borealVersion } from "../api/version.ts";
import { type PrecisionPlan, parsePrecisionFile } from "../compiler/quantize/precision.ts";

/**
 * How near the mapper comes to the packed bound, network by network: batch by `--batch best` for throughput, then
 * simulated on device. Puts a row for each model into docs/mapping-results.md; names on the command line restrict it to
 * those, MODEL@BATCH to a batch, MODEL@BATCHx2 to two streams of it, MODEL@own to the samples that its inputs are exported for.
 */
const models = process.env.BOREAL_CASES ?? "../shared";
const precisionFile = "examples/precisions/resnet50-w4a4.yaml";

interface Row {
  readonly model: string;
  readonly precision: string;
  readonly cells: readonly string[];
}

/** A batch that was asked for: as the model is exported, or so many inferences in so many streams; null for the best one. */
type GivenBatch = "own" | { readonly batch: number; readonly streams: number } | null;

function givenBatch(text: string | undefined): GivenBatch {
  if (text === undefined) return null;
  if (text === "own") return text;
  const [batch, streams = 1] = text.split("x").map(Number);
  return { batch: batch ?? 1, streams };
}

function batchLabel(given: GivenBatch, batchCount: number): string {
  if (given === null) return `${batchCount} (best)`;
  if (given === "own") return given;
  return given.streams === 1 ? String(given.batch) : `${given.batch} in ${given.streams} streams`;
}

function rowOf(name: string, precision: string | PrecisionPlan, label: string, given: GivenBatch): Row {
  const target = chooseTarget("northpole-style");
  try {
    const model = importModel(join(models, "models", name, "model.onnx"), {
      allowAbsentWeights: true,
      dimensions: dimensionsOf(name),
    });
    const batchCount =
      given === "own"
        ? 1
        : (given?.batch ?? chooseBatch(model, target.chip, { objective: "throughput", precision }).batchCount);
    const streamCount = given === "own" || given === null ? 1 : given.streams;
    const { result, compiled } = runModel({
      model,
      target,
      precision,
      ...(given === "own" ? {} : { batchCount }),
      streamCount,
      objective: "throughput",
      timingOnly: true,
      range: false,
    });
    const { intervalCycles, packedBoundIntervalCycles, bindingResource } = result.timing;
    const predicted = compiled.map.predictedIntervalCycles / (batchCount * streamCount);
    const packed = packedBoundIntervalCycles ?? 0;
    const number = (value: number): string => Number(value.toPrecision(5)).toLocaleString("en-US");
    return {
      model: name,
      precision: label,
      cells: [
        batchLabel(given, batchCount),
        number(intervalCycles),
        number(predicted),
        number(packed),
        (packed / intervalCycles).toFixed(2),
        bindingResource,
      ],
    };
  } catch (error) {
    const text = (error as Error).message.split("\n")[0]?.replaceAll("|", "/").slice(0, 160) ?? "";
    return { model: name, precision: label, cells: ["–", "–", "–", "–", "–", text] };
  }
}

/** Open dimensions as the cases' own run binds them. */
function dimensionsOf(name: string): Map<string, number> {
  const index = JSON.parse(readFileSync(join(models, "models", "index.json"), "utf8")) as {
    readonly models: readonly {
      readonly name: string;
      readonly inputs: readonly string[];
      readonly run?: { readonly inputs: readonly (readonly number[])[] };
    }[];
  };
  const entry = index.models.find((each) => each.name === name);
  const found = new Map<string, number>();
  entry?.inputs.forEach((declared, input) => {
    const axes = /\[(.*)\]/.exec(declared)?.[1]?.split(",") ?? [];
    axes.forEach((axis, position) => {
      const size = entry.run?.inputs[input]?.[position];
      if (!/^\d+$/.test(axis.trim()) && size !== undefined) found.set(axis.trim(), size);
    });
  });
  return found;
}

const plan = parsePrecisionFile(readFileSync(precisionFile, "utf8"), precisionFile);
const all = (
  JSON.parse(readFileSync(join(models, "models", "index.json"), "utf8")) as {
    readonly models: readonly { readonly name: string }[];
  }
).models.map(({ name }) => name);
const wanted = process.argv.slice(2);
const batches = new Map(wanted.map((each) => each.split("@") as [string, string | undefined]));
const names = wanted.length === 0 ? all : [...batches.keys()].filter((name) => all.includes(name));
const path = "docs/mapping-results.md";
for (const name of names) {
  const given = givenBatch(batches.get(name));
  const added =
    name === "light-resnet50"
      ? [rowOf(name, plan, "w4a4, first and last layer w8a8", given)]
      : [rowOf(name, "w8a8", "w8a8", given)];
  for (const row of added) process.stdout.write(`| ${[row.model, row.precision, ...row.cells].join(" | ")} |\n`);
  writeTable(added);
}

/** Puts rows into the table of the document, in the place of those of the same model and precision. */
function writeTable(added: readonly Row[]): void {
  const heads = ["model", "precision", "batch", "interval", "predicted", "packed bound", "bound ÷ interval", "binds"];
  const before = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const rows = new Map(
    before
      .filter((line) => line.startsWith("| ") && !line.startsWith(`| ${heads[0]} `))
      .map((line) => [line.split("|").slice(1, 3).join("|").trim(), line]),
  );
  for (const row of added) {
    rows.set(`${row.model} | ${row.precision}`, `| ${[row.model, row.precision, ...row.cells].join(" | ")} |`);
  }
  const lines = [
    "# How near the mapper comes to the bound",
    "",
    `\`node --import tsx bench/mapping.ts [MODEL[@BATCH]...]\`, Boreal ${borealVersion()}, target northpole-style, on device. Cycles an inference, objective`,
    "throughput, at the best batch of those that `--batch best` tries, where it says so, or at a given one (MODEL@BATCH, in two streams MODEL@BATCHx2; own: all samples of its inputs, as exported). The packed bound",
    "is that of docs/timing.md; *binds* is the largest cause of the cycles. A row is replaced when its model is measured again.",
    "",
    `| ${heads.join(" | ")} |`,
    `|${heads.map(() => "---").join("|")}|`,
    ...[...rows].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, line]) => line),
    "",
  ];
  writeFileSync(path, lines.join("\n"));
}
