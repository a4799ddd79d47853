import { describe, expect, it } from "vitest";
import { copyViews } from "../../../compiler/emit/copy-batch.ts";
import { subtract } from "../../../compiler/emit/movement.ts";
import { packetsOf } from "../../../compiler/emit/packets.ts";
import { anchoredTo } from "../../../compiler/emit/step-body.ts";
import { tokens } from "../../../compiler/emit/tokens.ts";
import { TransferCache } from "../../../compiler/emit/transfer-cache.ts";
import { mergeNest, rangeSize, tensorView, tileView } from "../../../compiler/emit/views.ts";
import { denseLayout } from "../../../compiler/local-layout.ts";
import { identityPiece } from "../../../compiler/pieces.ts";
import type { Copy } from "../../../compiler/transfers.ts";
import { boxCount } from "../../../ir/iteration.ts";

const range = (start: number, end: number) => ({ start, end });
const copy = (source: number, destination: number, rest: Partial<Copy> = {}): Copy => ({
  source,
  destination,
  counts: [4],
  sourceOffset: 8,
  sourceStrides: [1],
  destinationOffset: 16,
  destinationStrides: [2],
  ...rest,
});
const batch = (
  copies: readonly Copy[],
  sourceSpace: "memory" | "frame" = "memory",
  destinationSpace: "memory" | "frame" = "memory",
) => ({
  copies,
  elementBytes: 1,
  sourceSpace,
  sourceAddress: 100,
  destinationSpace,
  destinationAddress: 200,
});
const views = {
  counts: [4],
  elementBytes: 1,
  source: { space: "memory", address: 108, strides: [1] },
  destination: { space: "memory", address: 216, strides: [2] },
  token: 5,
} as const;

const packets = (given: Parameters<typeof packetsOf>[0], rows: number, columns: number) =>
  packetsOf(given, new TransferCache(), rows, columns, tokens.arrived);

describe("packets", () => {
  it("to one core are moves", () => {
    expect(packets(batch([copy(1, 6)]), 4, 4)).toEqual([
      {
        from: { kind: "core", core: 1 },
        toCores: [6],
        toFrameRow: null,
        instruction: { kind: "move", ...views, core: { row: 1, column: 2 } },
      },
    ]);
  });

  it("with the same bytes for a rectangle of cores are multicasts, the sender left out", () => {
    const square = [0, 1, 4, 5].map((core) => copy(5, core));
    expect(packets(batch(square), 4, 4)).toEqual([
      {
        from: { kind: "core", core: 5 },
        toCores: [0, 1, 4],
        toFrameRow: null,
        instruction: { kind: "multicast", ...views, cores: { row: 0, column: 0, rows: 2, columns: 2 } },
      },
    ]);
  });

  it("are several when the cores form no rectangle", () => {
    const found = packets(batch([0, 1, 4].map((core) => copy(9, core))), 4, 4);
    expect(found.map(({ toCores }) => toCores)).toEqual([[0, 1], [4]]);
    expect(found.map(({ instruction }) => instruction.kind)).toEqual(["multicast", "move"]);
  });

  it("are several when offsets, counts or strides differ", () => {
    const copies = [
      copy(0, 1),
      copy(0, 2, { sourceOffset: 9 }),
      copy(0, 3, { destinationOffset: 17 }),
      copy(0, 5, { counts: [3] }),
      copy(0, 6, { sourceStrides: [3] }),
      copy(0, 7, { destinationStrides: [3] }),
    ];
    expect(packets(batch(copies), 4, 4).map(({ toCores }) => toCores)).toEqual([[1], [2], [3], [5], [6], [7]]);
  });

  it("never go from a core to itself", () => {
    expect(packets(batch([copy(3, 3)]), 4, 4)).toEqual([]);
  });

  it("from the framebuffer leave in the first row of their destinations", () => {
    const found = packets(batch([copy(0, 9), copy(0, 10), copy(0, 2, { sourceOffset: 0 })], "frame"), 4, 4);
    expect(found.map(({ from, toCores }) => [from, toCores])).toEqual([
      [{ kind: "frame", row: 2 }, [9, 10]],
      [{ kind: "frame", row: 0 }, [2]],
    ]);
    expect(found[0]?.instruction).toMatchObject({
      kind: "multicast",
      cores: { row: 2, column: 1, rows: 1, columns: 2 },
    });
  });

  it("to the framebuffer go to the io core of their row", () => {
    const found = packets(batch([copy(9, 0)], "memory", "frame"), 4, 4);
    expect(found).toEqual([
      {
        from: { kind: "core", core: 9 },
        toCores: [],
        toFrameRow: 2,
        instruction: {
          kind: "move",
          ...views,
          destination: { ...views.destination, space: "frame" },
          core: { row: 2, column: -1 },
        },
      },
    ]);
  });

  it("of a single element have one count", () => {
    const single = copy(0, 1, { counts: [], sourceStrides: [], destinationStrides: [] });
    expect(copyViews(single, batch([]))).toEqual({
      counts: [1],
      source: { space: "memory", address: 108, strides: [0] },
      destination: { space: "memory", address: 216, strides: [0] },
    });
  });
});

