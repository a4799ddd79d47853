import type { Tensor } from "../../api.ts";
import type { Head } from "./tsmixer.ts";

/** Time mixing of one block: [context, context] and [context]. */
export interface TimeMixing {
  readonly timeWeight: Tensor;
  readonly timeBias: Tensor;
}

/** How far a forecast moves when mixing layers are zeroed: root mean square of the change over that of the forecast. */
export interface MixingEffect {
  /** All mixing layers zeroed: the head sees the context itself. */
  readonly allFraction: number;
  /** Feature mixing alone zeroed: no neuron sees another. */
  readonly featureFraction: number;
}

/** Adds up how far forecasts are from those of the same model with mixing layers zeroed, which need no large weights. */
export class MixingMeter {
  readonly #head: Head;
  readonly #blocks: readonly TimeMixing[];
  #energy = 0;
  #allEnergy = 0;
  #featureEnergy = 0;

  constructor(head: Head, blocks: readonly TimeMixing[]) {
    this.#head = head;
    this.#blocks = blocks;
  }

  /** Adds the f32 forecast [1, horizon, neurons] of a context [1, context, neurons]. */
  add(context: Tensor, forecast: Tensor): void {
    const [, frames = 0, neurons = 0] = context.type.shape;
    const values = context.data as Float32Array;
    const found = forecast.data as Float32Array;
    const plain = applyHead(values, neurons, this.#head);
    const inTime = applyHead(
      this.#blocks.reduce((mixed, block) => mixTime(mixed, frames, block), values),
      neurons,
      this.#head,
    );
    for (let index = 0; index < found.length; index += 1) {
      const value = found[index] as number;
      this.#energy += value * value;
      this.#allEnergy += (value - (plain[index] as number)) ** 2;
      this.#featureEnergy += (value - (inTime[index] as number)) ** 2;
    }
  }

  get effect(): MixingEffect {
    return {
      allFraction: Math.sqrt(this.#allEnergy / this.#energy),
      featureFraction: Math.sqrt(this.#featureEnergy / this.#energy),
    };
  }
}

/** The head's forecast [horizon, neurons] from frames [context, neurons]. */
function applyHead(frames: Float32Array, neurons: number, { weight, bias }: Head): Float32Array {
  const [contextFrames = 0, horizonFrames = 0] = weight.type.shape;
  const result = new Float32Array(horizonFrames * neurons);
  for (let step = 0; step < horizonFrames; step += 1) {
    const line = result.subarray(step * neurons, (step + 1) * neurons).fill(bias.data[step] as number);
    for (let frame = 0; frame < contextFrames; frame += 1) {
      addScaled(
        line,
        frames.subarray(frame * neurons, (frame + 1) * neurons),
        weight.data[frame * horizonFrames + step] as number,
      );
    }
  }
  return result;
}

/** x + Relu(xᵀ·W + b)ᵀ over the context frames of every neuron. */
function mixTime(values: Float32Array, frames: number, { timeWeight, timeBias }: TimeMixing): Float32Array {
  const neurons = values.length / frames;
  const result = values.slice();
  for (let to = 0; to < frames; to += 1) {
    const line = new Float32Array(neurons).fill(timeBias.data[to] as number);
    for (let from = 0; from < frames; from += 1) {
      addScaled(
        line,
        values.subarray(from * neurons, (from + 1) * neurons),
        timeWeight.data[from * frames + to] as number,
      );
    }
    for (let neuron = 0; neuron < neurons; neuron += 1) {
      const place = to * neurons + neuron;
      result[place] = (result[place] as number) + Math.max(0, line[neuron] as number);
    }
  }
  return result;
}

function addScaled(line: Float32Array, values: Float32Array, factor: number): void {
  for (let index = 0; index < line.length; index += 1) {
    line[index] = (line[index] as number) + factor * (values[index] as number);
  }
}
