import type { Graph } from "../ir/graph.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type ElementType, elementCount, isFloat } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type LayerWork, layerWork } from "./bound-work.ts";
import type { MapResult } from "./mapper/mapper.ts";
import type { Objective } from "./mapper/objective.ts";
import { type Network, networkOf } from "./network.ts";
import { type PassRecord, type RunPassesOptions, runPasses } from "./passes/pass.ts";
import { chipPipeline, floatPipeline, hostPipeline } from "./passes/pipeline.ts";
import { placedProgram } from "./placed-program.ts";
import { type CalibrationMethod, defaultCalibrationMethod } from "./quantize/calibration-method.ts";
import { type PrecisionPlan, parsePrecision } from "./quantize/precision.ts";
import { type CalibrationMemory, type QuantizedFloat, quantizeFloat } from "./quantize/quantize-float.ts";
import { defaultQuantizer, type Quantizer } from "./quantize/quantizer.ts";
import { type State, separateStates } from "./states.ts";
import { requireStreams, suffixesOf } from "./streams.ts";

/** How a graph is compiled. */
export interface CompileOptions {
  /** A precision rule, for example w8a8, or a plan read from a file. */
  readonly precision: string | PrecisionPlan;
  /** Inputs on which ranges are measured; null when only shapes matter. */
  readonly calibrationFrames: readonly ReadonlyMap<string, Tensor>[] | null;
  readonly calibrationMethod?: CalibrationMethod;
  /** What is done to keep near to the float graph; by default what `defaultQuantizer` says of the precision. */
  readonly quantizer?: Quantizer;
  /** What was measured on the frames at one precision, for others. */
  readonly calibrationMemory?: CalibrationMemory;
  /** Pins steps, and buffers if it has any. */
  readonly mapping?: Mapping;
  /** Leaves weights out of the program: for timing alone. */
  readonly shapesOnly?: boolean;
  /** Inferences that one run of the graph makes. */
  readonly batchCount?: number;
  /** Runs of the graph that one run of the program makes in turns; 1 by default. */
  readonly streamCount?: number;
  /** What the mapper makes small; latency by default. */
  readonly objective?: Objective;
  /** Inputs that stay on the chip from run to run. */
  readonly states?: readonly State[];
  /** Has the host compute what the chip has no instructions for, instead of refusing it. */
  readonly hostOps?: boolean;
  readonly passes?: RunPassesOptions;
  /** Told the name of each phase as it begins. */
  readonly onPhase?: (phase: string) => void;
}

/** A graph in the formats of the chip, before it is mapped. */
export interface Prepared extends Omit<QuantizedFloat, "records"> {
  /** Quantized and fused: what the chip computes exactly. */
  readonly chipGraph: Graph;
  readonly records: readonly PassRecord[];
}

/** Everything that compiling makes. */
export interface Compiled extends Prepared {
  /** Of all streams. */
  readonly network: Network;
  /** What stands behind the names of each stream's values and layers: nothing in the first. */
  readonly streamSuffixes: readonly string[];
  readonly map: MapResult;
  readonly mapping: Mapping;
  /** Of one stream. */
  readonly work: readonly LayerWork[];
  readonly program: Program;
  /** The bytes of weights and tables; null when weights are absent or left out. */
  readonly sidecar: Uint8Array | null;
}

/** Simplifies a float graph, measures ranges, quantizes, decomposes and fuses it. */
export function prepare(graph: Graph, options: CompileOptions): Prepared {
  return prepareSimplified(simplify(graph, options), options);
}

/** What simplifying gives: the part of `prepare` that no precision changes. */
export type Simplified = Pick<Prepared, "floatGraph" | "records">;

/** Simplifies an imported graph, in floats. */
export function simplify(graph: Graph, options: Pick<CompileOptions, "passes" | "onPhase"> = {}): Simplified {
  options.onPhase?.("simplify");
  const float = runPasses(graph, floatPipeline, options.passes);
  return { floatGraph: float.graph, records: float.records };
}

