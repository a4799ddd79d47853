import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdsStep } from "../../../base/step-range.ts";
import { allocate, bufferAlignment, checkBuffers } from "../../../compiler/mapper/allocate.ts";
import type { BufferNeed } from "../../../compiler/step-plan.ts";

function need(name: string, bytes: number, firstStep: number, lastStep: number): BufferNeed {
  return { name, role: "value", step: "s", value: name, element: "i8", bytes, firstStep, lastStep };
}

/** A third of them may go over the end of the batch. */
const needsArbitrary = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), {
    maxLength: 25,
  })
  .map((list) =>
    list.map(([bytes, a, b], index) =>
      index % 3 === 0 ? need(`b${index}`, bytes, a, b) : need(`b${index}`, bytes, Math.min(a, b), Math.max(a, b)),
    ),
  );

describe("allocation", () => {
  it("never overlaps buffers that are live in the same step, and keeps sizes, order and alignment", () => {
    fc.assert(
      fc.property(needsArbitrary, (needs) => {
        const { buffers, peakBytes } = allocate(needs);
        expect(buffers.map(({ address, ...rest }) => ({ rest, aligned: address % bufferAlignment }))).toEqual(
          needs.map((rest) => ({ rest, aligned: 0 })),
        );
        expect(checkBuffers(buffers, needs, peakBytes)).toEqual([]);
      }),
    );
  });

  it("states a peak between the most live bytes and their sum", () => {
    fc.assert(
      fc.property(needsArbitrary, (needs) => {
        const { buffers, peakBytes, liveBytes } = allocate(needs);
        expect(peakBytes).toBeGreaterThanOrEqual(liveBytes);
        expect(peakBytes).toBeLessThanOrEqual(needs.reduce((sum, { bytes }) => sum + 16 * Math.ceil(bytes / 16), 0));
        const ends = buffers.map(({ address, bytes }) => address + 16 * Math.ceil(bytes / 16));
        expect(peakBytes).toBe(Math.max(0, ...ends));
      }),
    );
  });

  it("reuses the bytes of a buffer that is no longer live", () => {
    const { buffers, peakBytes, liveBytes, peakStep } = allocate([
      need("a", 64, 0, 1),
      need("b", 32, 1, 2),
      need("c", 64, 2, 3),
    ]);
    expect(buffers.map(({ address }) => address)).toEqual([0, 64, 0]);
    expect([peakBytes, liveBytes, peakStep]).toEqual([96, 96, 1]);
  });

  it("puts buffers that live throughout below all others", () => {
    const { buffers } = allocate([need("big", 640, 1, 2), need("weights", 16, 0, 3), need("end", 16, 3, 3)]);
    expect(buffers.map(({ address }) => address)).toEqual([16, 0, 16]);
  });

  it("takes the smallest gap that is large enough", () => {
    const needs = [
      need("a", 160, 0, 0),
      need("b", 96, 0, 1),
      need("c", 64, 0, 0),
      need("d", 48, 0, 1),
      need("e", 48, 1, 1),
      need("f", 16, 2, 2),
    ];
    const { buffers, peakBytes, liveBytes } = allocate(needs);
    const end = buffers.find(({ name }) => name === "e");
    expect(peakBytes).toBe(liveBytes);
    expect(end?.address).toBe(256);
  });

  it("puts what is live over the end of the batch where nothing lies at its begin or its end", () => {
    const { buffers, peakBytes, liveBytes, peakStep } = allocate([
      need("input", 64, 3, 0),
      need("a", 64, 0, 1),
      need("b", 64, 1, 2),
      need("c", 32, 2, 3),
    ]);
    // Steps 0, 1 and 3: input and a, a and b, c and input; b takes the bytes of the input between.
    expect(buffers.map(({ address }) => address)).toEqual([0, 64, 0, 64]);
    expect([peakBytes, liveBytes, peakStep]).toEqual([128, 128, 0]);
    const whole = allocate([need("big", 640, 1, 2), need("always", 16, 2, 1), need("end", 16, 3, 3)]);
    expect(whole.buffers.map(({ address }) => address)).toEqual([16, 0, 16]);
  });

  it("has no peak without buffers", () => {
    expect(allocate([])).toEqual({ buffers: [], peakBytes: 0, liveBytes: 0, peakStep: 0 });
  });
});

describe("the check of given buffers", () => {
  const needs = [need("a", 64, 0, 1), need("b", 32, 1, 2)];
  const good = allocate(needs).buffers;
  const messages = (buffers: typeof good): string[] => checkBuffers(buffers, needs, 128).map(({ message }) => message);

  it("accepts what the allocator makes", () => {
    expect(messages(good)).toEqual([]);
  });

  it("reports exactly the pairs that share a byte during a step", () => {
    const placed = fc.tuple(
      needsArbitrary,
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 25, maxLength: 25 }),
    );
    let apart = 0;
    fc.assert(
      fc.property(placed, ([list, places]) => {
        const buffers = list.map((each, index) => ({
          ...each,
          bytes: each.bytes % 40,
          address: 4 * (places[index] ?? 0),
        }));
        const together = (a: (typeof buffers)[number], b: (typeof buffers)[number]): boolean =>
          Array.from({ length: 10 }, (_, step) => step).some((step) => [a, b].every((each) => holdsStep(each, step)));
        const pairs = buffers.flatMap((a, index) =>
          buffers
            .slice(index + 1)
            .filter((b) => together(a, b) && a.address < b.address + b.bytes && b.address < a.address + a.bytes)
            .map((b) => `Buffers "${a.name}" and "${b.name}" overlap while both are live.`),
        );
        if (pairs.length === 0) apart += 1;
        expect(checkBuffers(buffers, [], 4096).map(({ message }) => message)).toEqual(pairs);
      }),
      { numRuns: 300 },
    );
    expect(apart).toBeGreaterThan(50);
  });

  it.each([
    ["a missing buffer", good.slice(0, 1), 'There is no buffer "b" of 32 bytes.'],
    ["too few bytes", [{ ...good[0], bytes: 60 }, good[1]], 'Buffer "a" has 60 bytes; 64 are needed.'],
    [
      "too short a life",
      [{ ...good[0], lastStep: 0 }, good[1]],
      'Buffer "a" lives from step 0 to 0; it is needed from 0 to 1.',
    ],
    [
      "an end beyond the memory",
      [good[0], { ...good[1], address: 100 }],
      'Buffer "b" ends at 132; a core has 128 bytes.',
    ],
    [
      "an odd address",
      [good[0], { ...good[1], address: 66 }],
      'Buffer "b" stands at 66; addresses are multiples of 4.',
    ],
    [
      "a life over the end that misses a step",
      [{ ...good[0], firstStep: 2, lastStep: 0 }, good[1]],
      'Buffer "a" lives from step 2 to 0; it is needed from 0 to 1.',
    ],
    [
      "an overlap over the end",
      [
        { ...good[0], firstStep: 2, lastStep: 1 },
        { ...good[1], address: 48 },
      ],
      'Buffers "a" and "b" overlap while both are live.',
    ],
    ["an overlap", [good[0], { ...good[1], address: 60 }], 'Buffers "a" and "b" overlap while both are live.'],
  ])("reports %s", (_, buffers, message) => {
    expect(messages(buffers as typeof good)).toEqual([message]);
  });
});
