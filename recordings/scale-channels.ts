import { problem } from "../base/errors.ts";
import { makeTensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { channelCount, frameCount, type Recording } from "./recording.ts";

/** How a channel was brought to a common scale: (value − median) ÷ spread. */
export interface ChannelScale {
  /** The channel in the recording that was scaled. */
  readonly channel: number;
  readonly median: number;
  /** The distance between the quartiles; 1, a unit of the recording, where that is 0. */
  readonly spread: number;
}

/** A recording whose channels have a common scale. */
export interface ScaledRecording {
  readonly recording: Recording;
  /** One entry a channel that is left. */
  readonly scales: readonly ChannelScale[];
}

/**
 * Leaves out the channels that never vary, and scales each other one by the median and the quartiles of its first
 * `trainingFrames` frames alone, so that nothing of later frames is known. Throws B702 when the recording is shorter, or
 * no channel varies.
 */
export function scaleChannels(recording: Recording, trainingFrames: number): ScaledRecording {
  const [frames, channels] = [frameCount(recording), channelCount(recording)];
  if (trainingFrames < 1 || trainingFrames > frames) {
    throw problem("B702", `Found ${frames} frames, expected at least the ${trainingFrames} of the training part.`);
  }
  const data = recording.frames.data as Float32Array;
  const scales: ChannelScale[] = [];
  for (let channel = 0; channel < channels; channel += 1) {
    const values = Float64Array.from({ length: frames }, (_, frame) => data[frame * channels + channel] as number);
    if (values.every((value) => value === values[0])) continue;
    const sorted = values.subarray(0, trainingFrames).toSorted();
    const between = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    scales.push({ channel, median: quantile(sorted, 0.5), spread: between > 0 ? between : 1 });
  }
  if (scales.length === 0) throw problem("B702", `None of the ${channels} channels varies.`);
  const scaled = new Float32Array(frames * scales.length);
  scales.forEach(({ channel, median, spread }, index) => {
    for (let frame = 0; frame < frames; frame += 1) {
      scaled[frame * scales.length + index] = ((data[frame * channels + channel] as number) - median) / spread;
    }
  });
  const { provenance } = recording;
  return {
    recording: {
      ...recording,
      frames: makeTensor(tensorType("f32", [frames, scales.length]), scaled),
      provenance: {
        ...provenance,
        description:
          `${provenance.description} The ${scales.length} of ${channels} channels that vary, each less its median and ` +
          `divided by the distance of its quartiles (where that is 0: by 1) over the first ${trainingFrames} frames.`,
        quantity: "distances between the training quartiles",
      },
    },
    scales,
  };
}

/** The value below which a part of sorted numbers lies, between two of them by their distance (as NumPy does). */
function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (place - below) * (high - low);
}
