import { describe, expect, it } from "vitest";
import { plainKernels } from "../../kernels/plain-kernels.ts";
import { Workspace } from "../../kernels/workspace.ts";

describe("a workspace", () => {
  it("grows to hold what is put into it, and gives it back", () => {
    const workspace = new Workspace();
    const arrays = [1, 100000, 2000000].map((length) => Float32Array.from({ length }, (_, index) => index + length));
    const addresses = arrays.map((array) => workspace.put(array));
    arrays.forEach((array, index) => {
      const found = workspace.take(addresses[index] as number, new Float32Array(array.length));
      expect(found.every((value, place) => value === array[place])).toBe(true);
      expect((addresses[index] as number) % 16).toBe(0);
    });
  });

  it("reuses its memory after it is cleared", () => {
    const workspace = new Workspace(plainKernels);
    const first = workspace.allocate(1000);
    expect(workspace.allocate(1)).toBe(first + 1008);
    workspace.clear();
    expect(workspace.allocate(5)).toBe(first);
  });

  it("runs kernels on what was put into it", () => {
    const workspace = new Workspace();
    const source = workspace.put(Float32Array.of(1, 2, -0.5));
    const half = workspace.allocate(6);
    workspace.kernels.halfFromFloat(3, source, half);
    expect([...workspace.take(half, new Uint16Array(3))]).toEqual([0x3c00, 0x4000, 0xb800]);
  });

  it("takes part of an array's buffer only", () => {
    const workspace = new Workspace();
    const address = workspace.put(Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
    expect([...workspace.take(address, new Uint8Array(2))]).toEqual([2, 3]);
  });
});
