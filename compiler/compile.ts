import type { Graph } from "../ir/graph.ts";
import type { Mapping } from "../ir/mapping.ts";
import type { Program } from "../ir/program.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type ElementType, elementCount, isFloat } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type LayerWork, layerWork } from "./bound-work.ts";
import type { MapResult } from "./mapper/mapper.ts";
import { type Network, networkOf } from "./network.ts";
import { type PassRecord, type RunPassesOptions, runPasses } from "./passes/pass.ts";
import { chipPipeline, floatPipeline, hostPipeline } from "./passes/pipeline.ts";
import { placedProgram } from "./placed-program.ts";
import { type CalibrationMethod, defaultCalibrationMethod } from "./quantize/calibration-method.ts";
import { type PrecisionPlan, parsePrecision } from "./quantize/precision.ts";
import { type QuantizedFloat, quantizeFloat } from "./quantize/quantize-float.ts";
import { defaultQuantizer, type Quantizer } from "./quantize/quantizer.ts";
import { type State, separateStates } from "./states.ts";

/** How a graph is compiled. */
export interface CompileOptions {
  /** A precision rule, for example w8a8, or a plan read from a file. */
  readonly precision: string | PrecisionPlan;
  /** Inputs on which ranges are measured; null when only shapes matter. */
  readonly calibrationFrames: readonly ReadonlyMap<string, Tensor>[] | null;
  readonly calibrationMethod?: CalibrationMethod;
  /** What is done to keep near to the float graph; by default what `defaultQuantizer` says of the precision. */
  readonly quantizer?: Quantizer;
  /** Pins steps, and buffers if it has any. */
  readonly mapping?: Mapping;
  /** Leaves weights out of the program: for timing alone. */
  readonly shapesOnly?: boolean;
  /** Inferences that one run of the graph makes. */
  readonly batchCount?: number;
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
  readonly network: Network;
  readonly map: MapResult;
  readonly mapping: Mapping;
  readonly work: readonly LayerWork[];
  readonly program: Program;
  /** The bytes of weights and tables; null when weights are absent or left out. */
  readonly sidecar: Uint8Array | null;
}

/** Simplifies a float graph, measures ranges, quantizes, decomposes and fuses it. */
export function prepare(graph: Graph, options: CompileOptions): Prepared {
  const { precision: chosen } = options;
  const precision = typeof chosen === "string" ? parsePrecision(chosen) : chosen;
  const phase = options.onPhase ?? (() => undefined);
  phase("simplify");
  const float = runPasses(graph, floatPipeline, options.passes);
  const frames = options.calibrationFrames;
  const wideInputs = (options.states ?? []).map(({ input }) => input);
  const { records, ...quantized } = quantizeFloat(float.graph, {
    frames: frames === null || frames.length === 0 ? null : frames,
    precision,
    quantizer: options.quantizer ?? defaultQuantizer(precision),
    calibrationMethod: options.calibrationMethod ?? defaultCalibrationMethod,
    wideInputs,
    ...(options.passes === undefined ? {} : { passes: options.passes }),
    onPhase: phase,
  });
  const pipeline = options.hostOps === true ? hostPipeline : chipPipeline;
  const chip = runPasses(quantized.quantizedGraph, pipeline, options.passes);
  return {
    ...quantized,
    chipGraph: separateStates(chip.graph, options.states ?? []),
    records: [...float.records, ...records, ...chip.records],
  };
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

/** Compiles an imported graph for a chip. Throws B401 with a Misfit when it does not fit, and the errors of each phase. */
export function compile(graph: Graph, target: ChipTarget, options: CompileOptions): Compiled {
  const shapesOnly = options.shapesOnly === true || options.calibrationFrames === null;
  const prepared = prepare(shapesOnly ? withoutWeights(graph) : graph, options);
  const phase = options.onPhase ?? (() => undefined);
  const network = networkOf(prepared.chipGraph, options.states);
  const mapOptions = {
    ...(options.mapping === undefined ? {} : { mapping: options.mapping }),
    batchCount: options.batchCount ?? 1,
  };
  const emitOptions = {
    name: graph.name,
    modelElements: boundaryElements(graph),
    states: options.states ?? [],
    shapesOnly,
  };
  const { map, program, sidecar } = placedProgram(network, target, mapOptions, emitOptions, phase);
  return { ...prepared, network, map, mapping: map.mapping, work: layerWork(network), program, sidecar };
}

/** The element types that the model declares at its boundary. */
function boundaryElements(graph: Graph): Map<string, ElementType> {
  const elements = new Map<string, ElementType>(graph.inputs.map((input) => [input.name, input.type.element]));
  for (const node of graph.nodes) if (graph.outputs.includes(node.name)) elements.set(node.name, node.type.element);
  return elements;
}
