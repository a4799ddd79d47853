import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BorealError, problem } from "../base/errors.ts";
import { decodeTensorProto } from "../compiler/onnx/codec.ts";
import { type ImportedModel, type ImportOptions, importOnnx } from "../compiler/onnx/importer.ts";
import { readModel } from "../compiler/onnx/read-model.ts";
import type { Tensor } from "../ir/tensor.ts";
import { isFloat } from "../ir/type.ts";

/** One data set of a conformance case: inputs by ONNX name, and the wanted outputs in the graph's order. */
export interface CaseData {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly Tensor[];
}

/** A model of a case, imported for one data set. */
export interface ImportedCase {
  readonly model: ImportedModel;
  /** Names of the inputs whose values were bound at import, because the graph needs them as shapes, axes or indices. */
  readonly knownInputs: readonly string[];
}

/**
 * The folders of a suite that hold a model.onnx, by name; the folder itself when it is one case. Throws B701 when it
 * cannot be read or holds no case.
 */
export function caseFolders(folder: string): ReadonlyMap<string, string> {
  if (existsSync(join(folder, "model.onnx"))) return new Map([[folder, folder]]);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw problem("B701", `The folder cannot be read (${String((error as NodeJS.ErrnoException).code)}).`, {
      file: folder,
    });
  }
  const folders = new Map<string, string>();
  for (const name of names.sort()) {
    if (existsSync(join(folder, name, "model.onnx"))) folders.set(name, join(folder, name));
  }
  if (folders.size === 0) {
    throw problem("B701", "The folder holds no case; expected NAME/model.onnx with NAME/test_data_set_*.", {
      file: folder,
    });
  }
  return folders;
}

/** The data sets of a case's folder; absent input files are optional inputs that are left out. Throws B101–B109. */
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

/** The operators of a case's model, each once, a domain other than the default one before the name. */
export function caseOperators(folder: string): string[] {
  const nodes = readModel({ path: join(folder, "model.onnx") }).model.graph?.node ?? [];
  const names = nodes.map(({ domain, opType }) => `${domain ? `${domain}.` : ""}${opType ?? ""}`);
  return [...new Set(names)].sort();
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
 * scales), the importer is given those of integer and scalar inputs, then of all inputs but the first. Throws B1xx.
 */
export function importCase(folder: string, data: CaseData, options: ImportOptions = {}): ImportedCase {
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
      const model = importOnnx({ path }, { ...options, dimensions: dimensionsOf(path, open), knownInputs });
      return { model, knownInputs: [...knownInputs.keys()] };
    } catch (error) {
      const needsValues = error instanceof BorealError && error.problems.every(({ code }) => code === "B112");
      if (!needsValues) throw error;
      refusal = error;
    }
  }
  throw refusal;
}
