import type {
  CorePlace,
  EarlyShare,
  MappedBuffer,
  MappedStep,
  Mapping,
  ReductionPlan,
  Split,
  SplitPart,
  TilePlan,
  ValueLayout,
} from "../../ir/mapping.ts";
import type { ElementType } from "../../ir/type.ts";
import { elementTypes } from "../../ir/type.ts";
import { parseWeightPlan, resident, type WeightPlan, weightPlanText } from "../../ir/weight-plan.ts";
import { type Fields, MappingReader } from "./mapping-reader.ts";

const stepKinds = ["input", "state", "contraction", "vector", "reduce", "movement", "output"] as const;
const bufferRoles = ["value", "operand", "weights", "constant", "scratch", "program"] as const;
const elements = Object.keys(elementTypes) as ElementType[];

/** Words that YAML reads as something other than text, in any letter case. */
const reserved = new Set(["null", "true", "false", "yes", "no", "on", "off", "y", "n"]);

/** Prints a name, in quotes where YAML would not read it back as the same text. */
function text(name: string): string {
  const plain = /^[A-Za-z_][\w./-]*( \w[\w./-]*)*$/.test(name) && !reserved.has(name.toLowerCase());
  return plain ? name : JSON.stringify(name);
}

function axisText(parts: readonly SplitPart[]): string {
  return `{${parts.map(({ dimension, parts: count }) => `${text(dimension)}: ${count}`).join(", ")}}`;
}

/** Prints a mapping as YAML that `parseMapping` reads back to the same mapping. A step takes a few lines, a buffer one. */
export function printMapping(mapping: Mapping): string {
  const lines = [
    "kind: mapping",
    `graph: ${text(mapping.graph)}`,
    `target: ${text(mapping.target)}`,
    `batch: ${mapping.batchCount}`,
    mapping.steps.length === 0 ? "steps: []" : "steps:",
    ...mapping.steps.flatMap(stepLines),
    mapping.layouts.length === 0 ? "layouts: []" : "layouts:",
    ...mapping.layouts.map(({ value, order }) => `  - {value: ${text(value)}, order: [${order.join(", ")}]}`),
  ];
  if (mapping.buffers.length > 0) lines.push("buffers:", ...mapping.buffers.map(bufferLine));
  return `${lines.join("\n")}\n`;
}

function stepLines(step: MappedStep): string[] {
  const lines = [`  - name: ${text(step.name)}`, `    kind: ${step.kind}`];
  if (step.value !== null) lines.push(`    value: ${text(step.value)}`);
  if (step.nodes.length > 0) lines.push(`    nodes: [${step.nodes.map(text).join(", ")}]`);
  const { rows, columns } = step.split;
  if (rows.length > 0) lines.push(`    rows: ${axisText(rows)}`);
  if (columns.length > 0) lines.push(`    columns: ${axisText(columns)}`);
  if (step.corner !== undefined) lines.push(`    corner: {row: ${step.corner.row}, column: ${step.corner.column}}`);
  if (step.beside !== undefined) lines.push(`    beside: ${text(step.beside)}`);
  if (step.weights !== null) lines.push(`    weights: ${weightPlanText(step.weights)}`);
  if (step.tile !== null) {
    lines.push(
      `    tile: {rows: ${step.tile.rows}, columns: ${step.tile.columns}, inner: ${step.tile.inner}${step.tile.outer === undefined ? "" : `, outer: ${step.tile.outer}`}}`,
    );
  }
  if (step.reduction !== null)
    lines.push(`    reduction: {axis: ${step.reduction.axis}, parts: ${step.reduction.parts}}`);
  if (step.early !== undefined)
    lines.push(`    early: {${step.early.map((share) => `${text(share.step)}: ${share.columns}`).join(", ")}}`);
  return lines;
}

function bufferLine(buffer: MappedBuffer): string {
  const fields = [`name: ${text(buffer.name)}`, `role: ${buffer.role}`, `step: ${text(buffer.step)}`];
  if (buffer.value !== null) fields.push(`value: ${text(buffer.value)}`);
  if (buffer.element !== null) fields.push(`element: ${buffer.element}`);
  fields.push(
    `address: ${buffer.address}`,
    `bytes: ${buffer.bytes}`,
    `first: ${buffer.firstStep}`,
    `last: ${buffer.lastStep}`,
  );
  return `  - {${fields.join(", ")}}`;
}

