import { describe, expect, it } from "vitest";
import { layOut } from "../../../compiler/geometry.ts";
import type { Layer } from "../../../compiler/layers.ts";
import { placementOf } from "../../../compiler/mapper/access-placement.ts";
import { edgeCost, frameCost, isInPlace } from "../../../compiler/mapper/edge-cost.ts";
import { type LayerCost, layerCost, tiledPasses } from "../../../compiler/mapper/layer-cost.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import type { Network } from "../../../compiler/network.ts";
import type { SplitPart } from "../../../ir/mapping.ts";
import type { WeightPlan } from "../../../ir/weight-plan.ts";
import { type Placement, PlacementKernel } from "../../../kernels/placements.ts";
import { loadChip } from "../../../targets/load.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { TestGraph } from "./networks.ts";

const placer = new PlacementKernel();

const chip = loadChip("mini-4x4");

function parts(text: string): SplitPart[] {
  if (text === "") return [];
  return text.split(" ").map((part) => {
    const [dimension = "", count = ""] = part.split(":");
    return { dimension, parts: Number(count) };
  });
}

function layerNamed(network: Network, name: string): Layer {
  return network.layers.find((layer) => layer.name === name) as Layer;
}

function costOf(
  network: Network,
  name: string,
  rows: string,
  columns: string,
  weights: WeightPlan | null = null,
  target: ChipTarget = chip,
): LayerCost {
  const layer = layerNamed(network, name);
  const geometry = layOut(layer.dimensions, { rows: parts(rows), columns: parts(columns) }, target.grid);
  return layerCost(layer, geometry, weights, vectorWork(network.layers, target).get(name) ?? [], target);
}

const matrix = new TestGraph();
const dense = matrix.output(matrix.matmul("fc", matrix.input("x", [8, 16]), 12)).network();

const tall = new TestGraph();
const wide = tall.output(tall.matmul("fc", tall.input("x", [16, 16]), 12)).network();

