import { LineChart, ScatterChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { csvLine } from "./csv.ts";
import type { PrecisionPoint, PrecisionSearchResult } from "./precision-search-schema.ts";

const columns = [
  "name",
  "chosen",
  "onFront",
  "withinBudget",
  "cost",
  "predictedCost",
  "error",
  "sqnrDb",
  "predictedSqnrDb",
  "latencyCycles",
  "intervalCycles",
  "mappedCycles",
  "energyJoules",
  "rule",
  "layers",
];

/** The points of a search as CSV: a header, and a row a point by cost. */
export function printFrontCsv({ points, chosen }: Pick<PrecisionSearchResult, "points" | "chosen">): string {
  const rows = points.map(({ name, rule, layers, predicted, verified, withinBudget, onFront }, index) =>
    csvLine([
      name,
      String(index === chosen),
      String(onFront),
      String(withinBudget),
      verified.cost,
      predicted.cost,
      verified.error,
      verified.sqnrDb,
      predicted.sqnrDb,
      verified.latencyCycles,
      verified.intervalCycles,
      predicted.mappedCycles,
      verified.energyJoules,
      rule,
      Object.entries(layers)
        .map(([layer, precision]) => `${layer}=${precision}`)
        .join(" "),
    ]),
  );
  return `${[columns.join(","), ...rows].join("\n")}\n`;
}

const costNames = {
  latency: "latency on device, cycles",
  throughput: "interval on device, cycles",
  energy: "energy of an inference on device, µJ",
  edp: "latency × energy on device, cycles × J",
} as const satisfies Record<PrecisionSearchResult["objective"], string>;

const size = { width: 860, height: 520 } as const;
const colours = { front: "#2b6cb0", others: "#a0aec0", chosen: "#c05621", budget: "#718096" } as const;

/**
 * The points of a search as SVG: cost to the right, error upwards (noise in dB upside down, so that down is better everywhere), the
 * front as a line, the budget as a dashed one. The same result gives the same bytes.
 */
export function frontSvg(result: PrecisionSearchResult): string {
  echarts.use([
    LineChart,
    ScatterChart,
    GridComponent,
    LegendComponent,
    MarkLineComponent,
    TitleComponent,
    SVGRenderer,
  ]);
  const { objective, budget, points, chosen } = result;
  const isNoise = budget.metric === "sqnr";
  const place = ({ verified }: PrecisionPoint): [number, number | null] => [
    objective === "energy" ? 1e6 * verified.cost : verified.cost,
    isNoise ? verified.sqnrDb : verified.error,
  ];
  const some = (wanted: (point: PrecisionPoint, index: number) => boolean): [number, number | null][] =>
    points.filter(wanted).map(place);
  const isUniform = ({ layers }: PrecisionPoint): boolean => Object.keys(layers).length === 0;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: {
      text: `${result.model.name} on ${result.target.name}: precision of each layer, every point verified`,
      left: 12,
      top: 6,
      textStyle: { fontSize: 14 },
    },
    legend: { top: 30, left: 12, itemGap: 16 },
    grid: { left: 70, right: 70, top: 66, bottom: 52 },
    xAxis: {
      type: "value",
      scale: true,
      name: costNames[objective],
      nameLocation: "middle",
      nameGap: 30,
    },
    yAxis: {
      type: "value",
      scale: true,
      inverse: isNoise,
      name: isNoise ? "SQNR, dB" : `error (${budget.metric})`,
      nameLocation: "middle",
      nameGap: 48,
    },
    series: [
      {
        name: "front",
        type: "line",
        symbolSize: 8,
        color: colours.front,
        data: some(({ onFront }) => onFront),
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { type: "dashed", color: colours.budget },
          label: { formatter: `budget ${budget.text}`, position: "insideEndTop" },
          data: [{ yAxis: isNoise ? -10 * Math.log10(budget.limit) : budget.limit }],
        },
      },
      { name: "beaten", type: "scatter", symbolSize: 7, color: colours.others, data: some(({ onFront }) => !onFront) },
      {
        name: "one precision for all",
        type: "scatter",
        symbol: "diamond",
        symbolSize: 11,
        color: "#2f855a",
        data: points.filter(isUniform).map((point) => ({ value: place(point), name: point.name })),
        label: { show: true, formatter: "{b}", position: "right", fontSize: 11 },
      },
      {
        name: "chosen",
        type: "scatter",
        symbol: "circle",
        symbolSize: 15,
        itemStyle: { color: "transparent", borderColor: colours.chosen, borderWidth: 3 },
        data: some((_, index) => index === chosen),
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
