import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BorealError } from "../../../base/errors.ts";
import { at } from "../../../base/math.ts";
import { layOut } from "../../../compiler/geometry.ts";
import type { Layer } from "../../../compiler/layers.ts";
import {
  chunkCapacityBytes,
  contractionRoles,
  cutBoxes,
  dimensionProduct,
  sizesOf,
  tileBoxes,
  tileCapacity,
  tilePlan,
  tileSizes,
  weightHalfBytes,
} from "../../../compiler/tiling.ts";
import { contractionTiles, pairedBytes, weightChunks } from "../../../compiler/weights.ts";
import { type Box, boxCount } from "../../../ir/iteration.ts";
import type { MappedStep } from "../../../ir/mapping.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "../mapper/networks.ts";

const mini = loadChip("mini-4x4");
const range = (start: number, end: number) => ({ start, end });

function layerOf(graph: TestGraph, name: string): Layer {
  const layer = graph.network().layers.find((each) => each.name === name);
  if (layer === undefined) throw new Error(`no layer ${name}`);
  return layer;
}

function convLayer(group = 1): Layer {
  const graph = new TestGraph();
  graph.output(graph.conv("conv", graph.input("x", [1, 4, 6, 6]), 8, 3, 1, group));
  return layerOf(graph, "conv");
}

function stepWith(tile: MappedStep["tile"]): MappedStep {
  return {
    name: "conv",
    kind: "contraction",
    nodes: [],
    value: null,
    split: { rows: [], columns: [] },
    weights: null,
    tile,
    reduction: null,
  };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return `${(error as BorealError).problems[0]?.code}: ${(error as BorealError).problems[0]?.message}`;
  }
  return "nothing";
}

describe("tiles of boxes", () => {
  it("cut a box into pieces that cover it once, none over the limit", () => {
    const ranges = fc.array(
      fc
        .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 7 }))
        .map(([start, size]) => range(start, start + size)),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 60 }), (box, limit) => {
        const tiles = tileBoxes(box, limit);
        const seen = new Set<string>();
        for (const tile of tiles) {
          expect(boxCount(tile)).toBeLessThanOrEqual(limit);
          const visit = (axis: number, point: readonly number[]): void => {
            if (axis === tile.length) {
              expect(seen.has(point.join())).toBe(false);
              seen.add(point.join());
              return;
            }
            for (let index = at(tile, axis).start; index < at(tile, axis).end; index += 1)
              visit(axis + 1, [...point, index]);
          };
          visit(0, []);
        }
        expect(seen.size).toBe(boxCount(box));
      }),
    );
  });

  it("keep inner dimensions whole as long as they fit", () => {
    expect(tileSizes([4, 3, 5], 60)).toEqual([4, 3, 5]);
    expect(tileSizes([4, 3, 5], 30)).toEqual([2, 3, 5]);
    expect(tileSizes([4, 3, 5], 12)).toEqual([1, 2, 5]);
    expect(tileSizes([4, 3, 5], 4)).toEqual([1, 1, 4]);
    expect(tileSizes([4, 3, 5], 0)).toEqual([1, 1, 1]);
    expect(tileSizes([], 7)).toEqual([]);
  });

  it("of given sizes come with the innermost range turning fastest, short ones last", () => {
    expect(cutBoxes([range(2, 4), range(0, 5)], [1, 3])).toEqual([
      [range(2, 3), range(0, 3)],
      [range(2, 3), range(3, 5)],
      [range(3, 4), range(0, 3)],
      [range(3, 4), range(3, 5)],
    ]);
    expect(sizesOf([range(2, 4), range(0, 5)])).toEqual([2, 5]);
  });
});

describe("the roles of a contraction's dimensions", () => {
  it("of a grouped convolution have the input channel innermost", () => {
    const layer = convLayer(2);
    const roles = contractionRoles(layer);
    const names = (list: readonly number[]): (string | undefined)[] =>
      list.map((index) => layer.dimensions[index]?.name);
    expect(names(roles.group)).toEqual(["g"]);
    expect(names(roles.row)).toEqual(["n", "h", "w"]);
    expect(names(roles.column)).toEqual(["o"]);
    expect(names(roles.inner)).toEqual(["kh", "kw", "c"]);
    expect(dimensionProduct(layer.dimensions, roles.inner)).toBe(18);
  });
});