describe("the cost of a layer", () => {
  it("is matrix time, then the last tile's epilogue and the barrier, when weights are resident", () => {
    // 2 rows × ⌈16/8⌉ × ⌈3/8⌉ = 4, + fill 4 + issue 1. Port: ⌈(2·16 + 16·3)/32⌉ = 3, results ⌈6/32⌉ = 1.
    // Epilogue: ⌈6/8⌉ + fill 2 + issue 1 = 4. 9 + 4 + barrier 10.
    expect(costOf(dense, "fc", "m:4", "n:4", { copies: "all" })).toEqual({
      cycles: 23,
      matrixCycles: 9,
      vectorCycles: 4,
      portCycles: 4,
      modelCycles: 0,
      partialCycles: 0,
      frameCycles: 0,
      synchronizationCycles: 10,
    });
  });

  it("takes pieces of the weights from the group over the model network when they are streamed", () => {
    // Pieces of 48/4 = 12 bytes: 4·⌈12/32⌉. Port: ⌈(32 + 12)/32⌉ + 1.
    const cost = costOf(dense, "fc", "m:4", "n:4", { copies: 1 });
    expect([cost.modelCycles, cost.portCycles, cost.cycles]).toEqual([4, 3, 23]);
  });

  it("takes as much shorter pieces' cycles as there are copies, while pieces are narrower than a link", () => {
    // 16 × 12 bytes over 16 cores: pieces of 12 bytes, 16·⌈12/32⌉; in 2 copies 8·⌈24/32⌉, in 4 copies 4·⌈48/32⌉.
    const cost = (copies: WeightPlan["copies"]): LayerCost => costOf(wide, "fc", "m:4", "m:4", { copies });
    expect(([1, 2, 4, 8, "all"] as const).map((copies) => cost(copies).modelCycles)).toEqual([16, 8, 8, 6, 0]);
    // The port reads a row of 16 bytes for each of ⌈12/8⌉ column passes and 192/cores bytes of weights, and writes 12 bytes.
    expect(([1, 2, 4, 8, "all"] as const).map((copies) => cost(copies).portCycles)).toEqual([3, 3, 4, 5, 8]);
    // Matrix: 1 × 2 × 2 + fill 4 + issue 1; epilogue ⌈12/8⌉ + 2 + 1; barrier 10.
    expect(cost(1).cycles).toBe(16 + 5 + 10);
    expect(cost(2).cycles).toBe(9 + 5 + 10);
  });

  it("adds the way of partial sums through the chain", () => {
    // 24 results: send ⌈96/16⌉ + 1 hop = 7, add ⌈24/8⌉ + 2 + 1 = 6, three times. Matrix 8 + 5, epilogue 3 + 2 + 1.
    const cost = costOf(dense, "fc", "k:4", "n:4", { copies: "all" });
    expect([cost.partialCycles, cost.matrixCycles, cost.vectorCycles, cost.cycles]).toEqual([39, 13, 12, 68]);
  });

  it("passes weights once, columns outermost, and sums over tiles when the partial-sum buffer is small", () => {
    // A core has 8·16 = 128 rows × 64 columns; 512 sums: tiles of 64 rows × 8 columns, 2 × 8 of them.
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [128, 8]), 64)).network();
    const cost = costOf(network, "fc", "", "", { copies: "all" });
    expect(cost.matrixCycles).toBe(128 * 8 + 16 * 5);
    // Activations 128·8 bytes for each of 8 column passes, weights of 512 bytes once, for columns are outermost; results 16·⌈512/32⌉.
    expect(cost.portCycles).toBe((128 * 8 * 8 + 512) / 32 + 256);
  });

  it("goes over window and results of a pool", () => {
    // 2×2 positions of 4 channels a core, 9 places each: ⌈144/8⌉ + 2 + 1; port ⌈(144 + 16)/32⌉.
    const graph = new TestGraph();
    const network = graph.output(graph.maxPool("p", graph.input("x", [1, 4, 16, 16]), 3, 2)).network();
    const [height, width] = layerNamed(network, "p")
      .dimensions.slice(2)
      .map(({ name }) => name);
    const cost = costOf(network, "p", `${height}:4`, `${width}:4`);
    expect([cost.vectorCycles, cost.portCycles, cost.cycles]).toEqual([21, 5, 31]);
  });

  it("adds up the passes of fused nodes", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [16, 16]);
    const network = graph.output(graph.addTo("sum", "s", x, graph.input("y", [16, 16]))).network();
    // 16 elements a core: four passes of ⌈16/8⌉ + 3 = 5 cycles; ports ⌈16·(1+2)/32⌉ = 2 twice, ⌈16·6/32⌉ = 3, ⌈16·3/32⌉ = 2.
    const cost = costOf(network, "sum", "d0:4", "d1:4");
    expect([cost.vectorCycles, cost.portCycles, cost.cycles]).toEqual([20, 9, 30]);
    // With an activation unit the sum is quantized on its way: ⌈16/8⌉ + 3 + 3 cycles, and ⌈16·5/32⌉ = 3 at the port.
    const pipelined = costOf(network, "sum", "d0:4", "d1:4", null, { ...chip, activation: { fillCycles: 3 } });
    expect([pipelined.vectorCycles, pipelined.portCycles, pipelined.cycles]).toEqual([18, 7, 28]);
  });

  it("is the barrier alone where there is nothing to do", () => {
    const graph = new TestGraph();
    const x = graph.input("x", [0, 16]);
    const sum = graph.addTo("sum", "s", x, graph.input("y", [0, 16]));
    const network = graph.output(graph.matmul("fc", sum, 12)).network();
    expect(costOf(network, "sum", "", "")).toMatchObject({ cycles: 10, vectorCycles: 0, synchronizationCycles: 10 });
    expect(costOf(network, "fc", "", "")).toMatchObject({ cycles: 10, matrixCycles: 0, synchronizationCycles: 10 });
  });

  it("fills inputs row by row from the west", () => {
    // Boxes of 2 × 4 bytes: one cycle each, four a row, and four hops.
    expect(costOf(dense, "input x", "d0:4", "d1:4").frameCycles).toBe(8);
    // One row holds all 128 bytes.
    expect(costOf(dense, "input x", "", "d1:4").frameCycles).toBe(4 * 4 + 4);
  });
});

