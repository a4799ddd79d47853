import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AxisOverlaps, axisRanges } from "../../../compiler/mapper/axis-overlaps.ts";
import { ownerIndex } from "../../../compiler/mapper/owner-index.ts";
import { overlapCount, type Placement, PlacementBuilder } from "../../../compiler/mapper/placement.ts";

/** Boxes of two axes, one a core, on a grid of as many columns. */
function placementOf(boxes: readonly (readonly number[])[]): Placement {
  const builder = new PlacementBuilder(1, boxes.length, 2);
  boxes.forEach((bounds, core) => {
    builder.give(builder.addBox(bounds, bounds), core);
  });
  return builder.build();
}

/** The ranges between cuts of [0, 12). */
const rangesArbitrary = fc
  .uniqueArray(fc.integer({ min: 1, max: 11 }), { maxLength: 4 })
  .map((cuts) => [0, ...[...cuts].sort((a, b) => a - b), 12])
  .map((cuts) => cuts.slice(1).map((end, index) => [cuts[index] as number, end] as const));

/** A grid of boxes without some of them. */
const ownedArbitrary = fc
  .tuple(rangesArbitrary, rangesArbitrary, fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }))
  .map(([rows, columns, isIdle]) =>
    placementOf(
      rows.flatMap((row) => columns.map((column) => [...row, ...column])).filter((_, box) => box === 0 || !isIdle[box]),
    ),
  );

/** Boxes that lie anywhere, also beyond what is owned. */
const neededArbitrary = fc
  .array(fc.tuple(fc.nat(12), fc.integer({ min: 1, max: 8 }), fc.nat(12), fc.integer({ min: 1, max: 8 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((boxes) => placementOf(boxes.map(([top, rows, left, columns]) => [top, top + rows, left, left + columns])));

describe("the overlaps of boxes with a grid of boxes", () => {
  it("are those of every pair of boxes, also after other placements", () => {
    const overlaps = new AxisOverlaps();
    fc.assert(
      fc.property(ownedArbitrary, neededArbitrary, (owned, needed) => {
        overlaps.prepare(ownerIndex(owned), axisRanges(needed));
        for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
          const count = overlaps.find(wanted);
          const found = new Map(Array.from({ length: count }, (_, at) => [overlaps.boxes[at], overlaps.counts[at]]));
          const pairs = Array.from({ length: owned.boxCount }, (_, box) => [
            box,
            overlapCount(owned, box, needed, wanted),
          ]);
          expect(found).toEqual(new Map(pairs.filter(([, elements]) => elements !== 0) as [number, number][]));
          expect(found.size).toBe(count);
        }
      }),
    );
  });
});
