import picocolors from "picocolors";
import type {
  EnergyResult,
  HostOperationResult,
  IdealResult,
  LayerResult,
  MemoryResult,
  RangeResult,
  TargetSummary,
  TimingResult,
  Warning,
  WithHostResult,
} from "./figures-schema.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatPercent,
  formatQuantity,
  formatRate,
  formatShareOfBytes,
  shorten,
  shortenName,
  words,
} from "./format.ts";
import type { Choices } from "./schemas.ts";
import { formatTable } from "./table.ts";

/** Columns of the screen. */
export const screenColumns = 100;

/** The colours of a report. */
export type Colours = ReturnType<typeof picocolors.createColors>;

/** Colours, or none. */
export function makeColours(colour: boolean): Colours {
  return picocolors.createColors(colour);
}

/** Columns of the labels at the left. */
const labelColumns = 12;

/** A line that begins with what it is about; a plain text that is too long for the screen is cut. */
export function line(colours: Colours, label: string, text: string): string {
  const isPlain = !text.includes("\u001b");
  return `${colours.bold(label.padEnd(labelColumns))}${isPlain ? shorten(text, screenColumns - labelColumns) : text}`;
}

/** How streams part the batch, where there are several. */
export function streamLines(colours: Colours, { batchCount, streamCount }: Choices): string[] {
  if (streamCount === 1) return [];
  const each = batchCount / streamCount;
  return [line(colours, "streams", `${streamCount} batches of ${each} in a run, computed in turns, layer by layer`)];
}

/** A text in lines of the screen's width; those after the first begin with `indent`. */
export function wrapped(text: string, indent: string, columns = screenColumns): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    const next = current === "" ? word : `${current} ${word}`;
    if (current !== "" && next.length > columns) {
      lines.push(current);
      current = `${indent}${word}`;
    } else current = next;
  }
  return [...lines, current];
}

/** A text after what it is about, in as many lines as it takes. */
export function labelled(colours: Colours, label: string, text: string): string[] {
  const [first = "", ...rest] = wrapped(text, "", screenColumns - labelColumns);
  return [line(colours, label, first), ...rest.map((each) => line(colours, "", each))];
}

/** A split as the grid has it: the parts of rows × those of columns; nothing without a split. */
export function axisText(split: LayerResult["split"]): string {
  if (split === null) return "";
  const axis = (parts: NonNullable<LayerResult["split"]>["rows"]): string =>
    parts.map(({ dimension, parts: count }) => `${dimension}:${count}`).join(" ") || "1";
  return `${axis(split.rows)} × ${axis(split.columns)}`;
}

/** A heading at the left and a remark at the right end of the screen. */
export function heading(colours: Colours, left: string, right: string): string {
  const gap = Math.max(2, screenColumns - left.length - right.length);
  return `${colours.bold(left)}${" ".repeat(gap)}${colours.dim(right)}`;
}

/** The line about the target. */
export function targetLine(colours: Colours, target: TargetSummary): string {
  const { gridRows, gridColumns, clockHz, estimatedNumberCount, numberCount } = target;
  const changed = target.overrides.length === 0 ? "" : `; changed: ${target.overrides.join(", ")}`;
  const estimates = `${estimatedNumberCount} of ${numberCount} numbers are estimates`;
  const text = `${target.name}: ${gridRows} × ${gridColumns} cores at ${formatQuantity(clockHz, "Hz")}; ${estimates}${changed}`;
  return line(colours, "target", text);
}

/** What share of a whole each named part has, greatest first; what does not fit in a line is added up. */
export function shares(parts: Readonly<Record<string, number>>, width = screenColumns - labelColumns): string {
  const whole = Object.values(parts).reduce((total, value) => total + value, 0);
  if (whole === 0) return "none";
  const sorted = Object.entries(parts).sort(([, a], [, b]) => b - a);
  const texts: string[] = [];
  let rest = whole;
  for (const [name, value] of sorted) {
    const text = `${words(name)} ${formatPercent(value / whole)}`;
    if (value / whole < 0.01 || [...texts, text, "other 99 %"].join(", ").length > width) break;
    texts.push(text);
    rest -= value;
  }
  if (rest / whole >= 0.0005) texts.push(`other ${formatPercent(rest / whole)}`);
  return texts.join(", ");
}

