import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { BorealError } from "../../base/errors.ts";
import { sum } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { decodeModel, encodeModel } from "../../compiler/onnx/codec.ts";
import { importOnnx } from "../../compiler/onnx/importer.ts";
import type { ModelSource } from "../../compiler/onnx/read-model.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { elementsOf } from "../../ir/ops/values.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, isFloat, type TensorType } from "../../ir/type.ts";
import { type Mutation, mutate, mutation } from "./mutations.ts";

/** What happens to a model before it is imported. */
interface FuzzCase {
  readonly model: number;
  readonly mutations: readonly Mutation[];
  /** Bytes that are changed after that: where (a fraction) and by what. */
  readonly flips: readonly (readonly [number, number])[];
  /** Where the file ends (a fraction). */
  readonly end: number;
  /** Whether it is imported from memory, from a file with others beside it, or from a place that is no file. */
  readonly from: "memory" | "file" | "nowhere" | "text";
}

const rarely = <Value>(usual: Value, other: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const flip = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 255 }));

function fuzzCase(modelCount: number): fc.Arbitrary<FuzzCase> {
  return fc.record({
    model: fc.nat(modelCount - 1),
    mutations: fc.array(mutation, { maxLength: 4 }),
    flips: rarely([], fc.array(flip, { minLength: 1, maxLength: 3 })),
    end: rarely(1, fc.double({ min: 0, max: 1, noNaN: true })),
    from: fc.oneof(
      { weight: 90, arbitrary: fc.constant("memory" as const) },
      { weight: 10, arbitrary: fc.constant("file" as const) },
      { weight: 1, arbitrary: fc.constantFrom("nowhere" as const, "text" as const) },
    ),
  });
}

/** What a run of the fuzz target found. */
export interface FuzzResult {
  readonly caseCount: number;
  readonly importedCount: number;
  readonly evaluatedCount: number;
  /** How many cases were refused with each code. */
  readonly codeCounts: ReadonlyMap<string, number>;
  /** Of processor time. */
  readonly slowestSeconds: number;
}

/** How a run of the fuzz target is made. */
export interface FuzzOptions {
  readonly models: readonly Uint8Array[];
  readonly caseCount: number;
  readonly seed: number;
  /** Told before each case. */
  readonly onCase?: (index: number) => void;
}

/**
 * Imports and evaluates models that were changed at random. Throws, with the smallest case that shows it, when anything
 * but a BorealError comes out, or an error that is a bug of Boreal.
 */
export function fuzz({ models, caseCount, seed, onCase }: FuzzOptions): FuzzResult {
  const folder = mkdtempSync(join(tmpdir(), "boreal-fuzz-"));
  const codeCounts = new Map<string, number>();
  let [count, importedCount, evaluatedCount, slowestSeconds] = [0, 0, 0, 0];
  try {
    mkdirSync(join(folder, "model"));
    writeFileSync(join(folder, "weights.bin"), new Uint8Array(64));
    writeFileSync(join(folder, "model", "weights.bin"), new Uint8Array(4096));
    symlinkSync("loop.bin", join(folder, "model", "loop.bin"));
    const run = (each: FuzzCase): void => {
      onCase?.(count);
      count += 1;
      const start = process.cpuUsage();
      const outcome = outcomeOf(sourceOf(each, models, folder));
      const { user, system } = process.cpuUsage(start);
      slowestSeconds = Math.max(slowestSeconds, (user + system) / 1e6);
      if (outcome.codes.length === 0) importedCount += 1;
      if (outcome.isEvaluated) evaluatedCount += 1;
      for (const code of new Set(outcome.codes)) codeCounts.set(code, (codeCounts.get(code) ?? 0) + 1);
    };
    fc.assert(fc.property(fuzzCase(models.length), run), { numRuns: caseCount, seed });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { caseCount: count, importedCount, evaluatedCount, codeCounts, slowestSeconds };
}

function sourceOf(each: FuzzCase, models: readonly Uint8Array[], folder: string): ModelSource {
  const bytes = changed(each, models);
  const path = join(folder, "model", "model.onnx");
  switch (each.from) {
    case "memory":
      return { bytes, name: "fuzz.onnx" };
    case "file":
      writeFileSync(path, bytes);
      return { path };
    case "text":
      return { bytes: new TextEncoder().encode("this is no model"), name: "fuzz.onnx" };
    case "nowhere":
      return { path: join(folder, each.model % 2 === 0 ? "model" : "nothing.onnx") };
  }
}

function changed({ model, mutations, flips, end }: FuzzCase, models: readonly Uint8Array[]): Uint8Array {
  const proto = decodeModel(Uint8Array.from(models[model] as Uint8Array));
  for (const each of mutations) mutate(proto, each);
  const encoded = encodeModel(proto);
  for (const [place, mask] of flips) {
    const index = Math.floor(place * (encoded.length - 1));
    encoded[index] = (encoded[index] ?? 0) ^ mask;
  }
  return encoded.subarray(0, Math.ceil(end * encoded.length));
}

interface Outcome {
  readonly codes: readonly string[];
  readonly isEvaluated: boolean;
}

function outcomeOf(source: ModelSource): Outcome {
  const refused = (error: unknown): Outcome => {
    if (!(error instanceof BorealError)) throw error;
    const codes = error.problems.map(({ code }) => code);
    if (codes.some((code) => code.startsWith("B9") || code === "B203")) throw error;
    return { codes, isEvaluated: false };
  };
  let graph: Graph;
  try {
    ({ graph } = importOnnx(source));
  } catch (error) {
    return refused(error);
  }
  if (workOf(graph) > evaluatedWork) return { codes: [], isEvaluated: false };
  try {
    evaluate(graph, new Map(graph.inputs.map(({ name, type }) => [name, inputOf(type)])));
  } catch (error) {
    refused(error);
    return { codes: [], isEvaluated: false };
  }
  return { codes: [], isEvaluated: true };
}

/** Graphs of more element operations are imported, not evaluated. */
const evaluatedWork = 2 ** 22;

function workOf(graph: Graph): number {
  const types = new Map<string | null, TensorType>(
    [...graph.inputs, ...graph.constants, ...graph.nodes].map(({ name, type }) => [name, type]),
  );
  const node = ({ op, operands, attributes, type }: Graph["nodes"][number]): number => {
    const given = operands.map((operand) => types.get(operand) ?? null);
    const loops = operatorOf(op).iteration?.({ operands: given, attributes, type }).dimensions ?? [];
    return elementCount(type) + loops.reduce((product, { size }) => product * size, 1);
  };
  return sum(graph.inputs.map(({ type }) => elementCount(type))) + sum(graph.nodes.map(node));
}

function inputOf(type: TensorType): Tensor {
  const random = makeRandom(elementCount(type));
  const values = Array.from({ length: elementCount(type) }, () =>
    isFloat(type.element) ? random.normal() : random.integer(0, type.element === "bool" ? 1 : 2),
  );
  return { type, data: elementsOf(type.element, values) };
}
