import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { problem } from "../base/errors.ts";
import { sum } from "../base/math.ts";
import { parseGraph } from "../ir/graph-text.ts";
import type { Instruction } from "../ir/instruction.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import { parseProgram } from "../ir/program-text.ts";
import type { Tensor } from "../ir/tensor.ts";
import { elementCount, formatType } from "../ir/type.ts";
import type { InspectResult } from "../report/listing-schemas.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import { estimatedNumberCount } from "../targets/figures.ts";
import { parseTarget } from "../targets/parse.ts";
import { readTensorFile } from "./inputs.ts";

type Inspection = Pick<InspectResult, "is" | "facts">;
type Fact = InspectResult["facts"][number];

const fact = (name: string, value: Fact["value"]): Fact => ({ name, value });

/**
 * Says what a file is, by the ending of its name, and what is in it. Throws B103 when it cannot be read, B601 for
 * endings that are not known, and the errors of its format.
 */
export async function inspectFile(path: string): Promise<InspectResult> {
  const bytes = readBytes(path);
  const inspection = await inspect(path, bytes);
  return {
    schemaVersion,
    kind: "inspection",
    file: path,
    is: inspection.is,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    bytes: bytes.length,
    facts: inspection.facts,
  };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw problem("B103", `The file cannot be read (${reason}).`, { file: path });
  }
}

async function inspect(path: string, bytes: Uint8Array): Promise<Inspection> {
  const text = (): string => new TextDecoder().decode(bytes);
  switch (extname(path).toLowerCase()) {
    case ".onnx":
      return inspectModel(path, bytes);
    case ".bir":
      return inspectGraph(path, text());
    case ".basm":
      return inspectProgram(path, text());
    case ".yaml":
    case ".yml":
      return inspectYaml(path, text());
    case ".npy":
    case ".csv":
    case ".pb":
      return inspectTensor((await readTensorFile(path)).tensor);
    default:
      throw problem("B601", `Found "${extname(path)}", expected .onnx, .bir, .basm, .yaml, .npy, .csv or .pb.`, {
        file: path,
      });
  }
}

/** A model as its file declares it, without importing it. */
async function inspectModel(path: string, bytes: Uint8Array): Promise<Inspection> {
  const { decodeModel } = await import("../compiler/onnx/codec.ts");
  const { declaredSizes } = await import("../compiler/onnx/dimensions.ts");
  const model = decodeModel(bytes, { file: path });
  const graph = model.graph ?? {};
  const counts = new Map<string, number>();
  for (const { opType } of graph.node ?? []) counts.set(opType ?? "", (counts.get(opType ?? "") ?? 0) + 1);
  const values = (infos: typeof graph.input): string =>
    (infos ?? [])
      .map(
        (info) =>
          `${info.name ?? ""}[${
            declaredSizes(info)
              ?.map((size) => size ?? "?")
              .join(",") ?? "?"
          }]`,
      )
      .join(", ");
  const weights = new Set((graph.initializer ?? []).map(({ name }) => name));
  return {
    is: "onnx model",
    facts: [
      fact("name", graph.name ?? ""),
      fact("producer", [model.producerName, model.producerVersion].filter(Boolean).join(" ")),
      fact("IR version", String(model.irVersion ?? 0)),
      fact(
        "opsets",
        (model.opsetImport ?? []).map(({ domain, version }) => `${domain || "ai.onnx"} ${version}`).join(", "),
      ),
      fact("inputs", values((graph.input ?? []).filter(({ name }) => !weights.has(name)))),
      fact("outputs", values(graph.output)),
      fact("nodes", graph.node?.length ?? 0),
      fact("operators", listed(counts)),
      fact("initializers", weights.size),
    ],
  };
}

function listed(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ");
}

function inspectGraph(path: string, text: string): Inspection {
  const graph = parseGraph(text, { file: path });
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return {
    is: "graph",
    facts: [
      fact("name", graph.name),
      fact("inputs", graph.inputs.map(({ name, type }) => `${name}: ${formatType(type)}`).join(", ")),
      fact("outputs", graph.outputs.join(", ")),
      fact("nodes", graph.nodes.length),
      fact("operators", listed(counts)),
      fact("parameters", sum(graph.constants.map(({ type }) => elementCount(type)))),
    ],
  };
}

function inspectProgram(path: string, text: string): Inspection {
  const program = parseProgram(text, path);
  const counts = new Map<string, number>();
  const count = (instruction: Instruction): void => {
    counts.set(instruction.kind, (counts.get(instruction.kind) ?? 0) + 1);
    if (instruction.kind === "loop") for (const inner of instruction.body) count(inner);
  };
  for (const { classes } of program.steps) {
    for (const { threads } of classes) for (const list of Object.values(threads)) for (const each of list) count(each);
  }
  const ports = (list: typeof program.inputs): string =>
    list.map(({ name, type }) => `${name}: ${formatType(type)}`).join(", ");
  return {
    is: "program",
    facts: [
      fact("name", program.name),
      fact("target", `${program.target.name}, ${program.target.rows} × ${program.target.columns} cores`),
      fact("batch", program.batchCount),
      fact("inputs", ports(program.inputs)),
      fact("outputs", ports(program.outputs)),
      ...(program.hostOperations.length === 0
        ? []
        : [fact("on the host", program.hostOperations.map(({ name, operator }) => `${operator} ${name}`).join(", "))]),
      fact("steps", program.steps.length),
      fact("MACs", sum(program.steps.map(({ macCount }) => macCount))),
      fact("instructions", listed(counts)),
      fact("weights", program.sidecar === null ? "none" : `${program.sidecar.bytes} bytes, ${program.sidecar.sha256}`),
    ],
  };
}

async function inspectYaml(path: string, text: string): Promise<Inspection> {
  if (/^kind:\s*mapping\s*$/m.test(text)) {
    const { parseMapping } = await import("../compiler/mapper/mapping-file.ts");
    const mapping = parseMapping(text, path);
    return {
      is: "mapping",
      facts: [
        fact("graph", mapping.graph),
        fact("target", mapping.target),
        fact("batch", mapping.batchCount),
        fact("steps", mapping.steps.length),
        fact("buffers", mapping.buffers.length),
      ],
    };
  }
  const target = parseTarget(text, path);
  return {
    is: target.kind,
    facts: [
      fact("name", target.name),
      fact("numbers", target.provenance.size),
      fact("estimates", estimatedNumberCount(target)),
    ],
  };
}

function inspectTensor(tensor: Tensor): Inspection {
  const numbers = tensorNumbers(tensor);
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  let total = 0;
  let notFinite = 0;
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index] as number;
    if (!Number.isFinite(number)) notFinite += 1;
    else {
      least = Math.min(least, number);
      greatest = Math.max(greatest, number);
      total += number;
    }
  }
  const finite = numbers.length - notFinite;
  return {
    is: "tensor",
    facts: [
      fact("type", formatType(tensor.type)),
      fact("least", finite === 0 ? null : least),
      fact("greatest", finite === 0 ? null : greatest),
      fact("mean", finite === 0 ? null : total / finite),
      fact("NaN or infinite", notFinite),
    ],
  };
}