describe("remembered transfers", () => {
  const shape = [4];
  const layout = denseLayout([0], [2], 1);
  const halves = { boxes: [[range(0, 2)], [range(2, 4)]], origins: [[0], [2]], layout };
  const swapped = { boxes: [[range(2, 4)], [range(0, 2)]], origins: [[2], [0]], layout };

  it("are the same list for equal spreads, another for others", () => {
    const cache = new TransferCache();
    const first = cache.copies([identityPiece(shape)], halves, swapped);
    expect(first.map(({ source, destination }) => [source, destination])).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(cache.copies([identityPiece(shape)], { ...halves }, { ...swapped })).toBe(first);
    expect(cache.copies([identityPiece(shape)], halves, halves)).not.toBe(first);
    const wider = { ...swapped, layout: denseLayout([0], [2], 2) };
    expect(cache.copies([identityPiece(shape)], halves, wider)).not.toBe(first);
  });

  it("leave cores that all send to each other for different ones at any time", () => {
    const cache = new TransferCache();
    const strips = (axis: number) =>
      [0, 1, 2, 3].map((part) => [0, 1].map((each) => (each === axis ? range(part, part + 1) : range(0, 4))));
    const spread = (axis: number, extents: readonly number[]) => {
      const boxes = strips(axis);
      const origins = boxes.map((box) => box.map(({ start }) => start));
      return { boxes, origins, layout: denseLayout([0, 1], extents, 1) };
    };
    const copies = cache.copies([identityPiece([4, 4])], spread(0, [1, 4]), spread(1, [4, 1]));
    const sent = [0, 1, 2, 3].map((core) =>
      cache.bundles(copies, false, 2, 2).flatMap(({ copy, receivers }) => (copy.source === core ? receivers : [])),
    );
    // In a square of two rows: to the right, down, and across, around its edges.
    expect(sent).toEqual([
      [1, 2, 3],
      [0, 3, 2],
      [3, 0, 1],
      [2, 1, 0],
    ]);
  });

  it("of one core differ from those of the framebuffer, from which a core may get what it holds", () => {
    const cache = new TransferCache();
    const copies = cache.copies(
      [identityPiece([2])],
      { ...halves, boxes: [[range(0, 2)]] },
      { ...halves, boxes: [[range(0, 2)]] },
    );
    expect(cache.bundles(copies, true, 1, 1).map(({ receivers }) => receivers)).toEqual([[0]]);
    expect(cache.bundles(copies, false, 1, 1)).toEqual([]);
  });
});

describe("what is left of a box", () => {
  it("when others are taken out is in disjoint boxes", () => {
    const box = [range(0, 4), range(0, 4)];
    const rest = subtract(box, [
      [range(1, 3), range(1, 3)],
      [range(0, 1), range(0, 9)],
    ]);
    const points = new Set<string>();
    for (const part of rest) {
      for (let x = part[0]?.start ?? 0; x < (part[0]?.end ?? 0); x += 1) {
        for (let y = part[1]?.start ?? 0; y < (part[1]?.end ?? 0); y += 1) {
          expect(points.has(`${x},${y}`)).toBe(false);
          points.add(`${x},${y}`);
          expect(x >= 1 && (x >= 3 || y < 1 || y >= 3)).toBe(true);
        }
      }
    }
    expect(points.size).toBe(16 - 4 - 4);
    expect(rest.reduce((sum, part) => sum + boxCount(part), 0)).toBe(8);
  });

  it("is all of it when nothing meets it, and nothing when it is covered", () => {
    const box = [range(2, 4)];
    expect(subtract(box, [[range(4, 6)], [range(0, 2)]])).toEqual([box]);
    expect(subtract(box, [[range(0, 9)]])).toEqual([]);
    expect(subtract(box, [[range(3, 9)]])).toEqual([[range(2, 3)]]);
  });
});

