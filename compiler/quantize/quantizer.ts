import { problem } from "../../base/errors.ts";
import type { PrecisionPlan } from "./precision.ts";

/** What is done to keep a quantized model near to the float one; each part can be switched by itself. */
export interface Quantizer {
  /** Scales channels of activations between layers, so that weights of a layer are alike (cross-layer equalization). */
  readonly equalize: boolean;
  /** Moves outliers of activations into the weights that read them, by this share (0 to 1); null: not. */
  readonly smooth: number | null;
  /** Divides activations with heavy tails by their magnitude in each inference. */
  readonly normalize: boolean;
  /** One scale for all output channels of a layer. */
  readonly perTensor: boolean;
  /** Zero point 0 for all activations. */
  readonly symmetric: boolean;
  /**
   * plain: to the nearest integer, the scale being that of the greatest magnitude. nearest: the scale has the least squared error.
   * compensated: errors make up for one another on the calibration frames.
   */
  readonly rounding: "plain" | "nearest" | "compensated";
  /** Shifts biases so that means of output channels are those of the float graph. */
  readonly correctBiases: boolean;
}

/** Nothing but rounding to the nearest integer, the scale being that of the greatest magnitude. */
export const plainQuantizer: Quantizer = {
  equalize: false,
  smooth: null,
  normalize: false,
  perTensor: false,
  symmetric: false,
  rounding: "plain",
  correctBiases: false,
};

/** What is done when nothing else is asked for: where all weights have 8 bits, rounding needs no help. */
export function defaultQuantizer({ rule, layers }: PrecisionPlan): Quantizer {
  const isNarrow = [rule, ...layers.values()].some(({ weightBits }) => weightBits < 8);
  const rounding = isNarrow ? "compensated" : "plain";
  return { ...plainQuantizer, normalize: true, rounding, correctBiases: true };
}

const words: Readonly<Record<string, Partial<Quantizer>>> = {
  equalize: { equalize: true },
  normalize: { normalize: true },
  "per-tensor": { perTensor: true },
  symmetric: { symmetric: true },
  nearest: { rounding: "nearest" },
  compensate: { rounding: "compensated" },
  "correct-biases": { correctBiases: true },
};

/**
 * The quantizer that a list of words names, separated by commas: equalize, smooth=SHARE, normalize, per-tensor, symmetric,
 * nearest or compensate, correct-biases; `none` for none of them. Throws B804 for other words.
 */
export function parseQuantizer(text: string): Quantizer {
  if (text === "none") return plainQuantizer;
  const parts = text.split(",").map((word) => {
    const share = /^smooth=(0?\.\d+|0|1|1\.0+)$/.exec(word)?.[1];
    const part =
      share === undefined ? (Object.hasOwn(words, word) ? words[word] : undefined) : { smooth: Number(share) };
    if (part === undefined) {
      const known = [...Object.keys(words), "smooth=SHARE (0 to 1)", "none"].join(", ");
      throw problem("B804", `There is no quantizer step "${word}", expected some of ${known}.`);
    }
    return part;
  });
  return Object.assign({}, plainQuantizer, ...parts) as Quantizer;
}

/** The words that name a quantizer. */
export function formatQuantizer(quantizer: Quantizer): string {
  const named = Object.entries(words).filter(([, part]) =>
    Object.entries(part).every(([key, value]) => quantizer[key as keyof Quantizer] === value),
  );
  const smooth = quantizer.smooth === null ? [] : [`smooth=${quantizer.smooth}`];
  const all = [...named.map(([word]) => word), ...smooth];
  return all.length === 0 ? "none" : all.join(",");
}
