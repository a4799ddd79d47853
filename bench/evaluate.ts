import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { type CaseData, importCase, readCaseData } from "../api/conformance-case.ts";
import { evaluateModel, type Tensor } from "../api.ts";
import { runPasses } from "../compiler/passes/pass.ts";
import { floatPipeline } from "../compiler/passes/pipeline.ts";
import { constantData } from "../ir/graph.ts";
import { makeWasmContractor } from "../ir/ops/contraction-kernels.ts";
import { median, printTable, sharedModel, timed } from "./setting.ts";

/** The f32 evaluator against onnxruntime on one thread of the same machine, both warm, optimizations on. */
const cases = [
  { name: "light-resnet50", wantedRatio: 0.1 },
  { name: "nanodet-m-320", wantedRatio: 0.1 },
  { name: "silero-vad-openvino-16k", wantedRatio: 0.05 },
  { name: "tiny-random-gpt2", wantedRatio: 0.05 },
] as const;
const runCount = 9;

const names = new Set(process.argv.slice(2));
const rows: string[][] = [];
for (const { name, wantedRatio } of cases) {
  if (names.size > 0 && !names.has(name)) continue;
  const folder = sharedModel(name);
  const data = readCaseData(folder)[0] as CaseData;
  const { model } = importCase(folder, data);
  const { graph } = runPasses(model.graph, floatPipeline);
  const frame = new Map(model.graph.inputs.map((input) => [input.name, data.inputs.get(input.name) as Tensor]));
  const contractor = makeWasmContractor(constantData(graph));
  const runtime = await InferenceSession.create(join(folder, "model.onnx"), {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
  });
  const feeds = Object.fromEntries([...data.inputs].map(([input, value]) => [input, ortTensor(value)]));
  const own: number[] = [];
  const other: number[] = [];
  let difference = 0;
  for (let run = 0; run <= runCount; run += 1) {
    const answer = timed(() => evaluateModel(graph, frame, { contractor }));
    const start = performance.now();
    const wanted = await runtime.run(feeds);
    const seconds = (performance.now() - start) / 1000;
    difference = relativeDifference(answer.value[0], wanted[runtime.outputNames[0] ?? ""]);
    // Both are warm after their first run.
    if (run === 0) continue;
    own.push(answer.seconds);
    other.push(seconds);
  }
  const ratio = median(other) / median(own);
  const milliseconds = (seconds: readonly number[]): string => (median(seconds) * 1000).toFixed(1);
  rows.push([
    name,
    milliseconds(own),
    milliseconds(other),
    ratio.toFixed(3),
    String(wantedRatio),
    difference.toExponential(1),
  ]);
}
printTable(["model", "boreal ms", "onnxruntime ms", "ratio", "wanted", "largest difference ÷ largest value"], rows);

function ortTensor({ type, data }: Tensor): OrtTensor {
  if (data instanceof Float32Array) return new OrtTensor("float32", data, type.shape);
  if (data instanceof BigInt64Array) return new OrtTensor("int64", data, type.shape);
  if (data instanceof Int32Array) return new OrtTensor("int32", data, type.shape);
  if (type.element === "bool") return new OrtTensor("bool", data as Uint8Array, type.shape);
  throw new Error(`The benchmark has no onnxruntime tensor for ${type.element}.`);
}

function relativeDifference(found: Tensor | undefined, wanted: OrtTensor | undefined): number {
  const [a, b] = [found?.data as Float32Array, wanted?.data as Float32Array];
  let [largest, difference] = [0, 0];
  b.forEach((value, index) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - (a[index] ?? Number.NaN)));
  });
  return difference / largest;
}
