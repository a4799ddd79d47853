/**
 * Boreal's programming interface: import a model, compile it for a chip, and ask what the chip answers, how long it takes
 * and what energy it uses. Verbs take and give plain values; none prints or exits; errors are `BorealError`s.
 */

export { evaluateExact, evaluateModel, toModelTypes } from "./api/answers.ts";
export { gpuBaselines } from "./api/baseline.ts";
export { fromBoundary, toBoundary } from "./api/boundary.ts";
export { type CompileModelOptions, compileModel, inputElements, quantizeModel } from "./api/compile.ts";
export {
  type Comparison,
  type ConformanceOptions,
  compareTensors,
  runConformance,
  runnerTolerance,
  type Tolerance,
} from "./api/conformance.ts";
export {
  type AccuracyBudget,
  type ComparedAnswer,
  type ErrorMeter,
  type ErrorMetric,
  forecastChangeMetric,
  forecastErrorMetric,
  parseAccuracyBudget,
} from "./api/error-metric.ts";
export { type Answered, type AnswerOptions, answerModel } from "./api/evaluation.ts";
export { executeFunctional, type LoadedChip, programInputs } from "./api/execution.ts";
export { baselineWarnings, ForecastScores } from "./api/forecast-scores.ts";
export { type ImportReportOptions, reportImport } from "./api/import-report.ts";
export { type Frame, type InputDeclaration, randomFrames, readInputs } from "./api/inputs.ts";
export {
  type ConvLayer,
  type GemmLayer,
  type LayerDescription,
  parseConv,
  parseGemm,
} from "./api/layer-description.ts";
export { layerModel } from "./api/layer-model.ts";
export { importModel } from "./api/model.ts";
export {
  type PrecisionSearch,
  type PrecisionSearchOptions,
  searchPrecision,
  searchQuantizer,
} from "./api/precision-search.ts";
export { type ProgramFile, readProgram, simulateProgramFile } from "./api/program-file.ts";
export { noProgress, type OnProgress, type ProgressEvent } from "./api/progress.ts";
export { type Quantization, type QuantizeOptions, quantizeAndMeasure, writeQuantized } from "./api/quantize.ts";
export { type Answer, type Run, type RunOptions, runModel, withForecast } from "./api/run.ts";
export { chooseSamples, type Samples } from "./api/samples.ts";
export { type SensitivityOptions, sensitivityOf } from "./api/sensitivity.ts";
export { type Simulation, simulateProgram } from "./api/simulation.ts";
export { type ChosenStates, chooseStates, completeSamples, type StateChoice } from "./api/states.ts";
export { type ChosenTarget, chooseTarget } from "./api/target.ts";
export { type WarningCode, warning } from "./api/warnings.ts";
export { BorealError, formatProblem, type Location, type Problem } from "./base/errors.ts";
export { makeRandom, type Random } from "./base/random.ts";
export type { Compiled, Prepared } from "./compiler/compile.ts";
export { parseMapping, printMapping } from "./compiler/mapper/mapping-file.ts";
export type { ImportedModel } from "./compiler/onnx/importer.ts";
export {
  type WrittenModel,
  type WrittenNode,
  type WrittenValue,
  writeModel,
  writeModelWithExternalData,
} from "./compiler/onnx/write-model.ts";
export { type CalibrationMethod, parseCalibrationMethod } from "./compiler/quantize/calibration-method.ts";
export {
  type Precision,
  type PrecisionPlan,
  parsePrecision,
  parsePrecisionFile,
  precisionRules,
  printPrecisionFile,
} from "./compiler/quantize/precision.ts";
export { parseQuantizer, type Quantizer } from "./compiler/quantize/quantizer.ts";
export type { Graph } from "./ir/graph.ts";
export { parseGraph, printGraph } from "./ir/graph-text.ts";
export type { Mapping } from "./ir/mapping.ts";
export type { Program } from "./ir/program.ts";
export { parseProgram, printProgram } from "./ir/program-text.ts";
export { f32Tensor, i64Tensor, makeTensor, type Tensor } from "./ir/tensor.ts";
export { type ElementType, elementCount, type TensorType, tensorType } from "./ir/type.ts";
export * from "./recordings/forecast.ts";
export { formatNpy, parseNpy } from "./recordings/npy.ts";
export type { Recording, RecordingProvenance } from "./recordings/recording.ts";
export { type ChannelScale, type ScaledRecording, scaleChannels } from "./recordings/scale-channels.ts";
export { readSuite2p, type Suite2pRecording, type Suite2pTraces } from "./recordings/suite2p.ts";
export { makePopulation, type PopulationOptions } from "./recordings/synthetic-population.ts";
export type { Baseline } from "./report/baseline-schema.ts";
export { printCsv } from "./report/csv.ts";
export type { Warning } from "./report/figures-schema.ts";
export { frontSvg, printFrontCsv } from "./report/precision-front.ts";
export type { PrecisionPoint, PrecisionSearchResult } from "./report/precision-search-schema.ts";
export type { AnswerResult, ForecastResult, RunResult, SimulationResult } from "./report/schemas.ts";
export { printRun } from "./report/text.ts";
export { type Trace, type TraceEvent, traceEvents } from "./runtime-sim/trace.ts";
export { chromeTrace } from "./runtime-sim/trace-chrome.ts";
export { listTargets, loadChip, loadGpu, loadTarget } from "./targets/load.ts";
export { printTarget } from "./targets/print.ts";
export type { ChipTarget } from "./targets/target.ts";
