import fc from "fast-check";
import { expect, it } from "vitest";
import type { BorealError } from "../../base/errors.ts";
import { f32Tensor } from "../../ir/tensor.ts";
import type { Recording } from "../../recordings/recording.ts";
import { scaleChannels } from "../../recordings/scale-channels.ts";

/** A recording from its frames. */
function recordingOf(frames: readonly (readonly number[])[]): Recording {
  return {
    kind: "recording",
    name: "test",
    frames: f32Tensor([frames.length, frames[0]?.length ?? 0], frames.flat()),
    provenance: {
      origin: "synthetic",
      description: "By hand.",
      frameRateHz: null,
      quantity: null,
      seed: null,
      missing: ["everything"],
    },
  };
}

it("takes off the training median and divides by the distance of the training quartiles", () => {
  // Training values 0 to 4: median 2, quartiles 1 and 3. The last frame is no part of it.
  const { recording, scales } = scaleChannels(recordingOf([[0], [1], [2], [3], [4], [100]]), 5);
  expect(scales).toEqual([{ channel: 0, median: 2, spread: 2 }]);
  expect([...recording.frames.data]).toEqual([-1, -0.5, 0, 0.5, 1, 49]);
});

it("interpolates quartiles between frames", () => {
  // Of 0, 1, 2, 10 the quartiles stand at places 0.75 and 2.25: 0.75 and 2 + 0.25 · 8.
  expect(scaleChannels(recordingOf([[0], [1], [2], [10]]), 4).scales).toEqual([
    { channel: 0, median: 1.5, spread: 3.25 },
  ]);
});

it("leaves out channels that never vary, and keeps the unit of those that only vary later", () => {
  const { recording, scales } = scaleChannels(
    recordingOf([
      [5, 1, 7],
      [5, 1, 8],
      [5, 4, 9],
    ]),
    2,
  );
  expect(scales).toEqual([
    { channel: 1, median: 1, spread: 1 },
    { channel: 2, median: 7.5, spread: 0.5 },
  ]);
  expect(recording.frames).toEqual(f32Tensor([3, 2], [0, -1, 0, 1, 3, 3]));
  expect(recording.provenance.description).toContain("The 2 of 3 channels that vary");
  expect(recording.provenance.missing).toEqual(["everything"]);
});

it("knows nothing of later frames", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 3, maxLength: 9 }), (later) => {
      const training = [[0], [1], [4], [9]];
      const { scales } = scaleChannels(recordingOf([...training, ...later.map((value) => [value])]), 4);
      expect(scales).toEqual(scaleChannels(recordingOf(training), 4).scales);
    }),
  );
});

it("refuses recordings that are too short or never vary", () => {
  const refuse = (frames: readonly (readonly number[])[], training: number): string => {
    try {
      scaleChannels(recordingOf(frames), training);
    } catch (error) {
      return (error as BorealError).problems.map(({ code, message }) => `${code} ${message}`).join();
    }
    return "";
  };
  expect(refuse([[1], [2]], 3)).toContain("B702 Found 2 frames");
  expect(refuse([[1], [1]], 2)).toContain("B702 None of the 1 channels varies");
});
