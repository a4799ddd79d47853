import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { precisionSearchResultSchema } from "../report/precision-search-schema.ts";
import { runCold } from "./cold-run.ts";
import { printTable, sharedModel } from "./setting.ts";

/** Search of precisions with the built command: time, and predictions against what was verified. */
const wantedSeconds = 300;
const cases = [
  { name: "nanodet-m-320", options: [], budget: "sqnr=20" },
  { name: "light-resnet50", options: ["--random-weights", "1"], budget: "sqnr=20" },
] as const;
const asked = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), "boreal-bench-"));
try {
  const rows: string[][] = [];
  for (const { name, options, budget } of cases) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const json = join(folder, `${name}.json`);
    const model = join(sharedModel(name), "model.onnx");
    const run = await runCold(["precision", model, ...options, "--accuracy-budget", budget, "--json", json]);
    const result = precisionSearchResultSchema.parse(JSON.parse(readFileSync(json, "utf8")));
    const { points, chosen, search } = result;
    const plan = points[chosen];
    const widest = points.find((point) => point.name === "w8a8");
    rows.push([
      name,
      budget,
      `${run.processorSeconds.toFixed(0)} (${run.wallSeconds.toFixed(0)} by the clock)`,
      `< ${wantedSeconds}`,
      `${search.layerCount}, ${search.judgedCount}`,
      plan?.name ?? "–",
      `${plan?.verified.latencyCycles ?? 0} of ${widest?.verified.latencyCycles ?? 0}`,
      plan?.verified.sqnrDb?.toFixed(1) ?? "–",
      `${search.sqnrDifferenceDb.median.toFixed(1)}, ${search.sqnrDifferenceDb.greatest.toFixed(1)} dB`,
      `${search.costRatio.least.toFixed(2)} to ${search.costRatio.greatest.toFixed(2)}`,
    ]);
  }
  printTable(
    [
      "model",
      "budget",
      "processor s",
      "wanted",
      "layers, judged",
      "plan",
      "cycles",
      "SQNR",
      "prediction off by",
      "cost ×",
    ],
    rows,
  );
} finally {
  rmSync(folder, { recursive: true });
}
