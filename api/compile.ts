import { type Compiled, compile, type Prepared, prepare, withoutWeights } from "../compiler/compile.ts";
import type { MapResult } from "../compiler/mapper/mapper.ts";
import type { Objective } from "../compiler/mapper/objective.ts";
import { mapStreams } from "../compiler/mapper/stream-mapping.ts";
import { networkOf } from "../compiler/network.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { RunPassesOptions } from "../compiler/passes/pass.ts";
import type { CalibrationMethod } from "../compiler/quantize/calibration-method.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { Quantizer } from "../compiler/quantize/quantizer.ts";
import type { State } from "../compiler/states.ts";
import { requireStreams } from "../compiler/streams.ts";
import type { Graph } from "../ir/graph.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { ElementType } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { batchModel } from "./batched-model.ts";
import type { Frame } from "./inputs.ts";
import { noProgress, type OnProgress } from "./progress.ts";

/** The precision that models run at when none is chosen. */
export const defaultPrecision = "w8a8";

/** What a result says of the precision. */
export function precisionName(precision: string | PrecisionPlan = defaultPrecision): string {
  return typeof precision === "string" ? precision : precision.name;
}

/** How a model is compiled. */
export interface CompileModelOptions {
  /** A rule such as w4a8, or a plan read from a file. */
  readonly precision?: string | PrecisionPlan;
  /** Samples on which ranges are measured; without them shapes alone are compiled. */
  readonly calibration?: readonly Frame[];
  readonly calibrationMethod?: CalibrationMethod;
  /** What keeps the quantized model near to f32; by default what suits the precision. */
  readonly quantizer?: Quantizer;
  /** Choices to keep: steps that it has are not searched. */
  readonly mapping?: Mapping;
  /** Inferences that one run of the graph makes: the first axis of every input, or one that is made of an axis of size 1. */
  readonly batchCount?: number;
  /** Such batches that one run of the program computes, 1 or 2, their layers in turns; 1 by default. */
  readonly streamCount?: number;
  /** What the mapper makes small; latency by default. */
  readonly objective?: Objective;
  /** Inputs that stay on the chip from run to run. */
  readonly states?: readonly State[];
  /** Has the host compute what the chip has no instructions for, instead of refusing it with B404. */
  readonly hostOps?: boolean;
  readonly passes?: RunPassesOptions;
  readonly onProgress?: OnProgress;
}

/**
 * Compiles a model for a chip. Without calibration samples the program has no weights: timing alone. Throws B401 with a
 * Misfit when it does not fit, B402–B404 for mappings and nodes that cannot run, B601 and B603 when the
 * model cannot have that batch, B604 when it cannot have so many streams, B801 and B802 for calibration and precision.
 */
export function compileModel(model: ImportedModel, chip: ChipTarget, options: CompileModelOptions = {}): Compiled {
  const batchCount = options.batchCount ?? 1;
  return compile(batchModel(model, options.batchCount).graph, chip, {
    precision: options.precision ?? defaultPrecision,
    calibrationFrames: options.calibration ?? null,
    batchCount,
    ...(options.streamCount === undefined ? {} : { streamCount: options.streamCount }),
    onPhase: phases(options.onProgress),
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.mapping === undefined ? {} : { mapping: options.mapping }),
    ...(options.states === undefined ? {} : { states: options.states }),
    ...(options.hostOps === undefined ? {} : { hostOps: options.hostOps }),
    ...(options.passes === undefined ? {} : { passes: options.passes }),
    ...(options.calibrationMethod === undefined ? {} : { calibrationMethod: options.calibrationMethod }),
    ...(options.quantizer === undefined ? {} : { quantizer: options.quantizer }),
  });
}

/** Maps a model by its shapes alone, without writing a program: enough to predict its time. */
export function mapModel(model: ImportedModel, chip: ChipTarget, options: CompileModelOptions): MapResult {
  const { calibration: _frames, passes: _passes, ...plain } = options;
  const { batchCount = 1, streamCount = 1 } = options;
  requireStreams(streamCount, options.states?.length ?? 0);
  const prepared = quantizeModel({ ...model, graph: withoutWeights(model.graph) }, plain);
  return mapStreams(networkOf(prepared.chipGraph, options.states), chip, {
    batchCount: batchCount * streamCount,
    streamCount,
    ...(options.objective === undefined ? {} : { objective: options.objective }),
  });
}

/** Simplifies and quantizes a model without mapping it: enough for its exact answers. */
export function quantizeModel(model: ImportedModel, options: Omit<CompileModelOptions, "mapping">): Prepared {
  return prepare(model.graph, {
    precision: options.precision ?? defaultPrecision,
    calibrationFrames: options.calibration ?? null,
    onPhase: phases(options.onProgress),
    ...(options.states === undefined ? {} : { states: options.states }),
    ...(options.hostOps === undefined ? {} : { hostOps: options.hostOps }),
    ...(options.passes === undefined ? {} : { passes: options.passes }),
    ...(options.calibrationMethod === undefined ? {} : { calibrationMethod: options.calibrationMethod }),
    ...(options.quantizer === undefined ? {} : { quantizer: options.quantizer }),
  });
}

function phases(onProgress: OnProgress = noProgress): (phase: string) => void {
  return (phase) => onProgress({ phase, fraction: null });
}

/** Element types that the model declares for its inputs, by name. */
export function inputElements(graph: Graph): Map<string, ElementType> {
  return new Map(graph.inputs.map(({ name, type }) => [name, type.element]));
}