describe("tiles", () => {
  it.each([
    [[4, 6], 100, 1, 24],
    [[4, 6], 6, 4, 24],
    [[4, 6], 13, 2, 24],
    [[5, 6], 12, 3, 30],
    [[4, 6], 4, 8, 24],
    [[], 5, 1, 1],
  ])("of %j with at most %i points are counted, and their points add up", (sizes, limit, count, points) => {
    expect(tiledPasses(sizes, limit, (size) => size)).toEqual({ count, passes: points });
  });
});

describe("the cost of an edge", () => {
  const value = layerNamed(dense, "input x");
  const place = (rows: string, columns: string, rowsOf = value): Placement => {
    const geometry = layOut(rowsOf.dimensions, { rows: parts(rows), columns: parts(columns) }, chip.grid);
    const write = value.writes[0];
    return placementOf(placer, geometry, write?.access ?? [], write?.type.shape ?? [], true);
  };
  const cost = (from: Placement, to: Placement): ReturnType<typeof edgeCost> => edgeCost(from, to, 1, true, chip);

  it("is nothing when every core has what it needs", () => {
    expect(isInPlace(place("d0:4", "d1:4"), place("d0:4", "d1:4"))).toBe(true);
    expect(cost(place("d0:4", "d1:4"), place("d0:4", "d1:4")).cycles).toBe(0);
    expect(isInPlace(place("d0:4", "d1:4"), place("d1:4", "d0:4"))).toBe(false);
  });

  it("is the busiest port or link and the way when rows become columns", () => {
    // Core (r, 0) has 2 × 16 = 32 bytes for core (0, r): eject 4, inject 4 + issue 1, one box a link; half of 8 hops.
    // Port: the first core copies 32 bytes (read and written): ⌈64/32⌉.
    expect(cost(place("d0:4", ""), place("", "d0:4"))).toEqual({
      cycles: 9,
      networkCycles: 9,
      portCycles: 2,
      remoteBytes: 32,
    });
  });

  it("multicasts a piece that a line of cores needs", () => {
    const reader = layerNamed(dense, "fc");
    const geometry = layOut(reader.dimensions, { rows: parts("m:4"), columns: parts("n:4") }, chip.grid);
    const needed = placementOf(placer, geometry, reader.reads[0]?.access ?? [], [8, 16], false);
    // Core (r, c) has 2 × 4 bytes that row r needs: three arrive, one cycle each; links east carry two, west two.
    const all = cost(place("d0:4", "d1:4"), needed);
    expect([all.networkCycles, all.remoteBytes]).toEqual([3 + 4, 24]);
  });

  it("copies nothing of what stays where it is with its halo around it", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.conv("conv", graph.input("x", [1, 4, 8, 8]), 8, 3)).network();
    const placed = (name: string, split: string, owner: boolean): Placement => {
      const layer = layerNamed(network, name);
      const access = (owner ? layer.writes : layer.reads)[0]?.access ?? [];
      const geometry = layOut(layer.dimensions, { rows: parts(split), columns: [] }, chip.grid);
      return placementOf(placer, geometry, access, [1, 4, 8, 8], owner);
    };
    // Two rows of 4 × 8 bytes stay; a row from either side comes, and one goes to either: 2 · 64 bytes of 32 a cycle.
    const halo = cost(placed("input x", "d2:4", true), placed("conv", "h:4", false));
    expect([halo.portCycles, halo.remoteBytes]).toEqual([4, 64]);
  });

  it("counts a box that no rectangle of cores makes up once for each rectangle", () => {
    const reader = layerNamed(dense, "fc");
    const geometry = layOut(reader.dimensions, { rows: [], columns: parts("n:2 m:2") }, chip.grid);
    const needed = placementOf(placer, geometry, reader.reads[0]?.access ?? [], [8, 16], false);
    // Core (0, 0) has all 128 bytes; columns 0 (itself) and 2 need one half, 1 and 3 the other: inject 3·(8 + 1).
    expect(cost(place("", ""), needed).networkCycles).toBe(27 + 4);
  });

  const onGrid = ({ grid }: ChipTarget, size: number, ...splits: readonly [string, string][]): Placement[] => {
    const square = new TestGraph();
    const network = square.output(square.matmul("fc", square.input("x", [size, size]), 1)).network();
    const input = layerNamed(network, "input x");
    return splits.map(([rows, columns]) => {
      const geometry = layOut(input.dimensions, { rows: parts(rows), columns: parts(columns) }, grid);
      return placementOf(placer, geometry, input.writes[0]?.access ?? [], [size, size], true);
    });
  };
  const large = loadChip("northpole-style");
  const onLarge = (size: number, ...splits: readonly [string, string][]): Placement[] => onGrid(large, size, ...splits);

  it("is the busiest link of all when a matrix is transposed", () => {
    const [from, to] = onLarge(64, ["d0:16", "d1:16"], ["d1:16", "d0:16"]) as [Placement, Placement];
    // Core (i, j) sends 16 bytes, a cycle, to (j, i) along row i: the last link of row 15 carries 15; 16 hops.
    expect(edgeCost(from, to, 1, true, large)).toEqual({
      cycles: 31,
      networkCycles: 31,
      portCycles: 1,
      remoteBytes: 16,
    });
  });

  it("is the busiest link of all when each of 256 cores sends to each", () => {
    const [from, to] = onLarge(256, ["d0:16", "d0:16"], ["d1:16", "d1:16"]) as [Placement, Placement];
    // 128 cores send a byte, a cycle, to each of 8 cores of a column across the middle; 16 hops. Port: 257 bytes taken, 255
    // sent, of 128 a cycle.
    expect(edgeCost(from, to, 1, true, large)).toEqual({
      cycles: 1040,
      networkCycles: 1040,
      portCycles: 4,
      remoteBytes: 255,
    });
  });

  it("looks at evenly spaced boxes, and at average loads, when there are too many pieces", () => {
    const larger = { ...large, grid: { rows: 32, columns: 32 } };
    const [from, to] = onGrid(larger, 1024, ["d0:32", "d0:32"], ["d1:32", "d1:32"]) as [Placement, Placement];
    // Boxes 0, 146, 292, 438, 585, 731, 877, 1023 of a byte from each core. Four of them lie in the east half, to which 512
    // cores send eastwards: 4·512·128/32 cycles a row of links, and as many in the other directions; 32 hops. Port: 1025
    // bytes taken, 1023 sent, of 128 a cycle.
    expect(edgeCost(from, to, 1, true, larger)).toEqual({
      cycles: 8224,
      networkCycles: 8224,
      portCycles: 16,
      remoteBytes: 1023,
    });
  });

  it("charges a row of links for what leaves to the framebuffer", () => {
    // Four boxes of 8 bytes a row, one cycle each, and four hops; port ⌈8/32⌉.
    expect(frameCost(place("d0:4", "d1:4"), 1, chip)).toEqual({
      cycles: 8,
      networkCycles: 8,
      portCycles: 1,
      remoteBytes: 0,
    });
    // All 128 bytes leave from the first row.
    expect(frameCost(place("", "d1:4"), 1, chip).cycles).toBe(20);
  });
});
