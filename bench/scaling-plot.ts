import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";

/** Measured costs of cases that differ in one size. */
export interface ScalingSeries {
  readonly name: string;
  /** What the size counts. */
  readonly unit: string;
  readonly points: readonly { readonly size: number; readonly seconds: number }[];
}

const panelWidth = 400;
const height = 344;

/** A plot as SVG: a panel a series, seconds against size on logarithmic axes, beside a line of growth in proportion. */
export function scalingSvg(series: readonly ScalingSeries[]): string {
  echarts.use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer, LabelLayout]);
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: panelWidth * series.length, height });
  const seconds = series.flatMap(({ points }) => points.map((point) => point.seconds));
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  const bounds = { min: 10 ** Math.floor(Math.log10(least)), max: 10 ** Math.ceil(Math.log10(most)) };
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: series.map(({ name }, index) => ({
      text: name,
      left: index * panelWidth + 56,
      top: 8,
      textStyle: { fontSize: 13 },
    })),
    legend: { bottom: 4, left: 56, data: ["measured", "in proportion to the size"] },
    grid: series.map((_, index) => ({
      left: index * panelWidth + 56,
      width: panelWidth - 86,
      top: 62,
      bottom: 78,
    })),
    xAxis: series.map(({ unit, points }, index) => ({
      type: "log" as const,
      gridIndex: index,
      name: unit,
      nameLocation: "middle" as const,
      nameGap: 26,
      min: points[0]?.size ?? 1,
      max: points.at(-1)?.size ?? 10,
      logBase: 2,
    })),
    yAxis: series.map((_, index) => ({
      type: "log" as const,
      gridIndex: index,
      name: index === 0 ? "processor seconds" : "",
      nameGap: 8,
      nameTextStyle: { align: "left" as const },
      ...bounds,
    })),
    series: series.flatMap(({ points }, index) => {
      const [first] = points;
      const axes = { xAxisIndex: index, yAxisIndex: index, type: "line" as const };
      return [
        {
          ...axes,
          name: "measured",
          data: points.map((point) => [point.size, point.seconds]),
          symbolSize: 7,
          color: "#2b6cb0",
          label: {
            show: true,
            position: "bottom" as const,
            offset: [14, 2],
            formatter: ({ value }: { value: unknown }) => labelOf(value),
          },
        },
        {
          ...axes,
          name: "in proportion to the size",
          data: points
            .map(({ size }) => [size, ((first?.seconds ?? 1) * size) / (first?.size ?? 1)])
            .filter(([, value]) => (value ?? 0) <= bounds.max),
          symbol: "none",
          color: "#a0aec0",
          lineStyle: { type: "dashed" as const },
        },
      ];
    }),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function labelOf(value: unknown): string {
  return Array.isArray(value) ? Number(value[1]).toFixed(1) : "";
}