describe("room in a core's buffers", () => {
  const dimensions = [
    { name: "m", size: 8, kind: "parallel" },
    { name: "k", size: 8, kind: "reduction" },
  ] as const;

  it("is half of the partial sums, a quarter where those of a neighbour land", () => {
    const alone = layOut(dimensions, { rows: [], columns: [] }, { rows: 4, columns: 4 });
    const chained = layOut(dimensions, { rows: [{ dimension: "k", parts: 2 }], columns: [] }, { rows: 4, columns: 4 });
    expect([tileCapacity(alone, mini), tileCapacity(chained, mini)]).toEqual([512, 256]);
  });

  it("is half of the weight buffer, less a word for each core", () => {
    expect([weightHalfBytes(mini), chunkCapacityBytes(mini)]).toEqual([2048, 2048 - 64]);
    expect([pairedBytes(1, 3, 5, "i8"), pairedBytes(2, 4, 5, "i8")]).toEqual([20, 40]);
    expect([pairedBytes(1, 3, 5, "i4"), pairedBytes(2, 4, 5, "i2"), pairedBytes(2, 2, 3, "i2")]).toEqual([10, 10, 4]);
  });
});

describe("the planned tile", () => {
  const tileOf = (shape: readonly number[], columns: number) => {
    const graph = new TestGraph();
    graph.output(graph.matmul("fc", graph.input("x", shape), columns));
    const layer = layerOf(graph, "fc");
    return tilePlan(layer, layOut(layer.dimensions, { rows: [], columns: [] }, mini.grid), mini);
  };

  it("takes everything when it fits", () => {
    expect(tileOf([4, 16], 20)).toEqual({ rows: 4, columns: 20, inner: 16 });
  });

  it("takes as many columns as leave room for all rows, in whole widths of the matrix unit", () => {
    expect(tileOf([30, 16], 64)).toEqual({ rows: 30, columns: 16, inner: 16 });
  });

  it("takes at least a width of columns and then as many rows as fit", () => {
    expect(tileOf([100, 16], 64)).toEqual({ rows: 64, columns: 8, inner: 16, outer: "columns" });
  });

  it("takes columns whose weights fit half of the buffer at once, then inner elements in pairs", () => {
    expect(tileOf([1, 100], 64)).toEqual({ rows: 1, columns: 16, inner: 100 });
    expect(tileOf([1, 1001], 64)).toEqual({ rows: 1, columns: 8, inner: 248 });
  });
});

