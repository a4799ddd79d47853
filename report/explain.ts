import { cycleCauses } from "../runtime-sim/metrics-stack.ts";
import { layerBlocks } from "./explain-layer.ts";
import type { ExplainedLayer, ExplanationResult } from "./explain-schema.ts";
import { formatCount, formatPercent, formatQuantity, formatRatio, shorten, shortenName, words } from "./format.ts";
import { formatTable } from "./table.ts";
import {
  axisText,
  type Colours,
  heading,
  line,
  makeColours,
  targetLine,
  warningLines,
  weightsText,
  wrapped,
} from "./text-parts.ts";

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
      : [headLines(colours, result), ...layerBlocks(colours, result, wanted, layer)];
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
    shortenName(layer.name, 26),
    formatCount(layer.latencyCycles),
    formatPercent(whole === 0 ? 0 : layer.latencyCycles / whole),
    formatCount(layer.predictedCycles),
    layer.boundRatio === null ? "" : formatRatio(layer.boundRatio),
    words(layer.bindingResource),
    shorten(axisText(layer.split), 22),
    weightsText(layer),
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
