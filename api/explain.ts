import { problem } from "../base/errors.ts";
import { at } from "../base/math.ts";
import type { Compiled } from "../compiler/compile.ts";
import type { ExplainedLayer, ExplanationResult } from "../report/explain-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import { boundsOf } from "../runtime-sim/bound.ts";
import type { RunMetrics } from "../runtime-sim/metrics.ts";
import { didYouMean } from "../targets/nearest-name.ts";
import type { ChipTarget } from "../targets/target.ts";
import { batchModel } from "./batched-model.ts";
import { choiceFigures } from "./choice-figures.ts";
import { compileModel } from "./compile.ts";
import { explainLayer } from "./explain-layer.ts";
import { boundRatio, type LayerStanding, reasonOf, usedCoreCount } from "./explain-reason.ts";
import { hostWarnings } from "./host-operations.ts";
import { noProgress } from "./progress.ts";
import { provenance, targetWarnings } from "./provenance.ts";
import { choicesOf, modelWarnings, type RunOptions, summarizeModel } from "./run.ts";
import { simulateProgram } from "./simulation.ts";
import { chooseStates } from "./states.ts";
import { summarizeTarget } from "./target.ts";
import { normalizationWarnings } from "./warnings.ts";

/** A model whose mapping is explained, and the layer that is asked about. */
export interface ExplainOptions
  extends Omit<
    RunOptions,
    | "inputs"
    | "initialStates"
    | "timingOnly"
    | "exactCheckCount"
    | "range"
    | "energySplit"
    | "ideal"
    | "baselines"
    | "onAnswer"
  > {
  /** A layer, or the ONNX node that it came from; none for a summary of all. */
  readonly layer?: string;
}

/** Layers that take more than this many times their bound have a reason. */
export const slowRatio = 3;

/**
 * Says why a network is mapped as it is and what that costs: for every layer the cycles against bound and prediction, with
 * a reason where it is slow; for the layer that is asked about the next best choices and what would help, all tried.
 * Values are not computed: without calibration samples shapes alone are compiled. Throws as `compileModel`, and B601 for
 * a layer that does not exist.
 */
export function explainModel(options: ExplainOptions): ExplanationResult {
  const { model: given, target, mapping, states, layer, seed: _, ...rest } = options;
  const model = batchModel(given, options.batchCount);
  const { chip } = target;
  const onProgress = options.onProgress ?? noProgress;
  const chosen = chooseStates(model, states);
  const compiling = { ...rest, states: chosen.states, onProgress };
  const compiled = compileModel(model, chip, mapping === undefined ? compiling : { ...compiling, mapping });
  const { metrics } = simulateProgram(compiled.program, chip, { range: false, onProgress });
  const standings = standingsOf(compiled, metrics, chip);
  const wanted = layer === undefined ? null : layerNamed(standings, layer);
  return {
    schemaVersion,
    kind: "explanation",
    model: summarizeModel(model),
    target: summarizeTarget(target),
    choices: choicesOf(options, chosen.pairs),
    latencyCycles: metrics.onDevice.latencyCycles,
    boundLatencyCycles: boundsOf(compiled.work, chip, compiled.program.batchCount).onDevice.latencyCycles,
    predictedCycles: compiled.map.predictedCycles,
    layers: standings.map((standing, index) => explained(standing, index === wanted)),
    layer:
      wanted === null
        ? null
        : explainLayer(at(standings, wanted), {
            compiled,
            metrics,
            compileAgain: (change) => compileModel(given, chip, { ...compiling, ...change }),
            precision: options.precision,
            objective: options.objective ?? "latency",
            pinned: mapping ?? null,
            onProgress,
          }),
    warnings: [
      ...modelWarnings(model).filter(({ code }) => code !== "W102" && code !== "W103"),
      ...chosen.warnings,
      ...targetWarnings(target),
      ...normalizationWarnings(compiled.normalizations),
      ...hostWarnings(compiled.program),
    ],
    provenance: provenance("explanation-result"),
  };
}

function standingsOf(compiled: Compiled, metrics: RunMetrics, chip: ChipTarget): LayerStanding[] {
  const bounds = boundsOf(compiled.work, chip, compiled.program.batchCount);
  const boundOf = new Map(bounds.layers.map((bound) => [bound.name, bound]));
  return metrics.steps.map((step, index) => ({
    chip,
    network: compiled.map.plan,
    plan: at(compiled.map.plan.steps, index),
    cost: at(compiled.map.layerCosts, index),
    metrics: step,
    bound: boundOf.get(step.name) ?? null,
    program: at(compiled.program.steps, index),
  }));
}

/** The position of a layer by its own name, or of the only one that came from an ONNX node. Throws B601. */
function layerNamed(standings: readonly LayerStanding[], wanted: string): number {
  const names = standings.map(({ metrics }) => metrics.name);
  const exact = names.indexOf(wanted);
  if (exact >= 0) return exact;
  const found = standings.flatMap(({ metrics }, index) => (metrics.origin.includes(wanted) ? [index] : []));
  const [first, ...others] = found;
  if (first === undefined) {
    const known = [...names, ...standings.flatMap(({ metrics }) => metrics.origin)];
    throw problem(
      "B601",
      `No layer is called "${wanted}", and none comes from such a node${didYouMean(wanted, known)}`,
    );
  }
  if (others.length > 0) {
    const list = found.map((index) => `"${at(names, index)}"`).join(", ");
    throw problem("B601", `Node "${wanted}" is computed in ${found.length} layers: ${list}. Name one of them.`);
  }
  return first;
}

function explained(standing: LayerStanding, isWanted: boolean): ExplainedLayer {
  const { plan, cost, metrics, bound, chip } = standing;
  const ratio = boundRatio(standing);
  const isSlow = ratio === null ? metrics.latencyCycles > 0 && bound !== null : ratio > slowRatio;
  return {
    name: metrics.name,
    onnxNodes: [...metrics.origin],
    kind: metrics.kind,
    macCount: metrics.macCount,
    ...choiceFigures(plan.layer, plan.step, chip),
    usedCoreCount: usedCoreCount(standing),
    latencyCycles: metrics.latencyCycles,
    predictedCycles: cost.cycles,
    boundCycles: bound?.boundCycles ?? null,
    packedBoundCycles: bound?.packedBoundCycles ?? null,
    boundResource: bound?.bindingResource ?? null,
    boundRatio: ratio,
    bindingResource: metrics.bindingResource,
    cyclesByCause: { ...metrics.stack },
    reason: isSlow || isWanted ? reasonOf(standing) : null,
  };
}
