import { type CycleCause, cycleCauses } from "../runtime-sim/metrics-stack.ts";
import type { ExplainedLayer, ExplanationResult, LayerExplanation } from "./explain-schema.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatFigures,
  formatPercent,
  formatQuantity,
  formatRatio,
  shorten,
  words,
} from "./format.ts";
import { formatTable } from "./table.ts";
import { type Colours, heading, line, makeColours, screenColumns, targetLine, warningLines } from "./text-parts.ts";

const labelColumns = 12;
const shownWarnings = 3;
/** Layers of a summary that are printed, and reasons of slow ones: all of a network such as ResNet-50. */
const shownLayers = 80;
const shownReasons = 40;

/** Why a network is mapped as it is: a summary of all layers, or one of them from near. */
export function printExplanation(result: ExplanationResult, options: { readonly colour?: boolean } = {}): string {
  const colours = makeColours(options.colour ?? false);
  const { layer, layers } = result;
  const wanted = layer === null ? undefined : layers.find(({ name }) => name === layer.name);
  const blocks =
    layer === null || wanted === undefined
      ? [headLines(colours, result), summaryLines(colours, layers), reasonLines(colours, layers)]
      : [
          headLines(colours, result),
          layerLines(colours, result, wanted, layer),
          cycleLines(colours, wanted, layer),
          transferLines(colours, layer),
          alternativeLines(colours, layer),
          leverLines(colours, layer),
        ];
  return `${[...blocks, warningLines(colours, result.warnings, shownWarnings)]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headLines(colours: Colours, result: ExplanationResult): string[] {
  const { model, target, choices, latencyCycles, boundLatencyCycles, predictedCycles } = result;
  const ratio = boundLatencyCycles === 0 ? "" : ` (${formatRatio(latencyCycles / boundLatencyCycles)} ×)`;
  return [
    heading(colours, `${model.name} on ${target.name}, explained`, `boreal ${result.provenance.boreal}`),
    line(
      colours,
      "model",
      `${formatQuantity(model.macCount, "MACs")} a run, ${choices.precision}, batch ${choices.batchCount}`,
    ),
    targetLine(colours, target),
    line(
      colours,
      "latency",
      `${formatCount(latencyCycles)} cycles on device; bound ${formatCount(boundLatencyCycles)}${ratio}, the mapper predicted ${formatCount(predictedCycles)}`,
    ),
  ];
}

/** A ratio to the bound; nothing without one. */
function ratioText(ratio: number | null): string {
  return ratio === null ? "" : formatRatio(ratio);
}

function axisText(split: ExplainedLayer["split"]): string {
  if (split === null) return "";
  const axis = (parts: NonNullable<ExplainedLayer["split"]>["rows"]): string =>
    parts.map(({ dimension, parts: count }) => `${dimension}:${count}`).join(" ") || "1";
  return `${axis(split.rows)} × ${axis(split.columns)}`;
}

/** The layers with the most cycles, in the order in which they run. */
function shownOf(layers: readonly ExplainedLayer[]): readonly ExplainedLayer[] {
  const most = new Set(
    [...layers].sort((left, right) => right.latencyCycles - left.latencyCycles).slice(0, shownLayers),
  );
  return layers.filter((layer) => most.has(layer));
}

function summaryLines(colours: Colours, layers: readonly ExplainedLayer[]): string[] {
  const whole = layers.reduce((total, { latencyCycles }) => total + latencyCycles, 0);
  const shown = shownOf(layers);
  const rows = shown.map((layer) => [
    shorten(layer.name, 26),
    formatCount(layer.latencyCycles),
    formatPercent(whole === 0 ? 0 : layer.latencyCycles / whole),
    formatCount(layer.predictedCycles),
    ratioText(layer.boundRatio),
    words(layer.bindingResource),
    shorten(axisText(layer.split), 22),
    layer.weights ?? "",
  ]);
  const right = (title: string) => ({ title: colours.dim(title), align: "right" as const });
  const left = (title: string) => ({ title: colours.dim(title) });
  return formatTable(
    [
      left(shown.length === layers.length ? `${layers.length} layers` : `most cycles of ${layers.length}`),
      right("cycles"),
      right("share"),
      right("predicted"),
      right("× bound"),
      left("binds"),
      left("rows × columns"),
      left("weights"),
    ],
    rows,
  );
}

/** Layers slower than 3 times their bound, each with its reason, the slowest first. */
function reasonLines(colours: Colours, layers: readonly ExplainedLayer[]): string[] {
  const slow = layers
    .filter((layer) => layer.reason !== null)
    .sort((left, right) => right.latencyCycles - left.latencyCycles);
  if (slow.length === 0) return ["No layer is slower than 3 times its bound."];
  return [
    colours.dim(
      `slower than 3 × the bound: ${slow.length} of ${layers.length} layers, that with the most cycles first`,
    ),
    ...slow.slice(0, shownReasons).flatMap(({ name, reason }) => wrapped(`${name}: ${reason}`, "  ")),
    ...(slow.length <= shownReasons ? [] : restLines(slow.slice(shownReasons))),
  ];
}

/** How many further layers are slow, by what binds them. */
function restLines(rest: readonly ExplainedLayer[]): string[] {
  const counts = cycleCauses.map((cause) => ({
    cause,
    count: rest.filter(({ bindingResource }) => bindingResource === cause).length,
  }));
  const texts = counts
    .filter(({ count }) => count > 0)
    .sort((left, right) => right.count - left.count)
    .map(({ cause, count }) => `${words(cause)} (${count})`);
  const text = `and ${rest.length} more, bound by ${texts.join(", ")}; --json has every reason, and so has the layer's name as argument.`;
  return wrapped(text, "  ");
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

function labelled(colours: Colours, label: string, text: string): string[] {
  const [first = "", ...rest] = wrapped(text, "", screenColumns - labelColumns);
  return [line(colours, label, first), ...rest.map((each) => line(colours, "", each))];
}

function layerLines(
  colours: Colours,
  result: ExplanationResult,
  layer: ExplainedLayer,
  detail: LayerExplanation,
): string[] {
  const { latencyCycles, predictedCycles, boundCycles, packedBoundCycles, boundResource } = layer;
  const share = formatPercent(result.latencyCycles === 0 ? 0 : latencyCycles / result.latencyCycles);
  const dimensions = detail.dimensions.map(
    ({ name, size, kind }) => `${name} ${size}${kind === "reduction" ? " (summed)" : ""}`,
  );
  const bounds =
    boundCycles === null || boundResource === null
      ? "none: it does no work of its own"
      : `${formatFigures(boundCycles)} cycles (${words(boundResource)}), ${formatFigures(packedBoundCycles ?? boundCycles)} with the matrix unit's shape`;
  const ratio = layer.boundRatio === null ? "" : `: ${formatRatio(layer.boundRatio)} ×`;
  const nodes = layer.onnxNodes.length === 0 ? "" : ` from ${layer.onnxNodes.join(", ")}`;
  const related = result.layers.filter(({ onnxNodes }) =>
    onnxNodes.some((node) => layer.onnxNodes.includes(node)),
  ).length;
  const siblings = related > 1 ? `, of which ${related} layers were made` : "";
  const macs = layer.macCount === 0 ? "" : `, ${formatQuantity(layer.macCount, "MACs")}`;
  const considered = `best of ${detail.consideredCount} choices by predicted cycles of the network`;
  const exact = detail.searchIsExact ? considered : `${considered}, as far as memory allows`;
  return [
    ...labelled(colours, "layer", `${layer.name}: ${layer.kind}${macs}${nodes}${siblings}`),
    ...labelled(colours, "dimensions", dimensions.join(", ") || "none"),
    ...labelled(
      colours,
      "mapped",
      `rows × columns ${axisText(layer.split)}${layer.weights === null ? "" : `, weights ${layer.weights}`}; ${layer.usedCoreCount} cores have a part; ${exact}`,
    ),
    line(
      colours,
      "takes",
      `${formatCount(latencyCycles)} cycles simulated (${share} of the latency), ${formatCount(predictedCycles)} predicted`,
    ),
    line(colours, "bound", `${bounds}${ratio}`),
    line(colours, "binds", words(layer.bindingResource)),
    ...labelled(colours, "why", layer.reason ?? ""),
  ];
}

/** What the mapper predicted of each resource, beside the cause that the simulation charges it to. */
const predictedOf: Readonly<Record<CycleCause, keyof LayerExplanation["predicted"] | null>> = {
  matrix: "matrixCycles",
  vector: "vectorCycles",
  fillAndDrain: null,
  partialSums: "partialCycles",
  memory: "portCycles",
  network: null,
  programLoad: null,
  host: null,
  synchronization: "synchronizationCycles",
};

function cycleLines(colours: Colours, layer: ExplainedLayer, { predicted, transfers }: LayerExplanation): string[] {
  const network =
    predicted.modelCycles + predicted.frameCycles + transfers.reduce((total, { cycles }) => total + cycles, 0);
  const rows = cycleCauses.flatMap((cause) => {
    const simulated = layer.cyclesByCause[cause] ?? 0;
    const field = predictedOf[cause];
    const guess = cause === "network" ? network : field === null ? 0 : predicted[field];
    if (simulated === 0 && guess === 0) return [];
    const isPredicted = cause === "network" || field !== null;
    return [[words(cause), formatCount(simulated), isPredicted ? formatCount(guess) : "–"]];
  });
  return formatTable(
    [
      { title: colours.dim("cycles by cause") },
      { title: colours.dim("simulated, add up"), align: "right" },
      { title: colours.dim("predicted of the busiest core, overlap"), align: "right" },
    ],
    [...rows, ["all", formatCount(layer.latencyCycles), formatCount(layer.predictedCycles)]],
  );
}

function transferLines(colours: Colours, { transfers }: LayerExplanation): string[] {
  if (transfers.length === 0) return [];
  return formatTable(
    [
      { title: colours.dim("brought before it starts") },
      { title: colours.dim("from layer") },
      { title: colours.dim("into a core, from others"), align: "right" },
      { title: colours.dim("cycles predicted"), align: "right" },
    ],
    transfers.map(({ value, from, remoteBytes, cycles }) => [
      shorten(value, 32),
      shorten(from, 24),
      cycles === 0 ? "stays in place" : `up to ${formatBytes(Math.round(remoteBytes))}`,
      formatCount(cycles),
    ]),
  );
}

/** Two figures beside what they are without a change. */
function changeText(from: number | null, to: number | null): string {
  if (to === null) return "–";
  return from === null ? formatCount(to) : `${formatCount(to)} (${formatChange(from, to)})`;
}

/** What the mapper predicts of the network: placed in memory where that was tried, else a least value. */
function predictedText(chosen: LayerExplanation["alternatives"][number], each: typeof chosen): string {
  const { placedNetworkCycles, predictedNetworkCycles } = each;
  if (placedNetworkCycles === null)
    return predictedNetworkCycles === null ? "–" : `≥ ${formatCount(predictedNetworkCycles)}`;
  return each.isChosen ? formatCount(placedNetworkCycles) : changeText(chosen.placedNetworkCycles, placedNetworkCycles);
}

function alternativeLines(colours: Colours, { alternatives }: LayerExplanation): string[] {
  const [chosen] = alternatives;
  const base = chosen?.simulated ?? null;
  const rows = alternatives.map((each, index) => [
    `${index === 0 ? "chosen" : `${index + 1}`}`,
    shorten(axisText(each.split), 26),
    each.weights ?? "",
    formatCount(each.predictedLayerCycles),
    predictedText(chosen ?? each, each),
    each.fits === false ? "does not fit" : each.simulated === null ? "" : formatCount(each.simulated.layerCycles ?? 0),
    each.simulated === null
      ? ""
      : each.isChosen
        ? formatCount(each.simulated.latencyCycles ?? 0)
        : changeText(base?.latencyCycles ?? null, each.simulated.latencyCycles),
  ]);
  const quicker = alternatives.filter(
    (each) =>
      !each.isChosen && (each.simulated?.latencyCycles ?? Number.POSITIVE_INFINITY) < (base?.latencyCycles ?? 0),
  );
  const right = (title: string) => ({ title: colours.dim(title), align: "right" as const });
  return [
    ...formatTable(
      [
        { title: colours.dim("choice") },
        { title: colours.dim("rows × columns") },
        { title: colours.dim("weights") },
        right("predicted"),
        right("network"),
        right("simulated"),
        right("network"),
      ],
      rows,
    ),
    colours.dim("cycles of the layer, and of the network with that choice forced and all others searched again;"),
    colours.dim("≥: before memory is looked at"),
    ...(quicker.length === 0
      ? []
      : [
          `${quicker.length === 1 ? "One choice is" : `${quicker.length} choices are`} quicker when simulated: the prediction misses it.`,
        ]),
    ...(alternatives.length === 1 ? ["There is no other choice."] : []),
  ];
}

function leverLines(colours: Colours, { alternatives, levers }: LayerExplanation): string[] {
  const base = alternatives[0]?.simulated ?? null;
  const effect = ({ latencyCycles }: LayerExplanation["levers"][number]): number =>
    (base?.latencyCycles ?? 0) - (latencyCycles ?? Number.POSITIVE_INFINITY);
  const tried = levers.filter(({ refusal }) => refusal === null);
  const moving = tried
    .filter((each) => each.latencyCycles !== base?.latencyCycles || each.layerCycles !== base?.layerCycles)
    .sort((left, right) => effect(right) - effect(left));
  const still = tried.filter((each) => !moving.includes(each));
  const rows = moving.map((each) => [
    each.lever,
    changeText(base?.layerCycles ?? null, each.layerCycles),
    changeText(base?.latencyCycles ?? null, each.latencyCycles),
    each.program === "same" ? "simulated, same program" : "simulated, mapped again",
  ]);
  return [
    ...formatTable(
      [
        { title: colours.dim("what would help") },
        { title: colours.dim("layer"), align: "right" },
        { title: colours.dim("network"), align: "right" },
        { title: colours.dim("cycles per inference") },
      ],
      rows,
    ),
    ...(still.length === 0 ? [] : wrapped(`no effect: ${still.map(({ lever }) => lever).join("; ")}`, "  ")),
    ...levers.flatMap(({ lever, refusal }) =>
      refusal === null ? [] : wrapped(`not tried: ${lever}: ${refusal}`, "  "),
    ),
  ];
}
