import { BorealError } from "../base/errors.ts";
import { staticPjPerCycle } from "../compiler/mapper/objective.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { BatchFigures } from "../report/schemas.ts";
import type { ChipTarget } from "../targets/target.ts";
import { batchModel } from "./batched-model.ts";
import { type CompileModelOptions, mapModel } from "./compile.ts";

/** The largest batch that is tried. */
const batchLimit = 1024;

/** A batch that was chosen, and what each that was tried is predicted to take. */
export interface BatchChoice {
  readonly batchCount: number;
  readonly figures: readonly BatchFigures[];
}

/**
 * Chooses the batch of a model for one sample by the objective's predicted figure for each inference: powers of two from 1
 * up to the last that fits, and half-way to the first that does not; 1 for the least latency, and of a model whose samples
 * cannot be told apart in a batch. Throws the errors of batch 1.
 */
export function chooseBatch(model: ImportedModel, chip: ChipTarget, options: CompileModelOptions): BatchChoice {
  const { objective = "latency" } = options;
  const figures: BatchFigures[] = [];
  const attempt = (batchCount: number): boolean => {
    const found = figuresOf(model, chip, options, batchCount);
    if (found !== null) figures.push(found);
    return found !== null && found.intervalCycles !== null;
  };
  attempt(1);
  if (objective !== "latency") {
    let last = 1;
    while (last < batchLimit && attempt(2 * last)) last *= 2;
    if (last > 1 && last < batchLimit) attempt((3 * last) / 2);
  }
  const worth = (each: BatchFigures): number => {
    const { intervalCycles, energyPerInferenceJoules } = each;
    if (intervalCycles === null) return Number.POSITIVE_INFINITY;
    if (objective === "latency" || objective === "throughput") return intervalCycles;
    const joules = energyPerInferenceJoules ?? Number.POSITIVE_INFINITY;
    return objective === "energy" ? joules : joules * intervalCycles;
  };
  const best = figures.reduce((least, each) => (worth(each) < worth(least) ? each : least));
  return { batchCount: best.batchCount, figures: figures.sort((a, b) => a.batchCount - b.batchCount) };
}

/** What a batch is predicted to take; null when none of that size can be made of the model. */
function figuresOf(
  model: ImportedModel,
  chip: ChipTarget,
  options: CompileModelOptions,
  batchCount: number,
): BatchFigures | null {
  try {
    const map = mapModel(batchModel(model, batchCount), chip, { ...options, batchCount });
    const inferenceCount = batchCount * (options.streamCount ?? 1);
    const cycles = map.predictedIntervalCycles / inferenceCount;
    const dynamicPj = map.predictedPj === null ? null : map.predictedPj / inferenceCount;
    const joules = dynamicPj === null ? null : (dynamicPj + cycles * staticPjPerCycle(chip)) * 1e-12;
    return { batchCount, intervalCycles: cycles, energyPerInferenceJoules: joules, peakBytes: map.peakBytes };
  } catch (error) {
    if (!(error instanceof BorealError) || batchCount === 1) throw error;
    const codes = new Set(error.problems.map(({ code }) => code));
    if (codes.size === 1 && codes.has("B603")) return null;
    if (codes.size !== 1 || !codes.has("B401")) throw error;
    return { batchCount, intervalCycles: null, energyPerInferenceJoules: null, peakBytes: null };
  }
}