/** Time, energy and power, on device beside with host. */
export function figureLines(
  colours: Colours,
  timing: TimingResult,
  energy: EnergyResult,
  host: WithHostResult,
): string[] {
  const cycles = (count: number, seconds: number): string =>
    `${formatCount(count)} cycles = ${formatQuantity(seconds, "s")}`;
  const rows = [
    ["latency", cycles(timing.latencyCycles, timing.latencySeconds), cycles(host.latencyCycles, host.latencySeconds)],
    ["throughput", formatRate(timing.throughputPerSecond), formatRate(host.throughputPerSecond)],
    [
      "energy",
      `${formatQuantity(energy.energyPerInferenceJoules, "J")} an inference`,
      `${formatQuantity(host.energyPerInferenceJoules, "J")} an inference`,
    ],
    ["power", formatQuantity(energy.powerWatts, "W"), formatQuantity(host.powerWatts, "W")],
    ["binds", words(timing.bindingResource), words(host.bindingResource)],
  ];
  const width = Math.max(...rows.map(([, device = ""]) => device.length)) + 4;
  return [
    `${" ".repeat(labelColumns)}${colours.dim("on device".padEnd(width))}${colours.dim("with host")}`,
    ...rows.map(([label = "", device = "", withHost = ""]) => line(colours, label, device.padEnd(width) + withHost)),
  ];
}

/** What is free, and how the headline moved by it, on device. */
export function idealLines(
  colours: Colours,
  ideal: IdealResult | null,
  timing: TimingResult,
  energy: EnergyResult,
  host: WithHostResult,
): string[] {
  if (ideal === null) return [];
  const { resources, real } = ideal;
  const cycles = (from: number, to: number): string =>
    `${formatCount(from)} → ${formatCount(to)} cycles (${formatChange(from, to)})`;
  const [before, after] = [real.energyPerInferenceJoules, energy.energyPerInferenceJoules];
  const joules = `${formatQuantity(before, "J")} → ${formatQuantity(after, "J")} (${formatChange(before, after)})`;
  const isPlural = resources.length > 1;
  return [
    line(
      colours,
      "ideal",
      `${resources.join(", ")} ${isPlural ? "take" : "takes"} no time; mapped for the real machine. From real to ideal:`,
    ),
    line(
      colours,
      "",
      `latency ${cycles(real.latencyCycles, timing.latencyCycles)}, interval ${cycles(real.intervalCycles, timing.intervalCycles)}`,
    ),
    line(
      colours,
      "",
      `energy ${joules}; with host: latency ${cycles(real.withHost.latencyCycles, host.latencyCycles)}`,
    ),
  ];
}

/** What the figures are made of: bound, utilization, cycles by cause, energy by part, ranges. */
export function explanationLines(
  colours: Colours,
  timing: TimingResult,
  energy: EnergyResult,
  range: RangeResult | null,
): string[] {
  const lines: string[] = [];
  const { boundLatencyCycles, boundIntervalCycles, packedBoundIntervalCycles, boundResource } = timing;
  if (boundLatencyCycles !== null && boundIntervalCycles !== null && boundResource !== null) {
    const share = packedBoundIntervalCycles === null ? 0 : packedBoundIntervalCycles / timing.intervalCycles;
    const packed =
      packedBoundIntervalCycles === null
        ? ""
        : `, ${formatCount(packedBoundIntervalCycles)} packed (${formatPercent(share)} of the interval)`;
    const interval = `interval ≥ ${formatCount(boundIntervalCycles)} (${words(boundResource)})${packed}`;
    lines.push(
      line(
        colours,
        "bound",
        `latency ≥ ${formatCount(boundLatencyCycles)} cycles (${formatPercent(boundLatencyCycles / timing.latencyCycles)} of the latency); ${interval}`,
      ),
    );
  }
  lines.push(line(colours, "utilization", `${formatPercent(timing.utilizationFraction)} of the matrix units' peak`));
  lines.push(line(colours, "cycles", shares(timing.cyclesByCause)));
  lines.push(line(colours, "energy in", shares(energy.byComponentJoules)));
  if (range !== null) {
    const span = ([low, high]: readonly [number, number], unit: string): string =>
      `${formatQuantity(low, unit)} – ${formatQuantity(high, unit)}`;
    const latency = range.latencySeconds === null ? "" : `latency ${span(range.latencySeconds, "s")}, `;
    const text = `${latency}energy ${span(range.energyPerInferenceJoules, "J")}, power ${span(range.powerWatts, "W")}`;
    const how = range.timing === "held" ? "at these cycles; --range: all" : `${range.movedNumbers.length} moved`;
    if (range.movedNumbers.length > 0) lines.push(line(colours, "range", `${text} (${how})`));
  }
  return lines;
}

