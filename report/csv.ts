import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import type { LayerResult } from "./figures-schema.ts";

/** A cell: in quotes when it holds a comma, a quote or a line break. */
function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line of CSV, without its end. */
export function csvLine(values: readonly (string | number | null)[]): string {
  return values.map(cell).join(",");
}

const columns = [
  "name",
  "kind",
  "onnxNodes",
  "macCount",
  "latencyCycles",
  "intervalCycles",
  "boundCycles",
  "energyJoules",
  "bindingResource",
  "rowSplit",
  "columnSplit",
  "corner",
  "beside",
  "weights",
  "weightCopyCount",
  "sqnrDb",
  ...cycleCauses.map((cause) => `${cause}Cycles`),
];

function splitText(parts: NonNullable<LayerResult["split"]>["rows"] | undefined): string {
  return (parts ?? []).map(({ dimension, parts: count }) => `${dimension}:${count}`).join(" ");
}

/** The layers of a result as CSV: a header, and a row a layer in the order in which they run. */
export function printCsv({ layers }: { readonly layers: readonly LayerResult[] }): string {
  const rows = layers.map((layer) =>
    [
      layer.name,
      layer.kind,
      layer.onnxNodes.join(" "),
      layer.macCount,
      layer.latencyCycles,
      layer.intervalCycles,
      layer.boundCycles,
      layer.energyJoules,
      layer.bindingResource,
      splitText(layer.split?.rows),
      splitText(layer.split?.columns),
      layer.corner === null ? null : `${layer.corner.row} ${layer.corner.column}`,
      layer.beside,
      layer.weights,
      layer.weightCopyCount,
      layer.sqnrDb,
      ...cycleCauses.map((cause) => layer.cyclesByCause[cause]),
    ]
      .map(cell)
      .join(","),
  );
  return `${[columns.join(","), ...rows].join("\n")}\n`;
}
