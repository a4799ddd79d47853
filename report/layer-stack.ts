import { type CycleCause, cycleCauses } from "../runtime-sim/metrics-stack.ts";
import type { LayerResult } from "./figures-schema.ts";
import { formatRatio, shortenName } from "./format.ts";
import { formatTable } from "./table.ts";
import { type Colours, screenColumns } from "./text-parts.ts";

/** What a cause is called above a narrow column. */
const shortCauses: Readonly<Record<CycleCause, string>> = {
  matrix: "matrix",
  vector: "vector",
  fillAndDrain: "fill",
  partialSums: "psums",
  memory: "memory",
  network: "network",
  programLoad: "program",
  host: "host",
  synchronization: "sync",
};

const wholeTitle = "cycles by cause";

/** Columns that a layer's name has at least. */
const leastNameColumns = 8;

/**
 * The cycle stack: every layer in the order in which they run, its cycles by cause, and the sums. Each row adds up to its
 * cycles exactly, each column to its sum; causes without a cycle have no column.
 */
export function stackLines(colours: Colours, layers: readonly LayerResult[]): string[] {
  const total = (cyclesOf: (layer: LayerResult) => number): number =>
    layers.reduce((sum, layer) => sum + cyclesOf(layer), 0);
  const causes = cycleCauses.filter((cause) => layers.some((layer) => (layer.cyclesByCause[cause] ?? 0) !== 0));
  const cells = (cycles: number, ratio: string, ofCause: (cause: CycleCause) => number): string[] => [
    String(cycles),
    ratio,
    ...causes.map((cause) => String(ofCause(cause))),
  ];
  const titles = ["cycles", "× bound", ...causes.map((cause) => shortCauses[cause])];
  const rows = layers.map((layer) => ({
    name: layer.name,
    cells: cells(layer.latencyCycles, ratioOf(layer), (cause) => layer.cyclesByCause[cause] ?? 0),
  }));
  const all = {
    name: `${layers.length} layers`,
    cells: cells(
      total(({ latencyCycles }) => latencyCycles),
      "",
      (cause) => total(({ cyclesByCause }) => cyclesByCause[cause] ?? 0),
    ),
  };
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...[...rows, all].map(({ cells: texts }) => (texts[column] ?? "").length)),
  );
  const nameColumns = Math.max(leastNameColumns, screenColumns - widths.reduce((sum, width) => sum + width + 2, 0));
  return formatTable(
    [
      { title: colours.dim(nameColumns < wholeTitle.length ? "by cause" : wholeTitle) },
      ...titles.map((title) => ({ title: colours.dim(title), align: "right" as const })),
    ],
    [...rows, all].map(({ name, cells: texts }) => [shortenName(name, nameColumns), ...texts]),
  );
}

/** How many times its bound a layer takes; nothing for layers that have none. */
function ratioOf({ latencyCycles, boundCycles }: LayerResult): string {
  return boundCycles === null || boundCycles === 0 ? "" : formatRatio(latencyCycles / boundCycles);
}
