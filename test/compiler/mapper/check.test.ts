import { describe, expect, it } from "vitest";
import { checkSteps, requireLegalSteps } from "../../../compiler/mapper/check.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import type { Network } from "../../../compiler/network.ts";
import type { MappedStep, SplitPart } from "../../../ir/mapping.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

const chip = loadChip("mini-4x4");

function parts(text: string): SplitPart[] {
  return text === ""
    ? []
    : text.split(" ").map((part) => {
        const [dimension = "", count = ""] = part.split(":");
        return { dimension, parts: Number(count) };
      });
}

/** The mapper's own steps with one changed: its split, and anything else. */
function changed(
  network: Network,
  name: string,
  rows: string,
  columns: string,
  more: Partial<MappedStep> = {},
): MappedStep[] {
  const { steps } = mapNetwork(network, chip).mapping;
  return steps.map((step) =>
    step.name === name
      ? { ...step, reduction: null, tile: tiny(step), split: { rows: parts(rows), columns: parts(columns) }, ...more }
      : step,
  );
}

const tiny = (step: MappedStep): MappedStep["tile"] => (step.tile === null ? null : { rows: 1, columns: 1, inner: 1 });

function messages(network: Network, steps: readonly MappedStep[]): string[] {
  return checkSteps(network, steps, chip).map(({ code, at, message }) => `${code} ${at.layer ?? ""}: ${message}`);
}

const product = new TestGraph();
const dense = product.output(product.matmul("fc", product.input("x", [8, 16]), 12)).network();

const grouped = new TestGraph();
const groups = grouped.output(grouped.conv("c", grouped.input("x", [1, 8, 6, 6]), 8, 3, 1, 2)).network();

const pooled = new TestGraph();
const pool = pooled.output(pooled.maxPool("p", pooled.input("x", [1, 4, 8, 8]), 3, 2)).network();