/** Measures ranges, quantizes, decomposes and fuses a simplified graph. */
export function prepareSimplified(simplified: Simplified, options: CompileOptions): Prepared {
  const { precision: chosen, calibrationFrames: frames } = options;
  const precision = typeof chosen === "string" ? parsePrecision(chosen) : chosen;
  const { records, ...quantized } = quantizeFloat(simplified.floatGraph, {
    frames: frames === null || frames.length === 0 ? null : frames,
    precision,
    quantizer: options.quantizer ?? defaultQuantizer(precision),
    calibrationMethod: options.calibrationMethod ?? defaultCalibrationMethod,
    wideInputs: (options.states ?? []).map(({ input }) => input),
    ...(options.calibrationMemory === undefined ? {} : { memory: options.calibrationMemory }),
    ...(options.passes === undefined ? {} : { passes: options.passes }),
    onPhase: options.onPhase ?? (() => undefined),
  });
  const chip = formLayers(quantized.quantizedGraph, options);
  return { ...quantized, chipGraph: chip.graph, records: [...simplified.records, ...records, ...chip.records] };
}

/** Takes the composites of a quantized graph apart, fuses its nodes into layers, and parts states from inputs. */
export function formLayers(
  quantizedGraph: Graph,
  options: Pick<CompileOptions, "hostOps" | "states" | "passes">,
): { readonly graph: Graph; readonly records: readonly PassRecord[] } {
  const pipeline = options.hostOps === true ? hostPipeline : chipPipeline;
  const { graph, records } = runPasses(quantizedGraph, pipeline, options.passes);
  return { graph: separateStates(graph, options.states ?? []), records };
}

/** A graph whose weights have shapes alone; small constants, which decide shapes and bounds, keep their numbers. */
export function withoutWeights(graph: Graph): Graph {
  const isWeight = ({ type, data }: Graph["constants"][number]): boolean =>
    data !== null && isFloat(type.element) && elementCount(type) > smallConstantElements;
  return {
    ...graph,
    constants: graph.constants.map((constant) =>
      isWeight(constant) ? { ...constant, data: null, source: "absent" } : constant,
    ),
  };
}

/** Constants up to this many elements are parameters rather than weights. */
const smallConstantElements = 16;

/** Compiles an imported graph for a chip. Throws B401 with a Misfit when it does not fit, B604 for streams that it cannot have, and the errors of each phase. */
export function compile(graph: Graph, target: ChipTarget, options: CompileOptions): Compiled {
  requireStreams(options.streamCount ?? 1, options.states?.length ?? 0);
  const shapesOnly = options.shapesOnly === true || options.calibrationFrames === null;
  const prepared = prepare(shapesOnly ? withoutWeights(graph) : graph, options);
  return { ...prepared, ...place(prepared.chipGraph, graph, target, { ...options, shapesOnly }) };
}

/** What mapping and emitting make. */
export type Placed = Omit<Compiled, keyof Prepared>;

/** Maps the layers that an imported graph became, and writes their program. Throws as `compile` does. */
export function place(
  chipGraph: Graph,
  graph: Graph,
  target: ChipTarget,
  options: Pick<
    CompileOptions,
    "states" | "mapping" | "batchCount" | "streamCount" | "objective" | "shapesOnly" | "onPhase"
  >,
): Placed {
  const { streamCount = 1, batchCount = 1 } = options;
  const network = networkOf(chipGraph, options.states);
  const streamSuffixes = suffixesOf(network, streamCount);
  const mapOptions = {
    ...(options.mapping === undefined ? {} : { mapping: options.mapping }),
    batchCount: batchCount * streamCount,
    streamCount,
    ...(options.objective === undefined ? {} : { objective: options.objective }),
  };
  const emitOptions = {
    name: graph.name,
    modelElements: boundaryElements(graph, streamSuffixes),
    states: options.states ?? [],
    shapesOnly: options.shapesOnly === true,
  };
  const { map, program, sidecar } = placedProgram(network, target, mapOptions, emitOptions, options.onPhase);
  const { network: mapped } = map.plan;
  return { network: mapped, streamSuffixes, map, mapping: map.mapping, work: layerWork(network), program, sidecar };
}

/** The element types that the model declares at its boundary, of every stream. */
function boundaryElements(graph: Graph, suffixes: readonly string[]): Map<string, ElementType> {
  const outputs = graph.nodes.filter(({ name }) => graph.outputs.includes(name));
  return new Map(
    suffixes.flatMap((suffix) =>
      [...graph.inputs, ...outputs].map(({ name, type }): [string, ElementType] => [`${name}${suffix}`, type.element]),
    ),
  );
}
