import { at } from "../../base/math.ts";
import type { GraphBuilder, NodeBuilder } from "../operator.ts";
import { tensorNumbers } from "./values.ts";

/** Every `step`-th index from `start` to before `end` of an axis; the value itself where that is all of it. */
export function sliceAxis(
  value: string,
  axis: number,
  start: number,
  end: number,
  builder: NodeBuilder,
  step = 1,
): string {
  if (start === 0 && step === 1 && end === at(builder.type(value).shape, axis)) return value;
  return builder.add("slice", [value], { starts: [start], ends: [end], axes: [axis], steps: [step] });
}

/** One index of an axis, which is taken out of the shape. */
export function pickIndex(value: string, axis: number, index: number, builder: NodeBuilder): string {
  const shape = builder.type(value).shape.filter((_, each) => each !== axis);
  return builder.add("reshape", [sliceAxis(value, axis, index, index + 1, builder)], { shape });
}

/** The sum of the values that are there, from the first on; null for none. */
export function sumOf(values: readonly (string | null)[], builder: NodeBuilder): string | null {
  const given = values.filter((value) => value !== null);
  return given.length === 0 ? null : given.reduce((sum, value) => builder.add("add", [sum, value]));
}

/** The rows of a table [P,..] at positions, whose axes take the place of the first one. */
export function rowsAt(table: string, positions: string, builder: GraphBuilder): string {
  const known = builder.constant(positions);
  if (known === null) return builder.add("gather_data", [table, positions], { axis: 0 });
  const indices = Array.from(tensorNumbers(known));
  return builder.add("gather", [table], { axis: 0, indices, indexShape: known.type.shape });
}
