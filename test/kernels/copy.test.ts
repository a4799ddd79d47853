import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wasmKernels } from "../../kernels/wasm-kernels.ts";
import { Arena, dataAddress, dataOf, expectSame, makeTwins, put, randomize } from "./twins.ts";

describe("the copy", () => {
  const twins = makeTwins();

  it.each([1, 2, 4, 8])("of %i-byte elements gives the same bytes in WASM as in the plain twin", (elementBytes) => {
    const counts = fc.oneof(
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 5 }),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 80 })),
    );
    fc.assert(
      fc.property(fc.integer(), counts, (seed, shape) => {
        const arena = new Arena(randomize(twins, seed));
        const source = arena.view("u8", elementBytes, shape, true);
        const destination = arena.view("u8", elementBytes, shape, false);
        expectSame(twins, (kernels) => kernels.copy({ counts: shape, elementBytes, source, destination }));
      }),
      { numRuns: 60 },
    );
  });

  it("transposes [2][3] to [3][2]", () => {
    put(twins, dataAddress, Uint8Array.of(1, 2, 3, 4, 5, 6));
    const source = { address: dataAddress, strides: [1, 3] };
    const destination = { address: dataAddress + 8, strides: [2, 1] };
    expectSame(twins, (kernels) => kernels.copy({ counts: [3, 2], elementBytes: 1, source, destination }));
    expect([...dataOf(twins.wasm).slice(8, 14)]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("walks backwards along a negative stride", () => {
    put(twins, dataAddress, Uint8Array.of(1, 2, 3, 4, 5));
    const source = { address: dataAddress + 4, strides: [-1] };
    const destination = { address: dataAddress + 8, strides: [1] };
    expectSame(twins, (kernels) => kernels.copy({ counts: [5], elementBytes: 1, source, destination }));
    expect([...dataOf(twins.wasm).slice(8, 13)]).toEqual([5, 4, 3, 2, 1]);
  });

  it("allows any rank whose loops merge into 8, and refuses 9 that do not", () => {
    const merging = new Array<number>(12).fill(2);
    const dense = merging.map((_, axis) => 2 ** (11 - axis));
    const view = { address: dataAddress, strides: dense };
    randomize(twins, 2);
    const destination = { address: dataAddress + 8192, strides: dense };
    expectSame(twins, (kernels) => kernels.copy({ counts: merging, elementBytes: 1, source: view, destination }));
    const apart = {
      counts: merging.slice(3),
      elementBytes: 1,
      destination: { address: dataAddress, strides: dense.slice(3) },
    };
    const source = { address: dataAddress + 65536, strides: [...dense.slice(3)].reverse() };
    expect(() => twins.wasm.copy({ ...apart, source })).toThrow("more than 8 loops");
  });
});

describe("WASM kernels", () => {
  it("refuse scratch memory that is not aligned or does not fit", () => {
    const memory = new WebAssembly.Memory({ initial: 34 });
    expect(() => wasmKernels(memory, 8)).toThrow(RangeError);
    expect(() => wasmKernels(memory, 34 * 65536 - 1024)).toThrow(RangeError);
  });
});
