import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coversRange, goesOverEnd, holdsStep, type StepRange, shareStep } from "../../base/step-range.ts";

const stepCount = 7;
const everyStep = Array.from({ length: stepCount }, (_, step) => step);
const step = fc.integer({ min: 0, max: stepCount - 1 });
const range = fc.record({ firstStep: step, lastStep: step });
const stepsOf = (of: StepRange): number[] => everyStep.filter((each) => holdsStep(of, each));

describe("a range of steps", () => {
  it("holds the steps from the first to the last, over the end of the batch where the first stands behind the last", () => {
    expect(stepsOf({ firstStep: 2, lastStep: 4 })).toEqual([2, 3, 4]);
    expect(stepsOf({ firstStep: 5, lastStep: 1 })).toEqual([0, 1, 5, 6]);
    expect(stepsOf({ firstStep: 4, lastStep: 3 })).toEqual(everyStep);
    expect(goesOverEnd({ firstStep: 3, lastStep: 3 })).toBe(false);
    expect(goesOverEnd({ firstStep: 4, lastStep: 3 })).toBe(true);
  });

  it("shares a step with another exactly where some step lies in both", () => {
    fc.assert(
      fc.property(range, range, (left, right) => {
        expect(shareStep(left, right)).toBe(everyStep.some((each) => holdsStep(left, each) && holdsStep(right, each)));
      }),
    );
  });

  it("covers another exactly where each of its steps lies in it, in batches of any length", () => {
    fc.assert(
      fc.property(range, range, (outer, inner) => {
        // Over the end of a longer batch go more steps.
        const longer = Array.from({ length: stepCount + 1 }, (_, each) => each);
        const inside = longer.every((each) => !holdsStep(inner, each) || holdsStep(outer, each));
        expect(coversRange(outer, inner)).toBe(inside);
      }),
    );
  });
});
