import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { planChain, tableBox } from "../../../compiler/chain.ts";
import { layOut } from "../../../compiler/geometry.ts";
import type { Layer } from "../../../compiler/layers.ts";
import { contractionRoles } from "../../../compiler/tiling.ts";
import { fixedPoint } from "../../../kernels/fixed-point.ts";
import { loadChip } from "../../../targets/load.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { TestGraph } from "../mapper/networks.ts";

const mini = loadChip("mini-4x4");
const grid = { rows: 2, columns: 2 };
const range = (start: number, end: number) => ({ start, end });

function planOf(
  graph: TestGraph,
  name: string,
  tileElements: number,
  rows: readonly { dimension: string; parts: number }[] = [],
  target: ChipTarget = mini,
) {
  const layer = graph.network().layers.find((each) => each.name === name) as Layer;
  const geometry = layOut(layer.dimensions, { rows, columns: [] }, grid);
  return planChain(
    layer,
    geometry,
    layer.kind === "contraction" ? contractionRoles(layer) : null,
    tileElements,
    target,
  );
}

describe("the chain of a layer's nodes", () => {
  it("keeps sums, and what can take their place, in the partial-sum buffer, what leaves in its value, the rest in scratch", () => {
    const graph = new TestGraph();
    const skip = graph.input("skip", [1, 4, 6, 6]);
    graph.output(graph.convAdd("conv", graph.input("x", [1, 4, 6, 6]), skip, 4));
    const chain = planOf(graph, "conv", 50);
    expect(Object.fromEntries(chain.places)).toEqual({
      "conv.sum": { kind: "partial" },
      // i8 over i32; f16 is wider than the i8 that it is made of, but may stand where nobody reads i8 any more.
      conv: { kind: "partial" },
      "conv.out.a": { kind: "scratch", slot: 0 },
      "conv.out.b": { kind: "partial" },
      "conv.out.add": { kind: "partial" },
      "conv.out": { kind: "value" },
    });
    expect(chain.slotBytes).toEqual([100]);
    expect(chain.tileElements).toBe(50);
  });

  it("uses a slot again only after the last reader of what it holds", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [1, 8], "f16");
    const a = graph.node("v", "a", "tanh", [x]);
    const b = graph.node("v", "b", "exp", [a]);
    const c = graph.node("v", "c", "relu", [b]);
    const d = graph.node("v", "d", "add", [c, a]);
    const e = graph.node("v", "e", "neg", [d]);
    graph.output(graph.node("v", "f", "add", [e, d]));
    const { places, slotBytes } = planOf(graph, "v", 8);
    expect(Object.fromEntries(places)).toEqual({
      a: { kind: "scratch", slot: 0 },
      b: { kind: "scratch", slot: 1 },
      c: { kind: "scratch", slot: 2 },
      d: { kind: "scratch", slot: 1 },
      e: { kind: "scratch", slot: 0 },
      f: { kind: "value" },
    });
    expect(slotBytes).toEqual([16, 16, 16]);
  });

  it("passes on what only the next function reads, and keeps what others read too, where there is an activation unit", () => {
    const pipelined: ChipTarget = { ...mini, activation: { fillCycles: 3 } };
    const graph = new TestGraph();
    const skip = graph.input("skip", [1, 4, 6, 6]);
    graph.output(graph.convAdd("conv", graph.input("x", [1, 4, 6, 6]), skip, 4));
    const residual = planOf(graph, "conv", 50, [], pipelined);
    const namesOf = ({ passes }: typeof residual) =>
      passes.map(({ stages, results }) => [stages.map(({ node }) => node.name), results.map(({ name }) => name)]);
    expect(namesOf(residual)).toEqual([
      [["conv"], ["conv"]],
      [["conv.out.a"], ["conv.out.a"]],
      [["conv.out.b"], ["conv.out.b"]],
      [["conv.out.add", "conv.out"], ["conv.out"]],
    ]);
    expect(Object.fromEntries(residual.places)).toEqual({
      "conv.sum": { kind: "partial" },
      conv: { kind: "partial" },
      "conv.out.a": { kind: "scratch", slot: 0 },
      "conv.out.b": { kind: "partial" },
      "conv.out": { kind: "value" },
    });

    const second = new TestGraph();
    const a = second.node("v", "a", "tanh", [second.input("x", [1, 8], "f16")]);
    const b = second.node("v", "b", "exp", [a]);
    const c = second.node("v", "c", "relu", [b]);
    second.output(second.node("v", "d", "add", [c, a]));
    const forked = planOf(second, "v", 8, [], pipelined);
    // tanh keeps its result for the sum; relu would be the second function of the activation unit.
    expect(namesOf(forked)).toEqual([
      [
        ["a", "b"],
        ["a", "b"],
      ],
      [["c"], ["c"]],
      [["d"], ["d"]],
    ]);
    expect(Object.fromEntries(forked.places)).toEqual({
      a: { kind: "scratch", slot: 0 },
      b: { kind: "scratch", slot: 1 },
      c: { kind: "scratch", slot: 2 },
      d: { kind: "value" },
    });
  });

  it("of inputs, outputs and movements writes values alone", () => {
    const graph = new TestGraph();
    graph.output(graph.node("turn", "turn", "transpose", [graph.input("x", [2, 3])], { permutation: [1, 0] }));
    expect(planOf(graph, "turn", 6)).toMatchObject({ slotBytes: [], tables: [] });
    expect(Object.fromEntries(planOf(graph, "turn", 6).places)).toEqual({ turn: { kind: "value" } });
    expect(planOf(graph, "input x", 6).places.size).toBe(0);
  });

  it("does not let the sums of a contraction leave", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [2, 3]);
    graph.output(graph.node("fc", "sum", "matmul", [x, graph.constant("w", [3, 4]), null]));
    expect(() => planOf(graph, "fc", 8)).toThrow("the i32 sums of a contraction leave their layer");
  });
});