/** The line about what the host computes, when it does anything. */
export function hostLines(colours: Colours, operations: readonly HostOperationResult[]): string[] {
  if (operations.length === 0) return [];
  const total = (field: "transferBytes" | "transferSeconds" | "operationSeconds"): number =>
    operations.reduce((sum, operation) => sum + operation[field], 0);
  const transfer = `${formatBytes(total("transferBytes"))} in ${formatQuantity(total("transferSeconds"), "s")}`;
  const work = `${formatQuantity(total("operationSeconds"), "s")} of work`;
  const names = [...new Set(operations.map(({ operator }) => operator))].join(", ");
  return [
    line(
      colours,
      "on the host",
      `${operations.length} operator${operations.length === 1 ? "" : "s"}, ${transfer} over the link, ${work}: ${names}`,
    ),
  ];
}

/** The line about memory. */
export function memoryLine(colours: Colours, memory: MemoryResult): string {
  const parts = [
    `${formatShareOfBytes(memory.peakCoreBytes, memory.coreCapacityBytes)} in a core`,
    `${formatShareOfBytes(memory.usedBytes, memory.capacityBytes)} in all`,
    `framebuffer ${formatShareOfBytes(memory.frameBufferUsedBytes, memory.frameBufferCapacityBytes)}`,
  ];
  return line(colours, "memory", parts.join(", "));
}

/** The layers that take the most cycles. */
export function layerLines(colours: Colours, layers: readonly LayerResult[], most: number): string[] {
  const whole = layers.reduce((total, layer) => total + layer.latencyCycles, 0);
  const top = [...layers].sort((a, b) => b.latencyCycles - a.latencyCycles).slice(0, most);
  const rows = top.map((layer) => [
    shortenName(layer.name, 26),
    layer.kind,
    formatCount(layer.latencyCycles),
    formatPercent(whole === 0 ? 0 : layer.latencyCycles / whole),
    words(layer.bindingResource),
    shorten(axisText(layer.split), 24),
    weightsText(layer),
  ]);
  const dim = (title: string): string => colours.dim(title);
  return formatTable(
    [
      { title: dim(layers.length > most ? `top ${most} of ${layers.length} layers` : `${layers.length} layers`) },
      { title: dim("kind") },
      { title: dim("cycles"), align: "right" },
      { title: dim("share"), align: "right" },
      { title: dim("binds") },
      { title: dim("split rows × columns") },
      { title: dim("weights") },
    ],
    rows,
  );
}

/** Where a layer's constant weights stay; nothing where it has none. */
export function weightsText({ weights, weightCopyCount }: Pick<LayerResult, "weights" | "weightCopyCount">): string {
  return weights === "replicated" ? `${weightCopyCount} copies` : (weights ?? "");
}

/** Warnings, one a line; what does not fit in `most` lines is counted. */
export function warningLines(colours: Colours, warnings: readonly Warning[], most: number): string[] {
  const lines = warnings
    .slice(0, most)
    .map(({ code, message }) => `${colours.yellow(`warning[${code}]`)} ${shorten(message, screenColumns - 15)}`);
  if (warnings.length > most) lines.push(`and ${warnings.length - most} more warnings (--json lists all)`);
  return lines;
}
