import { describe, expect, it } from "vitest";
import { makeRandom } from "../../../base/random.ts";
import type { ContractionTask } from "../../../ir/contractor.ts";
import { makeWasmContractor } from "../../../ir/ops/contraction-kernels.ts";
import { Workspace } from "../../../kernels/workspace.ts";

const [rows, inner, columns] = [3, 600, 512] as const;

const task = (activations: Float32Array, weights: Float32Array): ContractionTask => ({
  groups: 1,
  rows: [rows],
  inner: [inner],
  columns,
  activations: { data: activations, offset: 0, groupStride: 0, rowStrides: [inner], innerStrides: [1] },
  weights: { data: weights, offset: 0, groupStride: 0, innerStrides: [columns], columnStride: 1 },
  bias: null,
});

const numbers = (count: number, seed: number): Float32Array => {
  const random = makeRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

describe("a contractor with constants", () => {
  it("answers as one without, for constants that share a memory, in any order", () => {
    const both = numbers(2 * inner * columns, 1);
    const constants = [both.subarray(0, inner * columns), both.subarray(inner * columns)];
    const kept = makeWasmContractor(constants);
    const plain = makeWasmContractor();
    for (const index of [0, 1, 1, 0]) {
      const weights = constants[index] as Float32Array;
      const activations = numbers(rows * inner, 10 + index);
      // The same bytes under another view.
      const view = new Float32Array(weights.buffer, weights.byteOffset, weights.length);
      expect(kept.float(task(activations, view))).toEqual(plain.float(task(activations, weights)));
    }
  });

  it("reads arrays that are no constants anew each time", () => {
    const contractor = makeWasmContractor([numbers(inner * columns, 2)]);
    const weights = new Float32Array(inner * columns).fill(1);
    const activations = new Float32Array(rows * inner).fill(1);
    expect(contractor.float(task(activations, weights))[0]).toBe(inner);
    weights.fill(2);
    expect(contractor.float(task(activations, weights))[0]).toBe(2 * inner);
  });
});

describe("numbers that a workspace keeps", () => {
  it("stay when the rest is given back", () => {
    const workspace = new Workspace();
    const address = workspace.keep(Uint8Array.of(1, 2, 3));
    workspace.clear();
    const other = workspace.put(Uint8Array.of(9, 9, 9));
    expect(other).toBeGreaterThan(address);
    expect(workspace.take(address, new Uint8Array(3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("come before all others", () => {
    const workspace = new Workspace();
    workspace.put(Uint8Array.of(1));
    expect(() => workspace.keep(Uint8Array.of(2))).toThrow(/B901.*while nothing else is reserved/);
    workspace.clear();
    expect(() => workspace.keep(Uint8Array.of(2))).not.toThrow();
  });
});
