import { expect, it } from "vitest";
import { NearestMemory } from "../../../compiler/quantize/nearest-memory.ts";

it("weights rounded to nearest are remembered by their numbers and everything else that they depend on", () => {
  const memory = new NearestMemory();
  let count = 0;
  const round = (): [] => {
    count += 1;
    return [];
  };
  const [numbers, others] = [new Float32Array(2), new Float32Array(2)];
  const choice = { element: "i4", leastScales: Float64Array.of(0, 1), perTensor: false } as const;
  expect(memory.remembered(numbers, choice, round)).toBe(memory.remembered(numbers, { ...choice }, round));
  expect(count).toBe(1);
  memory.remembered(others, choice, round);
  memory.remembered(numbers, { ...choice, element: "i8" }, round);
  memory.remembered(numbers, { ...choice, leastScales: Float64Array.of(0, 2) }, round);
  memory.remembered(numbers, { ...choice, perTensor: true }, round);
  expect(count).toBe(5);
});
