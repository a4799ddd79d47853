import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, product, rowMajorStrides } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { denseLayout } from "../../../compiler/local-layout.ts";
import { axisPieces, identityPiece, indexBoxes, touchedRanges } from "../../../compiler/pieces.ts";
import { type Spread, type Transfer, transfersOf } from "../../../compiler/transfers.ts";
import { boxCount } from "../../../ir/iteration.ts";
import { dot, eachPoint, type MovementCase, movementCase, randomMovement, randomSpread, widened } from "./movements.ts";

const range = (start: number, end: number) => ({ start, end });

/** The tensor elements that a place's buffer holds, by byte offset of the element. */
function elementOffsets(spread: Spread, place: number, shape: readonly number[]): Map<number, number> {
  const box = spread.boxes[place];
  const offsets = new Map<number, number>();
  if (box === null || box === undefined) return offsets;
  const strides = rowMajorStrides(shape);
  const origin = at(spread.origins, place);
  eachPoint(
    box.map(({ start, end }) => end - start),
    (point) => {
      const coordinate = point.map((index, axis) => index + at(box, axis).start);
      const offset = dot(
        coordinate.map((value, axis) => value - at(origin, axis)),
        spread.layout.strideBytes,
      );
      offsets.set(offset, dot(coordinate, strides));
    },
  );
  return offsets;
}

/** For every element of the result that the copies write: operand element and how often. */
function carriedOut(
  transfers: readonly Transfer[],
  source: Spread,
  sourceShape: readonly number[],
  destination: Spread,
  resultShape: readonly number[],
): Map<string, { readonly element: number; times: number }> {
  const from = source.boxes.map((_, place) => elementOffsets(source, place, sourceShape));
  const to = destination.boxes.map((_, place) => elementOffsets(destination, place, resultShape));
  const written = new Map<string, { element: number; times: number }>();
  for (const copy of transfers.flatMap((transfer) =>
    transfer.destinations.map((destination) => ({ ...transfer, ...transfer.shape, destination })),
  )) {
    eachPoint(copy.counts, (point) => {
      const element = at(from, copy.source).get(copy.sourceOffset + dot(point, copy.sourceStrides));
      const result = at(to, copy.destination).get(copy.destinationOffset + dot(point, copy.destinationStrides));
      if (element === undefined || result === undefined)
        throw new Error(`a copy leaves its box: ${JSON.stringify(copy)}`);
      const key = `${copy.destination}:${result}`;
      const known = written.get(key);
      if (known === undefined) written.set(key, { element, times: 1 });
      else known.times += known.element === element ? 1 : 1000;
    });
  }
  return written;
}

/** By result element: the operand element that an operand's pieces put there. */
function meant(movement: MovementCase, operand: number): Map<number, number> {
  const result = new Map<number, number>();
  for (const piece of movement.pieces.filter((each) => each.operand === operand)) {
    eachPoint(piece.counts, (point) => {
      result.set(
        piece.destinationOffset + dot(point, piece.destinationStrides),
        piece.sourceOffset + dot(point, piece.sourceStrides),
      );
    });
  }
  return result;
}

function checkMovement(seed: number, movement: MovementCase): void {
  const random = makeRandom(seed);
  const width = at([1, 2, 4], random.integer(0, 2));
  const destination = randomSpread(random, movement.resultShape, width);
  movement.shapes.forEach((shape, operand) => {
    const source = randomSpread(random, shape, width);
    const pieces = movement.pieces
      .filter((piece) => piece.operand === operand)
      .flatMap((piece) => axisPieces(piece, shape, movement.resultShape));
    const written = carriedOut(
      transfersOf(pieces, source, destination),
      source,
      shape,
      destination,
      movement.resultShape,
    );
    const expected = new Map<string, { element: number; times: number }>();
    const wanted = meant(movement, operand);
    destination.boxes.forEach((_, place) => {
      for (const result of elementOffsets(destination, place, movement.resultShape).values()) {
        const element = wanted.get(result);
        if (element !== undefined) expected.set(`${place}:${result}`, { element, times: 1 });
      }
    });
    expect(written, movement.name).toEqual(expected);
  });
}

