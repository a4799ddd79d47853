import type { Baseline } from "./baseline-schema.ts";
import { formatCount, formatFigures, formatPercent, formatQuantity, shorten } from "./format.ts";
import { stackLines } from "./layer-stack.ts";
import type { AccuracyResult, AnswerResult, ForecastResult, RunResult, SimulationResult } from "./schemas.ts";
import { formatTable } from "./table.ts";
import {
  type Colours,
  explanationLines,
  figureLines,
  heading,
  hostLines,
  idealLines,
  layerLines,
  line,
  makeColours,
  memoryLine,
  screenColumns,
  streamLines,
  targetLine,
  warningLines,
} from "./text-parts.ts";

/** How a report is printed. */
export interface PrintOptions {
  /** Whether terminal colours are used; none by default. */
  readonly colour?: boolean;
  /** Shows every layer with its cycles by cause, in place of those that take the most cycles. */
  readonly layers?: boolean;
}

/** Layers and warnings that one screen has room for. */
const shownLayers = 6;
const shownWarnings = 5;
/** Steps ahead that a table of forecast errors shows, as far as there are that many. */
const shownSteps = [1, 2, 4, 8, 16, 32, 64] as const;

/** The report of a run, on one screen. */
export function printRun(result: RunResult, options: PrintOptions = {}): string {
  const colours = makeColours(options.colour ?? false);
  const { accuracy, forecast } = result;
  return joined([
    [
      heading(colours, `${result.model.name} on ${result.target.name}`, `boreal ${result.provenance.boreal}`),
      line(colours, "model", modelText(result)),
      ...streamLines(colours, result.choices),
      ...batchLines(colours, result.choices),
      ...stateLines(colours, result.choices),
      targetLine(colours, result.target),
      ...idealLines(colours, result.ideal, result.timing, result.energy, result.withHost),
    ],
    [
      ...figureLines(colours, result.timing, result.energy, result.withHost),
      ...explanationLines(colours, result.timing, result.energy, result.range),
      ...gapLines(colours, result.choices),
      ...hostLines(colours, result.hostOperations),
      memoryLine(colours, result.memory),
      ...(accuracy === null
        ? [line(colours, "accuracy", "not measured: timing only")]
        : accuracyLines(colours, accuracy, result.choices.precision)),
    ],
    forecast === null ? [] : forecastLines(colours, forecast),
    gpuLines(colours, result),
    options.layers === true
      ? stackLines(colours, result.layers)
      : layerLines(colours, result.layers, forecast === null ? shownLayers : 4),
    [...warningLines(colours, result.warnings, shownWarnings), provenanceLine(colours, result)],
  ]);
}

/** The report of a program's simulation. */
export function printSimulation(result: SimulationResult, options: PrintOptions = {}): string {
  const colours = makeColours(options.colour ?? false);
  const { program, executedSampleCount } = result;
  const executed = executedSampleCount === 0 ? "not executed" : `executed on ${executedSampleCount} samples`;
  return joined([
    [
      heading(colours, `${program.name} on ${result.target.name}`, `boreal ${result.provenance.boreal}`),
      line(colours, "program", `${formatCount(program.macCount)} MACs a run, batch ${program.batchCount}; ${executed}`),
      targetLine(colours, result.target),
      ...idealLines(colours, result.ideal, result.timing, result.energy, result.withHost),
    ],
    [
      ...figureLines(colours, result.timing, result.energy, result.withHost),
      ...explanationLines(colours, result.timing, result.energy, result.range),
      ...hostLines(colours, result.hostOperations),
      memoryLine(colours, result.memory),
    ],
    options.layers === true ? stackLines(colours, result.layers) : layerLines(colours, result.layers, 10),
    [
      ...warningLines(colours, result.warnings, shownWarnings),
      colours.dim(`program ${program.sha256.slice(0, 16)}, target ${result.target.sha256.slice(0, 16)} (sha256)`),
    ],
  ]);
}

