import { BarChart } from "echarts/charts";
import { GridComponent, TitleComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { movingRows } from "./sensitivity.ts";
import type { SensitivityResult, SensitivityRow } from "./sensitivity-schema.ts";

/** Estimates that a panel shows, and its size in pixels. */
const shownRows = 15;
const panel = { width: 620, rowHeight: 22, top: 64, left: 190, right: 30, bottom: 40 } as const;

const colours = { down: "#2b6cb0", up: "#c05621" } as const;

const panels = [
  { title: "latency", field: "latencyChange" },
  { title: "energy per inference", field: "energyChange" },
] as const;

type Field = (typeof panels)[number]["field"];

const greatest = ({ down, up }: SensitivityRow, field: Field): number =>
  Math.max(Math.abs(down[field]), Math.abs(up[field]));

/**
 * A tornado plot as SVG: for latency and for energy the estimates that move it most, a bar from the change when the number is
 * moved down to that when it is moved up. The same result gives the same bytes.
 */
export function tornadoSvg(result: SensitivityResult): string {
  echarts.use([BarChart, GridComponent, TitleComponent, SVGRenderer]);
  const ranked = panels.map(({ field }) =>
    movingRows(result)
      .filter((row) => greatest(row, field) >= 5e-5)
      .toSorted((a, b) => greatest(b, field) - greatest(a, field))
      .slice(0, shownRows),
  );
  const height = panel.top + panel.bottom + panel.rowHeight * Math.max(1, ...ranked.map((rows) => rows.length));
  const chart = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: panels.length * panel.width,
    height,
  });
  const step = `${(100 * result.stepFraction).toFixed(0)} %`;
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: [
      {
        text: `${result.model.name} on ${result.target.name}: each estimate ${step} down (blue) and up (orange), within its range`,
        left: 12,
        top: 6,
        textStyle: { fontSize: 14 },
      },
      ...panels.map(({ title }, index) => ({
        text: `change of ${title}, %`,
        left: index * panel.width + panel.left,
        top: 32,
        textStyle: { fontSize: 12, fontWeight: "normal" as const },
      })),
    ],
    grid: panels.map((_, index) => ({
      left: index * panel.width + panel.left,
      width: panel.width - panel.left - panel.right,
      top: panel.top,
      height: panel.rowHeight * Math.max(1, ranked[index]?.length ?? 0),
    })),
    xAxis: panels.map((_, index) => ({ type: "value" as const, gridIndex: index })),
    yAxis: ranked.map((rows, index) => ({
      type: "category" as const,
      gridIndex: index,
      inverse: true,
      data: rows.map(({ path }) => path),
      axisLine: { onZero: false },
      axisTick: { show: false },
      axisLabel: { fontSize: 11 },
    })),
    series: ranked.flatMap((rows, index) =>
      (["down", "up"] as const).map((way) => ({
        type: "bar" as const,
        xAxisIndex: index,
        yAxisIndex: index,
        barGap: "-100%",
        barWidth: 14,
        itemStyle: { color: colours[way], opacity: 0.85 },
        data: rows.map((row) => 100 * row[way][panels[index]?.field ?? "energyChange"]),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Classes are numbered through the life of the process, and only say how a pointer changes bars.
  return svg.replace(/ class="zr\d+-cls-\d+"/g, "").replace(/<style[\s\S]*?<\/style>\s*/, "");
}
