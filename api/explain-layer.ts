import { BorealError } from "../base/errors.ts";
import { at } from "../base/math.ts";
import { type ForcedChoice, forcedChoices, forcedProgram } from "../compiler/alternatives.ts";
import type { Compiled } from "../compiler/compile.ts";
import { searchSpace } from "../compiler/mapper/search.ts";
import { vectorWork } from "../compiler/mapper/work.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { MappedStep, Mapping } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import type { LayerExplanation } from "../report/explain-schema.ts";
import type { RunMetrics } from "../runtime-sim/metrics.ts";
import { stepCyclesOf } from "../runtime-sim/metrics-stack.ts";
import { simulateTiming } from "../runtime-sim/timing/simulate.ts";
import { type IdealResource, idealChip } from "../targets/ideal.ts";
import { applyOverrides } from "../targets/override.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type CompileModelOptions, precisionName } from "./compile.ts";
import type { LayerStanding } from "./explain-reason.ts";
import type { OnProgress } from "./progress.ts";

/** What a layer is explained from beside how it stands. */
export interface LayerContext {
  readonly compiled: Compiled;
  readonly metrics: RunMetrics;
  /** Compiles the same model with something changed, nothing pinned. */
  readonly compileAgain: (change: Pick<CompileModelOptions, "precision" | "batchCount">) => Compiled;
  readonly precision: string | PrecisionPlan | undefined;
  /** The mapping that the user gave. */
  readonly pinned: Mapping | null;
  readonly onProgress: OnProgress;
}

type Alternative = LayerExplanation["alternatives"][number];
type Lever = LayerExplanation["levers"][number];
type Effect = NonNullable<Alternative["simulated"]>;

/** Other choices that are mapped and simulated, and those that are listed with a prediction alone. */
const simulatedAlternatives = 3;
const listedAlternatives = 5;

/** By how many the batch grows as a lever. */
const batchFactor = 4;

/** Numbers of a target that are doubled as levers: what moves data or computes vectors, and decides no mapping. */
const doubledPaths = [
  "networks.activation.link",
  "networks.model.link",
  "networks.partial.link",
  "networks.instruction.link",
  "core.memoryPort",
  "vector.lanes",
] as const;

/** A layer from near: prediction by resource, transfers, the next best choices, and levers, each of them tried. */
export function explainLayer(standing: LayerStanding, context: LayerContext): LayerExplanation {
  const { plan, cost, network } = standing;
  const { cycles: _, ...predicted } = cost.work;
  const { alternatives, consideredCount } = alternativesOf(standing, context);
  return {
    name: plan.layer.name,
    dimensions: plan.layer.dimensions.map(({ name, size, kind }) => ({ name, size, kind })),
    predicted,
    transfers: cost.transfers.map(({ value, cost: { cycles, remoteBytes } }) => ({
      value,
      from: network.steps.find(({ layer }) => layer.writes.some((write) => write.value === value))?.layer.name ?? "",
      cycles,
      remoteBytes,
    })),
    consideredCount,
    searchIsExact: context.compiled.map.exact,
    alternatives,
    levers: leversOf(standing, context),
  };
}

/** Latency of a layer and of the network on device, per inference. */
function effectOf(program: Program, chip: ChipTarget, layer: string): Effect {
  const trace = simulateTiming(program, chip, { host: false, batches: 1 });
  const steps = stepCyclesOf(trace, chip, 0);
  const index = program.steps.findIndex(({ name }) => name === layer);
  const cycles = index < 0 ? null : at(steps, index).endCycle - at(steps, index).startCycle;
  return {
    layerCycles: cycles === null ? null : cycles / program.batchCount,
    latencyCycles: at(trace.batchEnds, 0) / program.batchCount,
  };
}

function choiceKey({ split, weights }: Pick<MappedStep, "split" | "weights">): string {
  return JSON.stringify([split.rows, split.columns, weights?.mode ?? null]);
}

function alternativesOf(
  { plan, cost, metrics, chip }: LayerStanding,
  { compiled, metrics: all, pinned, onProgress }: LayerContext,
): { readonly alternatives: Alternative[]; readonly consideredCount: number } {
  onProgress({ phase: "search other choices", fraction: null });
  const { network, program, mapping } = compiled;
  const pins = new Map(
    (pinned?.steps ?? []).filter(({ name }) => name !== plan.layer.name).map((step) => [step.name, step]),
  );
  const space = searchSpace(network, vectorWork(network.graph, network.layers), chip, pins);
  const forced = forcedChoices(space, plan.index);
  const own = choiceKey(plan.step);
  const batch = program.batchCount;
  const chosen: Alternative = {
    ...choiceOf(plan.step),
    isChosen: true,
    predictedLayerCycles: cost.cycles,
    predictedNetworkCycles: forced.find((each) => choiceKey(each.candidate) === own)?.networkCycles ?? null,
    placedNetworkCycles: compiled.map.predictedCycles,
    simulated: { layerCycles: metrics.latencyCycles / batch, latencyCycles: all.onDevice.latencyCycles / batch },
    fits: true,
  };
  const others = forced.filter(({ candidate }) => choiceKey(candidate) !== own).slice(0, listedAlternatives);
  const names = { graph: mapping.graph, batchCount: mapping.batchCount };
  const tried = others.map((choice, index): Alternative => {
    const listed = listedChoice(choice);
    if (index >= simulatedAlternatives) return listed;
    onProgress({ phase: `try choice ${index + 2}`, fraction: index / simulatedAlternatives });
    const other = forcedProgram(space, plan.index, choice.candidate, mapping.layouts, names);
    if (other === null) return { ...listed, fits: false };
    const simulated = effectOf(other.program, chip, plan.layer.name);
    return { ...listed, placedNetworkCycles: other.predictedCycles, fits: true, simulated };
  });
  return { alternatives: [chosen, ...tried], consideredCount: forced.length };
}

