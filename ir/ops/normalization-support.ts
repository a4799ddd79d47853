import { product } from "../../base/math.ts";
import type { Attributes } from "../graph.ts";
import type { NodeBuilder } from "../operator.ts";
import type { ElementType, TensorType } from "../type.ts";
import { numberOf } from "./attributes.ts";
import { normalizeAxis } from "./broadcast.ts";
import { scalarLike } from "./onnx-node.ts";

/** The smallest positive number of each float type. */
const smallest: Readonly<Partial<Record<ElementType, number>>> = { f16: 2 ** -24, bf16: 2 ** -133, f32: 2 ** -149 };

/** A constant added to keep a divisor from zero, at least the smallest number of the element type that `like` has. */
export function addEpsilon(value: string, epsilon: number, builder: NodeBuilder): string {
  if (epsilon === 0) return value;
  const least = smallest[builder.type(value).element] ?? 0;
  return builder.add("add", [value, scalarLike(builder, value, Math.max(epsilon, least))]);
}

/** x − mean and √(variance + epsilon), mean and variance taken over axes. */
export function writeDeviation(
  x: string,
  axes: readonly number[],
  epsilon: number,
  builder: NodeBuilder,
): { readonly centred: string; readonly deviation: string } {
  const over = { axes, keepdims: true };
  const centred = builder.add("sub", [x, builder.add("reduce_mean", [x], over)]);
  const variance = builder.add("reduce_mean", [builder.add("mul", [centred, centred])], over);
  return { centred, deviation: builder.add("sqrt", [addEpsilon(variance, epsilon, builder)]) };
}

/** (x − mean) ÷ √(variance + epsilon) over axes. */
export function writeStandardized(x: string, axes: readonly number[], epsilon: number, builder: NodeBuilder): string {
  const { centred, deviation } = writeDeviation(x, axes, epsilon, builder);
  return builder.add("div", [centred, deviation]);
}

/** x times scale, plus bias, where they are there; the last node wants the name. */
export function writeScaled(
  x: string,
  scale: string | null,
  bias: string | null,
  builder: NodeBuilder,
  name?: string,
): string {
  const last = (isLast: boolean): readonly string[] => (isLast && name !== undefined ? [name] : []);
  const scaled = scale === null ? x : builder.add("mul", [x, scale], {}, ...last(bias === null));
  return bias === null ? scaled : builder.add("add", [scaled, bias], {}, ...last(true));
}

/** A value [C] as [C,1,...] so that it broadcasts along axis 1 of a value of the rank. */
export function alongChannels(value: string, rank: number, builder: NodeBuilder): string {
  const { shape } = builder.type(value);
  return rank === 2
    ? value
    : builder.add("reshape", [value], { shape: [product(shape), ...new Array<number>(rank - 2).fill(1)] });
}

/** The axes from attribute `axis` on. */
export function normalizedAxes(attributes: Attributes, type: TensorType): number[] {
  const first = normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
  return type.shape.flatMap((_, axis) => (axis < first ? [] : [axis]));
}
