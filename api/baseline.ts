import { readFileSync } from "node:fs";
import { z } from "zod";
import { BorealError, problem } from "../base/errors.ts";
import { gpuWork } from "../compiler/gpu-work.ts";
import type { State } from "../compiler/states.ts";
import type { Graph } from "../ir/graph.ts";
import { type Baseline, baselineSchema } from "../report/baseline-schema.ts";
import type { Warning } from "../report/figures-schema.ts";
import { bestBatch, bestLatency, type GpuFigures, type GpuResult } from "../runtime-sim/gpu/simulate.ts";
import { defaultGpuNames } from "../targets/defaults.ts";
import type { GpuPrecision } from "../targets/gpu-target.ts";
import { loadGpu } from "../targets/load.ts";
import { warning } from "./warnings.ts";

/** Number formats among which a GPU runs in the better one: those that its users choose for inference. */
const precisions: readonly GpuPrecision[] = ["int8", "fp16"];

/** GPUs to compare with: names or YAML files of GPU targets, or JSON files of measured or published figures. */
export interface BaselineOptions {
  readonly baselines?: readonly string[];
  /** Inferences that one run of the graph makes. */
  readonly batchCount?: number;
  /** Runs of the graph that are answered together: the latency is that of all of them. */
  readonly streamCount?: number;
  /** Inputs that stay in the GPU's memory, as their next values do. */
  readonly states?: readonly State[];
}

/**
 * What GPUs make of a float graph: each at the batch of the chip, in the quicker of int8 and fp16, and at its best batch. A GPU whose
 * memory the network exceeds is left out with a warning. Throws B301–B303 for targets and files that cannot be read.
 */
export function gpuBaselines(
  floatGraph: Graph,
  options: BaselineOptions = {},
): { readonly baselines: readonly Baseline[]; readonly warnings: readonly Warning[] } {
  const names = options.baselines ?? defaultGpuNames;
  const warnings: Warning[] = [];
  const modelled = names.filter((name) => !name.endsWith(".json"));
  const work = modelled.length === 0 ? null : gpuWork(floatGraph, options.states);
  const baselines = names.flatMap((name) => {
    if (name.endsWith(".json") || work === null) return readFigures(name);
    const gpu = loadGpu(name);
    try {
      const runs = [bestLatency(work, gpu, precisions, options.streamCount), bestBatch(work, gpu, precisions)];
      const [first, best] = runs as [GpuResult, GpuResult];
      const same = first.batchCount === best.batchCount && first.precision === best.precision;
      return (same ? [first] : [first, best]).map((run) => baselineOf(run, options.batchCount ?? 1));
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      warnings.push(warning("W301", error.problems.map(({ message }) => message).join(" ")));
      return [];
    }
  });
  return { baselines, warnings };
}

function baselineOf(run: GpuResult, inferences: number): Baseline {
  const figures = (each: GpuFigures): GpuFigures => ({
    latencySeconds: each.latencySeconds,
    throughputPerSecond: each.throughputPerSecond * inferences,
    energyPerInferenceJoules: each.energyPerInferenceJoules / inferences,
    powerWatts: each.powerWatts,
  });
  return {
    name: run.name,
    source: "modelled",
    batchCount: run.batchCount * inferences,
    precision: run.precision,
    ...figures(run),
    withHost: figures(run.withHost),
  };
}

const fileSchema = z.array(baselineSchema);

/** Figures that were measured or published, from a JSON file: a list of baselines as a result holds them. */
function readFigures(path: string): readonly Baseline[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw problem("B301", `The baseline file cannot be read: ${(error as Error).message}.`, { file: path });
  }
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new BorealError(
    parsed.error.issues.map((issue) => ({
      code: "B302",
      message: `${issue.message}.`,
      at: { file: path, path: issue.path.join(".") },
      hint: "A baseline file is a list of baselines as `boreal run --json` prints them.",
    })),
  );
}
