import { describe, expect, it } from "vitest";
import { chooseTarget, importModel, printRun, runModel } from "../../api.ts";
import { bytesOf, convolution } from "../cli/models.ts";

const { result } = runModel({
  model: importModel({ bytes: bytesOf(convolution()), name: "convolution" }),
  target: chooseTarget("mini-4x4"),
  timingOnly: true,
});

interface Row {
  readonly name: string;
  readonly cycles: number;
  readonly causes: readonly number[];
}

/** The rows of the printed stack, read back. */
function printedRows(text: string): Row[] {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith("cycles by cause"));
  const [title = "", ...rest] = lines.slice(first, lines.indexOf("", first));
  const causeCount = title
    .slice(title.indexOf("× bound") + 7)
    .trim()
    .split(/ +/).length;
  return rest.map((line) => {
    const [, name = "", numbers = ""] = /^(.*?)((?: {2,}[\d.]+)+)$/.exec(line) ?? [];
    const cells = numbers.trim().split(/ +/).map(Number);
    return { name, cycles: cells[0] ?? Number.NaN, causes: cells.slice(-causeCount) };
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

describe("the printed cycle stack", () => {
  const text = printRun(result, { layers: true });
  const rows = printedRows(text);

  it("has every layer in the order of the run, and a row for all", () => {
    expect(rows.map(({ name }) => name)).toEqual([
      ...result.layers.map(({ name }) => name),
      `${result.layers.length} layers`,
    ]);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it("adds up exactly: rows to the cycles of layers, columns to the latency", () => {
    for (const { cycles, causes } of rows) expect(sum(causes)).toBe(cycles);
    const layers = rows.slice(0, -1);
    const all = rows.at(-1);
    expect(layers.map(({ cycles }) => cycles)).toEqual(result.layers.map(({ latencyCycles }) => latencyCycles));
    expect(all?.cycles).toBe(result.timing.latencyCycles);
    all?.causes.forEach((cycles, column) => {
      expect(sum(layers.map(({ causes }) => causes[column] ?? Number.NaN))).toBe(cycles);
    });
  });

  it("stands in place of the layers that take the most cycles", () => {
    expect(text).not.toContain("split rows × columns");
    expect(printRun(result)).not.toContain("cycles by cause");
  });

  it("stays within the screen for long names and large numbers", () => {
    const layers = result.layers.map((layer) => ({
      ...layer,
      name: `a/very/long/name/of/a/layer/${layer.name}`,
      latencyCycles: 1_234_567,
      cyclesByCause: { ...layer.cyclesByCause, partialSums: 1, host: 1, programLoad: 1, memory: 1_234_567 },
    }));
    const wide = printRun({ ...result, layers }, { layers: true });
    expect(Math.max(...wide.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
