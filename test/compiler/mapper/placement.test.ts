import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layOut, ownsResult, touchedBox } from "../../../compiler/geometry.ts";
import { placedAccess, placementOf } from "../../../compiler/mapper/access-placement.ts";
import { outline } from "../../../compiler/mapper/outline.ts";
import { findOverlaps, overlapRoom, ownerIndex } from "../../../compiler/mapper/owner-index.ts";
import { contains, overlapCount } from "../../../compiler/mapper/placement.ts";
import { placementKey } from "../../../compiler/mapper/placement-key.ts";
import { candidateSplits } from "../../../compiler/mapper/splits.ts";
import { type Placement, PlacementKernel } from "../../../kernels/placements.ts";
import { plainReaders, readerRecord } from "../../../kernels/plain/link-records.ts";
import { plainPlacementOf, plainPlacementOfBoxes, rectanglesOf } from "../../../kernels/plain/placements.ts";
import { TestGraph } from "./networks.ts";

const placer = new PlacementKernel();

const grid = { rows: 4, columns: 4 };
const graph = new TestGraph();
const layer = graph.output(graph.conv("c", graph.input("x", [2, 3, 9, 7]), 6, 3, 2)).network().layers[1];
if (layer === undefined) throw new Error("the test graph has no second layer");
const splits = candidateSplits(layer, grid);
const accesses = [
  { access: layer.writes[0]?.access ?? [], shape: layer.writes[0]?.type.shape ?? [], owner: true },
  { access: layer.reads[0]?.access ?? [], shape: layer.reads[0]?.type.shape ?? [], owner: false },
];
const pick = fc.record({ split: fc.constantFrom(...splits), at: fc.constantFrom(...accesses) });

function boxesOf(placement: Placement, core: number): number[][] {
  const width = 2 * placement.rank;
  const own = placement.boxes.slice(placement.boxStart[core], placement.boxStart[core + 1]);
  return [...own].map((box) => [...placement.bounds.slice(box * width, (box + 1) * width)]);
}

describe("a placement", () => {
  it("is the one that is worked out plainly", () => {
    fc.assert(
      fc.property(pick, fc.nat(2), fc.nat(2), ({ split, at }, row, column) => {
        for (const corner of [
          { row: 0, column: 0 },
          { row, column },
        ]) {
          const access = placedAccess(layOut(layer.dimensions, split, grid, corner), at.access, at.shape, at.owner);
          const { record: _, ...placement } = placer.ofAccess(access);
          expect(placement).toEqual(plainPlacementOf(access));
        }
      }),
    );
  });

  it("of given boxes is the one that is worked out plainly", () => {
    const box = fc.record({
      bounds: fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
      cores: fc.uniqueArray(fc.nat(14), { minLength: 1 }),
    });
    fc.assert(
      fc.property(fc.array(box, { maxLength: 6 }), (boxes) => {
        const pairs = boxes
          .flatMap(({ cores }, index) => cores.map((core) => ({ index, core })))
          .sort((a, b) => a.core - b.core);
        const given = {
          rows: 3,
          columns: 5,
          rank: 2,
          bounds: boxes.flatMap(({ bounds }) => bounds),
          boxes: pairs.map(({ index }) => index),
          cores: pairs.map(({ core }) => core),
        };
        const placement = placer.ofBoxes(given);
        const { record: _, ...lists } = placement;
        expect(lists).toEqual(plainPlacementOfBoxes(given));
        expect(placer.readers(placement)).toEqual(readerRecord(plainReaders(placement)));
      }),
    );
  });

  it("gives every core the box that the geometry gives it", () => {
    fc.assert(
      fc.property(pick, ({ split, at }) => {
        const geometry = layOut(layer.dimensions, split, grid);
        const placement = placementOf(placer, geometry, at.access, at.shape, at.owner);
        for (let core = 0; core < 16; core += 1) {
          const [row, column] = [core >> 2, core & 3];
          const box = touchedBox(geometry, at.access, at.shape, row, column);
          const has = box !== null && (!at.owner || ownsResult(geometry, row, column));
          expect(boxesOf(placement, core)).toEqual(has ? [box.flatMap(({ start, end }) => [start, end])] : []);
        }
      }),
    );
  });

  it("is the same for two splits with the same key", () => {
    const seen = new Map<string, Placement>();
    for (const split of splits) {
      for (const { access, shape, owner } of accesses) {
        const geometry = layOut(layer.dimensions, split, grid);
        const key = placementKey(geometry, access, shape, owner);
        const placement = placementOf(placer, geometry, access, shape, owner);
        expect(placementKey(outline(layer.dimensions, split, grid), access, shape, owner)).toBe(key);
        const known = seen.get(key);
        if (known === undefined) seen.set(key, placement);
        else expect(placement).toEqual(known);
      }
    }
    expect(seen.size).toBeGreaterThan(20);
    expect(seen.size).toBeLessThan(2 * splits.length);
  });

  it("is indexed so that all overlaps of a box are found, each with its count", () => {
    fc.assert(
      fc.property(fc.constantFrom(...splits), fc.constantFrom(...splits), (from, to) => {
        const [written, read] = accesses as [(typeof accesses)[number], (typeof accesses)[number]];
        const owned = placementOf(placer, layOut(layer.dimensions, from, grid), written.access, written.shape, true);
        const needed = placementOf(placer, layOut(layer.dimensions, to, grid), read.access, read.shape, false);
        const index = ownerIndex(owned);
        const room = overlapRoom(index);
        for (let wanted = 0; wanted < needed.boxCount; wanted += 1) {
          const found = findOverlaps(index, needed, wanted, room);
          const list = Array.from({ length: found }, (_, entry) => [room.boxes[entry], room.counts[entry]]);
          const expected = Array.from({ length: owned.boxCount }, (_, box) => [
            box,
            overlapCount(owned, box, needed, wanted),
          ]);
          expect(list.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))).toEqual(expected.filter(([, count]) => count !== 0));
        }
      }),
    );
  });

  it("says whether a box lies inside another, padding included", () => {
    const geometry = layOut(layer.dimensions, { rows: [], columns: [] }, grid);
    const read = accesses[1] as (typeof accesses)[number];
    const padded = placementOf(placer, geometry, read.access, read.shape, false);
    expect(contains(padded, 0, padded, 0)).toBe(false);
    const written = accesses[0] as (typeof accesses)[number];
    const whole = placementOf(placer, geometry, written.access, written.shape, true);
    expect(contains(whole, 0, whole, 0)).toBe(true);
  });

  it.each([
    [[], 0],
    [[0], 1],
    [[0, 1, 4, 5], 1],
    [[0, 2], 2],
    [[0, 8], 2],
    [[0, 1, 4], 2],
    [[3, 4], 2],
    [[0, 2, 4, 6], 2],
    [[0, 1, 2, 3, 4, 5, 6, 7], 1],
  ])("counts the rectangles of cores %j", (cores, count) => {
    expect(rectanglesOf(cores, 4)).toHaveLength(4 * count);
  });
});

describe("an outline", () => {
  it("has the sizes of the geometry", () => {
    for (const split of splits) {
      const geometry = layOut(layer.dimensions, split, grid);
      expect(outline(layer.dimensions, split, grid)).toEqual({ ...geometry, rowIndex: [], columnIndex: [] });
    }
  });
});
