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
  shortenName,
  words,
} from "./format.ts";
import { formatTable } from "./table.ts";
import { axisText, type Colours, labelled, line, weightsText, wrapped } from "./text-parts.ts";

/** A layer from near, block by block: how it stands and why, cycles by cause, transfers, other choices, levers. */
export function layerBlocks(
  colours: Colours,
  result: ExplanationResult,
  layer: ExplainedLayer,
  detail: LayerExplanation,
): (readonly string[])[] {
  return [
    layerLines(colours, result, layer, detail),
    cycleLines(colours, layer, detail),
    transferLines(colours, detail),
    alternativeLines(colours, detail, result.choices),
    leverLines(colours, detail, result.choices),
  ];
}

/** What each objective makes small. */
const objectiveFigures = { latency: "cycles", throughput: "cycles", energy: "energy", edp: "energy × time" } as const;

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
  const figure = objectiveFigures[result.choices.objective];
  const considered =
    detail.consideredCount <= 1
      ? "the only choice"
      : `best of ${detail.consideredCount} choices by predicted ${figure} of the network`;
  const exact = detail.searchIsExact ? considered : `${considered}, as far as memory allows`;
  return [
    ...labelled(colours, "layer", `${layer.name}: ${layer.kind}${macs}${nodes}${siblings}`),
    ...labelled(colours, "dimensions", dimensions.join(", ") || "none"),
    ...labelled(
      colours,
      "mapped",
      `rows × columns ${axisText(layer.split)}${layer.weights === null ? "" : `, weights ${layer.weights === "replicated" ? "in " : ""}${weightsText(layer)}`}; ${layer.usedCoreCount === 1 ? "one core has" : `${layer.usedCoreCount} cores have`} a part; ${exact}`,
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
      shortenName(value, 32),
      shortenName(from, 24),
      cycles === 0 ? "stays in place" : remoteBytes === 0 ? "–" : `up to ${formatBytes(Math.round(remoteBytes))}`,
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

type Choices = ExplanationResult["choices"];

/** Whether energy is what the objective makes small, alone or with time. */
function countsEnergy({ objective }: Choices): boolean {
  return objective === "energy" || objective === "edp";
}

type Simulated = LayerExplanation["alternatives"][number]["simulated"];

/** What the objective makes small; nothing is better than what was not simulated. */
function scoreOf(simulated: Simulated, { objective }: Choices): number {
  if (simulated === null) return Number.POSITIVE_INFINITY;
  const { latencyCycles, energyJoules } = simulated;
  return objective === "energy" ? energyJoules : objective === "edp" ? energyJoules * latencyCycles : latencyCycles;
}

/** An energy beside what it is without a change. */
function energyText(from: number | null, to: number | null): string {
  if (to === null) return "–";
  const text = formatQuantity(to, "J");
  return from === null || from === to ? text : `${text} (${formatChange(from, to)})`;
}

function alternativeLines(colours: Colours, { alternatives }: LayerExplanation, choices: Choices): string[] {
  const [chosen] = alternatives;
  const base = chosen?.simulated ?? null;
  const rows = alternatives.map((each, index) => [
    `${index === 0 ? "chosen" : `${index + 1}`}`,
    shorten(axisText(each.split), 26),
    weightsText(each),
    formatCount(each.predictedLayerCycles),
    predictedText(chosen ?? each, each),
    each.fits === false ? "does not fit" : each.simulated === null ? "" : formatCount(each.simulated.layerCycles ?? 0),
    each.simulated === null
      ? ""
      : each.isChosen
        ? formatCount(each.simulated.latencyCycles ?? 0)
        : changeText(base?.latencyCycles ?? null, each.simulated.latencyCycles),
    ...(countsEnergy(choices) ? [energyText(base?.energyJoules ?? null, each.simulated?.energyJoules ?? null)] : []),
  ]);
  const better = alternatives.filter(
    (each) => !each.isChosen && scoreOf(each.simulated, choices) < scoreOf(base, choices),
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
        ...(countsEnergy(choices) ? [right("energy")] : []),
      ],
      rows,
    ),
    colours.dim("cycles of the layer, and of the network with that choice forced and all others searched again;"),
    colours.dim("≥: before memory is looked at"),
    ...(better.length === 0
      ? []
      : [
          `${better.length === 1 ? "One choice is" : `${better.length} choices are`} better when simulated: the prediction misses it.`,
        ]),
    ...(alternatives.length === 1 ? ["There is no other choice."] : []),
  ];
}

function leverLines(colours: Colours, { alternatives, levers }: LayerExplanation, choices: Choices): string[] {
  const { batchCount } = choices;
  const whole = alternatives[0]?.simulated ?? null;
  const base = {
    layerCycles: (whole?.layerCycles ?? 0) / batchCount,
    latencyCycles: (whole?.latencyCycles ?? 0) / batchCount,
    energyJoules: whole?.energyJoules ?? null,
  };
  const effect = ({ latencyCycles }: LayerExplanation["levers"][number]): number =>
    base.latencyCycles - (latencyCycles ?? Number.POSITIVE_INFINITY);
  const tried = levers.filter(({ refusal }) => refusal === null);
  const moving = tried
    .filter((each) => each.latencyCycles !== base.latencyCycles || each.layerCycles !== base.layerCycles)
    .sort((left, right) => effect(right) - effect(left));
  const still = tried.filter((each) => !moving.includes(each));
  const rows = moving.map((each) => [
    each.lever,
    changeText(base.layerCycles, each.layerCycles),
    changeText(base.latencyCycles, each.latencyCycles),
    ...(countsEnergy(choices) ? [energyText(base.energyJoules, each.energyJoules)] : []),
    each.program === "same" ? "simulated, same program" : "simulated, mapped again",
  ]);
  return [
    ...formatTable(
      [
        { title: colours.dim("what would help") },
        { title: colours.dim("layer"), align: "right" },
        { title: colours.dim("network"), align: "right" },
        ...(countsEnergy(choices) ? [{ title: colours.dim("energy"), align: "right" as const }] : []),
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
