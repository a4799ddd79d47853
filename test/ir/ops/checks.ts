import { expect } from "vitest";
import { at } from "../../../base/math.ts";
import type { Attributes } from "../../../ir/graph.ts";
import { footprint, type IterationSpace } from "../../../ir/iteration.ts";
import type { Sample } from "../../../ir/operator.ts";
import { inferNode, operatorOf } from "../../../ir/ops/index.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { type ElementType, type Quantization, tensorType } from "../../../ir/type.ts";

/** Infers and evaluates one operator. */
export function apply(op: string, operands: readonly (Tensor | null)[], attributes: Attributes = {}): Tensor {
  const inferred = inferNode(
    op,
    operands.map((operand) => operand?.type ?? null),
    attributes,
  );
  return operatorOf(op).evaluate({ operands, attributes: inferred.attributes, type: inferred.type });
}

/** The stored numbers of an operator's result. */
export function numbersOf(op: string, operands: readonly (Tensor | null)[], attributes: Attributes = {}): number[] {
  return Array.from(tensorNumbers(apply(op, operands, attributes)));
}

/** A tensor of stored numbers. */
export function tensor(
  element: ElementType,
  shape: readonly number[],
  numbers: readonly number[],
  quantization: Quantization | null = null,
): Tensor {
  return tensorOf(tensorType(element, shape, quantization), numbers);
}

/** The iteration space of an operator on a sample. */
export function spaceOf(op: string, sample: Sample): IterationSpace {
  const operands = sample.operands.map((operand) => operand?.type ?? null);
  const { attributes, type } = inferNode(op, operands, sample.attributes);
  const space = operatorOf(op).iteration?.({ operands, attributes, type });
  if (space === undefined) throw new Error(`${op} has no iteration space`);
  return space;
}

/** All points of an iteration space, each a list of indexes. */
export function* points(space: IterationSpace): Generator<readonly number[]> {
  const index = space.dimensions.map(() => 0);
  if (space.dimensions.some((dimension) => dimension.size === 0)) return;
  for (;;) {
    yield index;
    let axis = index.length - 1;
    for (; axis >= 0; axis -= 1) {
      index[axis] = at(index, axis) + 1;
      if (at(index, axis) < at(space.dimensions, axis).size) break;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/** The linear element that a point touches; −1 outside the tensor. */
export function touched(access: IterationSpace["result"], shape: readonly number[], point: readonly number[]): number {
  let linear = 0;
  for (const [axis, { start }] of footprint(
    access,
    point.map((index) => ({ start: index, end: index + 1 })),
  ).entries()) {
    const size = at(shape, axis);
    if (start < 0 || start >= size) return -1;
    linear = linear * size + start;
  }
  return linear;
}

/** Fails unless two lists are equal within a relative and an absolute tolerance; NaN equals NaN. */
export function expectClose(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  relative = 1e-5,
  absolute = 1e-6,
): void {
  expect(found.length).toBe(wanted.length);
  for (let index = 0; index < wanted.length; index += 1) {
    const [a, b] = [found[index] as number, wanted[index] as number];
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue;
    expect(Math.abs(a - b), `element ${index}: ${a} instead of ${b}`).toBeLessThanOrEqual(
      absolute + relative * Math.abs(b),
    );
  }
}

/** A number rounded to f16 by scaling to units in the last place: independent of the kernels. */
export function roundedToHalf(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), -14);
  const unit = 2 ** (exponent - 10);
  const scaled = Math.abs(x) / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor) * unit;
  return Math.sign(x) * (rounded >= 65520 ? Number.POSITIVE_INFINITY : rounded);
}
