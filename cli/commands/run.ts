import { answerModel } from "../../api/evaluation.ts";
import { type RunOptions, runModel } from "../../api/run.ts";
import { chooseStates, leavingOutputs } from "../../api/states.ts";
import { type ChosenTarget, chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import type { ImportedModel } from "../../compiler/onnx/importer.ts";
import { printJson } from "../../report/json.ts";
import { printAnswers, printRun } from "../../report/text.ts";
import { compileOptionsOf, modelOf, samplesOf, settleBatch } from "../model-options.ts";
import type { Options } from "../options.ts";
import { hasColour, writeError } from "../output.ts";
import { OutputCollector } from "../output-tensors.ts";
import { formatPassRecords } from "../pass-records.ts";
import { makeProgress, type ProgressBar } from "../progress.ts";
import { deliverRun, refuseIdealRange, refuseTwoStreams } from "../results.ts";

/** `boreal run`: everything that is known of a model on a chip, on one screen. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  refuseTwoStreams(options);
  refuseContradictions(options);
  const progress = makeProgress();
  try {
    await run(path, options, progress);
  } finally {
    progress.stop();
  }
}

/** Throws B601 for options that ask for answers and for none. */
function refuseContradictions(options: Options): void {
  const { executor, outputs, timingOnly, input } = options;
  refuseIdealRange(options);
  if (timingOnly === true && (outputs !== undefined || executor !== undefined || input !== undefined)) {
    throw problem(
      "B601",
      "Option --timing-only computes no answers, so it excludes --input, --outputs and --executor.",
    );
  }
  if (executor !== undefined && executor !== "functional") {
    const excluded: readonly (keyof Options)[] =
      executor === "evaluate"
        ? ["csv", "trace", "range", "energy", "ideal", "layers", "printAfter", "timePasses"]
        : ["csv", "trace", "range", "energy", "ideal", "layers"];
    const unused = excluded.filter((name) => options[name] !== undefined);
    if (unused.length === 0) return;
    const names = unused.map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    const what = executor === "evaluate" ? "the model as it is" : "the quantized model without a chip";
    throw problem("B601", `--executor ${executor} evaluates ${what}, so it excludes ${names.join(", ")}.`);
  }
}

/** The precisions that a search finds, where a budget asks for one; its front is written with --out. */
async function searchedChoices(
  model: ImportedModel,
  target: ChosenTarget,
  options: Options,
  { onProgress }: ProgressBar,
): Promise<Pick<RunOptions, "precision" | "quantizer">> {
  if (options.accuracyBudget === undefined) {
    refuseSearchOptions(options);
    return {};
  }
  const { searchAndWrite } = await import("../precision-search.ts");
  const { choices } = await searchAndWrite(model, target, options, onProgress);
  return choices;
}

/** Throws B601 for options that only a search reads. */
function refuseSearchOptions({ candidates, truth, out }: Options): void {
  const given = [candidates && "--candidates", truth && "--truth", out && "--out"];
  const unread = given.filter((name) => typeof name === "string" && name !== "");
  if (unread.length === 0) return;
  throw problem("B601", `${unread.join(", ")} belongs to a search of precisions: give --accuracy-budget too.`);
}

async function run(path: string | undefined, options: Options, progress: ProgressBar): Promise<void> {
  progress.onProgress({ phase: "import", fraction: null });
  const target = chooseTarget(options.target, options.set);
  const imported = modelOf(path, options);
  const { model, settled, batches } = settleBatch(imported, target, options, progress.onProgress);
  const compiling = {
    ...(await compileOptionsOf(model, settled)),
    ...batches,
    ...(await searchedChoices(model, target, settled, progress)),
  };
  const samples = await samplesOf(model, settled);
  const { executor = "functional" } = options;
  const { states } = chooseStates(model, compiling.states);
  const leaving = executor === "functional" ? leavingOutputs(model.graph, states) : undefined;
  const collector = options.outputs === undefined ? null : new OutputCollector(model.outputNames, leaving);
  const { onProgress } = progress;
  if (executor !== "functional") {
    const { result, records } = answerModel({
      model,
      executor,
      ...compiling,
      ...samples,
      onProgress,
      ...(collector === null ? {} : { onOutputs: (_, outputs) => collector.add(outputs) }),
    });
    progress.stop();
    if (options.timePasses === true) writeError(formatPassRecords(records));
    if (options.outputs !== undefined) await collector?.write(options.outputs);
    await deliverRun(options, {
      json: printJson(result),
      text: printAnswers(result, { colour: hasColour() }),
    });
    return;
  }
  const { result, compiled, simulation } = runModel({
    model,
    target,
    ...compiling,
    ...samples,
    ...(options.range === undefined ? {} : { range: options.range }),
    energySplit: options.energy === true,
    ...(options.ideal === undefined ? {} : { ideal: options.ideal }),
    ...(options.baseline === undefined ? {} : { baselines: options.baseline }),
    onProgress,
    ...(collector === null ? {} : { onAnswer: ({ chip }) => collector.add(chip) }),
  });
  progress.stop();
  if (options.timePasses === true) writeError(formatPassRecords(compiled.records));
  if (options.outputs !== undefined) await collector?.write(options.outputs);
  await deliverRun(options, {
    json: printJson(result),
    text: printRun(result, { colour: hasColour(), layers: options.layers === true }),
    figures: result,
    trace: { trace: simulation.onDevice, program: compiled.program },
  });
  if (result.accuracy?.exactCheck?.equal === false) {
    throw problem("B901", "The functional execution and the exact evaluation differ.");
  }
}
