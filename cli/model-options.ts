import { readFileSync } from "node:fs";
import { chooseBatch } from "../api/batch-choice.ts";
import { batchModel } from "../api/batched-model.ts";
import { readInputs } from "../api/inputs.ts";
import { batchOf, type LayerDescription } from "../api/layer-description.ts";
import { layerModel } from "../api/layer-model.ts";
import { importModel } from "../api/model.ts";
import type { OnProgress } from "../api/progress.ts";
import type { QuantizeOptions } from "../api/quantize.ts";
import type { RunOptions } from "../api/run.ts";
import type { Samples } from "../api/samples.ts";
import { chooseStates, openInputs, type StateChoice } from "../api/states.ts";
import type { ChosenTarget } from "../api/target.ts";
import { problem } from "../base/errors.ts";
import { parseMapping } from "../compiler/mapper/mapping-file.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { RunPassesOptions } from "../compiler/passes/pass.ts";
import { findPass, passes } from "../compiler/passes/pipeline.ts";
import { parseCalibrationMethod } from "../compiler/quantize/calibration-method.ts";
import { type PrecisionPlan, parsePrecisionFile } from "../compiler/quantize/precision.ts";
import { parseQuantizer } from "../compiler/quantize/quantizer.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Options } from "./options.ts";
import { writeError } from "./output.ts";

/** The one layer that was given in place of a model; null for none. Throws B601 for two. */
export function layerOf({ gemm, conv }: Options): LayerDescription | null {
  if (gemm !== undefined && conv !== undefined) {
    throw problem("B601", "--gemm and --conv describe one layer each; give one of them.");
  }
  return gemm ?? conv ?? null;
}

/**
 * Imports the model of a command, its open dimensions bound and its weights filled as asked; or makes the one layer that
 * stands in its place, with random weights unless timing alone is asked for. Throws B601 for no model and for two.
 */
export function modelOf(path: string | undefined, options: Options): ImportedModel {
  const layer = layerOf(options);
  if (layer !== null) {
    if (path !== undefined)
      throw problem("B601", `--${layer.kind} stands in place of a model, but "${path}" is given too.`);
    if (options.dim !== undefined)
      throw problem("B601", `--${layer.kind} has no open dimension, so it excludes --dim.`);
    refuseOtherBatch(layer, options);
    const seed = options.randomWeights ?? (options.timingOnly === true ? undefined : (options.seed ?? 0));
    return layerModel(layer, seed === undefined ? {} : { randomWeightsSeed: seed });
  }
  if (path === undefined) {
    const hint = "A model comes first, before options that take files; see --help.";
    throw problem("B601", "Give a model, or one layer by --gemm or --conv.", {}, hint);
  }
  return importModel(path, {
    dimensions: new Map((options.dim ?? []).map(dimensionOf)),
    allowAbsentWeights: options.timingOnly === true,
    ...(options.randomWeights === undefined ? {} : { randomWeightsSeed: options.randomWeights }),
  });
}

function dimensionOf(assignment: string): [string, number] {
  const cut = assignment.lastIndexOf("=");
  const [name, text] = [assignment.slice(0, cut), assignment.slice(cut + 1)];
  if (!/^\d+$/.test(text)) {
    throw problem("B601", `Option --dim was given "${assignment}", expected NAME=VALUE with a whole number.`);
  }
  return [name, Number(text)];
}

/**
 * The model for the batch of a command, and the options with that batch as a number: --batch best is chosen by the objective,
 * throughput unless another is given. `batches` are the predicted figures of those that were tried.
 */
export function settleBatch(
  model: ImportedModel,
  target: ChosenTarget,
  options: Options,
  onProgress: OnProgress,
): { readonly model: ImportedModel; readonly settled: Options; readonly batches: Pick<RunOptions, "batches"> } {
  const { batch } = options;
  if (batch !== "best") return { model: batchModel(model, batch), settled: options, batches: {} };
  if (options.mapping !== undefined) {
    throw problem("B601", "--batch best maps the network for several batches, so it excludes --mapping.");
  }
  const objective = options.objective ?? "throughput";
  onProgress({ phase: "choose the batch", fraction: null });
  const { batchCount, figures } = chooseBatch(model, target.chip, {
    objective,
    states: chooseStates(model, stateChoiceOf(options)).states,
    ...streamOptionOf(options),
    ...(options.precision === undefined ? {} : { precision: readPrecision(options.precision) }),
    ...(options.hostOps === undefined ? {} : { hostOps: true }),
  });
  const settled: Options = { ...options, batch: batchCount, objective };
  return { model: batchModel(model, batchCount), settled, batches: { batches: figures } };
}

/** What options say of how a model is compiled, in the form that verbs take. */
export async function compileOptionsOf(
  model: ImportedModel,
  options: Options,
): Promise<
  Pick<
    RunOptions,
    | "precision"
    | "batchCount"
    | "streamCount"
    | "objective"
    | "seed"
    | "mapping"
    | "calibration"
    | "calibrationMethod"
    | "quantizer"
    | "states"
    | "timingOnly"
    | "hostOps"
  > & {
    readonly passes?: RunPassesOptions;
  }
