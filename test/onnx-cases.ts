import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BorealError } from "../base/errors.ts";
import { decodeTensorProto } from "../compiler/onnx/codec.ts";
import { type ImportedModel, type ImportOptions, importOnnx } from "../compiler/onnx/importer.ts";
import { readModel } from "../compiler/onnx/read-model.ts";
import { evaluate } from "../ir/evaluate.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import { formatType, isFloat, sameNumbers } from "../ir/type.ts";

/** How near a result must be: |found − wanted| ≤ absolute + relative·|wanted|. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** The tolerance of the conformance suites. */
export const suiteTolerance: Tolerance = { relative: 1e-3, absolute: 1e-5 };

/** One data set of a case: inputs by ONNX name, and the wanted outputs in the graph's order. */
export interface CaseData {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Tensor[];
}

/** Why a result is wrong, or null when it agrees: shape and element type the same, NaN equal to NaN. */
export function difference(found: Tensor, wanted: Tensor, tolerance: Tolerance): string | null {
  if (found.type.element !== wanted.type.element || !sameNumbers(found.type.shape, wanted.type.shape)) {
    return `found ${formatType(found.type)}, wanted ${formatType(wanted.type)}`;
  }
  if (!isFloat(found.type.element)) {
    const index = Array.from(found.data as Int8Array).findIndex((value, position) => value !== wanted.data[position]);
    return index < 0 ? null : `element ${index}: found ${found.data[index]}, wanted ${wanted.data[index]}`;
  }
  const [a, b] = [tensorNumbers(found), tensorNumbers(wanted)];
  for (let index = 0; index < b.length; index += 1) {
    const [x, y] = [a[index] as number, b[index] as number];
    const near = Math.abs(x - y) <= tolerance.absolute + tolerance.relative * Math.abs(y);
    if (!near && x !== y && !(Number.isNaN(x) && Number.isNaN(y))) return `element ${index}: found ${x}, wanted ${y}`;
  }
  return null;
}

/** The data sets of a case's folder. */
export function readCaseData(folder: string): CaseData[] {
  const graph = readModel({ path: join(folder, "model.onnx") }).model.graph ?? {};
  const given = new Set((graph.initializer ?? []).map(({ name }) => name));
  const names = (graph.input ?? []).map(({ name }) => name ?? "").filter((name) => !given.has(name));
  return readdirSync(folder)
    .filter((name) => name.startsWith("test_data_set_"))
    .map((set) => {
      const read = (file: string): Tensor | null => {
        const path = join(folder, set, file);
        return existsSync(path) ? decodeTensorProto(readFileSync(path), { file: path }) : null;
      };
      const inputs = new Map<string, Tensor>();
      names.forEach((name, index) => {
        const tensor = read(`input_${index}.pb`);
        if (tensor !== null) inputs.set(name, tensor);
      });
      const outputs = (graph.output ?? []).flatMap((_, index) => read(`output_${index}.pb`) ?? []);
      return { inputs, outputs };
    });
}

/** Sizes of a model's open dimensions as its inputs have them. */
export function dimensionsOf(path: string, inputs: ReadonlyMap<string, Tensor>): Map<string, number> {
  const dimensions = new Map<string, number>();
  for (const info of readModel({ path }).model.graph?.input ?? []) {
    const shape = inputs.get(info.name ?? "")?.type.shape;
    (info.type?.tensorType?.shape?.dim ?? []).forEach((dimension, axis) => {
      const size = shape?.[axis];
      if (size === undefined || Object.hasOwn(dimension, "dimValue")) return;
      const name = dimension.dimParam ?? "";
      dimensions.set(name === "" ? `${info.name}:${axis}` : name, size);
    });
  }
  return dimensions;
}

/**
 * Imports a case with the shapes of its data. Where the graph needs values at compile time (shapes, axes, indices,
 * scales), the importer is given those of integer and scalar inputs, then of all inputs but the first.
 */
export function importCase(folder: string, data: CaseData, options: ImportOptions = {}): ImportedModel {
  const entries = [...data.inputs];
  const attempts = [
    [],
    entries.filter(([, { type }]) => !isFloat(type.element) || type.shape.length === 0),
    entries.slice(1),
  ];
  const path = join(folder, "model.onnx");
  let refusal: unknown;
  for (const known of attempts) {
    const knownInputs = new Map(known);
    const open = new Map(entries.filter(([name]) => !knownInputs.has(name)));
    try {
      return importOnnx({ path }, { ...options, dimensions: dimensionsOf(path, open), knownInputs });
    } catch (error) {
      const needsValues = error instanceof BorealError && error.problems.every(({ code }) => code === "B112");
      if (!needsValues) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** Runs a case in f32 and compares all its outputs: null when it passes, otherwise what is wrong. */
export function runCase(folder: string, tolerance: Tolerance = suiteTolerance): string | null {
  for (const data of readCaseData(folder)) {
    const { graph } = importCase(folder, data);
    const inputs = new Map(graph.inputs.map(({ name }) => [name, data.inputs.get(name) as Tensor]));
    const values = evaluate(graph, inputs);
    for (const [index, wanted] of data.outputs.entries()) {
      const found = values.get(graph.outputs[index] ?? "");
      const wrong = found === undefined ? "it is not there" : difference(found, wanted, tolerance);
      if (wrong !== null) return `output ${index}: ${wrong}`;
    }
  }
  return null;
}
