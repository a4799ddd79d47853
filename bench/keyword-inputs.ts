import { makeRandom, type Random } from "../api.ts";

/** Frames and frequency channels of a keyword spotter's spectrogram. */
const spectrogram = { frames: 49, channels: 40 } as const;

/** The range that the shared keyword spotters' inputs have: micro-kws-qdq stores ±5 in 8 bits. */
const range = { low: -5, high: 4.96 } as const;

/**
 * Spectrograms like those of short utterances, [frames × channels]: one to three events, each of one to five ridges that
 * glide in frequency and fade in and out, and noise. All is drawn evenly but glides and noise, which are normal. They are
 * synthetic: no one spoke.
 */
export function drawSpectrogram(random: Random): Float32Array {
  const { frames, channels } = spectrogram;
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const sums = new Float32Array(frames * channels);
  for (let events = random.integer(1, 3); events > 0; events -= 1) {
    const [middle, reach] = [between(0, frames), between(4, 29)];
    for (let ridges = random.integer(1, 5); ridges > 0; ridges -= 1) {
      const [start, glide, width] = [between(0, channels), 0.6 * random.normal(), between(0.7, 3.7)];
      const height = between(1.2, 4);
      for (let frame = 0; frame < frames; frame += 1) {
        const loudness = height * Math.exp(-(((frame - middle) / reach) ** 4));
        const center = start + glide * (frame - middle);
        for (let channel = 0; channel < channels; channel += 1) {
          const place = frame * channels + channel;
          sums[place] = (sums[place] as number) + loudness * Math.exp(-0.5 * ((channel - center) / width) ** 2);
        }
      }
    }
  }
  return sums.map((value) => Math.min(range.high, Math.max(range.low, value + 0.3 * random.normal())));
}

/** Inputs of several classes, and how many were drawn for them. */
export interface ClassedInputs {
  readonly inputs: readonly Float32Array[];
  /** The class of each input. */
  readonly classes: readonly number[];
  readonly drawnCount: number;
}

/**
 * The first `count` spectrograms of a seed of which no class, by `classOf`, has more than a quarter: those beyond are left
 * out, for one class takes most of what is drawn.
 */
export function drawClassed(count: number, seed: number, classOf: (input: Float32Array) => number): ClassedInputs {
  const random = makeRandom(seed);
  const inputs: Float32Array[] = [];
  const classes: number[] = [];
  const counts = new Map<number, number>();
  let drawnCount = 0;
  while (inputs.length < count) {
    const input = drawSpectrogram(random);
    const found = classOf(input);
    const known = counts.get(found) ?? 0;
    drawnCount += 1;
    if (known >= count / 4) continue;
    counts.set(found, known + 1);
    inputs.push(input);
    classes.push(found);
  }
  return { inputs, classes, drawnCount };
}