describe("views of tiles", () => {
  it("start where the tile's first point lies and step by the dimensions", () => {
    const layout = denseLayout([1, 0], [4, 6], 2);
    const access = [
      { terms: [{ dimension: 0, stride: 1 }], offset: 0 },
      {
        terms: [
          { dimension: 1, stride: 2 },
          { dimension: 2, stride: 1 },
        ],
        offset: -1,
      },
    ];
    const tile = [
      { dimension: 1, range: range(3, 5) },
      { dimension: 2, range: range(0, 3) },
    ];
    const view = tensorView(1000, layout, [2, 3], access, "f16", tile, [range(3, 5), range(2, 6), range(0, 3)]);
    // Coordinate (3, 2·3 + 0 − 1) from the origin (2, 3): one along axis 0 (2 bytes), two along axis 1 (8 bytes).
    expect(view).toEqual({ space: "memory", address: 1000 + 2 + 16, strides: [16, 8], element: "f16" });
  });

  it("of a tile by itself are dense", () => {
    const tile = [
      { dimension: 4, range: range(3, 5) },
      { dimension: 0, range: range(0, 3) },
    ];
    expect(tileView("partial", 64, 4, "i32", tile)).toEqual({
      space: "partial",
      address: 64,
      strides: [12, 4],
      element: "i32",
    });
    expect(rangeSize(range(3, 5))).toBe(2);
  });

  it("merge neighbours that all walk through without a gap, and drop counts of one", () => {
    expect(
      mergeNest({
        counts: [2, 3, 1, 4],
        strides: [
          [12, 4, 9, 1],
          [24, 8, 0, 2],
        ],
      }),
    ).toEqual({ counts: [24], strides: [[1], [2]] });
    expect(
      mergeNest({
        counts: [2, 3],
        strides: [
          [3, 1],
          [4, 1],
        ],
      }),
    ).toEqual({
      counts: [2, 3],
      strides: [
        [3, 1],
        [4, 1],
      ],
    });
    expect(mergeNest({ counts: [2, 3], strides: [[0, 0]] })).toEqual({ counts: [6], strides: [[0]] });
    expect(mergeNest({ counts: [1, 1], strides: [[5, 6]] })).toEqual({ counts: [1], strides: [[0]] });
    expect(mergeNest({ counts: [], strides: [[]] })).toEqual({ counts: [1], strides: [[0]] });
  });
});

describe("core coordinates of a class", () => {
  const signal = (row: number, column: number) => ({ kind: "signal", token: 1, core: { row, column } }) as const;

  it("are plain where the class has one row or column, fields where it has more", () => {
    expect(anchoredTo(signal(1, 0), { row: 2, column: 3, rows: 1, columns: 1 })).toEqual(signal(3, 3));
    expect(anchoredTo(signal(0, -1), { row: 0, column: 1, rows: 4, columns: 2 })).toEqual({
      kind: "signal",
      token: 1,
      core: { row: { base: 0, row: 1, column: 0, turn: 0 }, column: { base: 0, row: 0, column: 1, turn: 0 } },
    });
  });

  it("of other instructions are left as they are", () => {
    const barrier = { kind: "barrier" } as const;
    expect(anchoredTo(barrier, { row: 2, column: 3, rows: 2, columns: 1 })).toBe(barrier);
    const fixed = {
      kind: "signal",
      token: 1,
      core: { row: { base: 1, row: 1, column: 0, turn: 0 }, column: 0 },
    } as const;
    expect(anchoredTo(fixed, { row: 2, column: 3, rows: 2, columns: 1 })).toBe(fixed);
  });
});
