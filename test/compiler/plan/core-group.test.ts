import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyCores, copyCount, copyCounts, sharingCores, storageGroup } from "../../../compiler/core-group.ts";
import { layOut } from "../../../compiler/geometry.ts";
import { contractionRoles } from "../../../compiler/tiling.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "../mapper/networks.ts";

const { grid } = loadChip("mini-4x4");
const graph = new TestGraph();
const { layers } = graph.output(graph.conv("conv", graph.input("x", [1, 4, 8, 8]), 8, 3)).network();
const layer = layers.find(({ kind }) => kind === "contraction");
if (layer === undefined) throw new Error("no contraction");
const roles = contractionRoles(layer);

function laidOut(rows: readonly [string, number][], columns: readonly [string, number][]) {
  const parts = (list: readonly [string, number][]) => list.map(([dimension, count]) => ({ dimension, parts: count }));
  return layOut(layer?.dimensions ?? [], { rows: parts(rows), columns: parts(columns) }, grid);
}

describe("the cores that share a slice of weights", () => {
  it("are the rectangle of the row dimensions' parts", () => {
    const spatial = layer.dimensions.filter((_, index) => roles.row.includes(index)).map(({ name }) => name);
    const column = layer.dimensions[roles.column[0] ?? 0]?.name ?? "";
    const [height = "", width = ""] = spatial.slice(-2);
    const sharing = (rows: readonly [string, number][], columns: readonly [string, number][]) =>
      sharingCores(laidOut(rows, columns), roles);
    expect(
      sharing(
        [
          [column, 2],
          [height, 2],
        ],
        [[width, 3]],
      ),
    ).toEqual({ rows: 2, columns: 3 });
    expect(
      sharing(
        [
          [height, 2],
          [width, 2],
        ],
        [[column, 4]],
      ),
    ).toEqual({ rows: 4, columns: 1 });
    expect(sharing([[column, 4]], [])).toEqual({ rows: 1, columns: 1 });
  });
});

describe("the cores that have a copy", () => {
  it("are the equal rectangle whose corners are nearest to each other, the flatter of two", () => {
    const sharing = { rows: 16, columns: 16 };
    expect(copyCores(sharing, 1)).toEqual(sharing);
    expect(copyCores(sharing, 2)).toEqual({ rows: 8, columns: 16 });
    expect(copyCores(sharing, 4)).toEqual({ rows: 8, columns: 8 });
    expect(copyCores(sharing, 256)).toEqual({ rows: 1, columns: 1 });
    // 32 cores each: 2 × 16, as 4 and 8 do not divide 14 rows.
    expect(copyCores({ rows: 14, columns: 16 }, 7)).toEqual({ rows: 2, columns: 16 });
  });

  it("are none where the rectangle cannot be divided into as many", () => {
    expect(copyCores({ rows: 4, columns: 4 }, 3)).toBeNull();
    expect(copyCores({ rows: 4, columns: 4 }, 32)).toBeNull();
    // 36 cores in 4 rectangles of 9: 3 × 3 or 9 × 1 do not divide 2 × 18 rows and columns, 1 × 9 does.
    expect(copyCores({ rows: 2, columns: 18 }, 4)).toEqual({ rows: 1, columns: 9 });
  });

  it("are counted from one copy to one for each two cores", () => {
    expect(copyCounts({ rows: 4, columns: 4 })).toEqual([1, 2, 4, 8]);
    expect(copyCounts({ rows: 3, columns: 2 })).toEqual([1, 2, 3]);
    expect(copyCounts({ rows: 1, columns: 1 })).toEqual([]);
  });

  it("divide any rectangle evenly, in no more hops than any other way", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 16 }), (rows, columns) => {
        for (let copies = 1; copies <= rows * columns; copies += 1) {
          const ways = [];
          for (let high = 1; high <= rows; high += 1)
            for (let wide = 1; wide <= columns; wide += 1)
              if (rows % high === 0 && columns % wide === 0 && high * wide * copies === rows * columns)
                ways.push(high + wide);
          const found = copyCores({ rows, columns }, copies);
          expect(found === null ? [] : [found.rows + found.columns]).toEqual(
            ways.length === 0 ? [] : [Math.min(...ways)],
          );
          if (found !== null) {
            expect([rows % found.rows, columns % found.columns]).toEqual([0, 0]);
            expect(found.rows * found.columns * copies).toBe(rows * columns);
          }
        }
      }),
    );
  });
});

describe("the cores that store a copy between them", () => {
  const width = layer.dimensions[roles.row.at(-1) ?? 0]?.name ?? "";
  const geometry = laidOut([], [[width, 4]]);

  it("are one when each has its own, all that share a slice when they stream, part of them in between", () => {
    expect(storageGroup(geometry, roles, null)).toEqual({ rows: 1, columns: 1 });
    expect(storageGroup(geometry, roles, { copies: "all" })).toEqual({ rows: 1, columns: 1 });
    expect(storageGroup(geometry, roles, { copies: 1 })).toEqual({ rows: 1, columns: 4 });
    expect(storageGroup(geometry, roles, { copies: 2 })).toEqual({ rows: 1, columns: 2 });
  });

  it("keep as many copies as are said, resident weights one on each core with work", () => {
    expect(copyCount(geometry, roles, { copies: 1 })).toBe(1);
    expect(copyCount(geometry, roles, { copies: 2 })).toBe(2);
    expect(copyCount(geometry, roles, { copies: "all" })).toBe(4);
    // 5 indexes in parts of 2: the last of 4 cores has none.
    const { dimensions } = layer;
    const narrow = dimensions.map((each) => (each.name === width ? { ...each, size: 5 } : each));
    const idle = layOut(narrow, { rows: [], columns: [{ dimension: width, parts: 4 }] }, grid);
    expect(copyCount(idle, roles, { copies: "all" })).toBe(3);
  });

  it("are refused where copies do not divide those that share a slice", () => {
    expect(() => storageGroup(geometry, roles, { copies: 3 })).toThrow(
      "1 × 4 cores share a slice of the weights; they cannot be divided into 3 equal rectangles.",
    );
  });
});
