import { constantData, type Graph } from "../ir/graph.ts";
import type { Mapping } from "../ir/mapping.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import type { Program } from "../ir/program.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type ElementType, elementCount, isFloat } from "../ir/type.ts";
import type { ChipTarget } from "../targets/target.ts";
import { type LayerWork, layerWork } from "./bound-work.ts";
import { emitProgram } from "./emit/emitter.ts";
import { type MapResult, mapNetwork } from "./mapper/mapper.ts";
import { type Network, networkOf } from "./network.ts";
import { type PassRecord, type RunPassesOptions, runPasses } from "./passes/pass.ts";
import { chipPipeline, floatPipeline } from "./passes/pipeline.ts";
import { planNetwork } from "./plan.ts";
import { type Calibration, type CalibrationMethod, calibrate, defaultCalibrationMethod } from "./quantize/calibrate.ts";
import { parsePrecision, quantizeGraph } from "./quantize/quantize.ts";

/** How a graph is compiled. */
export interface CompileOptions {
  /** A precision rule, for example w8a8. */
  readonly precision: string;
  /** Inputs on which ranges are measured; null when only shapes matter. */
  readonly calibrationFrames: readonly ReadonlyMap<string, Tensor>[] | null;
  readonly calibrationMethod?: CalibrationMethod;
  /** Pins steps, and buffers if it has any. */
  readonly mapping?: Mapping;
  /** Leaves weights out of the program: for timing alone. */
  readonly shapesOnly?: boolean;
  /** Inferences that one run of the graph makes. */
  readonly batchCount?: number;
  readonly passes?: RunPassesOptions;
  /** Told the name of each phase as it begins. */
  readonly onPhase?: (phase: string) => void;
}

/** A graph in the formats of the chip, before it is mapped. */
export interface Prepared {
  /** Simplified, in floats: what the GPU baseline runs. */
  readonly floatGraph: Graph;
  /** Quantized and fused: what the chip computes exactly. */
  readonly chipGraph: Graph;
  readonly calibration: Calibration | null;
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
  const phase = options.onPhase ?? (() => undefined);
  phase("simplify");
  const float = runPasses(graph, floatPipeline, options.passes);
  phase("calibrate");
  const frames = options.calibrationFrames;
  const evaluated =
    frames === null || frames.length === 0
      ? null
      : { frames, contractor: makeWasmContractor(constantData(float.graph)) };
  const calibration =
    evaluated === null
      ? null
      : calibrate(float.graph, evaluated.frames, options.calibrationMethod ?? defaultCalibrationMethod, {
          contractor: evaluated.contractor,
        });
  phase("quantize");
  const quantized = quantizeGraph(float.graph, {
    ranges: calibration,
    ...parsePrecision(options.precision),
    ...(evaluated === null ? {} : { contractor: evaluated.contractor }),
  });
  const chip = runPasses(quantized, chipPipeline, options.passes);
  return {
    floatGraph: float.graph,
    chipGraph: chip.graph,
    calibration,
    records: [...float.records, ...chip.records],
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
  phase("map");
  const network = networkOf(prepared.chipGraph);
  const map = mapNetwork(network, target, {
    ...(options.mapping === undefined ? {} : { mapping: options.mapping }),
    batchCount: options.batchCount ?? 1,
  });
  phase("emit");
  const plan = planNetwork(network, map.mapping.steps, map.mapping.layouts, target);
  const { program, sidecar } = emitProgram(plan, map.mapping, {
    name: graph.name,
    modelElements: boundaryElements(graph),
    shapesOnly,
  });
  return { ...prepared, network, map, mapping: map.mapping, work: layerWork(network), program, sidecar };
}

/** The element types that the model declares at its boundary. */
function boundaryElements(graph: Graph): Map<string, ElementType> {
  const elements = new Map<string, ElementType>(graph.inputs.map((input) => [input.name, input.type.element]));
  for (const node of graph.nodes) if (graph.outputs.includes(node.name)) elements.set(node.name, node.type.element);
  return elements;
}
