import { type Prepared, prepare } from "../compiler/compile.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import { writeModel } from "../compiler/onnx/write-model.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import {
  type CalibrationMethod,
  defaultCalibrationMethod,
  formatCalibrationMethod,
} from "../compiler/quantize/calibration-method.ts";
import { macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { type PrecisionPlan, parsePrecision } from "../compiler/quantize/precision.ts";
import { defaultQuantizer, formatQuantizer, plainQuantizer, type Quantizer } from "../compiler/quantize/quantizer.ts";
import { storedTensor } from "../compiler/quantize/stored-tensor.ts";
import type { RoundedLayer } from "../compiler/quantize/weight-rounder.ts";
import { quantizedModel } from "../compiler/quantize/write-quantized.ts";
import type { Contractor } from "../ir/contractor.ts";
import { evaluate } from "../ir/evaluate.ts";
import { constantData, constantsByName, type Graph, type Node, valueTypes } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { operatorOf } from "../ir/ops/index.ts";
import type { Tensor } from "../ir/tensor.ts";
import { elementCount, integerRange, packedBytes, type TensorType } from "../ir/type.ts";
import type { QuantizedLayer, QuantizeResult } from "../report/quantize-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import { defaultPrecision } from "./compile.ts";
import type { Frame } from "./inputs.ts";
import { noProgress, type OnProgress } from "./progress.ts";
import { provenance } from "./provenance.ts";
import { modelWarnings, summarizeModel, worstLayer } from "./run.ts";
import { chooseSamples, type Samples } from "./samples.ts";
import { normalizationWarnings } from "./warnings.ts";

/** How a model is quantized without being mapped. */
export interface QuantizeOptions {
  readonly model: ImportedModel;
  /** A rule such as w4a8, or a plan read from a file. */
  readonly precision?: string | PrecisionPlan;
  readonly calibrationMethod?: CalibrationMethod;
  readonly quantizer?: Quantizer;
  /** Samples that accuracy is measured on; seeded random ones by default. */
  readonly inputs?: Samples;
  readonly calibration?: readonly Frame[];
  readonly seed?: number;
  /** Measures what each step of the quantizer adds. */
  readonly explain?: boolean;
  readonly onProgress?: OnProgress;
}

/** A quantized model, and how near it is to f32. */
export interface Quantization {
  readonly result: QuantizeResult;
  readonly prepared: Prepared;
}

/** Quantizes a model and measures it on samples. Throws B801 and B802 for calibration and precision. */
export function quantizeAndMeasure(options: QuantizeOptions): Quantization {
  const { model, calibrationMethod = defaultCalibrationMethod } = options;
  const onProgress = options.onProgress ?? noProgress;
  const chosen = options.precision ?? defaultPrecision;
  const precision = typeof chosen === "string" ? parsePrecision(chosen) : chosen;
  const quantizer = options.quantizer ?? defaultQuantizer(precision);
  const samples = chooseSamples(model.graph, {
    seed: options.seed ?? 0,
    ...(options.inputs === undefined ? {} : { inputs: options.inputs }),
    ...(options.calibration === undefined ? {} : { calibration: options.calibration }),
  });
  const frames = [...samples.inputs.frames];
  const prepareWith = (chosen: Quantizer): Prepared => {
    onProgress({ phase: `quantize: ${formatQuantizer(chosen)}`, fraction: null });
    return prepare(model.graph, {
      precision,
      calibrationFrames: samples.calibration,
      calibrationMethod,
      quantizer: chosen,
    });
  };
  const prepared = prepareWith(quantizer);
  const measured = measure(prepared, frames);
  const steps =
    options.explain !== true
      ? []
      : prefixes(quantizer).map((chosen) => {
          const found =
            formatQuantizer(chosen) === formatQuantizer(quantizer) ? measured : measure(prepareWith(chosen), frames);
          return { quantizer: formatQuantizer(chosen), sqnrDb: finiteRatio(found.outputs) };
        });
  const layers = layersOf(prepared, measured);
  const layerRatios = new Map(layers.flatMap(({ name, sqnrDb }) => (sqnrDb === null ? [] : [[name, sqnrDb] as const])));
  const result: QuantizeResult = {
    schemaVersion,
    kind: "quantization",
    model: summarizeModel(model),
    precision: precision.name,
    calibration: { method: formatCalibrationMethod(calibrationMethod), sampleCount: samples.calibration.length },
    quantizer: { asked: formatQuantizer(quantizer), used: formatQuantizer(prepared.quantizer) },
    accuracy: {
      sqnrDb: finiteRatio(measured.outputs),
      inputs: samples.inputs.description,
      sampleCount: frames.length,
      worstLayer: worstLayer(layerRatios),
      macCountByPrecision: macCountByPrecision(prepared.quantizedGraph),
    },
    steps,
    layers,
    files: [],
    warnings: [...modelWarnings(model), ...samples.warnings, ...normalizationWarnings(prepared.normalizations)],
    provenance: provenance("quantize-result"),
  };
  return { result, prepared };
}

/** A quantized model as an ONNX file with QuantizeLinear and DequantizeLinear. Throws B805 for what ONNX cannot say. */
export function writeQuantized({ quantizedGraph }: Pick<Prepared, "quantizedGraph">): Uint8Array {
  return writeModel(quantizedModel(quantizedGraph));
}

/** Quantizers with ever more of the steps: rounding to nearest first. */
function prefixes(quantizer: Quantizer): Quantizer[] {
  const { perTensor, symmetric } = quantizer;
  const first: Quantizer = { ...plainQuantizer, perTensor, symmetric, rounding: "nearest" };
  const parts: readonly Partial<Quantizer>[] = [
    ...(quantizer.equalize ? [{ equalize: true }] : []),
    ...(quantizer.smooth === null ? [] : [{ smooth: quantizer.smooth }]),
    ...(quantizer.normalize ? [{ normalize: true }] : []),
    ...(quantizer.correctBiases ? [{ correctBiases: true }] : []),
    ...(quantizer.rounding === "nearest" ? [] : [{ rounding: quantizer.rounding }]),
  ];
  return [first, ...parts.map((_, last): Quantizer => Object.assign({}, first, ...parts.slice(0, last + 1)))];
}

/** What samples show of a quantized model. */
interface Measured {
  readonly outputs: readonly Energies[];
  /** By value that both graphs have: signal and error. */
  readonly values: ReadonlyMap<string, Energies>;
  /** By float value that contractions read: how many numbers lie outside what is stored, and how many there are. */
  readonly clipped: ReadonlyMap<string, { readonly outside: number; readonly count: number }>;
}

function measure({ floatGraph, quantizedGraph }: Prepared, frames: readonly Frame[]): Measured {
  const contractor = makeWasmContractor([floatGraph, quantizedGraph].flatMap(constantData));
  const contractions = new Set(contractionsOf(quantizedGraph).map(({ result }) => result));
  const ranges = storedRanges(floatGraph, quantizedGraph);
  const outputs: Energies[] = [];
  const values = new Map<string, Energies>();
  const clipped = new Map<string, { outside: number; count: number }>();
  for (const frame of frames) {
    const kept = new Map<string, Tensor>();
    const wanted = evaluate(floatGraph, frame, {
      contractor,
      observe: (name, value) => {
        if (contractions.has(name)) kept.set(name, value);
        const range = ranges.get(name);
        if (range === undefined) return;
        const seen = clipped.get(name) ?? { outside: 0, count: 0 };
        const numbers = realNumbers(value);
        for (let index = 0; index < numbers.length; index += 1) {
          const number = numbers[index] as number;
          if (number < range.low || number > range.high) seen.outside += 1;
        }
        clipped.set(name, { outside: seen.outside, count: seen.count + numbers.length });
      },
    });
    const found = exactAnswer(quantizedGraph, frame, contractor, (name, value) => {
      const reference = kept.get(name);
      if (reference === undefined || reference.data.length !== value.data.length) return;
      const sum = values.get(name) ?? { signal: 0, error: 0 };
      const { signal, error } = energiesOf(realNumbers(reference), realNumbers(value));
      values.set(name, { signal: sum.signal + signal, error: sum.error + error });
    });
    floatGraph.outputs.forEach((output, index) => {
      const [left, right] = [wanted.get(output), found.get(quantizedGraph.outputs[index] ?? "")];
      if (left !== undefined && right !== undefined) outputs.push(energiesOf(realNumbers(left), realNumbers(right)));
    });
  }
  return { outputs, values, clipped };
}

function exactAnswer(
  graph: Graph,
  frame: Frame,
  contractor: Contractor,
  observe: (name: string, value: Tensor) => void,
): Map<string, Tensor> {
  const inputs = graph.inputs.map(({ name, type }) => [name, storedTensor(frame.get(name) as Tensor, type)] as const);
  return evaluate(graph, new Map(inputs), { contractor, observe });
}

function finiteRatio(energies: readonly Energies[]): number | null {
  return ratioOrNull(pooledSqnrDb(energies));
}

function ratioOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The contractions of a quantized graph, with the name that their result has in the float graph. */
function contractionsOf(graph: Graph): { readonly node: Node; readonly result: string }[] {
  return graph.nodes
    .filter((node) => operatorOf(node.op).runsOn === "matrix")
    .map((node) => ({ node, result: node.name.replace(/\.sum$/, "") }));
}

/** By float value that a contraction reads: what its stored integers reach. */
function storedRanges(float: Graph, quantized: Graph): Map<string, { readonly low: number; readonly high: number }> {
  const floats = new Map(float.nodes.map((node) => [node.name, node]));
  const types = valueTypes(quantized);
  const ranges = new Map<string, { readonly low: number; readonly high: number }>();
  for (const { node, result } of contractionsOf(quantized)) {
    const name = floats.get(result)?.operands[0];
    const range = storedRange(types.get(node.operands[0] ?? ""));
    if (name != null && range !== null) ranges.set(name, range);
  }
  return ranges;
}

function storedRange(
  type: TensorType | undefined,
): { readonly low: number; readonly high: number; readonly scale: number; readonly zero: number } | null {
  if (type?.quantization == null) return null;
  const [scale = 1, zero = 0] = [type.quantization.scales[0], type.quantization.zeros[0]];
  const { low, high } = integerRange(type.element);
  return { low: scale * (low - zero), high: scale * (high - zero), scale, zero };
}

function layersOf({ floatGraph, quantizedGraph, roundings }: Prepared, measured: Measured): QuantizedLayer[] {
  const types = valueTypes(quantizedGraph);
  const constants = constantsByName(quantizedGraph);
  const floats = new Map(floatGraph.nodes.map((node) => [node.name, node]));
  const roundingOf = new Map(roundings.flatMap((layer) => layer.contractions.map((name) => [name, layer] as const)));
  return contractionsOf(quantizedGraph).flatMap(({ node, result }): QuantizedLayer[] => {
    const [x = "", w = ""] = node.operands as readonly string[];
    const range = storedRange(types.get(x));
    if (range === null) return [];
    const [[precision, macCount] = ["unknown", 0]] = Object.entries(
      macCountByPrecision({ ...quantizedGraph, nodes: quantizedGraph.nodes.filter((each) => isNeeded(each, node)) }),
    );
    const weights = constants.get(w);
    const bytes = weights === undefined ? null : packedBytes(weights.type.element, elementCount(weights.type));
    const name = floats.get(result)?.operands[0] ?? x;
    const clipped = measured.clipped.get(name);
    const energies = measured.values.get(result);
    return [
      {
        name: result,
        operator: node.op,
        precision,
        macCount,
        weightBytes: bytes,
        weightBytesSaved: weights === undefined || bytes === null ? null : elementCount(weights.type) - bytes,
        activation: {
          name,
          ...range,
          clippedShare: clipped === undefined ? null : clipped.outside / Math.max(1, clipped.count),
        },
        sqnrDb: energies === undefined ? null : finiteRatio([energies]),
        rounding: roundingFigures(roundingOf.get(result)),
      },
    ];
  });

  function isNeeded(each: Node, node: Node): boolean {
    return each === node || operatorOf(each.op).runsOn !== "matrix";
  }
}

function roundingFigures(layer: RoundedLayer | undefined): QuantizedLayer["rounding"] {
  if (layer === undefined) return null;
  const { recipe, signalEnergy, nearestErrorEnergy, errorEnergy } = layer;
  const ratio = (error: number): number | null => ratioOrNull(10 * Math.log10(signalEnergy / error));
  return { recipe, nearestSqnrDb: ratio(nearestErrorEnergy), sqnrDb: ratio(errorEnergy) };
}