describe("the tiles of a contraction", () => {
  it("cover a core's part of the iteration space once, whatever the tile", () => {
    const size = fc.integer({ min: 1, max: 4 });
    const tile = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      columns: fc.integer({ min: 1, max: 9 }),
      inner: fc.integer({ min: 1, max: 20 }),
    });
    const layer = convLayer(2);
    const roles = contractionRoles(layer);
    const sizes = fc.array(size, { minLength: layer.dimensions.length, maxLength: layer.dimensions.length });
    fc.assert(
      fc.property(sizes, sizes, tile, (large, small, chosen) => {
        const largest: Box = large.map((length) => range(0, length));
        const box: Box = large.map((length, index) => range(10, 10 + Math.min(length, at(small, index))));
        const capacity = 200;
        const half = 400;
        const tiles = contractionTiles(box, largest, roles, stepWith(chosen), capacity, half, "i8");
        let points = 0;
        const seen = new Set<string>();
        for (const { groups, rows, columns, inner } of tiles) {
          expect(boxCount(groups) * boxCount(rows) * boxCount(columns), "i8").toBeLessThanOrEqual(capacity);
          for (const part of inner) {
            const key = JSON.stringify([groups, rows, columns, part]);
            expect(seen.has(key)).toBe(false);
            seen.add(key);
            points += boxCount(groups) * boxCount(rows) * boxCount(columns) * boxCount(part);
            expect(pairedBytes(boxCount(groups), boxCount(part), boxCount(columns), "i8")).toBeLessThanOrEqual(half);
          }
        }
        expect(points).toBe(boxCount(box));
        const chunks = weightChunks(tiles, "i8");
        expect(chunks.length).toBe(Math.max(...tiles.map(({ firstChunk, inner }) => firstChunk + inner.length)));
        for (const { groups, columns, inner, firstChunk } of tiles) {
          inner.forEach((part, index) => {
            expect(at(chunks, firstChunk + index)).toEqual({
              groups,
              columns,
              inner: part,
              bytes: pairedBytes(boxCount(groups), boxCount(part), boxCount(columns), "i8"),
            });
          });
        }
      }),
    );
  });

  it("take the same turns on cores that differ in the inner range alone, as a chain of partial sums needs", () => {
    const layer = convLayer(4);
    const roles = contractionRoles(layer);
    const box = (inner: number): Box =>
      layer.dimensions.map((dimension, index) =>
        range(0, roles.inner.includes(index) && dimension.name === "kw" ? inner : dimension.size),
      );
    const shapes = (inner: number) =>
      contractionTiles(box(inner), box(3), roles, stepWith({ rows: 36, columns: 2, inner: 6 }), 512, 2048, "i8").map(
        ({ groups, rows, columns }) => ({ groups, rows, columns }),
      );
    expect(shapes(3).length).toBe(4);
    expect(shapes(2)).toEqual(shapes(3));
  });

  it("never have more rows than on the core that has the most", () => {
    const layer = convLayer();
    const roles = contractionRoles(layer);
    const box = (width: number): Box => layer.dimensions.map(({ name, size }) => range(0, name === "w" ? width : size));
    const rowsOf = (width: number) =>
      contractionTiles(box(width), box(4), roles, stepWith({ rows: 7, columns: 8, inner: 36 }), 512, 2048, "i8").map(
        ({ rows }) => boxCount(rows),
      );
    expect(Math.max(...rowsOf(4))).toBe(4);
    expect(Math.max(...rowsOf(3))).toBe(3);
  });

  it("go over all weights for each tile of rows", () => {
    const layer = convLayer();
    const roles = contractionRoles(layer);
    const box: Box = layer.dimensions.map(({ size }) => range(0, size));
    const tiles = contractionTiles(box, box, roles, stepWith({ rows: 18, columns: 4, inner: 20 }), 512, 2048, "i8");
    expect(tiles.map(({ firstChunk }) => firstChunk)).toEqual([0, 3, 0, 3]);
    expect(tiles.map(({ rows }) => boxCount(rows))).toEqual([18, 18, 18, 18]);
    expect(tiles[0]?.inner.map(boxCount)).toEqual([12, 12, 12]);
    expect(weightChunks(tiles, "i8").map(({ bytes }) => bytes)).toEqual([48, 48, 48, 48, 48, 48]);
  });

  it("hold several groups when columns and inner elements are whole", () => {
    const layer = convLayer(4);
    const roles = contractionRoles(layer);
    const box: Box = layer.dimensions.map(({ size }) => range(0, size));
    const groups = (capacity: number, half: number) =>
      contractionTiles(box, box, roles, stepWith({ rows: 36, columns: 2, inner: 9 }), capacity, half, "i8").map(
        (tile) => boxCount(tile.groups),
      );
    expect(groups(288, 2048)).toEqual([4]);
    expect(groups(240, 2048)).toEqual([3, 1]);
    expect(groups(288, 40)).toEqual([2, 2]);
  });

  it("are refused when they exceed the partial sums or the weights", () => {
    const layer = convLayer();
    const roles = contractionRoles(layer);
    const box: Box = layer.dimensions.map(({ size }) => range(0, size));
    const tile = { rows: 36, columns: 8, inner: 36 };
    const refusal = (capacity: number, half: number) =>
      codeOf(() => contractionTiles(box, box, roles, stepWith(tile), capacity, half, "i8"));
    expect(refusal(288, 288)).toBe("nothing");
    expect(refusal(287, 288)).toBe(
      "B403: A tile of 36 rows × 8 columns × 36 inner elements exceeds 287 partial sums or 288 bytes of weights.",
    );
    expect(refusal(288, 287)).toContain("B403");
    expect(codeOf(() => contractionTiles(box, box, roles, stepWith(null), 1, 1, "i8"))).toBe(
      "B403: A contraction step has no tile.",
    );
  });
});
