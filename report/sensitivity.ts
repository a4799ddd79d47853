import { csvLine } from "./csv.ts";
import { formatCount, formatQuantity } from "./format.ts";
import type { SensitivityMove, SensitivityResult, SensitivityRow } from "./sensitivity-schema.ts";
import { formatTable } from "./table.ts";
import { heading, line, makeColours, targetLine, warningLines } from "./text-parts.ts";

/** Changes below this show as none. */
const smallestChange = 5e-5;

const changes = (row: SensitivityRow): number[] =>
  [row.down, row.up].flatMap(({ latencyChange, energyChange }) => [latencyChange, energyChange]);

/** The rows of numbers that move anything. */
export function movingRows({ rows }: SensitivityResult): SensitivityRow[] {
  return rows.filter((row) => changes(row).some((change) => Math.abs(change) >= smallestChange));
}

function percent(change: number): string {
  if (Math.abs(change) < smallestChange) return "–";
  return `${change > 0 ? "+" : "−"}${(100 * Math.abs(change)).toFixed(Math.abs(change) < 0.0995 ? 2 : 1)} %`;
}

const number = (value: number): string => String(Number(value.toPrecision(6)));

function moved(row: SensitivityRow): string {
  const to = ({ value, mapping }: SensitivityMove): string =>
    value === row.value ? "–" : `${number(value)}${{ kept: "", searched: "*", none: "!" }[mapping]}`;
  return `${to(row.down)}, ${to(row.up)}`;
}

/** The estimates that matter, as a table for a screen. */
export function printSensitivity(result: SensitivityResult, options: { readonly colour?: boolean } = {}): string {
  const colours = makeColours(options.colour ?? false);
  const rows = movingRows(result);
  const right = (title: string) => ({ title: colours.dim(title), align: "right" as const });
  const table = formatTable(
    [
      { title: colours.dim("estimate") },
      right("value"),
      { title: colours.dim("unit") },
      right("moved to"),
      right("latency"),
      right(""),
      right("energy"),
      right(""),
    ],
    rows.map((row) => [
      row.path,
      number(row.value),
      row.unit,
      moved(row),
      percent(row.down.latencyChange),
      percent(row.up.latencyChange),
      percent(row.down.energyChange),
      percent(row.up.energyChange),
    ]),
  );
  const all = rows.flatMap(({ down, up }) => [down.mapping, up.mapping]);
  const notes = [
    ...(all.includes("searched") ? ["* the mapping was searched again"] : []),
    ...(all.includes("none") ? ["! no mapping: not known"] : []),
    ...(rows.length < result.rows.length
      ? [`${result.rows.length - rows.length} other estimates move neither latency nor energy of this model.`]
      : []),
  ];
  const step = `${(100 * result.stepFraction).toFixed(0)} %`;
  const head = [
    heading(colours, `${result.model.name} on ${result.target.name}`, `boreal ${result.provenance.boreal}`),
    targetLine(colours, result.target),
    line(colours, "latency", `${formatCount(result.latencyCycles)} cycles on device`),
    line(colours, "energy", `${formatQuantity(result.energyPerInferenceJoules, "J")} an inference on device`),
    line(
      colours,
      "moved",
      `each estimate ${step} down and up, within its range; ${result.remap ? "mapping searched again" : "same mapping"}`,
    ),
  ];
  const blocks = [head, table, notes, warningLines(colours, result.warnings, 3)];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

/** Every estimate as CSV, the greatest relative change first. */
export function printSensitivityCsv({ rows }: SensitivityResult): string {
  const head = ["path", "unit", "value", "rangeLow", "rangeHigh"];
  const fields = [
    "value",
    "mapping",
    "latencyCycles",
    "energyPerInferenceJoules",
    "latencyChange",
    "energyChange",
  ] as const;
  const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  const lines = rows.map((row) => [
    row.path,
    row.unit,
    row.value,
    ...row.range,
    ...fields.map((field) => row.down[field]),
    ...fields.map((field) => row.up[field]),
  ]);
  const columns = [...head, ...["down", "up"].flatMap((way) => fields.map((field) => `${way}${capital(field)}`))];
  return `${[columns, ...lines].map(csvLine).join("\n")}\n`;
}
