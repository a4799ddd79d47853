import { formatBytes, formatCount, formatQuantity, shorten } from "./format.ts";
import type {
  CompileResult,
  ExampleListing,
  ImportReport,
  ImportResult,
  InspectResult,
  OperatorListing,
  TargetListing,
  TargetNumbers,
} from "./listing-schemas.ts";
import { type Column, formatTable } from "./table.ts";
import { heading, line, makeColours, memoryLine, streamLines, targetLine, warningLines } from "./text-parts.ts";

const joined = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
const right = (title: string): Column => ({ title, align: "right" });

/** What was compiled, and the files that were written. */
export function printCompilation(result: CompileResult, options: { readonly colour?: boolean } = {}): string {
  const colours = makeColours(options.colour ?? false);
  const { model, choices, layerCount, predictedCycles, predictionIsExact, sidecarBytes, files } = result;
  const weights =
    sidecarBytes === null ? "no weights: timing only" : `${formatBytes(sidecarBytes)} of weights and tables`;
  const exact = predictionIsExact ? "no choice among the candidates is quicker" : "after pruning or pricing of memory";
  return joined([
    heading(colours, `${model.name} on ${result.target.name}`, `boreal ${result.provenance.boreal}`),
    line(colours, "program", `${layerCount} steps, ${choices.precision}, batch ${choices.batchCount}; ${weights}`),
    ...streamLines(colours, choices),
    targetLine(colours, result.target),
    line(colours, "predicted", `${formatCount(predictedCycles)} cycles (${exact})`),
    memoryLine(colours, result.memory),
    ...files.map((file) => line(colours, "wrote", file)),
    ...warningLines(colours, result.warnings, 5),
  ]);
}

function typeText({ element, shape }: ImportResult["inputs"][number]): string {
  return `${element}[${shape === null ? "?" : shape.map((size) => size ?? "?").join(",")}]`;
}

/** What is in a model. */
export function printImport(result: ImportResult): string {
  const { model } = result;
  const colours = makeColours(false);
  const operators = Object.entries(result.nodeCountByOperator).map(([name, count]) => `${name} ${count}`);
  return joined([
    line(
      colours,
      "model",
      `${model.name}, opset ${result.opset}, IR ${result.irVersion}, by ${result.producer || "unknown"}`,
    ),
    line(colours, "weights", `${formatCount(model.parameterCount)} parameters (${model.weights})`),
    line(colours, "work", `${formatQuantity(model.macCount, "MACs")} a run`),
    ...result.inputs.map((value) => line(colours, "input", `${value.name}: ${typeText(value)}`)),
    ...result.outputs.map((value) => line(colours, "output", `${value.name}: ${typeText(value)}`)),
    line(colours, "operators", operators.join(", ")),
    ...result.notes.map((note) => line(colours, "note", note)),
  ]);
}

/** Lines of a report's part: its title with the count, then its entries, of which at most `shown` are listed. */
function reportPart(title: string, entries: readonly string[], shown = 12): string[] {
  if (entries.length === 0) return [];
  const more = entries.length > shown ? [`  and ${entries.length - shown} more; --json lists all`] : [];
  return ["", `${title}: ${entries.length}`, ...entries.slice(0, shown).map((entry) => `  ${entry}`), ...more];
}

