import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BoundWork, boundsOf } from "../../../runtime-sim/bound.ts";
import { matmulCycles } from "../../../targets/cost.ts";
import type { ChipTarget } from "../../../targets/target.ts";
import { idleWork, miniTarget } from "./machine.ts";

/** 16 cores × 16 inputs × 16 outputs at 8 bits, 16 × 64 bytes at the ports, 16 × 8 lanes, 4 rows × 4 bytes of framebuffer. */
const macsPerCycle = 4096;

describe("the bound of one layer", () => {
  const bound = (rest: Partial<BoundWork>) => boundsOf([idleWork("a", rest)], miniTarget, 1);

  it("is its unpadded MACs over the matrix units at its precision", () => {
    const macCount = 10 * macsPerCycle;
    expect(bound({ macCount }).onDevice).toEqual({ latencyCycles: 10, intervalCycles: 10, bindingResource: "matrix" });
    expect(bound({ macCount, macBits: 4 }).onDevice.intervalCycles).toBe(5);
    expect(bound({ macCount, macBits: 2 }).onDevice.intervalCycles).toBe(2.5);
    expect(bound({ macCount, macBits: 2 }).onDevice.latencyCycles).toBe(3);
  });

  it("lets an activation unit take functions over, a pass of three functions at best, and never two of a kind", () => {
    const vectorBound = (add: number, table: number, convert: number, target: ChipTarget = miniTarget): number => {
      const work = { vectorElements: { add }, activationElements: { table }, conversionElements: { convert } };
      return boundsOf([idleWork("a", work)], target, 1).onDevice.intervalCycles;
    };
    // 128 lanes: adds of 3 cycles, tables of 6, conversions of 5.
    expect(vectorBound(256, 128, 128, { ...miniTarget, activation: null })).toBe(6 + 6 + 5);
    expect(vectorBound(256, 128, 128)).toBe(6);
    // Two activations behind one function: one of the three is the function of a pass of its own.
    expect(vectorBound(256, 256, 0)).toBe((6 + 12) / 2);
    expect(vectorBound(128, 0, 384)).toBe((3 + 15) / 2);
    expect(vectorBound(128, 256, 256)).toBe((3 + 12 + 10) / 3);
  });

  it("is its operands over the memory ports, its vector work over the lanes, its input over the framebuffer", () => {
    expect(bound({ operandBytes: 1024 * 7 }).onDevice).toEqual({
      latencyCycles: 7,
      intervalCycles: 7,
      bindingResource: "memory",
    });
    // 128 lanes: 256 adds of 3 cycles and 128 exponentials of 6.
    expect(bound({ vectorElements: { add: 256, table: 128 } }).onDevice).toEqual({
      latencyCycles: 12,
      intervalCycles: 12,
      bindingResource: "vector",
    });
    expect(bound({ inputBytes: 160 }).onDevice).toEqual({
      latencyCycles: 10,
      intervalCycles: 10,
      bindingResource: "frameBufferIn",
    });
    expect(bound({ outputBytes: 80 }).onDevice).toEqual({
      latencyCycles: 5,
      intervalCycles: 5,
      bindingResource: "frameBufferOut",
    });
  });

  it("with host is the command and the bytes over the host link", () => {
    // 100 + 160/10 = 116 and 100 + 8.
    expect(bound({ inputBytes: 160 }).withHost).toEqual({
      latencyCycles: 116,
      intervalCycles: 116,
      bindingResource: "hostIn",
    });
    expect(bound({ outputBytes: 80 }).withHost).toEqual({
      latencyCycles: 108,
      intervalCycles: 108,
      bindingResource: "hostOut",
    });
    expect(bound({ macCount: macsPerCycle }).withHost.latencyCycles).toBe(1);
  });

  it("packed takes whole blocks of inputs and outputs for each row of each group", () => {
    // 3 groups × 32 rows × ⌈17/16⌉ × ⌈33/16⌉ = 576 unit cycles over 16 cores.
    const shape = { groups: 3, rows: 32, inner: 17, columns: 33 };
    const macCount = 3 * 32 * 17 * 33;
    const both = bound({ macCount, shape });
    expect(both.packed.intervalCycles).toBe(36);
    expect(both.onDevice.intervalCycles).toBe(macCount / macsPerCycle);
    expect(both.layers).toEqual([
      { name: "a", boundCycles: macCount / macsPerCycle, packedBoundCycles: 36, bindingResource: "matrix" },
    ]);
    // 4 bits: 32 outputs: 3 × 32 × 2 × 2 / 16; 2 bits: 64 outputs.
    expect(bound({ macCount, shape, macBits: 4 }).packed.intervalCycles).toBe(24);
    expect(bound({ macCount, shape, macBits: 2 }).packed.intervalCycles).toBe(12);
  });
});

