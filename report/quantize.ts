import { formatBytes, formatCount, formatPercent, shorten } from "./format.ts";
import type { QuantizedLayer, QuantizeResult } from "./quantize-schema.ts";
import { type Column, formatTable } from "./table.ts";
import { heading, line, makeColours, warningLines } from "./text-parts.ts";

const decibels = (value: number | null): string => (value === null ? "–" : `${value.toFixed(1)} dB`);
const figure = (value: number): string => String(Number(value.toPrecision(4)));

const columns: readonly Column[] = [
  { title: "layer" },
  { title: "bits" },
  { title: "MACs", align: "right" },
  { title: "weights", align: "right" },
  { title: "saved", align: "right" },
  { title: "range" },
  { title: "clipped", align: "right" },
  { title: "rounding" },
  { title: "SQNR", align: "right" },
];

function layerCells(layer: QuantizedLayer): string[] {
  const { name, precision, macCount, weightBytes, weightBytesSaved, activation, rounding, sqnrDb } = layer;
  const gained =
    rounding?.sqnrDb == null || rounding.nearestSqnrDb === null ? null : rounding.sqnrDb - rounding.nearestSqnrDb;
  return [
    shorten(name, 28),
    precision,
    formatCount(macCount),
    weightBytes === null ? "–" : formatBytes(weightBytes),
    weightBytesSaved === null ? "–" : formatBytes(weightBytesSaved),
    `${figure(activation.low)} to ${figure(activation.high)}`,
    activation.clippedShare === null ? "–" : formatPercent(activation.clippedShare),
    rounding === null ? "nearest" : `${rounding.recipe}${gained === null ? "" : ` +${gained.toFixed(1)} dB`}`,
    decibels(sqnrDb),
  ];
}

/** How a model was quantized and how near it is to f32; its layers with `explain`. */
export function printQuantization(
  result: QuantizeResult,
  options: { readonly colour?: boolean; readonly explain?: boolean } = {},
): string {
  const colours = makeColours(options.colour ?? false);
  const { model, precision, calibration, quantizer, accuracy, steps, layers, files, warnings, provenance } = result;
  const kept = quantizer.used === quantizer.asked ? "" : `; of it kept: ${quantizer.used}`;
  const worst =
    accuracy.worstLayer === null
      ? ""
      : `; worst layer ${accuracy.worstLayer.name}, ${decibels(accuracy.worstLayer.sqnrDb)}`;
  const lines = [
    heading(colours, `${model.name} at ${precision}`, `boreal ${provenance.boreal}`),
    line(colours, "ranges", `${calibration.method} over ${formatCount(calibration.sampleCount)} samples`),
    line(colours, "quantizer", `${quantizer.asked}${kept}`),
    line(colours, "accuracy", `SQNR ${decibels(accuracy.sqnrDb)} over ${accuracy.inputs}${worst}`),
    ...steps.map((step) => line(colours, "with", `${step.quantizer}: ${decibels(step.sqnrDb)}`)),
    ...files.map((file) => line(colours, "wrote", file)),
    ...(options.explain === true ? ["", ...formatTable(columns, layers.map(layerCells))] : []),
    ...warningLines(colours, warnings, 5),
  ];
  return `${lines.join("\n")}\n`;
}
