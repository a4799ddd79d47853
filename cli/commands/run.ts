import { answerModel } from "../../api/evaluation.ts";
import { baselineWarnings, scoredWindows } from "../../api/forecast-scores.ts";
import type { Frame } from "../../api/inputs.ts";
import { type Answer, type RunOptions, runModel, withForecast } from "../../api/run.ts";
import type { Samples } from "../../api/samples.ts";
import { chooseStates, leavingOutputs } from "../../api/states.ts";
import { type ChosenTarget, chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import type { ImportedModel } from "../../compiler/onnx/importer.ts";
import { realNumbers } from "../../compiler/quantize/accuracy.ts";
import { printJson } from "../../report/json.ts";
import type { RunResult } from "../../report/schemas.ts";
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
  const progress = await makeProgress();
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
        ? ["streams", "csv", "trace", "range", "energy", "ideal", "layers", "printAfter", "timePasses"]
        : ["streams", "csv", "trace", "range", "energy", "ideal", "layers"];
    const scores: readonly (keyof Options)[] = options.accuracyBudget === undefined ? ["truth"] : [];
    const unused = [...excluded, ...scores].filter((name) => options[name] !== undefined);
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
function refuseSearchOptions({ candidates, out }: Options): void {
  const given = [candidates && "--candidates", out && "--out"];
  const unread = given.filter((name) => typeof name === "string" && name !== "");
  if (unread.length === 0) return;
  throw problem("B601", `${unread.join(", ")} belongs to a search of precisions: give --accuracy-budget too.`);
}

/** Takes answers, and completes a result with the errors of the forecasts that they are. */
interface ScoredForecast {
  readonly add: (answer: Answer) => void;
  readonly complete: (result: RunResult) => RunResult;
}

/** What scores forecasts against --truth; null where none is given, or it belongs to a search. Throws B601 without --calibrate. */
async function scoredForecast(
  model: ImportedModel,
  options: Options,
  training: readonly Frame[] | undefined,
  inputs: Samples | undefined,
): Promise<ScoredForecast | null> {
  if (options.truth === undefined || options.accuracyBudget !== undefined) return null;
  const { truthOf } = await import("../precision-search.ts");
  const truths = (await truthOf(model, options)) ?? [];
  if (training === undefined || inputs === undefined) {
    throw problem("B601", "--truth compares with the median of training windows, so it needs them with --calibrate.");
  }
  if (truths.length !== inputs.count) {
    throw problem("B702", `Found ${truths.length} truths, expected one for each of the ${inputs.count} samples.`);
  }
  const { windows, scores } = scoredWindows([...inputs.frames], truths, training);
  return {
    add: ({ sample, float: [float], chip: [chip] }) => {
      const window = windows[sample];
      if (window === undefined || float === undefined || chip === undefined) return;
      scores.add(window, Float32Array.from(realNumbers(float)), Float32Array.from(realNumbers(chip)));
    },
    complete: (result) => {
      const forecast = scores.result({ origin: "unknown", quantity: null }, inputs.description);
      const warnings = [...result.warnings, ...baselineWarnings(forecast)];
      return { ...withForecast(result, forecast), warnings };
    },
  };
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
  const scored = await scoredForecast(model, settled, compiling.calibration, samples.inputs);
  const {
    result: answered,
    compiled,
    simulation,
  } = runModel({
    model,
    target,
    ...compiling,
    ...samples,
    ...(options.range === undefined ? {} : { range: options.range }),
    energySplit: options.energy === true,
    ...(options.ideal === undefined ? {} : { ideal: options.ideal }),
    ...(options.baseline === undefined ? {} : { baselines: options.baseline }),
    onProgress,
    onAnswer: (answer) => {
      collector?.add(answer.chip);
      scored?.add(answer);
    },
  });
  const result = scored?.complete(answered) ?? answered;
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
