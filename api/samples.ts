import { problem } from "../base/errors.ts";
import { clamp, sum } from "../base/math.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import type { State } from "../compiler/states.ts";
import type { Graph } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Warning } from "../report/figures-schema.ts";
import type { InputsSummary } from "../report/schemas.ts";
import { type Frame, randomFrames } from "./inputs.ts";
import { completeSamples, openInputs } from "./states.ts";
import { warning } from "./warnings.ts";

/** Samples that answers are computed for. */
export interface Samples {
  readonly frames: Iterable<Frame>;
  readonly count: number;
  /** What they are, for reports. */
  readonly description: string;
}

/** Samples to answer and samples to calibrate on, and what a result says of them. */
export interface ChosenSamples {
  readonly inputs: Samples;
  readonly calibration: readonly Frame[];
  readonly summary: InputsSummary;
  readonly warnings: readonly Warning[];
}

/** What the user gave; what is absent is drawn at random. */
export interface SampleOptions {
  readonly inputs?: Samples;
  readonly calibration?: readonly Frame[];
  readonly seed: number;
  /** Inputs that stay on the chip: samples do not give them. */
  readonly states?: readonly State[];
}

/** Random samples are drawn until they would take more than these multiply-accumulates, but at least one. */
const drawn = {
  inputs: { most: 4, macs: 8e9 },
  calibration: { most: 16, macs: 12e9 },
} as const;

/** The first calibration sample of a seed, far from those that are answered. */
const firstCalibrationSample = 2 ** 20;

function drawnCount(kind: keyof typeof drawn, macCount: number): number {
  return clamp(Math.floor(drawn[kind].macs / Math.max(1, macCount)), 1, drawn[kind].most);
}

/** The unpadded multiply-accumulates of one run of a graph. */
export function macCountOf(graph: Graph): number {
  return sum(Object.values(macCountByPrecision(graph)));
}

/**
 * The samples of a run: those given, or seeded random ones (4 to answer and 16 others to calibrate on, fewer for large
 * networks); those to calibrate on are completed by the states that the f32 model has. Without calibration samples, given inputs are calibrated on themselves, with a warning. Throws B702 when
 * given inputs hold no sample.
 */
export function chooseSamples(graph: Graph, options: SampleOptions): ChosenSamples {
  const { seed, states = [] } = options;
  const open = openInputs(graph, states);
  const macCount = macCountOf(graph);
  const warnings: Warning[] = [];
  const count = drawnCount("inputs", macCount);
  const inputs = options.inputs ?? {
    frames: [...randomFrames(open, count, seed)],
    count,
    description: `${count} seeded random sample${count === 1 ? "" : "s"} (seed ${seed})`,
  };
  if (inputs.count === 0) throw problem("B702", "The inputs hold no sample, expected at least one.");
  if (options.inputs === undefined) warnings.push(warning("W201", "Inputs are seeded random numbers, not data."));
  const origin = options.calibration !== undefined ? "given" : options.inputs === undefined ? "random" : "inputs";
  let calibration = options.calibration ?? [];
  if (origin === "random") {
    const calibrationCount = drawnCount("calibration", macCount);
    calibration = [...randomFrames(open, calibrationCount, seed, firstCalibrationSample)];
    warnings.push(warning("W202", `Ranges were calibrated on ${calibrationCount} other seeded random samples.`));
  } else if (origin === "inputs") {
    calibration = [...inputs.frames];
    warnings.push(warning("W203", "Ranges were calibrated on the inputs themselves, so accuracy is flattered."));
  }
  return {
    inputs,
    calibration: completeSamples(graph, states, calibration, makeWasmContractor()),
    summary: {
      origin: options.inputs === undefined ? "random" : "given",
      description: inputs.description,
      sampleCount: inputs.count,
      calibrationOrigin: origin,
      calibrationCount: calibration.length,
    },
    warnings,
  };
}

/** What a result says of the samples of a run that computes no answers. */
export const noSamples: InputsSummary = {
  origin: "none",
  description: "none: timing only",
  sampleCount: 0,
  calibrationOrigin: "none",
  calibrationCount: 0,
};
