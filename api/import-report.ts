import { BorealError, type Problem } from "../base/errors.ts";
import { compile, type Prepared, prepare } from "../compiler/compile.ts";
import type { ImportedModel } from "../compiler/onnx/importer.ts";
import type { ExpansionRecord } from "../compiler/onnx/translation.ts";
import type { PrecisionPlan } from "../compiler/quantize/precision.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { operatorOf } from "../ir/ops/index.ts";
import { elementCount, packedBytes } from "../ir/type.ts";
import type { ImportReport } from "../report/listing-schemas.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { ChipTarget } from "../targets/target.ts";
import { defaultPrecision, precisionName } from "./compile.ts";

/** What a report on an import is made for. */
export interface ImportReportOptions {
  readonly chip: ChipTarget;
  /** A rule such as w8a8. */
  readonly precision?: string | PrecisionPlan;
  /** Whether the host may run what the chip cannot. */
  readonly hostOps?: boolean;
}

/** What a report says before any model is known. */
function emptyReport(model: string, { chip, precision }: ImportReportOptions): ImportReport {
  return {
    schemaVersion,
    kind: "import-report",
    model,
    target: chip.name,
    precision: precisionName(precision),
    unused: 0,
    folded: [],
    expanded: [],
    removed: [],
    fused: [],
    approximated: [],
    moved: [],
    onHost: [],
    refused: [],
  };
}

/** The report on a model that cannot be imported: everything that is wrong with it. */
export function refusedImport(model: string, error: BorealError, options: ImportReportOptions): ImportReport {
  return { ...emptyReport(model, options), refused: refusals("import", error.problems) };
}

/**
 * What became of a model's nodes on the way to a chip: from what the importer and the passes recorded, and from the
 * layers that the chip would run. Shapes alone are compiled; what the chip refuses stands in the report.
 */
export function reportImport(model: ImportedModel, options: ImportReportOptions): ImportReport {
  const { graph, record } = model;
  const precision = options.precision ?? defaultPrecision;
  const report: ImportReport = {
    ...emptyReport(model.name, options),
    unused: record.deadNodeCount,
    folded: record.folded.map((each) => ({ ...each, by: "import" })),
    expanded: record.expanded.map(expansion),
  };
  const how = { precision, calibrationFrames: null, hostOps: options.hostOps ?? false };
  let prepared: Prepared;
  try {
    prepared = prepare(graph, how);
  } catch (error) {
    return { ...report, refused: chipRefusals(error) };
  }
  const operators = operatorNames(graph, model);
  const gone = prepared.records.flatMap(({ pass, gone: nodes }) => nodes.map((node) => ({ node, by: pass })));
  const isFolded = ({ by }: { readonly by: string }): boolean => by === "fold-constants";
  const named = (node: string): { readonly node: string; readonly operator: string } => ({
    node,
    operator: operators.get(node) ?? "",
  });
  const folded = new Set(gone.filter(isFolded).map(({ node }) => node));
  const movements = moved(graph, prepared.chipGraph, folded);
  const isMoved = new Set(movements.map(({ node }) => node));
  return {
    ...report,
    folded: [...report.folded, ...gone.filter(isFolded).map(({ node, by }) => ({ ...named(node), by }))],
    removed: gone.filter((each) => !isFolded(each) && !isMoved.has(each.node)),
    fused: fusedLayers(prepared.chipGraph),
    approximated: narrowed(graph, prepared.chipGraph).map(({ node, from, to }) => ({ ...named(node), from, to })),
    moved: movements.map(({ node, how: way, bytes }) => ({ ...named(node), how: way, bytes })),
    onHost: onHost(prepared.chipGraph).map(named),
    refused: refusedByChip(graph, options.chip, how),
  };
}

function expansion({ node, operator, what }: ExpansionRecord): ImportReport["expanded"][number] {
  switch (what.kind) {
    case "function":
      return { node, operator, as: "function", stepCount: null };
    case "branch":
      return { node, operator, as: what.taken === "both" ? "both branches" : `${what.taken} branch`, stepCount: null };
    case "unrolled":
      return { node, operator, as: "steps", stepCount: what.stepCount };
  }
}

