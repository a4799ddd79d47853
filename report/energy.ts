import type { EnergyComponent } from "../runtime-sim/energy.ts";
import { energyComponents } from "../runtime-sim/energy.ts";
import { csvLine } from "./csv.ts";
import type { EnergyResult, EnergySplitResult } from "./figures-schema.ts";
import { formatFigures, formatPercent, formatQuantity, shorten, words } from "./format.ts";
import { formatTable } from "./table.ts";
import { makeColours } from "./text-parts.ts";

/** Layers that the text shows, and columns of a grid that fits on the screen. */
const shownLayers = 20;
const shownColumns = 16;

type ByComponent = Readonly<Record<EnergyComponent, number>>;

/** The component with the most energy. */
function largest(parts: ByComponent): EnergyComponent {
  return energyComponents.reduce((most, component) => (parts[component] > parts[most] ? component : most));
}

function fraction(part: number, whole: number): string {
  return formatPercent(whole === 0 ? 0 : part / whole);
}

/** Energy by component, by layer and by core, for a screen: an inference on device. */
export function printEnergySplit(
  energy: EnergyResult,
  split: EnergySplitResult,
  options: { readonly colour?: boolean } = {},
): string {
  const { dim } = makeColours(options.colour ?? false);
  const whole = energy.energyPerInferenceJoules;
  const wattsPerJoule = whole === 0 ? 0 : energy.powerWatts / whole;
  const row = (name: string, joules: number): string[] => [
    name,
    formatQuantity(joules, "J"),
    fraction(joules, whole),
    formatQuantity(joules * wattsPerJoule, "W"),
  ];
  const components = formatTable(
    [
      { title: dim("energy by component") },
      { title: dim("an inference"), align: "right" },
      { title: dim("share"), align: "right" },
      { title: dim("power"), align: "right" },
    ],
    [
      ...energyComponents.map((component) => row(words(component), energy.byComponentJoules[component])),
      row("total", whole),
    ],
  );
  const top = [...split.layers].sort((a, b) => b.totalJoules - a.totalJoules).slice(0, shownLayers);
  const layers = formatTable(
    [
      {
        title: dim(
          split.layers.length > top.length ? `top ${top.length} of ${split.layers.length} layers` : "energy by layer",
        ),
      },
      { title: dim("an inference"), align: "right" },
      { title: dim("share"), align: "right" },
      { title: dim("dynamic"), align: "right" },
      { title: dim("static"), align: "right" },
      { title: dim("largest part") },
    ],
    top.map(({ name, byComponentJoules, totalJoules, staticJoules }) => [
      shorten(name, 40),
      formatQuantity(totalJoules, "J"),
      fraction(totalJoules, whole),
      formatQuantity(totalJoules - staticJoules, "J"),
      formatQuantity(staticJoules, "J"),
      `${words(largest(byComponentJoules))} ${fraction(byComponentJoules[largest(byComponentJoules)], totalJoules)}`,
    ]),
  );
  return `${[components, layers, coreLines(split, dim)].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

const scales = [
  { joules: 1e-3, unit: "mJ" },
  { joules: 1e-6, unit: "µJ" },
  { joules: 1e-9, unit: "nJ" },
  { joules: 1e-12, unit: "pJ" },
] as const;

/** The grid with the energy of each core in one unit, the io cores at the left; a summary where it is too wide. */
function coreLines({ cores }: EnergySplitResult, dim: (text: string) => string): string[] {
  const inner = cores.filter(({ column }) => column >= 0).map(({ totalJoules }) => totalJoules);
  const sorted = inner.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const most = sorted.at(-1) ?? 0;
  const summary = `least ${formatQuantity(sorted[0] ?? 0, "J")}, median ${formatQuantity(middle, "J")}, most ${formatQuantity(most, "J")}`;
  const columns = 1 + Math.max(...cores.map(({ column }) => column));
  if (columns > shownColumns) return [`${dim("energy by core")}  ${summary}`];
  const { joules: unit, unit: name } = scales.find(({ joules }) => most >= joules) ?? scales[3];
  const rows = 1 + Math.max(...cores.map(({ row }) => row));
  const cells = Array.from({ length: rows }, (_, row) =>
    cores.filter((core) => core.row === row).map(({ totalJoules }) => formatFigures(totalJoules / unit)),
  );
  return [
    `${dim(`energy by core, ${name}`)}  ${summary}; first column: io cores`,
    ...formatTable(
      Array.from({ length: columns + 1 }, (_, index) => ({
        title: dim(index === 0 ? "io" : String(index - 1)),
        align: "right" as const,
      })),
      cells,
    ),
  ];
}

/**
 * The energies as CSV: one row for the whole, then one a layer, then one a core (column −1: io cores). Layers add up to the
 * whole, and so do cores.
 */
export function printEnergyCsv(energy: EnergyResult, split: EnergySplitResult): string {
  const parts = (by: ByComponent): number[] => energyComponents.map((component) => by[component]);
  const rows = [
    ["total", "", null, null, ...parts(energy.byComponentJoules), energy.energyPerInferenceJoules],
    ...split.layers.map((layer) => [
      "layer",
      layer.name,
      null,
      null,
      ...parts(layer.byComponentJoules),
      layer.totalJoules,
    ]),
    ...split.cores.map((core) => [
      "core",
      "",
      core.row,
      core.column,
      ...parts(core.byComponentJoules),
      core.totalJoules,
    ]),
  ];
  const head = ["scope", "layer", "row", "column", ...energyComponents.map((each) => `${each}Joules`), "totalJoules"];
  return `${[head, ...rows].map(csvLine).join("\n")}\n`;
}
