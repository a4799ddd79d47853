import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HeldPlacement, LinkLoadKernel } from "../../kernels/link-loads.ts";
import { plainLinkLoads } from "../../kernels/plain/link-loads.ts";
import {
  type Cut,
  type OwnerGrid,
  ownerRecord,
  type ReaderBoxes,
  readerRecord,
  sourceNumber,
} from "../../kernels/plain/link-records.ts";
import { rectanglesOf } from "../../kernels/plain/placements.ts";

/** A value of two axes of 12 elements on a grid of cores. */
interface Move {
  readonly owners: OwnerGrid;
  readonly readers: ReaderBoxes;
}

const gridArbitrary = fc.record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 5 }) });

/** The ranges between cuts of [0, 12). */
const rangesArbitrary = fc
  .uniqueArray(fc.integer({ min: 1, max: 11 }), { maxLength: 4 })
  .map((cuts) => [...cuts].sort((a, b) => a - b))
  .map((cuts) => ({ starts: [0, ...cuts], ends: [...cuts, 12] }));

/** Ranges that lie anywhere, also beyond what is owned. */
const readRangesArbitrary = fc
  .array(fc.tuple(fc.nat(13), fc.integer({ min: 1, max: 12 })), { minLength: 1, maxLength: 4 })
  .map((ranges) => ({ starts: ranges.map(([start]) => start), ends: ranges.map(([start, size]) => start + size) }));

/** Boxes in no special order, each with some of the cores, also such that are no rectangle together. */
function readersOf(
  grid: { readonly rows: number; readonly columns: number },
  axes: ReaderBoxes["axes"],
  boxes: readonly { readonly ranges: readonly [number, number]; readonly has: readonly boolean[] }[],
): ReaderBoxes {
  const cores = boxes.map(({ has }) => {
    const own = has.slice(0, grid.rows * grid.columns).flatMap((isReader, core) => (isReader ? [core] : []));
    return own.length > 0 ? own : [0];
  });
  const rectangles = cores.map((own) => rectanglesOf(own, grid.columns));
  const [firstCount, secondCount] = axes.map(({ starts }) => starts.length) as [number, number];
  const several = rectangles.filter((own) => own.length > 4);
  const starts = (lists: readonly (readonly number[])[], unit: number): number[] =>
    Array.from({ length: lists.length + 1 }, (_, count) => lists.slice(0, count).flat().length / unit);
  return {
    ...grid,
    axes,
    rangeOf: boxes.flatMap(({ ranges: [first, second] }) => [first % firstCount, firstCount + (second % secondCount)]),
    rectangleStart: starts(rectangles, 4),
    rectangles: rectangles.flat(),
    coreStart: starts(cores, 1),
    cores: cores.flat(),
    wayOf: rectangles.map((own) => several.indexOf(own)),
    ways: several.map((own) => {
      const sides = Array.from({ length: own.length / 4 }, (_, each) => own.slice(4 * each + 2, 4 * each + 4));
      const counted = (reaches: (column: number, side: number[]) => boolean): number[] =>
        Array.from({ length: grid.columns }, (_, column) => sides.filter((side) => reaches(column, side)).length);
      return {
        eastward: counted((column, side) => (side[1] as number) > column),
        westward: counted((column, side) => (side[0] as number) < column),
      };
    }),
  };
}

/** For owners of which no bounds are asked for. */
const noCut: Cut = { place: 0, axis: 0, sides: [] };
const noCuts = { rowCount: 1, rowCut: noCut, columnCut: noCut };