> {
  const { states } = chooseStates(model, stateChoiceOf(options));
  return {
    ...(options.precision === undefined ? {} : { precision: readPrecision(options.precision) }),
    ...batchOptionOf(options),
    ...streamOptionOf(options),
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.mapping === undefined ? {} : { mapping: readMapping(options.mapping) }),
    ...(options.calibrate === undefined
      ? {}
      : { calibration: await readInputs(openInputs(model.graph, states), options.calibrate) }),
    ...quantizerOf(options),
    states: stateChoiceOf(options),
    ...(options.timingOnly === undefined ? {} : { timingOnly: true }),
    ...(options.hostOps === undefined ? {} : { hostOps: true }),
    ...passOptionsOf(options),
  };
}

/** What options say of how numbers are stored. */
function quantizerOf({ calibration, quantizer }: Options): Pick<RunOptions, "calibrationMethod" | "quantizer"> {
  return {
    ...(calibration === undefined ? {} : { calibrationMethod: parseCalibrationMethod(calibration) }),
    ...(quantizer === undefined ? {} : { quantizer: parseQuantizer(quantizer) }),
  };
}

/** What options say of how a model is quantized without being mapped. */
export async function quantizeOptionsOf(
  model: ImportedModel,
  options: Options,
): Promise<Omit<QuantizeOptions, "model" | "onProgress">> {
  const { inputs } = await samplesOf(model, { ...options, state: ["none"] });
  return {
    ...(options.precision === undefined ? {} : { precision: readPrecision(options.precision) }),
    ...quantizerOf(options),
    ...(inputs === undefined ? {} : { inputs }),
    ...(options.calibrate === undefined
      ? {}
      : { calibration: await readInputs(openInputs(model.graph, []), options.calibrate) }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.explain === undefined ? {} : { explain: true }),
  };
}

/** Throws B601 when a batch is asked for other than that of the shape of the one layer. */
function refuseOtherBatch(layer: LayerDescription, { batch }: Options): void {
  const stated = batchOf(layer);
  if (stated === 1 || batch === undefined || batch === stated) return;
  throw problem("B601", `--batch ${batch} does not go with the ${stated} images of --conv; leave one of them out.`);
}

/** The batch that was asked for, or that the shape of the one layer states. */
function batchOptionOf(options: Options): Pick<RunOptions, "batchCount"> {
  const layer = layerOf(options);
  const stated = layer === null ? 1 : batchOf(layer);
  if (stated > 1) return { batchCount: stated };
  if (options.batch === "best") throw problem("B601", "--batch best goes with run and compile; give a number here.");
  return options.batch === undefined ? {} : { batchCount: options.batch };
}

function streamOptionOf({ streams }: Options): Pick<RunOptions, "streamCount"> {
  return streams === undefined ? {} : { streamCount: streams };
}

/** The samples that were given, and the values of states before the first; none when none were. */
export async function samplesOf(
  model: ImportedModel,
  options: Options,
): Promise<{ readonly inputs?: Samples; readonly initialStates?: ReadonlyMap<string, Tensor> }> {
  if (options.input === undefined) return {};
  const { states } = chooseStates(model, stateChoiceOf(options));
  const initialStates = new Map<string, Tensor>();
  const files: string[] = [];
  for (const entry of options.input) {
    const input = model.graph.inputs.find(({ name }) => entry.startsWith(`${name}=`));
    if (input === undefined || states.every((state) => state.input !== input.name)) files.push(entry);
    else {
      const [frame] = await readInputs([input], [entry]);
      const value = frame?.get(input.name);
      if (value !== undefined) initialStates.set(input.name, value);
    }
  }
  if (files.length === 0) return { initialStates };
  const frames = await readInputs(openInputs(model.graph, states), files);
  const count = `${frames.length} sample${frames.length === 1 ? "" : "s"}`;
  return {
    inputs: { frames, count: frames.length, description: `${count} from ${options.input.join(", ")}` },
    initialStates,
  };
}

/** What --state says. */
export function stateChoiceOf({ state }: Options): StateChoice {
  if (state === undefined) return "guess";
  if (state.includes("none")) return "none";
  return state.map((pair) => {
    const cut = pair.indexOf("=");
    return { output: pair.slice(0, cut), input: pair.slice(cut + 1) };
  });
}

function readMapping(path: string): ReturnType<typeof parseMapping> {
  try {
    return parseMapping(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw problem("B402", `The file cannot be read (${String(error.code)}).`, { file: path });
  }
}

/** A rule as it is, or the plan of a YAML file. */
export function readPrecision(option: string): string | PrecisionPlan {
  if (!/\.ya?ml$/i.test(option)) return option;
  try {
    return parsePrecisionFile(readFileSync(option, "utf8"), option);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw problem("B802", `The file cannot be read (${String(error.code)}).`, { file: option });
  }
}

function passOptionsOf({ printAfter }: Options): { readonly passes?: RunPassesOptions } {
  if (printAfter === undefined) return {};
  for (const name of printAfter) {
    if (name === "all" || findPass(name) !== null) continue;
    const names = passes.map((pass) => pass.name).join(", ");
    throw problem("B601", `There is no pass "${name}", expected all or one of ${names}.`);
  }
  return {
    passes: {
      printAfter: printAfter.includes("all") ? "all" : printAfter,
      onPrint: (pass, text) => writeError(`// after ${pass}\n${text}`),
    },
  };
}
