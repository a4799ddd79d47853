import { problem } from "../../base/errors.ts";

/**
 * How ranges are read from frames.
 * min-max: from the least to the greatest number seen.
 * extreme-value: the least and greatest number to be expected in a hundred frames, from how those of single frames
 * differ (Gumbel's law, by moments: mean + (ln 100 − γ)·s·√6/π); never less than min-max, which it is for one frame.
 * moving-average: least and greatest number, averaged over frames with weight 0.1 for each new one.
 * mse: the range whose stored numbers have the least squared error.
 * entropy: the range whose stored numbers tell most of how numbers are distributed (least Kullback-Leibler divergence).
 * percentile: the part that leaves out (100 − percentile) % of the numbers at either end.
 */
export type CalibrationMethod = (typeof namedMethods)[number] | { readonly percentile: number };

const namedMethods = ["min-max", "extreme-value", "moving-average", "mse", "entropy"] as const;

/** The method that is used unless another is asked for. */
export const defaultCalibrationMethod: CalibrationMethod = "extreme-value";

/** The method that a text names: a method, or `percentile=P`. Throws B804 for others, B802 for percentiles outside (50, 100]. */
export function parseCalibrationMethod(text: string): CalibrationMethod {
  const named = namedMethods.find((name) => name === text);
  if (named !== undefined) return named;
  const percentile = /^percentile=(\d+(?:\.\d+)?)$/.exec(text)?.[1];
  if (percentile !== undefined) return checkedMethod({ percentile: Number(percentile) });
  const known = [...namedMethods, "percentile=P"].join(", ");
  throw problem("B804", `There is no calibration method "${text}", expected one of ${known}.`);
}

/** The method itself. Throws B802 for a percentile outside (50, 100]. */
export function checkedMethod(method: CalibrationMethod): CalibrationMethod {
  if (typeof method === "object" && !(method.percentile > 50 && method.percentile <= 100)) {
    throw problem("B802", `Calibration got percentile ${method.percentile}, expected more than 50 and at most 100.`);
  }
  return method;
}

/** The method as it is written on the command line. */
export function formatCalibrationMethod(method: CalibrationMethod): string {
  return typeof method === "string" ? method : `percentile=${method.percentile}`;
}
