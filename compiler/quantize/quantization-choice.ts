import { problem } from "../../base/errors.ts";
import type { Graph } from "../../ir/graph.ts";
import { type ElementType, integerRange, perTensor, type Quantization } from "../../ir/type.ts";
import type { Calibration } from "./calibrate.ts";
import type { Demands } from "./demands.ts";
import { type Bounds, operatorBounds, unbounded } from "./operator-bounds.ts";
import type { ValueRange } from "./value-range.ts";

/**
 * Scale and zero point of a signed element type (i8, i4, i2) that hold a range. Asymmetric: 0 is stored exactly and the range
 * takes all levels, 256 of i8. Symmetric: zero point 0 and equally many levels on either side, 127 of i8. A range of nothing but
 * 0 gets scale 1.
 */
export function quantizationOfRange(
  { low, high }: Pick<ValueRange, "low" | "high">,
  symmetric: boolean,
  element: ElementType = "i8",
): Quantization {
  const { low: least, high: greatest } = integerRange(element);
  const [from, to] = [Math.min(0, low), Math.max(0, high)];
  if (symmetric) return perTensor(usableScale(Math.max(-from, to) / greatest));
  const scale = usableScale((to - from) / (greatest - least));
  // Adding 0 makes 0 of −0, from which printed numbers do not differ.
  return perTensor(scale, 0 + Math.max(least, Math.min(greatest, Math.round(least - from / scale))));
}

/** The scale itself, or 1 when the range is so small that no factor could be made of it. */
function usableScale(scale: number): number {
  return scale > 1e-30 && scale < 1e30 ? scale : 1;
}

/** How quantizations are chosen beside the ranges. */
export interface QuantizationOptions {
  /** Gives all values zero point 0. */
  readonly symmetric?: boolean;
}

/**
 * The quantization of each group of narrow values: the smallest that holds the ranges of what contractions read, seen in
 * calibration and bounded by what the operators allow. Without calibration the operators' bounds stand alone, and scale 1 with
 * zero point 0, or the least stored number for what is never negative, where there are none. Throws B801 for values whose range is not
 * known or that were NaN.
 */
export function chooseQuantizations(
  graph: Graph,
  demands: Demands,
  calibration: Calibration | null,
  options: QuantizationOptions = {},
): Map<string, Quantization> {
  const bounds = operatorBounds(graph);
  return new Map(
    [...demands.roots].map(([group, { element, values }]) => {
      const symmetric = options.symmetric === true || demands.symmetric.has(group);
      const ranges = values.map((value) => {
        const bound = bounds.get(value) ?? unbounded;
        return calibration === null ? finite(bound, symmetric, element) : within(seenRange(value, calibration), bound);
      });
      const low = Math.min(...ranges.map((range) => range.low));
      const high = Math.max(...ranges.map((range) => range.high));
      return [group, quantizationOfRange({ low, high }, symmetric, element)];
    }),
  );
}

function seenRange(value: string, { ranges, frameCount }: Calibration): ValueRange {
  const range = ranges.get(value);
  if (range === undefined) throw problem("B801", `Calibration has no range of "${value}".`, { tensor: value });
  if (range.hasNan) {
    throw problem("B801", `"${value}" was NaN in ${frameCount} calibration frames, expected numbers.`, {
      tensor: value,
    });
  }
  return range;
}

function within(range: Bounds, bound: Bounds): Bounds {
  return { low: Math.max(range.low, bound.low), high: Math.min(range.high, bound.high) };
}

/** Bounds with as many steps of 1 as the element type has, where they are open: scale 1, and zero point 0 when both sides are. */
function finite({ low, high }: Bounds, symmetric: boolean, element: ElementType): Bounds {
  const { low: least, high: greatest } = integerRange(element);
  const steps = greatest - least;
  if (Number.isFinite(low)) return { low, high: Number.isFinite(high) ? high : low + steps };
  return Number.isFinite(high) ? { low: high - steps, high } : { low: symmetric ? -greatest : least, high: greatest };
}
