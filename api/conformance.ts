import { BorealError } from "../base/errors.ts";
import { compile } from "../compiler/compile.ts";
import { widenHalves } from "../compiler/passes/widen-halves.ts";
import { valueTypes } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import { type ElementType, formatType, isFloat, sameNumbers } from "../ir/type.ts";
import type { ConformanceCase, ConformanceResult } from "../report/conformance-schema.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { ChipTarget } from "../targets/target.ts";
import { evaluateExact, evaluateModel, toModelTypes } from "./answers.ts";
import { firstDifference } from "./boundary.ts";
import { defaultPrecision, inputElements } from "./compile.ts";
import {
  type CaseData,
  caseFolders,
  caseOperators,
  type ImportedCase,
  importCase,
  readCaseData,
} from "./conformance-case.ts";
import { executeFunctional } from "./execution.ts";
import type { Frame } from "./inputs.ts";
import { noProgress, type OnProgress } from "./progress.ts";
import { provenance } from "./provenance.ts";

/** How near a result must be: |found − wanted| ≤ absolute + relative·|wanted|. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** The tolerance of the ONNX project's own runner. */
export const runnerTolerance: Tolerance = { relative: 1e-3, absolute: 1e-7 };

/** How a suite is run. */
export interface ConformanceOptions {
  /**
   * `evaluate`: f32 answers against the case's outputs. `functional`: the chip's answers against the exact evaluation of
   * the quantized graph, bit for bit; ranges are measured on the case's own inputs.
   */
  readonly executor: "evaluate" | "functional";
  readonly chip: ChipTarget;
  readonly tolerance?: Tolerance;
  /** Has the host run what the chip cannot, instead of refusing the case. */
  readonly hostOps?: boolean;
  /** Told the outputs of each case's first data set, in the model's order and element types. */
  readonly onOutputs?: (name: string, outputs: readonly Tensor[]) => void;
  readonly onProgress?: OnProgress;
}

/** How far a result is from the wanted one. */
export interface Comparison {
  /** What is wrong, with the first element that is; null when the result agrees. */
  readonly message: string | null;
  /** The largest |found − wanted|; null where shapes or types differ or an element is not finite on one side alone. */
  readonly largestError: number | null;
}

/** Compares a result: shape and element type the same, NaN equal to NaN, integers and truth values equal. */
export function compareTensors(found: Tensor, wanted: Tensor, tolerance: Tolerance): Comparison {
  if (found.type.element !== wanted.type.element || !sameNumbers(found.type.shape, wanted.type.shape)) {
    return { message: `found ${formatType(found.type)}, wanted ${formatType(wanted.type)}`, largestError: null };
  }
  const isExact = !isFloat(wanted.type.element);
  const [a, b] = [tensorNumbers(found), tensorNumbers(wanted)];
  let message: string | null = null;
  let largestError: number | null = 0;
  for (let index = 0; index < b.length; index += 1) {
    const [x, y] = [a[index] as number, b[index] as number];
    const same = isExact ? found.data[index] === wanted.data[index] : Object.is(x, y) || x === y;
    if (same) continue;
    const error = Math.abs(x - y);
    if (largestError !== null) largestError = Number.isFinite(error) ? Math.max(largestError, error) : null;
    const isNear = !isExact && error <= tolerance.absolute + tolerance.relative * Math.abs(y);
    if (!isNear) message ??= `element ${index}: found ${x}, wanted ${y}`;
  }
  return { message, largestError };
}

/** Runs every case of a folder in the layout NAME/model.onnx, NAME/test_data_set_*. Throws B701 for a folder without any. */
export function runConformance(folder: string, options: ConformanceOptions): ConformanceResult {
  const folders = caseFolders(folder);
  const onProgress = options.onProgress ?? noProgress;
  const tolerance = options.tolerance ?? runnerTolerance;
  const cases: ConformanceCase[] = [];
  for (const [name, path] of folders) {
    onProgress({ phase: name, fraction: cases.length / folders.size });
    cases.push(runConformanceCase(name, path, options));
  }
  const operators = [...new Set(cases.flatMap((each) => each.operators))].sort();
  return {
    schemaVersion,
    kind: "conformance",
    folder,
    executor: options.executor,
    tolerance,
    passCount: countOf(cases, "pass"),
    failCount: countOf(cases, "fail"),
    refusedCount: countOf(cases, "refused"),
    operators: operators.map((name) => {
      const having = cases.filter((each) => each.operators.includes(name));
      return { name, caseCount: having.length, passCount: countOf(having, "pass") };
    }),
    cases,
    provenance: provenance("conformance-result"),
  };
}