const moveArbitrary = gridArbitrary.chain((grid) =>
  fc
    .record({
      owned: fc.tuple(rangesArbitrary, rangesArbitrary),
      sources: fc.array(fc.option(fc.tuple(fc.nat(grid.rows - 1), fc.nat(grid.columns - 1)), { freq: 6 }), {
        minLength: 25,
        maxLength: 25,
      }),
      read: fc.tuple(readRangesArbitrary, readRangesArbitrary),
      boxes: fc.array(
        fc.record({
          ranges: fc.tuple(fc.nat(3), fc.nat(3)),
          has: fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    })
    .map(({ owned, sources, read, boxes }): Move => {
      const cells = owned[0].starts.length * owned[1].starts.length;
      const numbers = sources.slice(0, cells).map((place) => (place === null ? -1 : sourceNumber(...place)));
      return { owners: { axes: owned, sources: numbers, ...noCuts }, readers: readersOf(grid, read, boxes) };
    }),
);

const costsArbitrary = fc.record({
  elementBytes: fc.constantFrom(0.5, 1, 2),
  linkBytesPerCycle: fc.constantFrom(1, 4, 10, Number.POSITIVE_INFINITY),
  issueCycles: fc.constantFrom(0, 1, 3),
});

describe("the loads of links and ports", () => {
  it("are those of every piece on every link of its way, also after other moves and on other grids", () => {
    const kernel = new LinkLoadKernel();
    fc.assert(
      fc.property(moveArbitrary, costsArbitrary, fc.boolean(), ({ owners, readers }, costs, stays) => {
        const { linkCycleSum, ...expected } = plainLinkLoads(owners, readers, costs, stays);
        const records = [kernel.hold(ownerRecord(owners)), kernel.hold(readerRecord(readers))] as const;
        expect(kernel.loads(...records, costs, stays, 1000)).toEqual(expected);
        expect(kernel.linkCycleSum()).toBe(linkCycleSum);
      }),
      { numRuns: 300 },
    );
  });

  const row: Move = {
    // Four cores of a row own three elements each; two boxes of six go to the cores of either side.
    owners: {
      axes: [{ starts: [0, 3, 6, 9], ends: [3, 6, 9, 12] }],
      sources: [0, 1, 2, 3].map((column) => sourceNumber(0, column)),
      rowCount: 1,
      rowCut: { place: 1, axis: 0, sides: [0, 0, 0, 0] },
      columnCut: { place: 2, axis: 0, sides: [0, 0, 1, 1] },
    },
    readers: {
      rows: 1,
      columns: 4,
      axes: [{ starts: [0, 6], ends: [6, 12] }],
      rangeOf: [0, 1],
      rectangleStart: [0, 1, 2],
      rectangles: [0, 0, 2, 3, 0, 0, 0, 1],
      coreStart: [0, 2, 4],
      cores: [2, 3, 0, 1],
      wayOf: [-1, -1],
      ways: [],
    },
  };
  const costs = { elementBytes: 1, linkBytesPerCycle: 2, issueCycles: 1 };

  it("meet on the link across the middle when halves change places", () => {
    // A piece of 3 bytes holds a link for 2 cycles: two pieces cross the middle either way. A core sends one (2 + 1 cycles),
    // takes in two, and its port moves 3 + 6 elements. Links: 2, 4, 4 cycles to the east and as many to the west.
    const kernel = new LinkLoadKernel();
    const [owners, readers] = [kernel.hold(ownerRecord(row.owners)), kernel.hold(readerRecord(row.readers))];
    expect(kernel.loads(owners, readers, costs, false, 4)).toEqual({
      inject: 3,
      eject: 4,
      links: 4,
      portCount: 9,
      remoteCount: 6,
    });
    expect(kernel.linkCycleSum()).toBe(20);
  });

  it("have a bound for what crosses the middle, the way added, that is unknown for too many pieces", () => {
    const kernel = new LinkLoadKernel();
    // Of looked cores the last one alone: it reads [6, 12), of which it owns [9, 12).
    const hold = (record: Int32Array, start: number): HeldPlacement => ({
      record: kernel.hold(record),
      looked: kernel.hold(Int32Array.from([0, 0, 0, 0, 0, 0, 0, 0, 1, start, 12])),
    });
    const [owners, readers] = [hold(ownerRecord(row.owners), 9), hold(readerRecord(row.readers), 0)];
    const least = (pieceLimit: number): number[] => {
      const table = new Float64Array([Number.NaN, 7]);
      kernel.fillLeast(table, [owners], [readers, readers], costs, 10, pieceLimit);
      return [...table];
    };
    // 2 × 3 bytes cross the middle of one row, either way, 2 a cycle. What is known stays.
    expect(least(4)).toEqual([9 / 2 + 10, 7]);
    expect(least(3)).toEqual([-1, 7]);
  });

  it("are not worked out when there are more pieces than the limit, and then no link is loaded", () => {
    const kernel = new LinkLoadKernel();
    const records = [kernel.hold(ownerRecord(row.owners)), kernel.hold(readerRecord(row.readers))] as const;
    expect(kernel.loads(...records, costs, false, 4)).not.toBeNull();
    // Two boxes of two pieces.
    expect(kernel.loads(...records, costs, false, 3)).toBeNull();
    expect(kernel.linkCycleSum()).toBe(0);
  });
});
