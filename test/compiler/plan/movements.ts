import { at, product } from "../../../base/math.ts";
import type { Random } from "../../../base/random.ts";
import { denseLayout } from "../../../compiler/local-layout.ts";
import type { Spread } from "../../../compiler/transfers.ts";
import type { Attributes } from "../../../ir/graph.ts";
import type { Box } from "../../../ir/iteration.ts";
import type { MovementPiece } from "../../../ir/operator.ts";
import { completeAttributes } from "../../../ir/ops/attributes.ts";
import { operatorOf } from "../../../ir/ops/index.ts";
import { tensorType } from "../../../ir/type.ts";

/** A movement as its operator states it. */
export interface MovementCase {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly resultShape: readonly number[];
  readonly pieces: readonly MovementPiece[];
}

/** The pieces of an operator on operands of the given shapes. */
export function movementCase(name: string, shapes: readonly (readonly number[])[], given: Attributes): MovementCase {
  const operator = operatorOf(name);
  const attributes = completeAttributes(operator, given);
  const operands = shapes.map((shape) => tensorType("f32", shape));
  const type = operator.infer({ operands, attributes });
  const pieces = operator.movement?.({ operands, attributes, type }).pieces ?? [];
  return {
    name: `${name} ${JSON.stringify(shapes)} ${JSON.stringify(given)}`,
    shapes,
    resultShape: type.shape,
    pieces,
  };
}

/** Draws a movement of any kind. */
export function randomMovement(random: Random): MovementCase {
  const pick = <T>(items: readonly T[]): T => at(items, random.integer(0, items.length - 1));
  const rank = random.integer(1, 4);
  const shape = Array.from({ length: rank }, () => random.integer(1, 6));
  const axis = random.integer(0, rank - 1);
  const size = at(shape, axis);
  switch (pick(["transpose", "reshape", "slice", "concat", "tile", "expand", "pad", "gather"] as const)) {
    case "transpose": {
      const permutation = shape.map((_, index) => index);
      for (let index = rank - 1; index > 0; index -= 1) {
        const other = random.integer(0, index);
        [permutation[index], permutation[other]] = [at(permutation, other), at(permutation, index)];
      }
      return movementCase("transpose", [shape], { permutation });
    }
    case "reshape":
      return movementCase("reshape", [shape], { shape: randomFactors(random, product(shape)) });
    case "slice": {
      const ends = shape.map((length) => {
        const [one, two] = [random.integer(0, length - 1), random.integer(0, length - 1)];
        const step = random.integer(1, 3);
        return random.uniform() < 0.5
          ? { start: Math.min(one, two), end: Math.max(one, two) + 1, step }
          : { start: Math.max(one, two), end: Math.min(one, two) === 0 ? -100 : Math.min(one, two) - 1, step: -step };
      });
      return movementCase("slice", [shape], {
        starts: ends.map(({ start }) => start),
        ends: ends.map(({ end }) => end),
        axes: shape.map((_, index) => index),
        steps: ends.map(({ step }) => step),
      });
    }
    case "concat": {
      const other = shape.map((length, index) => (index === axis ? random.integer(1, 4) : length));
      return movementCase("concat", [shape, other, shape], { axis });
    }
    case "tile":
      return movementCase("tile", [shape], { repeats: shape.map(() => random.integer(1, 3)) });
    case "expand": {
      const narrow = shape.map((length) => (random.uniform() < 0.4 ? 1 : length));
      return movementCase("expand", [narrow], { shape: [random.integer(1, 2), ...shape] });
    }
    case "pad": {
      const pads = [...shape, ...shape].map(() => random.integer(0, 2));
      return movementCase("pad", [shape], { pads, mode: pick(["constant", "edge"]), value: 0 });
    }
    case "gather": {
      const indexShape = pick<readonly number[]>([[], [3], [2, 2], [5]]);
      const indices = Array.from({ length: product(indexShape) }, () => random.integer(-size, size - 1));
      return movementCase("gather", [shape], { axis, indices, indexShape });
    }
  }
}

function randomFactors(random: Random, count: number): number[] {
  const factors: number[] = [];
  let rest = count;
  while (rest > 1 && factors.length < 3) {
    const options = Array.from({ length: rest }, (_, index) => index + 1).filter((factor) => rest % factor === 0);
    const factor = at(options, random.integer(0, options.length - 1));
    factors.push(factor);
    rest /= factor;
  }
  return [...factors, rest];
}

/** Divides a tensor into equal boxes along some axes, over places in random order; some places hold nothing. */
export function randomSpread(random: Random, shape: readonly number[], elementBytes: number): Spread {
  const parts = shape.map((size) => random.integer(1, Math.min(3, size)));
  const chunks = shape.map((size, axis) => Math.ceil(size / at(parts, axis)));
  let boxes: (Box | null)[] = [[]];
  shape.forEach((size, axis) => {
    const chunk = at(chunks, axis);
    const ranges = Array.from({ length: at(parts, axis) }, (_, part) => ({
      start: Math.min(size, part * chunk),
      end: Math.min(size, (part + 1) * chunk),
    }));
    boxes = boxes.flatMap((box) => ranges.map((range) => [...(box ?? []), range]));
  });
  boxes = [...boxes.map((box) => (box?.some(({ start, end }) => end <= start) ? null : box)), null];
  const order = shape.map((_, axis) => axis);
  for (const list of [order, boxes]) shuffle(random, list as unknown[]);
  return {
    boxes,
    origins: boxes.map((box) => (box ?? []).map(({ start }) => start)),
    layout: denseLayout(order, chunks, elementBytes),
  };
}

/** Widens every box a little, as halos do, clipped to the tensor. */
export function widened(random: Random, spread: Spread, shape: readonly number[], elementBytes: number): Spread {
  const boxes = spread.boxes.map(
    (box) =>
      box?.map(({ start, end }, axis) => ({
        start: Math.max(0, start - random.integer(0, 1)),
        end: Math.min(at(shape, axis), end + random.integer(0, 1)),
      })) ?? null,
  );
  const extents = spread.layout.extents.map((extent) => extent + 2);
  return {
    boxes,
    origins: boxes.map((box) => (box ?? []).map(({ start }) => start - 1)),
    layout: denseLayout(
      spread.layout.order,
      extents.map((extent) => extent + 1),
      elementBytes,
    ),
  };
}

function shuffle<T>(random: Random, list: T[]): void {
  for (let index = list.length - 1; index > 0; index -= 1) {
    const other = random.integer(0, index);
    [list[index], list[other]] = [at(list, other), at(list, index)];
  }
}

/** Calls `visit` with every point of counts. */
export function eachPoint(counts: readonly number[], visit: (point: readonly number[]) => void): void {
  const point = counts.map(() => 0);
  if (product(counts) === 0) return;
  for (;;) {
    visit(point);
    let axis = counts.length - 1;
    while (axis >= 0) {
      point[axis] = at(point, axis) + 1;
      if (at(point, axis) < at(counts, axis)) break;
      point[axis] = 0;
      axis -= 1;
    }
    if (axis < 0) return;
  }
}

/** Σ point·strides. */
export function dot(point: readonly number[], strides: readonly number[]): number {
  return point.reduce((sum, index, axis) => sum + index * at(strides, axis), 0);
}