describe("movement pieces over axes", () => {
  it("address the same elements as linear pieces, each index along one axis, axes nested like digits", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const movement = randomMovement(makeRandom(seed));
        for (const piece of movement.pieces) {
          const sourceShape = at(movement.shapes, piece.operand);
          const pairs = new Map<number, number>();
          eachPoint(piece.counts, (point) => {
            pairs.set(
              piece.destinationOffset + dot(point, piece.destinationStrides),
              piece.sourceOffset + dot(point, piece.sourceStrides),
            );
          });
          const found = new Map<number, number>();
          let points = 0;
          for (const { counts, source, destination } of axisPieces(piece, sourceShape, movement.resultShape)) {
            for (const [forms, shape] of [
              [source, sourceShape],
              [destination, movement.resultShape],
            ] as const) {
              const indexes = forms.flatMap(({ terms }) => terms.map(({ index }) => index));
              expect(new Set(indexes).size).toBe(indexes.length);
              const touched = touchedRanges(
                forms,
                counts.map((count) => range(0, count)),
              );
              touched.forEach(({ start, end }, axis) => {
                expect(start).toBeGreaterThanOrEqual(0);
                expect(end).toBeLessThanOrEqual(at(shape, axis));
              });
              for (const { terms } of forms) {
                terms.forEach(({ coefficient }, position) => {
                  const inner = terms.slice(position + 1);
                  const span = inner.reduce(
                    (sum, term) => sum + Math.abs(term.coefficient) * (at(counts, term.index) - 1),
                    0,
                  );
                  expect(Math.abs(coefficient)).toBeGreaterThan(span);
                });
              }
            }
            eachPoint(counts, (point) => {
              points += 1;
              const linear = (forms: typeof source, shape: readonly number[]): number =>
                dot(
                  forms.map(({ base, terms }) =>
                    terms.reduce((sum, { index, coefficient }) => sum + coefficient * at(point, index), base),
                  ),
                  rowMajorStrides(shape),
                );
              found.set(linear(destination, movement.resultShape), linear(source, sourceShape));
            });
          }
          expect(points, movement.name).toBe(product(piece.counts));
          expect(found, movement.name).toEqual(pairs);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("of a transposition are one, with the axes exchanged", () => {
    const [piece] = movementCase("transpose", [[2, 3]], { permutation: [1, 0] }).pieces;
    expect(axisPieces(piece as NonNullable<typeof piece>, [2, 3], [3, 2])).toEqual([
      {
        counts: [3, 2],
        source: [
          { base: 0, terms: [{ index: 1, coefficient: 1 }] },
          { base: 0, terms: [{ index: 0, coefficient: 1 }] },
        ],
        destination: [
          { base: 0, terms: [{ index: 0, coefficient: 1 }] },
          { base: 0, terms: [{ index: 1, coefficient: 1 }] },
        ],
      },
    ]);
  });

  it("of one long run are divided where it would cross an axis of the other shape", () => {
    const whole = {
      operand: 0,
      counts: [24],
      sourceOffset: 0,
      sourceStrides: [1],
      destinationOffset: 0,
      destinationStrides: [1],
    };
    const [piece, ...others] = axisPieces(whole, [24], [2, 3, 4]);
    expect(others).toEqual([]);
    expect(piece?.counts).toEqual([2, 3, 4]);
    expect(piece?.source[0]?.terms).toEqual([
      { index: 0, coefficient: 12 },
      { index: 1, coefficient: 4 },
      { index: 2, coefficient: 1 },
    ]);
  });

  it("of the identity touch each axis by its own index", () => {
    expect(identityPiece([2, 3])).toEqual({
      counts: [2, 3],
      source: [
        { base: 0, terms: [{ index: 0, coefficient: 1 }] },
        { base: 0, terms: [{ index: 1, coefficient: 1 }] },
      ],
      destination: [
        { base: 0, terms: [{ index: 0, coefficient: 1 }] },
        { base: 0, terms: [{ index: 1, coefficient: 1 }] },
      ],
    });
  });
});

describe("boxes of index points", () => {
  it("are exactly those whose coordinates lie in the ranges, each once", () => {
    const term = fc.record({ coefficient: fc.integer({ min: -4, max: 4 }), count: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(
        fc.array(term, { maxLength: 3 }),
        fc.integer({ min: -3, max: 9 }),
        fc.integer({ min: -8, max: 12 }),
        fc.integer({ min: 0, max: 12 }),
        (drawn, base, start, length) => {
          // Digits: each coefficient reaches beyond the span of the smaller ones.
          let span = 0;
          const digits = drawn.map(({ coefficient, count }) => {
            const size = (Math.abs(coefficient) + span) * (coefficient < 0 ? -1 : 1);
            if (size === 0) return { coefficient: 1 + span, count };
            span += Math.abs(size) * (count - 1);
            return { coefficient: size, count };
          });
          if (drawn.some(({ coefficient }) => coefficient === 0)) return;
          const terms = digits.map(({ coefficient }, index) => ({ index, coefficient })).reverse();
          const counts = digits.map(({ count }) => count);
          const within = counts.map((count) => range(0, count));
          const boxes = indexBoxes([{ base, terms }], [range(start, start + length)], within);
          const hits = new Map<string, number>();
          for (const box of boxes) {
            eachPoint(
              box.map((each) => each.end - each.start),
              (point) => {
                const key = point.map((index, axis) => index + at(box, axis).start).join();
                hits.set(key, (hits.get(key) ?? 0) + 1);
              },
            );
          }
          const expected = new Map<string, number>();
          eachPoint(counts, (point) => {
            const coordinate = terms.reduce(
              (sum, { index, coefficient }) => sum + coefficient * at(point, index),
              base,
            );
            if (coordinate >= start && coordinate < start + length) expected.set(point.join(), 1);
          });
          expect(hits).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("of a strided axis keep every second index", () => {
    const form = { base: 1, terms: [{ index: 0, coefficient: 2 }] };
    expect(indexBoxes([form], [range(2, 8)], [range(0, 10)])).toEqual([[range(1, 4)]]);
    expect(indexBoxes([form], [range(2, 3)], [range(0, 10)])).toEqual([]);
  });

  it("of two digits are cut at both ends of the range", () => {
    const form = {
      base: 0,
      terms: [
        { index: 0, coefficient: 4 },
        { index: 1, coefficient: 1 },
      ],
    };
    expect(indexBoxes([form], [range(2, 13)], [range(0, 4), range(0, 4)])).toEqual([
      [range(0, 1), range(2, 4)],
      [range(1, 3), range(0, 4)],
      [range(3, 4), range(0, 1)],
    ]);
  });
});

describe("copies between spread tensors", () => {
  it("carry out any movement between any two spreads, each element once", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => checkMovement(seed ^ 0x5bd1e995, randomMovement(makeRandom(seed)))),
      { numRuns: 400 },
    );
  });

  it("carry out movements whose axes do not nest, slices that go backwards, and gathers of two axes", () => {
    const cases = [
      movementCase("reshape", [[6, 4]], { shape: [8, 3] }),
      movementCase("reshape", [[5, 7]], { shape: [7, 5] }),
      movementCase("reshape", [[2, 3, 4]], { shape: [4, 6] }),
      movementCase("reshape", [[4, 6]], { shape: [3, 2, 4] }),
      movementCase("slice", [[5, 6]], { starts: [4, 5], ends: [-100, 0], axes: [0, 1], steps: [-1, -2] }),
      movementCase("gather", [[4, 3]], { axis: 0, indices: [3, 1, 1, 0, 2, 3], indexShape: [2, 3] }),
      movementCase("slice", [[5, 4]], { starts: [0], ends: [3], axes: [0], steps: [1] }),
      movementCase("expand", [[1, 4]], { shape: [3, 4] }),
      movementCase("tile", [[2, 3]], { repeats: [2, 2] }),
    ];
    for (const movement of cases) for (let seed = 0; seed < 20; seed += 1) checkMovement(seed, movement);
  });

  it("bring every element of overlapping boxes to each place that wants it, once", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = makeRandom(seed);
        const shape = Array.from({ length: random.integer(1, 3) }, () => random.integer(1, 6));
        const source = randomSpread(random, shape, 2);
        const wanted = widened(random, randomSpread(random, shape, 2), shape, 2);
        const written = carriedOut(transfersOf([identityPiece(shape)], source, wanted), source, shape, wanted, shape);
        const expected = new Map<string, { element: number; times: number }>();
        wanted.boxes.forEach((_, place) => {
          for (const element of elementOffsets(wanted, place, shape).values()) {
            expected.set(`${place}:${element}`, { element, times: 1 });
          }
        });
        expect(written).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it("merge indexes that continue each other and sort the others by the destination", () => {
    const shape = [4, 3];
    const whole = (order: readonly number[]): Spread => ({
      boxes: [[range(0, 4), range(0, 3)]],
      origins: [[0, 0]],
      layout: denseLayout(order, shape, 2),
    });
    expect(transfersOf([identityPiece(shape)], whole([0, 1]), whole([0, 1]))).toEqual([
      {
        source: 0,
        destinations: [0],
        shape: { counts: [12], sourceStrides: [2], destinationStrides: [2] },
        sourceOffset: 0,
        destinationOffset: 0,
      },
    ]);
    expect(transfersOf([identityPiece(shape)], whole([1, 0]), whole([0, 1]))).toEqual([
      {
        source: 0,
        destinations: [0],
        shape: { counts: [4, 3], sourceStrides: [2, 8], destinationStrides: [6, 2] },
        sourceOffset: 0,
        destinationOffset: 0,
      },
    ]);
  });

  it("state offsets from the origins of both buffers", () => {
    const source: Spread = {
      boxes: [[range(0, 3)], [range(3, 6)]],
      origins: [[0], [3]],
      layout: denseLayout([0], [3], 1),
    };
    const wanted: Spread = { boxes: [[range(2, 5)]], origins: [[1]], layout: denseLayout([0], [4], 1) };
    expect(transfersOf([identityPiece([6])], source, wanted)).toEqual([
      {
        source: 0,
        destinations: [0],
        shape: { counts: [], sourceStrides: [], destinationStrides: [] },
        sourceOffset: 2,
        destinationOffset: 1,
      },
      {
        source: 1,
        destinations: [0],
        shape: { counts: [2], sourceStrides: [1], destinationStrides: [1] },
        sourceOffset: 0,
        destinationOffset: 2,
      },
    ]);
  });

  it("are one for all places that have the same values for box and origin", () => {
    const [box, origin] = [[range(1, 3)], [1]];
    const layout = denseLayout([0], [2], 1);
    const source: Spread = { boxes: [[range(0, 2)], [range(2, 4)]], origins: [[0], [2]], layout };
    const wanted: Spread = { boxes: [box, null, box, box], origins: [origin, [], origin, [0]], layout };
    const found = transfersOf([identityPiece([4])], source, wanted);
    expect(found.map((each) => [each.source, each.destinations, each.destinationOffset])).toEqual([
      [0, [0, 2], 0],
      [1, [0, 2], 1],
      [0, [3], 1],
      [1, [3], 2],
    ]);
    expect(new Set(found.map(({ shape }) => shape)).size).toBe(1);
  });

  it("of scalars are one element", () => {
    const scalar: Spread = { boxes: [[], null], origins: [[], []], layout: denseLayout([], [], 4) };
    const transfers = transfersOf([identityPiece([])], scalar, { ...scalar, boxes: [null, []] });
    expect(transfers.map(({ source, destinations, shape }) => [source, destinations, shape.counts])).toEqual([
      [0, [1], []],
    ]);
    expect(boxCount([])).toBe(1);
  });
});
