import { problem } from "../../base/errors.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { numberOf } from "../../ir/ops/attributes.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { integerRange, perTensor, type Quantization } from "../../ir/type.ts";
import type { Calibration, ValueRange } from "./calibrate.ts";
import type { Demands } from "./demands.ts";

/**
 * Scale and zero point of i8 that hold a range. Asymmetric: 0 is stored exactly and the range takes all 256 levels.
 * Symmetric: zero point 0 and 127 levels on either side. A range of nothing but 0 gets scale 1.
 */
export function quantizationOfRange({ low, high }: Pick<ValueRange, "low" | "high">, symmetric: boolean): Quantization {
  const { low: least, high: greatest } = integerRange("i8");
  const [from, to] = [Math.min(0, low), Math.max(0, high)];
  if (symmetric) return perTensor(usableScale(Math.max(-from, to) / greatest));
  const scale = usableScale((to - from) / (greatest - least));
  return perTensor(scale, Math.max(least, Math.min(greatest, Math.round(least - from / scale))));
}

/** The scale itself, or 1 when the range is so small that no factor could be made of it. */
function usableScale(scale: number): number {
  return scale > 1e-30 && scale < 1e30 ? scale : 1;
}

/**
 * The i8 quantization of each group of narrow values. Without ranges: scale 1, and the zero point that a calibrated
 * group would have where it follows from the operators (values that cannot be negative). Throws B801 for values whose
 * range is not known or that were NaN.
 */
export function chooseQuantizations(
  graph: Graph,
  demands: Demands,
  ranges: Calibration | null,
): Map<string, Quantization> {
  const nonNegative = ranges === null ? nonNegativeValues(graph) : new Set<string>();
  return new Map(
    [...demands.roots].map(([group, values]) => {
      const symmetric = demands.symmetric.has(group);
      if (ranges === null) {
        const lifted = !symmetric && values.every((value) => nonNegative.has(value));
        return [group, perTensor(1, lifted ? integerRange("i8").low : 0)];
      }
      const parts = values.map((value) => rangeOf(value, ranges));
      const low = Math.min(...parts.map((part) => part.low));
      const high = Math.max(...parts.map((part) => part.high));
      return [group, quantizationOfRange({ low, high }, symmetric)];
    }),
  );
}

function rangeOf(value: string, { ranges, frameCount }: Calibration): ValueRange {
  const range = ranges.get(value);
  if (range === undefined) throw problem("B801", `Calibration has no range of "${value}".`, { tensor: value });
  if (range.hasNan)
    throw problem("B801", `"${value}" was NaN in ${frameCount} calibration frames, expected numbers.`, {
      tensor: value,
    });
  return range;
}

const neverNegative = new Set(["relu", "sigmoid", "softmax", "abs", "exp", "softplus", "sqrt"]);

/** Values that no input can make negative, as far as the operators alone tell. */
function nonNegativeValues(graph: Graph): Set<string> {
  const found = new Set<string>();
  for (const node of graph.nodes) {
    const passes = operatorOf(node.op).runsOn === "movement" || node.op === "max_pool";
    if (clips(node) || (passes && node.operands.every((operand) => operand !== null && found.has(operand))))
      found.add(node.name);
  }
  return found;
}

function clips(node: Node): boolean {
  return neverNegative.has(node.op) || (node.op === "clip" && numberOf(node.attributes, "low") >= 0);
}
