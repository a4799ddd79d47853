import { describe, expect, it } from "vitest";
import { bundlesOf } from "../../../compiler/emit/bundles.ts";
import { copiesBetween, copyViews } from "../../../compiler/emit/copy-batch.ts";
import { CopyInstructions } from "../../../compiler/emit/copy-instructions.ts";
import { subtract } from "../../../compiler/emit/movement.ts";
import { SequenceIndex } from "../../../compiler/emit/sequence-index.ts";
import { type Described, withFields } from "../../../compiler/emit/skeleton.ts";
import { anchoredTo } from "../../../compiler/emit/step-body.ts";
import { tokens } from "../../../compiler/emit/tokens.ts";
import { mergeNest, rangeSize, tensorView, tileView } from "../../../compiler/emit/views.ts";
import { denseLayout } from "../../../compiler/local-layout.ts";
import { identityPiece } from "../../../compiler/pieces.ts";
import { type CopyShape, type Transfer, transfersOf } from "../../../compiler/transfers.ts";
import { boxCount } from "../../../ir/iteration.ts";

const range = (start: number, end: number) => ({ start, end });
const shape: CopyShape = { counts: [4], sourceStrides: [1], destinationStrides: [2] };
const transfer = (source: number, destinations: readonly number[], rest: Partial<Transfer> = {}): Transfer => ({
  source,
  destinations,
  shape,
  sourceOffset: 8,
  destinationOffset: 16,
  ...rest,
});
const batch = (
  transfers: readonly Transfer[],
  sourceSpace: "memory" | "frame" = "memory",
  destinationSpace: "memory" | "frame" = "memory",
) => ({
  copies: { key: 0, transfers: () => transfers },
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

const instructionsOf = (given: ReturnType<typeof batch>) =>
  new CopyInstructions(given, tokens.arrived, 4, new SequenceIndex());
const written = ({ example, numbers }: Described) => withFields(example, numbers);

/** On 4 × 4 cores: the packets of a batch, with the core that sends each. */
const packets = (given: ReturnType<typeof batch>) => {
  const instructions = instructionsOf(given);
  return bundlesOf(given.copies.transfers(), given.sourceSpace === "frame", 4, 4).map((bundle) => [
    bundle.transfer.source,
    written(instructions.packet(bundle)),
  ]);
};

describe("packets", () => {
  it("to one core are moves", () => {
    expect(packets(batch([transfer(1, [6])]))).toEqual([[1, { kind: "move", ...views, core: { row: 1, column: 2 } }]]);
  });

  it("with the same bytes for a rectangle of cores are multicasts, the sender left out", () => {
    const given = batch([transfer(5, [0, 1, 4, 5])]);
    expect(packets(given)).toEqual([
      [5, { kind: "multicast", ...views, cores: { row: 0, column: 0, rows: 2, columns: 2 } }],
    ]);
    expect(bundlesOf(given.copies.transfers(), false, 4, 4).map(({ only }) => only)).toEqual([-1]);
  });

  it("to two cores of which one is the sender are moves to the other", () => {
    const pairs = [transfer(0, [0, 1]), transfer(1, [0, 1]), transfer(2, [2, 6]), transfer(6, [2, 6])];
    const found = bundlesOf(pairs, false, 4, 4);
    const byCore = new Map(found.map(({ transfer: { source }, only }) => [source, only]));
    expect([0, 1, 2, 6].map((core) => byCore.get(core))).toEqual([1, 0, 6, 2]);
  });

  it("are several when the cores form no rectangle", () => {
    expect(packets(batch([transfer(9, [0, 1, 4])]))).toMatchObject([
      [9, { kind: "multicast", cores: { row: 0, column: 0, rows: 1, columns: 2 } }],
      [9, { kind: "move", core: { row: 1, column: 0 } }],
    ]);
  });

  it("are one for transfers that are alike, several when offsets or shapes differ", () => {
    const transfers = [
      transfer(0, [1]),
      transfer(0, [2], { sourceOffset: 9 }),
      transfer(0, [3], { destinationOffset: 17 }),
      transfer(0, [5], { shape: { ...shape, counts: [3] } }),
      transfer(0, [2]),
    ];
    expect(packets(batch(transfers))).toMatchObject([
      [0, { kind: "multicast", cores: { row: 0, column: 1, rows: 1, columns: 2 } }],
      [0, { kind: "move", core: { row: 0, column: 2 } }],
      [0, { kind: "move", core: { row: 0, column: 3 } }],
      [0, { kind: "move", core: { row: 1, column: 1 } }],
    ]);
  });

  it("never go from a core to itself", () => {
    expect(packets(batch([transfer(3, [3])]))).toEqual([]);
  });

  it("from the framebuffer leave in the first row of their destinations", () => {
    const found = bundlesOf([transfer(0, [9, 10]), transfer(0, [2], { sourceOffset: 0 })], true, 4, 4);
    expect(found.map(({ cores, only }) => [cores, only])).toEqual([
      [{ row: 2, column: 1, rows: 1, columns: 2 }, -1],
      [{ row: 0, column: 2, rows: 1, columns: 1 }, 2],
    ]);
  });

  it("to the framebuffer go to the io core of their row", () => {
    const copy = transfer(9, [0]);
    const given = batch([copy], "memory", "frame");
    expect(written(instructionsOf(given).frameMove(copy, 2))).toEqual({
      kind: "move",
      ...views,
      destination: { ...views.destination, space: "frame" },
      core: { row: 2, column: -1 },
    });
  });

  it("within a core are copies of its own", () => {
    const { token: _, ...rest } = views;
    expect(written(instructionsOf(batch([])).gather(transfer(3, [3])))).toEqual({ kind: "gather", ...rest });
  });

  it("that differ in addresses and cores alone have one shape", () => {
    const instructions = instructionsOf(batch([]));
    const cores = { row: 0, column: 0, rows: 1, columns: 1 };
    const [first, second] = [transfer(0, [1]), transfer(4, [7], { sourceOffset: 24 })];
    const packetTo = (each: Transfer, only: number) => instructions.packet({ transfer: each, cores, only });
    expect(packetTo(first, 1)).toMatchObject({ shape: packetTo(second, 7).shape, numbers: [108, 216, 0, 1] });
    expect(packetTo(second, 7).numbers).toEqual([124, 216, 1, 3]);
    const square = { ...cores, rows: 2, columns: 2 };
    expect(instructions.packet({ transfer: first, cores: square, only: -1 }).shape).not.toBe(packetTo(first, 1).shape);
  });

  it("of a single element have one count", () => {
    expect(copyViews({ counts: [], sourceStrides: [], destinationStrides: [] }, batch([]))).toEqual({
      counts: [1],
      source: { space: "memory", address: 100, strides: [0] },
      destination: { space: "memory", address: 200, strides: [0] },
    });
  });
});

describe("copies between spreads", () => {
  const layout = denseLayout([0], [2], 1);
  const halves = { boxes: [[range(0, 2)], [range(2, 4)]], origins: [[0], [2]], layout };
  const swapped = { boxes: [[range(2, 4)], [range(0, 2)]], origins: [[2], [0]], layout };
  const pieces = [identityPiece([4])];

  it("have the same key for spreads of the same boxes, another for others", () => {
    const keys = new SequenceIndex();
    const first = copiesBetween(pieces, halves, swapped, keys);
    expect(first.transfers().map(({ source, destinations }) => [source, destinations])).toEqual([
      [1, [0]],
      [0, [1]],
    ]);
    const again = copiesBetween([identityPiece([4])], { ...halves }, { ...swapped, layout: { ...layout } }, keys);
    expect(again.key).toBe(first.key);
    const wider = { ...swapped, layout: denseLayout([0], [2], 2) };
    const others = [copiesBetween(pieces, halves, halves, keys), copiesBetween(pieces, halves, wider, keys)];
    const within = copiesBetween(pieces, halves, swapped, keys, "within");
    expect(new Set([first, ...others, within].map(({ key }) => key)).size).toBe(4);
  });

  it("can be those within places or between them alone", () => {
    const [box, origin] = [[range(1, 3)], [1]];
    const both = { boxes: [box, box], origins: [origin, origin], layout };
    const listed = (kind: "all" | "within" | "between") =>
      copiesBetween(pieces, halves, both, new SequenceIndex(), kind)
        .transfers()
        .map(({ source, destinations }) => [source, destinations]);
    expect(listed("all")).toEqual([
      [0, [0, 1]],
      [1, [0, 1]],
    ]);
    expect(listed("within")).toEqual([
      [0, [0]],
      [1, [1]],
    ]);
    expect(listed("between")).toEqual([
      [0, [1]],
      [1, [0]],
    ]);
    expect(copiesBetween(pieces, halves, swapped, new SequenceIndex(), "within").transfers()).toEqual([]);
  });

  it("leave cores that all send to each other for different ones at any time", () => {
    const strips = (axis: number) =>
      [0, 1, 2, 3].map((part) => [0, 1].map((each) => (each === axis ? range(part, part + 1) : range(0, 4))));
    const spread = (axis: number, extents: readonly number[]) => {
      const boxes = strips(axis);
      const origins = boxes.map((box) => box.map(({ start }) => start));
      return { boxes, origins, layout: denseLayout([0, 1], extents, 1) };
    };
    const transfers = transfersOf([identityPiece([4, 4])], spread(0, [1, 4]), spread(1, [4, 1]));
    const bundles = bundlesOf(transfers, false, 2, 2);
    const sent = [0, 1, 2, 3].map((core) =>
      bundles.flatMap(({ transfer: { source }, only }) => (source === core ? only : [])),
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
    const one = { ...halves, boxes: [[range(0, 2)]] };
    const transfers = transfersOf([identityPiece([2])], one, one);
    expect(bundlesOf(transfers, true, 1, 1).map(({ only }) => only)).toEqual([0]);
    expect(bundlesOf(transfers, false, 1, 1)).toEqual([]);
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