describe("the checker", () => {
  it("accepts what the mapper makes", () => {
    for (const network of [dense, groups, pool]) {
      expect(messages(network, mapNetwork(network, chip).mapping.steps)).toEqual([]);
    }
  });

  it.each([
    ["n:4", "m:4", []],
    ["n:2 m:2", "m:2 k:2", ["B403 fc: The split makes chains of 2 parts along columns; the step states none."]],
    ["q:2", "", ['B403 fc: There is no dimension "q"; the layer has "m", "n", "k".']],
    ["n:2 n:2", "", ['B403 fc: Dimension "n" stands twice on the grid\'s rows.']],
    ["n:1", "", ['B403 fc: Dimension "n" has 1 parts; the least is 2 (a dimension of one part is left out).']],
    ["n:2.5", "", ['B403 fc: Dimension "n" has 2.5 parts; the least is 2 (a dimension of one part is left out).']],
    ["n:4 m:2", "", ["B403 fc: The parts on the grid's rows make 8; the grid has 4 rows."]],
    ["", "m:3 n:2", ["B403 fc: The parts on the grid's columns make 6; the grid has 4 columns."]],
    ["m:4", "m:4", ['B403 fc: Dimension "m" of size 8 is split into 16 parts.']],
    [
      "k:2 n:2",
      "",
      ['B403 fc: Reduction dimension "k" must be the last (innermost) of its list, so that its parts are neighbours.'],
    ],
    ["k:2", "k:2", ['B403 fc: Reduction dimension "k" is split on both grid axes; it may stand on one.']],
  ])("judges the split rows %s, columns %s of a matrix product", (rows, columns, expected) => {
    const steps = changed(dense, "fc", rows, columns, { weights: { copies: "all" } });
    expect(messages(dense, steps)).toEqual(expected);
  });

  it("refuses a reduction split that leaves parts empty", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [4, 5]), 4)).network();
    const steps = changed(network, "fc", "k:4", "", {
      weights: { copies: "all" },
      reduction: { axis: "rows", parts: 4 },
    });
    expect(messages(network, steps)).toEqual([
      'B403 fc: Reduction dimension "k" of size 5 in 4 parts leaves some parts empty.',
    ]);
  });

  it("refuses a second reduction dimension", () => {
    const dimensions = groups.layers.find(({ name }) => name === "c")?.dimensions ?? [];
    const [first, second] = dimensions.filter(({ kind }) => kind === "reduction").map(({ name }) => name);
    const steps = changed(groups, "c", `${first}:2`, `${second}:3`, { weights: { copies: "all" } });
    expect(messages(groups, steps)).toContain(
      `B403 c: At most one reduction dimension may be split, found "${first}", "${second}".`,
    );
  });

  it("lets outputs of a grouped convolution be split only when every core has a single group", () => {
    const refused = changed(groups, "c", "o:2", "", { weights: { copies: "all" } });
    expect(messages(groups, refused)).toEqual([
      'B403 c: Dimension "o" may be split only when every core has a single index of "g", found 2.',
    ]);
    expect(messages(groups, changed(groups, "c", "g:2 o:2", "", { weights: { copies: "all" } }))).toEqual([]);
  });

  it("refuses to split what a pool reduces over", () => {
    const kernel = pool.layers
      .find(({ name }) => name === "p")
      ?.dimensions.find(({ kind }) => kind === "reduction")?.name;
    expect(messages(pool, changed(pool, "p", `${kernel}:3`, ""))).toEqual([
      `B403 p: Reduction dimension "${kernel}" may be split in contractions alone.`,
    ]);
  });

  it("refuses a split of an output", () => {
    const { steps } = mapNetwork(dense, chip).mapping;
    const name = steps.at(-1)?.name ?? "";
    expect(messages(dense, changed(dense, name, "d0:2", ""))).toEqual([`B403 ${name}: An output step has no split.`]);
  });

  it("asks streamed weights to have their row dimensions innermost and all cores of a group at work", () => {
    const streamed = { weights: { copies: 1 } as const };
    expect(messages(dense, changed(dense, "fc", "n:2 m:2", "m:2", streamed))).toEqual([]);
    expect(messages(dense, changed(dense, "fc", "m:2 n:2", "", streamed))).toEqual([
      "B403 fc: Streamed weights need the dimensions that the weights do not have innermost on the grid's rows.",
    ]);
    const graph = new TestGraph();
    const uneven = graph.output(graph.matmul("fc", graph.input("x", [5, 8]), 4)).network();
    expect(messages(uneven, changed(uneven, "fc", "m:4", "", streamed))).toEqual([
      "B403 fc: Streamed weights need every core of a group to have work; some parts are empty.",
    ]);
    expect(messages(uneven, changed(uneven, "fc", "m:4", "", { weights: { copies: "all" } }))).toEqual([]);
  });

  it("asks copies of weights to stand on equal rectangles of the cores that share a slice", () => {
    const inCopies = (copies: number) => messages(dense, changed(dense, "fc", "m:4", "m:2", { weights: { copies } }));
    expect([2, 4, 8].flatMap(inCopies)).toEqual([]);
    for (const copies of [3, 16]) {
      expect(inCopies(copies)).toEqual([
        `B403 fc: 4 × 2 cores share a slice of the weights; they cannot be divided into ${copies} equal rectangles.`,
      ]);
    }
  });

  it.each<[string, Partial<MappedStep>, string]>([
    ["a wrong kind", { kind: "vector" }, 'The step is of kind "vector"; the layer is "contraction".'],
    ["other nodes", { nodes: ["fc"] }, 'The step computes "fc"; the layer has "fc.sum", "fc".'],
    ["a value", { value: "x" }, 'The step\'s value is "x", expected null.'],
    [
      "no place of weights",
      { weights: null },
      "The step has constant weights, which must be resident, streamed, or stored in some copies.",
    ],
    ["no tile", { tile: null }, "A contraction step needs a tile."],
    [
      "a tile without rows",
      { tile: { rows: 0, columns: 1, inner: 1 } },
      "The tile has 0 rows, expected an integer of at least 1.",
    ],
    [
      "a reduction that the split does not make",
      { reduction: { axis: "rows", parts: 2 } },
      "The split divides no reduction dimension, so the step has no reduction.",
    ],
  ])("reports %s", (_, more, message) => {
    const steps = changed(dense, "fc", "n:4", "m:4", { weights: { copies: "all" }, ...more });
    expect(messages(dense, steps)).toEqual([`B403 fc: ${message}`]);
  });

  it("reports tiles that the buffers cannot hold", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [64, 128]), 64)).network();
    const whole = changed(network, "fc", "", "", {
      weights: { copies: "all" },
      tile: { rows: 64, columns: 64, inner: 128 },
    });
    expect(messages(network, whole)).toEqual([
      "B403 fc: A tile of 64 rows × 64 columns makes 4096 partial sums; there is room for 512.",
      "B403 fc: A tile of 128 inner elements × 64 columns takes 8192 bytes of weights; a half of the weight buffer takes 2048.",
    ]);
  });

  it("lets columns be outermost only where inner elements are whole", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [64, 32]), 64)).network();
    const withInner = (inner: number): MappedStep[] =>
      changed(network, "fc", "", "", {
        weights: { copies: "all" },
        tile: { rows: 16, columns: 16, inner, outer: "columns" },
      });
    expect(messages(network, withInner(32))).toEqual([]);
    expect(messages(network, withInner(16))).toEqual([
      "B403 fc: Columns can be outermost only where inner elements are not cut.",
    ]);
  });

  it("reports weights and tiles where there can be none", () => {
    const steps = changed(pool, "p", "", "", {
      weights: { copies: "all" },
      tile: { rows: 1, columns: 1, inner: 1 },
    });
    expect(messages(pool, steps)).toEqual([
      "B403 p: The step has no constant weights, so none are stored.",
      "B403 p: Only a contraction step has a tile.",
    ]);
  });

  it("reports steps that are missing, too many or out of order", () => {
    const { steps } = mapNetwork(dense, chip).mapping;
    expect(messages(dense, steps.slice(0, 2))).toEqual(["B403 : The mapping has 2 steps; the network has 3 layers."]);
    expect(messages(dense, [...steps, steps[0] as MappedStep])).toEqual([
      "B403 : The mapping has 4 steps; the network has 3 layers.",
      "B403 input x: Step 3 has no layer.",
    ]);
    const swapped = [steps[1], steps[0], steps[2]] as MappedStep[];
    expect(messages(dense, swapped)).toEqual([
      'B403 fc: Step 0 is named "fc"; the layer at its place is "input x".',
      'B403 input x: Step 1 is named "input x"; the layer at its place is "fc".',
    ]);
    expect(() => requireLegalSteps(dense, swapped, chip)).toThrow("Step 0 is named");
  });
});