/**
 * Reads a mapping file. `buffers` may be left out (they are then placed anew). Throws B402 with file, line and column of
 * everything that is wrong.
 */
export function parseMapping(source: string, file = "mapping"): Mapping {
  const reader = new MappingReader(source, file);
  const root = reader.root(["kind", "graph", "target", "batch", "steps", "layouts", "buffers"]);
  root.choice("kind", ["mapping"]);
  const mapping: Mapping = {
    kind: "mapping",
    graph: root.text("graph"),
    target: root.text("target"),
    batchCount: root.integer("batch", 1),
    steps: root
      .list("steps", [
        "name",
        "kind",
        "value",
        "nodes",
        "rows",
        "columns",
        "corner",
        "beside",
        "weights",
        "tile",
        "reduction",
        "early",
      ])
      .map(parseStep),
    layouts: root.list("layouts", ["value", "order"]).map(parseLayout),
    buffers: root.has("buffers")
      ? root
          .list("buffers", ["name", "role", "step", "value", "element", "address", "bytes", "first", "last"])
          .map(parseBuffer)
      : [],
  };
  reader.finish();
  return mapping;
}

function parseStep(fields: Fields): MappedStep {
  const split: Split = { rows: parseAxis(fields, "rows"), columns: parseAxis(fields, "columns") };
  return {
    name: fields.text("name"),
    kind: fields.choice("kind", stepKinds),
    nodes: fields.has("nodes") ? fields.texts("nodes") : [],
    value: fields.has("value") ? fields.text("value") : null,
    split,
    ...(fields.has("corner") ? { corner: parseCorner(fields.map("corner", ["row", "column"])) } : {}),
    ...(fields.has("beside") ? { beside: fields.text("beside") } : {}),
    weights: fields.has("weights") ? parseWeights(fields) : null,
    tile: fields.has("tile") ? parseTile(fields) : null,
    reduction: fields.has("reduction") ? parseReduction(fields) : null,
    ...(fields.has("early") ? { early: parseEarly(fields) } : {}),
  };
}

function parseAxis(fields: Fields, key: "rows" | "columns"): SplitPart[] {
  if (!fields.has(key)) return [];
  return fields.integers(key, 2).map(([dimension, parts]) => ({ dimension, parts }));
}

function parseEarly(fields: Fields): EarlyShare[] {
  return fields.integers("early", 1).map(([step, columns]) => ({ step, columns }));
}

function parseCorner(fields: Fields): CorePlace {
  return { row: fields.integer("row", 0), column: fields.integer("column", 0) };
}

function parseWeights(fields: Fields): WeightPlan {
  const read = fields.read("weights", parseWeightPlan, 'resident, streamed or a number of copies ("4 copies")');
  return read ?? resident;
}

function parseTile(fields: Fields): TilePlan {
  const tile = fields.map("tile", ["rows", "columns", "inner", "outer"]);
  const sizes = { rows: tile.integer("rows", 1), columns: tile.integer("columns", 1), inner: tile.integer("inner", 1) };
  return tile.has("outer") && tile.choice("outer", ["rows", "columns"]) === "columns"
    ? { ...sizes, outer: "columns" }
    : sizes;
}

function parseReduction(fields: Fields): ReductionPlan {
  const reduction = fields.map("reduction", ["axis", "parts"]);
  return { axis: reduction.choice("axis", ["rows", "columns"]), parts: reduction.integer("parts", 2) };
}

function parseLayout(fields: Fields): ValueLayout {
  return { value: fields.text("value"), order: fields.numbers("order", 0) };
}

function parseBuffer(fields: Fields): MappedBuffer {
  return {
    name: fields.text("name"),
    role: fields.choice("role", bufferRoles),
    step: fields.text("step"),
    value: fields.has("value") ? fields.text("value") : null,
    element: fields.has("element") ? fields.choice("element", elements) : null,
    address: fields.integer("address", 0),
    bytes: fields.integer("bytes", 0),
    firstStep: fields.integer("first", 0),
    lastStep: fields.integer("last", 0),
  };
}
