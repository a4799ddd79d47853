import { clamp } from "../base/math.ts";
import { makeRandom, type Random } from "../base/random.ts";
import { makeTensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import type { Recording } from "./recording.ts";

/** What a synthetic population is made of. */
export interface PopulationOptions {
  readonly neuronCount: number;
  readonly frameCount: number;
  readonly frameRateHz: number;
  readonly seed: number;
}

/** Slow latent signals that drive many neurons at once. */
const driveCount = 12;
/** Each neuron listens to this many of them. */
const drivesPerNeuron = 3;
/** Decay time of the calcium indicator, seconds. */
const decaySeconds = 1.6;
/** Frames computed and dropped before the recording starts, so that calcium is at its steady state. */
const burnInFrames = 24;
/** Range that dF/F is clipped to. */
const clipRange = { low: -0.25, high: 1.5 } as const;

/**
 * Makes a population of neurons with calcium-like traces: slow latent drives modulate each neuron's event rate, events
 * raise its calcium, which decays exponentially; noise is added and dF/F is clipped. The same options give the same
 * numbers. It is synthetic and says so.
 */
export function makePopulation(options: PopulationOptions): Recording {
  const { neuronCount, frameCount, frameRateHz, seed } = options;
  const random = makeRandom(seed);
  const total = frameCount + burnInFrames;
  const drives = Array.from({ length: driveCount }, () => makeDrive(total, frameRateHz, random));
  const decay = Math.exp(-1 / (decaySeconds * frameRateHz));
  const data = new Float32Array(frameCount * neuronCount);
  for (let neuron = 0; neuron < neuronCount; neuron += 1) {
    const weights = Array.from({ length: drivesPerNeuron }, () => ({
      drive: drives[random.integer(0, driveCount - 1)] as Float64Array,
      gain: 1.8 * random.uniform() - 0.6,
    }));
    const baseline = -1.6 + random.uniform();
    const amplitude = 0.12 + 0.25 * random.uniform();
    const noise = 0.01 + 0.02 * random.uniform();
    let calcium = 0;
    for (let frame = 0; frame < total; frame += 1) {
      let drive = baseline;
      for (const weight of weights) drive += weight.gain * (weight.drive[frame] as number);
      const eventRate = 1 / (1 + Math.exp(-2 * drive));
      if (random.uniform() < eventRate) calcium += amplitude * (0.5 + random.uniform());
      calcium *= decay;
      if (frame < burnInFrames) continue;
      // The sum of three uniforms is near enough to a normal distribution for measurement noise.
      const jitter = noise * 2 * (random.uniform() + random.uniform() + random.uniform() - 1.5);
      data[(frame - burnInFrames) * neuronCount + neuron] = clamp(calcium + jitter, clipRange.low, clipRange.high);
    }
  }
  return {
    kind: "recording",
    name: `synthetic population of ${neuronCount} neurons`,
    frames: makeTensor(tensorType("f32", [frameCount, neuronCount]), data),
    provenance: {
      origin: "synthetic",
      description: `Generated: ${driveCount} shared drives, Bernoulli events, exponential calcium, clipped dF/F. No animal was recorded.`,
      frameRateHz,
      quantity: "dF/F",
      seed,
      missing: [],
    },
  };
}

/** A drive: noise smoothed over tens of seconds plus a slow oscillation. */
function makeDrive(frames: number, frameRateHz: number, random: Random): Float64Array {
  const smoothing = Math.exp(-1 / ((6 + 20 * random.uniform()) * frameRateHz));
  const step = Math.sqrt(1 - smoothing * smoothing);
  const periodSeconds = 20 + 60 * random.uniform();
  const phase = 2 * Math.PI * random.uniform();
  let state = random.normal();
  return Float64Array.from({ length: frames }, (_, frame) => {
    state = smoothing * state + step * random.normal();
    return state + 0.7 * Math.sin((2 * Math.PI * frame) / (periodSeconds * frameRateHz) + phase);
  });
}
