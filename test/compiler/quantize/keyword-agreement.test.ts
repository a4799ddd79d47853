import { expect, it } from "vitest";
import { makeRandom } from "../../../api.ts";
import { compareAnswers } from "../../../bench/keyword-answers.ts";
import { drawClassed, drawSpectrogram } from "../../../bench/keyword-inputs.ts";
import { describeShared } from "../../shared.ts";

describeShared("a keyword spotter that is quantized here", () => {
  it("gives the float model's class at least as often as the one that another quantizer made", () => {
    // The same as `bench/keyword-agreement.ts` on a thousand inputs.
    const { classCounts, agreements } = compareAnswers(32, 16);
    const [ours, stated] = agreements;
    expect(classCounts.filter((inputs) => inputs > 0).length).toBeGreaterThanOrEqual(5);
    expect(Math.max(...classCounts)).toBeLessThanOrEqual(8);
    expect(ours?.agreed).toBeGreaterThanOrEqual(stated?.agreed ?? 32);
    expect(ours?.agreed).toBeGreaterThanOrEqual(30);
  });

  it("sees the same spectrograms for the same seed, within the range that it was made for", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => drawSpectrogram(makeRandom(seed)));
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(first?.every((value) => value >= -5 && value <= 4.97)).toBe(true);
  });

  it("is asked no class more often than a quarter of the inputs", () => {
    let turn = 0;
    const { classes, drawnCount } = drawClassed(8, 1, () => {
      turn += 1;
      return Math.floor(turn / 5);
    });
    // Two of each five draws that fall in one class are taken.
    expect(classes).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(drawnCount).toBe(16);
  });
});
