import { type CycleCause, cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { csvLine } from "./csv.ts";
import type { DifferenceResult, LayerDifference } from "./diff-schema.ts";
import { formatChange, formatCount, formatQuantity, shorten, shortenName, words } from "./format.ts";
import { formatTable } from "./table.ts";
import { type Colours, heading, line, makeColours, screenColumns } from "./text-parts.ts";

/** Layers and changed fields that are printed. */
const shownLayers = 15;
const shownFields = 6;

/** How two results differ: what was changed, headline, causes, components, and the layers that changed most. */
export function printDifference(result: DifferenceResult, options: { readonly colour?: boolean } = {}): string {
  const colours = makeColours(options.colour ?? false);
  const { a, b } = result;
  const blocks = [
    [
      heading(colours, "difference B − A", `boreal ${result.provenance.boreal}`),
      line(colours, "A", `${a.name} on ${a.target}: ${a.file}`),
      line(colours, "B", `${b.name} on ${b.target}: ${b.file}`),
      ...changedLines(colours, result.changed),
    ],
    headlineLines(colours, result.headline),
    changeLines(
      colours,
      "cycles of latency by cause",
      result.cyclesByCause.map(({ cause, ...change }) => ({ name: words(cause), ...change })),
      (cycles) => formatCount(cycles),
    ),
    changeLines(
      colours,
      "energy of an inference by component",
      result.energyByComponent.map(({ component, ...change }) => ({ name: words(component), ...change })),
      (joules) => formatQuantity(joules, "J"),
    ),
    layerLines(colours, result.layers),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function changedLines(colours: Colours, changed: DifferenceResult["changed"]): string[] {
  if (changed.length === 0) return [line(colours, "changed", "nothing: same model, target and choices")];
  const shown = changed.slice(0, shownFields).map(({ path, a, b }, index) => {
    const room = Math.floor((screenColumns - 12 - path.length - 5) / 2);
    return line(colours, index === 0 ? "changed" : "", `${path}: ${shorten(a, room)} → ${shorten(b, room)}`);
  });
  const rest = changed.length - shown.length;
  return rest === 0 ? shown : [...shown, line(colours, "", `and ${rest} more fields (--json lists all)`)];
}

/** A figure with a sign. */
function signed(difference: number, format: (size: number) => string): string {
  return difference === 0 ? "0" : `${difference < 0 ? "−" : "+"}${format(Math.abs(difference))}`;
}

const headlineRows = {
  latency: "latencyCycles",
  interval: "intervalCycles",
  throughput: "throughputPerSecond",
  energy: "energyPerInferenceJoules",
  power: "powerWatts",
} as const;

function headlineLines(colours: Colours, headline: DifferenceResult["headline"]): string[] {
  const rows = ["", "withHost."].flatMap((prefix) =>
    Object.entries(headlineRows).flatMap(([title, figure]) => {
      const found = headline.find((each) => each.figure === `${prefix}${figure}`);
      if (found === undefined) return [];
      const { unit, a, b, difference } = found;
      const format = (value: number): string =>
        unit === "cycles" ? `${formatCount(value)} cycles` : formatQuantity(value, unit);
      const name = prefix === "" ? title : `${title}, with host`;
      return [[name, format(a), format(b), signed(difference, format), formatChange(a, b)]];
    }),
  );
  return changeTable(colours, "headline", rows);
}

function changeTable(colours: Colours, title: string, rows: readonly (readonly string[])[]): string[] {
  return formatTable(
    [
      { title: colours.dim(title) },
      ...["A", "B", "B − A", ""].map((each) => ({ title: colours.dim(each), align: "right" as const })),
    ],
    rows,
  );
}

interface NamedChange {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  readonly difference: number;
}

/** A table of parts that differ, and their sum. */
function changeLines(
  colours: Colours,
  title: string,
  changes: readonly NamedChange[],
  format: (size: number) => string,
): string[] {
  const sum = (part: (change: NamedChange) => number): number => changes.reduce((total, each) => total + part(each), 0);
  const all = { name: "sum", a: sum(({ a }) => a), b: sum(({ b }) => b), difference: sum((each) => each.difference) };
  const shown = changes.filter(({ a, b }) => a !== b);
  if (shown.length === 0) return [`${colours.dim(title)}  no difference`];
  return changeTable(
    colours,
    title,
    [...shown, all].map(({ name, a, b, difference }) => [
      name,
      format(a),
      format(b),
      signed(difference, format),
      formatChange(a, b),
    ]),
  );
}

function layerLines(colours: Colours, layers: readonly LayerDifference[]): string[] {
  const differing = layers.filter(
    ({ latencyCycles, energyJoules }) => latencyCycles.difference !== 0 || energyJoules.difference !== 0,
  );
  if (differing.length === 0) return ["no layer differs in cycles or energy"];
  const sum = layers.reduce((total, { latencyCycles }) => total + latencyCycles.difference, 0);
  const rows = differing.slice(0, shownLayers).map((layer) => {
    const { name, latencyCycles, energyJoules } = layer;
    const cycles = (side: "a" | "b"): string =>
      layer.in === "both" || layer.in === side ? formatCount(latencyCycles[side]) : "–";
    return [
      shortenName(name, 24),
      cycles("a"),
      cycles("b"),
      signed(latencyCycles.difference, formatCount),
      mostlyText(layer),
      signed(energyJoules.difference, (joules) => formatQuantity(joules, "J")),
      layer.in === "both" ? (layer.mapping === "other" ? "other split" : "") : `only in ${layer.in.toUpperCase()}`,
    ];
  });
  const rest = differing.length - rows.length;
  return [
    ...formatTable(
      [
        { title: colours.dim(`${differing.length} of ${layers.length} layers differ`) },
        ...["A", "B", "B − A"].map((title) => ({ title: colours.dim(title), align: "right" as const })),
        { title: colours.dim("mostly") },
        { title: colours.dim("energy"), align: "right" },
        { title: "" },
      ],
      rows,
    ),
    `${rest > 0 ? `and ${rest} more (--csv lists all); ` : ""}all layers: ${signed(sum, formatCount)} cycles`,
  ];
}

/** The cause that moved most, with its cycles. */
function mostlyText({ cyclesByCause }: LayerDifference): string {
  const size = (cause: CycleCause): number => Math.abs(cyclesByCause[cause]);
  const most = cycleCauses.reduce((best, cause) => (size(cause) > size(best) ? cause : best));
  return size(most) === 0 ? "" : `${words(most)} ${signed(cyclesByCause[most], formatCount)}`;
}

const csvColumns = [
  "name",
  "in",
  ...["latencyCycles", "intervalCycles", "energyJoules"].flatMap((figure) => [
    `${figure}A`,
    `${figure}B`,
    `${figure}Difference`,
  ]),
  "mapping",
  ...cycleCauses.map((cause) => `${cause}CyclesDifference`),
];

/** The layers of two results as CSV: a header, and a row a layer, the largest difference first. */
export function printDifferenceCsv({ layers }: DifferenceResult): string {
  const rows = layers.map((layer) =>
    csvLine([
      layer.name,
      layer.in,
      ...[layer.latencyCycles, layer.intervalCycles, layer.energyJoules].flatMap(({ a, b, difference }) => [
        a,
        b,
        difference,
      ]),
      layer.mapping,
      ...cycleCauses.map((cause) => layer.cyclesByCause[cause]),
    ]),
  );
  return `${[csvColumns.join(","), ...rows].join("\n")}\n`;
}
