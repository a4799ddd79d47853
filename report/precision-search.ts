import { formatChange, formatCount, formatFigures, formatPercent, formatQuantity, shorten } from "./format.ts";
import type { PrecisionPoint, PrecisionSearchResult } from "./precision-search-schema.ts";
import { type Column, formatTable } from "./table.ts";
import { heading, line, makeColours, targetLine, warningLines } from "./text-parts.ts";

const decibels = (value: number | null): string => (value === null ? "–" : `${value.toFixed(1)} dB`);

const columns: readonly Column[] = [
  { title: "" },
  { title: "layers by precision" },
  { title: "cycles", align: "right" },
  { title: "energy", align: "right" },
  { title: "cost, predicted", align: "right" },
  { title: "SQNR", align: "right" },
  { title: "predicted", align: "right" },
  { title: "budget" },
];

/** What was found: the plan that was chosen, every verified point by cost, and how near predictions came. */
export function printPrecisionSearch(
  result: PrecisionSearchResult,
  options: { readonly colour?: boolean } = {},
): string {
  const colours = makeColours(options.colour ?? false);
  const { model, target, objective, budget, quantizer, samples, search, points, chosen, files, warnings } = result;
  const plan = points[chosen];
  const widest = points.find(({ name }) => name === "w8a8");
  const cost = (value: number): string =>
    objective === "energy"
      ? formatQuantity(value, "J")
      : objective === "edp"
        ? `${value.toPrecision(3)} cycles × J`
        : `${formatCount(value)} cycles`;
  const against =
    plan === undefined || widest === undefined
      ? ""
      : `, ${formatPercent(plan.verified.cost / widest.verified.cost)} of w8a8`;
  const row = (point: PrecisionPoint, index: number): string[] => [
    index === chosen ? "→" : point.onFront ? "·" : "",
    shorten(point.name, 34),
    formatCount(point.verified.latencyCycles),
    formatQuantity(point.verified.energyJoules, "J"),
    formatChange(point.verified.cost, point.predicted.cost),
    decibels(point.verified.sqnrDb),
    decibels(point.predicted.sqnrDb),
    point.withinBudget ? "within" : "beyond",
  ];
  const { median, greatest } = search.sqnrDifferenceDb;
  const lines = [
    heading(colours, `${model.name}: precision of each layer for ${objective}`, `boreal ${result.provenance.boreal}`),
    targetLine(colours, target),
    line(colours, "budget", `${budget.metric}: ${budget.text}`),
    ...(plan === undefined
      ? []
      : [
          line(
            colours,
            "chosen",
            `${plan.name}: ${cost(plan.verified.cost)}${against}; SQNR ${decibels(plan.verified.sqnrDb)}`,
          ),
        ]),
    line(
      colours,
      "searched",
      `${search.layerCount} layers, ${search.planCount.toPrecision(3)} plans, ${formatCount(search.judgedCount)} of them evaluated exactly`,
    ),
    line(
      colours,
      "predicted",
      `SQNR within ${median.toFixed(1)} dB of verified in the median, ${greatest.toFixed(1)} dB at most; cost × ${formatFigures(search.costRatio.least)} to ${formatFigures(search.costRatio.greatest)}`,
    ),
    line(
      colours,
      "samples",
      `noise on ${samples.heldBackCount} of ${samples.calibrationCount} calibration samples, plans on ${samples.verifiedOn}`,
    ),
    line(colours, "use", `--precision PLAN.yaml --quantizer ${quantizer}, with the same calibration`),
    ...files.map((file) => line(colours, "wrote", file)),
    "",
    ...formatTable(columns, points.map(row)),
    ...warningLines(colours, warnings, 5),
  ];
  return `${lines.join("\n")}\n`;
}
