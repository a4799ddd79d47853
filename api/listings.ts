import { controlForms } from "../compiler/onnx/control-flow.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import { supportedOpsets } from "../compiler/onnx/model-structure.ts";
import { valueTypes } from "../ir/graph.ts";
import type { OnnxForm } from "../ir/operator.ts";
import { operators } from "../ir/ops/index.ts";
import type { ImportResult, OperatorListing, TargetListing, TargetNumbers } from "../report/listing-schemas.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import { estimatedNumberCount } from "../targets/figures.ts";
import { listTargets, loadTarget } from "../targets/load.ts";
import { applyOverrides } from "../targets/override.ts";
import { targetSha256 } from "../targets/print.ts";
import { summarizeModel } from "./run.ts";

/** What is in an imported model. */
export function importSummary(model: ImportedModel): ImportResult {
  const { graph } = model;
  const types = valueTypes(graph);
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return {
    schemaVersion,
    kind: "import",
    model: summarizeModel(model),
    opset: model.opset,
    irVersion: model.irVersion,
    producer: model.producer,
    inputs: graph.inputs.map(({ name, type }) => ({ name, element: type.element, shape: [...type.shape] })),
    outputs: graph.outputs.map((name, index) => ({
      name: model.outputNames[index] ?? name,
      element: types.get(name)?.element ?? "f32",
      shape: [...(types.get(name)?.shape ?? [])],
    })),
    nodeCountByOperator: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    notes: model.notes.map(({ message }) => message),
  };
}

/** The targets that come with the project. */
export function targetListing(): TargetListing {
  return {
    schemaVersion,
    kind: "targets",
    targets: listTargets().map(({ name, kind }) => {
      const target = loadTarget(name);
      return {
        name,
        kind,
        sha256: targetSha256(target),
        numberCount: target.provenance.size,
        estimatedNumberCount: estimatedNumberCount(target),
      };
    }),
  };
}

/** The numbers of a target with their sources. Throws B301–B304. */
export function describeTarget(nameOrPath: string, overrides: readonly string[] = []): TargetNumbers {
  const target = applyOverrides(loadTarget(nameOrPath), overrides);
  return {
    schemaVersion,
    kind: "target",
    name: target.name,
    targetKind: target.kind,
    sha256: targetSha256(target),
    overrides: [...overrides],
    numbers: [...target.provenance].map(([path, { value, unit, source, range, formula, note }]) => ({
      path,
      value,
      unit,
      source,
      range: range === null ? null : [range[0], range[1]],
      formula,
      note,
    })),
  };
}

/** Every operator with the ONNX operators that it implements. */
export function operatorListing(): OperatorListing {
  const formOf = ({
    operator,
    domain,
    since,
    until,
  }: Omit<OnnxForm, "translate">): OperatorListing["expanded"][number] => ({
    operator,
    domain: domain ?? "",
    since,
    until: until ?? null,
  });
  return {
    schemaVersion,
    kind: "operators",
    opsets: { ...supportedOpsets },
    operators: [...operators.values()].map(({ name, summary, runsOn, obstacle, onnx }) => ({
      name,
      summary,
      // What may be left of a composite operator runs on the host, if anywhere.
      runsOn: runsOn === "folded" && obstacle !== undefined ? "folded or host" : runsOn,
      onnx: onnx.map(formOf),
    })),
    expanded: controlForms.map(formOf),
  };
}
