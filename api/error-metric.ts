import { problem } from "../base/errors.ts";
import { type Energies, energiesOf, pooledSqnrDb, realNumbers } from "../compiler/quantize/accuracy.ts";
import { tensorNumbers } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Frame } from "./inputs.ts";

/** What two versions of a model answer to one sample: outputs in the model's order. */
export interface ComparedAnswer {
  readonly sample: number;
  readonly frame: Frame;
  /** The model in f32. */
  readonly float: readonly Tensor[];
  /** The quantized model, in the model's element types. */
  readonly chip: readonly Tensor[];
}

/** Adds up answers. */
export interface ErrorMeter {
  readonly add: (answer: ComparedAnswer) => void;
  /** How wrong the answers are: 0 or less when they are as good as those in f32, and more the worse they are. */
  readonly error: () => number;
}

/** A way to say how much worse than the f32 model a quantized one is. */
export interface ErrorMetric {
  readonly name: string;
  readonly meter: () => ErrorMeter;
  /** An error as people write it. */
  readonly format: (error: number) => string;
}

/** The greatest error that a metric may show. */
export interface AccuracyBudget {
  readonly metric: ErrorMetric;
  readonly limit: number;
}

const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** Error energy ÷ signal energy of all outputs, pooled over samples; written as SQNR in dB. */
export const noiseMetric: ErrorMetric = {
  name: "sqnr",
  meter: () => {
    const energies: Energies[] = [];
    return {
      add: ({ float, chip }) => void energies.push(...outputEnergies(float, chip)),
      error: () => 10 ** (-pooledSqnrDb(energies) / 10),
    };
  },
  format: (error) => `${(-10 * Math.log10(error)).toFixed(1)} dB`,
};

/** Signal and error energies of outputs. */
export function outputEnergies(float: readonly Tensor[], chip: readonly Tensor[]): Energies[] {
  return float.map((wanted, index) => energiesOf(realNumbers(wanted), realNumbers(chip[index] as Tensor)));
}

/** The mean squared difference from f32, over all numbers of all outputs. */
export const squaredErrorMetric: ErrorMetric = {
  name: "mse",
  meter: () => {
    let [error, count] = [0, 0];
    return {
      add: ({ float, chip }) => {
        for (const each of outputEnergies(float, chip)) error += each.error;
        for (const { data } of float) count += data.length;
      },
      error: () => (count === 0 ? 0 : error / count),
    };
  },
  format: (error) => error.toPrecision(3),
};

/** The share of rows (last axis) of the first output whose greatest number stands elsewhere than in f32. */
export const disagreementMetric: ErrorMetric = {
  name: "top1",
  meter: () => {
    let [wrong, count] = [0, 0];
    return {
      add: ({ float: [wanted], chip: [found] }) => {
        if (wanted === undefined || found === undefined) return;
        const width = wanted.type.shape.at(-1) ?? 1;
        const [expected, other] = [realNumbers(wanted), realNumbers(found)];
        for (let start = 0; start < expected.length; start += width) {
          if (greatestAt(expected, start, width) !== greatestAt(other, start, width)) wrong += 1;
          count += 1;
        }
      },
      error: () => wrong / Math.max(1, count),
    };
  },
  format: percent,
};

function greatestAt(numbers: ArrayLike<number>, start: number, width: number): number {
  let best = start;
  for (let index = start + 1; index < start + width; index += 1)
    if ((numbers[index] as number) > (numbers[best] as number)) best = index;
  return best - start;
}

/**
 * By how much the mean absolute error against what really followed rises over that of f32, as a share of it: the greatest over the
 * steps ahead. `truth` has the outputs of each sample. Steps ahead are axis 1 of outputs of three or more axes; others are one step.
 */
export function forecastErrorMetric(truth: readonly (readonly Tensor[])[]): ErrorMetric {
  return { name: "mae", meter: () => forecastMeter(truth, (rise) => rise), format: percent };
}

/** The same, but errors that fall count as those that rise do: how far the error is from that of f32 either way. */
export function forecastChangeMetric(truth: readonly (readonly Tensor[])[]): ErrorMetric {
  return { name: "mae-change", meter: () => forecastMeter(truth, Math.abs), format: percent };
}

/** The greatest over steps ahead of what counts of the rise of the mean absolute error over that of f32. */
function forecastMeter(truth: readonly (readonly Tensor[])[], counted: (rise: number) => number): ErrorMeter {
  const float: number[] = [];
  const chip: number[] = [];
  return {
    add: (answer) => {
      const wanted = truth[answer.sample];
      if (wanted === undefined) throw problem("B702", `There is no truth of sample ${answer.sample}.`);
      addDeviations(float, answer.float, wanted);
      addDeviations(chip, answer.chip, wanted);
    },
    error: () =>
      float.reduce(
        (worst, sum, step) => Math.max(worst, counted((chip[step] as number) / sum - 1)),
        Number.NEGATIVE_INFINITY,
      ),
  };
}

/** Adds Σ |answer − truth| of each step ahead of each output. */
function addDeviations(sums: number[], answers: readonly Tensor[], truth: readonly Tensor[]): void {
  let first = 0;
  answers.forEach((answer, output) => {
    const { shape } = answer.type;
    const steps = shape.length >= 3 ? (shape[1] as number) : 1;
    const [found, wanted] = [realNumbers(answer), tensorNumbers(truth[output] as Tensor)];
    const inner = shape.length >= 3 ? shape.slice(2).reduce((count, size) => count * size, 1) : found.length;
    for (let index = 0; index < found.length; index += 1) {
      const step = first + (Math.floor(index / inner) % steps);
      sums[step] = (sums[step] ?? 0) + Math.abs((found[index] as number) - (wanted[index] as number));
    }
    first += steps;
  });
}

/**
 * The budget that a text names: `sqnr=DB` (at least), `mse=NUMBER`, `mae=PERCENT%` (rise against `truth` at every step ahead),
 * `mae-change=PERCENT%` (rise or fall), `top1=PERCENT%` (answers with another class than f32, at most). Throws B806 for other texts, and for
 * mae and mae-change without truth.
 */
export function parseAccuracyBudget(text: string, truth: readonly (readonly Tensor[])[] | null = null): AccuracyBudget {
  const [, name = "", number = "", sign = ""] = /^([\w-]+)=(-?\d+(?:\.\d+)?(?:e-?\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(number);
  if (name === "sqnr" && sign === "") return { metric: noiseMetric, limit: 10 ** (-value / 10) };
  if (name === "mse" && sign === "" && value >= 0) return { metric: squaredErrorMetric, limit: value };
  if (name === "top1" && sign === "%" && value >= 0) return { metric: disagreementMetric, limit: value / 100 };
  const forecastMetric = name === "mae" ? forecastErrorMetric : name === "mae-change" ? forecastChangeMetric : null;
  if (forecastMetric !== null && sign === "%" && value >= 0) {
    if (truth !== null) return { metric: forecastMetric(truth), limit: value / 100 };
    throw problem(
      "B806",
      `A budget of ${name} needs what really followed each sample.`,
      {},
      "Give it with --truth FILE.",
    );
  }
  throw problem(
    "B806",
    `"${text}" is no accuracy budget, expected sqnr=DB, mse=NUMBER, mae=PERCENT%, mae-change=PERCENT% or top1=PERCENT%, such as sqnr=30 or mae=2%.`,
  );
}