function countOf(cases: readonly ConformanceCase[], status: ConformanceCase["status"]): number {
  return cases.filter((each) => each.status === status).length;
}

/** Runs one case with all its data sets; what Boreal refuses is a row with the error's code, never an exception. */
export function runConformanceCase(name: string, folder: string, options: ConformanceOptions): ConformanceCase {
  let operators: string[] = [];
  let knownInputs: readonly string[] = [];
  let largestError: number | null = null;
  let layerCount: number | null = null;
  let hostNodes: readonly string[] = [];
  const row = (status: ConformanceCase["status"], code: string | null, message: string | null): ConformanceCase => ({
    name,
    status,
    code,
    message,
    largestError,
    operators,
    knownInputs: [...knownInputs],
    layerCount,
    hostNodes: [...hostNodes],
  });
  try {
    operators = caseOperators(folder);
    const sets = readCaseData(folder);
    if (sets.every(({ outputs }) => outputs.length === 0))
      return row("refused", "B701", "The case has no output files.");
    for (const [index, data] of sets.entries()) {
      const imported = importCase(folder, data);
      knownInputs = imported.knownInputs;
      const answer =
        options.executor === "evaluate" ? answerInFloat(imported, data) : answerOnChip(imported, data, options);
      if (index === 0) options.onOutputs?.(name, answer.outputs);
      layerCount = answer.layerCount;
      hostNodes = answer.hostNodes;
      const comparison = compareOutputs(answer.outputs, data.outputs, options.tolerance ?? runnerTolerance);
      largestError = largerError(index === 0 ? 0 : largestError, comparison.largestError);
      const wrong = options.executor === "evaluate" ? comparison.message : answer.message;
      if (wrong !== null) return row("fail", null, wrong);
    }
    return row("pass", null, null);
  } catch (error) {
    if (!(error instanceof BorealError)) return row("fail", "B901", String(error));
    const messages = new Set(error.problems.map((problem) => problem.message));
    const status = error.exitCode === 1 ? "refused" : "fail";
    return row(status, error.problems[0]?.code ?? null, [...messages].join(" "));
  }
}

/** The outputs of one data set. */
interface CaseAnswer {
  readonly outputs: readonly Tensor[];
  /** In what the chip differs from the exact evaluation; null where it does not, or did not run. */
  readonly message: string | null;
  readonly layerCount: number | null;
  /** ONNX nodes of which the host ran something. */
  readonly hostNodes: readonly string[];
}

function frameOf({ model }: ImportedCase, data: CaseData): Frame {
  return new Map(
    model.graph.inputs.flatMap(({ name }) => {
      const value = data.inputs.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function answerInFloat(imported: ImportedCase, data: CaseData): CaseAnswer {
  const outputs = evaluateModel(widenHalves(imported.model.graph), frameOf(imported, data), {
    contractor: makeWasmContractor(),
  });
  return { outputs, message: null, layerCount: null, hostNodes: [] };
}

function answerOnChip(imported: ImportedCase, data: CaseData, options: ConformanceOptions): CaseAnswer {
  const { chip, hostOps = false } = options;
  const { graph } = imported.model;
  const frame = frameOf(imported, data);
  const compiled = compile(graph, chip, { precision: defaultPrecision, calibrationFrames: [frame], hostOps });
  const contractor = makeWasmContractor();
  const exact = evaluateExact(compiled.chipGraph, frame, inputElements(graph), { contractor });
  const found = executeFunctional(compiled.program, compiled.sidecar, chip).run(frame);
  const different = firstDifference(exact, found);
  const types = valueTypes(graph);
  const elements = graph.outputs.map((value): ElementType => types.get(value)?.element ?? "f32");
  return {
    outputs: toModelTypes(found, elements),
    layerCount: compiled.network.layers.filter(({ nodes }) => nodes.length > 0).length,
    hostNodes: [...new Set(compiled.network.layers.flatMap(({ host, origin }) => (host === null ? [] : origin)))],
    message: different === null ? null : `output ${different}: the chip's bytes differ from the exact evaluation's`,
  };
}

/** The larger of two errors; null when one of them is no finite number. */
function largerError(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : Math.max(left, right);
}

function compareOutputs(found: readonly Tensor[], wanted: readonly Tensor[], tolerance: Tolerance): Comparison {
  let message: string | null = null;
  let largestError: number | null = 0;
  for (const [index, value] of wanted.entries()) {
    const answer = found[index];
    const comparison: Comparison =
      answer === undefined
        ? { message: "it is not there", largestError: null }
        : compareTensors(answer, value, tolerance);
    if (comparison.message !== null) message ??= `output ${index}: ${comparison.message}`;
    largestError = largerError(largestError, comparison.largestError);
  }
  return { message, largestError };
}
