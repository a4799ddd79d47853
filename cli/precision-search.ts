import { parseAccuracyBudget } from "../api/error-metric.ts";
import { readInputs } from "../api/inputs.ts";
import {
  type PrecisionSearch,
  type PrecisionSearchOptions,
  searchPrecision,
  searchQuantizer,
} from "../api/precision-search.ts";
import type { OnProgress } from "../api/progress.ts";
import type { RunOptions } from "../api/run.ts";
import { chooseStates, leavingOutputs } from "../api/states.ts";
import type { ChosenTarget } from "../api/target.ts";
import { problem } from "../base/errors.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import { printPrecisionFile } from "../compiler/quantize/precision.ts";
import { valueTypes } from "../ir/graph.ts";
import type { Tensor } from "../ir/tensor.ts";
import { printJson } from "../report/json.ts";
import { frontSvg, printFrontCsv } from "../report/precision-front.ts";
import type { PrecisionSearchResult } from "../report/precision-search-schema.ts";
import { compileOptionsOf, samplesOf, stateChoiceOf } from "./model-options.ts";
import type { Options } from "./options.ts";
import { writeFileWhole } from "./output.ts";

/** A search with the files that it wrote, and the choices under which its figures hold. */
export interface WrittenSearch {
  readonly result: PrecisionSearchResult;
  readonly choices: Pick<RunOptions, "precision" | "quantizer">;
}

/**
 * Searches the precisions that options ask for, and writes the plan, the front and its plot with --out: OUT.yaml, .csv, .svg and .json.
 * Throws B601 without a budget and beside --precision or --timing-only, and the errors of `searchPrecision`.
 */
export async function searchAndWrite(
  model: ImportedModel,
  target: ChosenTarget,
  options: Options,
  onProgress: OnProgress,
): Promise<WrittenSearch> {
  const asked = await searchOptionsOf(model, target, options);
  const { result, plan } = searchPrecision({ ...asked, onProgress });
  const choices = { precision: plan, quantizer: asked.quantizer ?? searchQuantizer };
  if (options.out === undefined) return { result, choices };
  const base = options.out.replace(/\.ya?ml$/, "");
  const files = [".yaml", ".csv", ".svg", ".json"].map((suffix) => `${base}${suffix}`);
  const whole = { ...result, files };
  const contents = [planFile(whole, plan), printFrontCsv(whole), frontSvg(whole), printJson(whole)];
  for (const [index, file] of files.entries()) await writeFileWhole(file, [contents[index] ?? ""]);
  return { result: whole, choices };
}

async function searchOptionsOf(
  model: ImportedModel,
  target: ChosenTarget,
  options: Options,
): Promise<PrecisionSearchOptions> {
  const { accuracyBudget, candidates, objective } = options;
  if (accuracyBudget === undefined)
    throw problem("B601", "Give the largest error with --accuracy-budget, such as sqnr=30.");
  if (options.precision !== undefined || options.timingOnly === true) {
    const other = options.precision === undefined ? "--timing-only" : "--precision";
    throw problem("B601", `--accuracy-budget searches precisions by their answers, so it excludes ${other}.`);
  }
  const { batchCount, calibration, calibrationMethod, quantizer, hostOps, seed } = await compileOptionsOf(
    model,
    options,
  );
  const { inputs } = await samplesOf(model, options);
  return {
    model,
    target,
    budget: parseAccuracyBudget(accuracyBudget, await truthOf(model, options)),
    states: stateChoiceOf(options),
    ...(objective === undefined ? {} : { objective: searchedObjective(objective) }),
    ...(candidates === undefined ? {} : { precisions: candidates.split(",") }),
    ...(inputs === undefined ? {} : { inputs }),
    ...(batchCount === undefined ? {} : { batchCount }),
    ...(calibration === undefined ? {} : { calibration }),
    ...(calibrationMethod === undefined ? {} : { calibrationMethod }),
    ...(quantizer === undefined ? {} : { quantizer }),
    ...(hostOps === undefined ? {} : { hostOps }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** What really followed each sample of --input, as the outputs that leave the chip; null when it is not given. */
export async function truthOf({ graph, outputNames }: ImportedModel, options: Options): Promise<Tensor[][] | null> {
  if (options.truth === undefined) return null;
  if (options.input === undefined) throw problem("B601", "--truth belongs to samples that --input gives.");
  const { states } = chooseStates({ graph, outputNames }, stateChoiceOf(options));
  const types = valueTypes(graph);
  const outputs = leavingOutputs(graph, states).flatMap((index) => {
    const type = types.get(graph.outputs[index] ?? "");
    return type === undefined ? [] : [{ name: outputNames[index] ?? "", type }];
  });
  const samples = await readInputs(outputs, options.truth);
  return samples.map((sample) => outputs.flatMap(({ name }) => sample.get(name) ?? []));
}

function planFile(
  { budget, quantizer, points, chosen, provenance, model }: PrecisionSearchResult,
  plan: PrecisionSearch["plan"],
): string {
  const point = points[chosen];
  return printPrecisionFile(plan, [
    `${model.name}, ${budget.metric} within ${budget.text}; found by boreal ${provenance.boreal}.`,
    `SQNR ${point?.verified.sqnrDb?.toFixed(1) ?? "–"} dB, ${point?.verified.latencyCycles ?? 0} cycles, with --quantizer ${quantizer}.`,
  ]);
}

/** Precisions are searched for latency or for energy. Throws B601 for other objectives. */
function searchedObjective(objective: NonNullable<Options["objective"]>): "latency" | "energy" {
  if (objective === "latency" || objective === "energy") return objective;
  throw problem("B601", `Precisions are searched for latency or energy, not for ${objective}.`);
}