describe("the bound of a network", () => {
  const work = [
    idleWork("a", { macCount: 10 * macsPerCycle, operandBytes: 1024 * 2, inputBytes: 16 }),
    idleWork("b", { macCount: macsPerCycle, operandBytes: 1024 * 8, dependsOn: ["a"] }),
    idleWork("c", { operandBytes: 1024 * 3, dependsOn: ["a"] }),
    idleWork("d", { operandBytes: 1024 * 1, outputBytes: 32, dependsOn: ["b", "c"] }),
  ];

  it("interval: the resource that is loaded most over all layers, for one inference", () => {
    // Matrix 11, memory 14.
    expect(boundsOf(work, miniTarget, 1).onDevice.intervalCycles).toBe(14);
    expect(boundsOf(work, miniTarget, 4).onDevice.intervalCycles).toBe(3.5);
    expect(boundsOf(work, miniTarget, 1).onDevice.bindingResource).toBe("memory");
    expect(boundsOf(work.slice(0, 1), miniTarget, 1).onDevice.bindingResource).toBe("matrix");
  });

  it("latency: the longest chain of layers, each at its most loaded resource", () => {
    // a 10, then b 8 (c 3), then d 2.
    expect(boundsOf(work, miniTarget, 4).onDevice.latencyCycles).toBe(20);
    expect(
      boundsOf(work, miniTarget, 1).layers.map(({ bindingResource, boundCycles }) => [bindingResource, boundCycles]),
    ).toEqual([
      ["matrix", 10],
      ["memory", 8],
      ["memory", 3],
      ["frameBufferOut", 2],
    ]);
  });

  it("of nothing is nothing", () => {
    expect(boundsOf([], miniTarget, 1).onDevice).toEqual({
      latencyCycles: 0,
      intervalCycles: 0,
      bindingResource: "matrix",
    });
  });
});

it("no division of the inner and column indexes into products of sets takes fewer cycles than the packed bound", () => {
  // A random recursive division by arbitrary subsets: split the rows or columns of a part by a random mask.
  const cases = fc.record({
    inner: fc.integer({ min: 1, max: 70 }),
    columns: fc.integer({ min: 1, max: 70 }),
    cuts: fc.array(
      fc.record({ part: fc.nat(), alongInner: fc.boolean(), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      { maxLength: 12 },
    ),
  });
  fc.assert(
    fc.property(cases, ({ inner, columns, cuts }) => {
      let parts = [{ inner, columns }];
      for (const { part, alongInner, share } of cuts) {
        const index = part % parts.length;
        const chosen = parts[index] as { inner: number; columns: number };
        const whole = alongInner ? chosen.inner : chosen.columns;
        const taken = Math.round(share * whole);
        if (taken === 0 || taken === whole) continue;
        const make = (count: number) => (alongInner ? { ...chosen, inner: count } : { ...chosen, columns: count });
        parts = [...parts.slice(0, index), make(taken), make(whole - taken), ...parts.slice(index + 1)];
      }
      const shape = { groups: 1, rows: 5, inner, columns };
      const work = idleWork("a", { macCount: 5 * inner * columns, shape });
      const cycles = parts
        .map(
          (each) =>
            matmulCycles(miniTarget, { groups: 1, rows: 5, ...each, macBits: 8 }) - miniTarget.matrix.fillCycles,
        )
        .reduce((left, right) => left + right, 0);
      expect(cycles / 16).toBeGreaterThanOrEqual(boundsOf([work], miniTarget, 1).packed.intervalCycles);
    }),
  );
});