/** The ONNX operators of a model's nodes as the importer recorded them; those of graph text are the IR's own. */
function operatorNames(graph: Graph, { record }: ImportedModel): Map<string, string> {
  const own = graph.nodes.flatMap(({ op, origin }) => origin.map((node): [string, string] => [node, op]));
  return new Map([...own, ...record.operators]);
}

function fusedLayers(graph: Graph): ImportReport["fused"] {
  const layers = new Map<string, Set<string>>();
  for (const { layer, origin } of graph.nodes) {
    if (layer === null) continue;
    const nodes = layers.get(layer) ?? new Set<string>();
    layers.set(layer, nodes);
    for (const node of origin) nodes.add(node);
  }
  return [...layers].filter(([, nodes]) => nodes.size > 1).map(([layer, nodes]) => ({ layer, nodes: [...nodes] }));
}

/** The last node of the graph that came from each ONNX node. */
function lastNodes(graph: Graph): Map<string, Node> {
  return new Map(graph.nodes.flatMap((node) => node.origin.map((origin): [string, Node] => [origin, node])));
}

/** ONNX nodes whose result has a narrower element type on the chip, or whose operands have. */
function narrowed(graph: Graph, chipGraph: Graph): { node: string; from: string; to: string }[] {
  const types = new Map(
    [...chipGraph.inputs, ...chipGraph.constants, ...chipGraph.nodes].map(({ name, type }) => [name, type]),
  );
  const onChip = new Map<string, Set<string>>();
  for (const node of chipGraph.nodes) {
    const operands = operatorOf(node.op).runsOn === "matrix" ? node.operands.slice(0, 2) : [];
    const read = operands.flatMap((operand) => types.get(operand ?? "")?.element ?? []);
    for (const origin of node.origin) {
      const elements = onChip.get(origin) ?? new Set<string>();
      onChip.set(origin, elements);
      elements.add(read.length > 0 ? read.join(" × ") : node.type.element);
    }
  }
  return [...lastNodes(graph)].flatMap(([node, { type, op }]) => {
    if (operatorOf(op).runsOn === "movement") return [];
    const found = [...(onChip.get(node) ?? [])].filter((element) => element !== type.element);
    return found.length === 0 ? [] : [{ node, from: type.element, to: found.join(", ") }];
  });
}

/** What became of the nodes that move data: copies on the chip, or nothing because other layers absorb them. */
function moved(
  graph: Graph,
  chipGraph: Graph,
  folded: ReadonlySet<string>,
): { node: string; how: "copied" | "absorbed"; bytes: number }[] {
  const bytes = new Map<string, number>();
  for (const { op, type, origin } of chipGraph.nodes) {
    if (operatorOf(op).runsOn !== "movement") continue;
    for (const node of origin) {
      bytes.set(node, (bytes.get(node) ?? 0) + packedBytes(type.element, elementCount(type)));
    }
  }
  const moving = graph.nodes.filter(({ op }) => operatorOf(op).runsOn === "movement");
  const absorbed = new Set(moving.flatMap(({ origin }) => origin));
  return [...new Set([...absorbed, ...bytes.keys()])]
    .filter((node) => bytes.has(node) || !folded.has(node))
    .map((node) => ({ node, how: bytes.has(node) ? "copied" : "absorbed", bytes: bytes.get(node) ?? 0 }));
}

/** The nodes of which the host runs something. */
function onHost(chipGraph: Graph): string[] {
  const nodes = chipGraph.nodes.filter(({ op }) => operatorOf(op).runsOn === "folded");
  return [...new Set(nodes.flatMap(({ origin }) => origin))];
}

function refusals(by: "import" | "chip", problems: readonly Problem[]): ImportReport["refused"] {
  return problems.map(({ code, message, at }) => ({
    by,
    code,
    message,
    node: at.onnxNode ?? at.layer ?? at.tensor ?? null,
    operator: at.operator ?? null,
  }));
}

function chipRefusals(error: unknown): ImportReport["refused"] {
  if (!(error instanceof BorealError) || error.exitCode !== 1) throw error;
  return refusals("chip", error.problems);
}

function refusedByChip(
  graph: Graph,
  chip: ChipTarget,
  how: { readonly precision: string | PrecisionPlan; readonly calibrationFrames: null; readonly hostOps: boolean },
): ImportReport["refused"] {
  try {
    compile(graph, chip, how);
    return [];
  } catch (error) {
    return chipRefusals(error);
  }
}