function choiceOf({ split, weights }: Pick<MappedStep, "split" | "weights">): Pick<Alternative, "split" | "weights"> {
  return {
    split: { rows: split.rows.map((part) => ({ ...part })), columns: split.columns.map((part) => ({ ...part })) },
    weights: weights?.mode ?? null,
  };
}

function listedChoice({ candidate, layerCycles, networkCycles }: ForcedChoice): Alternative {
  return {
    ...choiceOf(candidate),
    isChosen: false,
    predictedLayerCycles: layerCycles,
    predictedNetworkCycles: networkCycles,
    placedNetworkCycles: null,
    simulated: null,
    fits: null,
  };
}

/** Something that could help, and the program and chip that it makes; it may be refused with a BorealError. */
interface Attempt {
  readonly lever: string;
  readonly kind: Lever["kind"];
  readonly program: Lever["program"];
  readonly make: () => { readonly program: Program; readonly chip: ChipTarget };
}

function leversOf(standing: LayerStanding, context: LayerContext): Lever[] {
  const attempts = [
    ...idealAttempts(standing, context),
    ...targetAttempts(standing, context),
    ...mappedAttempts(standing, context),
  ];
  return attempts.map(({ lever, kind, program, make }, index): Lever => {
    context.onProgress({ phase: `try ${lever}`, fraction: index / attempts.length });
    const tried = { lever, kind, program };
    try {
      const made = make();
      return { ...tried, ...effectOf(made.program, made.chip, standing.plan.layer.name), refusal: null };
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      const [first] = error.problems;
      return { ...tried, layerCycles: null, latencyCycles: null, refusal: first?.message ?? error.message };
    }
  });
}

function idealAttempts({ chip }: LayerStanding, { compiled: { program } }: LayerContext): Attempt[] {
  const resources: readonly IdealResource[] =
    program.hostOperations.length > 0 ? ["network", "memory", "vector", "host"] : ["network", "memory", "vector"];
  return resources.map((resource) => ({
    lever: `${resource} takes no time`,
    kind: "ideal",
    program: "same",
    make: () => ({ program, chip: idealChip(chip, [resource]) }),
  }));
}

function targetAttempts({ chip }: LayerStanding, { compiled: { program } }: LayerContext): Attempt[] {
  return doubledPaths.flatMap((path): Attempt[] => {
    const number = chip.provenance.get(path);
    if (number === undefined) return [];
    const doubled = 2 * number.value;
    return [
      {
        lever: `${path} ${number.value} → ${doubled} ${number.unit}`,
        kind: "target",
        program: "same",
        make: () => ({ program, chip: applyOverrides(chip, [`${path}=${doubled}`]) }),
      },
    ];
  });
}

/** Levers for which the network is quantized or batched and mapped anew. */
function mappedAttempts({ chip }: LayerStanding, context: LayerContext): Attempt[] {
  const { compileAgain, compiled, precision } = context;
  const narrower = narrowerPrecision(precision);
  const batchCount = compiled.program.batchCount * batchFactor;
  const again = (lever: string, kind: "precision" | "batch", change: Parameters<typeof compileAgain>[0]): Attempt => ({
    lever,
    kind,
    program: "mapped again",
    make: () => ({ program: compileAgain(change).program, chip }),
  });
  return [
    ...(narrower === null ? [] : [again(`precision ${narrower}`, "precision", { precision: narrower })]),
    again(`batch ${batchCount}`, "batch", { batchCount }),
  ];
}

/** The rule with half the bits of weights and activations, down to 2; null at 2 bits, and for plans that are files. */
function narrowerPrecision(precision: string | PrecisionPlan | undefined): string | null {
  if (precision !== undefined && typeof precision !== "string") return null;
  const name = precisionName(precision);
  const [, weights, activations] = /^w(\d)a(\d)$/.exec(name) ?? [];
  const half = (bits: string | undefined): number => Math.max(2, Math.floor(Number(bits) / 2));
  const narrower = `w${half(weights)}a${half(activations)}`;
  return narrower === name || weights === undefined ? null : narrower;
}
