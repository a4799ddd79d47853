import { describe, expect, it } from "vitest";
import { type Access, AccessHistory } from "../../../runtime-sim/functional/access-history.ts";
import { makeRegion } from "../../../runtime-sim/functional/region.ts";

/** Addresses of conflicts between writes of two components that know nothing of each other. */
function conflicts(parts: 1 | 4, first: readonly [number, number], second: readonly [number, number]): number[] {
  const found: number[] = [];
  const history = new AccessHistory<Access>(parts, (_, __, address) => found.push(address));
  [first, second].forEach(([address, bytes], component) => {
    const region = makeRegion("r", "write", "memory", 0, [], [], bytes);
    history.add(0, address, { component, time: 1, region }, new Int32Array(2));
  });
  return found;
}

describe("accesses that nothing orders", () => {
  it("are in conflict where they reach the same byte", () => {
    expect(conflicts(1, [8, 4], [11, 2])).toEqual([11]);
    expect(conflicts(1, [8, 4], [12, 2])).toEqual([]);
  });

  it("are in conflict in a part of a byte, but not in two parts of one", () => {
    expect(conflicts(4, [8, 0.5], [8.5, 0.5])).toEqual([]);
    expect(conflicts(4, [8, 0.5], [8.25, 0.25])).toEqual([8]);
    expect(conflicts(4, [1023, 1.5], [1024.25, 4])).toEqual([1024]);
  });
});
