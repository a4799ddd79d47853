import { BorealError } from "../base/errors.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { Program } from "../ir/program.ts";
import type { LayerExplanation } from "../report/explain-schema.ts";
import { type IdealResource, idealChip } from "../targets/ideal.ts";
import { applyOverrides } from "../targets/override.ts";
import type { ChipTarget } from "../targets/target.ts";
import { precisionName } from "./compile.ts";
import { type Effect, effectOf, type LayerContext } from "./explain-context.ts";
import type { LayerStanding } from "./explain-reason.ts";

type Lever = LayerExplanation["levers"][number];

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

/** The same with all cycles per inference. */
function perInference({ layerCycles, latencyCycles, energyJoules }: Effect, batchCount: number): Effect {
  return {
    layerCycles: layerCycles === null ? null : layerCycles / batchCount,
    latencyCycles: latencyCycles / batchCount,
    energyJoules,
  };
}

/** Something that could help, and the program and chip that it makes; it may be refused with a BorealError. */
interface Attempt {
  readonly lever: string;
  readonly kind: Lever["kind"];
  readonly program: Lever["program"];
  readonly make: () => { readonly program: Program; readonly chip: ChipTarget };
}

/** What could help a layer, each lever tried: free resources, doubled numbers, fewer bits, a larger batch. */
export function leversOf(standing: LayerStanding, context: LayerContext): Lever[] {
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
      const effect = effectOf(made.program, made.chip, standing.plan.layer.name);
      return { ...tried, ...perInference(effect, made.program.batchCount), refusal: null };
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      const [first] = error.problems;
      return {
        ...tried,
        layerCycles: null,
        latencyCycles: null,
        energyJoules: null,
        refusal: first?.message ?? error.message,
      };
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
