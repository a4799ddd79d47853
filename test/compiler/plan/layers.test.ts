import { describe, expect, it } from "vitest";
import { layerWork } from "../../../compiler/bound-work.ts";
import { layersOf } from "../../../compiler/layers.ts";
import { gridOf, networkOf } from "../../../compiler/network.ts";
import { loadChip } from "../../../targets/load.ts";
import { idleWork } from "../../runtime-sim/timing/machine.ts";
import { TestGraph } from "../mapper/networks.ts";

/** x -> conv (+ requantize) -> max pool; conv also joins the pool's layer after it; two outputs. */
function forked(): TestGraph {
  const graph = new TestGraph();
  const conv = graph.conv("conv", graph.input("x", [1, 4, 6, 6]), 8, 3);
  const pool = graph.maxPool("pool", conv, 3, 1);
  const sum = graph.addTo("sum", "sum.out", pool, conv);
  return graph.output(sum).output(conv);
}

describe("the layers of a fused graph", () => {
  const layers = layersOf(forked().graph());

  it("are inputs, groups of nodes in order, and outputs", () => {
    expect(layers.map(({ name, kind }) => [name, kind])).toEqual([
      ["input x", "input"],
      ["conv", "contraction"],
      ["pool", "reduce"],
      ["sum", "vector"],
      ["output 0 sum.out", "output"],
      ["output 1 conv", "output"],
    ]);
    expect(layers.map(({ nodes }) => nodes.map(({ name }) => name))).toEqual([
      [],
      ["conv.sum", "conv"],
      ["pool"],
      ["sum.out.a", "sum.out.b", "sum.out.add", "sum.out"],
      [],
      [],
    ]);
  });

  it("read what comes from outside, constants marked", () => {
    expect(
      layers.map(({ reads }) => reads.map(({ node, operand, value, constant }) => [node, operand, value, constant])),
    ).toEqual([
      [],
      [
        ["conv.sum", 0, "x", false],
        ["conv.sum", 1, "conv.w", true],
      ],
      [["pool", 0, "conv", false]],
      [
        ["sum.out.a", 0, "pool", false],
        ["sum.out.b", 0, "conv", false],
      ],
      [[null, 0, "sum.out", false]],
      [[null, 0, "conv", false]],
    ]);
  });

  it("leave what another layer or the graph's outputs need", () => {
    expect(layers.map(({ writes }) => writes.map(({ value }) => value))).toEqual([
      ["x"],
      ["conv"],
      ["pool"],
      ["sum.out"],
      [],
      [],
    ]);
  });

  it("count the multiply-accumulates of contractions alone", () => {
    expect(layers.map(({ macCount }) => macCount)).toEqual([0, 8 * 36 * 4 * 9, 0, 0, 0, 0]);
    expect(layers.map(({ origin }) => origin)).toEqual([
      [],
      ["conv.sum", "conv"],
      ["pool"],
      ["sum.out.a", "sum.out.b", "sum.out.add", "sum.out"],
      [],
      [],
    ]);
  });

  it("of inputs and outputs run over the axes of their value", () => {
    expect(layers[0]?.dimensions).toEqual(
      [1, 4, 6, 6].map((size, axis) => ({ name: `d${axis}`, size, kind: "parallel" })),
    );
    expect(layers[0]?.result).toEqual(
      [0, 1, 2, 3].map((dimension) => ({ terms: [{ dimension, stride: 1 }], offset: 0 })),
    );
    expect(layers[4]?.reads[0]?.access).toEqual(layers[0]?.result);
  });

  it("of movements have pieces and no accesses", () => {
    const graph = new TestGraph();
    const turned = graph.node("turn", "turn", "transpose", [graph.input("x", [2, 3])], { permutation: [1, 0] });
    const [, layer] = layersOf(graph.output(turned).graph());
    expect(layer?.kind).toBe("movement");
    expect(layer?.reads[0]?.access).toBeNull();
    expect(layer?.movement).toEqual({
      fill: null,
      pieces: [
        {
          operand: 0,
          counts: [3, 2],
          sourceOffset: 0,
          sourceStrides: [1, 3],
          destinationOffset: 0,
          destinationStrides: [2, 1],
        },
      ],
    });
  });

  it("stand still along axes that an operand is broadcast over", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [2, 3, 4], "f16");
    const row = graph.input("row", [3, 1], "f16");
    const added = graph.node("add", "add", "add", [graph.node("add", "tanh", "tanh", [x]), row]);
    const layer = layersOf(graph.output(added).graph()).find(({ name }) => name === "add");
    expect(layer?.reads.find(({ value }) => value === "row")?.access).toEqual([
      { terms: [{ dimension: 1, stride: 1 }], offset: 0 },
      { terms: [], offset: 0 },
    ]);
  });

  it("need a graph whose nodes belong to layers", () => {
    const graph = forked().graph();
    const loose = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, layer: null })) };
    expect(() => layersOf(loose)).toThrow('node "conv.sum" belongs to no layer');
  });
});

describe("a network", () => {
  it("knows who makes and who reads each value", () => {
    const { producer, readers } = networkOf(forked().graph());
    expect([...producer]).toEqual([
      ["x", 0],
      ["conv", 1],
      ["pool", 2],
      ["sum.out", 3],
    ]);
    expect(Object.fromEntries(readers)).toEqual({ x: [1], "conv.w": [1], conv: [2, 3, 5], pool: [3], "sum.out": [4] });
  });

  it("lies on the grid of a chip", () => {
    expect(gridOf(loadChip("northpole-style"))).toEqual({ rows: 16, columns: 16 });
  });
});

describe("the work of layers however they are mapped", () => {
  const work = layerWork(forked().network());

  it("has the shape, weights and operands of a contraction", () => {
    expect(work[1]).toEqual(
      idleWork("conv", {
        macCount: 10368,
        shape: { groups: 1, rows: 36, inner: 36, columns: 8 },
        operandBytes: 144 + 8 * 36 + 8 * 36,
        vectorElements: { convert: 288 },
        dependsOn: ["input x"],
      }),
    );
  });

  it("counts the elements of vector functions by class, of windows axis by axis", () => {
    // Planes of 6 × 6 windows of 3 × 3: two comparisons along one axis of 6 × 8 elements, two along the other.
    expect(work[2]?.vectorElements).toEqual({ compare: 8 * (2 * 6 * 8 + 2 * 6 * 6) });
    // Two operands are dequantized and added; the sum is quantized, which an activation unit could do.
    expect(work[3]?.vectorElements).toEqual({ convert: 2 * 288, add: 288 });
    expect(work[3]?.activationElements).toEqual({});
    expect(work[3]?.conversionElements).toEqual({ convert: 288 });
    expect(work[3]?.operandBytes).toBe(3 * 288);
    expect(work[3]?.dependsOn).toEqual(["pool", "conv"]);
  });

  it("has the bytes of inputs and outputs at the boundary alone", () => {
    expect(work.map(({ inputBytes, outputBytes, operandBytes }) => [inputBytes, outputBytes, operandBytes])).toEqual([
      [144, 0, 0],
      [0, 0, 720],
      [0, 0, 576],
      [0, 0, 864],
      [0, 288, 0],
      [0, 288, 0],
    ]);
  });

  it("counts of a strided operand only what is touched", () => {
    const graph = new TestGraph();
    graph.output(graph.conv("conv", graph.input("x", [1, 2, 7, 7]), 4, 1, 2));
    const [, layer] = layerWork(graph.network());
    // 4 × 4 of the 7 × 7 positions, 8 weights, 64 results.
    expect(layer?.operandBytes).toBe(2 * 16 + 8 + 64);
  });
});