/** What became of a model's nodes on the way to a chip. */
export function printImportReport(report: ImportReport): string {
  const { model, target, precision, unused, folded, expanded, removed, fused, approximated, moved, onHost, refused } =
    report;
  const name = ({ node, operator }: { readonly node: string; readonly operator: string }): string =>
    operator === "" ? node : `${node} (${operator})`;
  const copied = moved.filter(({ how }) => how === "copied");
  const absorbed = moved.filter(({ how }) => how === "absorbed");
  const steps = (count: number | null): string => (count === null ? "" : `${count} `);
  return joined([
    `${model} on ${target} at ${precision}`,
    ...(unused === 0 ? [] : ["", `unused, left out: ${unused}`]),
    ...reportPart(
      "folded (computed once and for all)",
      folded.map((each) => `${name(each)} by ${each.by}`),
    ),
    ...reportPart(
      "expanded",
      expanded.map((each) => `${name(each)} into ${steps(each.stepCount)}${each.as}`),
    ),
    ...reportPart(
      "removed",
      removed.map(({ node, by }) => `${node} by ${by}`),
    ),
    ...reportPart(
      "fused",
      fused.map(({ layer, nodes }) => `${layer}: ${nodes.join(", ")}`),
    ),
    ...reportPart(
      "approximated",
      approximated.map((each) => `${name(each)}: ${each.from} in ${each.to}`),
    ),
    ...reportPart(
      "moved by copies",
      copied.map((each) => `${name(each)}: ${formatBytes(each.bytes)}`),
    ),
    ...reportPart("moved by layout, without a copy", absorbed.map(name)),
    ...reportPart("moved to the host", onHost.map(name)),
    ...reportPart(
      "refused",
      refused.map(({ by, code, message, node }) => `${code} by ${by}${node === null ? "" : ` at ${node}`}: ${message}`),
    ),
  ]);
}

/** What a file is. */
export function printInspection(result: InspectResult): string {
  return joined([
    `${result.file}: ${result.is}, ${formatCount(result.bytes)} bytes`,
    ...result.facts.map(({ name, value }) => `  ${name.padEnd(16)} ${value ?? "–"}`),
    `  ${"sha256".padEnd(16)} ${result.sha256}`,
  ]);
}

/** The targets that come with the project. */
export function printTargetListing({ targets }: TargetListing): string {
  const rows = targets.map(({ name, kind, numberCount, estimatedNumberCount }) => [
    name,
    kind,
    String(numberCount),
    String(estimatedNumberCount),
  ]);
  return joined(formatTable([{ title: "target" }, { title: "kind" }, right("numbers"), right("estimates")], rows));
}

/** The numbers of a target. */
export function printTargetNumbers({ name, targetKind, numbers, overrides }: TargetNumbers): string {
  const rows = numbers.map(({ path, value, unit, source, range }) => [
    path,
    String(value),
    unit,
    source,
    range === null ? "" : `${range[0]} – ${range[1]}`,
  ]);
  const changed = overrides.length === 0 ? "" : `; changed: ${overrides.join(", ")}`;
  return joined([
    `${name}: ${targetKind}, ${numbers.length} numbers${changed}. Sources and reasons: --json, or its file.`,
    "",
    ...formatTable(
      [{ title: "path" }, right("value"), { title: "unit" }, { title: "source" }, { title: "range" }],
      rows,
    ),
  ]);
}

/** ONNX forms as text: `Conv 1–25`, `Gelu 20+`. */
export function formText({ operator, domain, since, until }: OperatorListing["expanded"][number]): string {
  const opsets = until === null ? `${since}+` : since === until ? String(since) : `${since}–${until}`;
  return `${domain === "" ? "" : `${domain}.`}${operator} ${opsets}`;
}

/** The operators and what they implement. */
export function printOperators({ operators, opsets, expanded }: OperatorListing): string {
  const rows = operators.map(({ name, runsOn, onnx }) => [name, runsOn, shorten(onnx.map(formText).join(", "), 70)]);
  return joined([
    `${operators.length} operators; ONNX opsets ${opsets.first} to ${opsets.last} of the default domain.`,
    "",
    ...formatTable([{ title: "operator" }, { title: "runs on" }, { title: "ONNX operator and opsets" }], rows),
    "",
    `Gone after import, for what they hold stands in their place: ${expanded.map(formText).join(", ")}; functions of a model.`,
  ]);
}

/** The examples. */
export function printExamples({ examples }: ExampleListing): string {
  if (examples.length === 0) return "There are no examples.\n";
  return joined(
    formatTable(
      [{ title: "example" }, { title: "" }],
      examples.map(({ name, summary }) => [name, summary]),
    ),
  );
}