describe("the tables of a chain", () => {
  it("hold a factor for the whole tensor when there is one scale", () => {
    const graph = new TestGraph();
    graph.output(graph.addTo("add", "out", graph.input("x", [2, 8]), graph.input("y", [2, 8])));
    const { tables } = planOf(graph, "add", 8);
    const { multiplier, shift } = fixedPoint(0.05);
    const inverse = fixedPoint(1 / 0.05);
    expect(tables.map(({ buffer, kind, shape, bytes, access }) => [buffer, kind, shape, bytes, access])).toEqual([
      ["add/scale out.a", "scale", [], 8, []],
      ["add/scale out.b", "scale", [], 8, []],
      ["add/scale out", "scale", [], 8, []],
    ]);
    expect(tables.map(({ values }) => [...values])).toEqual([
      [multiplier, shift],
      [multiplier, shift],
      [inverse.multiplier, inverse.shift],
    ]);
  });

  it("hold the count of a mean, and of the windows of a pool where they differ", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [1, 2, 5, 5]);
    graph.output(graph.node("mean", "mean", "reduce_mean", [x], { axes: [2, 3], keepdims: true }));
    const pool = (name: string, countIncludePad: boolean) =>
      graph.output(
        graph.node(name, name, "average_pool", [x], {
          kernel: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
          dilations: [1, 1],
          ceil: false,
          countIncludePad,
        }),
      );
    pool("inside", false);
    pool("padded", true);
    const halves = graph.input("h", [1, 6, 2], "f16");
    graph.output(graph.node("squares", "squares", "channel_mean_of_squares", [halves], { size: 5 }));
    expect(planOf(graph, "mean", 8).tables.map(({ kind, shape, values }) => [kind, shape, [...values]])).toEqual([
      ["count", [], [25]],
    ]);
    expect(planOf(graph, "padded", 8).tables.map(({ values }) => [...values])).toEqual([[9]]);
    expect(planOf(graph, "squares", 12).tables.map(({ values }) => [...values])).toEqual([[5]]);
    const [table] = planOf(graph, "inside", 8, [{ dimension: "h", parts: 2 }]).tables;
    expect(table?.shape).toEqual([3, 3]);
    expect([...(table?.values ?? [])]).toEqual([4, 6, 4, 6, 9, 6, 4, 6, 4]);
  });

  it("are cut to what a core needs", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [1, 2, 5, 5]);
    const attributes = {
      kernel: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      dilations: [1, 1],
      ceil: false,
      countIncludePad: false,
    };
    graph.output(graph.node("pool", "pool", "average_pool", [x], attributes));
    const layer = graph.network().layers.find(({ name }) => name === "pool") as Layer;
    const height = layer.result[2]?.terms[0]?.dimension ?? -1;
    const split = { rows: [{ dimension: at(layer.dimensions, height).name, parts: 2 }], columns: [] };
    const { tables } = planChain(layer, layOut(layer.dimensions, split, grid), null, 8, mini);
    const table = at(tables, 0);
    expect(table.layout.extents).toEqual([2, 3]);
    expect(table.bytes).toBe(24);
    const box = layer.dimensions.map(({ size }, index) => (index === height ? range(2, 4) : range(0, size)));
    expect(tableBox(table, box)).toEqual([range(2, 3), range(0, 3)]);
  });
});