/** The report of answers without timing. */
export function printAnswers(result: AnswerResult, options: PrintOptions = {}): string {
  const colours = makeColours(options.colour ?? false);
  const number = (value: number | null): string => (value === null ? "–" : String(Number(value.toPrecision(5))));
  const rows = result.outputs.map(({ name, element, shape, least, greatest, mean }) => [
    shorten(name, 40),
    `${element}[${shape.join(",")}]`,
    number(least),
    number(greatest),
    number(mean),
  ]);
  const how = result.executor === "evaluate" ? "evaluated in f32" : `evaluated exactly in ${result.choices.precision}`;
  return joined([
    [
      heading(colours, `${result.model.name}, ${how}`, `boreal ${result.provenance.boreal}`),
      line(colours, "model", modelText(result)),
      ...batchLines(colours, result.choices),
      ...stateLines(colours, result.choices),
      ...(result.accuracy === null
        ? [line(colours, "samples", result.inputs.description)]
        : accuracyLines(colours, result.accuracy, result.choices.precision)),
    ],
    formatTable(
      [
        { title: colours.dim("output") },
        { title: colours.dim("type") },
        { title: colours.dim("least"), align: "right" },
        { title: colours.dim("greatest"), align: "right" },
        { title: colours.dim("mean"), align: "right" },
      ],
      rows,
    ),
    warningLines(colours, result.warnings, shownWarnings),
  ]);
}

