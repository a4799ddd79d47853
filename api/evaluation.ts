import { networkOf } from "../compiler/network.ts";
import type { PassRecord } from "../compiler/passes/pass.ts";
import { widenHalves } from "../compiler/passes/widen-halves.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { constantData, valueTypes } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { AnswerResult } from "../report/schemas.ts";
import { AccuracyMeter } from "./accuracy.ts";
import { evaluateModel, toModelTypes } from "./answers.ts";
import { quantizeModel } from "./compile.ts";
import { noProgress } from "./progress.ts";
import { provenance } from "./provenance.ts";
import { boundaryInputElements, choicesOf, modelWarnings, type RunOptions, summarizeModel, worstLayer } from "./run.ts";
import { chooseSamples } from "./samples.ts";
import { chooseStates, StateSequence } from "./states.ts";
import { normalizationWarnings } from "./warnings.ts";

/** How a model is answered without a chip. */
export interface AnswerOptions
  extends Pick<
    RunOptions,
    | "model"
    | "states"
    | "initialStates"
    | "precision"
    | "batchCount"
    | "seed"
    | "inputs"
    | "calibration"
    | "passes"
    | "onProgress"
  > {
  /** `evaluate`: f32, as ONNX answers. `exact`: the quantized graph, as the chip must answer. */
  readonly executor: "evaluate" | "exact";
  /** Told the outputs of each sample, in the model's order and element types. */
  readonly onOutputs?: (sample: number, outputs: readonly Tensor[]) => void;
}

/** Least, greatest and mean of what an output took over all samples. */
class OutputSummary {
  #least = Number.POSITIVE_INFINITY;
  #greatest = Number.NEGATIVE_INFINITY;
  #sum = 0;
  #count = 0;

  add(value: Tensor): void {
    const numbers = tensorNumbers(value);
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] as number;
      this.#least = Math.min(this.#least, number);
      this.#greatest = Math.max(this.#greatest, number);
      this.#sum += number;
    }
    this.#count += numbers.length;
  }

  get figures(): { least: number | null; greatest: number | null; mean: number | null } {
    const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
    return { least: finite(this.#least), greatest: finite(this.#greatest), mean: finite(this.#sum / this.#count) };
  }
}

/** Answers by evaluation: what is reported, and what each pass did (none for the f32 evaluation). */
export interface Answered {
  readonly result: AnswerResult;
  readonly records: readonly PassRecord[];
}

/** Answers samples by evaluation alone: nothing is mapped and nothing is timed. Throws B508, B702, B703, B801, B802. */
export function answerModel(options: AnswerOptions): Answered {
  const { model, executor } = options;
  const { graph } = model;
  const onProgress = options.onProgress ?? noProgress;
  const chosen = chooseStates(model, options.states, options.initialStates);
  const { states } = chosen;
  const samples = chooseSamples(graph, {
    states,
    seed: options.seed ?? 0,
    ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
    ...(options.calibration === undefined ? {} : { calibration: options.calibration }),
  });
  const types = valueTypes(graph);
  const outputElements = graph.outputs.map((name) => types.get(name)?.element ?? "f32");
  const prepared =
    executor === "evaluate" ? null : quantizeModel(model, { ...options, states, calibration: samples.calibration });
  const meter =
    prepared === null
      ? null
      : new AccuracyMeter({
          ...prepared,
          network: networkOf(prepared.chipGraph),
          inputElements: boundaryInputElements(graph, prepared, states),
        });
  const wideGraph = widenHalves(graph);
  const contractor = makeWasmContractor(constantData(wideGraph));
  const summaries = graph.outputs.map(() => new OutputSummary());
  const floatStates = new StateSequence(graph, states);
  const exactStates = new StateSequence(prepared?.chipGraph ?? graph, states);
  let sample = 0;
  for (const frame of samples.inputs.frames) {
    onProgress({ phase: executor, fraction: sample / samples.inputs.count });
    let outputs: Tensor[];
    if (meter === null) {
      outputs = evaluateModel(wideGraph, floatStates.complete(frame), { contractor });
      floatStates.advance(outputs);
    } else {
      const kept = new Map<string, Tensor>();
      const float = meter.float(floatStates.complete(frame), kept);
      floatStates.advance(float);
      const exact = meter.exact(exactStates.complete(frame), kept);
      exactStates.advance(exact);
      outputs = toModelTypes(exact, outputElements);
      meter.addOutputs(float, outputs);
    }
    outputs.forEach((value, index) => {
      summaries[index]?.add(value);
    });
    options.onOutputs?.(sample, outputs);
    sample += 1;
  }
  const calibrated = executor === "exact";
  const result: AnswerResult = {
    schemaVersion,
    kind: "answers",
    model: summarizeModel(model),
    choices: choicesOf(options, chosen.pairs),
    inputs: calibrated ? samples.summary : { ...samples.summary, calibrationOrigin: "none", calibrationCount: 0 },
    executor,
    outputs: graph.outputs.map((name, index) => ({
      name: model.outputNames[index] ?? name,
      element: outputElements[index] ?? "f32",
      shape: [...(types.get(name)?.shape ?? [])],
      ...(summaries[index] as OutputSummary).figures,
    })),
    accuracy:
      meter === null || prepared === null
        ? null
        : {
            sqnrDb: meter.sqnrDb,
            inputs: samples.inputs.description,
            sampleCount: sample,
            worstLayer: worstLayer(meter.layerSqnrDb),
            macCountByPrecision: macCountByPrecision(prepared.chipGraph),
            overflowCount: null,
            exactCheck: null,
          },
    warnings: [
      ...modelWarnings(model),
      ...chosen.warnings,
      ...samples.warnings.filter(({ code }) => calibrated || code === "W201"),
      ...normalizationWarnings(prepared?.normalizations ?? []),
    ],
    provenance: provenance("answer-result"),
  };
  return { result, records: prepared?.records ?? [] };
}
