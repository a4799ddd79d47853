import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { problem } from "../base/errors.ts";
import { sum } from "../base/math.ts";
import { type ImportedModel, type ImportOptions, importOnnx } from "../compiler/onnx/importer.ts";
import type { ModelSource } from "../compiler/onnx/read-model.ts";
import { parseGraph } from "../ir/graph-text.ts";
import { elementCount } from "../ir/type.ts";
import { assertValid } from "../ir/verify.ts";

/**
 * Imports a model: an ONNX file or its bytes, or a `.bir` file. Throws B101–B117 for ONNX, B201 and B202 for `.bir`, with
 * everything that is wrong.
 */
export function importModel(source: ModelSource | string, options: ImportOptions = {}): ImportedModel {
  const from = typeof source === "string" ? { path: source } : source;
  return "path" in from && from.path.endsWith(".bir") ? importGraphText(from.path) : importOnnx(from, options);
}

/** A graph that was printed before; the names of its outputs are those of the graph's values. */
function importGraphText(path: string): ImportedModel {
  const bytes = readBytes(path);
  const graph = parseGraph(new TextDecoder().decode(bytes), { file: path });
  assertValid(graph);
  const has = (source: "random" | "absent"): boolean => graph.constants.some((constant) => constant.source === source);
  return {
    graph,
    name: graph.name,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    opset: 0,
    irVersion: 0,
    producer: `graph text ${basename(path)}`,
    outputNames: graph.outputs,
    parameterCount: sum(graph.constants.map(({ type }) => elementCount(type))),
    weights: has("random") ? "random" : has("absent") ? "absent" : "trained",
    notes: [],
    record: { deadNodeCount: 0, operators: new Map(), folded: [], expanded: [] },
  };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw problem("B103", `The file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`, {
      file: path,
    });
  }
}