function joined(blocks: readonly (readonly string[])[]): string {
  const filled = blocks.filter((lines) => lines.length > 0);
  return `${filled.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** How good the mapping is proven to be, where it was searched. */
function gapLines(colours: Colours, { gapFraction, objective }: RunResult["choices"]): string[] {
  if (gapFraction === null) return [];
  const proven =
    gapFraction === 0
      ? `the best of its candidates for ${objective}, by prediction`
      : `at most ${formatPercent(gapFraction)} above the best of its candidates for ${objective}, by prediction; memory binds`;
  return [line(colours, "mapping", proven)];
}

/** What the batches that were tried are predicted to take, where the best was chosen. */
function batchLines(colours: Colours, { batches, objective, streamCount }: RunResult["choices"]): string[] {
  if (batches === null) return [];
  const tried = batches.map(({ batchCount, intervalCycles }) =>
    intervalCycles === null
      ? `${batchCount} does not fit`
      : `${batchCount}: ${formatCount(Number(intervalCycles.toPrecision(4)))}`,
  );
  const ofWhat = streamCount === 1 ? "" : " of each stream";
  return [
    line(colours, "batches", `${tried.join(", ")}${ofWhat} (predicted interval in cycles; chosen for ${objective})`),
  ];
}

function modelText({ model, choices }: Pick<RunResult, "model" | "choices">): string {
  const weights = { trained: "the model's weights", random: "random weights", absent: "no weights" }[model.weights];
  const parameters = `${formatCount(model.parameterCount)} parameters (${weights})`;
  return `${parameters}, ${formatQuantity(model.macCount, "MACs")} a run, ${choices.precision}, batch ${choices.batchCount}`;
}

/** The inputs that stay on the chip, each after the output that is its next value. */
function stateLines(colours: Colours, { states }: RunResult["choices"]): string[] {
  return states.map(({ output, input }) => line(colours, "state", `${output} is the next ${input}`));
}

function accuracyLines(colours: Colours, accuracy: AccuracyResult, precision: string): string[] {
  const sqnr = accuracy.sqnrDb === null ? "no difference" : `${accuracy.sqnrDb.toFixed(1)} dB SQNR`;
  const worst =
    accuracy.worstLayer === null
      ? ""
      : `; worst layer ${shorten(accuracy.worstLayer.name, 36)} ${accuracy.worstLayer.sqnrDb.toFixed(1)} dB`;
  const lines = [line(colours, "accuracy", `${sqnr} against f32${worst}`)];
  const check = accuracy.exactCheck;
  if (check !== null) {
    const answer = check.equal ? colours.green("yes") : colours.red("NO: please report it");
    const compared = `${check.sampleCount} of ${accuracy.sampleCount} samples compared bit for bit`;
    lines.push(line(colours, "", `functional = exact: ${answer} (${compared})`));
  }
  const shares = precisionShares(accuracy.macCountByPrecision, precision);
  if (shares !== null) lines.push(line(colours, "precision", shares));
  lines.push(line(colours, "samples", accuracy.inputs));
  return lines;
}

/** Shares of the MACs by precision, the greatest first; null when all are of the precision that was asked for. */
function precisionShares(counts: AccuracyResult["macCountByPrecision"], precision: string): string | null {
  const entries = Object.entries(counts).sort(([, left], [, right]) => right - left);
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0 || (entries.length === 1 && entries[0]?.[0] === precision)) return null;
  return `MACs ${entries.map(([name, count]) => `${name} ${((100 * count) / total).toFixed(1)} %`).join(", ")}`;
}

/** A GPU's quickest answer and its best throughput. */
interface GpuPair {
  readonly quickest: Baseline;
  readonly best: Baseline;
}

function gpuPairs(baselines: readonly Baseline[]): GpuPair[] {
  const names = [...new Set(baselines.map(({ name, source }) => `${name}\n${source}`))];
  return names.map((key) => {
    const runs = baselines.filter(({ name, source }) => `${name}\n${source}` === key);
    const quickest = runs.reduce((a, b) => (b.latencySeconds < a.latencySeconds ? b : a));
    return { quickest, best: runs.reduce((a, b) => (b.throughputPerSecond > a.throughputPerSecond ? b : a)) };
  });
}

/** The chip and GPUs side by side, all on device; the factors say how many times the chip does better. */
function gpuLines(colours: Colours, { baselines, timing, energy, target, choices }: RunResult): string[] {
  if (baselines.length === 0) return [];
  const times = (factor: number): string => {
    const text = `${formatFigures(factor)}×`;
    return factor >= 1 ? colours.green(text) : colours.yellow(text);
  };
  const rows = gpuPairs(baselines).map(({ quickest, best }) => [
    `${best.name}${best.source === "modelled" ? "" : ` (${best.source})`}`,
    `${formatQuantity(quickest.latencySeconds, "s")} ${quickest.precision}`,
    times(quickest.latencySeconds / timing.latencySeconds),
    `${formatQuantity(best.throughputPerSecond, "/s")} ${best.precision}, batch ${best.batchCount}`,
    times(timing.throughputPerSecond / best.throughputPerSecond),
    formatQuantity(best.energyPerInferenceJoules, "J"),
    times(best.energyPerInferenceJoules / energy.energyPerInferenceJoules),
  ]);
  const chip = [
    shorten(target.name, 20),
    `${formatQuantity(timing.latencySeconds, "s")} ${choices.precision}`,
    "",
    formatQuantity(timing.throughputPerSecond, "/s"),
    "",
    formatQuantity(energy.energyPerInferenceJoules, "J"),
    "",
  ];
  const dim = (title: string): string => colours.dim(title);
  return formatTable(
    [
      { title: dim("on device (×: ahead)") },
      { title: dim(`latency, batch ${choices.batchCount}`), align: "right" },
      { title: "", align: "right" },
      { title: dim("throughput, best batch"), align: "right" },
      { title: "", align: "right" },
      { title: dim("energy"), align: "right" },
      { title: "", align: "right" },
    ],
    [chip, ...rows],
  );
}

function forecastLines(colours: Colours, forecast: ForecastResult): string[] {
  const { f32, chip, lastValue, contextMean, trainingMedian } = forecast.meanAbsoluteErrors;
  const steps = shownSteps.filter((step) => step <= lastValue.length);
  const row = (label: string, errors: readonly number[] | null): string[][] =>
    errors === null ? [] : [[label, ...steps.map((step) => (errors[step - 1] ?? 0).toFixed(4))]];
  const what = `forecast error (${forecast.unit})`;
  return [
    ...formatTable(
      [
        { title: colours.dim(what) },
        ...steps.map((step) => ({ title: colours.dim(`${step} ahead`), align: "right" as const })),
      ],
      [
        ...row("model, f32", f32),
        ...row("model, chip", chip),
        ...row("last value", lastValue),
        ...row("mean of context", contextMean),
        ...row("training median", trainingMedian),
      ],
    ),
    colours.dim(
      shorten(`${forecast.windowCount} windows of ${forecast.recording}, ${forecast.origin} data`, screenColumns),
    ),
  ];
}

function provenanceLine(colours: Colours, { model, target, choices }: RunResult): string {
  return colours.dim(
    `model ${model.sha256.slice(0, 16)}, target ${target.sha256.slice(0, 16)} (sha256), seed ${choices.seed}`,
  );
}
