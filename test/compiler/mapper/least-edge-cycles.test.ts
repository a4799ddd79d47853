import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layOut } from "../../../compiler/geometry.ts";
import type { Layer } from "../../../compiler/layers.ts";
import { placementOf } from "../../../compiler/mapper/access-placement.ts";
import { type EdgeScratch, edgeCost, edgeScratch, isInPlace } from "../../../compiler/mapper/edge-cost.ts";
import { candidateSplits } from "../../../compiler/mapper/splits.ts";
import { type Placement, PlacementKernel } from "../../../kernels/placements.ts";
import { plainLeastEdgeCycles } from "../../../kernels/plain/edge-bounds.ts";
import { ownerRecord, plainOwners, plainReaders, readerRecord } from "../../../kernels/plain/link-records.ts";
import { loadChip } from "../../../targets/load.ts";
import { TestGraph } from "./networks.ts";

const placer = new PlacementKernel();

const chip = loadChip("mini-4x4");
const graph = new TestGraph();
const network = graph.output(graph.conv("c", graph.input("x", [2, 4, 9, 8]), 6, 3, 1)).network();
const [input, conv] = network.layers as [Layer, Layer];

/** Where the image lies by a split of the input, and where it is needed by one of the convolution. */
const movesArbitrary = fc
  .tuple(
    fc.constantFrom(...candidateSplits(input, chip.grid)),
    fc.constantFrom(...candidateSplits(conv, chip.grid)),
    fc.constantFrom(0.5, 1, 2),
  )
  .map(([from, to, bytes]) => {
    const placed = (layer: Layer, split: typeof from, isOwner: boolean): Placement => {
      const { access, type } = (isOwner ? layer.writes : layer.reads)[0] as Layer["writes"][number];
      return placementOf(placer, layOut(layer.dimensions, split, chip.grid), access, type.shape, isOwner);
    };
    return { owned: placed(input, from, true), needed: placed(conv, to, false), bytes };
  });

/** The least cycles of one edge; null where they are not known. */
function leastEdgeCycles(
  owned: Placement,
  needed: Placement,
  bytes: number,
  target: typeof chip,
  { links }: EdgeScratch,
): number | null {
  const least = new Float64Array([Number.NaN]);
  links.fillLeast(least, [owned], [needed], bytes, target);
  return least[0] === -1 ? null : (least[0] as number);
}

describe("the least cycles of an edge", () => {
  const scratch = edgeScratch(chip);

  it("are no more than what it costs, and more than a third of it in the middle", () => {
    const shares: number[] = [];
    fc.assert(
      fc.property(movesArbitrary, fc.boolean(), ({ owned, needed, bytes }, mayStay) => {
        if (mayStay && isInPlace(owned, needed)) return;
        const least = leastEdgeCycles(owned, needed, bytes, chip, scratch);
        if (least === null) return;
        const { cycles } = edgeCost(owned, needed, bytes, mayStay, chip, scratch);
        expect(least).toBeLessThanOrEqual(cycles);
        if (cycles > 0) shares.push(least / cycles);
      }),
      { numRuns: 400 },
    );
    shares.sort((a, b) => a - b);
    expect(shares.length).toBeGreaterThan(200);
    expect(shares[shares.length >> 1]).toBeGreaterThan(1 / 3);
  });

  it("come from what crosses two cuts and what some cores take in, as added up piece by piece, also in a table of several", () => {
    fc.assert(
      fc.property(
        fc.array(movesArbitrary, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 32, 3, Number.POSITIVE_INFINITY),
        (moves, linkBytesPerCycle) => {
          const networks = { ...chip.networks, activation: { ...chip.networks.activation, linkBytesPerCycle } };
          const [{ bytes }] = moves as [(typeof moves)[number]];
          const [owned, needed] = [moves.map((move) => move.owned), moves.map((move) => move.needed)];
          const least = new Float64Array(moves.length ** 2).fill(Number.NaN);
          scratch.links.fillLeast(least, owned, needed, bytes, { ...chip, networks });
          const wayCycles = chip.networks.activation.hopCycles * ((chip.grid.rows + chip.grid.columns) >> 1);
          const costs = { elementBytes: bytes, linkBytesPerCycle, issueCycles: 1 };
          const pairs = owned.flatMap((from) => needed.map((to) => ({ from, to })));
          pairs.forEach(({ from, to }, pair) => {
            expect(least[pair]).toBeCloseTo(plainLeastEdgeCycles(from, to, costs, wayCycles) ?? -1, 6);
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("are read from records that say plainly what owners and readers have", () => {
    fc.assert(
      fc.property(movesArbitrary, ({ owned, needed }) => {
        expect(placer.owners(owned)).toEqual(ownerRecord(plainOwners(owned)));
        expect(placer.readers(needed)).toEqual(readerRecord(plainReaders(needed)));
      }),
      { numRuns: 200 },
    );
  });

  it("are unknown where owners leave gaps, and where there are too many pieces", () => {
    const owned = (boxes: readonly number[][]): Placement =>
      placer.ofBoxes({
        rows: 4,
        columns: 4,
        rank: 2,
        bounds: boxes.flat(),
        boxes: [...boxes.keys()],
        cores: [...boxes.keys()],
      });
    const [whole, gapped] = [
      owned([
        [0, 1, 0, 1],
        [0, 1, 1, 2],
        [1, 2, 0, 1],
        [1, 2, 1, 2],
      ]),
      owned([
        [0, 1, 0, 1],
        [0, 1, 1, 2],
        [1, 2, 1, 2],
      ]),
    ];
    expect(leastEdgeCycles(whole, whole, 1, chip, scratch)).not.toBeNull();
    expect(leastEdgeCycles(gapped, whole, 1, chip, scratch)).toBeNull();
    expect(placer.owners(gapped)).toEqual(ownerRecord(plainOwners(gapped)));
    // 257 owners of a row each, read by as many cores: more than 65,536 pieces.
    const rows = Array.from({ length: 257 }, (_, row) => row);
    const many = (length: number): Placement =>
      placer.ofBoxes({
        rows: 1,
        columns: 257,
        rank: 1,
        bounds: rows.flatMap((row) => [length === 1 ? row : 0, length === 1 ? row + 1 : 257]),
        boxes: rows,
        cores: rows,
      });
    expect(leastEdgeCycles(many(1), many(257), 1, chip, scratch)).toBeNull();
  });
});

describe("the cuts of what cores own", () => {
  it("lie in the middle, or where the outermost parts change that is nearest", () => {
    const cuts = (rows: number, columns: number): readonly number[] => {
      const split = {
        rows: [
          { dimension: "d1", parts: 2 },
          { dimension: "d2", parts: rows },
        ],
        columns: [{ dimension: "d3", parts: columns }],
      };
      const large = { rows: 8, columns: 8 };
      const { access, type } = input.writes[0] as Layer["writes"][number];
      const { rowCut, columnCut } = plainOwners(
        placementOf(placer, layOut(input.dimensions, split, large), access, type.shape, true),
      );
      return [rowCut.place, columnCut.place];
    };
    expect(cuts(4, 8)).toEqual([4, 4]);
    // Six rows, of which three have the one and three the other half of the channels; two columns, both before the middle.
    expect(cuts(3, 2)).toEqual([3, 4]);
  });
});
