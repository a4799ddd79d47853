import { describe, expect, it } from "vitest";
import { trafficCase } from "./cases.ts";
import { compare, type EventSimulator } from "./comparison.ts";
import { seededFaults, withFault } from "./seeded-faults.ts";

/** How many of some random programs run differently, or not at all, on a simulator. */
function disagreements(events: EventSimulator, count: number): number {
  let found = 0;
  for (let seed = 0; seed < count; seed += 1) {
    const { program, target, host, batches } = trafficCase(seed);
    try {
      if (compare(program, target, { host, batches, events }).firstDifference !== "") found += 1;
    } catch {
      found += 1;
    }
  }
  return found;
}

describe("a mistake in the event-driven simulator", () => {
  it("is not found where there is none", async () => {
    const none = {
      name: "none",
      file: "kernels/wasm/timing/engine.ts",
      find: "export function timingRun(",
      replace: "export function timingRun(",
    };
    expect(await withFault(none, (events) => disagreements(events, 20))).toBe(0);
  });

  it.each(seededFaults)("is noticed by the slow machine: $name", async (fault) => {
    expect(await withFault(fault, (events) => disagreements(events, 20))).toBeGreaterThan(0);
  });

  it("that no longer can be made is reported", async () => {
    const gone = { name: "gone", file: "kernels/wasm/timing/engine.ts", find: "no such text", replace: "" };
    await expect(withFault(gone, () => 0)).rejects.toThrow(/adapt the fault/);
  });
});
